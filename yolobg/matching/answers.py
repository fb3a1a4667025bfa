"""What the rules say of a name, and how answers are weakened and joined. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from yolobg.model import Exclusion, Relation, Status

__all__ = ["Context"]

EXCLUDES = 0.5
"""At least this sure: the category is excluded. Below: "maybe"."""

RARE = 0.38
"""A rarer meaning of a word: it counts as a "maybe" only where the list does not speak against it."""

LOWEST = 0.35
"""Below this nothing is said."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a rule says of a name.

    Attributes:
        status: `mapped` where any category is named; else whether the name is `none`, `opaque` or `unknown`.
        exclusions: The categories with their confidence; image counts are filled in later.
        warnings: For a person to read.
        offered: What to suggest as the answer where the name is asked about.
        is_placeholder: Whether the name stands for whatever else there is (`other`, `obstacle`).
    """

    status: Status
    exclusions: tuple[Exclusion, ...] = ()
    warnings: tuple[str, ...] = ()
    offered: tuple[Exclusion, ...] = ()
    is_placeholder: bool = False

    @property
    def is_certain(self) -> bool:
        """Whether any category is sure enough to be excluded outright."""
        return any(e.confidence >= EXCLUDES for e in self.exclusions)

    @property
    def certain(self) -> frozenset[str]:
        """The categories that are excluded outright."""
        return frozenset(e.coco for e in self.exclusions if e.confidence >= EXCLUDES)

    @property
    def is_superset(self) -> bool:
        """Whether the name covers a group of things (food, animal, tool)."""
        return any(e.relation == "superset" for e in self.exclusions)


GUESSES = frozenset(("spelling", "literal"))
"""Rules that guess: what they find is no answer of a user, and verifies nothing."""

NONE = Answer("none")
OPAQUE = Answer("opaque")
PLACEHOLDER = Answer("opaque", is_placeholder=True)
UNKNOWN = Answer("unknown")


def mapped(exclusions: Iterable[Exclusion]) -> Answer:
    """Return an answer of these exclusions, each category once with its best confidence; `none` if there are none."""
    best: dict[str, Exclusion] = {}
    for exclusion in exclusions:
        if exclusion.coco not in best or best[exclusion.coco].confidence < exclusion.confidence:
            best[exclusion.coco] = exclusion
    return Answer("mapped", tuple(best.values())) if best else NONE


def weaken(
    answer: Answer, *, cap: float, why: str, rule: str | None = None, relation: Relation | None = None
) -> Answer:
    """Return the answer with confidences of at most `cap` (0-1) and `why` put before each reason."""
    return change(
        answer,
        lambda e: replace(
            e,
            confidence=min(e.confidence, cap),
            reason=f"{why}; {e.reason}" if e.reason else why,
            rule=rule or e.rule,
            relation=relation or e.relation,
        ),
    )


def change(answer: Answer, of: Callable[[Exclusion], Exclusion]) -> Answer:
    """Return the answer with each exclusion changed."""
    return replace(answer, exclusions=tuple(of(e) for e in answer.exclusions))


def union(answers: Iterable[Answer]) -> Answer:
    """Return all categories of several answers; without any, the most knowing status of them."""
    listed = list(answers)
    exclusions = [e for answer in listed for e in answer.exclusions]
    if exclusions:
        return mapped(exclusions)
    return next((a for status in ("none", "unknown", "opaque") for a in listed if a.status == status), UNKNOWN)


@dataclass(frozen=True, slots=True)
class Context:
    """A class list as a whole.

    Attributes:
        words: All words of all names, in the singular too.
        names: The names as a whole, in lower case.
        language: The language in which the list is written, or empty for English.
        branches: The starts that several names share where names are written as paths (`Vehicles_Vans_police`).
        repeated: The words that more than one name starts with.
    """

    words: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    language: str = ""
    branches: frozenset[tuple[str, ...]] = frozenset()
    repeated: frozenset[str] = frozenset()
