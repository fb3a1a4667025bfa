"""Words with a role in names, and phrases that say nothing. Pure."""

from __future__ import annotations

from functools import lru_cache

from yolobg.classes.lexicon import read_rows

LATIN_SHORT = 2
"""Latin words of up to this many letters are abbreviations, unless a list has them."""


@lru_cache(maxsize=1)
def roles() -> dict[str, frozenset[str]]:
    """Return role to words: `opaque`, `colour`, `filler`, `negation`, `measure`, `joining`, `privative`."""
    return {role: frozenset(cell.split()) for role, cell in read_rows("words.tsv")}


def says_nothing(phrase: tuple[str, ...]) -> bool:
    """Tell whether every word is a number, an abbreviation, a placeholder, a colour, a size or a direction."""
    return all(_is_empty(word) for word in phrase)


def _is_empty(word: str) -> bool:
    if len(word) <= LATIN_SHORT and word.isascii():
        return True
    return word.isdigit() or word in roles()["opaque"] or word in roles()["colour"] or _is_wordnet_id(word)


def _is_wordnet_id(word: str) -> bool:
    return len(word) == 1 or word.isnumeric()


def is_filler(word: str) -> bool:
    """Tell whether a word at the edge of a name adds nothing to what it names."""
    return word in roles()["filler"] or word.isdigit() or (len(word) == 1 and word.isascii())
