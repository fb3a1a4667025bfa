"""Detections that were computed before, by the content of model and image, so that no image is scored twice.

A folder for each model, image size and version of the preparation; in it a file for each batch, written whole or not at
all. So a killed run loses at most a batch, and two runs at once do no harm. A damaged file is deleted and its images
are scored again.
"""

from __future__ import annotations

import contextlib
import hashlib
import uuid
from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from yolobg.files import read_ordinary, write_bytes
from yolobg.scoring.stored import SUFFIX

__all__ = ["PREPARATION", "Rows", "ScoreCache"]

Rows = NDArray[np.float32]

PREPARATION = 1
"""The version of what happens between an image file and a detection; a change makes what was stored useless."""

_COLUMNS = 6
_DIGEST_BYTES = 32
_LARGEST_BYTES = 1 << 30


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
        for file in sorted(self._folder.glob(f"*{SUFFIX}")):
            batch = _read(file)
            if batch is None:
                with contextlib.suppress(OSError):
                    file.unlink(missing_ok=True)
            else:
                found.update(batch)
        return found

    def write(self, batch: Mapping[str, Rows]) -> None:
        """Store the rows of some images, in one atomic step.

        Raises:
            OSError: The cache folder cannot be written.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        packed = {image: np.ascontiguousarray(rows, dtype="<f4").tobytes() for image, rows in batch.items()}
        data = msgspec.msgpack.encode(packed)
        write_bytes(self._folder / f"{uuid.uuid4().hex}{SUFFIX}", hashlib.sha256(data).digest() + data)


def _read(file: Path) -> dict[str, Rows] | None:
    """The rows of a batch; None where the file is damaged."""
    try:
        content = read_ordinary(file, _LARGEST_BYTES)
        digest, data = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
        if hashlib.sha256(data).digest() != digest:
            return None
        packed = msgspec.msgpack.decode(data, type=dict[str, bytes])
        return {
            image: np.frombuffer(rows, dtype="<f4").reshape(-1, _COLUMNS).astype(np.float32)
            for image, rows in packed.items()
        }
    except (OSError, ValueError, msgspec.MsgspecError):
        return None
