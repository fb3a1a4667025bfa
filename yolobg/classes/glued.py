"""Words written together: where to cut them. Pure."""

from __future__ import annotations

from functools import lru_cache

from yolobg.classes.lexicon import hand_list
from yolobg.classes.lexicon.wordnet import wordnet
from yolobg.classes.lookup import HAND_LISTS, exact
from yolobg.classes.roles import roles
from yolobg.classes.text import singulars

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
