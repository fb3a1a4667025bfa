"""Class names to the categories of a file of evidence that are LVIS' or Open Images' classes.

As in a source, what excludes an image vetoes: the class itself, those below and above it, and those of the categories
of COCO that the class excludes, carriers among them. A class is verified by the one that it surely is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from yolobg.matching.answers import EXCLUDES, GUESSES
from yolobg.matching.dictionaries import forms
from yolobg.matching.lexicon.class_tables import ABOVE, BELOW, BESIDES, MAYBE, SURE, ClassTable
from yolobg.matching.list_context import context_of
from yolobg.matching.words import clean_name, key, singulars, words
from yolobg.model import ClassMatch, Exclusion

__all__ = ["PARTS_OF", "is_the_class", "table_standings"]

PARTS_OF = ("same", "superset", "overlap")
"""What of a class a category may be: an image free of the class is free of all of these."""

_SURE = 0.95


def is_the_class(exclusion: Exclusion) -> bool:
    """Whether a category means the class itself, and that without a guess and without an answer of the user."""
    return exclusion.relation == "same" and exclusion.confidence >= _SURE and exclusion.rule not in GUESSES


def table_standings(
    matches: Sequence[ClassMatch], table: ClassTable, *, lean: bool, answered: Iterable[str]
) -> tuple[tuple[frozenset[str], frozenset[str]], ...]:
    """For each class those of a table that veto an image, and those that it must be verified to be free of.

    Args:
        matches: What the classes exclude in COCO.
        table: LVIS' classes, or Open Images'.
        lean: Leave out what a class only may be.
        answered: The classes whose meaning the user has given; they are never verified.
    """
    given = {key(name) for name in answered}
    context = context_of([match.name for match in matches])
    found = []
    for match in matches:
        # A word of another language may be an English one by chance: `pan` is bread.
        may_verify = not context.language and key(match.name) not in given
        verifying = _verifying(match, table) if may_verify else frozenset[str]()
        found.append((_vetoing(match, table, lean=lean) | verifying, verifying))
    return tuple(found)


def _vetoing(match: ClassMatch, table: ClassTable, *, lean: bool) -> frozenset[str]:
    kinds = (SURE, BELOW, ABOVE) if lean else (SURE, BELOW, ABOVE, MAYBE)
    spelled = [form for form, _ in forms(words(clean_name(match.name)))]
    own = {synset for kind in kinds for form in spelled for synset in table.of(kind, form)}
    listed = match.exclude if lean else (*match.exclude, *match.maybe)
    categories = {exclusion.coco for exclusion in listed}
    return frozenset(own | {synset for synset, belongs in table.coco.items() if belongs & categories})


def _verifying(match: ClassMatch, table: ClassTable) -> frozenset[str]:
    """What the class is, with those of the categories of COCO that it is or covers; nothing where unsure."""
    if match.status in ("opaque", "unknown"):
        return frozenset()
    parts = [e.coco for e in (*match.exclude, *match.maybe) if e.relation in PARTS_OF and e.confidence >= EXCLUDES]
    own = _sure(match.name, table)
    if not own and not any(map(is_the_class, match.exclude)):
        return frozenset()
    if not table.same.keys() >= set(parts):
        return frozenset()
    # `mouse` is COCO's computer mouse and Open Images' animal: an image must be free of both.
    named = {table.names[form] for form in _spelled(match.name) if form in table.names}
    for form in _spelled(match.name):
        if form in table.phrases[BESIDES]:
            if not table.of(BESIDES, form):
                return frozenset()
            named.update(table.of(BESIDES, form))
    return own | {table.same[part] for part in parts} | named


def _sure(name: str, table: ClassTable) -> frozenset[str]:
    return frozenset(next(filter(None, (table.of(SURE, form) for form in _spelled(name))), ()))


def _spelled(name: str) -> list[str]:
    """A class name in plain words, as it is and with its last word in the singular."""
    *start, last = words(clean_name(name)) or ("",)
    return [" ".join((*start, form)) for form in (last, *singulars(last))]
