"""Object stores (`s3://`, `gs://`, `az://`) through fsspec and the user's driver, with answers like those of HTTP.

So retries, fail-over, ranges and checks are the same for both. Credentials, endpoints and proxies are the driver's own.
"""

from __future__ import annotations

import base64
import errno
import queue
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Any

from yolobg.errors import UsageError
from yolobg.net.addresses import OBJECT_STORES, object_scheme, shown_url
from yolobg.net.http_fault import HttpFault, chain_of, fault_words
from yolobg.net.response import Timing
from yolobg.threads import start_thread

__all__ = ["ObjectResponse", "Objects", "check_driver"]

# Most images come whole in one request.
_PIECE_BYTES = 1 << 19
# Nothing is seen of a piece until it is whole, so that it must be faster than the slowest stream.
_FASTER = 8
_LOOK_S = 0.2
_RANGE = re.compile(r"bytes=([0-9]*)-([0-9]*)")
_ERRNO = {errno.EBUSY: HTTPStatus.SERVICE_UNAVAILABLE, errno.EIO: HTTPStatus.INTERNAL_SERVER_ERROR}
_CHANGED = ("LastModified", "last_modified", "updated", "mtime", "created")


def check_driver(url: str) -> None:
    """Make sure that there is a driver for an address of an object store.

    Raises:
        UsageError: fsspec or the driver is missing; says which to install.
    """
    scheme = object_scheme(url)
    driver = OBJECT_STORES[scheme]
    missing, said = f"fsspec {driver}", ""
    try:
        import fsspec  # noqa: PLC0415 - the user's own, and only needed for such addresses

        missing = driver
        fsspec.get_filesystem_class(scheme)
    except (ImportError, ValueError) as error:
        said = fault_words(error)
    if said:
        raise UsageError(
            f"{shown_url(url)}: {scheme}:// addresses are read with fsspec and {driver}, which cannot be loaded here "
            f"({said}); install what is missing: pip install {missing}"
        )


class ObjectResponse:
    """What a store says of an object, and its content or a range of it, not yet read.

    Attributes:
        url: The object.
        status: 200, 206 for a range, 304 where it is the one known already, 404 and the like where it cannot be had.
        reason: What the driver says where it cannot.
        headers: Its size, MD5 or version, and date.
    """

    def __init__(
        self, url: str, status: int, reason: str, headers: Mapping[str, str], read: Callable[[], Iterator[bytes]]
    ) -> None:
        self.url, self.status, self.reason, self.headers = url, status, reason, headers
        self._read = read

    @property
    def length(self) -> int | None:
        """How many bytes are to be read."""
        said = self.headers.get("Content-Length")
        return None if said is None else int(said)

    def pieces(self) -> Iterator[bytes]:
        """The content as it arrives.

        Raises:
            HttpFault: It broke off, or comes too slowly; what was yielded is good.
        """
        return self._read()

    def close(self) -> None:
        """Nothing is held."""


class Objects:
    """Reads objects, for any number of threads."""

    def __init__(self) -> None:
        self._systems: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._ended = threading.Event()

    def open(self, url: str, headers: Mapping[str, str], *, timing: Timing) -> ObjectResponse:
        """Ask for an object, or for the part of it that a `Range` header names.

        Raises:
            HttpFault: No answer came of it.
            YolobgError: This machine has no thread for it.
        """
        ends = time.monotonic() + timing.total_s
        scheme, path = object_scheme(url), url.partition("://")[2]
        try:
            info = self._call(timing.connect_s + timing.read_s, lambda: self._system(scheme).info(path))
        except HttpFault:
            raise
        except Exception as error:  # a driver may raise anything
            status = _status_of(error)
            if status is None:
                raise _fault_of(error) from error
            return ObjectResponse(url, status, _without_secrets(fault_words(error)), {}, lambda: iter(()))
        if info.get("type") == "directory" or not isinstance(info.get("size"), int):
            return ObjectResponse(url, HTTPStatus.NOT_FOUND, "a folder, no object", {}, lambda: iter(()))
        said = _validators(info)
        if said and (
            said.get("ETag") == headers.get("If-None-Match", "-")
            or (said.get("Last-Modified") == headers.get("If-Modified-Since", "-"))
        ):
            return ObjectResponse(url, HTTPStatus.NOT_MODIFIED, "", said, lambda: iter(()))
        start, stop, ranged = _range_of(headers.get("Range", ""), info["size"])
        said["Content-Length"] = str(stop - start)
        if ranged:
            said["Content-Range"] = f"bytes {start}-{stop - 1}/{info['size']}"

        def read() -> Iterator[bytes]:
            return self._pieces(scheme, path, start, stop, timing, ends)

        return ObjectResponse(url, HTTPStatus.PARTIAL_CONTENT if ranged else HTTPStatus.OK, "", said, read)

    def close(self) -> None:
        """End all waiting, in other threads too."""
        self._ended.set()

    def _pieces(self, scheme: str, path: str, start: int, stop: int, timing: Timing, ends: float) -> Iterator[bytes]:
        system = self._system(scheme)
        for at in range(start, stop, _PIECE_BYTES):
            end = min(at + _PIECE_BYTES, stop)
            most_s = timing.connect_s + timing.read_s + (end - at) / (_FASTER * timing.slow_bytes_per_s)

            def read(at: int = at, end: int = end) -> bytes:
                return bytes(system.cat_file(path, start=at, end=end))

            try:
                piece = self._call(min(most_s, ends - time.monotonic()), read)
            except HttpFault as fault:
                fault.answered = True
                raise
            except Exception as error:  # a driver may raise anything
                raise HttpFault("cut", _without_secrets(fault_words(error)), answered=True) from error
            if len(piece) != end - at:
                raise HttpFault("cut", f"{len(piece)} bytes where {end - at} were expected", answered=True)
            yield piece

    def _system(self, scheme: str) -> Any:
        with self._lock:
            if scheme not in self._systems:
                import fsspec  # noqa: PLC0415 - see `check_driver`

                # fsspec keeps one for each thread; ours share one, and with it its connections.
                self._systems[scheme] = fsspec.filesystem(scheme)
            return self._systems[scheme]

    def _call(self, most_s: float, work: Callable[[], Any]) -> Any:
        """What `work` returns or raises, in a thread that is left behind where it takes too long."""
        box: queue.SimpleQueue[tuple[Any, Exception | None]] = queue.SimpleQueue()

        def run() -> None:
            try:
                box.put((work(), None))
            except Exception as error:  # noqa: BLE001 - raised again by the caller's thread
                box.put((None, error))

        start_thread(run, name="yolobg-object")
        until = time.monotonic() + most_s
        while True:
            try:
                value, error = box.get(timeout=max(0.0, min(_LOOK_S, until - time.monotonic())))
            except queue.Empty:
                if self._ended.is_set():
                    raise HttpFault("stopped", "the client was closed") from None
                if time.monotonic() >= until:
                    raise HttpFault("late", "no complete answer in time") from None
                continue
            if error is not None:
                raise error
            return value


def _range_of(header: str, size: int) -> tuple[int, int, bool]:
    """Start, stop and whether a `Range` header asks for part of `size` bytes."""
    match = _RANGE.fullmatch(header)
    if not match or not size:
        return 0, size, False
    first, last = match.groups()
    if not first:
        return max(0, size - int(last or 0)), size, True
    start = int(first)
    return (start, min(size, int(last) + 1 if last else size), True) if start < size else (0, size, False)


def _validators(info: Mapping[str, Any]) -> dict[str, str]:
    """What tells one version of an object from another; the MD5 where the store knows it, as S3's ETag has it."""
    said = {}
    if md5 := _md5_of(info):
        said["ETag"] = f'"{md5}"'
    elif etag := info.get("ETag") or info.get("etag"):
        said["ETag"] = f'"{str(etag).strip(chr(34))}"'
    changed = next((info[name] for name in _CHANGED if info.get(name)), None)
    if changed is not None:
        said["Last-Modified"] = str(changed)
    return said


def _md5_of(info: Mapping[str, Any]) -> str:
    """The MD5 that Google's or Azure's store notes of an object; empty where there is none."""
    settings = info.get("content_settings")
    noted = info.get("md5Hash") or (settings.get("content_md5") if isinstance(settings, Mapping) else None)
    try:
        digest = base64.b64decode(noted, validate=True) if isinstance(noted, str) else bytes(noted or b"")
    except ValueError:
        return ""
    return digest.hex() if len(digest) == 16 else ""  # noqa: PLR2004 - an MD5 has 16 bytes


def _status_of(error: Exception) -> int | None:
    """The HTTP status that a driver's error stands for; None where there was no answer."""
    if isinstance(error, (FileNotFoundError, IsADirectoryError, NotADirectoryError)):
        return HTTPStatus.NOT_FOUND
    if isinstance(error, PermissionError):
        return HTTPStatus.FORBIDDEN
    for cause in chain_of(error):
        response = getattr(cause, "response", None)
        said = response.get("ResponseMetadata", {}).get("HTTPStatusCode") if isinstance(response, dict) else None
        for status in (said, *(getattr(cause, name, None) for name in ("status_code", "status", "code"))):
            if isinstance(status, int) and HTTPStatus.BAD_REQUEST <= status < 600:  # noqa: PLR2004 - the last status
                return status
        if isinstance(cause, OSError) and cause.errno in _ERRNO:
            return _ERRNO[cause.errno]
    return None


def _fault_of(error: Exception) -> HttpFault:
    said = _without_secrets(fault_words(error))
    for cause in chain_of(error):
        kind = type(cause).__name__
        if "Timeout" in kind:
            return HttpFault("late", said)
        if isinstance(cause, OSError) or any(part in kind for part in ("Connect", "HTTPClient", "ServiceRe")):
            return HttpFault("unreachable", said, connecting=True)
    return HttpFault("driver", f"{type(error).__name__}: {said}")


def _without_secrets(text: str) -> str:
    """Without queries of addresses, which may be signatures, nor user names and passwords."""
    return re.sub(r"\?\S*", "", re.sub(r"//[^/@\s]*@", "//", text))
