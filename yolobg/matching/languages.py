"""Class names in other languages: 128 notions in 22 languages, used where the name or its list is not English."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

from yolobg.matching.answers import NONE, Answer, Context, mapped, union
from yolobg.matching.dictionaries import in_hand_lists
from yolobg.matching.lexicon import NamedCategory, parse_targets, read_rows
from yolobg.matching.lexicon.wordnet import wordnet
from yolobg.matching.words import clean_name, singulars, words
from yolobg.model import Exclusion, Relation

SURE, LIKELY, STEM, HINT = 0.9, 0.7, 0.6, 0.45
"""Confidence: the list is in that language; only the name points to it; only its stem or
last part is known; English knows the word as something else."""

ENOUGH_NAMES, ENOUGH_SHARE = 2, 0.3
"""So many names, and that share of the list, make a list one of another language."""

LONGEST_CODE = 4
"""ASCII names of up to so many letters are as likely codes (`o`, `bo`, `pan`): a language has them only by its list."""

PARTICLES = frozenset(("no", "not", "with", "without", "of", "and", "or", "for", "the"))
"""English words that WordNet, a list of nouns, verbs, adjectives and adverbs, has not."""

SHORTEST_VOTE = 3
"""Shorter ASCII names are no vote for a language."""

LANGUAGES = {
    "de": "German", "fr": "French", "es": "Spanish", "it": "Italian", "pt": "Portuguese", "nl": "Dutch", "pl": "Polish",
    "ru": "Russian", "zh": "Chinese", "ja": "Japanese", "ko": "Korean", "tr": "Turkish", "ar": "Arabic",
    "sv": "Swedish", "fi": "Finnish", "cs": "Czech", "da": "Danish", "no": "Norwegian", "uk": "Ukrainian",
    "hi": "Hindi", "id": "Indonesian", "vi": "Vietnamese",
}  # fmt: skip
"""The languages of languages.tsv, for the reason."""

HEAD_LAST = frozenset(("de", "nl", "sv", "da", "no", "fi", "tr", "hi", "zh", "ja", "ko", "ru", "uk", "pl", "cs"))
"""Languages that put the head of a noun phrase last."""

PLURALS = ("lar", "ler", "ات", "ين")
"""Plural endings longer than the letters that `stem` takes off."""

SHORTEST_STEM = 4
SHORTEST_HEAD = 4
SHORTEST_SYLLABLES = 2
FIRST_SYLLABLE = "\u3040"
"""From this character on a script writes syllables or words with one sign."""
COMPOUNDING = frozenset(("de", "nl", "sv", "da", "no", "fi"))
"""Latin-script languages that write compounds in one word, the head last."""
LONGEST_ENDING = 3


@dataclass(frozen=True, slots=True)
class Notion:
    """What a word of another language means: categories and the English word."""

    targets: tuple[NamedCategory, ...]
    english: str


@dataclass(frozen=True, slots=True)
class Lexeme:
    """What a word means in one language."""

    language: str
    notion: Notion


def language_of(names: Sequence[str]) -> str:
    """Return the language that most names of a list are words of, if there are enough; empty for English."""
    foreign = [name for name in names if not _is_plain_english(name)]
    if not _is_enough(len(foreign), names) or all(is_english(name) for name in foreign):
        return ""
    votes = Counter(language for name in foreign for language in _languages(name))
    winner = max(sorted(votes), key=lambda language: votes[language], default="")
    return winner if _is_enough(votes[winner], names) else ""


def _languages(name: str) -> set[str]:
    """Return the languages that have a word."""
    word = fold(name)
    if name.isascii() and len(word) < SHORTEST_VOTE:
        return set()
    return {lexeme.language for lexeme in _exact(word)} or {noun.language for noun in nouns_of(word)}


def is_code(name: str) -> bool:
    """Tell whether a name is so short that, without the list's vote, it is no word of another language."""
    return name.isascii() and len(name.strip()) <= LONGEST_CODE


def _is_enough(some: int, names: Sequence[str]) -> bool:
    return some >= ENOUGH_NAMES and some >= ENOUGH_SHARE * len(names)


def _is_plain_english(name: str) -> bool:
    found = in_hand_lists(words(clean_name(name)))
    return found is not None and found.is_certain


def is_english(name: str) -> bool:
    """Tell whether all words of a name are English ones or numbers."""
    return all(_is_english_word(word) for word in words(clean_name(name)))


def _is_english_word(word: str) -> bool:
    return word.isdigit() or word in PARTICLES or any(wordnet().is_word(form) for form in (word, *singulars(word)))


def by_language(text: str, context: Context) -> Answer | None:
    """Return what a name means in the list's language, or in its script where that is not Latin."""
    name = fold(text)
    if not context.language:
        return None if is_latin(text) else _read(name, "", SURE)
    found = _read(name, context.language, SURE)
    if found is not None or is_latin(text):
        return found
    return _answer(name, _exact(name), LIKELY) if _exact(name) else None


def by_certain_language(text: str, _context: Context) -> Answer | None:
    """Return what a name means that another language has as a whole and that cannot be English."""
    # English is asked first: the word list of the other languages takes its time to be read.
    if is_code(text) or (text.isascii() and is_english(text)):
        return None
    name = fold(text)
    return _read(name, "", LIKELY) if _exact(name) else None


def by_likely_language(text: str, context: Context) -> Answer | None:
    """Return what a name means that is no English word but one of another language.

    A name in the script of the list's own language was read before: parts of it mean something else in others.
    """
    if is_code(text) or (context.language and not is_latin(text)):
        return None
    return _read(fold(text), "", LIKELY)


def as_hint(text: str) -> Answer | None:
    """Return, as "maybe", what an English word that names nothing means elsewhere; a person is no such guess."""
    if is_code(text):
        return None
    found = [lexeme for lexeme in _exact(fold(text)) if all(t.category != "person" for t in lexeme.notion.targets)]
    answer = _answer(text, found, HINT) if found else None
    return answer if answer is not None and answer.exclusions else None


SHORTEST_CERTAIN = 5
"""Words of fewer letters mean too many things in 22 languages."""


def by_any_word(text: str) -> Answer | None:
    """Return what a word of a phrase means in another language, whatever English makes of the last one.

    `persona local` is no English local. A word that English has too counts, as "maybe", where it names something there.
    """
    found: list[Answer] = []
    for word in fold(text).split():
        lexemes = [x for x in _exact(word) if x.notion.targets and x.notion.english != word]
        known = in_hand_lists((word,)) if wordnet().is_word(word) else None
        is_english = wordnet().is_word(word) and (known is None or not known.certain)
        if lexemes and len(word) >= SHORTEST_CERTAIN and not is_english:
            found.append(_answer(word, lexemes, HINT if wordnet().is_word(word) else LIKELY))
    return union(found) if found else None


def _read(name: str, language: str, sure: float) -> Answer | None:
    if not name:
        return None
    found = [lexeme for lexeme in _exact(name) if language in ("", lexeme.language)]
    if not found and (language or not is_latin(name) or not _is_loose(name)):
        found, sure = [x for x in _near(name) if language in ("", x.language)][:1], STEM
    return _answer(name, found, sure) if found else None


def _is_loose(name: str) -> bool:
    """Tell whether a Latin name is too short, or too English, to be guessed at by a stem or by one of its words."""
    parts = name.split()
    return any(len(part) <= SHORTEST_STEM + 1 or wordnet().is_word(part) for part in parts)


def _answer(name: str, found: Sequence[Lexeme], sure: float) -> Answer:
    exclusions = [_exclusion(name, lexeme, target, sure) for lexeme in found for target in lexeme.notion.targets]
    return mapped(exclusions) if exclusions else NONE


def _exclusion(name: str, lexeme: Lexeme, target: NamedCategory, sure: float) -> Exclusion:
    why = f"{name} is {LANGUAGES[lexeme.language]} for {lexeme.notion.english}"
    return Exclusion(target.category, target.relation, min(sure, target.confidence), "language", why)


def _exact(name: str) -> tuple[Lexeme, ...]:
    return lexicon().get(name, ())


def _near(name: str) -> Iterator[Lexeme]:
    """Yield lexemes with the same stem, then those at the end (compounds) or start (scripts without spaces)."""
    yield from stems().get(stem(name), ())
    for suffix in PLURALS:
        if name.endswith(suffix):
            yield from lexicon().get(name.removesuffix(suffix), ())
    yield from _of_parts(name.split())
    latin = is_latin(name)
    shortest = _shortest_part(name)
    for at in range(shortest if latin else 1, len(name) - shortest + 1):
        found = lexicon().get(name[at:].strip(), ())
        yield from (lexeme for lexeme in found if not latin or lexeme.language in COMPOUNDING)
    if not name.isascii() and not is_latin(name):
        for end in range(len(name) - 1, shortest - 1, -1):
            yield from lexicon().get(name[:end].strip(), ())


def _shortest_part(name: str) -> int:
    """Return how many letters a part of a name must have to be a word; one Chinese character of a compound is none."""
    if is_latin(name):
        return SHORTEST_HEAD
    return SHORTEST_SYLLABLES if any(c >= FIRST_SYLLABLE for c in name) else SHORTEST_HEAD - 1


def by_last_character(text: str) -> Answer | None:
    """Return what the last character of a Chinese compound means by itself, to suggest it: it may be the head."""
    name = fold(text)
    return _answer(text, _exact(name[-1]), HINT) if len(name) > 1 and name[-1] >= FIRST_SYLLABLE else None


def of_word(word: str) -> Answer:
    """Return what a folded word means in all languages that have it."""
    return _answer(word, _exact(word), LIKELY)


def _of_parts(parts: list[str]) -> Iterator[Lexeme]:
    """Yield the lexemes of the words of a phrase: the head, first or last by language, then any word."""
    if len(parts) < 2:  # noqa: PLR2004 - one word is no phrase
        return
    hits = [lexicon().get(part, ()) or stems().get(stem(part), ()) for part in parts]
    yield from (lexeme for lexeme in hits[-1] if lexeme.language in HEAD_LAST)
    yield from (lexeme for lexeme in hits[0] if lexeme.language not in HEAD_LAST)
    for found in hits:
        yield from found


def stem(word: str) -> str:
    """Return a word without up to three letters that endings are made of, at least four letters long."""
    for _ in range(LONGEST_ENDING):
        if len(word) > SHORTEST_STEM and word[-1] in _ENDINGS:
            word = word[:-1]
    return word


_ENDINGS = frozenset("aeiousnrtmйьъыиаяоеёуюівхмтыїєyhåäö")


@lru_cache(maxsize=1)
def lexicon() -> dict[str, tuple[Lexeme, ...]]:
    """Return folded word to its lexemes. English words of the same spelling are not asked here."""
    table: dict[str, tuple[Lexeme, ...]] = {}
    for english, spec, relation, foreign in _read_list("languages.tsv"):
        notion = Notion(parse_targets(spec, cast("Relation", relation)), english)
        for language, word in foreign:
            others = table.get(word, ())
            if all(language != other.language for other in others):
                table[word] = (*others, Lexeme(language, notion))
    return table


@lru_cache(maxsize=1)
def stems() -> dict[str, tuple[Lexeme, ...]]:
    """Return stem to the lexemes that have it."""
    table: dict[str, tuple[Lexeme, ...]] = {}
    for word, lexemes in lexicon().items():
        key = stem(word)
        if len(key) >= SHORTEST_STEM or not is_latin(key):
            table[key] = (*table.get(key, ()), *lexemes)
    return table


@dataclass(frozen=True, slots=True)
class Noun:
    """A common noun of one language, the English word for it, and what that means here (empty for nothing)."""

    language: str
    english: str
    meaning: str


CLASSIFIERS = ("con ", "quả ", "cây ", "củ ", "cái ", "hoa ")
"""Words that Vietnamese puts before nouns, and class names leave out."""


def nouns_of(word: str) -> tuple[Noun, ...]:
    """Return what a folded word, or its singular, means by common_nouns.tsv; it is read when first asked for."""
    forms = (word, word.removeprefix("ال"), *(word.removesuffix(end) for end in ("s", "es")))
    return next((common_nouns()[form] for form in forms if form in common_nouns()), ())


@lru_cache(maxsize=1)
def common_nouns() -> dict[str, tuple[Noun, ...]]:
    """Return folded word to its meanings, one for each language."""
    prefixes = tuple(map(fold, CLASSIFIERS))
    table: dict[str, tuple[Noun, ...]] = {}
    for english, _, meaning, foreign in _read_list("common_nouns.tsv"):
        for language, word in foreign:
            noun = Noun(language, english, "" if meaning == "-" else meaning or english)
            table[word] = (*table.get(word, ()), noun)
            start, _, rest = word.partition(" ")
            if language == "vi" and start in prefixes and rest:
                table[rest] = (*table.get(rest, ()), noun)
    return table


def _read_list(name: str) -> Iterator[tuple[str, str, str, list[tuple[str, str]]]]:
    """Yield the first three cells of each row, and its folded words, each with its language."""
    (_, _, _, header), *rows = read_rows(name)
    folded = fold_list("\n".join(cells for *_, cells in rows)).split("\n")
    languages = header.split("|")
    for (first, second, third, _), cells in zip(rows, folded, strict=True):
        pairs = zip(languages, cells.split("|"), strict=True)
        folded_words = ((language, fold_word(word)) for language, cell in pairs for word in cell.split(","))
        yield first, second, third, [(language, word) for language, word in folded_words if word]


_LETTERS: dict[int, str] = str.maketrans({"ß": "ss", "ı": "i", "ł": "l", "ø": "o", "æ": "ae", "œ": "oe", "đ": "d"})
_ACCENTS = dict.fromkeys((*range(0x0300, 0x0370), *range(0x064B, 0x0653), 0x0640))
"""Combining marks of Latin, vowel signs of Arabic and its stretching line: they are left out."""


def fold(text: str) -> str:
    """Return text in lower case, without diacritics of Latin and Arabic letters, words separated by one space."""
    plain_words = " ".join(words(clean_name(text)))
    return plain_words if plain_words.isascii() else _bare(plain_words)


@lru_cache(maxsize=1)
def _plain_letters() -> dict[int, str]:
    """Return letters to what is compared in their place; of Chinese characters the simplified one, from han.tsv."""
    return _LETTERS | {ord(form): simple for simple, forms in read_rows("han.tsv") for form in forms}


def fold_list(text: str) -> str:
    """Return a whole word list folded as `fold` does its words; `fold_word` finishes each of them."""
    return _bare(unicodedata.normalize("NFKC", text).lower())


def fold_word(word: str) -> str:
    """Return a word of a folded list with hyphens and apostrophes as `fold` has them."""
    if word.isalpha():
        return word
    return " ".join(word.replace("-", " ").replace("'", "").replace("’", "").split())


def _bare(text: str) -> str:
    plain = unicodedata.normalize("NFD", text.translate(_plain_letters())).translate(_ACCENTS)
    return unicodedata.normalize("NFC", plain)


def is_latin(text: str) -> bool:
    """Tell whether all letters are Latin."""
    return text.isascii() or all(
        not c.isalpha() or ord(c) < 0x250 or 0x1E00 <= ord(c) < 0x1F00  # noqa: PLR2004 - Unicode's Latin blocks
        for c in text
    )
