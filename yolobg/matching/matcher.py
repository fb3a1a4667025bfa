"""Class names of a dataset to the categories of the source whose images cannot be background.

Pure: word lists in, frozen values out; nothing here asks, prints or touches the user's disk.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from yolobg.errors import UnresolvedClassError
from yolobg.matching.answers import EXCLUDES, LOWEST, Answer
from yolobg.matching.lexicon import coco_categories
from yolobg.matching.list_context import context_of
from yolobg.matching.name_rules import answer
from yolobg.matching.other_categories import Bridge
from yolobg.matching.second_pass import agreed, with_neighbours
from yolobg.matching.suggestions import suggest
from yolobg.matching.user_map import resolve_map
from yolobg.matching.words import key
from yolobg.model import Category, ClassMatch, Exclusion, Status

__all__ = ["check_resolved", "excluded_categories", "match_classes"]


def match_classes(
    names: Sequence[str] | Mapping[int, str],
    *,
    user_map: Mapping[str, Sequence[str]] | None = None,
    categories: Sequence[Category] | None = None,
) -> tuple[ClassMatch, ...]:
    """Say for each class name which categories' images cannot be background for it, and why.

    Pure and deterministic. The list as a whole is looked at: `mouse` beside `keyboard` is the device.

    Args:
        names: Class names in class-id order, or class id to class name.
        user_map: Class name to category names or other words for them (`lorry`); an empty sequence says that nothing
            matches. Names are compared without regard to case and separators.
        categories: The source's categories with image counts; default: the 80 of COCO train2017.

    Returns:
        One match per name, in ascending id order.

    Raises:
        UsageError: A key of `user_map` names no class, or a value stands for no category.
    """
    by_id = dict(sorted(names.items())) if isinstance(names, Mapping) else dict(enumerate(names))
    source = tuple(coco_categories() if categories is None else categories)
    chosen = resolve_map(user_map or {}, by_id, source)
    context = context_of(tuple(by_id.values()))
    bridge = Bridge.to(source)
    shared = _MatchContext(chosen, bridge, {category.name: category.images for category in source})
    read = dict(zip(by_id, agreed([answer(name, context) for name in by_id.values()]), strict=True))
    return tuple(_match(class_id, name, read[class_id], shared) for class_id, name in by_id.items())


@dataclass(frozen=True, slots=True)
class _MatchContext:
    """What holds for all names of a list: the user's map, the source and its image counts."""

    chosen: Mapping[str, tuple[str, ...]]
    bridge: Bridge
    images: Mapping[str, int]


def _match(class_id: int, name: str, read: Answer, shared: _MatchContext) -> ClassMatch:
    chosen = shared.chosen.get(key(name))
    found = _by_user(chosen) if chosen is not None else shared.bridge.over(name, with_neighbours(read))
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
        suggestions=suggest(name, shared.bridge, tuple(shared.images)) if status == "unknown" else (),
        warnings=found.warnings,
    )


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
        raise UnresolvedClassError(_message(stuck), stuck)
    return tuple(matches)


def _as_none(match: ClassMatch) -> ClassMatch:
    warning = f"nothing is known about {match.name!r}: backgrounds may contain it unlabelled"
    return replace(match, status="none", warnings=(*match.warnings, warning))


def _message(stuck: tuple[ClassMatch, ...]) -> str:
    lines = [f"{len(stuck)} class name(s) cannot be resolved, so no image can be used as background:"]
    for match in stuck:
        why = "says nothing about what is in the box" if match.status == "opaque" else "is in no word list"
        near = f"; nearest: {', '.join(match.suggestions)}" if match.suggestions else ""
        lines.append(f"  {match.id}: {match.name!r} {why}{near}")
    lines.append("Say what each stands for (a category, several separated by commas, or none), for example:")
    for match in stuck:
        lines.append(f"  {map_option(match.name, match.suggestions[0] if match.suggestions else 'CATEGORY')}")
        lines.append(f"  {map_option(match.name, 'none')}")
    if all(match.status == "unknown" for match in stuck):
        lines.append("or pass --unmapped none to let unknown names pass.")
    return "\n".join(lines)


def map_option(name: str, category: str) -> str:
    """Return the `--map` option that says what a name stands for, as a shell line to paste."""
    text = "".join(c if c.isprintable() else " " for c in f"{name}={category}")
    for mark in ("\\", '"', "$", "`"):
        text = text.replace(mark, "\\" + mark)
    return f'--map "{text}"'
