"""Class names of a dataset to the categories of the source whose images cannot be background.

Pure: word lists in, frozen values out; nothing here asks, prints or touches the user's disk.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from yolobg.calls import public
from yolobg.errors import UnresolvedClassError, UsageError
from yolobg.matching.answers import EXCLUDES, LOWEST, Answer, mapped
from yolobg.matching.garbled import is_lost, lost_names, repaired
from yolobg.matching.lexicon import coco_categories
from yolobg.matching.list_context import context_of
from yolobg.matching.name_rules import answer
from yolobg.matching.other_categories import Bridge
from yolobg.matching.questions import message
from yolobg.matching.second_pass import agreed, with_neighbours
from yolobg.matching.suggestions import suggest
from yolobg.matching.user_map import resolve_map
from yolobg.matching.words import key
from yolobg.model import Category, ClassMatch, Exclusion, Reading, Status

__all__ = ["check_resolved", "excluded_categories", "match_classes"]


@public
def match_classes(
    names: Sequence[str] | Mapping[int, str],
    *,
    user_map: Mapping[str, Sequence[str]] | None = None,
    categories: Sequence[Category] | None = None,
    readings: Mapping[int, Sequence[Reading]] | None = None,
) -> tuple[ClassMatch, ...]:
    """Say for each class name which categories' images cannot be background for it, and why.

    Pure and deterministic. The list as a whole is looked at: `mouse` beside `keyboard` is the device.

    Args:
        names: Class names in class-id order, or class id to class name.
        user_map: Class name to category names or other words for them (`lorry`); an empty sequence says that nothing
            matches. Names are compared without regard to case and separators.
        categories: The source's categories with image counts; default: the 80 of COCO train2017.
        readings: Class id to what its name is in each likely encoding, where it lost letters (`DataYaml.readings`).
            Such a name is asked about.

    Returns:
        One match per name, in ascending id order.

    Raises:
        UsageError: `names` is no list or mapping, a key of `user_map` names no class, or a value stands for no
            category.
    """
    if isinstance(names, (str, bytes)) or not isinstance(names, (Sequence, Mapping)):
        raise UsageError(f"names: {names!r}: expected a list of class names, as ['car', 'dog']")
    by_id = dict(sorted(names.items())) if isinstance(names, Mapping) else dict(enumerate(names))
    source = tuple(coco_categories() if categories is None else categories)
    chosen = resolve_map(user_map or {}, by_id, source)
    meant = {class_id: repaired(name) for class_id, name in by_id.items()}
    context = context_of(tuple(meant.values()))
    bridge = Bridge.to(source)
    shared = _MatchContext(chosen, bridge, {category.name: category.images for category in source}, meant)
    read = dict(zip(by_id, agreed([answer(name, context) for name in meant.values()], context), strict=True))
    read |= lost_names(by_id, readings or {})
    return tuple(_match(class_id, name, read[class_id], shared) for class_id, name in by_id.items())


@dataclass(frozen=True, slots=True)
class _MatchContext:
    """What holds for all names of a list: the user's map, the source, its image counts, and the names repaired."""

    chosen: Mapping[str, tuple[str, ...]]
    bridge: Bridge
    images: Mapping[str, int]
    meant: Mapping[int, str]


def _match(class_id: int, name: str, read: Answer, shared: _MatchContext) -> ClassMatch:
    chosen = shared.chosen.get(key(name))
    if chosen is not None:
        return _as_match(class_id, name, _by_user(chosen), shared)
    if is_lost(read):
        return _as_match(class_id, name, read, shared)
    meant = shared.meant[class_id]
    found = shared.bridge.over(meant, with_neighbours(read))
    if meant != name:
        found = replace(found, warnings=(*found.warnings, f"its letters are garbled; read as {meant!r}"))
    return _as_match(class_id, name, found, shared)


def _by_user(chosen: tuple[str, ...]) -> Answer:
    reason = "your map says so"
    return Answer("mapped" if chosen else "none", tuple(Exclusion(c, "user", 1.0, "map", reason) for c in chosen))


def _as_match(class_id: int, name: str, found: Answer, shared: _MatchContext) -> ClassMatch:
    ranked = sorted(found.exclusions, key=lambda e: (-e.confidence, e.coco))
    counted = [replace(e, images=shared.images.get(e.coco, 0)) for e in ranked if e.confidence >= LOWEST]
    status: Status = found.status if not counted else "mapped"
    return ClassMatch(
        id=class_id,
        name=name,
        status=status,
        exclude=tuple(e for e in counted if e.confidence >= EXCLUDES),
        maybe=tuple(e for e in counted if e.confidence < EXCLUDES),
        suggestions=_suggestions(shared.meant[class_id], found, shared) if status in ("opaque", "unknown") else (),
        warnings=found.warnings,
    )


def _suggestions(name: str, found: Answer, shared: _MatchContext) -> tuple[str, ...]:
    """Return the categories to offer as the answer to the question about a name, best first."""
    if found.offered:
        there = shared.bridge.over(name, mapped(found.offered)).exclusions
        return tuple(e.coco for e in sorted(there, key=lambda e: (-e.confidence, e.coco)) if e.confidence >= EXCLUDES)
    return suggest(name, shared.bridge, tuple(shared.images)) if found.status == "unknown" else ()


def excluded_categories(matches: Sequence[ClassMatch], *, lean: bool = False) -> frozenset[str]:
    """Return the categories whose images may not be chosen.

    Args:
        matches: What `match_classes` returned.
        lean: Keep the images of "maybe" categories (confidence below 0.5).
    """
    certain = {e.coco for match in matches for e in match.exclude}
    doubtful = set() if lean else {e.coco for match in matches for e in match.maybe}
    return frozenset(certain | doubtful)


def check_resolved(
    matches: Sequence[ClassMatch], *, unmapped: Literal["stop", "none"] = "stop"
) -> tuple[ClassMatch, ...]:
    """Return the matches if each name is resolved.

    Args:
        matches: What `match_classes` returned.
        unmapped: `none` lets unknown names pass as `none`, with a warning; opaque ones still stop.

    Raises:
        UnresolvedClassError: A name is opaque, or unknown and `unmapped` is `stop`. The message lists each with the
            nearest category names and the `--map` lines to paste.
    """
    if unmapped == "none":
        matches = tuple(_as_none(match) if match.status == "unknown" else match for match in matches)
    stuck = tuple(match for match in matches if match.status in ("opaque", "unknown"))
    if stuck:
        raise UnresolvedClassError(message(stuck), stuck)
    return tuple(matches)


def _as_none(match: ClassMatch) -> ClassMatch:
    warning = f"nothing is known about {match.name!r}: backgrounds may contain it unlabelled"
    return replace(match, status="none", warnings=(*match.warnings, warning))
