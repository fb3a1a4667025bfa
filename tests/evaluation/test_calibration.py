"""How often the words claim a difference: rarely where there is none, mostly where there is a large one."""

from __future__ import annotations

import numpy as np
import pytest
from evaluating import Scene, simulated

from yolobg.evaluation.bootstrap import Draws, ones, resample
from yolobg.evaluation.curves import ScoredRun, allowed_alarms
from yolobg.evaluation.figures import Means, rates_for
from yolobg.evaluation.verdict import verdict_of

DRAWS = 200


def claims(seed: int, *, backgrounds: int, objects: int, shift: float, runs: int = 3) -> bool:
    """Whether the verdict on a pair of simulated models is `shown`."""
    random = np.random.default_rng([seed, backgrounds])
    scene = Scene.of(random, backgrounds=backgrounds, objects=objects)
    before = [simulated(random, scene) for _ in range(runs)]
    after = [simulated(random, scene, shift=shift) for _ in range(runs)]
    allowed = [allowed_alarms(rate, backgrounds) for rate in rates_for(backgrounds)]
    draws = Draws(DRAWS, seed)
    samples = resample([*before, *after], draws, allowed, 0.5)
    means = Means(draws, [samples[:runs], samples[runs:]])
    recall, ap50 = (figure(after, allowed) - figure(before, allowed) for figure in (mean_recall, mean_ap50))
    found = means.difference(len(allowed), recall, ap50)
    return verdict_of(found.mean_recall_at_false_alarm_rate, found.ap50, before=runs, after=runs) == "shown"


def mean_recall(runs: list[ScoredRun], allowed: list[int]) -> float:
    return float(np.mean([run.recall_at_alarms(*ones(run), allowed) for run in runs]))


def mean_ap50(runs: list[ScoredRun], _allowed: list[int]) -> float:
    return float(np.mean([run.ap50(ones(run)[0]) for run in runs]))


def test_equal_models__are_rarely_said_to_differ() -> None:
    assert sum(claims(seed, backgrounds=500, objects=200, shift=0) for seed in range(60)) <= 6


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_equal_models__are_said_to_differ_in_at_most_five_of_a_hundred() -> None:
    assert sum(claims(seed, backgrounds=500, objects=200, shift=0) for seed in range(1000)) <= 50


def test_half_the_false_alarms__are_mostly_seen() -> None:
    """A shift by 0.363 turns 10 % of the backgrounds into 5 % at the same threshold."""
    assert sum(claims(seed, backgrounds=1000, objects=1000, shift=0.363) for seed in range(12)) >= 8


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_half_the_false_alarms__are_seen_in_eighty_of_a_hundred() -> None:
    assert sum(claims(seed, backgrounds=1000, objects=1000, shift=0.363) for seed in range(100)) >= 80
