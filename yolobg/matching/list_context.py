"""What the class list as a whole says about a name whose meaning it decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

from yolobg.matching.answers import NONE, Answer, Context, mapped
from yolobg.matching.dictionaries import is_filler
from yolobg.matching.languages import language_of
from yolobg.matching.lexicon import Target, parse_targets, read_rows
from yolobg.matching.paths import branches_of
from yolobg.matching.words import clean, singulars, words
from yolobg.model import Exclusion, Relation


@dataclass(frozen=True, slots=True)
class Clue:
    """A row of context.tsv: with `enough` of these cues in the list, the word means `targets`."""

    cues: frozenset[str]
    enough: int
    targets: tuple[Target, ...]
    note: str


def context_of(names: Sequence[str]) -> Context:
    """Return the context that a class list makes."""
    found: set[str] = set()
    for name in names:
        for word in words(clean(name)):
            found.update((word, *singulars(word)))
    return Context(frozenset(found), language_of(names), branches_of(names))


def by_context(phrase: tuple[str, ...], context: Context) -> Answer | None:
    """Return what the list as a whole makes of an ambiguous name; None where it decides nothing."""
    core = _core(phrase)
    for form in (core, *singulars(core)):
        for clue in clues().get(form, ()):
            if len(clue.cues & context.words) >= clue.enough:
                return _answer(" ".join(phrase), clue)
    return None


def _core(phrase: tuple[str, ...]) -> str:
    """Return the phrase without sizes, sides and numbers (`front_left_door`: door)."""
    kept = [word for word in phrase if not is_filler(word)]
    return " ".join(kept) if len(kept) == 1 else " ".join(phrase)


def _answer(name: str, clue: Clue) -> Answer:
    reason = f"{name}: {clue.note}"
    found = [Exclusion(t.category, t.relation, t.confidence, "context", reason) for t in clue.targets]
    return mapped(found) if found else NONE


@lru_cache(maxsize=1)
def clues() -> dict[str, tuple[Clue, ...]]:
    """Return word to its clues, in the order of context.tsv."""
    table: dict[str, tuple[Clue, ...]] = {}
    for names, enough, cues, spec, relation, note in read_rows("context.tsv"):
        clue = Clue(frozenset(cues.split()), int(enough), parse_targets(spec, cast("Relation", relation)), note)
        for name in names.split(";"):
            table[name.strip()] = (*table.get(name.strip(), ()), clue)
    return table
