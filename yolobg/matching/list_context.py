"""What the class list as a whole says about a name whose meaning it decides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

from yolobg.matching.activities import ANIMALS
from yolobg.matching.answers import NONE, Answer, Context, mapped, weaken
from yolobg.matching.dictionaries import fields, in_hand_lists, is_filler, is_produce, look_up, roles
from yolobg.matching.languages import language_of
from yolobg.matching.lexicon import NamedCategory, groups, parse_targets, read_rows
from yolobg.matching.paths import branches_of
from yolobg.matching.words import clean_name, key, singulars, words
from yolobg.model import Exclusion, Relation


@dataclass(frozen=True, slots=True)
class Clue:
    """A row of context.tsv: with `enough` of these cues in the list, the word means `targets`.

    Attributes:
        cues: Words of any name.
        whole: Whole names.
        enough: So many cues other than the name itself.
        targets: What the word means then; empty for nothing of COCO.
        note: Why, for a person.
    """

    cues: frozenset[str]
    whole: frozenset[str]
    enough: int
    targets: tuple[NamedCategory, ...]
    note: str


def context_of(names: Sequence[str]) -> Context:
    """Return the context that a class list makes."""
    found: set[str] = set()
    starts: Counter[str] = Counter()
    for name in names:
        phrase = words(clean_name(name))
        starts.update(phrase[:1])
        for word in phrase:
            found.update((word, *singulars(word)))
    return Context(
        words=frozenset(found),
        names=frozenset(key(name) for name in names),
        language=language_of(names),
        branches=branches_of(names),
        repeated=frozenset(word for word, count in starts.items() if count > 1),
    )


def by_context(phrase: tuple[str, ...], context: Context) -> Answer | None:
    """Return what the list as a whole makes of an ambiguous name; None where it decides nothing."""
    kept = tuple(word for word in phrase if word not in roles()["negation"]) or phrase
    core = _core(kept)
    for form in (core, *singulars(core)):
        for clue in clues().get(form, ()):
            if clue.enough == 0 or _count(clue, context, {core, *singulars(core)}) >= clue.enough:
                return _answer(" ".join(phrase), clue)
    return None


def _count(clue: Clue, context: Context, itself: set[str]) -> int:
    return len((clue.cues & context.words) - itself) + len((clue.whole & context.names) - itself)


def by_variety(phrase: tuple[str, ...], context: Context) -> Answer | None:
    """`Banana Lady Finger`, `Pear Kaiser`: a food or animal that several names start with, then its variety.

    A rest that is a thing of its own (`apple pie`, `dog collar`) or a part of the plant makes it none. A fruit that
    COCO lacks needs no other name beside it.
    """
    if len(phrase) < 2 or in_hand_lists(phrase) is not None:  # noqa: PLR2004 - one word has no variety
        return None
    kind = look_up(phrase[:1])
    if kind is None or not (phrase[0] in context.repeated or (kind == NONE and is_produce(phrase[0]))):
        return None
    if kind.is_superset:
        return None
    is_animal = bool(kind.certain & ANIMALS)
    if not (is_animal or is_produce(phrase[0]) or kind.certain & {*groups()["@food"]}):
        return None
    if phrase[-1] in NO_VARIETY | roles()["attached"] | fields()["plant"] or _is_own_thing(
        phrase[-1], kind, is_animal=is_animal
    ):
        return None
    why = f"{' '.join(phrase[1:])} is a variety of {phrase[0]}"
    return weaken(kind, cap=VARIETY, why=why) if kind.exclusions else NONE


def _is_own_thing(last: str, kind: Answer, *, is_animal: bool) -> bool:
    """Tell whether the last word of a name is a thing of its own; colours and, beside food, people are varieties."""
    rest = None if last == "orange" else in_hand_lists((last,))
    return rest is not None and rest != kind and (is_animal or rest.certain != {"person"})


NO_VARIETY = frozenset(("tree", "juice", "pie", "cake"))


def by_sign_code(phrase: tuple[str, ...], context: Context) -> Answer | None:
    """`warn_children`, `forb_trucks`: in a list of road signs, a name that starts with their group is a sign."""
    if len(phrase) < 2 or phrase[0] not in fields()["sign_code"]:  # noqa: PLR2004 - a group alone is no sign
        return None
    if len(fields()["road_sign"] & context.words) < SIGNS or {"stop", "light", "lights"} & set(phrase):
        return None
    return NONE


SIGNS = 3
"""So many words of road signs make a list one of them."""

VARIETY = 0.85
"""Confidence of a variety as its kind."""


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
    for names, enough, cell, spec, relation, note in read_rows("context.tsv"):
        cues = {cue for part in cell.split() for cue in (fields()[part[1:]] if part.startswith("@") else (part,))}
        whole = frozenset(cue.lstrip("=").replace("_", " ") for cue in cues if "=" in cue or "_" in cue)
        words_of = frozenset(cue for cue in cues if "=" not in cue and "_" not in cue)
        clue = Clue(words_of, whole, int(enough), parse_targets(spec, cast("Relation", relation)), note)
        for name in names.split(";"):
            table[name.strip()] = (*table.get(name.strip(), ()), clue)
    return table
