"""The textbook formulas against tables."""

from __future__ import annotations

import pytest

from yolobg.evaluation.intervals import mcnemar, t_factor, wilson


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (1, 20, 0.0089, 0.2361), (95, 407, 0.1949, 0.2769)],
)
def test_wilson__equals_the_tables(successes: int, trials: int, low: float, high: float) -> None:
    assert wilson(successes, trials) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("only_before", "only_after", "p"),
    [(0, 0, 1.0), (5, 0, 0.0625), (0, 5, 0.0625), (10, 2, 0.03857421875), (6, 6, 1.0)],
)
def test_mcnemar__is_the_exact_binomial_test(only_before: int, only_after: int, p: float) -> None:
    assert mcnemar(only_before, only_after) == pytest.approx(p, rel=1e-9)


def test_mcnemar__of_thousands_of_pairs_does_not_overflow() -> None:
    assert 0 < mcnemar(2000, 2200) < 0.01


@pytest.mark.parametrize(("freedom", "quantile"), [(4, 2.776), (5, 2.571), (8, 2.306), (20, 2.086), (100, 1.984)])
def test_t_factor__equals_the_tables(freedom: int, quantile: float) -> None:
    assert t_factor(freedom) * 1.959964 == pytest.approx(quantile, rel=0.005)
