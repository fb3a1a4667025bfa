"""The detections of one model on a list of images, as arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["MOST_PER_CLASS", "Detections", "Scored", "sorted_detections"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

MOST_PER_CLASS = 100
"""Detections of one class in one image that count, the best of them: COCOeval's largest `maxDets`."""


@dataclass(frozen=True)
class Detections:
    """What a model found, sorted by image, class and falling score; one row a detection.

    Attributes:
        image: Place of the image in the list that was scored, shape (n,).
        category: Class id of the dataset, shape (n,).
        box: Left, top, width and height in pixels of the image as its EXIF tag turns it, shape (n, 4).
        score: Confidence from 0 to 1, shape (n,).
    """

    image: Ints
    category: Ints
    box: Floats
    score: Floats


@dataclass(frozen=True)
class Scored:
    """One run of a model with its detections.

    Attributes:
        name: What to call it.
        file: The file it was given as.
        sha256: Hex digest of that file's content.
        detections: What it found.
        lowest: The lowest score that it gave; None where it gave none.
        warnings: For a person to read.
        run_by: The library that ran the model, and its version; None for predictions from elsewhere.
    """

    name: str
    file: str
    sha256: str
    detections: Detections
    lowest: float | None
    warnings: tuple[str, ...] = ()
    run_by: tuple[str, str] | None = None


def sorted_detections(image: Ints, category: Ints, box: Floats, score: Floats) -> Detections:
    """Detections in the order and number that COCOeval looks at: by falling score, at most 100 a class and image.

    Args:
        image: As in `Detections`, in the order in which the model gave them.
        category: As there.
        box: As there.
        score: As there.
    """
    order = np.lexsort((-score, category, image))
    image, category = image[order], category[order]
    starts = np.flatnonzero(np.r_[True, (np.diff(image) != 0) | (np.diff(category) != 0)]) if len(image) else image
    rank = np.arange(len(image)) - np.repeat(starts, np.diff(np.r_[starts, len(image)]))
    kept = rank < MOST_PER_CLASS
    order = order[kept]
    return Detections(image[kept], category[kept], box[order], score[order])
