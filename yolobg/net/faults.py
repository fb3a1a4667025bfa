"""Why a request came to nothing, in kinds that every client judges alike."""

from __future__ import annotations

import errno
import http.client
import socket
import ssl

import urllib3

from yolobg.net.http_fault import HttpFault, Kind, chain_of, fault_words

__all__ = ["connecting_fault", "fault_of"]

_NO_SOCKET = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


def connecting_fault(error: OSError, place: str) -> HttpFault:
    """Why there is no connection to a place."""
    kind: Kind = "unreachable"
    if error.errno in _NO_SOCKET:
        kind = "no socket"
    elif isinstance(error, TimeoutError):
        kind = "late"
    elif isinstance(error, ConnectionRefusedError):
        kind = "refused"
    elif isinstance(error, socket.gaierror):
        kind = "unknown name"
    return HttpFault(kind, f"{place}: {fault_words(error)}", connecting=True)


def fault_of(error: BaseException) -> HttpFault:
    """Whatever `urllib3`, `http.client`, `ssl` or `socket` raised, as a fault."""
    causes = list(chain_of(error))
    for cause in causes:
        if isinstance(cause, HttpFault):
            return cause
        if isinstance(cause, ssl.SSLCertVerificationError):
            return HttpFault("untrusted", cause.verify_message or fault_words(cause), connecting=True)
    for cause in causes:
        kind = _kind_of(cause)
        if kind is not None:
            return HttpFault(kind, fault_words(causes[-1]), connecting=kind in ("tls", "proxy", "no socket"))
    return HttpFault("nonsense", fault_words(causes[-1]))


def _kind_of(error: BaseException) -> Kind | None:
    kinds: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], Kind], ...] = (
        (urllib3.exceptions.ProxyError, "proxy"),
        ((TimeoutError, urllib3.exceptions.TimeoutError), "late"),
        ((http.client.RemoteDisconnected, http.client.IncompleteRead, urllib3.exceptions.IncompleteRead), "cut"),
        ((ssl.SSLEOFError, ssl.SSLZeroReturnError), "tls"),
        (ConnectionResetError, "reset"),
        ((ssl.SSLError, urllib3.exceptions.SSLError), "tls"),
        ((http.client.HTTPException, urllib3.exceptions.InvalidHeader, ValueError), "nonsense"),
    )
    for types, kind in kinds:
        if isinstance(error, types):
            return kind
    if isinstance(error, OSError):
        return "no socket" if error.errno in _NO_SOCKET else "reset"
    return None
