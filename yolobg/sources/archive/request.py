"""The head of an answer about a remote file, judged: which bytes it brings, or why it is of no use."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from yolobg.errors import DownloadError
from yolobg.net.addresses import shown_url
from yolobg.net.http_fault import HttpFault, Kind
from yolobg.net.response import Response
from yolobg.net.retries import TRANSIENT_STATUSES, retry_after_s

__all__ = ["FIRST_WAIT_S", "MAX_WAIT_S", "REDIRECTS", "GoneError", "RefusedError", "ResponseHead", "TransientError",
           "error_of", "read_head"]  # fmt: skip

FIRST_WAIT_S, MAX_WAIT_S = 0.6, 20.0
REDIRECTS = 5

_WHOLE, _RANGE, _NOT_MODIFIED = 200, 206, 304
# As many digits as a size can have: longer ones are nonsense that costs time to read.
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})")
_WORDS: dict[Kind, str] = {
    "refused": "connection refused",
    "unknown name": "host name not found",
    "late": "no complete answer within the time limit",
    "cut": "the connection was cut",
    "reset": "the connection was reset",
}


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
    response: Response


def error_of(fault: HttpFault) -> TransientError | RefusedError:
    """What a fault of a request means for the host: to be asked again, or never."""
    if fault.kind == "untrusted":
        return RefusedError(f"its certificate is not valid ({fault.detail})")
    if fault.kind == "driver":
        return RefusedError(f"its driver cannot ask: {fault.detail}")
    if fault.kind == "redirect":
        return RefusedError(fault.detail)
    slow = fault.kind == "late" and "bytes per second" in fault.detail
    said = fault.detail if slow else _WORDS.get(fault.kind, shown_url(fault.detail))
    return TransientError(said, answered=slow)


def read_head(url: str, answer: Response, headers: Mapping[str, str]) -> ResponseHead:
    """Judge an answer to a request with these headers.

    Raises:
        TransientError: It cannot be used, this time.
        GoneError: The host does not have the file, or does not give it.
    """
    status, said = answer.status, answer.headers
    name = f"HTTP {status} {answer.reason}".strip()
    if status in TRANSIENT_STATUSES:
        raise TransientError(name, retry_after_s(said.get("Retry-After"), cap_s=MAX_WAIT_S) or 0.0)
    if status not in (_WHOLE, _RANGE, _NOT_MODIFIED):
        raise GoneError(name)
    if status != _NOT_MODIFIED and said.get("Content-Type", "").partition(";")[0].strip().lower() == "text/html":
        raise TransientError(f"HTTP {status} with a web page where the file was expected (of a login, or a proxy?)")
    if status == _WHOLE and answer.length == 0:
        raise TransientError(f"HTTP {status} with an empty body")
    validators = {name: said[name] for name in ("ETag", "Last-Modified") if name in said}
    start, total = 0, answer.length
    if status == _RANGE:
        start, total = _parse_content_range(said.get("Content-Range", ""), headers.get("Range", ""))
    return ResponseHead(url, status, start, total, validators, answer)


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
