"""One request for one image: the answer judged, the body streamed to staging.

Every way it can go wrong is a `Fault`.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ssl
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import TypeVar
from urllib.parse import urljoin

import aiohttp
from yarl import URL

from yolobg.images.hosts import Fault, Host
from yolobg.images.jpeg_png import BadImageError
from yolobg.images.limits import Limits
from yolobg.images.session import Proxies
from yolobg.images.staging import BodyInfo, EtagMismatchError, Incoming
from yolobg.model import ImageRecord, Staged
from yolobg.net.addresses import image_url, is_private, redirect_fault, shown_url
from yolobg.net.retries import REDIRECT_STATUSES, TRANSIENT_STATUSES, retry_after_s
from yolobg.safe_names import safe_parts

__all__ = ["Requester"]

T = TypeVar("T")

# What file servers send for images; S3 says binary/octet-stream for files stored without a type.
_TYPES = ("image/", "application/octet-stream", "binary/octet-stream", "application/x-download", "multipart/form-data")
_SPILL_BYTES = 1 << 20
_TWICE, _ODD_IMAGES = 2, 3
_NO_SOCKET = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Requester:
    """Makes requests on a session and hands bodies to worker threads. For one event loop."""

    def __init__(self, session: aiohttp.ClientSession, staging: Path, workers: Executor, limits: Limits) -> None:
        self._session, self._staging, self._workers, self._limits = session, staging, workers, limits
        self._proxies = Proxies()

    async def get(self, host: Host, record: ImageRecord, *, seen: Counter[str]) -> Staged:
        """Fetch an image from a host into staging.

        Args:
            host: Whom to ask.
            record: What for.
            seen: SHA-256 of contents whose ETag did not fit, and how often, in tries for this image; added to.

        Raises:
            Fault: No image came of it.
            DownloadError: Staging cannot be written.
        """
        answered = False

        def note(status: int) -> None:
            nonlocal answered
            answered = True
            host.last = f"status {status}"

        try:
            return await self._follow(host, record, seen, note)
        except aiohttp.ClientError as error:
            raise _client_fault(error, answered=answered) from error
        except asyncio.TimeoutError:
            raise Fault("slow", "no complete answer in time") from None
        except (OSError, ValueError) as error:
            raise Fault("bad" if answered else "connection", _words(error)) from error

    async def _follow(self, host: Host, record: ImageRecord, seen: Counter[str], note: Callable[[int], None]) -> Staged:
        parts = safe_parts(record.file_name)
        if parts is None:
            raise Fault("gone", "its file name is not safe to use")
        first = url = image_url(host.base, parts)
        for _ in range(self._limits.redirects + 1):
            async with self._open(url, is_probe=host.probing) as response:
                note(response.status)
                if response.status not in REDIRECT_STATUSES:
                    answer = self._judge(response, url)
                    return await self._receive(host, record, response, answer, seen)
                target = urljoin(url, response.headers.get("Location", ""))
            await self._check_redirect(first, target)
            url = target
        raise Fault("gone", f"more than {self._limits.redirects} redirects")

    @contextlib.asynccontextmanager
    async def _open(self, url: str, *, is_probe: bool) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a request and read the head of its answer, which must be there in time: a drip counts as silence."""
        proxy, headers = self._proxies.of(url) or (None, None)
        limits = self._limits
        read_s = limits.probe_s if is_probe else limits.read_s
        timeout = aiohttp.ClientTimeout(
            total=limits.probe_attempt_s if is_probe else limits.attempt_s,
            sock_connect=limits.probe_s if is_probe else limits.connect_s,
            sock_read=read_s,
            ceil_threshold=1e9,
        )
        asked = self._session.get(
            URL(url, encoded=True), allow_redirects=False, proxy=proxy, proxy_headers=headers, timeout=timeout
        )
        async with await asyncio.wait_for(asked, (timeout.sock_connect or 0.0) + read_s) as response:
            yield response

    async def _check_redirect(self, first: str, target: str) -> None:
        fault = redirect_fault(first, target)
        if fault is not None:
            raise Fault("gone", fault)
        host, was = URL(target).host or "", URL(first).host or ""
        if host == was or is_private(was) or self._proxies.of(target) is not None:
            return
        # A public name may still stand for a private address.
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, None)
        except OSError as error:
            raise Fault("bad", f"it redirects to {host}, which cannot be reached: {_words(error)}") from error
        if any(is_private(str(entry[4][0])) for entry in found):
            raise Fault("gone", f"it redirects into a private network ({host})")

    def _judge(self, response: aiohttp.ClientResponse, url: str) -> BodyInfo:
        """What the headers promise; a Fault when they already show that it is not the image."""
        status, headers = response.status, response.headers
        if status in TRANSIENT_STATUSES or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            wait = retry_after_s(headers.get("Retry-After"), cap_s=self._limits.backoff_cap_s)
            raise Fault("busy", f"status {status}", retry_after_s=wait)
        if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
            raise Fault("connection", f"the proxy refuses: status {status}")
        if status != HTTPStatus.OK:
            raise Fault("gone" if status >= HTTPStatus.BAD_REQUEST else "bad", f"status {status}")
        kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind and not kind.startswith(_TYPES):
            raise Fault("bad", f"the answer is {kind[:60]}, not an image")
        length = response.content_length
        if length is not None and length > self._limits.image_bytes:
            raise Fault("gone", f"{length:,} bytes, more than the {self._limits.image_bytes:,} allowed")
        if length == 0:
            raise Fault("bad", "the answer is empty")
        # Of objects under a key of one's own, S3's ETag looks like an MD5 and is none.
        keyed = headers.get("x-amz-server-side-encryption", "").startswith("aws:kms") or (
            "x-amz-server-side-encryption-customer-algorithm" in headers
        )
        return BodyInfo(
            shown_url(url),
            "" if keyed else headers.get("ETag", ""),
            headers.get("Content-Encoding", "").strip().lower(),
        )

    async def _receive(
        self, host: Host, record: ImageRecord, response: aiohttp.ClientResponse, answer: BodyInfo, seen: Counter[str]
    ) -> Staged:
        limit = self._limits.image_bytes
        incoming = None
        try:
            incoming = Incoming(self._staging, record, answer, limit_bytes=limit)
            rest = await self._stream(response, incoming)
            known = self._known(host, seen)
            staged, proven = await self._in_worker(partial(incoming.finish, rest, known=known))
        except EtagMismatchError as error:
            seen[error.sha256] += 1
            host.etag_repeats += seen[error.sha256] == _TWICE
            raise Fault("bad", str(error)) from error
        except BadImageError as error:
            raise Fault("bad", str(error)) from error
        else:
            host.etag_fits += proven
            return staged
        finally:
            if incoming is not None:
                incoming.discard()

    def _known(self, host: Host, seen: Counter[str]) -> frozenset[str]:
        """Contents to take although their ETag does not fit, since this host's ETags look like MD5s and are none.

        They never fitted, and several images came with the same content twice, or this one came so time and again:
        damage that repeats itself for one image (a bad copy in a cache) is no sign of that.
        """
        if host.etag_fits:
            return frozenset()
        often = 1 if host.etag_repeats >= _ODD_IMAGES else self._limits.tries - _TWICE
        return frozenset(content for content, times in seen.items() if times >= often)

    async def _stream(self, response: aiohttp.ClientResponse, incoming: Incoming) -> bytearray:
        """Pass a body on in large pieces; returns the last one."""
        began, size = time.monotonic(), 0
        rest = bytearray()
        async for piece in response.content.iter_any():
            rest += piece
            size += len(piece)
            if size > self._limits.image_bytes:
                raise Fault("gone", f"more than the {self._limits.image_bytes:,} bytes allowed")
            self._check_speed(size, response.content_length, time.monotonic() - began)
            if len(rest) >= _SPILL_BYTES:
                whole, rest = rest, bytearray()
                await self._in_worker(partial(incoming.add, whole))
        return rest

    def _check_speed(self, size: int, length: int | None, elapsed_s: float) -> None:
        """Give up a body that cannot be whole in time: a drip must not be waited for until the time is up."""
        limits = self._limits
        if elapsed_s <= limits.slow_after_s:
            return
        least = max(limits.slow_bytes_per_s, (length or 0) / limits.attempt_s)
        if size < elapsed_s * least:
            raise Fault("slow", f"only {size / elapsed_s:.0f} bytes per second where {least:.0f} are needed")

    async def _in_worker(self, work: Callable[[], T]) -> T:
        """Run blocking work in a worker thread to its end, even when cancelled meanwhile: it has a file open."""
        begun = self._workers.submit(work)
        try:
            return await asyncio.wrap_future(begun)
        except asyncio.CancelledError:
            if not begun.cancelled():
                await asyncio.gather(asyncio.wrap_future(begun), return_exceptions=True)
            raise


def _client_fault(error: aiohttp.ClientError, *, answered: bool) -> Fault:
    if isinstance(error, aiohttp.ServerTimeoutError):
        return Fault("slow", "no complete answer in time" if answered else "no answer in time")
    if isinstance(error, aiohttp.ClientOSError) and error.errno in _NO_SOCKET:
        return Fault("local", f"this machine is out of sockets: {_words(error)}")
    if isinstance(error, aiohttp.ClientProxyConnectionError | aiohttp.ClientHttpProxyError):
        return Fault("connection", f"the proxy cannot be reached or refuses: {_words(error)}")
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ClientConnectorCertificateError):
        return _connection_fault(error, answered=answered)
    nonsense = isinstance(error, aiohttp.ClientPayloadError | aiohttp.ClientResponseError | aiohttp.InvalidURL)
    if answered or nonsense:
        return Fault("bad", f"the answer was cut off or damaged: {_words(error)}")
    return Fault("connection", _words(error))


def _connection_fault(error: aiohttp.ClientError, *, answered: bool) -> Fault:
    """No connection came about; once a host has answered, the host that it redirects to cannot be reached."""
    words = _tls_words(error) if isinstance(error, aiohttp.ClientSSLError) else _words(error)
    if answered:
        return Fault("bad", f"it redirects to a host that cannot be reached: {words}")
    # A handshake that breaks says nothing about the certificate: it may be the network's doing.
    is_untrusted = isinstance(error, aiohttp.ClientConnectorCertificateError)
    return Fault("untrusted" if is_untrusted else "connection", words)


def _tls_words(error: Exception) -> str:
    cause: BaseException | None = getattr(error, "certificate_error", None) or error.__cause__ or error
    said = getattr(cause, "verify_message", "") or _words(cause if isinstance(cause, Exception) else error)
    hint = "check this machine's clock, or name your CA in SSL_CERT_FILE or REQUESTS_CA_BUNDLE"
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {said} ({hint})"
    return f"no secure connection: {said} ({hint})"


def _words(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text[:200]
