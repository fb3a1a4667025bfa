"""In which order the workers of a run get the tests: one that takes minutes must not be the last."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

__all__ = ["long_ones_first"]

T = TypeVar("T")


def long_ones_first(tests: Sequence[T], is_long: Callable[[T], bool], workers: int) -> list[T]:
    """The same tests, so that each worker begins with its share of the long ones.

    `pytest -n N` gives each worker a piece of the list, all of one length, and a worker without work takes from the end
    of another's. So what stands at the beginning of each piece is begun first, and what is left for the end is short.
    """
    long, rest = [t for t in tests if is_long(t)], [t for t in tests if not is_long(t)]
    dealt: list[T] = []
    for worker in range(workers):
        share = long[worker::workers]
        piece = max(0, (len(tests) - len(dealt)) // (workers - worker) - len(share))
        dealt += share + rest[:piece]
        rest = rest[piece:]
    return dealt + rest
