"""The ordered rules that answer for one class name. The first that knows the name answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from yolobg.classes.lexicon import Entry, Target, coco_categories, hand_list
from yolobg.classes.text import clean, singulars, words
from yolobg.model import Exclusion, Status


@dataclass(frozen=True, slots=True)
class Context:
    """What the class list as a whole says about a single name."""

    keys: frozenset[str]

    @classmethod
    def of(cls, names: tuple[str, ...]) -> Context:
        """Return the context that a class list makes."""
        return cls(frozenset(" ".join(words(clean(name))) for name in names))


@dataclass(frozen=True, slots=True)
class Answer:
    """What the rules say of a name; with no exclusions the status says whether the name is known at all."""

    status: Status
    exclusions: tuple[Exclusion, ...] = ()
    warnings: tuple[str, ...] = ()


def answer(name: str, context: Context) -> Answer:
    """Return what the first rule that knows the name says; `unknown` where none does."""
    phrase = words(clean(name))
    for rule in RULES:
        found = rule(phrase, context)
        if found is not None:
            return found
    return Answer("unknown")


def opaque(phrase: tuple[str, ...], context: Context) -> Answer | None:
    """Numbers, single letters, placeholders: they say nothing."""
    if all(len(word) == 1 or word.isdigit() or word in PLACEHOLDERS for word in phrase):
        return Answer("opaque")
    return None


def exact(phrase: tuple[str, ...], context: Context) -> Answer | None:
    """A category's own name: as it is, written in one word, or in the plural."""
    return listed(phrase, _own_names(), "is a category of COCO")


def alias(phrase: tuple[str, ...], context: Context) -> Answer | None:
    """Another name of a category."""
    return listed(phrase, hand_list("alias"), "")


RULES: tuple[Callable[[tuple[str, ...], Context], Answer | None], ...] = (opaque, exact, alias)

PLACEHOLDERS = frozenset(
    (
        "class",
        "object",
        "objects",
        "obj",
        "item",
        "thing",
        "target",
        "other",
        "others",
        "misc",
        "ignore",
        "background",
        "void",
        "id",
        "label",
    )
)


def listed(phrase: tuple[str, ...], entries: dict[str, Entry], reason: str) -> Answer | None:
    """Return what a list says of a phrase, of its singular, or of either written in one word."""
    for form in forms(phrase):
        entry = entries.get(form)
        if entry is not None:
            found = tuple(_exclusion(t, entry, " ".join(phrase), reason) for t in entry.targets)
            return Answer("mapped" if found else "none", found)
    return None


def _exclusion(target: Target, entry: Entry, name: str, reason: str) -> Exclusion:
    return Exclusion(target.category, target.relation, target.confidence, entry.rule, f"{name}: {entry.note or reason}")


def forms(phrase: tuple[str, ...]) -> Iterator[str]:
    """Yield the keys under which a list may hold a phrase, the closest first."""
    if not phrase:
        return
    for last in (phrase[-1], *singulars(phrase[-1])):
        yield " ".join((*phrase[:-1], last))
        yield "".join((*phrase[:-1], last))


@lru_cache(maxsize=1)
def _own_names() -> dict[str, Entry]:
    entries: dict[str, Entry] = {}
    for category in coco_categories():
        entry = Entry((Target(category.name, "same", 1.0),), "exact")
        entries[category.name] = entries[re.sub(" ", "", category.name)] = entry
        for one in singulars(category.name):
            entries.setdefault(one, entry)
    return entries
