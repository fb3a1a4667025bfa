"""What the report says of the source and of expected errors; pure."""

from __future__ import annotations

from collections.abc import Sequence

from yolobg.model import ClassMatch, Contamination
from yolobg.results import SourceInfo
from yolobg.wording import agreeing

__all__ = ["figures", "left_out"]


def left_out(source: SourceInfo | None) -> str:
    """Why images of the source were not eligible; empty where all were."""
    if source is None:
        return ""
    left = source.left_out
    reasons = (
        (left.class_, "contain", "an excluded class"),
        (left.caption, "have", "a caption that names one"),
        (left.evidence, "show", "one according to the evidence"),
        (left.unverified, "are", "not verified to be free of every class"),
        (left.license, "are", "outside the licence filter"),
        (left.in_dataset, "were", "in the dataset already or rejected in a review"),
        (left.repeated, "are", "the same picture as another one of the source"),
        (left.unusable, "have", "a record that cannot be used"),
    )
    return "; ".join(f"{number:,} {agreeing(number, verb)} {why}" for number, verb, why in reasons if number)


def figures(classes: Sequence[ClassMatch], source: SourceInfo | None) -> list[tuple[str, Contamination]]:
    """How many backgrounds are expected to show a class anyway: for each class that has a figure, then for all."""
    known = [(match.name, figure) for match in classes if (figure := match.expected_contamination) is not None]
    overall = source.expected_contamination if source else None
    return [*known, ("any of them", overall)] if overall is not None and len(known) > 1 else known
