"""Why a difference cannot be believed: predictions that leave out what would count against them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from yolobg.evaluation.backgrounds import FEW
from yolobg.evaluation.curves import ScoredRun, allowed_alarms
from yolobg.evaluation.figures import Side, rates_for
from yolobg.scoring.detections import Scored
from yolobg.scoring.predictions import CUT_OFF
from yolobg.wording import counted

__all__ = ["doubts"]


def doubts(sides: Sequence[Side]) -> tuple[str, ...]:
    """A sentence for each run that cannot be compared with others, and for each that is on both sides.

    Args:
        sides: The side before, and the one after if there is one.
    """
    each = [_doubt(scored, run) for side in sides for scored, run in zip(side.scored, side.runs, strict=True)]
    return (*_same_model(sides), *(doubt for doubt in each if doubt))


def _same_model(sides: Sequence[Side]) -> tuple[str, ...]:
    before, *after = ({scored.sha256: scored.name for scored in side.scored} for side in sides)
    both = sorted(name for side in after for digest, name in side.items() if digest in before)
    return tuple(f"{name} is on both sides: its content is that of a model before." for name in both)


def _doubt(scored: Scored, run: ScoredRun) -> str:
    flagged, backgrounds = int(np.count_nonzero(run.highest)), len(run.highest)
    # A model that was run here was run on every background.
    if not flagged and backgrounds >= FEW and Path(scored.file).suffix.lower() == ".json":
        return f"{scored.name} has no prediction on any of the {backgrounds:,} backgrounds: was it run on them?"
    most = max((allowed_alarms(rate, backgrounds) for rate in rates_for(backgrounds)), default=0)
    if scored.lowest is not None and scored.lowest > CUT_OFF and flagged < most:
        return (
            f"The curve of {scored.name} is cut off at a score of {scored.lowest:.3f}, where it flags {flagged:,} of "
            f"{counted(backgrounds, 'background')}: predict with a confidence threshold of 0.001."
        )
    return ""
