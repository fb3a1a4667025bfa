"""All tries to get one thing that several hosts may have: whom to ask, how long to wait, and when to give up."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal, TypeVar

from yolobg.net.hosts import Host, Hosts
from yolobg.net.pace import Pace
from yolobg.net.request import Fault
from yolobg.net.retries import backoff_s

__all__ = ["Lost", "Tries"]

T = TypeVar("T")

_WAIT_FOR_HOST_S = 0.05


class Lost(Exception):  # noqa: N818 - an outcome of all tries, not an error of the program
    """Why no host gives a thing.

    Attributes:
        why: `down` (all hosts are), `gone` (all say that they do not have it), `tried` (often enough).
    """

    def __init__(self, why: Literal["down", "gone", "tried"], reason: str) -> None:
        super().__init__(reason)
        self.why = why


class Tries:
    """The tries for one thing. The hosts and the pace are shared with those for others, in any number of threads.

    Args:
        hosts: Who may have it.
        pace: Told of what came.
        within_s: All tries together, waits included.

    Attributes:
        attempts: Requests made so far.
        reason: Why the last one failed.
    """

    def __init__(self, hosts: Hosts, pace: Pace, *, within_s: float = float("inf")) -> None:
        self._hosts, self._pace, self._within_s = hosts, pace, within_s
        self.attempts = 0
        self.reason = "no host was tried"
        self._gone: dict[int, bool] = {}
        self._begin()

    def _begin(self) -> None:
        self._since: float | None = None
        self._failed = self._connections = 0
        self._answered = self._advanced = False
        self._round: list[float] = []

    def turn(self, ask: Callable[[Host], T]) -> T | float:
        """One request, where a host can be asked: what came of it, or the seconds to wait before the next.

        Args:
            ask: Asks a host; a `Fault` that it raises is tried again, anything else is passed on.

        Raises:
            Lost: There is no point in another.
        """
        hosts = self._hosts
        self._since = time.monotonic() if self._since is None else self._since
        with hosts.lock:
            if hosts.all_down:
                raise Lost("down", self.reason)
            if not hosts.has_any(self._gone):
                everywhere = len(self._gone) == len(hosts.all) and all(self._gone.values())
                raise Lost("gone" if everywhere else "tried", self.reason)
            host = hosts.pick(self._gone, self._failed)
        if host is None:
            return self._wait(_WAIT_FOR_HOST_S)
        self.attempts += 1
        try:
            got = ask(host)
        except Fault as fault:
            with hosts.lock:
                wait_s = self._wait_after(host, fault)
            return self._wait(wait_s)
        except BaseException:
            host.probing = False
            raise
        with hosts.lock:
            hosts.answered(host)
            self._pace.succeeded()
        return got

    def advanced(self, host: Host) -> None:
        """Note that the request under way has brought so much that it is no failure, however it ends."""
        with self._hosts.lock:
            self._hosts.answered(host)
            self._begin()
            self._advanced = True

    def _wait(self, wait_s: float) -> float:
        """How long to wait, or that there is no point in it."""
        now, since, limits = time.monotonic(), self._since or time.monotonic(), self._hosts.limits
        if self._failed - self._connections >= limits.tries or self._failed >= 2 * limits.tries:
            raise Lost("tried", self.reason)
        if not self._answered and now - since >= limits.silent_s:
            raise Lost("tried", self.reason)
        if now + wait_s > since + self._within_s:
            raise Lost("tried", f"not fetched within {self._within_s:.0f} s; last: {self.reason}")
        return wait_s

    def _wait_after(self, host: Host, fault: Fault) -> float:
        """Note a fault; a wait is due once every host that is left has failed, since another may have it at once."""
        self.reason = f"{host.name}: {fault.reason}"
        self._hosts.failed(host, fault)
        if fault.kind in ("busy", "slow", "local"):
            self._pace.slow_down()
        if fault.kind in ("gone", "redirect"):
            self._gone[self._hosts.all.index(host)] = fault.kind == "gone"
        if fault.kind in ("gone", "redirect", "untrusted"):
            return 0.0
        self._answered |= fault.answered
        if self._advanced:
            self._advanced = False
            return 0.0
        self._failed += 1
        self._connections += fault.kind == "connection"
        self._round.append(fault.retry_after_s or 0.0)
        if len(self._round) < self._hosts.count_running(self._gone):
            return 0.0
        limits = self._hosts.limits
        wait_s = max(backoff_s(self._failed, first_s=limits.backoff_s, cap_s=limits.backoff_cap_s), min(self._round))
        self._round.clear()
        return wait_s
