"""Misspelt names: a word that nothing knows, near to one that a hand list has."""

from __future__ import annotations

from collections import defaultdict
from functools import lru_cache

from yolobg.matching.answers import Answer, weaken
from yolobg.matching.dictionaries import HAND_LISTS, Words, exact, in_hand_lists, roles
from yolobg.matching.lexicon import ListEntry, coco_categories, hand_list
from yolobg.matching.lexicon.wordnet import wordnet
from yolobg.matching.words import plural, singulars

CONFIDENCE = 0.6
SURE = 0.8
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
    """Return the listed name that is one letter off (wrong, missing, too many, or two changed about)."""
    close = [
        (glued[0] == word[0], len(glued) == len(word), len(glued) < len(word), -place, name)
        for place, glued, name in _with_common_remains(word)
        if is_one_letter_off(word, glued) and (glued[0] == word[0] or len(word) > SHORTEST_LAST)
    ]
    return max(close)[-1] if close else None


def _with_common_remains(word: str) -> set[tuple[int, str, str]]:
    """Return the listed names of which the same remains as of a word, when each may lose one letter."""
    return {found for remains in _remains(word) for found in listed_by_remains().get(remains, ())}


def _remains(word: str) -> set[str]:
    return {word, *(word[:at] + word[at + 1 :] for at in range(len(word)))}


def own_name_near(word: str) -> str | None:
    """Return the one-word name of a category that an unlisted word is one letter off from."""
    if len(word) < SHORTEST or in_hand_lists((word,)) is not None:
        return None
    own = [c.name for c in coco_categories() if len(c.name) >= SHORTEST and c.name[0] == word[0]]
    return next((name for name in own if is_one_letter_off(word, name)), None)


def is_one_letter_off(one: str, other: str) -> bool:
    """Tell whether two different words differ in one letter, in one letter more or less, or in two that swapped."""
    if one == other or abs(len(one) - len(other)) > 1:
        return False
    start = 0
    while start < min(len(one), len(other)) and one[start] == other[start]:
        start += 1
    rests = one[start:], other[start:]
    if rests[0][2:] == rests[1][2:] and rests[0][:2] == rests[1][:2][::-1]:
        return True
    return rests[0][1:] == rests[1][1:] or rests[0][1:] == rests[1] or rests[0] == rests[1][1:]


@lru_cache(maxsize=1)
def listed_by_length() -> dict[int, tuple[tuple[str, str], ...]]:
    """Return length to (letters, name) of the listed names that map to a category; sorted."""
    names = {form for c in coco_categories() for form in (c.name, plural(c.name))}
    for listed in HAND_LISTS:
        names |= {name for name, entry in hand_list(listed).items() if entry.targets and _is_sure(entry)}
    table: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for name in sorted(names):
        glued = name.replace(" ", "")
        if SHORTEST <= len(glued) <= LONGEST and glued.isascii():
            table[len(glued)].append((glued, name))
    return {length: tuple(found) for length, found in table.items()}


@lru_cache(maxsize=1)
def listed_by_remains() -> dict[str, list[tuple[int, str, str]]]:
    """Return what is left of a listed name without one of its letters to (place in the list, letters, name)."""
    table: dict[str, list[tuple[int, str, str]]] = {}
    listed = sorted(pair for pairs in listed_by_length().values() for pair in pairs)
    for place, (glued, name) in enumerate(listed):
        for remains in _remains(glued):
            table.setdefault(remains, []).append((place, glued, name))
    return table


def _is_sure(entry: ListEntry) -> bool:
    return entry.targets[0].confidence >= SURE


SHORTEST = 3
SHORTEST_GLUED, LONGEST_GLUED = 6, 40


@lru_cache(maxsize=4096)
def unglue(word: str) -> tuple[str, str] | None:
    """Return the two known words that an unknown one is made of; where several cuts fit, the one with the best head.

    The head must be a word of the hand lists or of WordNet; a head from the hand lists is better, then a longer one.
    """
    if not SHORTEST_GLUED <= len(word) <= LONGEST_GLUED or not word.isascii():
        return None
    cuts = [(word[:i], word[i:]) for i in range(2, len(word) - SHORTEST + 1)]
    fits = [cut for cut in cuts if _is_start(cut[0]) and _is_word(cut[1])]
    return max(fits, key=lambda cut: (_in_lists(cut[1]), len(cut[1])), default=None)


def _is_start(word: str) -> bool:
    if word in roles()["negation"]:
        return True
    return len(word) >= SHORTEST and _is_word(word)


def _is_word(word: str) -> bool:
    return any(_in_lists(form) or wordnet().is_word(form) for form in (word, *singulars(word)))


def _in_lists(word: str) -> bool:
    return any(
        exact(form) is not None or any(form in hand_list(name) for name in HAND_LISTS)
        for form in (word, *singulars(word))
    )
