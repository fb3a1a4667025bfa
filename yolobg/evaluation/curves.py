"""Recall against image false-alarm rate: one run of a model, for the sample as it is and for resampled ones.

A sample is a row of weights, one for each labelled image and one for each background: how often it was drawn. The
sample as it is has ones only. Thresholds are chosen anew in each sample.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from yolobg.evaluation.matching import match
from yolobg.evaluation.truth import Truth
from yolobg.scoring.detections import Detections

__all__ = ["ScoredRun", "allowed_alarms", "make_run"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_RECALLS = np.linspace(0.0, 1.0, 101)


@dataclass(frozen=True)
class ScoredRun:
    """What the figures of one run are computed from.

    Attributes:
        highest: The highest score on each background, 0 where nothing was found, shape (backgrounds,).
        objects: Objects of each labelled image, shape (images,).
        by_category: Objects of each labelled image and class, shape (images, classes).
        image: The labelled image of each detection, by falling score, shape (n,).
        category: Its class.
        score: Its confidence.
        hit: Whether it is a true positive.
        alarm_scores: The scores of all detections on backgrounds, by falling score.
    """

    highest: Floats
    objects: Ints
    by_category: Ints
    image: Ints
    category: Ints
    score: Floats
    hit: NDArray[np.bool_]
    alarm_scores: Floats

    def recall_at_alarms(self, drawn: Ints, backgrounds: Ints, allowed: Sequence[int]) -> Floats:
        """Recall at the lowest threshold at which at most so many backgrounds are flagged.

        Args:
            drawn: Weights of the labelled images, shape (draws, images).
            backgrounds: Weights of the backgrounds, shape (draws, backgrounds).
            allowed: How many backgrounds may be flagged, for each column of the answer.

        Returns:
            Shape (draws, len(allowed)); NaN in a draw without objects.
        """
        order = np.argsort(-self.highest, kind="stable")
        flagged = np.cumsum(backgrounds[:, order], axis=1)
        found = self.score[self.hit]
        hits = np.cumsum(drawn[:, self.image[self.hit]], axis=1)
        hits = np.concatenate([np.zeros((len(drawn), 1), dtype=hits.dtype), hits], axis=1)
        total = drawn @ self.objects
        scores = np.append(self.highest[order], 0.0)
        columns = []
        for most in allowed:
            # The first score that would flag too many; detections with a higher one count.
            first = (flagged <= most).sum(axis=1)
            count = np.searchsorted(-found, -scores[first], side="left")
            columns.append(hits[np.arange(len(hits)), count])
        with np.errstate(invalid="ignore", divide="ignore"):
            recall: Floats = np.stack(columns, axis=1) / total[:, None]
        return recall

    def alarms_at_recall(self, drawn: Ints, backgrounds: Ints, recall: float) -> tuple[Floats, Floats]:
        """Image false-alarm rate at the highest threshold that reaches a recall, and that threshold.

        Args:
            drawn: Weights of the labelled images, shape (draws, images).
            backgrounds: Weights of the backgrounds, shape (draws, backgrounds).
            recall: The recall; where the run never reaches it, every background with a detection counts.
        """
        found = self.score[self.hit]
        hits = np.cumsum(drawn[:, self.image[self.hit]], axis=1)
        total = drawn @ self.objects
        # Less one billionth, so that a recall that was computed is reached.
        short = (hits < (recall - 1e-9) * total[:, None]).sum(axis=1)
        thresholds = np.append(found, np.nextafter(0.0, 1.0))[short]
        order = np.argsort(self.highest, kind="stable")
        below = np.concatenate([np.zeros((len(drawn), 1), dtype=np.int64), np.cumsum(backgrounds[:, order], 1)], axis=1)
        first = np.searchsorted(self.highest[order], thresholds, side="left")
        return 1 - below[np.arange(len(below)), first] / backgrounds.sum(axis=1), thresholds

    def ap50(self, drawn: Ints) -> Floats:
        """COCO's AP at IoU 0.5, mean over the classes that a draw has objects of, shape (draws,).

        On the sample as it is, the number that `COCOeval` gives.

        Args:
            drawn: Weights of the labelled images, shape (draws, images).
        """
        totals = drawn @ self.by_category
        parts = [
            np.where(totals[:, category] > 0, self._ap50_of(int(category), drawn, totals[:, category]), np.nan)
            for category in np.flatnonzero(self.by_category.sum(axis=0))
        ]
        table = np.stack(parts, axis=1)
        counted = np.isfinite(table)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean: Floats = np.where(counted, table, 0.0).sum(axis=1) / counted.sum(axis=1)
        return mean

    def _ap50_of(self, category: int, drawn: Ints, totals: Ints) -> Floats:
        rows = np.flatnonzero(self.category == category)
        hits = np.flatnonzero(self.hit[rows])
        if not len(hits):
            return np.zeros(len(drawn))
        # Recall changes and precision peaks at true positives only.
        weights = drawn[:, self.image[rows]]
        seen = np.cumsum(weights, axis=1)[:, hits]
        right = np.cumsum(weights[:, hits], axis=1)
        precision = right / (seen + np.spacing(1))
        precision = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        recall = right / np.maximum(totals, 1)[:, None]
        padded = np.concatenate([precision, np.zeros((len(drawn), 1))], axis=1)
        places = [np.searchsorted(row, _RECALLS, side="left") for row in recall]
        mean: Floats = np.take_along_axis(padded, np.array(places), axis=1).mean(axis=1)
        return mean


def make_run(truth: Truth, found: Detections, *, backgrounds: int, classes: int) -> ScoredRun:
    """Match a run's detections and sort what its figures need.

    Args:
        truth: The labelled images, the first `len(truth.images)` of the list that was scored.
        found: What the model found in them and in the backgrounds, which follow.
        backgrounds: How many backgrounds follow.
        classes: How many classes the dataset has.
    """
    images = len(truth.images)
    by_category = np.zeros((images, classes), dtype=np.int64)
    np.add.at(by_category, (truth.image, truth.category), 1)
    highest = np.zeros(backgrounds)
    alarms = found.image >= images
    np.maximum.at(highest, found.image[alarms] - images, found.score[alarms])
    hit = match(truth, found)
    rows = np.flatnonzero(~alarms)
    rows = rows[np.argsort(-found.score[rows], kind="stable")]
    return ScoredRun(
        highest=highest,
        objects=by_category.sum(axis=1),
        by_category=by_category,
        image=found.image[rows],
        category=found.category[rows],
        score=found.score[rows],
        hit=hit[rows],
        alarm_scores=-np.sort(-found.score[alarms]),
    )


def allowed_alarms(rate: float, backgrounds: int) -> int:
    """How many of the backgrounds may be flagged at an image false-alarm rate: rounded down, 5 % of 100 being 5."""
    return math.floor(rate * backgrounds + 1e-9)
