"""What most names of a list are, as evidence for those that may be it too: a nutcracker among birds is a bird. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from yolobg.classes.answer import EXCLUDES, Answer, change
from yolobg.model import Exclusion

LIFTED = 0.6
"""Confidence of a rarer reading that agrees with most of the list."""

ENOUGH, SHARE = 4, 0.5
"""So many names, and more than that share of the list, make a majority."""

READINGS = ("wordnet", "head noun")
"""The rules whose "maybe" is a rarer meaning of the name; a hand list's is COCO's habit, which no list changes."""


def agreed(answers: Sequence[Answer]) -> list[Answer]:
    """Return the answers, with rarer readings lifted to certain where most other names are kinds of that category."""
    kinds = Counter(e.coco for a in answers for e in a.exclusions if e.confidence >= EXCLUDES and e.relation == "is_a")
    enough = max(ENOUGH, SHARE * len(answers))
    common = frozenset(name for name, count in kinds.items() if count > enough)
    return [_lift(answer, common) if common and not answer.is_certain else answer for answer in answers]


def _lift(answer: Answer, common: frozenset[str]) -> Answer:
    def lifted(exclusion: Exclusion) -> Exclusion:
        if exclusion.coco not in common or exclusion.relation != "is_a" or exclusion.rule not in READINGS:
            return exclusion
        why = f"most names of the list are kinds of {exclusion.coco}; {exclusion.reason}"
        return replace(exclusion, confidence=LIFTED, reason=why)

    return change(answer, lifted)
