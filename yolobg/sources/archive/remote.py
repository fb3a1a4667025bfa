"""One remote file that several hosts may have: asked for by the rules of `net`, with an error that says it all."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from yolobg.errors import DownloadError
from yolobg.net.addresses import shown_url
from yolobg.net.client import Client
from yolobg.net.hosts import Host, Hosts
from yolobg.net.http_fault import HttpFault, Kind
from yolobg.net.limits import Limits
from yolobg.net.pace import Pace
from yolobg.net.request import Fault, asked, check_status
from yolobg.net.response import Response, Timing
from yolobg.net.tries import Lost, Tries
from yolobg.version import __version__

__all__ = ["ATTEMPTS", "NOT_MODIFIED", "RANGE", "REDIRECTS", "WHOLE", "Answer", "GoneError", "Remote"]

T = TypeVar("T")

ATTEMPTS, REDIRECTS = 6, 5
WHOLE, RANGE, NOT_MODIFIED = 200, 206, 304
# Users see 50 to 280 kB/s for each connection; 16 make that 0.8 to 4.5 MB/s and are no burden for S3.
CONNECTIONS = 16
# As many digits as a size can have: longer ones are nonsense that costs time to read.
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})")
_WORDS: dict[Kind, str] = {
    "untrusted": "its certificate is not valid ({})",
    "driver": "its driver cannot ask: {}",
    "refused": "connection refused",
    "unknown name": "host name not found",
    "cut": "the connection was cut",
    "reset": "the connection was reset",
}


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
        connections: How many fetch ranges of it at once, at most.
        stopped: Once set, waiting ends.
    """

    urls: Sequence[str]
    connect_timeout_s: float = 5.0
    read_timeout_s: float = 10.0
    dead_after_s: float = 20.0
    slow_after_s: float = 10.0
    slow_bytes_per_s: float = 1024.0
    max_wait_s: float = 20.0
    connections: int = CONNECTIONS
    stopped: threading.Event = field(default_factory=threading.Event)
    _client: Client = field(init=False)
    _hosts: Hosts = field(init=False)
    pace: Pace = field(init=False)
    _is_open: bool = False
    _served: set[str] = field(default_factory=set)

    def tries(self) -> Tries:
        """The tries for some bytes of it; for the thread that fetches the file, which opens what all requests share."""
        if not self._is_open:
            many = self.connections
            limits = Limits(
                self.connect_timeout_s, self.read_timeout_s, self.slow_after_s, self.slow_bytes_per_s, REDIRECTS,
                tries=ATTEMPTS, silent_s=self.dead_after_s, backoff_s=0.6, backoff_cap_s=self.max_wait_s,
                host_down_s=self.dead_after_s, start=many, floor=min(2, many), ceiling=many,
            )  # fmt: skip
            self._client = Client(connections=many, headers={"User-Agent": f"yolobg/{__version__}", "Accept": "*/*"})
            self._hosts, self.pace = Hosts(self.urls, limits=limits), Pace(None, limits=limits)
            self._is_open = True
        return Tries(self._hosts, self.pace)

    def close(self) -> None:
        """End all connections; a later request opens new ones."""
        if self._is_open:
            self._client.close()
        self._is_open = False
        self._served.clear()

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
                self.stopped.wait(got)
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
            raise (GoneError if lost.why == "gone" else DownloadError)(self.failure_summary()) from lost

    def ask(self, host: Host, headers: Mapping[str, str], take: Callable[[Answer], T]) -> T:
        """Ask one host.

        Raises:
            Fault: Its answer is of no use.
        """
        timing = Timing(self.connect_timeout_s, self.read_timeout_s, self.slow_after_s, self.slow_bytes_per_s)
        try:
            with asked(self._client, host.base, headers, timing=timing, redirects=REDIRECTS, say=_say) as response:
                answer = _judged(host, response, headers, self.max_wait_s)
                self._served.add(host.base)
                return take(answer)
        except Fault as fault:
            if host.base in self._served and fault.kind in ("gone", "redirect", "untrusted"):
                # It had the file a moment ago: some servers refuse when they are asked too much.
                raise Fault("busy", fault.reason) from fault
            raise

    def exclude(self, host: Host, reason: str, *, unless_last: bool = False) -> None:
        """Ask a host no more, since what it has is not the file; `unless_last` only where another is left.

        Raises:
            DownloadError: It was the last one.
        """
        host.last = reason
        host.down = not unless_last or any(not other.down for other in self._hosts.all if other is not host)
        if self._hosts.all_down:
            raise DownloadError(self.failure_summary())

    def failure_summary(self) -> str:
        """Which hosts were asked and what each last said."""
        said = "; ".join(f"{shown_url(host.base)}: {host.last}" for host in self._hosts.all)
        name = shown_url(self.urls[0]).rpartition("/")[2]
        return f"could not fetch {name} ({said}); check the network or proxy and run again"


def _say(fault: HttpFault) -> str:
    if fault.kind == "late" and "bytes per second" not in fault.detail:
        return "no complete answer within the time limit"
    return _WORDS.get(fault.kind, "{}").format(shown_url(fault.detail))


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
