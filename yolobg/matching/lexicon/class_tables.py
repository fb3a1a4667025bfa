"""The classes of LVIS v1 and of Open Images in words: which of them a phrase is, may be, covers or is covered by.

LVIS' classes go by their WordNet synsets as LVIS writes them (`dog.n.01`), Open Images' by their ids (`/m/0bt9lr`). The
files are made by `tools/build_lvis.py` and `tools/build_openimages.py`, and each is read at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from yolobg.matching.lexicon import read_rows

__all__ = ["ClassTable", "OpenImagesClass", "lvis", "open_images", "open_images_classes"]

SURE, MAYBE, BELOW, ABOVE, BESIDES = "=", "~", "<", ">", "!"


@dataclass(frozen=True, slots=True)
class ClassTable:
    """A table; a class of it goes by its synset or id.

    Attributes:
        coco: Class to the categories of COCO that it belongs to.
        same: Category of COCO to the class that is the very same thing.
        names: A class's name to the class, where names are plain words (LVIS' have their meaning in brackets).
        phrases: Kind (`SURE`, `MAYBE`, `BELOW`, `ABOVE`, `BESIDES`) to phrase to classes: what the phrase surely is;
            what it may be; what lies below it; what lies above it; what the name of a category of COCO stands for
            besides that (none: for something that the table lacks).
    """

    coco: dict[str, frozenset[str]]
    same: dict[str, str]
    names: dict[str, str]
    phrases: dict[str, dict[str, tuple[str, ...]]]

    def of(self, kind: str, phrase: str) -> tuple[str, ...]:
        """The classes that stand so to a phrase."""
        return self.phrases[kind].get(phrase, ())


@dataclass(frozen=True, slots=True)
class OpenImagesClass:
    """A boxable class of Open Images; `parents` are the ids of the classes just above it."""

    id: str
    name: str
    parents: tuple[str, ...]


@lru_cache(maxsize=1)
def lvis() -> ClassTable:
    """Return LVIS' table; the file is read at the first call."""
    return _read("lvis.tsv")


@lru_cache(maxsize=1)
def open_images() -> ClassTable:
    """Return Open Images' table; the file is read at the first call."""
    return _read("openimages.tsv")


@lru_cache(maxsize=1)
def open_images_classes() -> tuple[OpenImagesClass, ...]:
    """Return Open Images' 601 boxable classes by id; parts have no parents, so that they inherit nothing."""
    rows = [cells for kind, *cells in read_rows("openimages.tsv") if kind == "C"]
    return tuple(OpenImagesClass(row[0], row[3], tuple(filter(None, "".join(row[4:]).split(",")))) for row in rows)


def _read(name: str) -> ClassTable:
    coco: dict[str, frozenset[str]] = {}
    same: dict[str, str] = {}
    names: dict[str, str] = {}
    phrases: dict[str, dict[str, tuple[str, ...]]] = {kind: {} for kind in (SURE, MAYBE, BELOW, ABOVE, BESIDES)}
    order: list[str] = []
    for kind, *cells in read_rows(name):
        if kind == "C":
            number, belongs, is_it, name = (*cells, "", "", "")[:4]
            order.append(number)
            coco[number] = frozenset(filter(None, belongs.split(",")))
            if is_it:
                same[is_it] = number
            if name:
                names[name.lower()] = number
        else:
            classes = tuple(order[int(place)] for place in cells[0].split(",") if place)
            phrases[kind].update(dict.fromkeys(cells[1].split(";"), classes))
    return ClassTable(coco, same, names, phrases)
