"""The files of the score cache, without what is in them: usable where numpy is not installed."""

from __future__ import annotations

import contextlib
from pathlib import Path

__all__ = ["SUFFIX", "clear_scores", "scores_size"]

SUFFIX = ".scores"


def scores_size(folder: Path) -> int:
    """The bytes that stored scores take."""
    return sum(file.stat().st_size for file in folder.glob(f"*/*{SUFFIX}"))


def clear_scores(folder: Path) -> int:
    """Remove all stored scores and no other file; returns the bytes that were freed.

    Raises:
        OSError: One cannot be removed.
    """
    freed = 0
    for file in list(folder.glob(f"*/*{SUFFIX}")):
        freed += file.stat().st_size
        file.unlink(missing_ok=True)
    for place in [*folder.glob("*"), folder]:
        # Where another file lies in it, the folder stays.
        with contextlib.suppress(OSError):
            place.rmdir()
    return freed
