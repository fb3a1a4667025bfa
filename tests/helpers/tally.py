"""How many kills, faults and bad inputs a run tried; `conftest.py` prints the sums at its end.

Tests of any process and any worker of a run add to one file, whose name is in the environment.
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from pathlib import Path

__all__ = ["begin", "end", "tried"]

PLACE = "YOLOBG_TEST_TALLY"
MOST_TEXT = 80


def tried(kind: str, number: int = 1) -> None:
    """Add `number` things of a kind (a plural: `kill points`) that this run really tried."""
    place = os.environ.get(PLACE)
    if place is None or not number:
        return
    # One short line in append mode, so that the workers' lines do not mix.
    with Path(place).open("a", encoding="utf-8") as handle:
        handle.write(f"{number} {kind[:MOST_TEXT]}\n")


def begin() -> bool:
    """Open the file, unless the process that started this one has done so; tells whether it was us."""
    if PLACE in os.environ:
        return False
    handle, os.environ[PLACE] = tempfile.mkstemp(prefix="yolobg-tally-")
    os.close(handle)
    return True


def end() -> str:
    """Remove the file and give its sums as one line of text; empty when nothing was counted."""
    place = Path(os.environ.pop(PLACE))
    sums: Counter[str] = Counter()
    for line in place.read_text(encoding="utf-8").splitlines():
        number, _, kind = line.partition(" ")
        sums[kind] += int(number)
    place.unlink()
    return ", ".join(f"{number:,} {kind}" for kind, number in sorted(sums.items()))
