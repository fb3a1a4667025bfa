"""Frames spread in time: each once, far apart from the first on, whatever the number."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolobg.flow.ranking import _merged, spread

NUMBERS = st.integers(1, 700)
SEEDS = st.integers(-(2**40), 2**40)


@given(number=NUMBERS, seed=SEEDS)
def test_spread__each_place_once(number: int, seed: int) -> None:
    assert sorted(spread(number, seed=seed)) == list(range(number))


@given(number=NUMBERS, seed=SEEDS, share=st.floats(0, 1))
def test_spread__the_first_ones_leave_no_long_gap(number: int, seed: int, share: float) -> None:
    """So that the choice of any size is spread, and a larger one holds it: the order is one for all sizes."""
    taken = max(1, round(share * number))
    places = sorted(list(spread(number, seed=seed))[:taken])
    gaps = [after - before for before, after in zip(places, [*places[1:], places[0] + number], strict=True)]
    assert max(gaps) <= 2 * number / taken + 1


@pytest.mark.parametrize("number", [65, 100, 383, 385, 639, 1024, 2303, 5631])
def test_spread__any_64_in_a_row_leave_no_gap_of_a_sixteenth(number: int) -> None:
    """On this rests when a video is given up (`still_videos`)."""
    order = list(spread(number, seed=0))
    for first in range(0, number - 63, 1 + number // 100):
        places = sorted(order[first : first + 64])
        assert max(after - before - 1 for before, after in pairwise(places)) <= number / 16


def test_spread__depends_on_the_seed_alone() -> None:
    orders = [tuple(spread(50, seed=seed)) for seed in range(20)]
    assert orders == [tuple(spread(50, seed=seed)) for seed in range(20)]
    assert len(set(orders)) > 10


def test_spread__of_nothing_is_nothing() -> None:
    assert list(spread(0, seed=0)) == []


@pytest.mark.parametrize(("images", "frames"), [(0, 5), (5, 0), (10, 30), (1, 1)])
def test_merged__each_kind_has_its_share_from_the_start(images: int, frames: int) -> None:
    mixed = _merged(range(images), range(100, 100 + frames))
    assert [one for one in mixed if one < 100] == list(range(images))
    assert [one for one in mixed if one >= 100] == list(range(100, 100 + frames))
    for taken in range(1, len(mixed) + 1):
        expected = taken * images / (images + frames)
        assert abs(sum(one < 100 for one in mixed[:taken]) - expected) <= 1.5
