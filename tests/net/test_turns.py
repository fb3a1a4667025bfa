"""Threads that send requests: as many as the pace allows, from the moment on at which it allows them."""

from __future__ import annotations

import threading

import pytest

from yolobg.net.limits import Limits
from yolobg.net.pace import Pace
from yolobg.net.turns import Crew

LONG_S = 30.0


class _Steps(Pace):
    """A pace that a test sets."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit, limits=Limits())

    def allow(self, limit: int) -> None:
        self._limit = limit


@pytest.mark.parametrize("limit", [2, 5, 40])
def test_crew__works_on_more_at_once_as_soon_as_more_are_allowed(limit: int) -> None:
    pace, together, done = _Steps(1), threading.Barrier(limit), threading.Semaphore(0)
    all_in = threading.Event()

    def work(item: int) -> None:
        if item == 0:
            # Nothing is submitted after this: what waits is to be begun all the same.
            assert all_in.wait(LONG_S)
            pace.allow(limit)
        else:
            together.wait(LONG_S)
        done.release()

    crew: Crew[int] = Crew(work, pace, name="test")
    for item in range(limit + 1):
        crew.submit(item)
    all_in.set()
    try:
        for _ in range(limit + 1):
            assert done.acquire(timeout=LONG_S), "fewer than allowed were at work at the same time"
    finally:
        together.abort()
        crew.close(lambda: None)
