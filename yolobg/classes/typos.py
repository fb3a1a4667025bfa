"""Misspelt names: a word that nothing knows, near to one that a hand list has."""

from __future__ import annotations

import difflib
from collections import defaultdict
from functools import lru_cache

from yolobg.classes.answer import Answer, weaken
from yolobg.classes.lexicon import coco_categories, hand_list
from yolobg.classes.lookup import HAND_LISTS, Words, in_hand_lists
from yolobg.classes.text import plural

CONFIDENCE = 0.6
ALIKE = 0.8
SHORTEST, SHORTEST_LAST, LONGEST = 5, 7, 30


def by_spelling(phrase: Words) -> Answer | None:
    """Return what the nearest listed name means, if it is one letter away at either place (`refridgerator`)."""
    last = phrase[-1] if len(phrase) > 1 and len(phrase[-1]) >= SHORTEST_LAST else ""
    for name in ("".join(phrase), last):
        near = _nearest(name) if SHORTEST <= len(name) <= LONGEST else None
        found = in_hand_lists(tuple(near.split())) if near else None
        if found is not None and found.is_certain:
            return weaken(found, cap=CONFIDENCE, why=f"read as a misspelling of {near}", rule="spelling")
    return None


def _nearest(word: str) -> str | None:
    index = _index()
    candidates = {name for form in (word, *_without_one(word)) for name in index.get(form, ())}
    candidates = {name for name in candidates if name[0] == word[0] or len(word) > SHORTEST_LAST}
    scored = [(difflib.SequenceMatcher(None, word, name.replace(" ", "")).ratio(), name) for name in candidates]
    return max((pair for pair in scored if pair[0] >= ALIKE), default=(0.0, None))[1]


def _without_one(word: str) -> set[str]:
    return {word[:i] + word[i + 1 :] for i in range(len(word))}


@lru_cache(maxsize=1)
def _index() -> dict[str, tuple[str, ...]]:
    """Return spellings with at most one letter left out, to the listed names; only names that map to a category."""
    names = {form for c in coco_categories() for form in (c.name, plural(c.name))}
    for listed in HAND_LISTS:
        names |= {
            name
            for name, entry in hand_list(listed).items()
            if entry.targets and entry.targets[0].confidence > ALIKE - 0.1
        }
    index: dict[str, list[str]] = defaultdict(list)
    for name in sorted(names):
        glued = name.replace(" ", "")
        if SHORTEST <= len(glued) <= LONGEST and glued.isascii():
            for form in (glued, *_without_one(glued)):
                index[form].append(name)
    return {form: tuple(found) for form, found in index.items()}
