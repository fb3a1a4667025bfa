"""The arithmetic of the ratio and the stable ranking, as laws."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolobg.errors import UsageError
from yolobg.flow.selection import backgrounds_needed, parse_ratio, rank_images, share

RATIOS = st.decimals(min_value=0, max_value="0.99", places=2).map(float)
IDS = st.sets(st.integers(-(2**63), 2**63), max_size=60)


@pytest.mark.parametrize(
    ("labelled", "there", "ratio", "needed"),
    [(900, 0, 0.1, 100), (900, 40, 0.1, 60), (900, 100, 0.1, 0), (900, 500, 0.1, 0), (1, 0, 0.1, 1), (0, 0, 0.3, 0),
     (900, 0, 0, 0), (7, 0, 0.3, 3), (70, 0, "0.30", 30), (9, 0, 0.1, 1), (99, 0, 0.01, 1)],
)  # fmt: skip
def test_backgrounds_needed__table(labelled: int, there: int, ratio: float, needed: int) -> None:
    assert backgrounds_needed(labelled, there, ratio=ratio) == needed


@given(st.integers(1, 10**7), st.integers(0, 10**6), RATIOS)
def test_backgrounds_needed__is_the_least_that_reaches_the_ratio(labelled: int, there: int, ratio: float) -> None:
    exact, needed = Fraction(str(ratio)), backgrounds_needed(labelled, there, ratio=ratio)
    total = there + needed
    assert Fraction(total, labelled + total) >= exact
    if needed:
        assert Fraction(total - 1, labelled + total - 1) < exact
    assert backgrounds_needed(labelled, total, ratio=ratio) == 0, "the same request twice adds nothing"


@pytest.mark.parametrize("ratio", [-0.1, 1, 1.5, 10, "ten", "10%", float("nan"), float("inf"), ""])
def test_parse_ratio__refuses_what_is_no_share(ratio: float | str) -> None:
    with pytest.raises(UsageError, match="ratio"):
        parse_ratio(ratio)


def test_backgrounds_needed__wants_one_target() -> None:
    with pytest.raises(UsageError, match="either"):
        backgrounds_needed(1, 0)
    with pytest.raises(UsageError, match="either"):
        backgrounds_needed(1, 0, ratio=0.1, count=3)
    with pytest.raises(UsageError, match="negative"):
        backgrounds_needed(1, 0, count=-3)
    assert backgrounds_needed(5, 2, count=10) == 8


def test_share__of_nothing_is_zero() -> None:
    assert share(0, 0) == 0.0
    assert share(100, 900) == 0.1


@given(IDS, st.integers(-5, 5))
def test_rank_images__does_not_depend_on_the_order(ids: set[int], seed: int) -> None:
    ordered = rank_images(sorted(ids), seed=seed)
    assert ordered == rank_images(sorted(ids, reverse=True), seed=seed)
    assert sorted(ordered) == sorted(ids)


@given(IDS, st.data())
def test_rank_images__leaving_some_out_moves_no_other(ids: set[int], data: st.DataObject) -> None:
    gone = data.draw(st.sets(st.sampled_from(sorted(ids))) if ids else st.just(set()))
    assert rank_images(ids - gone, seed=1) == [i for i in rank_images(ids, seed=1) if i not in gone]


def test_rank_images__is_even_over_the_ids_and_differs_by_seed() -> None:
    """Chi-squared over ten equal parts stays below the 0.1 % point for nine degrees of freedom, for each seed."""
    ids = range(100_000)
    seen = set()
    for seed in range(5):
        chosen = rank_images(ids, seed=seed)[:10_000]
        seen.add(tuple(chosen[:50]))
        parts = [sum(1 for i in chosen if i // 10_000 == part) for part in range(10)]
        assert sum((n - 1000) ** 2 / 1000 for n in parts) < 27.9
    assert len(seen) == 5
