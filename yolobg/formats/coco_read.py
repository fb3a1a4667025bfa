"""Read COCO instances and key points through a memory map; objects are decoded when their image is asked for."""

from __future__ import annotations

import mmap
import os
import re
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from yolobg.errors import DatasetError
from yolobg.formats.items import Item, Meta, Shape, box_around, image_size

__all__ = ["CocoContents", "find_coco", "read_coco"]

_KINDS = ("instances", "person_keypoints")
_PREFIX = re.compile(r"^(?:instances|person_keypoints|annotations)[_-]?", re.IGNORECASE)
_RING = 6


class _Image(msgspec.Struct, gc=False):
    id: int
    file_name: str
    width: int | None = None
    height: int | None = None


class _Category(msgspec.Struct):
    id: int
    name: str
    keypoints: list[str] | None = None


class _Owner(msgspec.Struct, gc=False):
    image_id: int


class _File(msgspec.Struct):
    images: list[_Image]
    categories: list[_Category]
    annotations: list[_Owner]


class _Rows(msgspec.Struct):
    annotations: list[msgspec.Raw]


class _Object(msgspec.Struct):
    category_id: int
    bbox: list[float] | None = None
    segmentation: Any = None
    keypoints: list[float] | None = None
    iscrowd: int = 0


_decode_object = msgspec.json.Decoder(_Object, strict=False).decode


@dataclass(frozen=True)
class _Split:
    """One annotations file, open."""

    name: str
    file: Path
    folders: tuple[Path, ...]
    images: Sequence[_Image]
    rows: Sequence[msgspec.Raw]
    first: Mapping[int, array[int]]


@dataclass(frozen=True)
class CocoContents:
    """A COCO dataset; class ids are the categories in ascending order of their own ids."""

    names: Mapping[int, str]
    meta: Meta
    parts: Sequence[_Split]
    warnings: tuple[str, ...] = ()

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits, one for each file."""
        return tuple(part.name for part in self.parts)

    def listing(self) -> Iterator[tuple[str, str]]:
        """Split and name of every image, in that order."""
        return ((part.name, _name(record.file_name)) for part in self.parts for record in part.images)

    def items(self) -> Iterator[Item]:
        """Every image, in `item_order`."""
        class_ids = {number: class_id for class_id, number in self.meta.category_ids.items()}
        for part in self.parts:
            for record in part.images:
                image = _find(part.folders, record.file_name)
                size = (record.width, record.height) if record.width and record.height else None
                places = part.first.get(record.id)
                if places and size is None:
                    size = _measured(part, record, image)
                shapes = tuple(_shape(part, places_, class_ids, size) for places_ in places or ())
                yield Item(part.name, _name(record.file_name), image, shapes, size, record.id)


def find_coco(place: Path) -> dict[str, Path]:
    """Split to annotations file: those in `annotations/` or the folder itself, or Roboflow's in each split's folder.

    Raises:
        DatasetError: There is none.
    """
    if place.is_file():
        return {_split_of(place): place}
    found = {file.parent.name: file for file in sorted(place.glob("*/_annotations.coco.json"))}
    for folder in (place / "annotations", place):
        if found:
            break
        for kind in _KINDS:
            # Key point files repeat the objects of the instances files, so they count only where those are missing.
            for file in sorted(folder.glob(f"{kind}_*.json")):
                found.setdefault(_split_of(file), file)
    if not found:
        raise DatasetError(f"{place}: no annotations/instances_*.json in it; give the folder above annotations/")
    return dict(sorted(found.items()))


def read_coco(place: Path) -> CocoContents:
    """Open a COCO dataset.

    Raises:
        DatasetError: A file is not COCO, or the files disagree about the categories.
    """
    files = find_coco(place)
    root = place if place.is_dir() else place.parent.parent if place.parent.name == "annotations" else place.parent
    parts: list[_Split] = []
    categories: dict[int, _Category] = {}
    for split, file in files.items():
        part, found = _open(split, file, root)
        for category in found:
            other = categories.setdefault(category.id, category)
            if other.name != category.name:
                raise DatasetError(
                    f"{file}: category {category.id} is '{category.name}' here and '{other.name}' in another split"
                )
        parts.append(part)
    numbers = sorted(categories)
    most = max((len(category.keypoints or ()) for category in categories.values()), default=0)
    meta = Meta(dict(enumerate(numbers)), (most, 3) if most else None)
    return CocoContents({i: categories[number].name for i, number in enumerate(numbers)}, meta, parts)


def _open(split: str, file: Path, root: Path) -> tuple[_Split, list[_Category]]:
    try:
        data = _content(file)
        decoded = msgspec.json.decode(data, type=_File, strict=False)
        rows = msgspec.json.decode(data, type=_Rows).annotations
    except (OSError, ValueError, msgspec.MsgspecError) as error:
        raise DatasetError(f"{file}: not a COCO annotations file: {error}") from error
    first: dict[int, array[int]] = {}
    for place, owner in enumerate(decoded.annotations):
        first.setdefault(owner.image_id, array("q")).append(place)
    known = {image.id for image in decoded.images}
    if len(known) != len(decoded.images):
        raise DatasetError(f"{file}: two images have the same id")
    stray = next((image_id for image_id in first if image_id not in known), None)
    if stray is not None:
        raise DatasetError(f"{file}: an annotation belongs to image {stray}, which the file does not list")
    decoded.images.sort(key=lambda image: _name(image.file_name))
    folders = (root / "images" / split, root / split, root / "images", file.parent, root)
    return _Split(split, file, folders, decoded.images, rows, first), decoded.categories


def _content(file: Path) -> bytes | mmap.mmap:
    # Windows can neither move nor remove a folder while a file in it is mapped, and this one may be in staging.
    if os.name == "nt":
        return file.read_bytes()
    with file.open("rb") as handle:
        return mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ)


def _split_of(file: Path) -> str:
    return _PREFIX.sub("", file.stem) or "train"


def _name(file_name: str) -> str:
    """A name that stays inside the dataset, whatever the file says."""
    parts = [part for part in re.split(r"[/\\]", file_name) if part not in ("", ".", "..")]
    return "/".join(part.replace(":", "_") for part in parts) or "image.jpg"


def _find(folders: Sequence[Path], file_name: str) -> str | None:
    for folder in folders:
        path = os.path.join(folder, *_name(file_name).split("/"))  # noqa: PTH118 - plain strings, by the thousand
        if os.path.isfile(path):  # noqa: PTH113
            return path
    return None


def _measured(part: _Split, record: _Image, image: str | None) -> tuple[int, int]:
    if image is None:
        raise DatasetError(f"{part.file}: image {record.id} has neither a size in its record nor a file to measure")
    return image_size(Path(image))


def _shape(part: _Split, place: int, class_ids: Mapping[int, int], size: tuple[int, int] | None) -> Shape:
    try:
        read = _decode_object(part.rows[place])
        width, height = size or (0, 0)
        class_id = class_ids[read.category_id]
    except (msgspec.MsgspecError, KeyError) as error:
        raise DatasetError(f"{part.file}: annotation number {place + 1} cannot be used: {error}") from error
    rings, mask = _outline(read.segmentation, width, height)
    if read.bbox is not None and len(read.bbox) == 4:  # noqa: PLR2004 - x, y, w, h
        x, y, w, h = read.bbox
        box = ((x + w / 2) / width, (y + h / 2) / height, w / width, h / height)
    elif rings:
        box = box_around(rings)
    else:
        raise DatasetError(f"{part.file}: annotation number {place + 1} has neither a bbox nor a polygon")
    points = tuple((value / width, value / height, value)[i % 3] for i, value in enumerate(read.keypoints or ()))
    # Nobody marked a point: the list is there for its form only.
    return Shape(class_id, box, rings, points if any(points) else (), bool(read.iscrowd), mask)


def _outline(segmentation: Any, width: int, height: int) -> tuple[tuple[tuple[float, ...], ...], object]:
    """Rings, or a run-length code as it came. Rings of fewer than three points outline nothing."""
    if isinstance(segmentation, dict):
        return (), segmentation
    rings = [ring for ring in segmentation or () if isinstance(ring, list) and len(ring) >= _RING]
    return tuple(tuple(v / (height if i % 2 else width) for i, v in enumerate(ring)) for ring in rings), None
