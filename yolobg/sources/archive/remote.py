"""One remote file that several hosts may have: who is asked, how often, when to stop, and an error that says it all."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from yolobg.errors import DownloadError
from yolobg.net.addresses import shown_url
from yolobg.net.client import Client
from yolobg.net.http_fault import HttpFault
from yolobg.net.response import Timing
from yolobg.net.retries import backoff_s
from yolobg.sources.archive.request import (
    FIRST_WAIT_S,
    MAX_WAIT_S,
    REDIRECTS,
    GoneError,
    RefusedError,
    ResponseHead,
    TransientError,
    error_of,
    read_head,
)
from yolobg.version import __version__

__all__ = ["ATTEMPTS", "GoneError", "Remote", "ResponseHead", "TransientError"]

T = TypeVar("T")

ATTEMPTS = 6
# How often a body that must come in one piece is asked for.
_BODIES = 4
# Users see 50 to 280 kB/s for each connection; 16 make that 0.8 to 4.5 MB/s and are no burden for S3.
CONNECTIONS = 16
# A host that failed is asked last for this long, so that not every request waits for its timeout.
DEPRIORITIZED_S = 30.0


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
    _client: Client | None = None
    _deprioritized: dict[str, float] = field(default_factory=dict)
    _last: dict[str, str] = field(default_factory=dict)
    _served: set[str] = field(default_factory=set)
    _making: threading.Lock = field(default_factory=threading.Lock)

    def get(self, headers: Mapping[str, str] | None = None) -> ResponseHead:
        """Ask until a host answers with 200, 206 or 304; failing hosts are passed over and all are tried again.

        Raises:
            GoneError: Every host refuses for good, for example with 403 or 404.
            DownloadError: No host gave an answer that can be used; names each and what it last said.
            UsageError: The environment names certificates that are not there.
        """
        began, tried = time.monotonic(), 0
        while True:
            try:
                return self._round(headers or {})
            except TransientError as error:
                tried += 1
                # All hosts have been silent for so long that more tries would only be more time-outs.
                is_hopeless = not error.answered and time.monotonic() - began >= self.dead_after_s
                if tried >= ATTEMPTS or is_hopeless:
                    raise DownloadError(self.failure_summary()) from error
                self.pause(max(error.wait_s, backoff_s(tried, first_s=FIRST_WAIT_S, cap_s=self.max_wait_s)))

    def body(self, answer: ResponseHead) -> Iterator[bytes]:
        """Yield the body of an answer in pieces, as they arrive, and close it.

        Raises:
            TransientError: The connection broke, fell silent or is too slow; what was yielded is good.
        """
        try:
            yield from answer.response.pieces()
        except HttpFault as fault:
            self.deprioritize(answer.url, str(error_of(fault)))
            raise TransientError(str(error_of(fault))) from fault
        finally:
            answer.response.close()

    def read(self, answer: ResponseHead, headers: Mapping[str, str], take: Callable[[ResponseHead], T]) -> T:
        """Have `take` read a body that can only be read from its beginning, again where it raises `TransientError`.

        Args:
            answer: The first answer.
            headers: What to ask for further ones with.
            take: Reads an answer's body.

        Raises:
            DownloadError: No body came to its end.
        """
        for tried in range(1, _BODIES + 1):
            with contextlib.suppress(TransientError):
                return take(answer)
            if tried < _BODIES:
                self.pause(backoff_s(tried, first_s=FIRST_WAIT_S, cap_s=MAX_WAIT_S))
                answer = self.get(headers)
        raise DownloadError(self.failure_summary())

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
        self.excluded.add(url)
        if self.excluded.issuperset(self.urls):
            raise DownloadError(self.failure_summary())

    def close(self) -> None:
        """End all connections; a later request opens new ones."""
        with self._making:
            client, self._client = self._client, None
        if client is not None:
            client.close()
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

    def _round(self, headers: Mapping[str, str]) -> ResponseHead:
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

    def _ask(self, url: str, headers: Mapping[str, str]) -> ResponseHead:
        if self.stopped.is_set():
            raise DownloadError(f"{shown_url(url)}: interrupted; run again to continue")
        try:
            head = self._head(url, headers)
        except (GoneError, RefusedError) as error:
            if url in self._served:
                # It had the file a moment ago: some servers refuse when they are asked too much.
                raise TransientError(str(error)) from error
            raise
        self._served.add(url)
        return head

    def _head(self, url: str, headers: Mapping[str, str]) -> ResponseHead:
        with self._making:
            if self._client is None:
                self._client = Client(
                    connections=self.connections, headers={"User-Agent": f"yolobg/{__version__}", "Accept": "*/*"}
                )
            client = self._client
        timing = Timing(self.connect_timeout_s, self.read_timeout_s, self.slow_after_s, self.slow_bytes_per_s)
        try:
            answer = client.open(url, headers, timing=timing, redirects=REDIRECTS)
        except HttpFault as fault:
            raise error_of(fault) from fault
        try:
            return read_head(url, answer, headers)
        except BaseException:
            answer.close()
            raise
