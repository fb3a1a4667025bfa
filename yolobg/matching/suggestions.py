"""What a name that nobody knows may have meant: categories that are near to it in meaning or spelling, or none."""

from __future__ import annotations

import difflib
import string
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache

from yolobg.matching.answers import Answer, Context
from yolobg.matching.dictionaries import in_hand_lists, is_filler
from yolobg.matching.languages import by_certain_language, by_last_character
from yolobg.matching.lexicon.wordnet import wordnet
from yolobg.matching.other_categories import Bridge
from yolobg.matching.spelling import listed_by_length
from yolobg.matching.words import clean_name, key, words

SUGGESTIONS = 3

NEAR = 0.75
"""Spellings at least this alike (difflib's ratio, 0-1) are near: one slip in a short word, two in a long one."""

NEAR_LISTED = 0.8
"""The same for other words than the categories' own names: there are ten times as many."""

SHORTEST = 4
"""Every other short word is near to a shorter one."""

MOST = 12
"""So many of the words that share the most pairs of letters are compared letter by letter."""


def suggest(name: str, bridge: Bridge, categories: Sequence[str]) -> tuple[str, ...]:
    """Return up to three categories of the source that an unknown name is near to, best first; nothing if none is.

    In meaning: what one of its words stands for. In spelling: what a listed word stands for that it is almost.

    Args:
        name: The class name.
        bridge: The bridge to the source.
        categories: The names of the source's categories.
    """
    found = dict.fromkeys(nearest(name, categories))
    for answer in _meanings(name):
        there = bridge.over(name, answer).exclusions
        found.update(dict.fromkeys(e.coco for e in sorted(there, key=lambda e: -e.confidence)))
    return tuple(found)[:SUGGESTIONS]


def nearest(name: str, choices: Sequence[str]) -> tuple[str, ...]:
    """Return up to three of `choices` that are spelled almost like `name`, best first; equal ones in given order."""
    wanted = key(name)
    scored = [(_likeness(wanted, spelled), choice) for choice, spelled in zip(choices, map(_key, choices), strict=True)]
    close = sorted((pair for pair in scored if pair[0] >= NEAR), key=lambda pair: -pair[0])
    return tuple(choice for _, choice in close[:SUGGESTIONS])


@lru_cache(maxsize=4096)
def _key(choice: str) -> str:
    return key(choice)


def _likeness(wanted: str, other: str) -> float:
    """Return how alike two spellings are (0-1); 0 where a quick look says that they are not near."""
    shorter, longer = sorted((len(wanted), len(other)))
    if shorter < SHORTEST or 2 * shorter < NEAR * (shorter + longer):
        return 0.0
    shared = len(set(wanted) & set(other))
    if shared < len(set(other)) / 2:
        return 0.0
    return difflib.SequenceMatcher(None, other, wanted, autojunk=False).ratio()


def _meanings(name: str) -> Iterator[Answer]:
    """Yield what single words of a name stand for, then what the words stand for that the name is almost."""
    phrase = tuple(word for word in words(clean_name(name)) if not is_filler(word))
    for word in phrase if len(phrase) > 1 else ():
        found = in_hand_lists((word,)) or by_certain_language(word, Context())
        if found is not None and found.is_certain:
            yield found
    head = by_last_character(name)
    if head is not None:
        yield head
    for word in dict.fromkeys(("".join(phrase), *phrase)):
        near = _near_listed(word)
        found = in_hand_lists(tuple(near.split())) if near and not _is_almost_a_word(word) else None
        if found is not None and found.is_certain:
            yield found


def _near_listed(word: str) -> str | None:
    """Return the listed word that a word is spelled almost like; of equally near ones the first."""
    if len(word) < SHORTEST:
        return None
    shared = Counter(name for pair in _pairs(word) for name in _by_pair().get(pair, ()))
    enough = [name for name, count in shared.most_common(MOST) if 2 * count >= len(word)]
    scored = [(_likeness(word, name.replace(" ", "")), name) for name in enough]
    best = max(scored, key=lambda pair: pair[0], default=(0.0, ""))
    return best[1] if best[0] >= NEAR_LISTED else None


def _is_almost_a_word(word: str) -> bool:
    """Tell whether a noun that names nothing of COCO is one letter off: `rabit` is a rabbit, whatever else is near."""
    cuts = [(word[:at], word[at:]) for at in range(len(word) + 1)]
    slips = (
        start + letter + rest
        for start, end in cuts
        for letter in ("", *string.ascii_lowercase)
        for rest in {end, end[1:]}
    )
    return any(wordnet().is_noun(slip) for slip in slips)


def _pairs(word: str) -> list[str]:
    return [word[at : at + 2] for at in range(len(word) - 1)]


@lru_cache(maxsize=1)
def _by_pair() -> dict[str, tuple[str, ...]]:
    """Return two letters to the listed names that have them side by side."""
    table: dict[str, list[str]] = defaultdict(list)
    for listed in listed_by_length().values():
        for glued, name in listed:
            for pair in dict.fromkeys(_pairs(glued)):
                table[pair].append(name)
    return {pair: tuple(names) for pair, names in table.items()}
