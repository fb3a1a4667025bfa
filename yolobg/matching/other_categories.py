"""Sources with other categories than COCO's: their own names first, what COCO knows of both sides otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from yolobg.matching.answers import Answer, mapped, union, weaken
from yolobg.matching.lexicon import coco_categories
from yolobg.matching.list_context import context_of
from yolobg.matching.name_rules import answer
from yolobg.matching.words import clean_name, plural, singulars, words
from yolobg.model import Category, Exclusion

BRIDGED = 0.85
"""Confidence of a match by what both names stand for in COCO."""


@dataclass(frozen=True, slots=True)
class Bridge:
    """A source's categories and what each stands for in COCO.

    Attributes:
        own: Spelling (as is, plural, singular, in one word) to the source's categories that are written so.
        meanings: The source's category to COCO's answer for its name.
        is_coco: Whether the source's categories are COCO's own 80: then there is nothing to bridge.
    """

    own: dict[str, list[str]]
    meanings: dict[str, Answer]
    is_coco: bool

    @classmethod
    def to(cls, categories: Sequence[Category]) -> Bridge:
        """Return the bridge to a source with these categories."""
        names = [category.name for category in categories]
        if set(names) == {category.name for category in coco_categories()}:
            return cls({}, {}, is_coco=True)
        context = context_of(names)
        own: dict[str, list[str]] = {}
        for name in dict.fromkeys(names):
            for form in _forms(name):
                own.setdefault(form, []).append(name)
        return cls(own, {name: answer(name, context) for name in names}, is_coco=False)

    def over(self, name: str, found: Answer) -> Answer:
        """Return the answer for a class in the source's categories, given COCO's answer for it.

        Categories of the same name come first, each of them where a source has several spellings of one; every other
        one counts whose meaning in COCO intersects the class's.
        """
        if self.is_coco:
            return found
        same = self.named(name)
        parts = [self._shared(category, meaning, found) for category, meaning in self.meanings.items()]
        if same:
            reason = f"{name} is a category of the source"
            own = [Exclusion(category, "same", 1.0, "exact", reason) for category in same]
            return union((mapped(own), *parts))
        joined = union(parts)
        return joined if joined.exclusions else Answer("none" if found.exclusions else found.status)

    def named(self, name: str) -> tuple[str, ...]:
        """All of the source's categories of this name, in whatever spelling; none for COCO's own 80."""
        return tuple(dict.fromkeys(category for form in _forms(name) for category in self.own.get(form, ())))

    def _shared(self, category: str, meaning: Answer, found: Answer) -> Answer:
        theirs = {exclusion.coco: exclusion for exclusion in meaning.exclusions}
        hits = [
            replace(ours, coco=category, confidence=min(ours.confidence, theirs[ours.coco].confidence))
            for ours in found.exclusions
            if ours.coco in theirs
        ]
        if not hits:
            return Answer("none")
        via = max(hits, key=lambda hit: hit.confidence)
        return weaken(mapped([via]), cap=BRIDGED, why=f"{category} shares its COCO category with the class")


def _forms(name: str) -> tuple[str, ...]:
    phrase = words(clean_name(name))
    if not phrase:
        return ()
    lasts = (phrase[-1], *singulars(phrase[-1]), plural(phrase[-1]))
    spelled = [" ".join((*phrase[:-1], last)) for last in lasts]
    return tuple(dict.fromkeys((*spelled, *(form.replace(" ", "") for form in spelled))))
