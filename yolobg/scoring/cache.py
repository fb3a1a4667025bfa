"""Detections that were computed before, by the content of model and image, so that no image is scored twice.

A folder for each model, image size and version of the preparation; see `stored` for its files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from yolobg.scoring.stored import read_batches, write_batch

__all__ = ["PREPARATION", "Look", "Rows", "ScoreCache"]

Rows = NDArray[np.float32]
Look = Callable[[str], Rows | None]

PREPARATION = 1
"""The version of what happens between an image file and a detection; a change makes what was stored useless."""

_COLUMNS = 6


class ScoreCache:
    """What one model found in images, by the SHA-256 of each image.

    Rows are `left, top, right, bottom, score, class`, in pixels of the image and by the model's own class numbers, as
    32-bit floats, which is what models compute in.

    Args:
        folder: Where scores are kept, below the cache folder.
        model: SHA-256 of the model's file.
        imgsz: Side in pixels that images are resized to.
        reader: What runs the model; another one may differ in the last digit.
    """

    def __init__(self, folder: Path, model: str, imgsz: int, reader: str) -> None:
        self._folder = folder / f"{model[:16]}-{imgsz}-{reader}-{PREPARATION}"

    def read(self) -> dict[str, Rows]:
        """All that is stored."""
        found: dict[str, Rows] = {}
        for batch in read_batches(self._folder, dict[str, bytes]):
            # Only whole rows were written, so what is of another length is of no use.
            found |= {image: _unpacked(rows) for image, rows in batch.items() if len(rows) % (4 * _COLUMNS) == 0}
        return found

    def write(self, batch: Mapping[str, Rows]) -> None:
        """Store the rows of some images, in one atomic step.

        Raises:
            OSError: The cache folder cannot be written.
        """
        packed = {image: np.ascontiguousarray(rows, dtype="<f4").tobytes() for image, rows in batch.items()}
        write_batch(self._folder, packed)


def _unpacked(rows: bytes) -> Rows:
    return np.frombuffer(rows, dtype="<f4").reshape(-1, _COLUMNS).astype(np.float32)
