"""What files of annotation tools say of images: which picture, and which classes it shows. Names only, no geometry.

LabelMe, labelImg (Pascal VOC), CVAT for images, FiftyOne, Label Studio and the lists of Open Images. A file that is not
wholly as its tool writes it is not read.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from yolobg.dataset.layout import is_image
from yolobg.errors import DatasetError
from yolobg.export_kinds import (
    CVAT,
    FIFTYONE,
    HEAD_BYTES,
    LABEL_IMG,
    LABEL_STUDIO,
    LABELME,
    OPEN_IMAGES,
    kind_of_export,
)
from yolobg.files import open_ordinary, read_ordinary
from yolobg.formats.cvat_xml import read_cvat
from yolobg.formats.voc_xml import read_annotation

__all__ = ["NAMELESS", "RecordNote", "read_notes"]

NAMELESS = "object"
"""The class of a mark that has none: it may be anything."""

_Classes = Mapping[str, str]
_LARGEST_BYTES = 512 << 20
# What FiftyOne's samples have that tells of no object.
_NO_LABELS = {"metadata", "tags", "_id", "_dataset_id", "_rand", "filepath", "_media_type", "location"}
_ONE_LABEL = {"Classification", "Detection", "Polyline", "Keypoint"}
_MANY_LABELS = {f"{kind}s" for kind in _ONE_LABEL}
_PLAIN_FIELDS = {"Regression", "GeoLocation", "GeoLocations", "ImageMetadata"}
_LABEL_LISTS = re.compile(r"(?:[a-z]*labels|choices|taxonomy)")
_SHAPELESS = {"relation", "textarea", "rating", "number", "datetime", "pairwise"}


@dataclass(frozen=True, slots=True)
class RecordNote:
    """What a record says of one image.

    Attributes:
        name: Its picture, as the record names it: a name, a path of any system, an address.
        classes: The classes that were marked in it.
        whole: Whether a class that is not among these was looked for and not found.
        alone: Whether the file has this record only, so that a picture called like it is meant as well.
    """

    name: str
    classes: frozenset[str]
    whole: bool = True
    alone: bool = False


def read_notes(file: Path, classes: _Classes) -> list[RecordNote] | None:
    """Read a file; None where it is of none of the tools.

    Args:
        file: Any file.
        classes: The names of Open Images' classes, by their ids.

    Raises:
        DatasetError: It is of one of them, and damaged or not as that tool writes it; says what.
    """
    try:
        with open_ordinary(str(file), 1 << 62) as handle:
            kind = kind_of_export(handle.read(HEAD_BYTES))
    except OSError as error:
        raise DatasetError(f"{file}: cannot be read: {error.strerror or error}") from error
    if kind is None or kind.name not in _READERS:
        return None
    try:
        return list(_READERS[kind.name](file, classes))
    except (OSError, msgspec.MsgspecError, ValueError, RecursionError, csv.Error) as error:
        raise DatasetError(f"{file}: cannot be read as {kind.name}: {error}") from error


def _names(labels: Iterable[Any]) -> frozenset[str]:
    """Labels as classes; one that is no name may be anything."""
    return frozenset(label.strip() if isinstance(label, str) and label.strip() else NAMELESS for label in labels)


# ---------------------------------------------------------------- a file for each image


class _Shape(msgspec.Struct):
    label: Any = None


class _LabelMe(msgspec.Struct):
    shapes: list[_Shape]
    imagePath: str  # noqa: N815 - LabelMe's own name
    flags: dict[str, Any] | None = None


def _labelme(file: Path, _classes: _Classes) -> list[RecordNote]:
    read = msgspec.json.decode(read_ordinary(str(file), _LARGEST_BYTES), type=_LabelMe)
    # Flags of the whole image are its classes, where they are set.
    flags = [flag for flag, value in (read.flags or {}).items() if value]
    return [RecordNote(read.imagePath, _names([shape.label for shape in read.shapes] + flags), alone=True)]


def _label_img(file: Path, _classes: _Classes) -> list[RecordNote]:
    read = read_annotation(file)
    marked = (name for thing in read.objects for name in (thing.name, *thing.parts))
    return [RecordNote(read.filename.strip() or file.stem, _names(marked), alone=True)]


def _cvat(file: Path, _classes: _Classes) -> list[RecordNote]:
    return [RecordNote(name, _names(labels)) for name, labels in read_cvat(file)]


# ---------------------------------------------------------------- FiftyOne


class _Samples(msgspec.Struct):
    samples: list[dict[str, Any]]


def _fiftyone(file: Path, _classes: _Classes) -> list[RecordNote]:
    samples = msgspec.json.decode(read_ordinary(str(file), _LARGEST_BYTES), type=_Samples).samples
    return [
        RecordNote(_text(sample, "filepath", place), _names(_labels_in(sample))) for place, sample in enumerate(samples)
    ]


def _text(row: Mapping[str, Any], key: str, place: int) -> str:
    value = row.get(key)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"sample {place} has no '{key}'")
    return value


def _labels_in(sample: Mapping[str, Any]) -> Iterator[Any]:
    """The labels of a sample; of a field that is neither a label nor known to be none, one that may be anything."""
    for key, value in sample.items():
        if key in _NO_LABELS or not isinstance(value, dict):
            continue
        kind = str(value.get("_cls"))
        if kind in _ONE_LABEL:
            yield value.get("label")
        elif kind in _MANY_LABELS:
            lists = (one for one in value.values() if isinstance(one, list))
            yield from (row.get("label") for rows in lists for row in rows if isinstance(row, dict))
        elif kind not in _PLAIN_FIELDS:
            yield None


# ---------------------------------------------------------------- Label Studio


class _Annotation(msgspec.Struct):
    result: list[dict[str, Any]] | None = None
    was_cancelled: bool | None = None


class _Task(msgspec.Struct):
    data: dict[str, Any]
    annotations: list[_Annotation]
    drafts: list[Any] | None = None


def _label_studio(file: Path, _classes: _Classes) -> list[RecordNote]:
    tasks = msgspec.json.decode(read_ordinary(str(file), _LARGEST_BYTES), type=list[_Task])
    return [note for task in tasks for note in _notes_of_task(task)]


def _notes_of_task(task: _Task) -> Iterator[RecordNote]:
    """What was submitted of a task; one that was skipped or not begun says nothing of what is not there."""
    done = [one for one in task.annotations if not one.was_cancelled and one.result is not None]
    rows = [row for one in task.annotations for row in one.result or ()]
    for draft in task.drafts or ():
        rows += [row for row in (draft.get("result") or () if isinstance(draft, dict) else ()) if isinstance(row, dict)]
    labels = [label for row in rows for label in _labels_of(row)]
    pictures = [name for value in task.data.values() if isinstance(value, str) and (name := _picture(value))]
    for name in pictures:
        yield RecordNote(name, _names(labels), whole=bool(done) and len(pictures) == 1)


def _labels_of(row: Mapping[str, Any]) -> list[Any]:
    value, shapeless = row.get("value"), str(row.get("type")) in _SHAPELESS
    if not isinstance(value, dict):
        return [] if shapeless else [None]
    lists = [value[key] for key in value if _LABEL_LISTS.fullmatch(key)]
    if not lists:
        return [] if shapeless else [None]
    return [label for one in lists for label in _flat(one)] or [None]


def _flat(value: Any) -> Iterator[Any]:
    """The labels of a list, also of one of paths through a taxonomy."""
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, list):
            yield from _flat(one)
        else:
            yield one


def _picture(value: str) -> str:
    """The path of an image in a task's data: a path, an address, or what the server has of a local file."""
    try:
        address = urlsplit(value)
    except ValueError:  # a text that only looks like an address
        return value if is_image(value) else ""
    # Below a folder of the server, which is another than ours.
    local = parse_qs(address.query).get("d", [""])[0]
    found = (f"/{local}", unquote(address.path), value)
    return next((name for name in found if is_image(name)), "")


# ---------------------------------------------------------------- Open Images


def _open_images(file: Path, classes: _Classes) -> Iterator[RecordNote]:
    """What was found in each image; of other classes its lists say nothing."""
    shown = dict[str, set[str]]()
    with file.open(encoding="utf-8-sig", newline="") as handle:
        for row in csv.DictReader(handle):
            image, label = row.get("ImageID"), row.get("LabelName")
            if not image or not label:
                raise ValueError("a row has no ImageID or no LabelName")
            held = shown.setdefault(image, set())
            if row.get("Confidence") not in ("0", "0.0"):
                held.add(classes.get(label, NAMELESS))
    return (RecordNote(image, _names(held), whole=False) for image, held in shown.items())


_READERS: dict[str, Callable[[Path, _Classes], Iterable[RecordNote]]] = {
    LABELME.name: _labelme,
    LABEL_IMG.name: _label_img,
    CVAT.name: _cvat,
    FIFTYONE.name: _fiftyone,
    LABEL_STUDIO.name: _label_studio,
    OPEN_IMAGES.name: _open_images,
}
