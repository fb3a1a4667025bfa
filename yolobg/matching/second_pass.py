"""What most names of a list are, as evidence for those that may be it too: a nutcracker among birds is a bird. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from yolobg.matching.activities import RULES, with_doers
from yolobg.matching.answers import EXCLUDES, RARE, Answer, Context, change, mapped
from yolobg.matching.dictionaries import fields
from yolobg.matching.lexicon import CONFIDENCE, read_rows
from yolobg.model import Exclusion

LIFTED = 0.6
"""Confidence of a rarer reading that agrees with most of the list."""

ENOUGH, SHARE = 4, 0.5
"""So many names, and more than that share of the list, make a majority."""

READINGS = ("wordnet", "head noun")
"""The rules whose "maybe" is a rarer meaning of the name; a hand list's is COCO's habit, which no list changes."""


def agreed(answers: Sequence[Answer], context: Context) -> list[Answer]:
    """Return the answers, with rarer readings lifted or dropped by what the other names of the list are.

    Where most other names are kinds of a category, a rarer reading as one is certain. Where enough names are
    understood and none of them has the category, it is no reading at all.
    """
    answers = with_doers(answers, context)
    kinds = Counter(e.coco for a in answers for e in a.exclusions if e.confidence >= EXCLUDES and e.relation == "is_a")
    enough = max(ENOUGH, SHARE * len(answers))
    common = frozenset(name for name, count in kinds.items() if count > enough)
    lifted = [_lift(answer, common) if common and not answer.is_certain else answer for answer in answers]
    return with_offers(with_signs(without_rare(lifted), context))


MOST_OFFERED = 12
"""More categories than so many are no answer that a person would check."""


def with_offers(answers: Sequence[Answer]) -> list[Answer]:
    """Return the answers, placeholders with what the other names are as the answer to offer: `other` beside cars."""
    certain = mapped(e for answer in answers for e in answer.exclusions if e.confidence >= EXCLUDES)
    offered = certain.exclusions if len(certain.exclusions) <= MOST_OFFERED else ()
    return [replace(answer, offered=offered) if answer.is_placeholder else answer for answer in answers]


SIGNS = 3
"""So many words that sign languages start with, or gestures, make a list one of signs."""


def with_signs(answers: Sequence[Answer], context: Context) -> list[Answer]:
    """Return the answers; in a list of signs or gestures, whatever else a name says is shown by a person."""
    names = {name.replace(" ", "_") for name in context.names}
    if all(len(names & fields()[field]) < SIGNS for field in ("sign_language", "gesture")):
        return list(answers)
    sign = Exclusion("person", "part_or_worn", LIFTED, "context", "a sign or gesture is shown by a person")
    return [a if a.is_certain or a.is_placeholder else mapped((sign, *a.exclusions)) for a in answers]


UNDERSTOOD, ENOUGH_SHARE = 3, 0.15
"""So many understood names beside it speak against a rarer reading that none of them shares (or fewer than that share
of all names). A verb that is also a thing is one, with one understood name, where the list has no activities."""


def without_rare(answers: Sequence[Answer]) -> list[Answer]:
    """Return the answers without the rarer readings that no other name of the list shares."""
    certain = Counter(name for answer in answers for name in answer.certain)
    shared = {name for name, count in certain.items() if count >= ENOUGH_SHARE * len(answers)}
    understood = sum(answer.is_certain or answer.status == "none" for answer in answers)

    def is_kept(exclusion: Exclusion) -> bool:
        if exclusion.confidence > RARE:
            return True
        return understood < 1 if exclusion.rule in RULES else exclusion.coco in shared or understood < UNDERSTOOD

    return [a if all(map(is_kept, a.exclusions)) else mapped(filter(is_kept, a.exclusions)) for a in answers]


def _lift(answer: Answer, common: frozenset[str]) -> Answer:
    def lifted(exclusion: Exclusion) -> Exclusion:
        if exclusion.coco not in common or exclusion.relation != "is_a" or exclusion.rule not in READINGS:
            return exclusion
        why = f"most names of the list are kinds of {exclusion.coco}; {exclusion.reason}"
        return replace(exclusion, confidence=LIFTED, reason=why)

    return change(answer, lifted)


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
