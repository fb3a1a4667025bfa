"""Which host to ask next, and when a host counts as down (a circuit breaker for each)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from yolobg.net.addresses import shown_url
from yolobg.net.limits import Limits
from yolobg.net.request import Fault

__all__ = ["Host", "Hosts"]

_PROBE_S, _PROBE_CAP_S = 0.1, 1.0
_PROBES_AT_LEAST = 3
_DRIPS_AT_LEAST = 3
_UNTRIED = "not tried"


@dataclass(slots=True, eq=False)
class Host:
    """One base address and how it has been answering.

    Attributes:
        base: The address that file names are appended to.
        last: Its last fault in words, for messages.
        failures: Failed connections since the last answer.
        failing_since: When the first of them failed (monotonic seconds), or None.
        probes: Failed connections since requests to it were stopped.
        stopped_at: Since when it is only probed (monotonic seconds), or None.
        next_probe_at: When the next probe is due.
        probing: Whether one is under way.
        down: Given up for this run.
        etag_fits: How many images had the MD5 that its ETag says; 0 may mean that its ETags are none.
        etag_repeats: How many images came with one content twice that is not what its ETag says.
    """

    base: str
    last: str = _UNTRIED
    failures: int = 0
    failing_since: float | None = None
    probes: int = 0
    stopped_at: float | None = None
    next_probe_at: float = 0.0
    probing: bool = False
    down: bool = False
    etag_fits: int = 0
    etag_repeats: int = 0

    @property
    def name(self) -> str:
        """Scheme and host, for messages."""
        parts = urlsplit(shown_url(self.base))
        return f"{parts.scheme}://{parts.netloc}"


class Hosts:
    """The hosts of a run, in order of preference. For one thread at a time: the one that has `lock`."""

    def __init__(self, bases: Sequence[str], *, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self.all = tuple(Host(base) for base in bases)
        self.limits, self.lock = limits, threading.Lock()
        self._clock = clock

    def pick(self, gone: Collection[int], turn: int) -> Host | None:
        """The host for the next request for a thing, or None when all that are left have to be waited for.

        Args:
            gone: Positions of the hosts that do not have it.
            turn: How many requests for it failed so far; each failure moves on to the next host.
        """
        left = [host for position, host in enumerate(self.all) if position not in gone and not host.down]
        running = [host for host in left if host.stopped_at is None]
        now = self._clock()
        due = [host for host in left if host.stopped_at is not None and not host.probing and host.next_probe_at <= now]
        if due and (not running or turn > 0):
            due[0].probing = True
            return due[0]
        return running[turn % len(running)] if running else None

    def has_any(self, gone: Collection[int]) -> bool:
        """Whether some host may still have a thing that the hosts at positions `gone` do not have."""
        return any(not host.down for position, host in enumerate(self.all) if position not in gone)

    def count_running(self, gone: Collection[int]) -> int:
        """How many hosts that may have a thing are up."""
        left = (host for position, host in enumerate(self.all) if position not in gone)
        return sum(not host.down and host.stopped_at is None for host in left)

    @property
    def all_down(self) -> bool:
        """Whether no host is left at all."""
        return all(host.down for host in self.all)

    def answered(self, host: Host, words: str = "") -> None:
        """Note that a host answered, whatever it said (nothing if it gave what was asked for): it is alive."""
        if words or host.last == _UNTRIED:
            host.last = words or "good answers"
        host.failures = host.probes = 0
        host.stopped_at = host.failing_since = None
        host.probing = False

    def failed(self, host: Host, fault: Fault) -> None:
        """Note a request that failed; stops or gives up the host when it was one too many without an answer."""
        if fault.kind == "local":
            host.probing = False
            return
        if fault.kind not in ("connection", "untrusted", "slow"):
            self.answered(host, fault.reason)
            return
        host.last = fault.reason
        if fault.kind == "untrusted":
            host.down = True
            return
        now = self._clock()
        host.failures += 1
        host.failing_since = now if host.failing_since is None else host.failing_since
        # One request at a time that drips takes long to fail: then few tell as much as many.
        failing_s = now - host.failing_since
        drips = fault.kind == "slow" and host.failures >= _DRIPS_AT_LEAST and failing_s >= self.limits.slow_after_s
        if host.stopped_at is None:
            if drips or host.failures >= self.limits.host_failures:
                host.stopped_at, host.probes = now, 0
                host.next_probe_at = now + _PROBE_S
            return
        if not host.probing:
            # A request from before the stop: it tells nothing new.
            return
        host.probing = False
        host.probes += 1
        host.next_probe_at = now + min(_PROBE_CAP_S, _PROBE_S * 2.0**host.probes)
        long_enough = now - host.stopped_at >= self.limits.host_down_s
        tried = host.probes >= _PROBES_AT_LEAST or (drips and failing_s >= 2 * self.limits.slow_after_s)
        host.down = host.probes >= self.limits.host_probes or (tried and long_enough)

    def describe(self) -> str:
        """Each host and its last answer, for an error."""
        return "; ".join(f"{host.name}: {host.last}" for host in self.all)
