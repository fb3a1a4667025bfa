"""Read a dataset with a data.yaml, and what all of the YOLO family have in common: rows, lists, checks.

An image without a label file, or with one of blanks, is a background in all of them.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from yolobg.dataset.data_yaml import read_data_yaml
from yolobg.dataset.inventory import SplitScan
from yolobg.dataset.label_reader import LARGEST_LABEL_BYTES
from yolobg.dataset.label_rules import label_checker
from yolobg.dataset.layout import is_image
from yolobg.errors import DatasetError
from yolobg.files import read_ordinary
from yolobg.formats.contents import Item, Meta, Shape, box_around, stem_of
from yolobg.formats.packed_rows import Packed, pack_rows
from yolobg.model import DataYaml, LabelProblem
from yolobg.wording import counted
from yolobg.yaml_text import LARGEST_BYTES, load_yaml

__all__ = ["Listed", "YoloContents", "check_labels", "parse_rows", "read_yolo", "unique_names"]

_BOX = 5
_DIMENSIONS_WITH_VISIBILITY = 3
_SEEN = 2.0


class Listed(NamedTuple):
    """An image with its label file; `has_label` is false where that is missing."""

    split: str
    name: str
    image: str
    label: str
    has_label: bool


@dataclass(frozen=True)
class YoloContents:
    """A dataset of the YOLO family: the list in memory, compressed; the labels read again each time."""

    names: Mapping[int, str]
    splits: tuple[str, ...]
    listed: Packed[Listed]
    meta: Meta = field(default_factory=Meta)
    warnings: tuple[str, ...] = ()

    def listing(self) -> Iterator[tuple[str, str]]:
        """Split and name of every image, in that order."""
        return ((entry.split, entry.name) for entry in self.listed)

    def items(self) -> Iterator[Item]:
        """Every image, in `item_order`."""
        for entry in self.listed:
            rows = _read(entry.label) if entry.has_label else ""
            try:
                shapes = parse_rows(rows, self.meta.kpt_shape)
            except (ValueError, OverflowError) as error:  # key points, which the label check does not look at
                raise DatasetError(f"{entry.label}: {error}; fix it or take the image out") from error
            yield Item(entry.split, entry.name, entry.image, shapes)


def parse_rows(text: str, kpt_shape: tuple[int, int] | None = None) -> tuple[Shape, ...]:
    """Label text to objects; the text has passed the label check."""
    shapes = []
    for line in text.splitlines():
        columns = line.split()
        if columns:
            values = [float(column) for column in columns[1:]]
            shapes.append(_shape(int(float(columns[0])), values, kpt_shape))
    return tuple(shapes)


def _shape(class_id: int, values: list[float], kpt_shape: tuple[int, int] | None) -> Shape:
    box = (values[0], values[1], values[2], values[3]) if len(values) >= _BOX - 1 else (0.0, 0.0, 0.0, 0.0)
    if len(values) == _BOX - 1:
        return Shape(class_id, box)
    if kpt_shape and len(values) == _BOX - 1 + kpt_shape[0] * kpt_shape[1]:
        points, dimensions = values[_BOX - 1 :], kpt_shape[1]
        triples = [
            (points[i], points[i + 1], points[i + 2] if dimensions == _DIMENSIONS_WITH_VISIBILITY else _SEEN)
            for i in range(0, len(points), dimensions)
        ]
        # Nobody marked a point: the columns are there for their form only.
        marked = any(points)
        return Shape(class_id, box, key_points=tuple(v for triple in triples for v in triple) if marked else ())
    ring = tuple(values)
    return Shape(class_id, box_around((ring,)), polygons=(ring,))


def read_yolo(data_yaml: Path, *, skip_corrupt: bool = False) -> YoloContents:
    """Read a dataset with a data.yaml, as Ultralytics finds its images and labels.

    Raises:
        DatasetError: It cannot be read, or has corrupt labels and `skip_corrupt` was not asked for.
    """
    data, missing = _without_missing(read_data_yaml(data_yaml))
    warnings = [*data.warnings, *missing]
    problems: list[LabelProblem] = []
    # In the order of the splits' names, so that the list comes in order.
    entries = (_listed(data, split, warnings, problems) for split in sorted(data.splits))
    listed = pack_rows(Listed, itertools.chain.from_iterable(entries))
    if problems and not skip_corrupt:
        first = "; ".join(f"{p.label}: {p.reason}" for p in problems[:3])
        raise DatasetError(
            f"{data.file}: {counted(len(problems), 'corrupt label')}, so trainers drop their images ({first}). Fix "
            "them "
            "(`yolobg status` lists them), or pass --skip-corrupt to leave these images out"
        )
    if problems:
        warnings.append(f"{counted(len(problems), 'image')} with corrupt labels left out, as requested")
    return YoloContents(data.names, tuple(data.splits), listed, _read_meta(data), tuple(warnings))


def _without_missing(data: DataYaml) -> tuple[DataYaml, list[str]]:
    """The dataset without the splits whose images are not there, as long as one is; and what to say of each."""
    there = {split: entries for split, entries in data.splits.items() if _has_images(entries)}
    if not there or len(there) == len(data.splits):
        return data, []
    said = [
        f"{data.file.name}: key '{split}' names {', '.join(entries)}, where no image is: the split was left out"
        for split, entries in data.splits.items()
        if split not in there
    ]
    return replace(data, splits=there), said


def _has_images(entries: Sequence[str]) -> bool:
    """Whether a split has more than folders that are missing or hold no image; lists are looked into later."""
    return any(
        os.path.isfile(entry) or any(map(is_image, files))  # noqa: PTH113
        for entry in entries
        for files in ([], *(files for _, _, files in os.walk(entry, followlinks=True)))
    )


def _listed(data: DataYaml, split: str, warnings: list[str], problems: list[LabelProblem]) -> Iterator[Listed]:
    """The images of a split, each once, without those that are corrupt."""
    scan = SplitScan(data, split)
    name_of = _namer(scan.entries, split)
    alone = len(scan.entries) == 1 and os.path.isdir(scan.entries[0])  # noqa: PTH112
    seen = set[str]()
    for file in scan.files():
        if file.state != "corrupt" and file.image not in seen:
            yield Listed(split, name_of(file.image), file.image, file.label, file.state == "found")
        if not alone:
            # One folder lists an image once; lists may have it several times, and in several forms.
            seen.add(file.image)
    warnings += scan.warnings
    problems += scan.problems


def _read_meta(data: DataYaml) -> Meta:
    if not data.kpt_shape or not data.kpt_shape[0]:
        return Meta()
    raw = load_yaml(read_ordinary(data.file, LARGEST_BYTES), source=str(data.file), repeated_keys=[])
    flip = raw.get("flip_idx") if isinstance(raw, dict) else None
    whole = isinstance(flip, list) and all(isinstance(place, int) for place in flip)
    return Meta(kpt_shape=data.kpt_shape, flip_idx=tuple(flip) if whole and flip else ())


def _read(label: str) -> str:
    try:
        return read_ordinary(label, LARGEST_LABEL_BYTES).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{label}: cannot be read: {error}") from error


def check_labels(listed: Iterable[Listed], classes: int) -> int:
    """Check labels as trainers do.

    Args:
        listed: The images.
        classes: How many classes there are; 0 where nobody says.

    Returns:
        The largest class id in use, or -1.

    Raises:
        DatasetError: A label is one that trainers call corrupt.
    """
    largest = -1
    check = label_checker(classes or 1_000_000)
    for entry in listed:
        if not entry.has_label:
            continue
        text = _read(entry.label)
        verdict = check(text.encode("utf-8"))
        if verdict.state == "corrupt":
            where = f", line {verdict.line}" if verdict.line else ""
            raise DatasetError(f"{entry.label}{where}: {verdict.reason}; fix it or take the image out")
        largest = max([largest, *(int(float(line.split()[0])) for line in text.splitlines() if line.strip())])
    return largest


def _namer(entries: Sequence[str], split: str) -> Callable[[str], str]:
    """Gives an image its name: its path within the split's folder; made unique where several folders have it."""
    homes = sorted((entry.rstrip(os.sep) + os.sep for entry in entries if os.path.isdir(entry)), key=len, reverse=True)  # noqa: PTH112
    alone = len(homes) == len(entries) == 1
    unique = unique_names()

    def name_of(image: str) -> str:
        home = next((home for home in homes if image.startswith(home)), None)
        name = (image[len(home) :] if home else _after_images(image, split)).replace(os.sep, "/")
        return name if alone else unique(name)

    return name_of


def unique_names() -> Callable[[str], str]:
    """Gives each name once: the second image of a name gets a number."""
    taken = set[int]()

    def name_of(start: str) -> str:
        name, number = start, 1
        # Hashes take a third of the memory; should two names ever share one, an image gets a number for nothing.
        while hash(name) in taken:
            number += 1
            stem, suffix = stem_of(start), start[len(stem_of(start)) :]
            name = f"{stem}-{number}{suffix}"
        taken.add(hash(name))
        return name

    return name_of


def _after_images(image: str, split: str) -> str:
    """What follows the last `/images/` of a listed path, less the split's own folder; else the file name."""
    _, middle, tail = image.rpartition(f"{os.sep}images{os.sep}")
    if not middle:
        return os.path.basename(image)  # noqa: PTH119
    return tail[len(split) + 1 :] if tail.startswith(split + os.sep) else tail
