"""Bytes of one remote file over HTTP: several hosts in order, retries, speed, and an error that tells the whole story.

One request is `archive_request`'s; here is who is asked, how often, and when to stop.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any

import requests
import urllib3
from tenacity import RetryCallState, RetryError, Retrying, retry_if_exception_type

from yolobg.errors import DownloadError
from yolobg.net.addresses import shown_url
from yolobg.net.retries import backoff_s
from yolobg.net.tls import tls_context
from yolobg.sources.archive.request import (
    FIRST_WAIT_S,
    MAX_WAIT_S,
    GoneError,
    LateError,
    RefusedError,
    ResponseHead,
    TransientError,
    TrustingAdapter,
    reason_of,
    send,
)
from yolobg.version import __version__

__all__ = [
    "ATTEMPTS",
    "GoneError",
    "Remote",
    "ResponseHead",
    "TransientError",
]

ATTEMPTS = 6
CONNECTIONS = 16
# A host that failed is asked last for this long, so that not every request waits for its timeout.
DEPRIORITIZED_S = 30.0
CHUNK = 64 << 10


@dataclass(slots=True)
class Remote:
    """One file that several hosts may have.

    Args:
        urls: Addresses in the order in which they are asked.
        connect_timeout_s: A host that takes longer to accept a connection counts as dead.
        read_timeout_s: So does one that falls silent for longer; the request goes to the next host.
        dead_after_s: A request that no host has answered at all for this long is given up.
        slow_after_s: How long an answer may come with less than `slow_bytes_per_s`.
        slow_bytes_per_s: See there.
        max_wait_s: Longest wait between two tries, whatever a server asks for.
        connections: How many fetch ranges of it at once.
        stopped: Once set, waiting ends and nothing more is asked.
    """

    urls: Sequence[str]
    connect_timeout_s: float = 5.0
    read_timeout_s: float = 10.0
    dead_after_s: float = 20.0
    slow_after_s: float = 10.0
    slow_bytes_per_s: float = 1024.0
    max_wait_s: float = MAX_WAIT_S
    connections: int = CONNECTIONS
    stopped: threading.Event = field(default_factory=threading.Event)
    excluded: set[str] = field(default_factory=set)
    _local: threading.local = field(default_factory=threading.local)
    _sessions: list[requests.Session] = field(default_factory=list)
    _deprioritized: dict[str, float] = field(default_factory=dict)
    _last: dict[str, str] = field(default_factory=dict)
    _served: set[str] = field(default_factory=set)
    _making: threading.Lock = field(default_factory=threading.Lock)
    _tls: ssl.SSLContext | None = None

    def get(self, headers: Mapping[str, str] | None = None) -> ResponseHead:
        """Ask until a host answers with 200, 206 or 304; failing hosts are passed over and all are tried again.

        Raises:
            GoneError: Every host refuses for good, for example with 403 or 404.
            DownloadError: No host gave an answer that can be used; names each and what it last said.
        UsageError: The environment names certificates that are not there.
        """
        retrying = Retrying(
            retry=retry_if_exception_type(TransientError),
            stop=lambda state: state.attempt_number >= ATTEMPTS or self._is_hopeless(state),
            wait=self._wait_s,
            sleep=self.pause,
        )
        try:
            return retrying(self._round, dict(headers or {}))
        except RetryError as error:
            raise DownloadError(self.failure_summary()) from error

    def body(self, answer: ResponseHead) -> Iterator[bytes]:
        """Yield the body of an answer in pieces, as they arrive, and close it.

        Raises:
            TransientError: The connection broke, fell silent or is too slow; what was yielded is good.
        """
        speed = _Speed(self.slow_after_s, self.slow_bytes_per_s)
        try:
            while piece := _read_some(answer.response.raw):
                yield piece
                speed.check(len(piece))
        except TransientError as error:
            self.deprioritize(answer.url, str(error))
            raise
        except (requests.RequestException, urllib3.exceptions.HTTPError, HTTPException, OSError, ValueError) as error:
            self.deprioritize(answer.url, reason_of(error))
            raise TransientError(reason_of(error)) from error
        finally:
            answer.response.close()

    def failure_summary(self) -> str:
        """Which hosts were asked and what each last said."""
        said = "; ".join(f"{shown_url(url)}: {self._last.get(url, 'not tried')}" for url in self.urls)
        name = shown_url(self.urls[0]).rpartition("/")[2]
        return f"could not fetch {name} ({said}); check the network or proxy and run again"

    def exclude(self, url: str, reason: str) -> None:
        """Ask a host no more, since it has another file.

        Raises:
            DownloadError: It was the last one.
        """
        self._last[url] = reason
        summary = self.failure_summary()
        self.excluded.add(url)
        if self.excluded.issuperset(self.urls):
            raise DownloadError(summary)

    def close(self) -> None:
        """Close the connections that are kept open; a later request opens new ones."""
        while self._sessions:
            self._sessions.pop().close()
        self._local = threading.local()
        self._served.clear()

    def stop(self) -> None:
        """Make all waits and transfers of this file end soon."""
        self.stopped.set()

    def pause(self, seconds: float) -> None:
        """Wait, or less long when all is stopped."""
        self.stopped.wait(min(seconds, self.max_wait_s))

    def deprioritize(self, url: str, reason: str) -> None:
        """Ask a host last for a while, since it has just failed."""
        self._last[url] = reason
        self._deprioritized[url] = time.monotonic() + DEPRIORITIZED_S

    def _wait_s(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.wait_s if isinstance(error, TransientError) else 0.0
        own = backoff_s(state.attempt_number, first_s=FIRST_WAIT_S, cap_s=self.max_wait_s)
        return min(max(asked, own), self.max_wait_s)

    def _is_hopeless(self, state: RetryCallState) -> bool:
        """Whether all hosts have been silent for so long that more tries would only be more time-outs."""
        error = state.outcome.exception() if state.outcome else None
        silent = isinstance(error, TransientError) and not error.answered
        return silent and (state.seconds_since_start or 0.0) >= self.dead_after_s

    def _round(self, headers: dict[str, str]) -> ResponseHead:
        now = time.monotonic()
        failures: list[TransientError] = []
        urls = [url for url in self.urls if url not in self.excluded]
        for url in sorted(urls, key=lambda u: self._deprioritized.get(u, 0.0) > now):
            try:
                return self._ask(url, headers)
            except TransientError as error:
                self.deprioritize(url, str(error))
                failures.append(error)
            except RefusedError as error:
                self.exclude(url, str(error))
            except GoneError as error:
                self._last[url] = str(error)
        if not failures:
            raise (GoneError if len(urls) == len(self.urls) else DownloadError)(self.failure_summary())
        wait_s = min(error.wait_s for error in failures)
        raise TransientError(self.failure_summary(), wait_s, answered=any(error.answered for error in failures))

    def _ask(self, url: str, headers: dict[str, str]) -> ResponseHead:
        if self.stopped.is_set():
            raise DownloadError(f"{shown_url(url)}: interrupted; run again to continue")
        timeout = (self.connect_timeout_s, self.read_timeout_s)
        try:
            answer = send(self._session(), url, headers, timeout=timeout, head_s=sum(timeout))
        except LateError:
            # Whoever still waits for that answer has the session; it ends with its connection.
            del self._local.session
            raise TransientError("no complete answer within the time limit", answered=False) from None
        except (GoneError, RefusedError) as error:
            if url in self._served:
                # It had the file a moment ago: some servers refuse when they are asked too much.
                raise TransientError(str(error)) from error
            raise
        self._served.add(url)
        return answer

    def _certificates(self) -> ssl.SSLContext:
        with self._making:
            self._tls = self._tls or tls_context()
            return self._tls

    def _session(self) -> requests.Session:
        # One per thread: a session is not made for sharing, and each thread keeps its own connection open.
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = requests.Session()
            self._sessions.append(session)
            session.mount("https://", TrustingAdapter(self._certificates))
            session.headers["User-Agent"] = f"yolobg/{__version__}"
        return session


class _Speed:
    """Sees that bytes keep coming, stretch by stretch: a quick beginning must not let a host drip for hours."""

    def __init__(self, stretch_s: float, least_bytes_per_s: float) -> None:
        self._stretch_s, self._least = stretch_s, least_bytes_per_s
        self._since, self._arrived = time.monotonic(), 0

    def check(self, size: int) -> None:
        """Count what arrived.

        Raises:
            TransientError: It was too little for too long.
        """
        self._arrived += size
        now = time.monotonic()
        elapsed = now - self._since
        if elapsed < self._stretch_s:
            return
        if self._arrived < elapsed * self._least:
            raise TransientError(f"only {self._arrived / elapsed:.0f} bytes per second")
        self._since, self._arrived = now, 0


def _read_some(raw: Any) -> bytes:
    """What has arrived, at least one byte; nothing at the end. Bytes as sent: unpacking would confuse offsets."""
    if hasattr(raw, "read1"):
        return bytes(raw.read1(CHUNK, decode_content=False))
    # Before urllib3 2.1 its own reads return when they are full, which at a byte a second would be never.
    return bytes(raw._fp.read1(CHUNK))  # noqa: SLF001
