"""Pascal VOC: `JPEGImages/`, `Annotations/`, `ImageSets/Main/` and labelmap.txt.

Coordinates are written in full and read as they stand. Tools that know VOC put a class `background` before all others;
we write it so, and leave it out when reading, so that class ids come back as they were. A dataset's own class of that
name is kept, by a comment in labelmap.txt.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

from yolobg.dataset.layout import is_image
from yolobg.errors import DatasetError
from yolobg.formats.contents import Contents, Item, Meta, Shape, image_size, missing_split, not_found, size_of, stem_of
from yolobg.formats.list_lines import list_lines
from yolobg.formats.packed_rows import Packed, pack_rows
from yolobg.formats.place_images import Placer
from yolobg.formats.voc_xml import VocObject, read_annotation

__all__ = ["VocContents", "read_voc", "write_voc"]

BACKGROUND = "background"
_OWN = "# background is a class of this dataset"
_HEAD = "# label:color_rgb:parts:actions"
_DIGITS = 6
_COLUMN = re.compile(r"\s+(-1|0|1)$")


class _Listed(NamedTuple):
    """An image of a list; `image` is empty where there is no such file."""

    split: str
    name: str
    image: str


@dataclass(frozen=True)
class VocContents:
    """A VOC dataset: the lists in memory, compressed; an annotation file read when its image is asked for."""

    root: Path
    names: Mapping[int, str]
    splits: tuple[str, ...]
    listed: Packed[_Listed]
    homes: tuple[str, ...]
    meta: Meta = field(default_factory=Meta)
    warnings: tuple[str, ...] = ()

    def listing(self) -> Iterator[tuple[str, str]]:
        """Split and name of every image, in that order."""
        return ((entry.split, entry.name) for entry in self.listed)

    def items(self) -> Iterator[Item]:
        """Every image, in `item_order`."""
        ids = {name: class_id for class_id, name in self.names.items()}
        for split, name, image in self.listed:
            xml = self.root / "Annotations" / f"{stem_of(name)}.xml"
            sought = "" if image else not_found(stem_of(name), self.homes)
            yield _read_xml(xml, ids, Item(split, name, image or None, sought=sought))


def read_voc(root: Path, images_in: Sequence[Path] = (), *, skip_missing: bool = False) -> VocContents:
    """Open a VOC dataset.

    Args:
        root: Its folder.
        images_in: Folders to look for its images in first.
        skip_missing: Leave out splits of which no image is there, as long as one is of another.

    Raises:
        DatasetError: It is none, or an annotation file cannot be read.
    """
    lists = sorted((root / "ImageSets" / "Main").glob("*.txt")) or sorted((root / "ImageSets").glob("*/*.txt"))
    # `aeroplane_train.txt` says which images hold a class; the splits are the lists without such a part.
    plain = {file.stem: file for file in [file for file in lists if "_" not in file.stem] or lists}
    # VOC's trainval repeats what train and val list.
    if {"train", "val"} <= plain.keys():
        plain.pop("trainval", None)
    if not plain:
        raise DatasetError(f"{root}: no lists in ImageSets/Main; expected train.txt, val.txt or the like")
    homes = [str(folder) for folder in (*images_in, root / "JPEGImages")]
    place = _Places(root, homes, _suffixes(homes))
    listed = pack_rows(_Listed, (entry for split in sorted(plain) for entry in _entries(place, split, plain[split])))
    names = _read_names(root, listed)
    missing = _missing_splits(plain, listed) if skip_missing else {}
    if missing:
        listed = pack_rows(_Listed, (entry for entry in listed if entry.split not in missing))
    said = tuple(missing_split(split, plain[split], count) for split, count in missing.items())
    return VocContents(
        root, names, tuple(split for split in plain if split not in missing), listed, tuple(homes), warnings=said
    )


def _missing_splits(splits: Iterable[str], listed: Iterable[_Listed]) -> dict[str, int]:
    """The splits of which no image is there, with the number of images; none where that is so of all."""
    there, counts = set[str](), dict.fromkeys(splits, 0)
    for split, _, image in listed:
        counts[split] += 1
        if image:
            there.add(split)
    return {split: count for split, count in counts.items() if there and split not in there}


def _entries(place: _Places, split: str, file: Path) -> Iterator[_Listed]:
    """The images of a list. A second column, where there is one, is -1, 0 or 1; but names may end so as well."""
    for line in sorted(map(str.strip, list_lines(file))):
        stem, image, xml = place.look(line)
        if not image and not xml:
            stem, image, xml = place.look(_COLUMN.sub("", line))
        yield _Listed(split, stem + (os.path.splitext(image)[1] if image else _suffix(xml)), image)  # noqa: PTH122


class _Places(NamedTuple):
    """Where images and annotation files are looked for."""

    root: Path
    homes: Sequence[str]
    suffixes: Sequence[str]

    def look(self, stem: str) -> tuple[str, str, str]:
        """A stem with its image and its annotation file; empty where there is none."""
        parts = stem.split("/")
        bases = (os.path.join(home, *parts) for home in self.homes)  # noqa: PTH118 - plain strings, by the thousand
        paths = (base + suffix for base in bases for suffix in self.suffixes)
        xml = os.path.join(self.root, "Annotations", *parts) + ".xml"  # noqa: PTH118
        return stem, next(filter(os.path.isfile, paths), ""), xml if os.path.isfile(xml) else ""  # noqa: PTH113


def _suffixes(folders: Iterable[str]) -> tuple[str, ...]:
    """The suffixes that the images below some folders have, the most frequent one first."""
    found = Counter[str]()
    for _, _, files in itertools.chain.from_iterable(map(os.walk, folders)):
        found.update(os.path.splitext(file)[1] for file in files if is_image(file))  # noqa: PTH122
    return tuple(suffix for suffix, _ in found.most_common())


def _suffix(xml: str) -> str:
    """The suffix that an annotation file gives its image, for conversions without images."""
    return Path(read_annotation(Path(xml)).filename or "x.jpg").suffix or ".jpg" if xml else ".jpg"


def _read_names(root: Path, listed: Iterable[_Listed]) -> dict[int, str]:
    file = root / "labelmap.txt"
    if file.is_file():
        lines = list_lines(file)
        names = [line.split(":")[0].strip() for line in lines if not line.startswith("#")]
        if _OWN not in lines and names[:1] == [BACKGROUND]:
            names = names[1:]
        return dict(enumerate(names))
    found: set[str] = set()
    for _, name, _ in listed:
        xml = root / "Annotations" / f"{stem_of(name)}.xml"
        if os.path.isfile(xml):  # noqa: PTH113
            found.update(thing.name for thing in read_annotation(xml).objects if thing.name)
    return dict(enumerate(sorted(found)))


def _read_xml(xml: Path, ids: Mapping[str, int], item: Item) -> Item:
    """An image with what its annotation file says."""
    if not os.path.isfile(xml):  # noqa: PTH113 - whose answer for what can be no path is no
        return item
    read = read_annotation(xml)
    try:
        size = (int(float(read.width or 0)), int(float(read.height or 0)))
        measured = bool(read.objects) and not all(size)
        if measured:
            size = _measure(xml, item.image)
        shapes = tuple(_shape(thing, ids, size) for thing in read.objects)
        parts = frozenset(part for thing in read.objects for part in thing.parts)
        return replace(item, shapes=shapes, size=size if all(size) else None, measured=measured, parts=parts)
    except (KeyError, ValueError, TypeError, OverflowError) as error:
        raise DatasetError(f"{xml}: an object cannot be used: {error}") from error


def _measure(xml: Path, image: str | None) -> tuple[int, int]:
    if image is None:
        raise DatasetError(f"{xml}: has no image size, and the image is missing")
    return image_size(Path(image))


def _shape(thing: VocObject, ids: Mapping[str, int], size: tuple[int, int]) -> Shape:
    corners = list(map(float, thing.corners))
    if not all(map(math.isfinite, corners)):
        raise ValueError(f"a corner is not a finite number: {corners}")
    left, top, right, bottom = (value / size[i % 2] for i, value in enumerate(corners))
    box = ((left + right) / 2, (top + bottom) / 2, right - left, bottom - top)
    return Shape(ids[thing.name], box)


# ---------------------------------------------------------------- writing


def write_voc(contents: Contents, target: Path, place: Placer) -> None:
    """Write the dataset. A background gets an annotation file without objects.

    Raises:
        DatasetError: A class name holds what separates the columns of labelmap.txt.
    """
    _write_labelmap(contents.names, target, place)
    for folder in ("JPEGImages", "Annotations", "ImageSets/Main"):
        place.folder(str(target / folder))
    with contextlib.ExitStack() as stack:
        home = target / "ImageSets" / "Main"
        lists = {split: stack.enter_context(place.open_text(home / f"{split}.txt")) for split in contents.splits}
        for item in contents.items():
            stem = stem_of(item.name)
            place.put(item, os.path.join(target, "JPEGImages", *item.name.split("/")))  # noqa: PTH118
            xml = os.path.join(target, "Annotations", *stem.split("/")) + ".xml"  # noqa: PTH118
            with place.open_text(xml) as file:
                file.write(_xml(item, contents.names))
            lists[item.split].write(f"{stem}\n")


def _write_labelmap(names: Mapping[int, str], target: Path, place: Placer) -> None:
    bad = next((name for name in names.values() if ":" in name or name.startswith("#")), None)
    if bad is not None:
        raise DatasetError(f"class '{bad}': VOC's labelmap.txt cannot hold a colon or a leading #; rename the class")
    own = BACKGROUND in names.values()
    lines = [_HEAD, _OWN if own else f"{BACKGROUND}:0,0,0::"]
    lines += [f"{name}:{(i + 1) & 255},{((i + 1) >> 8) & 255},128::" for i, name in enumerate(names.values())]
    with place.open_text(target / "labelmap.txt") as file:
        file.writelines(f"{line}\n" for line in lines)


def _xml(item: Item, names: Mapping[int, str]) -> str:
    width, height = size_of(item)
    folder, _, name = item.name.rpartition("/")
    parts = [
        f"<annotation>\n  <folder>{escape(folder)}</folder>\n  <filename>{escape(name)}</filename>\n"
        f"  <size><width>{width}</width><height>{height}</height><depth>3</depth></size>\n  <segmented>0</segmented>\n"
    ]
    for shape in item.shapes:
        x, y, w, h = shape.box
        sides = ((x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height)
        corners = zip(("xmin", "ymin", "xmax", "ymax"), sides, strict=True)
        box = "".join(f"<{side}>{round(value, _DIGITS)!r}</{side}>" for side, value in corners)
        parts.append(
            f"  <object>\n    <name>{escape(names[shape.class_id])}</name>\n    <difficult>0</difficult>\n"
            f"    <bndbox>{box}</bndbox>\n  </object>\n"
        )
    return "".join([*parts, "</annotation>\n"])
