"""From runs to the figures of an evaluation: means over runs, differences with intervals, curves, worst images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from yolobg.evaluation.bootstrap import RUNS_FOR_NOISE, Draws, Sampled, interval, ones, resample, side_mean
from yolobg.evaluation.coco_ap import coco_ap
from yolobg.evaluation.curves import ScoredRun, allowed_alarms, make_run
from yolobg.evaluation.intervals import mcnemar, wilson
from yolobg.evaluation.truth import Truth
from yolobg.evaluation_results import (
    AtConfidence,
    Curve,
    Difference,
    EqualRecall,
    Estimate,
    ModelFigures,
    ModelRun,
    PairTest,
)
from yolobg.model import Progress, no_progress
from yolobg.scoring.detections import Scored

__all__ = ["Comparison", "Means", "Side", "SideName", "compare_sides", "rates_for"]

Floats = NDArray[np.float64]
SideName = Literal["before", "after"]

RECALL_AT = 0.25
RECALL_LESS = 0.05
ENOUGH_OBJECTS = 300
"""With fewer objects, the threshold that reaches a recall is mostly chance."""

_MANY = 500
_RATES_OF_MANY = (0.01, 0.02, 0.05, 0.1)
_RATES_OF_FEW = (0.02, 0.05, 0.1, 0.2)
_FEWEST_ALARMS = 5
_CURVE_POINTS = 40


@dataclass(frozen=True)
class Side:
    """One side of a comparison: its runs, with what they scored."""

    name: SideName
    scored: tuple[Scored, ...]
    runs: tuple[ScoredRun, ...]

    @classmethod
    def of(cls, name: SideName, scored: Sequence[Scored], truth: Truth, *, backgrounds: int, classes: int) -> Side:
        """Match what each run found."""
        runs = [make_run(truth, run.detections, backgrounds=backgrounds, classes=classes) for run in scored]
        return cls(name, tuple(scored), tuple(runs))


@dataclass(frozen=True)
class Comparison:
    """All figures; see `Evaluation` for what each is."""

    models: tuple[ModelFigures, ...]
    difference: Difference | None
    equal_recall: EqualRecall
    pair_tests: tuple[PairTest, ...]
    curves: tuple[Curve, ...]


def rates_for(backgrounds: int) -> tuple[float, ...]:
    """The image false-alarm rates of the headline: those at which at least five backgrounds may be flagged."""
    rates = _RATES_OF_MANY if backgrounds >= _MANY else _RATES_OF_FEW
    return tuple(rate for rate in rates if allowed_alarms(rate, backgrounds) >= _FEWEST_ALARMS)


def compare_sides(
    sides: Sequence[Side],
    truth: Truth,
    backgrounds: Sequence[str],
    *,
    conf: Sequence[float],
    draws: Draws,
    progress: Progress = no_progress,
) -> Comparison:
    """Compute the figures of one side, or of two and their difference.

    Args:
        sides: The side before, and the one after if there is one.
        truth: The labelled images.
        backgrounds: The paths of the backgrounds.
        conf: Confidences for the figures at fixed settings.
        draws: How to draw.
        progress: Told about the stages `AP` and `bootstrap`.
    """
    rates = rates_for(len(backgrounds))
    steps = _curve_steps(len(backgrounds))
    allowed = [*(allowed_alarms(rate, len(backgrounds)) for rate in rates), *steps]
    runs = [run for side in sides for run in side.runs]
    recall = max(0.0, min(_recall(run, RECALL_AT) for run in runs) - RECALL_LESS)
    samples = resample(runs, draws, allowed, recall, progress=progress)
    by_side = _split(samples, sides)
    models = tuple(_figures(side, truth, rates, conf, recall, progress) for side in sides)
    means = Means(draws, by_side)
    two = len(sides) > 1
    return Comparison(
        models,
        means.difference(len(rates), *_points(models)) if two else None,
        EqualRecall(
            recall,
            len(truth.image) >= ENOUGH_OBJECTS,
            means.estimate(_fall(models), means.alarms()) if two else None,
        ),
        _pair_tests(sides, conf) if two else (),
        tuple(_curve(side, part, draws, steps, len(rates)) for side, part in zip(sides, by_side, strict=True)),
    )


def _points(models: Sequence[ModelFigures]) -> tuple[float | None, float]:
    """Differences of the mean recall at equal false-alarm rates and of AP50."""
    before, after = models
    first, second = before.mean_recall_at_false_alarm_rate, after.mean_recall_at_false_alarm_rate
    return None if first is None or second is None else second - first, after.ap50 - before.ap50


def _fall(models: Sequence[ModelFigures]) -> float:
    return models[1].false_alarm_rate_at_recall - models[0].false_alarm_rate_at_recall


def _curve_steps(backgrounds: int) -> list[int]:
    """Numbers of flagged backgrounds for the points of a curve: evenly spaced on a logarithmic axis."""
    spaced = np.geomspace(1, max(backgrounds, 1), _CURVE_POINTS)
    return sorted({int(value) for value in spaced})


def _split(samples: Sequence[Sampled], sides: Sequence[Side]) -> list[list[Sampled]]:
    parts, start = [], 0
    for side in sides:
        parts.append(list(samples[start : start + len(side.runs)]))
        start += len(side.runs)
    return parts


@dataclass(frozen=True)
class Means:
    """Differences of two sides' means in each draw.

    Attributes:
        draws: How the draws were made.
        by_side: What each run of each side scored in them.
    """

    draws: Draws
    by_side: list[list[Sampled]]

    @property
    def freedom(self) -> int:
        """Degrees of freedom of the spread between runs."""
        return sum(map(len, self.by_side)) - len(self.by_side)

    def difference(self, rates: int, recall: float | None, ap50: float) -> Difference:
        """The differences that were measured, with their intervals.

        Args:
            rates: How many of the first columns are the headline's false-alarm rates.
            recall: The difference of the mean recall at these; None where there is none.
            ap50: The difference of AP50.
        """
        change = None
        if recall is not None:
            means = [[s.recall[:, :rates].mean(axis=1) for s in side] for side in self.by_side]
            change = self.estimate(recall, self._less(means))
        return Difference(change, self.estimate(ap50, self._less([[s.ap50 for s in side] for side in self.by_side])))

    def alarms(self) -> Floats:
        """Differences of the false-alarm rate at the common recall."""
        return self._less([[s.alarms for s in side] for side in self.by_side])

    def _less(self, values: list[list[Floats]]) -> Floats:
        before, after = (side_mean(side, self.draws, freedom=self.freedom, key=key) for key, side in enumerate(values))
        difference: Floats = after - before
        return difference

    def estimate(self, point: float, values: Floats) -> Estimate:
        """A point with the interval of these draws."""
        return Estimate(point, *interval(values))


def _figures(
    side: Side, truth: Truth, rates: Sequence[float], conf: Sequence[float], recall: float, progress: Progress
) -> ModelFigures:
    each = []
    for number, (scored, run) in enumerate(zip(side.scored, side.runs, strict=True)):
        progress(f"AP {side.name}", number, len(side.runs))
        each.append(_one(scored, run, truth, rates, conf))
    progress(f"AP {side.name}", len(side.runs), len(side.runs))
    means = [run.mean_recall_at_false_alarm_rate for run in each if run.mean_recall_at_false_alarm_rate is not None]
    return ModelFigures(
        name=" + ".join(run.name for run in each),
        side=side.name,
        runs=len(each),
        recall_at_false_alarm_rate={
            key: _mean([run.recall_at_false_alarm_rate[key] for run in each])
            for key in each[0].recall_at_false_alarm_rate
        },
        mean_recall_at_false_alarm_rate=_mean(means) if means else None,
        at_confidence={key: _pooled([run.at_confidence[key] for run in each]) for key in each[0].at_confidence},
        ap50=_mean([run.ap50 for run in each]),
        ap50_95=_mean([run.ap50_95 for run in each]),
        false_alarm_rate_at_recall=_mean([float(run.alarms_at_recall(*ones(run), recall)[0][0]) for run in side.runs]),
        each=tuple(each),
    )


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


def _one(scored: Scored, run: ScoredRun, truth: Truth, rates: Sequence[float], conf: Sequence[float]) -> ModelRun:
    allowed = [allowed_alarms(rate, len(run.highest)) for rate in rates]
    recalls = run.recall_at_alarms(*ones(run), allowed)[0].tolist() if allowed else []
    ap50, ap50_95 = coco_ap(truth, scored.detections)
    return ModelRun(
        name=scored.name,
        file=scored.file,
        sha256=scored.sha256,
        recall_at_false_alarm_rate={f"{rate:g}": recall for rate, recall in zip(rates, recalls, strict=True)},
        mean_recall_at_false_alarm_rate=_mean(recalls) if recalls else None,
        at_confidence={f"{value:g}": _at(run, value) for value in conf},
        ap50=ap50,
        ap50_95=ap50_95,
    )


def _recall(run: ScoredRun, confidence: float) -> float:
    return float((run.hit & (run.score >= confidence)).sum() / max(1, run.objects.sum()))


def _at(run: ScoredRun, confidence: float) -> AtConfidence:
    flagged, backgrounds = int((run.highest >= confidence).sum()), len(run.highest)
    shown = run.score >= confidence
    low, high = wilson(flagged, backgrounds)
    return AtConfidence(
        false_alarm_rate=flagged / backgrounds,
        low=low,
        high=high,
        false_alarms=flagged,
        backgrounds=backgrounds,
        false_positives_per_image=float((run.alarm_scores >= confidence).sum() / backgrounds),
        recall=_recall(run, confidence),
        precision=float(run.hit[shown].mean()) if shown.any() else None,
    )


def _pooled(each: Sequence[AtConfidence]) -> AtConfidence:
    """Means over runs; the interval is that of one run with the mean rate, since all runs see the same images."""
    alarms, backgrounds = _mean([one.false_alarms for one in each]), each[0].backgrounds
    precisions = [one.precision for one in each if one.precision is not None]
    low, high = wilson(alarms, backgrounds)
    return AtConfidence(
        false_alarm_rate=alarms / backgrounds,
        low=low,
        high=high,
        false_alarms=alarms,
        backgrounds=backgrounds,
        false_positives_per_image=_mean([one.false_positives_per_image for one in each]),
        recall=_mean([one.recall for one in each]),
        precision=_mean(precisions) if precisions else None,
    )


def _pair_tests(sides: Sequence[Side], conf: Sequence[float]) -> tuple[PairTest, ...]:
    before, after = sides
    if len(before.runs) != len(after.runs):
        return ()
    return tuple(
        _pair_test(value, first, second)
        for first, second in zip(
            zip(before.scored, before.runs, strict=True), zip(after.scored, after.runs, strict=True), strict=True
        )
        for value in conf
    )


def _pair_test(confidence: float, before: tuple[Scored, ScoredRun], after: tuple[Scored, ScoredRun]) -> PairTest:
    first, second = before[1].highest >= confidence, after[1].highest >= confidence
    only_before, only_after = int((first & ~second).sum()), int((second & ~first).sum())
    return PairTest(
        before[0].name, after[0].name, confidence, only_before, only_after, mcnemar(only_before, only_after)
    )


def _curve(side: Side, samples: Sequence[Sampled], draws: Draws, steps: Sequence[int], skip: int) -> Curve:
    backgrounds = len(side.runs[0].highest)
    points = np.mean([run.recall_at_alarms(*ones(run), steps)[0] for run in side.runs], axis=0)
    freedom = max(1, len(side.runs) - 1)
    freedom = freedom if len(side.runs) >= RUNS_FOR_NOISE else RUNS_FOR_NOISE
    drawn = side_mean([sample.recall[:, skip:] for sample in samples], draws, freedom=freedom, key=0)
    bands = [interval(column) for column in drawn.T]
    return Curve(
        side.name,
        tuple(step / backgrounds for step in steps),
        tuple(points.tolist()),
        tuple(max(0.0, low) for low, _ in bands),
        tuple(min(1.0, high) for _, high in bands),
    )
