"""The user's own map: which classes it names, and which categories its values stand for. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from yolobg.errors import UsageError
from yolobg.matching.answers import EXCLUDES, GUESSES
from yolobg.matching.list_context import context_of
from yolobg.matching.name_rules import answer
from yolobg.matching.other_categories import Bridge
from yolobg.matching.suggestions import nearest, suggest
from yolobg.matching.words import key
from yolobg.model import Category

__all__ = ["resolve_map", "resolve_target"]


def resolve_map(
    user_map: Mapping[str, Sequence[str]], by_id: Mapping[int, str], source: Sequence[Category]
) -> dict[str, tuple[str, ...]]:
    """Return the key of each class that the map names, and the source's categories that are meant.

    Args:
        user_map: Class name to category names, or to other words for them (`lorry`).
        by_id: Class id to class name.
        source: The source's categories.

    Raises:
        UsageError: A key names no class, or a value stands for no category.
    """
    classes = {key(name): name for name in by_id.values()}
    resolved: dict[str, tuple[str, ...]] = {}
    for name, targets in user_map.items():
        if key(name) not in classes:
            raise UsageError(
                f"map: {name!r} is not a class of this dataset{_hint(nearest(name, tuple(classes.values())))}; "
                "use a name of data.yaml"
            )
        found = [category for target in targets for category in _of_target(name, target, source)]
        resolved[key(name)] = tuple(dict.fromkeys(found))
    return resolved


def _of_target(name: str, target: str, source: Sequence[Category]) -> tuple[str, ...]:
    found = resolve_target(target, source)
    if not found:
        near = suggest(target, Bridge.to(source), tuple(category.name for category in source))
        raise UsageError(
            f"map: {name!r}: {target!r} stands for no category of the source{_hint(near)}; "
            f'use one of its category names, or --map "{name}=none"'
        )
    return found


def resolve_target(target: str, source: Sequence[Category]) -> tuple[str, ...]:
    """Return the source's categories that a word stands for: those of that name, else what it excludes as a class.

    Nothing where the word stands for none, or only a misspelling of it would: a slip of the fingers in an answer is
    asked again, not guessed at.
    """
    own = [category.name for category in source if key(category.name) == key(target)]
    bridge = Bridge.to(source)
    if own:
        return tuple(dict.fromkeys((*own, *bridge.named(target))))
    found = bridge.over(target, answer(target, context_of([target])))
    return tuple(e.coco for e in found.exclusions if e.confidence >= EXCLUDES and e.rule not in GUESSES)


def _hint(close: Sequence[str]) -> str:
    return f" (nearest: {', '.join(close)})" if close else ""
