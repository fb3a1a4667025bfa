"""Image false-alarm rates by what the source says is in the images: where a model is taken in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from yolobg.evaluation.figures import Side
from yolobg.evaluation.intervals import wilson
from yolobg.evaluation_results import ByCategory, CategoryRow, Share

__all__ = ["FEWEST", "BackgroundContents", "by_category"]

FEWEST = 30
"""With fewer images, an interval is wider than most differences between categories."""


@dataclass(frozen=True)
class BackgroundContents:
    """What a source says is in the backgrounds.

    Attributes:
        categories: The categories of each background.
        groups: Category to supercategory, for those that have one.
    """

    categories: Sequence[Sequence[str]]
    groups: Mapping[str, str]


def by_category(sides: Sequence[Side], contents: BackgroundContents, confidence: float) -> ByCategory:
    """Count the backgrounds with a detection of at least this confidence, by what they contain.

    Args:
        sides: The side before, and the one after if there is one.
        contents: What each background contains.
        confidence: From which confidence on a detection counts.
    """
    flagged = [np.mean([run.highest >= confidence for run in side.runs], axis=0) for side in sides]
    rows = [
        _row(name, kind, np.array(places), flagged)
        for (kind, name), places in _places(contents).items()
        if len(places) >= FEWEST
    ]
    # Supercategories first; the highest rate on top.
    rows.sort(key=lambda row: (row.kind == "category", -row.before.rate, row.category))
    return ByCategory(confidence, FEWEST, tuple(rows))


def _places(contents: BackgroundContents) -> dict[tuple[str, str], list[int]]:
    """The places of the backgrounds that contain each category and supercategory."""
    found: dict[tuple[str, str], list[int]] = {}
    for place, names in enumerate(contents.categories):
        for key in dict.fromkeys(_keys(names, contents.groups)):
            found.setdefault(key, []).append(place)
    return found


def _keys(names: Sequence[str], groups: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name in names:
        yield "category", name
        if name in groups:
            yield "supercategory", groups[name]


def _row(name: str, kind: str, places: NDArray[np.int64], flagged: Sequence[NDArray[np.float64]]) -> CategoryRow:
    shares = [_share(float(side[places].sum()), len(places)) for side in flagged]
    return CategoryRow(
        category=name,
        kind="category" if kind == "category" else "supercategory",
        images=len(places),
        before=shares[0],
        after=shares[1] if len(shares) > 1 else None,
    )


def _share(alarms: float, images: int) -> Share:
    return Share(alarms / images, *wilson(alarms, images))
