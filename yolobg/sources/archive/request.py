"""One request for bytes of a remote file: the head within a time limit, redirects by rule, the answer judged.

`requests` is used because it honours proxies and CA settings from the environment. Certificates are always checked.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from requests.utils import get_environ_proxies

from yolobg.errors import DownloadError
from yolobg.net.addresses import is_private, redirect_fault, shown_url
from yolobg.net.retries import REDIRECT_STATUSES, TRANSIENT_STATUSES, retry_after_s
from yolobg.threads import start_thread

__all__ = [
    "FIRST_WAIT_S",
    "MAX_WAIT_S",
    "GoneError",
    "LateError",
    "RefusedError",
    "ResponseHead",
    "TransientError",
    "TrustingAdapter",
    "reason_of",
    "send",
]

FIRST_WAIT_S, MAX_WAIT_S = 0.6, 20.0
REDIRECTS = 5

_UNTRUSTED = ("CERTIFICATE_VERIFY_FAILED", "CertificateError")
# As many digits as a size can have: longer ones are nonsense that costs time to read.
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})")
_LENGTH = re.compile(r"[0-9]{1,18}")


class TransientError(Exception):
    """A failure that another try, or another host, may not have.

    Attributes:
        wait_s: What the server asked for.
        answered: Whether there was an answer at all.
    """

    def __init__(self, message: str, wait_s: float = 0.0, *, answered: bool = True) -> None:
        super().__init__(message)
        self.wait_s = wait_s
        self.answered = answered


class RefusedError(Exception):
    """An answer that must not be used, and that asking again would not change: a certificate, a redirect."""


class LateError(Exception):
    """No whole head in time; a thread still waits for it, with the session."""


class GoneError(DownloadError):
    """Every host refuses: there is no such file (S3 says 403 or 404), or access is denied."""


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """The head of an answer.

    Attributes:
        url: Who was asked.
        status: 200 (the whole file), 206 (the range) or 304.
        start: Offset of the body's first byte in the file.
        total: Size of the whole file in bytes; None where the server does not say.
        validators: `ETag` and `Last-Modified` as sent.
        response: The body, not yet read; the caller closes it.
    """

    url: str
    status: int
    start: int
    total: int | None
    validators: Mapping[str, str]
    response: requests.Response


def send(
    session: requests.Session, url: str, headers: Mapping[str, str], *, timeout: tuple[float, float], head_s: float
) -> ResponseHead:
    """Send a request and read the head of its answer, following redirects that lead to no worse a place.

    Args:
        session: Used by nobody else meanwhile; of no use any more after a `LateError`.
        url: Whom to ask.
        headers: Sent along, to redirect targets too.
        timeout: Seconds for a connection, and for each piece of the answer.
        head_s: Seconds for the whole head, name look-up included.

    Raises:
        TransientError: No answer that can be used, this time.
        RefusedError: One that must not be used.
        GoneError: The host does not have the file, or does not give it.
        LateError: No head within `head_s`.
    """
    target = url
    try:
        for _ in range(REDIRECTS + 1):
            response = _head(session, target, headers, timeout, head_s)
            try:
                onward = _onward(url, target, response)
                if onward is None:
                    return _read_head(url, response, headers)
            except BaseException:
                response.close()
                raise
            response.close()
            target = onward
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        if any(sign in str(error) for sign in _UNTRUSTED):
            raise RefusedError(reason_of(error)) from error
        raise TransientError(reason_of(error), answered=False) from error
    raise RefusedError(f"more than {REDIRECTS} redirects")


def _head(
    session: requests.Session, url: str, headers: Mapping[str, str], timeout: tuple[float, float], head_s: float
) -> requests.Response:
    # Without "identity" a server may gzip the body, and then offsets and lengths mean something else.
    asked = {"Accept-Encoding": "identity", **headers}
    return _within(head_s, lambda: session.get(url, headers=asked, stream=True, timeout=timeout, allow_redirects=False))


def _within(seconds: float, work: Callable[[], requests.Response]) -> requests.Response:
    """Do blocking work in a thread of its own: time limits of sockets start again with every byte that drips in.

    Raises:
        LateError: It takes longer; it is left to itself then.
    """
    future: Future[requests.Response] = Future()

    def run() -> None:
        try:
            response = work()
        except BaseException as error:  # noqa: BLE001  # raised by whoever waits
            if future.set_running_or_notify_cancel():
                future.set_exception(error)
            return
        if future.set_running_or_notify_cancel():
            future.set_result(response)
        else:
            response.close()

    start_thread(run, name="yolobg-request")
    try:
        return future.result(seconds)
    except FutureTimeoutError:
        if future.cancel():
            raise LateError from None
        return future.result()
    except BaseException:
        future.cancel()
        raise


def _onward(first: str, url: str, response: requests.Response) -> str | None:
    """Where an answer redirects to, None when it does not.

    Raises:
        RefusedError: To somewhere that must not be asked.
    """
    if response.status_code not in REDIRECT_STATUSES:
        return None
    target = urljoin(url, response.headers.get("Location", ""))
    fault = redirect_fault(first, target) or _leads_inside(first, target)
    if fault:
        raise RefusedError(fault)
    return target


def _leads_inside(first: str, target: str) -> str | None:
    """Why a redirect by name must not be followed: a public name may still stand for a private address."""
    was, host = urlsplit(first).hostname or "", urlsplit(target).hostname or ""
    if host == was or is_private(was) or get_environ_proxies(target):
        return None
    found = socket.getaddrinfo(host, None)
    inside = any(is_private(str(entry[4][0])) for entry in found)
    return f"it redirects into a private network ({host})" if inside else None


def _read_head(url: str, response: requests.Response, headers: Mapping[str, str]) -> ResponseHead:
    status, said = response.status_code, response.headers
    if status in TRANSIENT_STATUSES:
        wait_s = retry_after_s(said.get("Retry-After"), cap_s=MAX_WAIT_S)
        raise TransientError(f"HTTP {status} {response.reason or ''}".strip(), wait_s or 0.0)
    if status not in (200, 206, 304):
        raise GoneError(f"HTTP {status} {response.reason or ''}".strip())
    if (
        status != requests.codes.not_modified
        and said.get("Content-Type", "").partition(";")[0].strip().lower() == "text/html"
    ):
        raise TransientError(f"HTTP {status} with a web page where the file was expected (of a login, or a proxy?)")
    validators = {name: said[name] for name in ("ETag", "Last-Modified") if name in said}
    if status == requests.codes.partial_content:
        start, total = _parse_content_range(said.get("Content-Range", ""), headers.get("Range", ""))
        return ResponseHead(url, status, start, total, validators, response)
    length = _LENGTH.fullmatch(said.get("Content-Length", ""))
    total_said = int(length[0]) if length else None
    if status == requests.codes.ok and total_said == 0:
        raise TransientError(f"HTTP {status} with an empty body")
    return ResponseHead(url, status, 0, total_said, validators, response)


def _parse_content_range(said: str, asked: str) -> tuple[int, int]:
    """The first byte's place, and the size of the whole.

    Raises:
        TransientError: It is nonsense, or about other bytes than asked for.
    """
    match = _CONTENT_RANGE.fullmatch(said)
    if not match:
        raise TransientError(f"HTTP 206 with Content-Range {said[:80]!r}")
    start, stop, total = int(match[1]), int(match[2]) + 1, int(match[3])
    wanted = re.match(r"bytes=(\d+)-", asked)
    if wanted and int(wanted[1]) != start:
        raise TransientError(f"HTTP 206 from byte {start} where byte {wanted[1]} was requested")
    if not start < stop <= total:
        raise TransientError(f"HTTP 206 with bytes {start} to {stop} of {total}, which is impossible")
    return start, total


def reason_of(error: BaseException) -> str:
    """What went wrong with a request, in a few words for a person."""
    text = str(error)
    if any(sign in text for sign in _UNTRUSTED):
        return f"its certificate is not valid{_why_not_valid(text)}"
    if any(isinstance(cause, socket.gaierror) for cause in _causes(error)):
        return "host name not found"
    for known, said in (
        ("Connection refused", "connection refused"),
        ("timed out", "no answer within the time limit"),
        ("IncompleteRead", "the connection was cut"),
        ("reset", "the connection was reset"),
    ):
        if known in text:
            return said
    return f"{type(error).__name__}: {shown_url(text)[:200]}"


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _why_not_valid(text: str) -> str:
    match = re.search(r"(?:verify failed: |CertificateError\(.)([^()]{1,120})", text)
    return f" ({match[1].strip()})" if match else ""


class TrustingAdapter(requests.adapters.HTTPAdapter):
    """Trusts whom the images' client trusts: `requests` alone knows neither `SSL_CERT_FILE` nor the system's."""

    def __init__(self, context: Callable[[], ssl.SSLContext]) -> None:
        self._make_context = context
        self._context: ssl.SSLContext | None = None
        super().__init__()

    def send(self, request: requests.PreparedRequest, *arguments: Any, **options: Any) -> requests.Response:
        """Send a request; the first one reads the certificates, which those who need none do not wait for."""
        if self._context is None:
            self._context = self._make_context()
            if not hasattr(urllib3, "BaseHTTPResponse"):
                # urllib3 1 names no host to OpenSSL where it is an IP address, and always compares the names itself.
                self._context.check_hostname = False
            self.init_poolmanager(requests.adapters.DEFAULT_POOLSIZE, requests.adapters.DEFAULT_POOLSIZE)
        return super().send(request, *arguments, **options)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Make the pools of connections."""
        super().init_poolmanager(*arguments, **options, ssl_context=self._context)

    def proxy_manager_for(self, *arguments: Any, **options: Any) -> Any:
        """Make those that go through a proxy."""
        return super().proxy_manager_for(*arguments, **options, ssl_context=self._context)
