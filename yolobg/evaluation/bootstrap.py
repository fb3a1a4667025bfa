"""The paired bootstrap: labelled images and backgrounds drawn anew, the same draw for all runs.

Thresholds are chosen anew in each draw: to keep them would hide most of the noise. Images are drawn, not objects, since
objects of one image succeed and fail together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from yolobg.evaluation.curves import ScoredRun
from yolobg.evaluation.intervals import t_factor
from yolobg.model import Progress, no_progress

__all__ = ["RUNS_FOR_NOISE", "Draws", "Sampled", "interval", "ones", "resample", "side_mean"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

RUNS_FOR_NOISE = 3
"""From this many runs a side on, runs are drawn too, so that intervals hold the noise between runs."""

_CELLS_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class Sampled:
    """The figures of one run in each draw.

    Attributes:
        recall: Recall at each allowed number of flagged backgrounds, shape (draws, rates).
        ap50: AP at IoU 0.5, shape (draws,).
        alarms: Image false-alarm rate at the common recall, shape (draws,).
    """

    recall: Floats
    ap50: Floats
    alarms: Floats


@dataclass(frozen=True)
class Draws:
    """How to draw: the number of draws, and the seed that makes them repeatable."""

    count: int
    seed: int


def ones(run: ScoredRun) -> tuple[Ints, Ints]:
    """The sample as it is: each labelled image and each background once."""
    return np.ones((1, len(run.objects)), dtype=np.int64), np.ones((1, len(run.highest)), dtype=np.int64)


def resample(
    runs: Sequence[ScoredRun], draws: Draws, allowed: Sequence[int], recall: float, *, progress: Progress = no_progress
) -> list[Sampled]:
    """The figures of each run in each draw; draw number i is the same images for all of them.

    Args:
        runs: The runs, all on the same images.
        draws: How to draw.
        allowed: How many backgrounds may be flagged, for each column of `Sampled.recall`.
        recall: The recall for `Sampled.alarms`.
        progress: Told about the stage `bootstrap`.
    """
    parts: list[list[Sampled]] = [[] for _ in runs]
    done = 0
    for images, backgrounds in _weights(runs, draws):
        progress("bootstrap", done, draws.count)
        for run, part in zip(runs, parts, strict=True):
            part.append(
                Sampled(
                    run.recall_at_alarms(images, backgrounds, allowed),
                    run.ap50(images),
                    run.alarms_at_recall(images, backgrounds, recall)[0],
                )
            )
        done += len(images)
    progress("bootstrap", done, draws.count)
    return [
        Sampled(
            np.concatenate([p.recall for p in part]),
            np.concatenate([p.ap50 for p in part]),
            np.concatenate([p.alarms for p in part]),
        )
        for part in parts
    ]


def _weights(runs: Sequence[ScoredRun], draws: Draws) -> Iterator[tuple[Ints, Ints]]:
    """How often each labelled image and each background is drawn, some draws at a time so that memory stays flat."""
    images, backgrounds = len(runs[0].objects), len(runs[0].highest)
    widest = max(images, backgrounds, *(len(run.image) for run in runs))
    at_once = max(1, _CELLS_AT_ONCE // widest)
    random = np.random.default_rng(draws.seed)
    for start in range(0, draws.count, at_once):
        count = min(at_once, draws.count - start)
        yield _drawn(random, count, images), _drawn(random, count, backgrounds)


def _drawn(random: np.random.Generator, draws: int, things: int) -> Ints:
    """For each draw, how often each thing is among as many as there are, drawn with replacement."""
    chosen = random.integers(0, things, size=(draws, things)) + np.arange(draws)[:, None] * things
    return np.bincount(chosen.ravel(), minlength=draws * things).reshape(draws, things).astype(np.int64)


def side_mean(values: Sequence[Floats], draws: Draws, *, freedom: int, key: int) -> Floats:
    """The mean over the runs of a side in each draw; with enough runs, these are drawn too.

    Of R runs, R - 1 are drawn, which makes the variance of their mean unbiased (Rao and Wu 1988). Since so few runs say
    little about their own spread, it is widened as Student's t widens an interval.

    Args:
        values: The figures of each run, shape (draws,) or (draws, columns).
        draws: How to draw.
        freedom: Degrees of freedom: the runs of all sides that are compared, less their number.
        key: Tells sides apart, so that they draw independently.
    """
    table = np.stack(values)
    mean: Floats = table.mean(axis=0)
    runs = len(values)
    if runs < RUNS_FOR_NOISE:
        return mean
    random = np.random.default_rng([draws.seed, key])
    chosen = random.integers(0, runs, size=(runs - 1, draws.count))
    drawn = np.mean([table[row, np.arange(draws.count)] for row in chosen], axis=0)
    widened: Floats = mean + (drawn - mean) * t_factor(freedom)
    return widened


def interval(values: Floats) -> tuple[float, float]:
    """The 95 % percentile interval; draws without an answer (no object drawn) are left out."""
    counted = values[np.isfinite(values)]
    if not len(counted):
        return float("nan"), float("nan")
    low, high = np.quantile(counted, [0.025, 0.975])
    return float(low), float(high)
