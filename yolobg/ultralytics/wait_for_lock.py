"""Wait for another yolobg at the same dataset: trainings of a sweep begin all at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from yolobg.errors import LockedError

__all__ = ["retry_while_locked"]

LONGEST_WAIT_S = 900.0

T = TypeVar("T")


def retry_while_locked(work: Callable[[], T], notify: Callable[[str], None], *, longest_s: float = LONGEST_WAIT_S) -> T:
    """Do `work`, again and again while another yolobg holds the dataset; going on would train on half of what it adds.

    Args:
        work: Augments; each try waits some seconds for the lock itself.
        notify: Given one line for each time that the dataset was held.
        longest_s: After this many seconds the wait is given up.

    Raises:
        LockedError: It was held for all that time.
    """
    deadline = time.monotonic() + longest_s
    while True:
        try:
            return work()
        except LockedError as error:
            if time.monotonic() >= deadline:
                raise
            notify(f"{error}; waiting")
