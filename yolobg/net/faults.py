"""Why a request came to nothing, in kinds that every client judges alike."""

from __future__ import annotations

import errno
import http.client
import socket
import ssl
from collections.abc import Iterator
from typing import Literal

import urllib3

__all__ = ["HttpFault", "Kind", "chain_of", "connecting_fault", "fault_of", "fault_words"]

Kind = Literal[
    "late", "refused", "unknown name", "reset", "cut", "unreachable", "tls", "untrusted", "proxy", "no socket",
    "nonsense", "redirect", "stopped", "driver",
]  # fmt: skip
_NO_SOCKET = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_LONGEST = 200


class HttpFault(Exception):  # noqa: N818 - an outcome of one request, not an error of the program
    """Why a request came to nothing.

    Attributes:
        kind: `late` (not within the time, name look-up included), `refused`, `unknown name`, `reset`, `cut` (closed
            before the end), `unreachable` (no connection, for another reason), `tls` (a handshake that broke),
            `untrusted` (a certificate that does not hold), `proxy` (it refuses, or cannot be reached), `no socket`
            (this machine has none to spare), `nonsense` (what came is no HTTP), `redirect` (to where nobody may be
            sent), `stopped` (the client was closed), `driver` (an object store's driver
            cannot ask at all: it has no credentials, say).
        detail: What the machine says of it.
        answered: Whether the head of an answer had come, be it that of a redirect.
        connecting: Whether there was no connection yet to whom was asked last.
    """

    def __init__(self, kind: Kind, detail: str, *, answered: bool = False, connecting: bool = False) -> None:
        super().__init__(detail)
        self.kind, self.detail = kind, detail
        self.answered, self.connecting = answered, connecting


def fault_words(error: BaseException) -> str:
    """What an error says, in one line."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text[:_LONGEST]


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


def chain_of(error: BaseException) -> Iterator[BaseException]:
    """The error and what it was raised from, `urllib3`'s habit of wrapping errors as arguments included."""
    cause: BaseException | None = error
    seen = set[int]()
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        inner = next((one for one in cause.args if isinstance(one, BaseException)), None)
        cause = inner or cause.__cause__ or cause.__context__
