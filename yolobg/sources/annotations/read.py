"""COCO-format annotation files → the few columns yolobg needs, checked.

Owns what the files mean; `schema` decodes them. Knows nothing of SQLite or HTTP. What counts as presence is
pycocotools' `getImgIds`: any annotation of the category, crowd regions included, which is why `iscrowd` is not even
read.

Decided for files in the wild:
    * ids are whole numbers; `3.0` is taken for `3` (pandas writes that), a text for the number that it writes, or for
      one made of it; fractions are refused;
    * an image without a `file_name` is called as its `coco_url` ends (LVIS);
    * of names that are absolute paths, the folders that all of them share are left out;
    * an annotation of an image that is not listed stops: it may mark any of those that are;
    * `annotations[].id` is not read, so missing or repeated annotation ids do no harm;
    * `width`, `height`, `license`, addresses and the licence table may be missing, null or nonsense: they become
      0, None and "";
    * captions of images that the instances file does not list are left out; a captions file that shares no image with
      it is refused.
"""

from __future__ import annotations

import mmap
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from yolobg.coco_json import address_name, is_absolute, shared_parts, split_path, unlisted
from yolobg.errors import AnnotationsError
from yolobg.sources.annotations.schema import (
    CaptionsFile,
    CategoryEntry,
    ImageEntry,
    InstancesFile,
    LicenseEntry,
    Number,
    decode,
    mapped_file,
)
from yolobg.wording import counted

__all__ = [
    "Captions",
    "Instances",
    "LicenseRow",
    "ReadInstances",
    "begin_instances",
    "instances_of",
    "parse_captions",
    "parse_instances",
    "read_captions",
    "read_instances",
]

_SQLITE_MAX = 2**63 - 1
_MOST_DIGITS = 30


class ImageRow(NamedTuple):
    """An image as the file describes it; 0, None and "" where it does not say or says nonsense."""

    id: int
    file_name: str
    width: int
    height: int
    license: int | None
    coco_url: str
    flickr_url: str


@dataclass(frozen=True, slots=True)
class LicenseRow:
    """A licence as the file names it; the texts may be empty."""

    id: int
    name: str
    url: str


@dataclass(frozen=True, slots=True)
class Instances:
    """What an instances file says, independent of the order in which it says it.

    Attributes:
        images: In ascending id order. An image's place in this tuple is its position.
        categories: Category id to name, in ascending id order.
        holders: Category id to the positions of the images with at least one annotation of it, crowds included.
        licenses: The file's table, in ascending id order; licences that only images name are added without texts.
    """

    images: tuple[ImageRow, ...]
    categories: Mapping[int, str]
    holders: Mapping[int, frozenset[int]]
    licenses: tuple[LicenseRow, ...]


@dataclass(frozen=True, slots=True)
class Captions:
    """Captions by the image's position among the images, in the file's order."""

    texts: Mapping[int, Sequence[str]]


@dataclass(frozen=True, slots=True)
class ReadInstances:
    """An instances file of which only the images have been gone through, all that its captions need.

    Attributes:
        images: As in `Instances`.
        rest: Goes through all else, once. Raises AnnotationsError where that is not usable.
    """

    images: tuple[ImageRow, ...]
    rest: Callable[[], Instances]


def read_instances(path: Path) -> Instances:
    """Read an instances file whole.

    Raises:
        AnnotationsError: The file cannot be read or is not a usable instances file.
    """
    return begin_instances(path).rest()


def begin_instances(path: Path) -> ReadInstances:
    """Read an instances file, and go through its images.

    Memory grows with what is kept, beside pages of the file that the system can take back.

    Raises:
        AnnotationsError: The file cannot be read or is not a usable instances file.
    """
    source = str(path)
    with mapped_file(path) as data:
        file = decode(data, InstancesFile, source)
    images = _images(file.images, source)
    return ReadInstances(images, lambda: _with_images(file, images, source))


def read_captions(path: Path, images: Sequence[ImageRow]) -> Captions:
    """Read the captions file that belongs to the images of an instances file.

    Raises:
        AnnotationsError: The file cannot be read, is not a captions file or belongs to other images.
    """
    with mapped_file(path) as data:
        return parse_captions(data, images, source=str(path))


def parse_instances(data: bytes | mmap.mmap, *, source: str) -> Instances:
    """Decode an instances file and check that ids are unique and references lead somewhere.

    Raises:
        AnnotationsError: Says what is wrong and where in `source`.
    """
    return instances_of(decode(data, InstancesFile, source), source=source)


def parse_captions(data: bytes | mmap.mmap, images: Sequence[ImageRow], *, source: str) -> Captions:
    """Decode a captions file and keep the captions of `images`.

    Raises:
        AnnotationsError: Says what is wrong and where in `source`.
    """
    entries = decode(data, CaptionsFile, source).annotations
    said: defaultdict[Number, list[str]] = defaultdict(list)
    for entry in entries:
        said[entry.image_id].append(entry.caption)
    texts = {position: said[record.id] for position, record in enumerate(images) if record.id in said}
    if entries and images and not texts:
        raise AnnotationsError(
            f"{source}: of its {counted(len(entries), 'caption')} none belongs to an image of the instances file; "
            "give the captions file of the same split, or leave captions out"
        )
    return Captions(texts)


def instances_of(file: InstancesFile, *, source: str) -> Instances:
    """Check that the ids of a decoded file are unique and its references lead somewhere.

    Raises:
        AnnotationsError: Says what is wrong and where in `source`.
    """
    return _with_images(file, _images(file.images, source), source)


def _with_images(file: InstancesFile, images: tuple[ImageRow, ...], source: str) -> Instances:
    held: defaultdict[Number, set[Number]] = defaultdict(set)
    # 3.0 and 3 are the same key and the same member, so floats need no care here.
    for entry in file.annotations:
        held[entry.category_id].add(entry.image_id)
    categories = _categories(file.categories, source)
    position_of: dict[Number, int] = {record.id: position for position, record in enumerate(images)}
    if not categories.keys() >= held.keys():
        raise AnnotationsError(_dangling(file, source))
    try:
        holders = {c: frozenset(map(position_of.__getitem__, held[c])) for c in categories}
    except KeyError:
        raise AnnotationsError(_dangling(file, source)) from None
    return Instances(images, categories, holders, _licenses(file.licenses or [], images))


def _whole(value: Number, where: str) -> int:
    if isinstance(value, float):
        if not value.is_integer():
            raise AnnotationsError(f"{where}: {value!r} is not a whole number; ids must be")
        value = int(value)
    if not -_SQLITE_MAX <= value <= _SQLITE_MAX:
        raise AnnotationsError(f"{where}: {value!r} does not fit in 64 bits")
    return value


def _size(value: object) -> int:
    if type(value) is int and 0 < value <= _SQLITE_MAX:
        return value
    usable = isinstance(value, (int, float)) and 0 < value <= _SQLITE_MAX
    return int(value) if usable else 0  # type: ignore[call-overload]  # checked in the line above


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _license_id(value: object) -> int | None:
    if type(value) is int and 0 <= value <= _SQLITE_MAX:
        return value
    if isinstance(value, str) and len(value) <= _MOST_DIGITS and value.strip().isdecimal():
        value = int(value)
    # The comparison comes first: it holds neither for NaN nor for what no float can be.
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) <= _SQLITE_MAX:
        return None
    return int(value) if float(value).is_integer() else None


def _images(entries: list[ImageEntry], source: str) -> tuple[ImageRow, ...]:
    records: dict[int, ImageRow] = {}
    names = _names(entries, source)
    for index, (entry, name) in enumerate(zip(entries, names, strict=True)):
        image_id = entry.id
        if type(image_id) is not int or not -_SQLITE_MAX <= image_id <= _SQLITE_MAX:
            image_id = _whole(image_id, f"{source}: images[{index}].id")
        if image_id in records:
            raise AnnotationsError(
                f"{source}: images[{index}].id: {image_id} is used twice "
                f"({records[image_id].file_name!r} and {name!r}); ids must be unique"
            )
        records[image_id] = ImageRow(
            image_id,
            name,
            _size(entry.width),
            _size(entry.height),
            _license_id(entry.license),
            _text(entry.coco_url),
            _text(entry.flickr_url),
        )
    return tuple(records[image_id] for image_id in sorted(records))


def _names(entries: list[ImageEntry], source: str) -> list[str]:
    """What the images are called, in their order."""
    names = [entry.file_name if entry.file_name is not None else address_name(entry.coco_url)[1] for entry in entries]
    if not all(names):
        nameless = (place for place, entry in enumerate(entries) if not names[place] and entry.file_name is None)
        if (place := next(nameless, None)) is not None:
            raise AnnotationsError(
                f"{source}: images[{place}] has neither file_name nor coco_url, so nothing says which picture it is"
            )
    shared = shared_parts(names)
    return ["/".join(split_path(name)[shared:]) if is_absolute(name) else name for name in names] if shared else names


def _categories(entries: list[CategoryEntry], source: str) -> dict[int, str]:
    names: dict[int, str] = {}
    for index, entry in enumerate(entries):
        where = f"{source}: categories[{index}].id"
        category_id = _whole(entry.id, where)
        if category_id in names:
            raise AnnotationsError(
                f"{where}: {category_id} is used twice ({names[category_id]!r} and {entry.name!r}); ids must be unique"
            )
        names[category_id] = entry.name
    if not names:
        raise AnnotationsError(f"{source}: categories is empty, so nothing says what an image does not contain")
    return dict(sorted(names.items()))


def _dangling(decoded: InstancesFile, source: str) -> str:
    images = {entry.id for entry in decoded.images}
    categories = {entry.id for entry in decoded.categories}
    rows = list(enumerate(decoded.annotations))
    if lost := [(index, entry.category_id) for index, entry in rows if entry.category_id not in categories]:
        return f"{source}: {unlisted(lost, 'category_id', 'categories')}"
    return f"{source}: {unlisted([(i, e.image_id) for i, e in rows if e.image_id not in images], 'image_id', 'images')}"


def _licenses(entries: list[LicenseEntry], images: tuple[ImageRow, ...]) -> tuple[LicenseRow, ...]:
    rows = {record.license: LicenseRow(record.license, "", "") for record in images if record.license is not None}
    for entry in entries:
        license_id = _license_id(entry.id)
        if license_id is not None:
            rows[license_id] = LicenseRow(license_id, _text(entry.name), _text(entry.url))
    return tuple(rows[license_id] for license_id in sorted(rows))
