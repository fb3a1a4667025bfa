"""A COCO-format file read as evidence about the images of a source: what was found in each, what was verified absent.

The semantics are LVIS' (lvis-api `eval.py`): a category with an annotation is present in the image; one among the
image's `neg_category_ids` was verified to be absent; `not_exhaustive_category_ids` are present with more instances than
are marked; of every other category nothing is known. A file without these lists knows presences only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from yolobg.errors import AnnotationsError
from yolobg.sources.annotations.schema import EvidenceEntries, EvidenceImage, Number, decode, mapped

__all__ = ["EvidenceRows", "read_evidence"]


@dataclass(frozen=True, slots=True)
class EvidenceRows:
    """What a file says; an image is its place in `names`.

    Attributes:
        names: The file name of each image, with `/`; the last part of its address where the file has no names.
        categories: Category id to name and synset (empty where the file has none), by id.
        present: Category id to the images with at least one annotation of it.
        absent: Category id to the images that were verified to be free of it; never one that is present or partial.
        partial: Category id to the images in which not all of its instances are marked.
    """

    names: tuple[str, ...]
    categories: Mapping[int, tuple[str, str]]
    present: Mapping[int, frozenset[int]]
    absent: Mapping[int, frozenset[int]]
    partial: Mapping[int, frozenset[int]]


def read_evidence(path: Path) -> EvidenceRows:
    """Read a file of evidence.

    Raises:
        AnnotationsError: The file cannot be read or is not usable; says what is wrong and where.
    """
    with mapped(path) as data:
        entries = decode(data, EvidenceEntries, str(path))
    return _rows_of(entries, str(path))


def _rows_of(file: EvidenceEntries, source: str) -> EvidenceRows:
    categories = _categories(file, source)
    places: dict[Number, int] = {}
    for index, image in enumerate(file.images):
        if places.setdefault(image.id, index) != index:
            raise AnnotationsError(f"{source}: images[{index}].id: {image.id} is used twice; ids must be unique")
    present: defaultdict[Number, set[int]] = defaultdict(set)
    for index, entry in enumerate(file.annotations):
        place = places.get(entry.image_id)
        if place is None or entry.category_id not in categories:
            kind, value = ("image", entry.image_id) if place is None else ("category", entry.category_id)
            listed = "images" if place is None else "categories"
            raise AnnotationsError(f"{source}: annotations[{index}].{kind}_id: {value!r} is not in {listed}")
        present[entry.category_id].add(place)
    absent = _listed(file, categories, "neg_category_ids", source)
    partial = _listed(file, categories, "not_exhaustive_category_ids", source)
    return EvidenceRows(
        names=tuple(_name(image, index, source) for index, image in enumerate(file.images)),
        categories=categories,
        present={number: frozenset(present[number]) for number in categories},
        absent={number: frozenset(absent[number] - present[number] - partial[number]) for number in categories},
        partial={number: frozenset(partial[number]) for number in categories},
    )


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
) -> defaultdict[Number, set[int]]:
    """Category id to the images that list it under `name`."""
    found: defaultdict[Number, set[int]] = defaultdict(set)
    for index, image in enumerate(file.images):
        for category in getattr(image, name) or ():
            if category not in categories:
                raise AnnotationsError(f"{source}: images[{index}].{name}: {category!r} is not in categories")
            found[category].add(index)
    return found


def _name(image: EvidenceImage, index: int, source: str) -> str:
    if isinstance(image.file_name, str) and image.file_name.strip():
        return image.file_name.replace("\\", "/").replace("\n", " ")
    if isinstance(image.coco_url, str) and (name := unquote(urlsplit(image.coco_url).path).rpartition("/")[2]):
        return name.replace("\n", " ")
    raise AnnotationsError(
        f"{source}: images[{index}] has neither file_name nor coco_url, so nothing says which image it is"
    )
