"""Read predictions that a trainer wrote as COCO results: a list of image, category, box and score."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

import msgspec
import numpy as np

from yolobg.errors import AnnotationsError
from yolobg.files import hash_file, read_ordinary
from yolobg.scoring.detections import Detections, Scored, sorted_detections
from yolobg.wording import counted

__all__ = ["CUT_OFF", "ImageIndex", "read_predictions"]

_LARGEST_BYTES = 4 << 30
_BOX = 4

CUT_OFF = 0.05
"""A lowest score above this means that the trainer left out the detections at the end of the curve."""


class _Prediction(msgspec.Struct):
    category_id: int
    bbox: list[float]
    score: float
    image_id: int | str | None = None
    file_name: str | None = None


class ImageIndex:
    """Finds the image that a prediction is about.

    By `file_name` where the record has one, with as many folders as it has; else by `image_id`, which is a number of
    the source, the file name without its suffix (as text or as a number, as Ultralytics writes it), or the file name.
    """

    def __init__(self, images: Sequence[str], ids: Mapping[int, int] | None = None) -> None:
        """Make an index.

        Args:
            images: The paths of the images.
            ids: The source's own number of an image to its place in `images`, where a source has such numbers.
        """
        self._paths = [PurePosixPath(image.replace("\\", "/")) for image in images]
        self._by_name: dict[str, list[int]] = {}
        self._by_id: dict[int | str, list[int]] = {}
        for place, path in enumerate(self._paths):
            self._by_name.setdefault(path.name, []).append(place)
            self._by_id.setdefault(path.stem, []).append(place)
            if path.stem.isascii() and path.stem.isdecimal():
                self._by_id.setdefault(int(path.stem), []).append(place)
        for number, place in (ids or {}).items():
            if place not in self._by_id.setdefault(number, []):
                self._by_id[number].append(place)

    def find(self, image_id: int | str | None, file_name: str | None) -> list[int]:
        """The places of the images that can be meant: none for an unknown one, several where names are not unique."""
        if file_name is not None:
            wanted = PurePosixPath(file_name.replace("\\", "/"))
            found = self._by_name.get(wanted.name, [])
            if len(found) <= 1:
                return found
            parts = [part for part in wanted.parts if part not in (".", "/")]
            return [place for place in found if list(self._paths[place].parts[-len(parts) :]) == parts]
        if image_id is None:
            return []
        return self._by_id.get(image_id) or self._by_name.get(str(image_id), [])

    def path(self, place: int) -> str:
        """The path at a place."""
        return str(self._paths[place])


def read_predictions(file: Path, index: ImageIndex, *, classes: int, categories: int | None = None) -> Scored:
    """Read a COCO results file.

    Args:
        file: A JSON list of `{image_id or file_name, category_id, bbox: [left, top, width, height], score}`.
        index: The images that are meant; predictions about others are left out and counted.
        classes: How many classes the dataset has.
        categories: The number of the dataset's first class in the file, 0 or 1; None settles it by the numbers in it.

    Raises:
        AnnotationsError: It cannot be read, is no such list, is about other images, or its category numbers are not
            the dataset's or can be read in two ways.
    """
    records = _read(file)
    first = _first_category(records, classes, file) if categories is None else categories
    found, unknown = _rows(records, index, first, classes, file)
    if records and unknown == len(records):
        raise AnnotationsError(
            f"{file}: none of its {counted(unknown, 'prediction')} is about an image that is evaluated (the first is "
            f"about {records[0].file_name or records[0].image_id}); predict on the images that --dry-run lists"
        )
    lowest = float(found.score.min()) if len(found.score) else None
    warnings = []
    if unknown:
        warnings.append(
            f"{file}: {counted(unknown, 'prediction', 'are')} about images that are not evaluated; they do not count"
        )
    if lowest is not None and lowest > CUT_OFF:
        warnings.append(
            f"{file}: the lowest score is {lowest:.3f}, so the curve is cut off there; predict with a confidence "
            "threshold of 0.001"
        )
    return Scored(file.stem, str(file), hash_file(file), found, lowest, tuple(warnings))


def _read(file: Path) -> list[_Prediction]:
    try:
        records = msgspec.json.decode(read_ordinary(file, _LARGEST_BYTES), type=list[_Prediction])
    except OSError as error:
        raise AnnotationsError(f"{file}: cannot be read: {error.strerror or error}") from error
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise AnnotationsError(
            f"{file}: not predictions in COCO's results format ({error}); expected a list of image_id or file_name, "
            "category_id, bbox [left, top, width, height] and score"
        ) from error
    for place, record in enumerate(records):
        if problem := _problem(record):
            raise AnnotationsError(f"{file}: prediction {place}: {problem}")
    return records


def _problem(record: _Prediction) -> str:
    """What is wrong with a prediction, or nothing."""
    if record.image_id is None and record.file_name is None:
        return "it has neither image_id nor file_name"
    if len(record.bbox) != _BOX or not all(map(math.isfinite, record.bbox)) or min(record.bbox[2:]) < 0:
        return f"bbox must be left, top, width and height in pixels, found {record.bbox[:8]}"
    if not 0 <= record.score <= 1:
        return f"score must be from 0 to 1, found {record.score}"
    return ""


def _first_category(records: Sequence[_Prediction], classes: int, file: Path) -> int:
    """0 or 1: any 0 settles it, and so does the number of classes."""
    used = {record.category_id for record in records}
    if not used or 0 in used:
        return 0
    if max(used) == classes:
        return 1
    if min(used) < 0 or max(used) > classes:
        raise AnnotationsError(
            f"{file}: category_id has {_some(used)}, which are not the dataset's {counted(classes, 'class')} (0 to "
            f"{classes - 1}, or 1 to {classes}); predict with a model that has these classes"
        )
    raise AnnotationsError(
        f"{file}: category_id has {_some(used)} for {counted(classes, 'class')}, which can be read with the first "
        "class as 0 or "
        "as 1; say which with --categories 0 or --categories 1"
    )


def _some(numbers: set[int]) -> str:
    shown = ", ".join(map(str, sorted(numbers)[:5]))
    return shown if len(numbers) <= 5 else f"{shown}, …"  # noqa: PLR2004 - as above


def _rows(
    records: Sequence[_Prediction], index: ImageIndex, first: int, classes: int, file: Path
) -> tuple[Detections, int]:
    """The detections, and how many predictions are about unknown images."""
    images: list[int] = []
    kept: list[_Prediction] = []
    for record in records:
        if not 0 <= record.category_id - first < classes:
            raise AnnotationsError(
                f"{file}: category_id {record.category_id} is not one of {first} to {first + classes - 1}, the "
                f"dataset's {counted(classes, 'class')}; predict with a model that has these classes"
            )
        places = index.find(record.image_id, record.file_name)
        if len(places) > 1:
            raise AnnotationsError(
                f"{file}: {record.file_name or record.image_id} can mean {index.path(places[0])} or "
                f"{index.path(places[1])}; give file_name with its folders"
            )
        if places:
            images.append(places[0])
            kept.append(record)
    detections = sorted_detections(
        np.array(images, dtype=np.int64),
        np.array([record.category_id - first for record in kept], dtype=np.int64),
        np.array([record.bbox for record in kept], dtype=np.float64).reshape(-1, _BOX),
        np.array([record.score for record in kept], dtype=np.float64),
    )
    return detections, len(records) - len(kept)
