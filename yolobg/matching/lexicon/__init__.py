"""The word lists of the class matcher, each read once, when first asked for.

Hand lists are tab-separated text with `#` comments that say where the entries come from. `wordnet.txt` is derived
from WordNet 3.0 by `tools/build_lexicon.py`; its licence is `WORDNET_NOTICE.txt`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import cast, get_args

from yolobg.matching.words import key
from yolobg.model import Category, Relation

CONFIDENCE: dict[Relation, float] = {
    "same": 1.0, "is_a": 0.95, "superset": 0.9, "overlap": 0.8, "part_or_worn": 0.8, "confusable": 0.4, "user": 1.0,
}  # fmt: skip
"""How sure a hand list is by the relation it states; a category marked `?` gets MAYBE instead."""

MAYBE = 0.42


@dataclass(frozen=True, slots=True)
class NamedCategory:
    """A category that an entry names, how it stands to it and how sure that is (0-1)."""

    category: str
    relation: Relation
    confidence: float


@dataclass(frozen=True, slots=True)
class ListEntry:
    """What a list says of one phrase. No targets: the list knows the phrase and says that nothing matches it.

    Attributes:
        targets: Categories, best first.
        rule: The list's name (`alias`, `superset`, ...).
        note: Why, for a person; may be empty.
    """

    targets: tuple[NamedCategory, ...]
    rule: str
    note: str = ""


def read_text(name: str) -> str:
    """Return a data file of this folder."""
    return files(__name__).joinpath(name).read_text(encoding="utf-8")


def read_rows(name: str) -> list[list[str]]:
    """Return the cells of a tab-separated list, without comments and empty lines."""
    lines = read_text(name).splitlines()
    return [line.split("\t") for line in lines if line.strip() and not line.startswith("#")]


@lru_cache(maxsize=1)
def coco_categories() -> tuple[Category, ...]:
    """Return the 80 categories of COCO train2017 with their image counts, by id."""
    return tuple(Category(int(id_), name, int(images)) for id_, name, _, images in read_rows("categories.tsv"))


@lru_cache(maxsize=1)
def supercategories() -> dict[str, str]:
    """Return COCO's categories with the supercategory of each, by name."""
    return {name: group for _, name, group, _ in read_rows("categories.tsv")}


@lru_cache(maxsize=1)
def groups() -> dict[str, tuple[str, ...]]:
    """Return the named groups (`@animals`) that the lists may use in place of categories."""
    return {name: tuple(part.strip() for part in members.split(",")) for name, members in read_rows("groups.tsv")}


@lru_cache(maxsize=16)
def hand_list(name: str) -> dict[str, ListEntry]:
    """Return a hand list as normalised phrase to entry.

    A row is: phrases (`;` between), categories (`,` between, `-` for none, `@group`, `?` behind one for maybe),
    relation, note.

    Raises:
        ValueError: A row names an unknown category or relation, or a phrase stands twice.
    """
    entries: dict[str, ListEntry] = {}
    for row in read_rows(f"{name}.tsv"):
        phrases, spec, relation, note = (*row, "", "", "")[:4]
        if relation not in get_args(Relation):
            raise ValueError(f"{name}.tsv: {phrases}: unknown relation {relation!r}")
        entry = ListEntry(parse_targets(spec, cast("Relation", relation)), name, note)
        for phrase in phrases.split(";"):
            if entries.setdefault(_listed_key(phrase), entry) is not entry:
                raise ValueError(f"{name}.tsv: {phrase.strip()!r} stands twice")
    return entries


def _listed_key(phrase: str) -> str:
    """Return the key of a listed phrase; most are written as it is."""
    plain = " ".join(phrase.split())
    return plain if plain.isascii() and plain.islower() and plain.replace(" ", "").isalpha() else key(plain)


@lru_cache(maxsize=1)
def _category_names() -> frozenset[str]:
    return frozenset(category.name for category in coco_categories())


def parse_targets(spec: str, relation: Relation) -> tuple[NamedCategory, ...]:
    """Return the targets that a list's category cell names.

    Raises:
        ValueError: It names no category of COCO and no group.
    """
    targets: dict[str, NamedCategory] = {}
    known = _category_names()
    for part in () if spec.strip() == "-" else spec.split(","):
        name, maybe = part.strip().removesuffix("?"), part.strip().endswith("?")
        confidence = MAYBE if maybe else CONFIDENCE[relation]
        for category in groups()[name] if name.startswith("@") else (name,):
            if category not in known:
                raise ValueError(f"no category {category!r} in {spec!r}")
            targets.setdefault(category, NamedCategory(category, relation, confidence))
    return tuple(sorted(targets.values(), key=lambda t: -t.confidence))
