"""A folder with records of annotation tools: which picture each record is about, for certain or not at all."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from yolobg.coco_json import is_absolute, split_path
from yolobg.errors import DatasetError
from yolobg.formats.contents import Item, Meta, Shape, stem_of
from yolobg.formats.record_names import is_harmless
from yolobg.formats.tool_records import RecordNote, read_notes

__all__ = ["ToolContents", "read_tools"]

_SUFFIXES = (".json", ".xml", ".csv")
_MOST_FILES = 20_000
_WHOLE = (0.5, 0.5, 1.0, 1.0)
# Label Studio puts eight digits before the name of a file that is uploaded.
_UPLOADED = re.compile(r"[0-9a-f]{8}-(.+)", re.DOTALL)
# What lies beside the records of a tool and says nothing more.
_BESIDE = {"samples.json": ("metadata.json",)}


@dataclass(frozen=True)
class ToolContents:
    """What the records of a folder say of its images.

    Attributes:
        names: Class id to name.
        told: The images of which records say all that was marked, as absolute paths, with the ids of their classes.
        partly: Those of which they say some only.
        lost: The pictures of records that are not in the folder, as the records name them.
        files: The files that were read, and what belongs to them.
        lists: One of those that say of a few classes only whether they are there; empty where there is none.
    """

    names: Mapping[int, str]
    told: Mapping[str, frozenset[int]]
    partly: Mapping[str, frozenset[int]]
    lost: Sequence[str]
    files: frozenset[str]
    lists: str = ""
    splits: tuple[str, ...] = ("train",)
    meta: Meta = field(default_factory=Meta)
    warnings: tuple[str, ...] = ()

    def listing(self) -> Iterator[tuple[str, str]]:
        """Split and name of every image, in that order."""
        return ((item.split, item.name) for item in self.items())

    def items(self) -> Iterator[Item]:
        """Every image; where in it an object is, is not read."""
        for image, ids in sorted(self.told.items()):
            yield Item("train", image, image, tuple(Shape(class_id, _WHOLE) for class_id in sorted(ids)))
        for name in sorted(self.lost):
            yield Item("train", name, None)


def read_tools(
    images: Iterable[str], others: Iterable[str], root: str, classes: Mapping[str, str]
) -> ToolContents | None:
    """Read the records that annotation tools have written into a folder; None where there are none.

    Args:
        images: Its images, as absolute paths.
        others: All its other files.
        root: The folder.
        classes: As in `read_notes`.

    Raises:
        DatasetError: A file of a tool is damaged, or it is not certain which picture is meant.
    """
    files = sorted(file for file in others if file.casefold().endswith(_SUFFIXES) and not is_harmless(file))
    if len(files) > _MOST_FILES:
        return None
    pictures, shown = _Pictures(images, root), _Shown()
    for file in files:
        notes = read_notes(Path(file), classes)
        if notes is None:
            continue
        folder, _, name = file.rpartition(os.sep)
        shown.files.update([file, *(folder + os.sep + one for one in _BESIDE.get(name, ()))])
        for note in notes:
            shown.take(note, file, pictures)
    return shown.contents() if shown.files else None


class _Shown:
    """What is said of each image, as records come in."""

    def __init__(self) -> None:
        self.files = set[str]()
        self._classes: defaultdict[str, set[str]] = defaultdict(set)
        self._whole = set[str]()
        self._lost = list[str]()
        self._lists = ""

    def take(self, note: RecordNote, file: str, pictures: _Pictures) -> None:
        """Add a record. One that may be about either of two pictures tells what they show, not what they don't."""
        meant = pictures.of(note, file)
        if not meant:
            self._lost.append(note.name)
        for image in meant:
            self._classes[image] |= note.classes
        if note.whole and len(meant) == 1:
            self._whole.update(meant)
        if not note.whole and not note.alone:
            self._lists = self._lists or file

    def contents(self) -> ToolContents:
        names = dict(enumerate(sorted({name for held in self._classes.values() for name in held})))
        ids = {name: class_id for class_id, name in names.items()}
        held = {image: frozenset(map(ids.__getitem__, told)) for image, told in self._classes.items()}
        told = {image: held[image] for image in self._whole}
        partly = {image: one for image, one in held.items() if image not in told}
        return ToolContents(names, told, partly, self._lost, frozenset(self.files), self._lists)


class _Pictures:
    """The images of a folder by what records may call them."""

    def __init__(self, images: Iterable[str], root: str) -> None:
        self._root = root
        self._images = frozenset(images)
        self._by_name: defaultdict[str, list[str]] = defaultdict(list)
        self._by_stem: defaultdict[str, list[str]] = defaultdict(list)
        for image in sorted(self._images):
            name = image.rpartition(os.sep)[2]
            self._by_name[name.casefold()].append(image)
            self._by_stem[stem_of(name).casefold()].append(image)

    def of(self, note: RecordNote, file: str) -> set[str]:
        """The pictures that a record of a file is about: one, or none, or two where its file is called like another.

        Raises:
            DatasetError: It may be about one or about another.
        """
        parts = [part for part in split_path(note.name) if part != ".."]
        if not parts:
            raise DatasetError(f"{file}: a record has no image name")
        folder, _, own = file.rpartition(os.sep)
        alike = self._by_stem[stem_of(own).casefold()] if note.alone else ()
        beside = {image for image in alike if image.rpartition(os.sep)[0] == folder}
        found = self._there(note.name, folder) or self._called(note.name, parts)
        if len(found) > 1 and len(beside) == 1 and beside <= found:
            found = beside
        if len(found) > 1:
            one, other = sorted(found)[:2]
            raise DatasetError(
                f"{file}: the image '{note.name}' may be {one} or {other}; rename one of the two, or move one out of "
                "the folder"
            )
        return found | beside

    def _there(self, name: str, folder: str) -> set[str]:
        """Where the record's path leads from its own folder, or from where the tools put images."""
        if is_absolute(name):
            return set()
        path = name.replace("\\", os.sep).replace("/", os.sep)
        homes = (folder, self._root, f"{folder}{os.sep}images", f"{folder}{os.sep}data")
        there = (os.path.normpath(f"{home}{os.sep}{path}") for home in homes)
        return {image for image in there if image in self._images}

    def _called(self, name: str, parts: Sequence[str]) -> set[str]:
        """The images whose path ends like the record's; the folders of an absolute one are those of another machine."""
        last = parts[-1].casefold()
        uploaded = _UPLOADED.fullmatch(last)
        found = self._by_name.get(last) or (self._by_name.get(uploaded[1]) if uploaded else None)
        # An id, or a name without suffix.
        found = found or self._by_stem.get(last) or []
        wanted = [part.casefold() for part in parts[:-1]]
        agree = {image: _agreeing(split_path(image)[:-1], wanted) for image in found}
        if not is_absolute(name):
            return {image for image, many in agree.items() if many == len(wanted)}
        most = max(agree.values(), default=0)
        return {image for image, many in agree.items() if many == most}


def _agreeing(folders: Sequence[str], wanted: Sequence[str]) -> int:
    """How many of the last folders are the same."""
    pairs = enumerate(zip(reversed(folders), reversed(wanted), strict=False))
    most = min(len(folders), len(wanted))
    return next((place for place, (one, other) in pairs if one.casefold() != other), most)
