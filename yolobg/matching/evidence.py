"""Class names of a dataset to the categories of a file of evidence: which of them veto an image, which verify it.

Whatever excludes an image of a source vetoes one here too. To verify is stricter: only a category that means the class
itself does, never a wider or narrower one, and no match that was guessed or that a user's answer made.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from yolobg.matching.matcher import match_classes
from yolobg.matching.user_map import GUESSED, resolve_target
from yolobg.matching.words import key
from yolobg.model import Category, ClassMatch, Exclusion

__all__ = ["Standing", "standings_of"]

SURE = 0.95
"""At least this sure, a category of the same meaning is the class."""

PARTS_OF = ("same", "superset", "overlap")
"""What of a class a category may be: an image free of the class is free of all of these."""


@dataclass(frozen=True, slots=True)
class Standing:
    """The categories of a file that speak of one class.

    Attributes:
        name: The class name; empty for further excluded categories.
        vetoing: Ids of those that rule an image out by being in it.
        verifying: Ids of those that an image must be verified to be free of, to be verified to be free of the class;
            empty where the file cannot tell.
    """

    name: str
    vetoing: frozenset[int]
    verifying: frozenset[int] = frozenset()


def standings_of(
    names: Sequence[str],
    categories: Sequence[Category],
    *,
    user_map: Mapping[str, Sequence[str]],
    exclude: Collection[str],
    lean: bool,
) -> tuple[Standing, ...]:
    """Say for each class, and for the further excluded categories together, which categories of a file speak of it.

    Args:
        names: The class names of the dataset.
        categories: Those of the file.
        user_map: What classes stand for by the user's word; answers that the file has no category for are left out.
        exclude: Further categories to leave out.
        lean: Leave out categories that match only possibly.
    """
    ours = {key(name) for name in names}
    answers = {
        name: targets
        for name, targets in user_map.items()
        if key(name) in ours and targets and all(resolve_target(target, categories) for target in targets)
    }
    matches = match_classes(names, user_map=answers, categories=categories)
    further = match_classes(list(exclude), categories=categories)
    ids: dict[str, set[int]] = {}
    for category in categories:
        ids.setdefault(category.name, set()).add(category.id)
    vetoed = frozenset[int]().union(*(_vetoing(match, ids, lean=lean) for match in further))
    return (
        *(Standing(match.name, _vetoing(match, ids, lean=lean), _verifying(match, ids)) for match in matches),
        *([Standing("", vetoed)] if exclude else []),
    )


def _vetoing(match: ClassMatch, ids: Mapping[str, Collection[int]], *, lean: bool) -> frozenset[int]:
    listed = match.exclude if lean else (*match.exclude, *match.maybe)
    return frozenset(number for exclusion in listed for number in ids[exclusion.coco])


def _verifying(match: ClassMatch, ids: Mapping[str, Collection[int]]) -> frozenset[int]:
    parts = [exclusion for exclusion in (*match.exclude, *match.maybe) if exclusion.relation in PARTS_OF]
    if not any(map(_is_the_class, parts)):
        return frozenset()
    return frozenset(number for part in parts for number in ids[part.coco])


def _is_the_class(exclusion: Exclusion) -> bool:
    return exclusion.relation == "same" and exclusion.confidence >= SURE and exclusion.rule not in GUESSED
