"""What the charts and the table of classes show, on a page and in a notebook; pure."""

from __future__ import annotations

from dataclasses import dataclass

from yolobg.model import ClassMatch, Contamination, Counts
from yolobg.wording import agreeing, counted

__all__ = ["ExclusionRow", "bar_parts", "exclusion_rows", "whisker"]

LENGTH = 1000
"""Length of a bar in its own units."""


def bar_parts(counts: Counts, ours: int) -> list[dict[str, str]]:
    """The parts of a bar that holds `ours` of our backgrounds; bars of a split have one scale."""
    longest = counts.labelled + counts.backgrounds
    parts, start = [], 0.0
    for kind, number in (("labelled", counts.labelled), ("theirs", counts.backgrounds - counts.ours), ("ours", ours)):
        width = LENGTH * number / longest if longest else 0.0
        if number:
            parts.append({"kind": kind, "start": f"{start:.2f}", "width": f"{width:.2f}"})
        start += width
    return parts


@dataclass(frozen=True, slots=True)
class ExclusionRow:
    """A row of the table of classes: what is excluded, why, and at what cost."""

    excludes: str
    relation: str
    confidence: str
    images: int
    why: str
    maybe: bool = False
    soft: bool = False


def exclusion_rows(match: ClassMatch) -> list[ExclusionRow]:
    """What a class excludes; at least one row."""
    rows = [
        ExclusionRow(one.coco, one.relation.replace("_", " "), f"{one.confidence:.2f}", one.images, one.reason, maybe)
        for maybe, exclusions in ((False, match.exclude), (True, match.maybe))
        for one in exclusions
    ]
    if not rows:
        excludes = "nothing" if match.status in ("none", "mapped") else "? (not resolved)"
        why = "no category of the source matches it" if match.status == "none" else match.status
        rows.append(ExclusionRow(excludes, "–", "", 0, why))
    if match.captions:
        reason = "left out only because a caption names the class"
        rows.append(ExclusionRow("captions that name it", "–", "", match.captions, reason, soft=True))
    if (said := match.evidence) is not None:
        reason = (
            f"{counted(said.verified, 'other', 'are')} verified to be free of it, {said.unknown:,} "
            f"{agreeing(said.unknown, 'are')} unknown"
        )
        rows.append(ExclusionRow("evidence that finds it", "–", "", said.vetoed, reason, soft=True))
    return rows


def whisker(figure: Contamination, scale: float) -> dict[str, str]:
    """Where the interval and the mark of a figure lie on an axis from 0 to `scale`."""
    low, mid, high = (LENGTH * share / scale for share in (figure.low, figure.point, figure.high))
    return {"low": f"{low:.1f}", "width": f"{max(high - low, 1):.1f}", "point": f"{max(mid - 3, 0):.1f}"}
