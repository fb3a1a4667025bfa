"""Open Images' lists of labels and of images → the few columns that yolobg needs, checked.

A label says that people looked for a class in an image, and whether they found it (confidence 1) or not (0). Of every
other class nothing is known. A class that is found is found as all those above it; one that is absent is absent with
all those below it; parts inherit nothing (their classes have none above them). Where rows contradict each other, the
class is there, and its absence says nothing of the classes below it.

The lists of the training images are 1.0 GB, so no row of them is kept: a set of images is an integer with one bit for
each, and what is said of an image is read again when it is written down.
"""

from __future__ import annotations

import csv
import re
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from operator import itemgetter, or_
from pathlib import Path
from typing import BinaryIO

from yolobg.errors import AnnotationsError
from yolobg.sources.annotations.read import LicenseRow

__all__ = ["FIRST", "ImageList", "OpenImages", "read_open_images"]

_LABEL_COLUMNS = ("ImageID", "Source", "LabelName", "Confidence")
_IMAGE_COLUMNS = ("ImageID", "OriginalLandingURL", "License", "Author", "Title")
_HUMAN = frozenset(("verification", "crowdsource-verification"))
_FOUND = {"1": True, "1.0": True, "0": False, "0.0": False}
FIRST = 10**12
"""The number of the first image: no number has COCO's twelve digits."""

_ID = re.compile(r"[0-9a-f]{16}")
_LICENSES = {"https://creativecommons.org/licenses/by/2.0/": "CC BY 2.0"}


@dataclass(frozen=True)
class ImageList:
    """The images of a list in the order of their ids, in which they are numbered from `FIRST`.

    Attributes:
        path: The list, which must stay as it is.
        ids: Their ids as numbers, ascending.
        licenses: The licences that are named.
        license_of: For each image its licence's number, 0 where none is named.
    """

    path: Path
    ids: array[int]
    licenses: tuple[LicenseRow, ...]
    license_of: array[int]
    _columns: tuple[int, int, int]
    _starts: array[int]
    _ends: array[int]

    def credits(self) -> Iterator[tuple[str, str, str]]:
        """Page, author and title of each image, read from the list.

        Raises:
            AnnotationsError: The list has changed since.
        """
        with _naming(self.path), self.path.open("rb", buffering=0) as file:
            pick = itemgetter(*self._columns)
            for start, end in zip(self._starts, self._ends, strict=True):
                file.seek(start)
                yield pick(next(csv.reader((file.read(end - start).decode(),), strict=True)))


@dataclass(frozen=True, slots=True)
class OpenImages:
    """What the lists say; a set of images has a bit for each, by its place in `images`.

    Attributes:
        images: The images.
        categories: The classes' names by number, which is a class's place among the ids of all, from 1.
        found: Class to the images in which it was found, or one below it.
        cleared: Class to the images of which a label says that it is absent, and none that it is there.
    """

    images: ImageList
    categories: Mapping[int, str]
    found: Mapping[int, int]
    cleared: Mapping[int, int]
    _above: Mapping[int, Sequence[int]]
    _below: Mapping[int, Sequence[int]]

    def present(self, number: int) -> int:
        """The images in which a class was found, and nothing below it.

        What is said more precisely does not speak of the wider class: a cat is no animal that may be a dog.
        """
        return self.found[number] & ~_union(self.found[one] for one in self._below[number])

    def absent(self, number: int) -> int:
        """The images that were verified to be free of a class, or of one above it."""
        cleared = _union(self.cleared[one] for one in self._above[number])
        return (self.cleared[number] | cleared) & ~self.found[number]


def read_open_images(labels: Path, images: Path, *, classes: Mapping[str, tuple[str, Sequence[str]]]) -> OpenImages:
    """Read the list of labels and the list of images.

    Args:
        labels: `...-annotations-human-imagelabels-boxable.csv`.
        images: `...-images-with-rotation.csv`, or `...-images-boxable-with-rotation.csv`; read again for the credits.
        classes: Each class's id to its name and the ids of the classes just above it.

    Raises:
        AnnotationsError: A list cannot be read or is not usable; says what is wrong and in which line.
    """
    listed = _read_images(images)
    numbers = {name: number for number, name in enumerate(sorted(classes), 1)}
    places = _read_labels(labels, listed.ids, numbers)
    if not any(map(len, places.values())):
        raise AnnotationsError(
            f"{labels}: none of its labels is about an image of {images.name}; expected the same part"
        )
    above = _above({numbers[name]: [numbers[one] for one in parents] for name, (_, parents) in classes.items()})
    below: dict[int, list[int]] = {number: [] for number in above}
    for number, higher in above.items():
        for one in higher:
            below[one].append(number)
    size = len(listed.ids)
    found = {number: _bits(places.pop((number, True)), size) for number in above}
    for number, lower in below.items():
        found[number] |= _union(found[one] for one in lower)
    # Where the same image says both of a class, its "absent" is worth nothing, nor is what follows from it.
    cleared = {number: _bits(places.pop((number, False)), size) & ~found[number] for number in above}
    names = {number: classes[name][0] for name, number in numbers.items()}
    return OpenImages(listed, names, found, cleared, above, below)


def _union(sets: Iterator[int]) -> int:
    return reduce(or_, sets, 0)


def _bits(places: array[int], images: int) -> int:
    flags = bytearray((images + 7) // 8)
    for place in places:
        flags[place >> 3] |= 1 << (place & 7)
    return int.from_bytes(flags, "little")


def _above(parents: Mapping[int, Sequence[int]]) -> dict[int, list[int]]:
    """A class to all those above it."""
    found: dict[int, list[int]] = {}
    for number in parents:
        above, level = set[int](), set(parents[number])
        while level:
            above |= level
            level = {higher for one in level for higher in parents[one]} - above
        found[number] = sorted(above)
    return found


def _read_labels(path: Path, ids: array[int], numbers: Mapping[str, int]) -> dict[tuple[int, bool], array[int]]:
    """Class and whether it is there, to the places of the listed images of which a label says so."""
    places = {(number, there): array("I") for number in numbers.values() for there in (True, False)}
    adding = {
        (label, text): places[number, there].append
        for label, number in numbers.items()
        for text, there in _FOUND.items()
    }
    with _naming(path), path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        header = next(reader, [])
        width, pick = len(header), itemgetter(*_columns_of(header, _LABEL_COLUMNS, path))
        last, place = "", -1
        for line, row in enumerate(reader, 2):
            if len(row) != width:
                raise _cut_off(path, line, row, width)
            image, source, label, said = pick(row)
            add = adding.get((label, said))
            if add is None or source not in _HUMAN:
                raise AnnotationsError(f"{path}: line {line}: {_wrong_label(label, said, source, numbers)}")
            if image != last:
                last, place = image, _place(ids, image)
            if place >= 0:
                add(place)
    return places


def _wrong_label(label: str, said: str, source: str, numbers: Mapping[str, int]) -> str:
    if label not in numbers:
        return f"{label!a} is no boxable class of Open Images"
    if said not in _FOUND:
        return f"confidence {said!a}; expected 0, 1, 0.0 or 1.0"
    return f"source {source!a}; expected labels that people verified ({', '.join(sorted(_HUMAN, reverse=True))})"


def _place(ids: array[int], image: str) -> int:
    """The place of an image, -1 where it is not listed."""
    if not _ID.fullmatch(image):
        return -1
    number = int(image, 16)
    place = bisect_left(ids, number)
    return place if place < len(ids) and ids[place] == number else -1


def _read_images(path: Path) -> ImageList:
    """The images by id, where in the file each is, and their licences."""
    ids, ends, used = array("Q"), array("Q"), array("I")
    licenses: dict[str, int] = {"": 0}
    with _naming(path), path.open("rb") as file:
        lines = _Lines(file)
        reader = csv.reader(lines, strict=True)
        header = next(reader, [])
        name, page, license_, author, title = _columns_of(header, _IMAGE_COLUMNS, path)
        first, width = lines.done, len(header)
        for line, row in enumerate(reader, 2):
            if len(row) != width:
                raise _cut_off(path, line, row, width)
            if not _ID.fullmatch(row[name]):
                raise AnnotationsError(f"{path}: line {line}: ImageID {row[name]!a}; expected 16 digits 0-9, a-f")
            ids.append(int(row[name], 16))
            ends.append(lines.done)
            used.append(licenses.setdefault(row[license_].strip(), len(licenses)))
    order = sorted(range(len(ids)), key=ids.__getitem__)
    for one, other in pairwise(order):
        if ids[one] == ids[other]:
            raise AnnotationsError(f"{path}: line {other + 2}: the image {ids[one]:016x} is listed twice")
    del licenses[""]
    return ImageList(
        path,
        array("Q", map(ids.__getitem__, order)),
        tuple(LicenseRow(number, _LICENSES.get(url, url), url) for url, number in licenses.items()),
        array("I", map(used.__getitem__, order)),
        (page, author, title),
        array("Q", (ends[place - 1] if place else first for place in order)),
        array("Q", map(ends.__getitem__, order)),
    )


class _Lines:
    """The lines of a file as text, and how many bytes of it they are."""

    def __init__(self, file: BinaryIO) -> None:
        self.done = 0
        self._file = file

    def __iter__(self) -> Iterator[str]:
        for line in self._file:
            text = line.decode("utf-8" if self.done else "utf-8-sig")
            self.done += len(line)
            yield text


def _columns_of(header: Sequence[str], columns: Sequence[str], path: Path) -> list[int]:
    """Where these columns are.

    Raises:
        AnnotationsError: One is missing.
    """
    if missing := [name for name in columns if name not in header]:
        raise AnnotationsError(f"{path}: has no column {', '.join(missing)}; expected {', '.join(columns)}")
    return [header.index(name) for name in columns]


def _cut_off(path: Path, line: int, row: Sequence[str], width: int) -> AnnotationsError:
    return AnnotationsError(f"{path}: row {line} has {len(row)} columns, not {width}; is the file cut off?")


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Say of which list it is that it cannot be read, is no UTF-8 or no CSV."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise AnnotationsError(f"{path}: not UTF-8 text ({error})") from error
    except csv.Error as error:
        raise AnnotationsError(f"{path}: not CSV ({error}); is the file cut off?") from error
    except OSError as error:
        raise AnnotationsError(f"{path}: cannot be read: {error.strerror or error}") from error
