"""Open Images' lists of labels and of images → the few columns that yolobg needs, checked.

A label says that people looked for a class in an image, and whether they found it (confidence 1) or not (0). Of every
other class nothing is known. A class that is found is found as all those above it; one that is absent is absent with
all those below it; parts inherit nothing (their classes have none above them). Where rows contradict each other, the
class is there, and its absence says nothing of the classes below it.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from yolobg.errors import AnnotationsError
from yolobg.sources.annotations.evidence import EvidenceRows
from yolobg.sources.annotations.read import ImageRow, Instances, LicenseRow

__all__ = ["FIRST", "OpenImages", "read_open_images"]

_LABEL_COLUMNS = ("ImageID", "Source", "LabelName", "Confidence")
_IMAGE_COLUMNS = ("ImageID", "OriginalLandingURL", "License", "Author", "Title")
_HUMAN = frozenset(("verification", "crowdsource-verification"))
_FOUND = {"1": True, "1.0": True, "0": False, "0.0": False}
FIRST = 10**12
"""The number of the first image: no number has COCO's twelve digits."""

_ID = re.compile(r"[0-9a-f]{16}")
_LICENSES = {"https://creativecommons.org/licenses/by/2.0/": "CC BY 2.0"}


@dataclass(frozen=True, slots=True)
class OpenImages:
    """What the lists say.

    Attributes:
        instances: The images by id, numbered in that order from `FIRST`; a class is held by the images in which it was
            found and nothing below it was.
        rows: The same of each class, with the images that were verified to be free of it.
        credits: Author and title by image, in the order of `instances.images`.
    """

    instances: Instances
    rows: EvidenceRows
    credits: tuple[tuple[str, str], ...]


def read_open_images(
    labels: Path, images: Path, *, classes: Mapping[str, tuple[str, Sequence[str]]], base: str
) -> OpenImages:
    """Read the list of labels and the list of images.

    Args:
        labels: `...-annotations-human-imagelabels-boxable.csv`.
        images: `...-images-with-rotation.csv`.
        classes: Each class's id to its name and the ids of the classes just above it.
        base: The address of the folder in which the images are.

    Raises:
        AnnotationsError: A list cannot be read or is not usable; says what is wrong and in which line.
    """
    records, credited, licenses = _images(images, base)
    numbers = {name: number for number, name in enumerate(sorted(classes), 1)}
    places = {row.file_name.partition(".")[0]: place for place, row in enumerate(records)}
    found: dict[int, set[int]] = {number: set() for number in numbers.values()}
    absent: dict[int, set[int]] = {number: set() for number in numbers.values()}
    for place, number, is_there in _labels(labels, places, numbers):
        (found if is_there else absent)[number].add(place)
    if not any((*found.values(), *absent.values())):
        raise AnnotationsError(
            f"{labels}: none of its labels is about an image of {images.name}; expected the same part"
        )
    above = _above({numbers[name]: [numbers[one] for one in parents] for name, (_, parents) in classes.items()})
    below: dict[int, list[int]] = {number: [] for number in found}
    for number, higher in above.items():
        for one in higher:
            below[one].append(number)
    said = {number: frozenset(found[number].union(*(found[one] for one in below[number]))) for number in found}
    # Where the same image says both of a class, its "absent" is worth nothing, nor is what follows from it.
    sure = {number: absent[number] - said[number] for number in absent}
    free = {number: frozenset(sure[number].union(*(sure[one] for one in above[number]))) for number in absent}
    # What is said more precisely does not speak of the wider class: a cat is no animal that may be a dog.
    held = {n: frozenset(said[n].difference(*(said[one] for one in below[n]))) for n in said}
    names = {number: classes[name][0] for name, number in numbers.items()}
    rows = EvidenceRows(
        names=tuple(row.file_name for row in records),
        categories={number: (names[number], name) for name, number in numbers.items()},
        present=held,
        absent={number: free[number] - said[number] for number in free},
        partial=dict.fromkeys(numbers.values(), frozenset()),
    )
    return OpenImages(Instances(records, names, held, licenses), rows, credited)


def _above(parents: Mapping[int, Sequence[int]]) -> dict[int, set[int]]:
    """A class to all those above it."""
    found: dict[int, set[int]] = {}
    for number in parents:
        above, level = set[int](), set(parents[number])
        while level:
            above |= level
            level = {higher for one in level for higher in parents[one]} - above
        found[number] = above
    return found


def _labels(path: Path, places: Mapping[str, int], numbers: Mapping[str, int]) -> Iterator[tuple[int, int, bool]]:
    """Each label of an image that is listed: the image's place, the class, and whether it is there."""
    with _rows(path, _LABEL_COLUMNS) as rows:
        for line, (image, source, label, confidence) in rows:
            number, is_there = numbers.get(label), _FOUND.get(confidence.strip())
            if number is None:
                raise AnnotationsError(f"{path}: line {line}: {label!a} is no boxable class of Open Images")
            if is_there is None:
                raise AnnotationsError(f"{path}: line {line}: confidence {confidence!a}; expected 0, 1, 0.0 or 1.0")
            if source not in _HUMAN:
                raise AnnotationsError(
                    f"{path}: line {line}: source {source!a}; expected labels that people verified (verification, "
                    "crowdsource-verification)"
                )
            if image in places:
                yield places[image], number, is_there


def _images(path: Path, base: str) -> tuple[tuple[ImageRow, ...], tuple[tuple[str, str], ...], tuple[LicenseRow, ...]]:
    """The images by id, author and title of each, and their licences."""
    listed: dict[str, Sequence[str]] = {}
    with _rows(path, _IMAGE_COLUMNS) as rows:
        for line, row in rows:
            if not _ID.fullmatch(row[0]):
                raise AnnotationsError(f"{path}: line {line}: ImageID {row[0]!a}; expected 16 digits 0-9, a-f")
            if listed.setdefault(row[0], row) is not row:
                raise AnnotationsError(f"{path}: line {line}: the image {row[0]} is listed twice")
    ordered = [listed[name] for name in sorted(listed)]
    addresses = sorted({row[2].strip() for row in ordered} - {""})
    licenses = {address: number for number, address in enumerate(addresses, 1)}
    records = tuple(
        ImageRow(number, f"{name}.jpg", 0, 0, licenses.get(license_.strip()), f"{base}/{name}.jpg", page)
        for number, (name, page, license_, _, _) in enumerate(ordered, FIRST)
    )
    table = tuple(LicenseRow(number, _LICENSES.get(address, address), address) for address, number in licenses.items())
    return records, tuple((row[3], row[4]) for row in ordered), table


@contextmanager
def _rows(path: Path, columns: Sequence[str]) -> Iterator[Iterator[tuple[int, Sequence[str]]]]:
    """The rows of a list with their line numbers, of which these columns.

    Raises:
        AnnotationsError: It cannot be read, is no UTF-8, lacks a column, or a row is cut off.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = next(reader, [])
            if missing := [name for name in columns if name not in header]:
                raise AnnotationsError(f"{path}: has no column {', '.join(missing)}; expected {', '.join(columns)}")
            yield _picked(reader, [header.index(name) for name in columns], len(header), path)
    except UnicodeDecodeError as error:
        raise AnnotationsError(f"{path}: not UTF-8 text ({error})") from error
    except csv.Error as error:
        raise AnnotationsError(f"{path}: not CSV ({error}); is the file cut off?") from error
    except OSError as error:
        raise AnnotationsError(f"{path}: cannot be read: {error.strerror or error}") from error


def _picked(
    reader: Iterator[list[str]], places: Sequence[int], width: int, path: Path
) -> Iterator[tuple[int, Sequence[str]]]:
    for number, row in enumerate(reader, 2):
        if len(row) != width:
            raise AnnotationsError(f"{path}: row {number} has {len(row)} columns, not {width}; is the file cut off?")
        yield number, [row[place] for place in places]
