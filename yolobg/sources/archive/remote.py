"""One remote file that several hosts may have: asked for by the rules of `net`, with an error that says it all."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from yolobg.errors import DownloadError
from yolobg.net.addresses import shown_url
from yolobg.net.client import Client
from yolobg.net.hosts import Host, Hosts
from yolobg.net.limits import Limits
from yolobg.net.pace import Pace
from yolobg.net.request import Fault, asked, check_status
from yolobg.net.response import Response, Timing
from yolobg.net.tries import Lost, Tries
from yolobg.version import __version__

__all__ = ["LIMITS", "NOT_MODIFIED", "RANGE", "WHOLE", "Answer", "GoneError", "Remote"]

T = TypeVar("T")

WHOLE, RANGE, NOT_MODIFIED = 200, 206, 304
# Users see 50 to 280 kB/s for each connection; 16 make that 0.8 to 4.5 MB/s and are no burden for S3.
CONNECTIONS = 16
LIMITS = Limits(
    redirects=5, tries=6, silent_s=20.0, backoff_s=0.6, backoff_cap_s=20.0, host_down_s=20.0, start=CONNECTIONS,
    ceiling=CONNECTIONS,
)  # fmt: skip
# As many digits as a size can have: longer ones are nonsense that costs time to read.
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})")


class GoneError(DownloadError):
    """Every host refuses: there is no such file (S3 says 403 or 404), or access is denied."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A host's answer about a file.

    Attributes:
        host: Who was asked.
        status: 200 (the whole file), 206 (the range) or 304.
        start: Offset of the body's first byte in the file.
        total: Size of the whole file in bytes; None where the server does not say.
        response: The headers, and the body, not yet read.
    """

    host: Host
    status: int
    start: int
    total: int | None
    response: Response

    @property
    def validators(self) -> Mapping[str, str]:
        """`ETag` and `Last-Modified` as sent."""
        said = self.response.headers
        return {name: said[name] for name in ("ETag", "Last-Modified") if name in said}


class Remote:
    """One file that several hosts may have, until it is closed.

    Args:
        urls: Addresses in the order in which they are asked.
        limits: Bounds on time and tries, None is `LIMITS`; `ceiling` is how many fetch ranges of it at once, at most.
        sleep: Waits for so many seconds.

    Attributes:
        pace: How many ask at once.
        doubted: How often a host gave something else.
    """

    def __init__(
        self, urls: Sequence[str], *, limits: Limits | None = None, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        limits = limits or LIMITS
        self.urls, self.limits, self.pace = urls, limits, Pace(None, limits=limits)
        self.doubted = Counter[Host]()
        self._sleep = sleep
        self._hosts = Hosts(urls, limits=limits)
        self._client = Client(
            connections=limits.ceiling, headers={"User-Agent": f"yolobg/{__version__}", "Accept": "*/*"}
        )
        self._timing = Timing(limits.connect_s, limits.read_s, limits.slow_after_s, limits.slow_bytes_per_s)
        self._served = set[Host]()

    def close(self) -> None:
        """End all connections, for good."""
        self._client.close()

    def tries(self) -> Tries:
        """The tries for some bytes of it."""
        return Tries(self._hosts, self.pace)

    def fetch(self, headers: Mapping[str, str], take: Callable[[Answer], T]) -> T:
        """Ask until `take` has read a host's answer with 200, 206 or 304, which is closed after it.

        Args:
            headers: What is asked for.
            take: Reads the answer; what breaks there is tried again, as is a `Fault` that it raises.

        Raises:
            GoneError, DownloadError: As `turn`.
            UsageError: The environment names certificates that are not there.
        """
        tries = self.tries()
        while isinstance(got := self.turn(tries, headers, take), float):
            if got:
                self._sleep(got)
        return got

    def turn(self, tries: Tries, headers: Mapping[str, str], take: Callable[[Answer], T]) -> T | float:
        """One request, where a host can be asked: what `take` makes of it, or the seconds to wait before the next.

        Raises:
            GoneError: Every host refuses for good, for example with 403 or 404.
            DownloadError: No host gave an answer that can be used; names each and what it last said.
        """
        try:
            return tries.turn(lambda host: self.ask(host, headers, take))
        except Lost as lost:
            raise (GoneError if lost.why == "gone" else DownloadError)(self._story()) from lost

    def ask(self, host: Host, headers: Mapping[str, str], take: Callable[[Answer], T]) -> T:
        """Ask one host.

        Raises:
            Fault: Its answer is of no use.
        """
        limits = self.limits
        try:
            with asked(self._client, host.base, headers, timing=self._timing, redirects=limits.redirects) as response:
                answer = _judged(host, response, headers, limits.backoff_cap_s)
                self._served.add(host)
                return take(answer)
        except Fault as fault:
            if host in self._served and fault.kind in ("gone", "redirect", "untrusted"):
                # It had the file a moment ago: some servers refuse when they are asked too much.
                raise Fault("busy", fault.reason) from fault
            raise

    def doubt(self, host: Host, reason: str, *, copies: int = 2) -> None:
        """Note that what a host gave is not the file; after so many copies, it is asked no more.

        Raises:
            DownloadError: It was the last one.
        """
        self.doubted[host] += 1
        host.last, host.down = reason, host.down or self.doubted[host] >= copies
        if self._hosts.all_down:
            raise DownloadError(self._story())

    def _story(self) -> str:
        """Which hosts were asked and what each last said."""
        said = "; ".join(f"{shown_url(host.base)}: {host.last}" for host in self._hosts.all)
        name = shown_url(self.urls[0]).rpartition("/")[2]
        return f"could not fetch {name} ({said}); check the network or proxy and run again"


def _judged(host: Host, response: Response, headers: Mapping[str, str], cap_s: float) -> Answer:
    """Judge the head of an answer to a request with these headers.

    Raises:
        Fault: It is of no use.
    """
    status = response.status
    name = f"HTTP {status} {response.reason}".strip()
    check_status(response, WHOLE, RANGE, NOT_MODIFIED, name=name, cap_s=cap_s)
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if status != NOT_MODIFIED and kind == "text/html":
        raise Fault("bad", f"HTTP {status} with a web page where the file was expected (of a login, or a proxy?)")
    if status == WHOLE and response.length == 0:
        raise Fault("bad", f"HTTP {status} with an empty body")
    if status != RANGE:
        return Answer(host, status, 0, response.length, response)
    said = response.headers.get("Content-Range", "")
    match = _CONTENT_RANGE.fullmatch(said)
    start, last, total = (int(match[group]) for group in (1, 2, 3)) if match else (0, 0, 0)
    asked_from = re.match(r"bytes=(\d+)-", headers.get("Range", ""))
    if not start <= last < total or (asked_from and int(asked_from[1]) != start):
        raise Fault("bad", f"HTTP 206 with Content-Range {said[:80]!r} where {headers.get('Range')} was requested")
    return Answer(host, status, start, total, response)
