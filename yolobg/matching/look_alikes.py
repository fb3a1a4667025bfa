"""Categories that a detector of a class is likely to take for it: of the same supercategory, or near in WordNet."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from yolobg.matching.lexicon import read_rows, supercategories
from yolobg.matching.words import key, singulars
from yolobg.model import ClassMatch

__all__ = ["look_alikes"]

# A thing that is worn by people, or part of one, does not look like them.
_NOT_ITSELF = ("part_or_worn", "confusable")


def look_alikes(match: ClassMatch) -> frozenset[str]:
    """The categories of COCO that look like a class and do not stand for it; empty where none is known.

    Those of the supercategory of the class's own categories. For a class that COCO lacks, those that are near its noun
    in WordNet (Wu-Palmer similarity of at least 0.75). A measured choice: images with a category of the same
    supercategory hold 63 % of a COCO detector's false alarms in 15 % of the images.
    """
    excluded = {e.coco for e in (*match.exclude, *match.maybe)}
    own = {e.coco for e in match.exclude if e.relation not in _NOT_ITSELF}
    kinds = supercategories()
    if own & kinds.keys():
        alike = {kinds[name] for name in own if name in kinds}
        return frozenset(name for name, kind in kinds.items() if kind in alike) - excluded
    return frozenset(next((_near()[form] for form in _forms(match.name) if form in _near()), ())) - excluded


def _forms(name: str) -> Iterator[str]:
    """A name, its last word, and both in the singular."""
    phrase = key(name)
    last = phrase.rsplit(" ", 1)[-1]
    start = phrase[: len(phrase) - len(last)]
    yield phrase
    yield from (start + form for form in singulars(last))
    yield last
    yield from singulars(last)


@lru_cache(maxsize=1)
def _near() -> dict[str, tuple[str, ...]]:
    return {
        phrase: tuple(names.split(","))
        for names, phrases in read_rows("look_alikes.tsv")
        for phrase in phrases.split(";")
    }
