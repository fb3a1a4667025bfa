"""What a number of images can show: against simulated pairs of models, and against the calls of the test itself."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest

from yolobg.evaluation.intervals import mcnemar
from yolobg.evaluation.power import power_of, power_to_show


def simulated_power(before: float, after: float, things: int, alike: float, *, pairs: int = 2000) -> float:
    """How often the exact test sees a fall between two models with correlated scores."""
    random = np.random.default_rng(5)
    thresholds = [NormalDist().inv_cdf(1 - rate) for rate in (before, after)]
    seen = 0
    for _ in range(pairs):
        shared = random.normal(size=things) * np.sqrt(alike)
        first, second = (shared + random.normal(size=things) * np.sqrt(1 - alike) for _ in range(2))
        flags = [score > least for score, least in zip((first, second), thresholds, strict=True)]
        only_first, only_second = int((flags[0] & ~flags[1]).sum()), int((flags[1] & ~flags[0]).sum())
        seen += only_first > only_second and mcnemar(only_first, only_second) <= 0.05
    return seen / pairs


@pytest.mark.parametrize("alike", [0.5, 0.8])
@pytest.mark.parametrize(("before", "after", "things"), [(0.1, 0.05, 500), (0.1, 0.07, 1000), (0.05, 0.03, 400)])
def test_power__is_that_of_simulated_pairs(before: float, after: float, things: int, alike: float) -> None:
    assert power_of(before, after, things, alike=alike) == pytest.approx(
        simulated_power(before, after, things, alike), abs=0.035
    )


@pytest.mark.parametrize(
    ("before", "after", "things", "cautious", "alike"),
    [(0.1, 0.05, 500, 0.92, 0.98), (0.1, 0.07, 1000, 0.75, 0.91), (0.05, 0.025, 1000, 0.89, 0.97),
     (0.03, 0.015, 2000, 0.93, 0.98)],
)  # fmt: skip
def test_power__of_the_designs_that_were_simulated_beforehand(
    before: float, after: float, things: int, cautious: float, alike: float
) -> None:
    assert power_of(before, after, things) == pytest.approx(cautious, abs=0.02)
    assert power_of(before, after, things, alike=0.8) == pytest.approx(alike, abs=0.02)


def test_power__has_no_jump_where_the_normal_distribution_takes_over() -> None:
    values = [power_of(0.2, 0.16, things) for things in range(1200, 1700, 25)]
    assert np.all(np.abs(np.diff(values)) < 0.03)


def test_power__grows_with_the_images_and_with_the_fall() -> None:
    assert power_of(0.1, 0.05, 200) < power_of(0.1, 0.05, 400) < power_of(0.1, 0.04, 400)
    assert power_of(0.1, 0.1, 1000) < 0.06, "without a fall, the test rarely sees one"


def test_table__its_changes_are_just_seen_and_more_images_show_smaller_ones() -> None:
    few, many = power_to_show(300, 150), power_to_show(3000, 1500)
    assert (few.backgrounds, few.objects, few.share) == (300, 150, 0.8)
    for change in (*few.falls, *many.falls):
        assert change.after < change.before
        things = 300 if change in few.falls else 3000
        assert power_of(change.before, change.after, things) == pytest.approx(0.8, abs=0.01)
    for small, large in zip(few.rises, many.rises, strict=True):
        assert small.before == large.before < large.after < small.after < 1
    assert [change.before for change in many.falls] == [0.2, 0.1, 0.05, 0.02]
    assert [change.before for change in few.falls] == [0.2, 0.1, 0.05], "of 6 alarms, none left would not be seen"


def test_table__of_a_handful_of_images_is_empty() -> None:
    few = power_to_show(10, 3)
    assert (few.falls, few.rises) == ((), ())
