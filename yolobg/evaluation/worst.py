"""The backgrounds that fire most, and those on which two sides differ most, with what was found on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from yolobg.errors import DatasetError
from yolobg.evaluation.figures import Side
from yolobg.evaluation_results import FoundBox, WorstImage
from yolobg.formats.contents import image_size
from yolobg.scoring.detections import Scored

__all__ = ["SHOWN", "WorstImages"]

SHOWN = 12
"""How many images of each kind."""

_BOXES = 6


class WorstImages:
    """Looks for the backgrounds to show.

    Args:
        sides: One side or two.
        backgrounds: The paths of the backgrounds.
        names: The dataset's classes.
        first: Place of the first background among the images that were scored.
        confidence: From which score on further boxes of an image are shown.
    """

    def __init__(
        self,
        sides: Sequence[Side],
        backgrounds: Sequence[str],
        names: Mapping[int, str],
        *,
        first: int,
        confidence: float,
    ) -> None:
        self._sides, self._backgrounds, self._names = sides, backgrounds, names
        self._first, self._confidence = first, confidence
        self._scores = [np.mean([run.highest for run in side.runs], axis=0) for side in sides]

    def worst(self) -> tuple[WorstImage, ...]:
        """Of each side, those with the highest scores; sorted by the higher one, each image once."""
        most = {at for scores in self._scores for at in _highest(scores)}
        highest = np.max(self._scores, axis=0)
        return self._described(sorted(most, key=lambda at: (-highest[at], at)))

    def differ(self) -> tuple[WorstImage, ...]:
        """Those on which the two sides differ most; none for one side."""
        if len(self._scores) == 1:
            return ()
        return self._described(_highest(np.abs(self._scores[1] - self._scores[0])))

    def _described(self, places: Sequence[int]) -> tuple[WorstImage, ...]:
        after = self._scores[1] if len(self._scores) > 1 else None
        return tuple(
            WorstImage(
                self._backgrounds[at],
                float(self._scores[0][at]),
                None if after is None else float(after[at]),
                _size(self._backgrounds[at]),
                tuple(box for side in self._sides for run in side.scored for box in self._boxes(side, run, at)),
            )
            for at in places
        )

    def _boxes(self, side: Side, run: Scored, at: int) -> list[FoundBox]:
        found = run.detections
        rows = np.flatnonzero(found.image == self._first + at)
        rows = rows[np.argsort(-found.score[rows], kind="stable")]
        kept = [row for place, row in enumerate(rows) if place == 0 or found.score[row] >= self._confidence]
        return [
            FoundBox(
                side.name,
                run.name,
                self._names[int(found.category[row])],
                float(found.score[row]),
                (
                    float(found.box[row, 0]),
                    float(found.box[row, 1]),
                    float(found.box[row, 2]),
                    float(found.box[row, 3]),
                ),
            )
            for row in kept[:_BOXES]
        ]


def _highest(values: np.typing.NDArray[np.float64]) -> list[int]:
    order = np.argsort(-values, kind="stable")[:SHOWN]
    return [at for at in order.tolist() if values[at] > 0]


def _size(image: str) -> tuple[int, int] | None:
    try:
        return image_size(Path(image))
    except (DatasetError, OSError):
        return None
