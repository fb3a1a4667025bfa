"""Common nouns of other languages: a name that is one of them means what the English word for it means."""

from __future__ import annotations

from collections.abc import Sequence

from yolobg.matching.answers import NONE, Answer, Context, union, weaken
from yolobg.matching.languages import LANGUAGES, LIKELY, SURE, Noun, fold, is_code, is_english, lexicon, nouns_of
from yolobg.matching.phrase_rules import resolve_phrase
from yolobg.matching.words import singulars, words

__all__ = ["by_common_noun", "by_noun_of_the_list", "is_rarer_in_english"]

SEVERAL = 3


def by_noun_of_the_list(text: str, context: Context) -> Answer | None:
    """Return what a name means as a noun of the list's language."""
    name = fold(text)
    if not context.language or any(lexeme.language == context.language for lexeme in lexicon().get(name, ())):
        return None
    found = [noun for noun in nouns_of(name) if noun.language == context.language]
    return _meaning(name, found, SURE) if found else None


def by_common_noun(text: str, _context: Context) -> Answer | None:
    """Return what a name means that is no English word but a noun of another language."""
    if is_code(text) or (text.isascii() and any(map(is_english, words(text)))):
        return None
    name = fold(text)
    found = nouns_of(name)
    return _meaning(name, found, LIKELY) if found else None


def is_rarer_in_english(text: str, found: Answer) -> bool:
    """Tell whether a word that only WordNet knows in English is a noun for another thing in several languages."""
    name = fold(text)
    if " " in name or any(e.rule != "wordnet" for e in found.exclusions):
        return False
    return len({noun.language for noun in nouns_of(name) if noun.english not in (name, *singulars(name))}) >= SEVERAL


def _meaning(name: str, found: Sequence[Noun], sure: float) -> Answer:
    return union(
        weaken(
            resolve_phrase(tuple(noun.meaning.split())) or NONE,
            cap=sure,
            why=f"{name} is {LANGUAGES[noun.language]} for {noun.english}",
        )
        for noun in found
    )
