"""From results to answers: means of the arms, the fixed contrasts with intervals, and Holm's correction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.study.protocol import Contrast, Protocol, StudyError
from benchmarks.study.results import Result
from yolobg.evaluation.bootstrap import Draws, Sampled, interval, ones, resample, side_mean
from yolobg.evaluation.curves import ScoredRun, allowed_alarms
from yolobg.evaluation_results import Estimate

__all__ = ["Analysis", "ArmFigures", "Curve", "Difference", "analyse", "complete_seeds", "holm"]

Floats = NDArray[np.float64]
Results = Mapping[tuple[str, int], Result]

_CURVE_POINTS = 24


@dataclass(frozen=True)
class Curve:
    """Mean recall over seeds against image false-alarm rate, with the 95 % band."""

    rates: tuple[float, ...]
    recall: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True)
class ArmFigures:
    """Means over seeds; shares.

    Attributes:
        arm: Its name.
        primary: Mean recall at the protocol's false-alarm rates.
        of_seeds: The same of each seed.
        false_alarm_rate: Share of the backgrounds that are flagged at confidence 0.25.
        recall: Share of the objects that are found at that confidence.
        ap50: AP at IoU 0.5.
        curve: Recall at each false-alarm rate.
    """

    arm: str
    primary: float
    of_seeds: tuple[float, ...]
    false_alarm_rate: float
    recall: float
    ap50: float
    curve: Curve


@dataclass(frozen=True)
class Difference:
    """One contrast.

    Attributes:
        contrast: Which.
        primary: Difference of the primary figure, with its 95 % interval.
        p: Two-sided p-value, not corrected.
        adjusted: Corrected by Holm's method over all contrasts.
        ap50: Difference of AP50, with its interval; not corrected.
    """

    contrast: Contrast
    primary: Estimate
    p: float
    adjusted: float
    ap50: Estimate


@dataclass(frozen=True)
class Analysis:
    """All figures.

    Attributes:
        seeds: The seeds of which every arm is done.
        images: Labelled images that were measured on.
        objects: Their objects.
        backgrounds: Held-out backgrounds that were measured on.
        arms: The arms in the protocol's order.
        differences: The contrasts in the protocol's order.
    """

    seeds: tuple[int, ...]
    images: int
    objects: int
    backgrounds: int
    arms: tuple[ArmFigures, ...]
    differences: tuple[Difference, ...]


def complete_seeds(found: Results, protocol: Protocol) -> tuple[int, ...]:
    """The seeds of which every arm is done; the others do not count, so that arms stay comparable."""
    return tuple(seed for seed in protocol.seeds if all((arm.name, seed) in found for arm in protocol.arms))


def holm(values: Sequence[float]) -> tuple[float, ...]:
    """Holm's step-down correction of p-values (Holm 1979), in the order given."""
    adjusted = [0.0] * len(values)
    most = 0.0
    for rank, place in enumerate(sorted(range(len(values)), key=values.__getitem__)):
        most = max(most, min(1.0, (len(values) - rank) * values[place]))
        adjusted[place] = most
    return tuple(adjusted)


def analyse(found: Results, protocol: Protocol) -> Analysis:
    """Compute all figures.

    Args:
        found: The results, by arm and seed.
        protocol: The protocol they were made by.

    Raises:
        StudyError: No seed is complete.
    """
    seeds = complete_seeds(found, protocol)
    if not seeds:
        raise StudyError("no seed has all of its arms done; run the study first")
    by_arm = {arm.name: [found[arm.name, seed] for seed in seeds] for arm in protocol.arms}
    runs = [result.run for results in by_arm.values() for result in results]
    backgrounds = len(runs[0].highest)
    steps = sorted({int(value) for value in np.geomspace(1, backgrounds, _CURVE_POINTS)})
    allowed = [*(allowed_alarms(rate, backgrounds) for rate in protocol.rates), *steps]
    draws = Draws(protocol.draws, protocol.draw_seed)
    samples = iter(resample(runs, draws, allowed, 0.0))
    sampled = {arm: [next(samples) for _ in results] for arm, results in by_arm.items()}
    wide = len(protocol.rates)
    return Analysis(
        seeds,
        images=len(runs[0].objects),
        objects=int(runs[0].objects.sum()),
        backgrounds=backgrounds,
        arms=tuple(_arm(arm, results, sampled[arm], steps, draws, wide) for arm, results in by_arm.items()),
        differences=_differences(by_arm, sampled, draws, protocol),
    )


def _recalls(run: ScoredRun, allowed: Sequence[int]) -> Floats:
    recall: Floats = run.recall_at_alarms(*ones(run), allowed)[0]
    return recall


def _stated(results: Sequence[Result], *keys: str) -> list[float]:
    """A figure of `evaluate`, of each result."""
    values = []
    for result in results:
        value = result.document["evaluate"]
        for key in keys:
            value = value[key]
        values.append(float(value))
    return values


def _primary(results: Sequence[Result]) -> list[float]:
    return _stated(results, "mean_recall_at_false_alarm_rate")


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


def _arm(
    arm: str, results: Sequence[Result], sampled: Sequence[Sampled], steps: Sequence[int], draws: Draws, wide: int
) -> ArmFigures:
    primary = _primary(results)
    drawn = side_mean([sample.recall[:, wide:] for sample in sampled], draws, freedom=max(1, len(results) - 1), key=0)
    bands = [interval(column) for column in drawn.T]
    backgrounds = len(results[0].run.highest)
    points = np.mean([_recalls(result.run, steps) for result in results], axis=0)
    return ArmFigures(
        arm,
        _mean(primary),
        tuple(primary),
        false_alarm_rate=_mean(_stated(results, "at_confidence", "0.25", "false_alarm_rate")),
        recall=_mean(_stated(results, "at_confidence", "0.25", "recall")),
        ap50=_mean(_stated(results, "ap50")),
        curve=Curve(
            tuple(step / backgrounds for step in steps),
            tuple(points.tolist()),
            tuple(max(0.0, low) for low, _ in bands),
            tuple(min(1.0, high) for _, high in bands),
        ),
    )


def _differences(
    by_arm: Mapping[str, Sequence[Result]], sampled: Mapping[str, Sequence[Sampled]], draws: Draws, protocol: Protocol
) -> tuple[Difference, ...]:
    wide = len(protocol.rates)
    recall = {arm: [sample.recall[:, :wide].mean(axis=1) for sample in part] for arm, part in sampled.items()}
    ap50 = {arm: [sample.ap50 for sample in part] for arm, part in sampled.items()}
    drawn = [_drawn(recall, contrast, draws) for contrast in protocol.contrasts]
    p_values = [_p(values) for values in drawn]
    made = []
    for contrast, values, p, adjusted in zip(protocol.contrasts, drawn, p_values, holm(p_values), strict=True):
        after, before = by_arm[contrast.arm], by_arm[contrast.less]
        primary = Estimate(_mean(_primary(after)) - _mean(_primary(before)), *interval(values))
        change = _mean(_stated(after, "ap50")) - _mean(_stated(before, "ap50"))
        made.append(
            Difference(contrast, primary, p, adjusted, Estimate(change, *interval(_drawn(ap50, contrast, draws))))
        )
    return tuple(made)


def _drawn(values: Mapping[str, list[Floats]], contrast: Contrast, draws: Draws) -> Floats:
    """The difference in each draw: the same images for both arms, each arm its own draw of the seeds."""
    sides = values[contrast.less], values[contrast.arm]
    freedom = sum(map(len, sides)) - len(sides)
    before, after = (side_mean(side, draws, freedom=freedom, key=key) for key, side in enumerate(sides))
    difference: Floats = after - before
    return difference


def _p(drawn: Floats) -> float:
    """Two-sided, from how many draws lie beyond 0; never 0, since draws are finite."""
    fewer = min(int((drawn <= 0).sum()), int((drawn >= 0).sum()))
    return min(1.0, 2 * (fewer + 1) / (len(drawn) + 1))
