"""How many requests at a time, and how long to wait: additive rules that need no network."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from yolobg.net.limits import Limits

__all__ = ["Pace", "socket_room"]

_GROWTH = 1.08  # throughput must rise by this factor for more requests to be worth while
_ROUND_S = 0.04  # shorter rounds measure noise
_MANY = 1 << 16
_OTHER_HANDLES = 32  # standard streams, libraries, the caller's own files
_PATIENCE = 6  # rounds without growth before the next try to grow


def socket_room() -> int:
    """Requests at a time for which this process has file handles: each may hold a socket and a file."""
    if sys.platform == "win32":
        return _MANY
    import resource  # noqa: PLC0415 - POSIX only

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MANY if soft == resource.RLIM_INFINITY else max(1, (soft - _OTHER_HANDLES) // 2)


class Pace:
    """How many requests at a time; the number follows the throughput.

    It starts modest, doubles while each doubling pays, then tries a quarter more now and again (and goes back when that
    brings nothing), and halves when the host says that it is too much (429, 503) or answers come too late. A fixed
    number never changes. For one thread at a time.
    """

    def __init__(self, fixed: int | None, *, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._fixed = fixed is not None
        room = socket_room()
        self._floor, self._ceiling = min(limits.floor, room), min(limits.ceiling, room)
        self._limit = min(fixed if fixed is not None else limits.start, room)
        self._clock = clock
        self._factor = 2.0
        self._rate = 0.0
        self._before: int | None = None
        self._still = _PATIENCE - 1
        self._halved = False
        self._new_round()

    @property
    def limit(self) -> int:
        """Requests allowed at a time, now."""
        return self._limit

    def was_full(self) -> None:
        """Note that somebody had to wait for a slot."""
        self._was_full = True

    def succeeded(self) -> None:
        """Count a good answer, and at the end of a round judge whether more at a time would pay."""
        self._done += 1
        elapsed = self._clock() - self._since
        if self._fixed or self._done < self._limit or elapsed < _ROUND_S:
            return
        if self._was_full:
            self._judge(self._done / elapsed)
        self._new_round()

    def slow_down(self) -> None:
        """Halve, at most once in a round: one burst of refusals is one sign."""
        self._refused += 1
        if self._fixed or (self._halved and self._refused < self._limit):
            return
        self._limit = max(self._floor, self._limit // 2)
        self._factor, self._before, self._still = 1.25, None, 0
        self._new_round()
        self._halved = True

    def _judge(self, rate: float) -> None:
        """Judge a full round: the one after a growth decides whether it stays, the others when to try again."""
        before, self._before = self._before, None
        if before is None:
            self._still += 1
            self._rate = rate
            if self._still >= _PATIENCE:
                self._grow()
        elif rate > self._rate * _GROWTH:
            self._rate = rate
            self._grow()
        else:
            # More requests that bring nothing only cost memory, here and at the host.
            self._factor = 1.25
            self._limit = before

    def _grow(self) -> None:
        self._before, self._still = self._limit, 0
        self._limit = min(self._ceiling, max(self._limit + 1, int(self._limit * self._factor)))

    def _new_round(self) -> None:
        self._done = self._refused = 0
        self._since = self._clock()
        self._was_full = self._halved = False
