"""A COCO-format file read as evidence about the images of a source: what was found in each, what was verified absent.

The semantics are LVIS' (lvis-api `eval.py`): a category with an annotation is present in the image; one among the
image's `neg_category_ids` was verified to be absent; `not_exhaustive_category_ids` are present with more instances than
are marked; of every other category nothing is known. A file without these lists knows presences only.
"""

from __future__ import annotations

import contextlib
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from yolobg.coco_json import address_name
from yolobg.errors import AnnotationsError
from yolobg.sources.annotations.schema import EvidenceEntries, EvidenceImage, Number, decode, mapped_file

__all__ = ["EvidenceRows", "read_evidence"]

# One that says its name as it stands, as nearly all do: taking a hundred thousand apart would be a quarter of a second.
_PLAIN_ADDRESS = re.compile(r"[a-z]+://[\w.-]+/(?:[\w.-]+/)*([\w.-]+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class EvidenceRows:
    """What a file says; an image is its place in `names`.

    Attributes:
        names: The file name of each image, with `/`; the last part of its address where the file has no names.
        categories: Category id to name and synset (empty where the file has none), by id.
        present: Category id to the images with at least one annotation of it.
        absent: Category id to the images that were verified to be free of it, ascending; never one that is present or
            partial.
        partial: Category id to the images in which not all of its instances are marked.
    """

    names: tuple[str, ...]
    categories: Mapping[int, tuple[str, str]]
    present: Mapping[int, frozenset[int]]
    absent: Mapping[int, Sequence[int]]
    partial: Mapping[int, frozenset[int]]


def read_evidence(path: Path) -> EvidenceRows:
    """Read a file of evidence.

    Raises:
        AnnotationsError: The file cannot be read or is not usable; says what is wrong and where.
    """
    with mapped_file(path) as data:
        entries = decode(data, EvidenceEntries, str(path))
    return _rows_of(entries, str(path))


def _rows_of(file: EvidenceEntries, source: str) -> EvidenceRows:
    categories = _categories(file, source)
    places: dict[Number, int] = {}
    for index, image in enumerate(file.images):
        if places.setdefault(image.id, index) != index:
            raise AnnotationsError(f"{source}: images[{index}].id: {image.id} is used twice; ids must be unique")
    present = _present(file, categories, places, source)
    absent = _listed(file, categories, "neg_category_ids", source)
    partial = {
        number: frozenset(images)
        for number, images in _listed(file, categories, "not_exhaustive_category_ids", source).items()
    }
    return EvidenceRows(
        names=tuple(_name(image, index, source) for index, image in enumerate(file.images)),
        categories=categories,
        present=present,
        absent={number: _without(absent[number], present[number] | partial[number]) for number in categories},
        partial=partial,
    )


def _present(
    file: EvidenceEntries, categories: Mapping[int, tuple[str, str]], places: Mapping[Number, int], source: str
) -> dict[int, frozenset[int]]:
    """Category id to the images with an annotation of it."""
    held: dict[Number, list[Number]] = {number: [] for number in categories}
    add = {number: images.append for number, images in held.items()}
    with contextlib.suppress(KeyError):
        for entry in file.annotations:
            add[entry.category_id](entry.image_id)
        # An image has several annotations of a category, four in LVIS: they become one before its place is looked up.
        return {number: frozenset(map(places.__getitem__, set(held[number]))) for number in categories}
    index, entry = next(
        (index, entry)
        for index, entry in enumerate(file.annotations)
        if entry.image_id not in places or entry.category_id not in categories
    )
    known = entry.image_id in places
    kind, value, listed = (
        ("category", entry.category_id, "categories") if known else ("image", entry.image_id, "images")
    )
    raise AnnotationsError(f"{source}: annotations[{index}].{kind}_id: {value!r} is not in {listed}")


def _categories(file: EvidenceEntries, source: str) -> dict[int, tuple[str, str]]:
    found: dict[int, tuple[str, str]] = {}
    for index, entry in enumerate(file.categories):
        if entry.id != int(entry.id):
            raise AnnotationsError(f"{source}: categories[{index}].id: {entry.id!r} is not a whole number; ids must be")
        if int(entry.id) in found:
            raise AnnotationsError(f"{source}: categories[{index}].id: {entry.id} is used twice; ids must be unique")
        found[int(entry.id)] = (entry.name, entry.synset if isinstance(entry.synset, str) else "")
    if not found:
        raise AnnotationsError(f"{source}: categories is empty, so it says nothing of any class")
    return dict(sorted(found.items()))


def _listed(
    file: EvidenceEntries, categories: Mapping[int, tuple[str, str]], name: str, source: str
) -> dict[int, list[int]]:
    """Category id to the images that list it under `name`, ascending; one that does so twice comes twice."""
    found: defaultdict[Number, list[int]] = defaultdict(list)
    for index, image in enumerate(file.images):
        for category in getattr(image, name) or ():
            found[category].append(index)
    if unlisted := found.keys() - categories.keys():
        category = min(unlisted, key=lambda number: found[number][0])
        raise AnnotationsError(f"{source}: images[{found[category][0]}].{name}: {category!r} is not in categories")
    return {number: found.get(number, []) for number in categories}


def _without(images: Sequence[int], others: frozenset[int]) -> tuple[int, ...]:
    """The images that are not among the others, each once, in their order."""
    return tuple(image for image in dict.fromkeys(images) if image not in others)


def _name(image: EvidenceImage, index: int, source: str) -> str:
    if isinstance(image.file_name, str) and image.file_name.strip():
        return image.file_name.replace("\\", "/").replace("\n", " ")
    if isinstance(image.coco_url, str) and (name := _end_of(image.coco_url)):
        return name.replace("\n", " ")
    raise AnnotationsError(
        f"{source}: images[{index}] has neither file_name nor coco_url, so nothing says which image it is"
    )


def _end_of(address: str) -> str:
    """The last part of an address."""
    plain = _PLAIN_ADDRESS.fullmatch(address)
    return plain[1] if plain else address_name(address)[1]
