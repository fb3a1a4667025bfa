"""The ordered rules that answer for one class name. The first that understands the name answers."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from yolobg.matching.activities import bases
from yolobg.matching.answers import NONE, OPAQUE, PLACEHOLDER, UNKNOWN, Answer, Context, mapped, union, weaken
from yolobg.matching.common_nouns import by_common_noun, by_noun_of_the_list, is_rarer_in_english
from yolobg.matching.dictionaries import (
    LATIN_SHORT,
    by_own_name,
    in_hand_lists,
    is_filler,
    is_placeholder,
    look_up,
    roles,
    says_nothing,
)
from yolobg.matching.languages import as_hint, by_any_word, by_certain_language, by_language, by_likely_language
from yolobg.matching.lexicon.wordnet import wordnet
from yolobg.matching.list_context import by_context, by_sign_code, by_variety
from yolobg.matching.paths import by_path
from yolobg.matching.phrase_rules import ANIMALS, HEAD, HINT, PART, SUFFIX, mention, resolve_phrase
from yolobg.matching.spelling import by_spelling
from yolobg.matching.words import clean_name, singulars, words

_BRACKET = re.compile(r"[(\[{]([^()\[\]{}]*)[)\]}]?")
_ALTERNATIVES = re.compile(r"[/,;&+|]")
_LEVELS = re.compile(r"--|::|->|__|[.:>]")
_CAPITALS = re.compile(r"\b([A-Z]{2,})(?=[a-z]{3})")
_SHORT_WITH = re.compile(r"\bw/o?\b|\bw/(?=\w)", re.IGNORECASE)


PIECES = ("pcs", "pc", "pieces", "units", "px")


def answer(name: str, context: Context) -> Answer:
    """Return what the first rule that understands the name says; `unknown` where none does.

    What COCO has by that very name is a "maybe" at least.
    """
    text = _SHORT_WITH.sub(lambda m: " without " if m[0].lower() == "w/o" else " with ", clean_name(name))
    found = next((said for rule in NAME_RULES if (said := rule(text, context)) is not None), UNKNOWN)
    own = by_own_name(words(text))
    return (
        found
        if own is None or {e.coco for e in own.exclusions} & {e.coco for e in found.exclusions}
        else _with(found, weaken(own, cap=HINT, why="read otherwise in this list"))
    )


def _with(found: Answer, more: Answer) -> Answer:
    return replace(mapped((*found.exclusions, *more.exclusions)), warnings=found.warnings)


def contextual(text: str, context: Context) -> Answer | None:
    """A word whose meaning the other names of the list decide; a variety of what they start with too."""
    rules = (by_context, by_sign_code, by_variety)
    return next((found for rule in rules if (found := rule(words(text), context)) is not None), None)


def opaque(text: str, _context: Context) -> Answer | None:
    """Numbers, letters, placeholders, bare colours and sizes say nothing, unless a list has them."""
    phrase = words(text)
    if is_placeholder(phrase) and in_hand_lists(phrase) is None:
        return PLACEHOLDER
    if says_nothing(phrase) and (not phrase or in_hand_lists(phrase) is None):
        return OPAQUE
    # `t1_2pcs` counts pieces.
    if phrase[-1:] and phrase[-1] in PIECES and phrase[-2:-1] and phrase[-2].isdigit() and says_nothing(phrase[:-1]):
        return OPAQUE
    # `cat_0` is as often the first category as the first cat; only its owner knows.
    if phrase[:1] == ("cat",) and "".join(phrase[1:]).isdigit():
        return OPAQUE
    return None


def listed(text: str, _context: Context) -> Answer | None:
    """A name that the hand lists have as a whole."""
    return in_hand_lists(words(text)) if not _BRACKET.search(text) else None


def bracketed(text: str, context: Context) -> Answer | None:
    """`crane (bird)`: the bracket says which meaning is meant."""
    hint = _BRACKET.search(text)
    if not hint:
        return None
    base = (text[: hint.start()] + " " + text[hint.end() :]).strip()
    if not words(base):
        return answer(hint[1], context) if words(hint[1]) else None
    return _disambiguated(answer(base, context), words(hint[1]))


def _disambiguated(base: Answer, hint: tuple[str, ...]) -> Answer:
    why = f"the bracket says {' '.join(hint)}"
    if hint[:1] == ("for",):
        return _for(base, resolve_phrase(hint[1:]), why)
    meant = resolve_phrase(hint) if hint else None
    if meant is None or meant.status == "opaque":
        return base
    if base.is_certain:
        return _narrowed(base, meant, why)
    if meant.is_certain and not meant.is_superset and meant.certain != {"potted plant"}:
        return weaken(meant, cap=HEAD, why=why)
    return NONE if base.status == "unknown" else base


def _for(base: Answer, meant: Answer | None, why: str) -> Answer:
    """`blinder (for horses)` is found with horses; any other purpose says nothing about the thing."""
    if base.is_certain or meant is None or not meant.certain & ANIMALS:
        return base
    return weaken(meant, cap=PART, why=why, relation="part_or_worn")


def _narrowed(base: Answer, meant: Answer, why: str) -> Answer:
    shared = base.certain & {exclusion.coco for exclusion in meant.exclusions}
    if shared:
        return replace(base, exclusions=tuple(e for e in base.exclusions if e.coco in shared))
    if meant.is_certain and not meant.is_superset:
        kept = base if meant.certain == {"person"} else weaken(base, cap=HINT, why=why)
        return union((weaken(meant, cap=HEAD, why=why), kept))
    if meant.is_certain:
        return weaken(base, cap=HINT, why=why)
    return weaken(base, cap=HINT if base.certain == {"person"} else SUFFIX, why=why)


def alternatives(text: str, context: Context) -> Answer | None:
    """`car/truck`, `cat & dog`: each part counts."""
    parts = [part for part in _ALTERNATIVES.split(text) if words(part)]
    if len(parts) < 2:  # noqa: PLR2004 - one part is no alternative
        return None
    return union(answer(part, context) for part in parts[:8])


def levels(text: str, _context: Context) -> Answer | None:
    """`vehicle.bus.rigid`, `animal--bird`: the last level that says something, read with the ones above it."""
    parts = [words(part) for part in _LEVELS.split(text)]
    parts = [part for part in parts if part and not all(word.isdigit() for word in part)]
    if len(parts) < 2 or re.search(r"[.:]\s", text):  # noqa: PLR2004 - one level is no hierarchy
        return None
    for at in range(len(parts) - 1, -1, -1):
        found = resolve_phrase(parts[at])
        if found is not None and found.is_certain:
            return _among(parts, found) if at == len(parts) - 1 else _of_level(parts, at, found)
    return resolve_phrase(parts[-1])


def _among(parts: list[tuple[str, ...]], found: Answer) -> Answer:
    """`vehicle.emergency.police`: the last level names a person, a level above it a thing: both count."""
    if found.certain != {"person"}:
        return found
    above = next((a for a in map(resolve_phrase, parts[-2::-1]) if a is not None and a.is_certain), None)
    if above is None or above.certain & found.certain:
        return found
    turned = resolve_phrase((*parts[-1], *parts[0]))
    kind = turned if turned is not None and turned.is_certain and turned.certain <= above.certain else above
    return union((found, weaken(kind, cap=HEAD, why=f"{' '.join(parts[-1])} is listed below it")))


def _of_level(parts: list[tuple[str, ...]], at: int, found: Answer) -> Answer:
    below = parts[at + 1]
    turned = resolve_phrase((*below, *parts[at]))
    if turned is not None and turned.is_certain and turned.certain != found.certain:
        return turned
    known = resolve_phrase(below)
    cap = HINT if known is not None and known.status == "none" and found.is_superset else HEAD
    return weaken(found, cap=cap, why=f"{' '.join(below)} is listed under {' '.join(parts[at])}")


def phrase(text: str, context: Context) -> Answer | None:
    """The rules for words and compounds; a name with a word that nobody knows is no `none`."""
    found = resolve_phrase(words(text))
    if found is not None and found.is_certain and is_rarer_in_english(text, found):
        return weaken(found, cap=HINT, why=f"{text} is something else in several languages")
    if found is None or found.status != "none":
        return found
    return as_hint(text) or by_any_word(text) or (None if has_strange_word(words(text), context) else found)


SHORT_HEAD = 5
"""Heads of up to this many letters are often syllables of another language: dishes in -tang and -fan."""


def has_strange_word(phrase: tuple[str, ...], context: Context) -> bool:
    """Tell whether a word before a short last one is in no list: `jidan tang` is no English tang.

    What several names of the list start with is a code of theirs (`prio_give_way`).
    """
    before = phrase[1:-1] if phrase[:1] and phrase[0] in context.repeated else phrase[:-1]
    return bool(before) and len(phrase[-1]) <= SHORT_HEAD and any(map(_is_strange, before))


def _is_strange(word: str) -> bool:
    if len(word) <= LATIN_SHORT or not word.isalpha() or is_filler(word):
        return False
    forms = (word, *singulars(word), *bases(word))
    has_role = any(word in listed for listed in roles().values())
    return not has_role and not any(wordnet().is_word(form) or look_up((form,)) is not None for form in forms)


def after_capitals(text: str, _context: Context) -> Answer | None:
    """`TVremote`: capitals that are a word of their own before a lower-case one."""
    spaced = _CAPITALS.sub(r"\1 ", text)
    return resolve_phrase(words(spaced)) if spaced != text else None


def misspelt(text: str, _context: Context) -> Answer | None:
    """A word that nothing knows, one or two letters away from one that a list has."""
    return by_spelling(words(text))


def literal(text: str, _context: Context) -> Answer | None:
    """A category's own name anywhere in a name that nothing else explains: "maybe"."""
    found = mention(words(text))
    return found if found.exclusions else None


NAME_RULES: tuple[Callable[[str, Context], Answer | None], ...] = (
    contextual, by_noun_of_the_list, by_language, listed, by_certain_language, by_common_noun, opaque, bracketed,
    by_path, alternatives, levels, phrase, after_capitals, by_likely_language, misspelt, literal,
)  # fmt: skip
"""The rules for a name, in the order they are asked (the user's own map comes before all of them)."""
