"""Names that say what somebody does: `fall`, `lie down`, `reading book`, `brawls`. They imply who does it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from yolobg.matching.answers import EXCLUDES, RARE, Answer, Context, change, mapped
from yolobg.matching.lexicon import NamedCategory, parse_targets, read_rows
from yolobg.matching.words import singulars
from yolobg.model import Exclusion

RULE, HUMAN_RULE = "activity", "human activity"
"""The rules' names: for what animals do too, and for what only people do."""

RULES = (RULE, HUMAN_RULE)

SURE, LIFTED = 0.8, 0.6
"""Confidence of a word that is always an activity, and of one that is where the list has others."""

SHARE = 0.15
"""At least so many names of a list are sure activities where a word that is also a thing is read as one."""

SHORTEST_STEM = 2
VOWELS = "aeiouy"


@dataclass(frozen=True, slots=True)
class Activity:
    """What a verb, adjective or noun says: whom it implies, whether animals do it too, and how sure each form is."""

    targets: tuple[NamedCategory, ...]
    by_animals: bool
    how_sure: str

    def confidence(self, *, is_ing: bool) -> float:
        """Return how sure a form is; an -ing form is hardly ever a thing. 0: it is no activity."""
        if self.how_sure == "sure" or (is_ing and self.how_sure in ("ing", "only")):
            return SURE
        return 0.0 if self.how_sure == "only" else RARE


@dataclass(frozen=True, slots=True)
class Table:
    """activities.tsv: words and phrases to activities, irregular forms to base forms, and roles to words."""

    activities: dict[str, Activity]
    irregular: dict[str, str]
    roles: dict[str, frozenset[str]]


def by_activity(phrase: tuple[str, ...]) -> Answer | None:
    """Return who does what the whole phrase says, whatever adverbs follow; None where it is no activity."""
    words = phrase
    while len(words) > 1 and words[-1] in table().roles["particle"]:
        words = words[:-1]
    found = activity(words[0]) if len(words) == 1 else _of_phrase(words)
    if found is None:
        return None
    doing, confidence = found
    who = "what people or animals do" if doing.by_animals else "what a person does or shows"
    reason = f"{' '.join(phrase)}: {who}"
    rule = RULE if doing.by_animals else HUMAN_RULE
    return mapped(
        Exclusion(t.category, "part_or_worn", min(confidence, t.confidence), rule, reason) for t in doing.targets
    )


def _of_phrase(words: tuple[str, ...]) -> tuple[Activity, float] | None:
    found = table().activities.get(" ".join(words))
    return (found, found.confidence(is_ing=False)) if found else None


@lru_cache(maxsize=4096)
def activity(word: str) -> tuple[Activity, float] | None:
    """Return what a single word says somebody does, and how sure it is."""
    for base in (word, *bases(word)):
        found = table().activities.get(base)
        sure = found.confidence(is_ing=word.endswith("ing") and word != base) if found is not None else 0.0
        if found is not None and sure:
            return found, sure
    return None


def takes_object(word: str) -> bool:
    """Tell whether a word is a verb with which class lists name an object: `read book`, `using phone`."""
    return any(base in table().roles["object"] for base in (word, *bases(word)))


def is_handling(word: str) -> bool:
    """Tell whether a word is the -ing form of what is done with things by hand: `holding` anything takes a person."""
    return word.endswith("ing") and any(base in table().roles["handling"] for base in bases(word))


def bases(word: str) -> tuple[str, ...]:
    """Return the base forms that a form may have: `running` run, `lies` lie, `tried` try, `fell` fall."""
    irregular = table().irregular.get(word)
    if irregular:
        return (irregular,)
    for ending in ("ing", "ed"):
        root = word.removesuffix(ending)
        if root != word and len(root) >= SHORTEST_STEM and any(c in VOWELS for c in root):
            undoubled = (root[:-1],) if root[-1] == root[-2] else ()
            as_y = (root[:-1] + "y",) if root.endswith("i") else ()
            bases = (root, root + "e", *undoubled, *as_y)
            return bases if ending == "ing" else tuple(b for b in bases if b not in table().irregular.values())
    return singulars(word)


# ---------------------------------------------------------------- the list decides


def with_doers(answers: Sequence[Answer], context: Context) -> list[Answer]:
    """Return the answers with the doers that the list names: in a list of animals it is they who lie and walk.

    Args:
        answers: What the rules say of each name of a list.
        context: The list.
    """
    doing = [a for a in answers if any(e.rule in RULES for e in a.exclusions)]
    if not doing:
        return list(answers)
    sure = sum(any(e.rule in RULES for e in a.exclusions if e.confidence >= EXCLUDES) for a in answers)
    found = [_lifted(answer, enough=sure >= max(1, SHARE * len(answers))) for answer in answers]
    named = [e for a in answers for e in a.exclusions if e.rule not in RULES and e.confidence >= EXCLUDES]
    animals = tuple(dict.fromkeys(e.coco for e in named if e.coco in ANIMALS and e.relation in ("same", "is_a")))
    if any(e.coco == "person" for e in named) or not (animals or table().roles["beast"] & context.words):
        return found
    return [_by_animals(answer, animals) for answer in found]


ANIMALS = frozenset(("bird", "cat", "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe"))


def _lifted(answer: Answer, *, enough: bool) -> Answer:
    """Return a word that may be an activity as one, where enough names of the list are activities for sure."""
    mine = [e for e in answer.exclusions if e.rule in RULES]
    if not mine or mine[0].confidence > RARE or not enough:
        return answer
    return change(answer, lambda e: replace(e, confidence=LIFTED, reason=f"{AMONG}; {e.reason}") if e in mine else e)


AMONG = "the list names other activities"


def _by_animals(answer: Answer, animals: Sequence[str]) -> Answer:
    """Return what people or animals do as what the animals of a list do; nothing where COCO has none of them."""
    theirs = [e for e in answer.exclusions if e.rule == RULE]
    if not theirs:
        return answer
    kept = [e for e in answer.exclusions if e.rule != RULE]
    sure = max(e.confidence for e in theirs)
    reason = f"{theirs[0].reason}; the list names no person"
    return mapped((*kept, *(Exclusion(name, "part_or_worn", sure, RULE, reason) for name in animals)))


# ---------------------------------------------------------------- the table


@lru_cache(maxsize=1)
def table() -> Table:
    """Return activities.tsv."""
    activities: dict[str, Activity] = {}
    irregular: dict[str, str] = {}
    roles: dict[str, frozenset[str]] = {}
    for who, how_sure, cell, spec in ((*row, "person")[:4] for row in read_rows("activities.tsv")):
        listed = [word.replace("_", " ") for word in cell.split()]
        if who == "form":
            irregular.update(dict.fromkeys(listed, how_sure))
        elif how_sure == "-":
            roles[who] = frozenset(listed)
        else:
            found = Activity(parse_targets(spec, "part_or_worn"), who != "person", how_sure)
            for word in listed:
                if activities.setdefault(word, found) is not found:
                    raise ValueError(f"activities.tsv: {word!r} stands twice")
    return Table(activities, irregular, roles)
