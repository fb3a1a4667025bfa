"""Read COCO instances and key points; objects are decoded when their image is asked for."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from yolobg.coco_json import is_absolute, shared_parts, split_path
from yolobg.errors import DatasetError
from yolobg.files import open_ordinary
from yolobg.formats.coco_records import Record, RecordStore, StoredCategory, read_store
from yolobg.formats.contents import Item, Meta, Shape, box_around, image_size, missing_split, not_found
from yolobg.formats.elsewhere import Elsewhere
from yolobg.formats.run_lengths import box_of, read_mask
from yolobg.safe_names import inner_parts
from yolobg.wording import counted

__all__ = ["COCO_NAMES", "CocoContents", "coco_below", "find_coco", "read_coco"]

_POINT = 3
_KINDS = ("instances", "person_keypoints")
COCO_NAMES = (*(f"{kind}_" for kind in _KINDS), "_annotations.coco")
"""How the names of COCO files begin that are known by their names."""
_PREFIX = re.compile(r"^(?:instances|person_keypoints|annotations)[_-]?", re.IGNORECASE)
_RING = 6
_MOST_NAMED = 50
_LARGEST_BYTES = 4 << 30
_PIECE_BYTES = 1 << 20
_LARGEST_AREA = 1e15


class _Object(msgspec.Struct):
    category_id: int
    bbox: list[float] | None = None
    segmentation: Any = None
    keypoints: list[float] | None = None
    iscrowd: int | bool = 0
    area: Any = None


_decode_object = msgspec.json.Decoder(_Object, strict=False).decode


@dataclass(frozen=True)
class _Split:
    """One annotations file, open."""

    name: str
    file: Path
    folders: tuple[Path, ...]
    store: RecordStore
    elsewhere: tuple[Path, ...] = ()

    def file_of(self) -> Callable[[str], str | None]:
        """What finds the file of an image by its name, below the split's folders: one file for each name.

        Of absolute paths, all lose the same number of leading folders, at most those that all of them share, and as few
        as it takes to find one.
        """
        folders = [str(folder) for folder in self.folders if folder.is_dir()]
        shared = shared_parts(self.store.names())
        for lost in range(shared + 1):
            if lost == shared or any(_find(folders, _without(name, lost)) for name in self.store.names()):
                break
        return lambda name: _find(folders, _without(name, lost))


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
        return ((part.name, name) for part in self.parts for name in part.store.names())

    def items(self) -> Iterator[Item]:
        """Every image, in `item_order`."""
        class_ids = {number: class_id for class_id, number in self.meta.category_ids.items()}
        find_elsewhere = Elsewhere()
        any_lost = False
        for part in self.parts:
            elsewhere = [str(folder) for folder in part.elsewhere if folder.is_dir()]
            folders = [str(folder) for folder in part.folders if folder.is_dir()]
            find = part.file_of()
            for record in part.store.records():
                image = find_elsewhere(elsewhere, part.name, record.name) or find(record.name)
                size = (record.width, record.height) if record.width and record.height else None
                if record.annotations and size is None:
                    size = _measured(part, record, image)
                shapes = tuple(_shape(part, record, row, class_ids, size) for row in record.annotations)
                measured = not (record.width and record.height)
                sought = ""
                if not image:
                    sought = not_found(record.name, [*dict.fromkeys([*elsewhere, *folders])], is_first=not any_lost)
                    any_lost = True
                yield Item(part.name, record.name, image, shapes, size, record.id, measured, sought)


def _find(folders: Sequence[str], name: str) -> str | None:
    """The file of an image, in the dataset: whatever its name says, it is looked up below these folders."""
    parts = inner_parts(name)
    paths = (os.path.join(folder, *parts) for folder in folders if parts)  # noqa: PTH118 - plain strings, by the thousand
    return next(filter(os.path.isfile, paths), None)


def _without(name: str, lost: int) -> str:
    """An absolute path without so many leading parts; another name as it is."""
    return "/".join(split_path(name)[lost:]) if lost and is_absolute(name) else name


def find_coco(place: Path) -> dict[str, Path]:
    """Split to annotations file: those in `annotations/` or the folder itself, or Roboflow's in each split's folder.

    Raises:
        DatasetError: There is none.
    """
    if place.is_file():
        return {_split_of(place): place}
    found = {file.parent.name: file for file in sorted(place.glob("*/_annotations.coco.json")) if file.is_file()}
    for folder in (place / "annotations", place):
        if found:
            break
        for kind in _KINDS:
            # Key point files repeat the objects of the instances files, so they count only where those are missing.
            for file in filter(Path.is_file, sorted(folder.glob(f"{kind}_*.json"))):
                found.setdefault(_split_of(file), file)
    if not found and (alone := _find_one(place)):
        found["train"] = alone
    if not found:
        raise DatasetError(
            f"{place}: no annotations/instances_*.json in it, and no other JSON file that is COCO's; give the folder "
            "above annotations/, or the file"
        )
    return dict(sorted(found.items()))


def _find_one(place: Path) -> Path | None:
    """The one COCO file of another name, as Label Studio's result.json and FiftyOne's labels.json; None if not one.

    Raises:
        DatasetError: There are several; which split each one is cannot be told.
    """
    files = [file for folder in (place / "annotations", place) for file in sorted(folder.glob("*.json"))]
    # Many are one for each image, in a format of another kind.
    meant = [file for file in files if file.is_file() and _has_arrays(file)] if len(files) <= _MOST_NAMED else []
    if len(meant) > 1:
        shown = ", ".join(file.name for file in meant[:3])
        raise DatasetError(
            f"{place}: {len(meant)} COCO files ({shown}), none of them called instances_*.json; give the one you mean"
        )
    return meant[0] if meant else None


def coco_below(place: Path) -> str:
    """What to do where COCO files of any name lie in folders below, as train/labels.json; empty where none does."""
    files = [file for file in sorted(place.glob("*/*.json"))[: _MOST_NAMED + 1] if file.is_file()]
    meant = [file for file in files if _has_arrays(file)] if len(files) <= _MOST_NAMED else []
    if not meant:
        return ""
    shown = ", ".join(file.relative_to(place).as_posix() for file in meant[:3])
    names = ", ".join(f"instances_{file.parent.name}.json" for file in meant[:3])
    return (
        f"its COCO files lie in folders below ({shown}); give one of them, or put them into {place.name}/annotations "
        f"as {names}"
    )


def _has_arrays(file: Path) -> bool:
    """Whether a file has all three of COCO's keys, wherever they stand."""
    wanted = {b'"images"', b'"annotations"', b'"categories"'}
    tail = b""
    try:
        with open_ordinary(file, _LARGEST_BYTES) as handle:
            while wanted and (piece := handle.read(_PIECE_BYTES)):
                content = tail + piece
                wanted = {key for key in wanted if key not in content}
                tail = piece[-16:]
    except OSError:
        return False
    return not wanted


def read_coco(place: Path, images_in: Sequence[Path] = (), *, skip_missing: bool = False) -> CocoContents:
    """Open a COCO dataset.

    Args:
        place: Its folder or annotations file.
        images_in: Folders to look for its images in first.
        skip_missing: Leave out splits of which no image is there, as long as one is of another.

    Raises:
        DatasetError: A file is not COCO, or the files disagree about the categories.
    """
    files = find_coco(place)
    root = place if place.is_dir() else place.parent.parent if place.parent.name == "annotations" else place.parent
    parts: list[_Split] = []
    categories: dict[int, StoredCategory] = {}
    for split, file in files.items():
        part = _open(split, file, root, images_in)
        for category in part.store.categories:
            other = categories.setdefault(category.id, category)
            if other.name != category.name:
                raise DatasetError(
                    f"{file}: category {category.id} is '{category.name}' here and '{other.name}' in another split"
                )
        parts.append(part)
    numbers = sorted(categories)
    most = max((len(category.keypoints or ()) for category in categories.values()), default=0)
    above = tuple(i for i, number in enumerate(numbers) if _is_above(categories[number], categories.values()))
    meta = Meta(dict(enumerate(numbers)), (most, 3) if most else None, above=above)
    there, warnings = _without_missing(parts) if skip_missing else (parts, [])
    names = {i: categories[number].name for i, number in enumerate(numbers)}
    return CocoContents(names, meta, there, tuple(warnings))


def _without_missing(parts: Sequence[_Split]) -> tuple[Sequence[_Split], list[str]]:
    """The splits but for those whose images are all missing, as long as one has an image; what to say of the others."""
    present = {part.name: _has_images(part) for part in parts}
    if not any(present.values()):
        return parts, []
    said = [
        missing_split(part.name, part.file, sum(1 for _ in part.store.names()))
        for part in parts
        if not present[part.name]
    ]
    return [part for part in parts if present[part.name]], said


def _has_images(part: _Split) -> bool:
    elsewhere, find_elsewhere = [str(folder) for folder in part.elsewhere if folder.is_dir()], Elsewhere()
    find = part.file_of()
    return any(find_elsewhere(elsewhere, part.name, name) or find(name) for name in dict.fromkeys(part.store.names()))


def _is_above(category: StoredCategory, others: Iterable[StoredCategory]) -> bool:
    """Whether others name a category as the one above them; Roboflow writes such a one as number 0."""
    if category.supercategory == category.name:
        return False
    roboflow = category.id == 0 and category.supercategory == "none"
    return roboflow or any(other.supercategory == category.name for other in others)


def _open(split: str, file: Path, root: Path, images_in: Sequence[Path]) -> _Split:
    elsewhere = tuple(folder for given in images_in for folder in (given / split, given))
    store = read_store(file)
    homes = [root / "images" / split, root / split, root / "images", root / "data", file.parent, root]
    homes += [place / folder for folder in sorted(store.folders) if folder for place in (root / "images", root)]
    return _Split(split, file, tuple(homes), store, elsewhere)


def _split_of(file: Path) -> str:
    return _PREFIX.sub("", file.stem) or "train"


def _measured(part: _Split, record: Record, image: str | None) -> tuple[int, int]:
    if image is None:
        raise DatasetError(f"{part.file}: image {record.id} has neither a size in its record nor a file to measure")
    return image_size(Path(image))


def _shape(
    part: _Split, record: Record, row: tuple[int, bytes], class_ids: Mapping[int, int], size: tuple[int, int] | None
) -> Shape:
    place, content = row
    try:
        read = _decode_object(content)
        if read.category_id not in class_ids:
            raise ValueError(f"its category {read.category_id} is not among the categories")  # noqa: TRY301
        width, height = size or (0, 0)
        return _shape_of(read, class_ids[read.category_id], width, height)
    except (msgspec.MsgspecError, KeyError, TypeError, ValueError, ArithmeticError, RecursionError) as error:
        nan = " (NaN and Infinity count as null)" if "got `null`" in str(error) else ""
        raise DatasetError(
            f"{part.file}: annotation number {place + 1} ({record.name}) cannot be used: {error}{nan}"
        ) from error


def _shape_of(read: _Object, class_id: int, width: int, height: int) -> Shape:
    rings, mask, short = _outline(read.segmentation, width, height)
    if isinstance(mask, dict) and width != height and mask.get("size") == [width, height]:
        raise ValueError(
            f"its mask has {width} rows of {height} pixels, and its image {height} rows of {width}: one of the two is "
            "turned"
        )
    if read.bbox:
        if len(read.bbox) != 4:  # noqa: PLR2004 - x, y, w, h
            raise ValueError(f"its bbox has {counted(len(read.bbox), 'number')}; expected x, y, width and height")
        x, y, w, h = read.bbox
        box = ((x + w / 2) / width, (y + h / 2) / height, w / width, h / height)
    elif rings:
        box = box_around(rings)
    elif mask is not None:
        box = box_of(read_mask(mask))
    else:
        raise ValueError("it has neither a bbox nor a polygon nor a mask")
    if len(read.keypoints or ()) % _POINT:
        raise ValueError("its key points are not x, y and visibility for each point")
    points = tuple((value / width, value / height, value)[i % 3] for i, value in enumerate(read.keypoints or ()))
    # Nobody marked a point: the list is there for its form only.
    marked = points if any(points) else ()
    return Shape(class_id, box, rings, marked, bool(read.iscrowd), mask, _area(read.area), short)


def _area(area: Any) -> float | None:
    """The record's own area; None where it says none."""
    return float(area) if isinstance(area, (int, float)) and 0 <= area < _LARGEST_AREA else None


def _outline(segmentation: Any, width: int, height: int) -> tuple[tuple[tuple[float, ...], ...], object, int]:
    """Rings, or a run-length code as it came; and how many rings of fewer than three points were left out.

    Raises:
        ValueError: It is neither of them, and not empty.
    """
    if isinstance(segmentation, list) and len(segmentation) == 1 and isinstance(segmentation[0], dict):
        segmentation = segmentation[0]
    if segmentation in (None, [], {}, ""):
        return (), None, 0
    if isinstance(segmentation, dict) and "counts" in segmentation:
        return (), segmentation, 0
    if not isinstance(segmentation, list) or not all(map(_is_ring, segmentation)):
        raise ValueError("its segmentation is neither rings of numbers nor a mask")
    odd = next((ring for ring in segmentation if len(ring) % 2), None)
    if odd is not None:
        raise ValueError(
            f"a ring of its segmentation has {counted(len(odd), 'number')}; expected x and y of each point"
        )
    rings = [ring for ring in segmentation if len(ring) >= _RING]
    short = sum(0 < len(ring) < _RING for ring in segmentation)
    return tuple(tuple(v / (height if i % 2 else width) for i, v in enumerate(ring)) for ring in rings), None, short


def _is_ring(ring: Any) -> bool:
    """Whether it is a list of finite numbers; an empty one outlines nothing."""
    return isinstance(ring, list) and all(type(value) in (int, float) and math.isfinite(value) for value in ring)
