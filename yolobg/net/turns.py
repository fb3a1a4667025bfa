"""Threads that send requests: as many at a time as the pace allows, what waited longest first."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from yolobg.errors import YolobgError
from yolobg.net.pace import Pace
from yolobg.threads import start_thread

__all__ = ["Crew", "Turns"]

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
                self._changed.notify()
            else:
                self._ready.append(item)
                self._wake()

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
                    self._wake()
                    return item
                self._changed.wait(self._later[0][0] - time.monotonic() if self._later and not self._ready else None)
            return None

    def give_back(self) -> None:
        """End a turn."""
        with self._changed:
            # The thread itself comes for the next item, and wakes another where there is room for two.
            self._active -= 1

    @property
    def wanted(self) -> int:
        """How many threads would have a turn now, if there were any number of them."""
        with self._changed:
            return min(self._pace.limit, self._active + len(self._ready))

    def close(self) -> None:
        """Let nobody wait any longer."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _wake(self) -> None:
        """Wake a thread, if there is work for it; it wakes the next."""
        if self._ready and self._active < self._pace.limit:
            self._changed.notify()

    def _promote(self) -> None:
        """What has waited its time comes before what is new."""
        now, due = time.monotonic(), []
        while self._later and self._later[0][0] <= now:
            due.append(heapq.heappop(self._later)[2])
        self._ready.extendleft(reversed(due))


class Crew(Generic[T]):
    """Threads that work on items by turns, started as they are needed.

    Args:
        work: One turn of an item: the seconds until its next one, or None when it is done with. Must not raise.
        pace: How many at a time.
        name: Of the threads.
    """

    def __init__(self, work: Callable[[T], float | None], pace: Pace, *, name: str) -> None:
        self._work, self._pace, self._name = work, pace, name
        self._turns: Turns[T] = Turns(pace)
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._is_short = self._closed = False

    def submit(self, item: T) -> None:
        """Have an item worked on.

        Raises:
            YolobgError: This machine has no thread for it.
        """
        self._turns.add(item)
        # One for each, also where another has nothing to do just now: what a long run has later, a short one has too.
        self._start_threads(min(self._pace.limit, len(self._threads) + 1))

    def _start_threads(self, wanted: int) -> None:
        """Start threads until there are so many."""
        with self._lock:
            while not self._closed and not self._is_short and len(self._threads) < wanted:
                try:
                    self._threads.append(start_thread(self._run, name=self._name))
                except YolobgError:
                    # Those that there are work on all items as well.
                    self._is_short = True
                    if not self._threads:
                        raise

    def close(self, cut: Callable[[], None]) -> None:
        """Let no item have another turn, end those under way by `cut`, and wait for the threads."""
        with self._lock:
            self._closed = True
        self._turns.close()
        cut()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while (item := self._turns.take()) is not None:
            wait_s = self._work(item)
            self._turns.give_back()
            # At once, since the pace compares what comes in with that before: with threads that start one by one, as
            # further items are submitted, more at a time would seem to bring nothing.
            if len(self._threads) < self._pace.limit:
                self._start_threads(self._turns.wanted)
            if wait_s is not None:
                self._turns.add(item, wait_s=wait_s)
