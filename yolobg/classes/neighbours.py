"""Categories that people confuse with one that a class is: "maybe" for that class too."""

from __future__ import annotations

from functools import lru_cache

from yolobg.classes.answer import EXCLUDES, Answer, mapped
from yolobg.classes.lexicon import CONFIDENCE, read_rows
from yolobg.model import Exclusion

RULE = "confusable"


def with_neighbours(found: Answer) -> Answer:
    """Return the answer with the neighbours of each category that the class certainly is (not merely goes with)."""
    added = [
        Exclusion(name, "confusable", CONFIDENCE["confusable"], RULE, f"people confuse {name} and {exclusion.coco}")
        for exclusion in found.exclusions
        if exclusion.relation in ("same", "is_a") and exclusion.confidence >= EXCLUDES
        for name in neighbours().get(exclusion.coco, ())
    ]
    return mapped((*found.exclusions, *added)) if added else found


@lru_cache(maxsize=1)
def neighbours() -> dict[str, tuple[str, ...]]:
    """Return category to its neighbours, from neighbours.tsv."""
    return {name: tuple(part.strip() for part in listed.split(",")) for name, listed in read_rows("neighbours.tsv")}
