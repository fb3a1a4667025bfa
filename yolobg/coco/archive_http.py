"""Bytes of one remote file over HTTP: several hosts in order, ranges, retries, and an error that tells the whole story.

`requests` is used because it honours proxies and CA settings from the environment. Certificates are always checked.
"""

from __future__ import annotations

import email.utils
import random
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import requests
import urllib3
from tenacity import RetryCallState, RetryError, Retrying, retry_if_exception_type, stop_after_attempt

from yolobg import __version__
from yolobg.errors import DownloadError

__all__ = ["Answer", "GoneError", "Remote", "TransientError", "shown"]

ATTEMPTS = 6
MAX_WAIT_S = 20.0
# A host that failed is asked last for this long, so that not every request waits for its timeout.
SHUN_S = 30.0
CHUNK = 64 << 10

_TRANSIENT_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)$")


class TransientError(Exception):
    """A failure that another try, or another host, may not have; `wait_s` is what the server asked for."""

    def __init__(self, message: str, wait_s: float = 0.0) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class GoneError(DownloadError):
    """Every host refuses: there is no such file (S3 says 403 or 404), or it may not be had."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The head of an answer.

    Attributes:
        url: Who answered.
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


@dataclass(slots=True)
class Remote:
    """One file that several hosts may have.

    Args:
        urls: Addresses in the order in which they are asked.
        connect_timeout_s: A host that takes longer to accept a connection counts as dead.
        read_timeout_s: So does one that falls silent for longer; the request goes to the next host.
        stopped: Once set, waiting ends and nothing more is asked.
    """

    urls: Sequence[str]
    connect_timeout_s: float = 5.0
    read_timeout_s: float = 10.0
    stopped: threading.Event = field(default_factory=threading.Event)
    dropped: set[str] = field(default_factory=set)
    _local: threading.local = field(default_factory=threading.local)
    _sessions: list[requests.Session] = field(default_factory=list)
    _shunned: dict[str, float] = field(default_factory=dict)
    _last: dict[str, str] = field(default_factory=dict)

    def get(self, headers: Mapping[str, str] | None = None) -> Answer:
        """Ask until a host answers with 200, 206 or 304; failing hosts are passed over and all are tried again.

        Raises:
            GoneError: Every host refuses for good, for example with 403 or 404.
            DownloadError: No host gave an answer that can be used; names each and what it last said.
        """
        retrying = Retrying(
            retry=retry_if_exception_type(TransientError),
            stop=stop_after_attempt(ATTEMPTS),
            wait=_wait_s,
            sleep=self._pause,
        )
        try:
            return retrying(self._round, dict(headers or {}))
        except RetryError as error:
            raise DownloadError(self.story()) from error

    def body(self, answer: Answer) -> Iterator[bytes]:
        """Yield the body of an answer in pieces and close it.

        Raises:
            TransientError: The connection broke or fell silent; what was yielded is good.
        """
        try:
            # Bytes as sent: a server that compresses unasked must not confuse lengths and offsets.
            yield from answer.response.raw.stream(CHUNK, decode_content=False)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            self._shun(answer.url, _reason(error))
            raise TransientError(_reason(error)) from error
        finally:
            answer.response.close()

    def story(self) -> str:
        """Which hosts were asked and what each last said."""
        said = "; ".join(f"{shown(url)}: {self._last.get(url, 'not asked')}" for url in self.urls)
        name = shown(self.urls[0]).rpartition("/")[2]
        return f"could not fetch {name} ({said}); check the network or proxy and run again"

    def drop(self, url: str, reason: str) -> None:
        """Ask a host no more, since it has another file.

        Raises:
            DownloadError: It was the last one.
        """
        self._last[url] = reason
        story = self.story()
        self.dropped.add(url)
        if self.dropped.issuperset(self.urls):
            raise DownloadError(story)

    def close(self) -> None:
        """Close the connections that are kept open; a later request opens new ones."""
        while self._sessions:
            self._sessions.pop().close()
        self._local = threading.local()

    def stop(self) -> None:
        """Make all waits and transfers of this file end soon."""
        self.stopped.set()

    def _pause(self, seconds: float) -> None:
        self.stopped.wait(seconds)

    def _round(self, headers: dict[str, str]) -> Answer:
        now = time.monotonic()
        waits, gone = [0.0], 0
        urls = [url for url in self.urls if url not in self.dropped]
        for url in sorted(urls, key=lambda u: self._shunned.get(u, 0.0) > now):
            try:
                return self._ask(url, headers)
            except TransientError as error:
                self._shun(url, str(error))
                waits.append(error.wait_s)
            except GoneError as error:
                self._last[url] = str(error)
                gone += 1
        if gone == len(urls):
            raise GoneError(self.story())
        raise TransientError(self.story(), min(wait for wait in waits[1:]) if len(waits) > 1 else 0.0)

    def _ask(self, url: str, headers: dict[str, str]) -> Answer:
        if self.stopped.is_set():
            raise DownloadError(f"{url}: interrupted; run again to continue")
        try:
            # Without "identity" a server may gzip the body, and then offsets and lengths mean something else.
            response = self._session().get(
                url,
                headers={"Accept-Encoding": "identity", **headers},
                stream=True,
                timeout=(self.connect_timeout_s, self.read_timeout_s),
            )
        except (requests.RequestException, OSError) as error:
            raise TransientError(_reason(error)) from error
        try:
            return _read_head(url, response, headers)
        except Exception:
            response.close()
            raise

    def _session(self) -> requests.Session:
        # One per thread: a session is not made for sharing, and each thread keeps its own connection open.
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = requests.Session()
            self._sessions.append(session)
            session.headers["User-Agent"] = f"yolobg/{__version__}"
        return session

    def _shun(self, url: str, reason: str) -> None:
        self._last[url] = reason
        self._shunned[url] = time.monotonic() + SHUN_S


def shown(url: str) -> str:
    """An address for messages: without user, password and query, which may hold secrets."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _read_head(url: str, response: requests.Response, headers: Mapping[str, str]) -> Answer:
    status = response.status_code
    if status in (403, 404, 410):
        raise GoneError(f"HTTP {status} {response.reason or ''}".strip())
    if status in _TRANSIENT_STATUS:
        raise TransientError(f"HTTP {status} {response.reason or ''}".strip(), _retry_after_s(response))
    if status not in (200, 206, 304):
        raise GoneError(f"HTTP {status} {response.reason or ''}".strip())
    validators = {name: response.headers[name] for name in ("ETag", "Last-Modified") if name in response.headers}
    length = response.headers.get("Content-Length", "")
    if status != requests.codes.partial_content:
        return Answer(url, status, 0, int(length) if length.isdecimal() else None, validators, response)
    match = _CONTENT_RANGE.match(response.headers.get("Content-Range", ""))
    if not match:
        raise TransientError(f"HTTP 206 with Content-Range {response.headers.get('Content-Range')!r}")
    start, _, total = map(int, match.groups())
    asked = re.match(r"bytes=(\d+)-", headers.get("Range", ""))
    if asked and int(asked[1]) != start:
        raise TransientError(f"HTTP 206 from byte {start} where byte {asked[1]} was asked for")
    return Answer(url, status, start, total, validators, response)


def _retry_after_s(response: requests.Response) -> float:
    text = response.headers.get("Retry-After", "")
    if text.isdecimal():
        return min(float(text), MAX_WAIT_S)
    moment = email.utils.parsedate_tz(text)
    if moment is None:
        return 0.0
    return min(max(0.0, float(email.utils.mktime_tz(moment)) - time.time()), MAX_WAIT_S)


def _wait_s(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.wait_s if isinstance(error, TransientError) else 0.0
    # Full jitter, so that parallel connections do not come back all at once.
    grown = random.uniform(0.1, 0.3) * 2**state.attempt_number  # noqa: S311  # no secret
    return float(min(max(asked, grown), MAX_WAIT_S))


def _reason(error: Exception) -> str:
    text = str(error)
    for known, said in (
        ("Failed to resolve", "host name not found"),
        ("NameResolutionError", "host name not found"),
        ("getaddrinfo failed", "host name not found"),
        ("Connection refused", "connection refused"),
        ("timed out", "no answer within the time limit"),
        ("IncompleteRead", "the connection was cut"),
        ("reset", "the connection was reset"),
        ("CERTIFICATE_VERIFY_FAILED", "its certificate is not valid"),
    ):
        if known in text:
            return said
    return f"{type(error).__name__}: {text[:200]}"
