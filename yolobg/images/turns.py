"""Who may send the next request: as many threads at a time as the pace allows, what waited longest first."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections import deque
from typing import Generic, TypeVar

from yolobg.images.pace import Pace

__all__ = ["Turns"]

T = TypeVar("T")


class Turns(Generic[T]):
    """Items that wait for a turn, and threads that wait for an item."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._changed = threading.Condition()
        self._ready: deque[T] = deque()
        self._later: list[tuple[float, int, T]] = []
        self._order = itertools.count()
        self._active = 0
        self._closed = False

    def add(self, item: T, *, wait_s: float = 0.0) -> None:
        """Have an item wait for a turn; `wait_s` is how long it has to wait at least."""
        with self._changed:
            if wait_s > 0:
                heapq.heappush(self._later, (time.monotonic() + wait_s, next(self._order), item))
            else:
                self._ready.append(item)
            self._changed.notify()

    def take(self) -> T | None:
        """Wait for an item whose turn it is; `give_back` must follow. None once all is over."""
        with self._changed:
            while not self._closed:
                self._promote()
                if self._ready and self._active < self._pace.limit:
                    self._active += 1
                    item = self._ready.popleft()
                    if self._ready and self._active >= self._pace.limit:
                        self._pace.was_full()
                    return item
                self._changed.wait(self._later[0][0] - time.monotonic() if self._later and not self._ready else None)
            return None

    def give_back(self) -> None:
        """End a turn."""
        with self._changed:
            self._active -= 1
            # The thread itself comes for the next item; another is woken only where there is room for two.
            if self._ready and self._active + 1 < self._pace.limit:
                self._changed.notify()

    def close(self) -> None:
        """Let nobody wait any longer."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _promote(self) -> None:
        """What has waited its time comes before what is new."""
        now, due = time.monotonic(), []
        while self._later and self._later[0][0] <= now:
            due.append(heapq.heappop(self._later)[2])
        self._ready.extendleft(reversed(due))
