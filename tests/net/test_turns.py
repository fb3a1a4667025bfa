"""Threads that send requests: as many as the pace allows, from the moment on at which it allows them."""

from __future__ import annotations

import queue
import threading
import time

import pytest

from yolobg.net.limits import Limits
from yolobg.net.pace import Pace
from yolobg.net.turns import Crew, Turns

# Nothing here takes as long; a test that fails waits for it once.
LONG_S = 30.0
SLEEPING = 4


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


def test_turns__wakes_all_that_may_work_again() -> None:
    pace = _Steps(1)
    turns: Turns[int] = Turns(pace)
    taken: queue.SimpleQueue[int | None] = queue.SimpleQueue()
    threads = [threading.Thread(target=lambda: taken.put(turns.take()), daemon=True) for _ in range(5)]
    for item in range(5):
        turns.add(item)
    for thread in threads:
        thread.start()
    assert taken.get(timeout=LONG_S) == 0
    # Only who is known to sleep shows that it is woken, and nothing but the condition itself tells who does.
    deadline = time.monotonic() + LONG_S
    while len(turns._changed._waiters) < SLEEPING and time.monotonic() < deadline:  # type: ignore[attr-defined]  # private
        time.sleep(0.001)  # a look is cheap, and nobody says when a thread sleeps
    pace.allow(5)
    # As the thread that was at work does: it gives back and comes for the next item, which wakes the others in turn.
    turns.give_back()
    assert turns.take() == 1
    assert sorted(filter(None, (taken.get(timeout=LONG_S) for _ in range(3)))) == [2, 3, 4]
    turns.close()
    assert taken.get(timeout=LONG_S) is None
