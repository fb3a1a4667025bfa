"""Class names of a dataset to the categories of a file of evidence: which of them veto an image, which verify it.

Whatever excludes an image of a source vetoes one here too. To verify is stricter: only a category that means the class
itself does, never a wider or narrower one, and no match that was guessed or that a user's answer made.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from yolobg.matching.lexicon import coco_categories
from yolobg.matching.lexicon.class_tables import ClassTable, lvis, open_images
from yolobg.matching.matcher import match_classes
from yolobg.matching.synsets import PARTS_OF, is_the_class, table_standings
from yolobg.matching.user_map import resolve_target
from yolobg.matching.words import key
from yolobg.model import Category, ClassMatch

__all__ = ["Standing", "standings_of"]


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

    def with_(self, other: Standing) -> Standing:
        """This with what other categories of the same file say; both must verify what both speak of."""
        return Standing(self.name, self.vetoing | other.vetoing, self.verifying | other.verifying)


def standings_of(
    names: Sequence[str],
    categories: Sequence[Category],
    synsets: Mapping[int, str],
    *,
    user_map: Mapping[str, Sequence[str]],
    exclude: Collection[str],
    lean: bool,
) -> tuple[Standing, ...]:
    """Say for each class, and for the further excluded categories together, which categories of a file speak of it.

    Categories that are LVIS v1's by their synset, or Open Images' by their id, are known by that, all others by their
    names.

    Args:
        names: The class names of the dataset.
        categories: Those of the file.
        synsets: Category id to WordNet synset, or Open Images' id, of those that have one.
        user_map: What classes stand for by the user's word; answers that there is no category for are left out.
        exclude: Further categories to leave out.
        lean: Leave out categories that match only possibly.
    """
    tables = [(table, _known(synsets, table)) for table in _tables(synsets)]
    by_table = {number for _, known in tables for number in known}
    named = [category for category in categories if category.id not in by_table]

    def said(of: Sequence[str], answers: Mapping[str, Sequence[str]]) -> Iterator[list[Standing]]:
        yield _by_name(of, named, answers, lean=lean)
        for table, known in tables:
            yield _by_table(of, known, table, answers, lean=lean)

    found = [Standing(name, frozenset()) for name in names]
    for listed in filter(None, said(names, user_map)):
        found = [one.with_(other) for one, other in zip(found, listed, strict=True)]
    left_out = frozenset[int]().union(*(one.vetoing for listed in said(list(exclude), {}) for one in listed))
    return (*found, *([Standing("", left_out)] if exclude else []))


def _tables(synsets: Mapping[int, str]) -> list[ClassTable]:
    """The tables that may know the categories of a file; an id of Open Images begins with a slash."""
    ours = any(synset.startswith("/") for synset in synsets.values())
    return [lvis(), open_images()] if ours else [lvis()] if synsets else []


def _known(synsets: Mapping[int, str], table: ClassTable) -> dict[int, str]:
    return {number: synset for number, synset in synsets.items() if synset in table.coco}


def _by_name(
    names: Sequence[str], categories: Sequence[Category], user_map: Mapping[str, Sequence[str]], *, lean: bool
) -> list[Standing]:
    if not categories:
        return []
    ids: dict[str, set[int]] = {}
    for category in categories:
        ids.setdefault(category.name, set()).add(category.id)
    matches = match_classes(names, user_map=_resolved(user_map, names, categories), categories=categories)
    answered = {key(name) for name in user_map}
    return [
        Standing(
            match.name,
            _vetoing(match, ids, lean=lean),
            frozenset() if key(match.name) in answered else _verifying(match, ids),
        )
        for match in matches
    ]


def _by_table(
    names: Sequence[str],
    known: Mapping[int, str],
    table: ClassTable,
    user_map: Mapping[str, Sequence[str]],
    *,
    lean: bool,
) -> list[Standing]:
    if not known:
        return []
    answers = _resolved(user_map, names, coco_categories())
    ids: dict[str, set[int]] = {}
    for number, synset in known.items():
        ids.setdefault(synset, set()).add(number)
    standings = table_standings(match_classes(names, user_map=answers), table, lean=lean, answered=user_map)
    return [
        Standing(
            name,
            frozenset(number for synset in vetoing for number in ids.get(synset, ())),
            # What the file has no category for, it cannot verify.
            frozenset(number for synset in verifying for number in ids[synset])
            if ids.keys() >= verifying
            else frozenset(),
        )
        for name, (vetoing, verifying) in zip(names, standings, strict=True)
    ]


def _resolved(
    user_map: Mapping[str, Sequence[str]], names: Sequence[str], categories: Sequence[Category]
) -> dict[str, Sequence[str]]:
    """The answers that say what a class stands for among these categories."""
    ours = {key(name) for name in names}
    return {
        name: targets
        for name, targets in user_map.items()
        if key(name) in ours and targets and all(resolve_target(target, categories) for target in targets)
    }


def _vetoing(match: ClassMatch, ids: Mapping[str, Collection[int]], *, lean: bool) -> frozenset[int]:
    listed = match.exclude if lean else (*match.exclude, *match.maybe)
    return frozenset(number for exclusion in listed for number in ids[exclusion.coco])


def _verifying(match: ClassMatch, ids: Mapping[str, Collection[int]]) -> frozenset[int]:
    parts = [exclusion for exclusion in (*match.exclude, *match.maybe) if exclusion.relation in PARTS_OF]
    if not any(map(is_the_class, parts)):
        return frozenset()
    return frozenset(number for part in parts for number in ids[part.coco])
