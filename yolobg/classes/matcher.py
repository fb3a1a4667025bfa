"""Class names of a dataset to the categories of the source whose images cannot be background.

Pure: word lists in, frozen values out; nothing here asks, prints or touches the user's disk.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from yolobg.classes.answer import EXCLUDES, LOWEST, Answer
from yolobg.classes.bridge import Bridge
from yolobg.classes.context import Context
from yolobg.classes.lexicon import coco_categories
from yolobg.classes.majority import agreed
from yolobg.classes.neighbours import with_neighbours
from yolobg.classes.rules import answer
from yolobg.classes.suggest import nearest
from yolobg.classes.text import key
from yolobg.errors import UsageError
from yolobg.model import Category, ClassMatch, Exclusion, Status

__all__ = ["match_classes"]


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
        user_map: Class name to category names; an empty sequence says that nothing matches. Names are compared
            without regard to case and separators.
        categories: The source's categories with image counts; default: the 80 of COCO train2017.

    Returns:
        One match per name, in ascending id order.

    Raises:
        UsageError: A key of `user_map` names no class, or a value names no category.
    """
    by_id = dict(sorted(names.items())) if isinstance(names, Mapping) else dict(enumerate(names))
    source = tuple(coco_categories() if categories is None else categories)
    chosen = _resolve_map(user_map or {}, by_id, source)
    context = Context.of(tuple(by_id.values()))
    bridge = Bridge.to(source)
    whole = _Whole(chosen, bridge, {category.name: category.images for category in source})
    read = dict(zip(by_id, agreed([answer(name, context) for name in by_id.values()]), strict=True))
    return tuple(_match(class_id, name, read[class_id], whole) for class_id, name in by_id.items())


@dataclass(frozen=True, slots=True)
class _Whole:
    """What holds for all names of a list: the user's map, the source and its image counts."""

    chosen: Mapping[str, tuple[str, ...]]
    bridge: Bridge
    images: Mapping[str, int]


def _match(class_id: int, name: str, read: Answer, whole: _Whole) -> ClassMatch:
    chosen = whole.chosen.get(key(name))
    found = _by_user(chosen) if chosen is not None else whole.bridge.over(name, with_neighbours(read))
    return _as_match(class_id, name, found, whole.images)


def _by_user(chosen: tuple[str, ...]) -> Answer:
    reason = "your map says so"
    return Answer("mapped" if chosen else "none", tuple(Exclusion(c, "user", 1.0, "map", reason) for c in chosen))


def _as_match(class_id: int, name: str, found: Answer, images: Mapping[str, int]) -> ClassMatch:
    ranked = sorted(found.exclusions, key=lambda e: (-e.confidence, e.coco))
    counted = [replace(e, images=images.get(e.coco, 0)) for e in ranked if e.confidence >= LOWEST]
    status: Status = found.status if not counted else "mapped"
    return ClassMatch(
        id=class_id,
        name=name,
        status=status,
        exclude=tuple(e for e in counted if e.confidence >= EXCLUDES),
        maybe=tuple(e for e in counted if e.confidence < EXCLUDES),
        suggestions=nearest(name, tuple(images)) if status == "unknown" else (),
        warnings=found.warnings,
    )


def _resolve_map(
    user_map: Mapping[str, Sequence[str]], by_id: Mapping[int, str], source: Sequence[Category]
) -> dict[str, tuple[str, ...]]:
    classes = {key(name): name for name in by_id.values()}
    known = {key(category.name): category.name for category in source}
    resolved: dict[str, tuple[str, ...]] = {}
    for name, targets in user_map.items():
        if key(name) not in classes:
            raise UsageError(
                f"map: {name!r} is no class of this dataset{_hint(name, tuple(classes.values()))}; "
                "use a name of data.yaml"
            )
        for target in targets:
            if key(target) not in known:
                raise UsageError(
                    f"map: {name!r}: {target!r} is no category of the source{_hint(target, tuple(known.values()))}; "
                    f'use one of its category names, or --map "{name}=none"'
                )
        resolved[key(name)] = tuple(dict.fromkeys(known[key(target)] for target in targets))
    return resolved


def _hint(name: str, choices: Sequence[str]) -> str:
    close = nearest(name, choices)
    return f" (nearest: {', '.join(close)})" if close else ""
