"""The one HTTP client: for threads, on `urllib3`; redirects by rule, every request within its time.

Certificates are always checked, proxies are the environment's. Bodies come as they were sent, never unpacked.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from http.client import HTTPException
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urljoin, urlsplit

import urllib3
from requests.utils import get_netrc_auth

from yolobg.net.addresses import is_object, is_private, redirect_fault, shown_url
from yolobg.net.faults import fault_of
from yolobg.net.http_fault import HttpFault
from yolobg.net.names import NameLookup
from yolobg.net.objects import Objects
from yolobg.net.proxies import Proxies, Proxy
from yolobg.net.response import Response, Timing
from yolobg.net.retries import REDIRECT_STATUSES
from yolobg.net.tls import tls_context
from yolobg.net.watch import Call, Watch

__all__ = ["Client"]

# Most images of COCO whole: each piece costs a turn of the interpreter, which all threads share.
_PIECE_BYTES = 1 << 18
_HOSTS = 64
# A redirect's body, read so that its connection can be used again.
_SMALL_BYTES = 1 << 14
_ERRORS = (urllib3.exceptions.HTTPError, HTTPException, OSError, ValueError)

_log = logging.getLogger(__name__)

# The call that this thread is making a connection for.
_here = threading.local()
if TYPE_CHECKING:
    _Base = urllib3.connection.HTTPConnection
else:
    _Base = object


class _Seen(_Base):
    """A connection that the call at work makes, and may cut."""

    def _new_conn(self) -> socket.socket:
        call: Call = _here.call
        made = call.connect(self.host, self.port, self.socket_options)
        if isinstance(self, urllib3.connection.HTTPSConnection):
            call.hold(made, copy=True)
        return made

    def connect(self) -> None:
        super().connect()
        _here.call.hold(self.sock)

    def request(self, *arguments: Any, **options: Any) -> None:
        if self.sock is not None:
            _here.call.hold(self.sock)
        super().request(*arguments, **options)


class _Plain(_Seen, urllib3.connection.HTTPConnection):
    pass


class _Secure(_Seen, urllib3.connection.HTTPSConnection):
    pass


class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Plain


class _SecurePool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _Secure


class _HttpResponse:
    """The head of an answer, and its body, not yet read. For one thread; must be closed.

    Attributes:
        url: Who gave it, redirects followed.
        status: Its status.
        reason: What the server calls that.
        headers: Its headers, names in any case.
    """

    def __init__(
        self, response: urllib3.BaseHTTPResponse, url: str, call: Call, watch: Watch, timing: Timing, began: float
    ) -> None:
        self.url, self.status, self.reason = url, response.status, response.reason or ""
        self.headers: Mapping[str, str] = response.headers
        self._response, self._call, self._watch, self._timing = response, call, watch, timing
        self._ends = began + timing.total_s

    @property
    def length(self) -> int | None:
        """How many bytes its body has, where the head says so."""
        text = self.headers.get("Content-Length", "")
        # As many digits as a size can have: longer ones are nonsense that costs time to read.
        return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None  # noqa: PLR2004

    def pieces(self) -> Iterator[bytes]:
        """The body as it arrives.

        Raises:
            HttpFault: It broke off, fell silent, or comes too slowly; what was yielded is good.
        """
        timing, call = self._timing, self._call
        least = max(timing.slow_bytes_per_s, (self.length or 0) / timing.total_s)
        since, arrived = time.monotonic(), 0
        while True:
            call.deadline = min(self._ends, time.monotonic() + 2 * timing.read_s)
            with _told(call, self._watch):
                piece = self._response.read1(_PIECE_BYTES, decode_content=False)
                if call.late:  # a body without a length ends with its connection, whoever ends that
                    raise TimeoutError
            if not piece:
                self._watch.forget(call)  # the connection may be another call's by now
                return
            yield piece
            arrived += len(piece)
            elapsed = time.monotonic() - since
            if elapsed > timing.slow_after_s:
                if arrived < elapsed * least:
                    said = f"only {arrived / elapsed:.0f} bytes per second where {least:.0f} are needed"
                    raise HttpFault("late", said, answered=True)
                since, arrived = time.monotonic(), 0

    def close(self) -> None:
        """Give the connection back, where all was read; else end it."""
        self._watch.forget(self._call)
        self._response.close()


class Client:
    """Sends requests for any number of threads; certificates are read when the first needs them.

    Args:
        connections: How many are kept open to each host.
        headers: Sent with each request.
    """

    def __init__(self, *, connections: int, headers: Mapping[str, str]) -> None:
        # Without "identity" a server may pack the body, and then offsets and lengths mean something else.
        self._headers = {"Accept-Encoding": "identity", **headers}
        self._connections = connections
        self._watch, self._names, self._proxies = Watch(), NameLookup(), Proxies()
        self._objects = Objects()
        self._lock = threading.Lock()
        self._managers: dict[tuple[str, bool, bool], urllib3.PoolManager] = {}
        self._tls: ssl.SSLContext | None = None
        self._netrc: dict[str, tuple[str, str] | None] = {}

    def open(self, url: str, headers: Mapping[str, str], *, timing: Timing, redirects: int) -> Response:
        """Send a request and read the head of its answer, following redirects that lead to no worse a place.

        Args:
            url: Whom to ask; may hold a user name and password. What an object store has is read by its driver.
            headers: Sent along, to redirect targets too.
            timing: Its bounds.
            redirects: How many are followed.

        Raises:
            HttpFault: No answer came of it.
            UsageError: The environment names a proxy or certificates that cannot be used.
            YolobgError: This machine has no thread to watch it.
        """
        if is_object(url):
            return self._objects.open(url, headers, timing=timing)
        began = time.monotonic()
        call = Call(self._names, connect_s=timing.connect_s)
        call.deadline = began + timing.connect_s + timing.read_s
        self._watch.add(call)
        try:
            response, target = self._follow(call, url, {**self._headers, **headers}, timing, redirects)
        except BaseException as error:
            self._watch.forget(call)
            _log.debug("%s: %s", shown_url(url), error)
            raise
        _log.debug("%s: status %d", shown_url(target), response.status)
        return _HttpResponse(response, target, call, self._watch, timing, began)

    def close(self) -> None:
        """End all requests, those under way in other threads too, and all connections."""
        self._objects.close()
        self._watch.close()
        self._names.close()
        with self._lock:
            for manager in self._managers.values():
                manager.clear()

    def _follow(
        self, call: Call, url: str, headers: Mapping[str, str], timing: Timing, redirects: int
    ) -> tuple[urllib3.BaseHTTPResponse, str]:
        target = url
        for _ in range(redirects + 1):
            with _told(call, self._watch):
                response = self._send(call, url, target, headers, timing)
                call.answered = True
                if response.status not in REDIRECT_STATUSES:
                    return response, target
                _finish(response)
                target = urljoin(target, response.headers.get("Location", ""))
                fault = redirect_fault(url, target)
            if fault is not None:
                raise HttpFault("redirect", fault, answered=True)
            call.deadline = time.monotonic() + timing.connect_s + timing.read_s
        raise HttpFault("redirect", f"more than {redirects} redirects", answered=True)

    def _send(
        self, call: Call, first: str, url: str, headers: Mapping[str, str], timing: Timing
    ) -> urllib3.BaseHTTPResponse:
        parts, was = urlsplit(url), urlsplit(first).hostname or ""
        proxy = self._proxies.of(url)
        call.proxied = proxy is not None
        # A public name may still stand for a private address; a proxy has its own view of what names stand for.
        call.only_public = not (call.proxied or parts.hostname == was or is_private(was))
        manager = self._manager(proxy, only_public=call.only_public, secure=parts.scheme == "https")
        _here.call = call
        return manager.request(
            "GET", parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl(),
            headers={**headers, **self._login(url)}, redirect=False, retries=False, preload_content=False,
            timeout=urllib3.Timeout(connect=timing.connect_s, read=timing.read_s),
        )  # fmt: skip

    def _manager(self, proxy: Proxy | None, *, only_public: bool, secure: bool) -> urllib3.PoolManager:
        """The pools to use; connections that were made under another rule are never used again under this one."""
        address, login = proxy or ("", {})
        secure = secure or address.startswith("https:")
        key = (address, only_public, secure)
        with self._lock:
            made = self._managers.get(key)
            if made is None:
                if secure:
                    self._tls = self._tls or tls_context()
                pools: dict[str, Any] = {"num_pools": _HOSTS, "maxsize": self._connections}
                pools["ssl_context"] = self._tls if secure else None
                if address:
                    made = urllib3.ProxyManager(
                        address, proxy_headers=login, proxy_ssl_context=pools["ssl_context"], **pools
                    )
                else:
                    made = urllib3.PoolManager(**pools)
                made.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}
                self._managers[key] = made
            return made

    def _login(self, url: str) -> dict[str, str]:
        """What a URL's user name and password, or `.netrc`, make of it for a header."""
        parts = urlsplit(url)
        if parts.username is not None:
            user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            return dict(urllib3.make_headers(basic_auth=user))
        if parts.netloc not in self._netrc:
            self._netrc[parts.netloc] = get_netrc_auth(url)
        known = self._netrc[parts.netloc]
        return dict(urllib3.make_headers(basic_auth=":".join(known))) if known else {}


def _finish(response: urllib3.BaseHTTPResponse) -> None:
    """Read a small body, so that its connection can be used again; else end it."""
    with contextlib.suppress(*_ERRORS):
        if int(response.headers.get("Content-Length", _SMALL_BYTES)) < _SMALL_BYTES:
            response.read(decode_content=False)
    response.close()


@contextlib.contextmanager
def _told(call: Call, watch: Watch) -> Iterator[None]:
    """Turn whatever goes wrong with a call into a fault."""
    try:
        yield
    except (HttpFault, *_ERRORS) as error:
        fault = fault_of(error)
        fault.answered = call.answered
        if watch.ended:
            fault.kind = "stopped"
        elif call.late or fault.kind == "late":
            fault.kind, fault.detail = "late", "no complete answer in time"
        elif call.proxied and fault.connecting and fault.kind in ("refused", "unreachable", "unknown name"):
            fault.kind = "proxy"
        raise fault from error
