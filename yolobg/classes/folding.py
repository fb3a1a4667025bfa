"""Letters of other languages, made comparable. Pure."""

from __future__ import annotations

import unicodedata

from yolobg.classes.text import clean, words

_LETTERS = str.maketrans({"ß": "ss", "ı": "i", "ł": "l", "ø": "o", "æ": "ae", "œ": "oe", "đ": "d"})
_ACCENTS = dict.fromkeys((*range(0x0300, 0x0370), *range(0x064B, 0x0653), 0x0640))
"""Combining marks of Latin, vowel signs of Arabic and its stretching line: they are left out."""


def fold(text: str) -> str:
    """Return text in lower case, without diacritics of Latin and Arabic letters, words separated by one space."""
    plain_words = " ".join(words(clean(text)))
    return plain_words if plain_words.isascii() else _bare(plain_words)


def fold_list(text: str) -> str:
    """Return a whole word list folded as `fold` does its words; `fold_word` finishes each of them."""
    return _bare(unicodedata.normalize("NFKC", text).lower())


def fold_word(word: str) -> str:
    """Return a word of a folded list with hyphens and apostrophes as `fold` has them."""
    return " ".join(word.replace("-", " ").replace("'", "").replace("’", "").split())


def _bare(text: str) -> str:
    plain = unicodedata.normalize("NFD", text.translate(_LETTERS)).translate(_ACCENTS)
    return unicodedata.normalize("NFC", plain)


def is_latin(text: str) -> bool:
    """Tell whether all letters are Latin."""
    return text.isascii() or all(
        not c.isalpha() or ord(c) < 0x250 or 0x1E00 <= ord(c) < 0x1F00  # noqa: PLR2004 - Unicode's Latin blocks
        for c in text
    )
