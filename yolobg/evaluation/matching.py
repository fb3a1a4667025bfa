"""Which detections find an object: the rule of COCOeval, so that every number agrees with the field's AP."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from yolobg.evaluation.truth import Truth
from yolobg.scoring.detections import Detections

__all__ = ["IOU", "match"]

IOU = 0.5


def match(truth: Truth, found: Detections, *, iou: float = IOU) -> NDArray[np.bool_]:
    """Whether each detection is a true positive.

    In each image and class, detections are taken by falling score; each takes the free object that it overlaps most, if
    that is at least `iou`. Of objects with equal overlap the last one counts. Equal to `dtMatches` of
    `pycocotools.cocoeval.COCOeval` (objects without crowd flag, all areas).

    Args:
        truth: The objects.
        found: The detections, in the order of `sorted_detections`; those in images beyond `truth.images` match nothing.
        iou: The least overlap.

    Returns:
        One flag a detection, shape (n,).
    """
    flags = np.zeros(len(found.image), dtype=np.bool_)
    objects: dict[tuple[int, int], list[int]] = {}
    for row, key in enumerate(zip(truth.image.tolist(), truth.category.tolist(), strict=True)):
        objects.setdefault(key, []).append(row)
    for start, end in _groups(found):
        rows = objects.get((int(found.image[start]), int(found.category[start])))
        if rows is not None:
            flags[start:end] = _greedy(_overlaps(found.box[start:end], truth.box[rows]), iou)
    return flags


def _groups(found: Detections) -> list[tuple[int, int]]:
    """First and last (exclusive) row of each image and class."""
    if not len(found.image):
        return []
    changes = np.flatnonzero((np.diff(found.image) != 0) | (np.diff(found.category) != 0)) + 1
    edges = [0, *changes.tolist(), len(found.image)]
    return list(itertools.pairwise(edges))


def _overlaps(found: NDArray[np.float64], objects: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intersection over union of each detection (row) with each object (column), as `maskUtils.iou` computes it."""
    d, g = found[:, None, :], objects[None, :, :]
    width = np.minimum(d[..., 2] + d[..., 0], g[..., 2] + g[..., 0]) - np.maximum(d[..., 0], g[..., 0])
    height = np.minimum(d[..., 3] + d[..., 1], g[..., 3] + g[..., 1]) - np.maximum(d[..., 1], g[..., 1])
    both = np.where((width > 0) & (height > 0), width * height, 0.0)
    union = d[..., 2] * d[..., 3] + g[..., 2] * g[..., 3] - both
    return np.divide(both, union, out=np.zeros_like(both), where=both > 0)


def _greedy(overlaps: NDArray[np.float64], iou: float) -> list[bool]:
    free = list(range(overlaps.shape[1]))
    flags = []
    for row in overlaps.tolist():
        best, at = min(iou, 1 - 1e-10), -1
        for column in free:
            if row[column] >= best:
                best, at = row[column], column
        flags.append(at >= 0)
        if at >= 0:
            free.remove(at)
    return flags
