"""The labelled objects of a split, in pixels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from yolobg.dataset.inventory import scan_split
from yolobg.dataset.label_reader import LARGEST_LABEL_BYTES
from yolobg.errors import DatasetError
from yolobg.files import read_ordinary
from yolobg.formats.contents import Shape, image_size
from yolobg.formats.yolo_read import parse_rows
from yolobg.model import DataYaml, Progress, no_progress
from yolobg.wording import counted

__all__ = ["Truth", "read_truth"]

_STRIDE = 100


@dataclass(frozen=True)
class Truth:
    """The images of a split that have objects, and these objects; one row an object, sorted by image.

    Attributes:
        images: Absolute paths of the images, each once.
        sizes: Width and height of each in pixels, as its EXIF tag turns it.
        image: Place in `images`, shape (n,).
        category: Class id, shape (n,).
        box: Left, top, width and height in pixels, shape (n, 4).
        warnings: For a person to read.
    """

    images: tuple[str, ...]
    sizes: tuple[tuple[int, int], ...]
    image: NDArray[np.int64]
    category: NDArray[np.int64]
    box: NDArray[np.float64]
    warnings: tuple[str, ...] = ()


def read_truth(data: DataYaml, split: str, *, progress: Progress = no_progress) -> Truth:
    """Read the labelled images of a split; a trainer drops those with corrupt labels, and so does this.

    Images without objects are left out: recall and AP are about the labelled ones.

    Args:
        data: The dataset.
        split: The split's name.
        progress: Told about the stages `scan` and `labels`.

    Raises:
        DatasetError: The split cannot be read, or has no labelled image.
    """
    inventory = scan_split(data, split, progress=progress)
    found = {entry.image: entry.label for entry in inventory.files if entry.state == "found"}
    if not found:
        raise DatasetError(f"{data.file}: split '{split}' has no labelled image, so there is no recall to compare")
    sizes: list[tuple[int, int]] = []
    rows: list[tuple[int, int, float, float, float, float]] = []
    for place, (image, label) in enumerate(found.items()):
        if place % _STRIDE == 0:
            progress("labels", place, len(found))
        size = image_size(Path(image))
        sizes.append(size)
        rows += (_row(place, shape, size) for shape in _shapes(label, data.kpt_shape))
    progress("labels", len(found), len(found))
    table = np.array(rows, dtype=np.float64).reshape(-1, 6)
    warnings = inventory.warnings
    corrupt = sum(entry.state == "corrupt" for entry in inventory.files)
    if corrupt:
        warnings += (
            f"{split}: {counted(corrupt, 'image')} with corrupt labels left out (`yolobg status` shows which)",
        )
    places, ids = table[:, 0].astype(np.int64), table[:, 1].astype(np.int64)
    return Truth(tuple(found), tuple(sizes), places, ids, table[:, 2:], warnings)


def _shapes(label: str, kpt_shape: tuple[int, int] | None) -> list[Shape]:
    try:
        text = read_ordinary(label, LARGEST_LABEL_BYTES).decode("utf-8-sig")
        # Ultralytics drops repeated rows.
        return list(dict.fromkeys(parse_rows(text, kpt_shape)))
    except (OSError, ValueError, OverflowError) as error:
        raise DatasetError(f"{label}: cannot be read: {error}") from error


def _row(place: int, shape: Shape, size: tuple[int, int]) -> tuple[int, int, float, float, float, float]:
    (x, y, w, h), (width, height) = shape.box, size
    return place, shape.class_id, (x - w / 2) * width, (y - h / 2) * height, w * width, h * height
