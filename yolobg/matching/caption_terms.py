"""The words whose mention in a caption vetoes an image for a class.

Forms are written out (plurals, words joined or apart), as no stemmer stands behind them: a stemmer joins officer and
office, and misses buses. A caption is no evidence that the class is there, only that an annotator named it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from yolobg.matching.dictionaries import is_filler, roles, says_nothing
from yolobg.matching.lexicon import hand_list, read_rows
from yolobg.matching.words import clean_name, plural, singulars, words
from yolobg.model import CaptionTerms, ClassMatch

__all__ = ["caption_terms"]

OWN_WORDS = 6
"""A class name of more words than that is a sentence; captions are not searched for it."""


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of one category, written out, and the phrases that make a caption harmless."""

    terms: tuple[str, ...]
    but_not: tuple[str, ...]


def caption_terms(matches: Sequence[ClassMatch], *, lean: bool = False) -> tuple[CaptionTerms, ...]:
    """Return for each class the terms that veto an image whose captions have one of them.

    These are the class's own name and its synonyms, and the words of each category that it excludes: of the thing
    itself, and of the carrier where the name is a part or worn. `but_not` is given only where all the class's terms
    agree on it: `dog` means no `hot dog`.

    Args:
        matches: What `match_classes` returned.
        lean: Whether the categories in the maybe band stay candidates.
    """
    return tuple(_terms(match, lean=lean) for match in matches)


def _terms(match: ClassMatch, *, lean: bool) -> CaptionTerms:
    table = category_terms()
    standing = match.exclude or (() if lean else match.maybe)
    listed = [exclusion.coco for exclusion in standing]
    found = [table.get(name, Terms(written_out(name), ())) for name in listed]
    own = own_terms(match)
    terms = tuple(dict.fromkeys((*own, *(term for item in found for term in item.terms))))
    but_not = tuple(p for p in found[0].but_not if all(p in item.but_not for item in found)) if found else ()
    but_not = () if set(but_not) & set(terms) else but_not
    return CaptionTerms(match.name, terms, but_not)


def own_terms(match: ClassMatch) -> tuple[str, ...]:
    """Return the class's own name and synonyms, written out; nothing where the name alone says nothing."""
    phrase = words(clean_name(match.name))
    core = tuple(word for word in phrase if word not in roles()["negation"])
    while len(core) > 1 and is_filler(core[-1]):
        core = core[:-1]
    while len(core) > 1 and is_filler(core[0]):
        core = core[1:]
    if not core or len(core) > OWN_WORDS or says_nothing(core) or match.status in ("opaque", "unknown"):
        return ()
    name = " ".join(core)
    if _is_dropped(name):
        return ()
    return tuple(dict.fromkeys(form for term in (name, *synonyms(name)) for form in written_out(term)))


def _is_dropped(name: str) -> bool:
    """Tell whether the name is another word of a category that captions use for other things (`baby elephant`)."""
    entry = hand_list("alias").get(name)
    if entry is None or any(name in terms.terms for terms in category_terms().values()):
        return False
    return all(target.relation in ("same", "is_a") for target in entry.targets) and " " not in name


def synonyms(name: str) -> tuple[str, ...]:
    """Return the other words of a group of synonyms that holds the name or its singular."""
    return next((_synonyms()[form] for form in (name, *singulars(name)) if form in _synonyms()), ())


@lru_cache(maxsize=1)
def _synonyms() -> dict[str, tuple[str, ...]]:
    return {word: tuple(group) for group in read_rows("synonyms.tsv") for word in group}


@lru_cache(maxsize=1)
def category_terms() -> dict[str, Terms]:
    """Return category name to its terms, from captions.tsv."""
    return {
        name: Terms(
            _all_written_out(spec.split(",")), tuple(part.strip() for part in excuses.split(",") if part.strip())
        )
        for name, spec, excuses in ((*row, "")[:3] for row in read_rows("captions.tsv"))
    }


def _all_written_out(specs: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(form for spec in specs for form in _forms(spec.strip())))


def _forms(spec: str) -> Iterator[str]:
    if spec.startswith("="):
        yield spec[1:]
    elif spec:
        yield from written_out(spec)


def written_out(term: str) -> tuple[str, ...]:
    """Return a term in the singular and plural."""
    *start, last = term.split()
    one = next(iter(singulars(last)), "")
    is_plural = plural(one) == last and not last.endswith(("us", "is", "ss")) if one else False
    forms = (last, one if is_plural else plural(last))
    return tuple(dict.fromkeys(" ".join((*start, form)) for form in forms))
