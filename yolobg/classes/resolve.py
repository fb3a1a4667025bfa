"""From matches to the categories to exclude, and the stop where a name stands for nothing we know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from yolobg.errors import UnresolvedClassError
from yolobg.model import ClassMatch

__all__ = ["check_resolved", "excluded_categories"]


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
        unmapped: `none` lets unknown names pass as `none`, with a warning; opaque ones stop all the same.

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
    warning = f"nothing is known about {match.name!r}: backgrounds may hold it unlabelled"
    return replace(match, status="none", warnings=(*match.warnings, warning))


def _message(stuck: tuple[ClassMatch, ...]) -> str:
    lines = [f"{len(stuck)} class name(s) cannot be resolved, so no image can be called background:"]
    for match in stuck:
        why = "says nothing about what is in the box" if match.status == "opaque" else "is in no word list"
        near = f"; nearest: {', '.join(match.suggestions)}" if match.suggestions else ""
        lines.append(f"  {match.id}: {match.name!r} {why}{near}")
    lines.append("Say what each stands for (a category, several with commas, or none), for example:")
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
