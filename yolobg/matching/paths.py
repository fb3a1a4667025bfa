"""Names that are paths in a tree of the list (`Vehicles_Vans_police`, `River/Activities/bathing`): all parts count."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from yolobg.matching.activities import RULES, table
from yolobg.matching.answers import NONE, RARE, Answer, Context, union, weaken
from yolobg.matching.dictionaries import Words
from yolobg.matching.phrase_rules import HEAD, HINT, resolve_phrase
from yolobg.matching.words import clean_name, singulars, words

SHARED = 3
"""So many names that start alike make their start a branch."""

_TREE = re.compile(r"[^/\\]+(?:[/\\]|::|->)[^/\\]+|[A-Z][a-z]+(?:_[A-Za-z][a-z]*)*_[a-z]+", re.DOTALL)
"""Segments between slashes; or a first one with a capital, the last without (`Vans_police`): no plain compound."""


def branches_of(names: Sequence[str]) -> frozenset[Words]:
    """Return the starts that several path-like names of a list share and after which they part."""
    follow: dict[Words, list[str]] = defaultdict(list)
    for name in names:
        phrase = words(clean_name(name)) if is_path(name) else ()
        for at in range(1, len(phrase)):
            follow[phrase[:at]].append(phrase[at])
    return frozenset(start for start, nexts in follow.items() if len(nexts) >= SHARED and len(set(nexts)) > 1)


def is_path(name: str) -> bool:
    """Tell whether a name is written as a path."""
    return _TREE.fullmatch(clean_name(name)) is not None


def by_path(text: str, context: Context) -> Answer | None:
    """Return what the branches and the leaf of a path say; None where the list has no such branch."""
    phrase = words(text)
    cuts = [at for at in range(1, len(phrase)) if phrase[:at] in context.branches] if is_path(text) else []
    if not cuts:
        return None
    above = [phrase[start:end] for start, end in zip((0, *cuts), cuts, strict=False)]
    leaf = phrase[cuts[-1] :]
    found = resolve_phrase(leaf)
    read = [resolve_phrase(segment) for segment in above]
    why = f"{' '.join(leaf)} is listed under {' '.join(above[-1])}"
    at = max((n for n, answer in enumerate(read) if answer is not None and answer.is_certain), default=-1)
    is_known = any(answer is not None and answer.status == "none" for answer in read[at + 1 :])
    branch = read[at] if at >= 0 else None
    if branch is None or (is_known and branch.is_superset):
        return _without_branch(found, why, is_known=is_known)
    return _below(branch, found, why, is_beast=bool({leaf[-1], *singulars(leaf[-1])} & table().roles["beast"]))


def _without_branch(found: Answer | None, why: str, *, is_known: bool) -> Answer | None:
    """The branches name nothing of COCO: the leaf counts, an attribute of theirs (police, bathing) as "maybe"."""
    if found is None or not found.exclusions:
        return NONE if is_known else found
    if is_known and all(e.confidence <= RARE for e in found.exclusions):
        return NONE
    is_attribute = found.certain == {"person"} or any(e.rule in RULES for e in found.exclusions)
    return weaken(found, cap=HINT, why=why) if is_attribute and is_known else found


def _below(branch: Answer, found: Answer | None, why: str, *, is_beast: bool) -> Answer:
    """A branch that COCO has: the leaf narrows it, adds to it, or is a mere attribute."""
    is_group = branch.is_superset
    theirs = {e.coco for e in branch.exclusions}
    if found is None or not found.exclusions:
        if is_group and is_beast:
            return NONE
        is_other = is_group and found is not None and found.status == "none"
        return weaken(branch, cap=HINT if is_other else HEAD, why=why)
    if theirs & {e.coco for e in found.exclusions}:
        return found if found.is_certain or is_group else union((weaken(branch, cap=HEAD, why=why), found))
    if found.certain == {"person"} and not is_group:
        found = weaken(found, cap=HINT, why=why)
    return union((weaken(branch, cap=HEAD, why=why), found))
