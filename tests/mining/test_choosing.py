"""Which images are chosen: the rules alone, against a ranking of everything written out plainly."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from yolobg.mining.choosing import Looked, hard_needed, pick, pool_size, prefix_needed

FAR = [0x0123456789ABCDEF * odd % 2**64 for odd in range(1, 400, 2)]


def rows(*scores: float, pictures: list[int | None] | None = None) -> list[Looked]:
    hashes = pictures or FAR[: len(scores)]
    return [
        Looked(number, f"sha{number}", picture, score)
        for number, (score, picture) in enumerate(zip(scores, hashes, strict=True))
    ]


def ids(found: tuple[Looked, ...]) -> list[int]:
    return [row.source_id for row in found]


def test_pick__takes_the_highest_and_the_first_of_the_others() -> None:
    found = pick(rows(0.1, 0.9, 0.3, 0.2, 0.5, 0.0, 0.7), needed=4, hard=2, min_score=0.25)
    assert (ids(found.hard), ids(found.others), found.near) == ([1, 6], [0, 3], 0)


@pytest.mark.parametrize(
    ("scores", "needed", "hard", "chosen"),
    [
        ((0.1, 0.2, 0.9), 3, 2, [2, 0, 1]),  # fewer fire than are wanted: random ones make up the number
        ((0.9, 0.8, 0.7, 0.1), 4, 2, [0, 1, 3, 2]),  # nearly all fire: those that fire less do
        ((0.25, 0.2499), 2, 1, [0, 1]),  # from the score on
        ((0.5, 0.5, 0.5), 2, 2, [0, 1]),  # equal scores: the order of the candidates
        ((), 2, 1, []),
    ],
)
def test_pick__the_number_is_made_up(scores: tuple[float, ...], needed: int, hard: int, chosen: list[int]) -> None:
    assert ids(pick(rows(*scores), needed=needed, hard=hard, min_score=0.25).all) == chosen


def test_pick__of_near_duplicates_only_one() -> None:
    near = [FAR[0] ^ 1 << bit for bit in range(4)]
    found = pick(rows(0.5, 0.9, 0.1, 0.7, 0.0, pictures=[*near, FAR[9]]), needed=3, hard=2, min_score=0.25)
    assert (ids(found.hard), ids(found.others), found.near) == ([1], [4], 3)
    # The same content counts where there is no hash of the picture as well.
    same = [Looked(number, "sha", None, 0.5) for number in range(3)]
    assert len(pick(same, needed=3, hard=3, min_score=0.25).all) == 1


SCORES = st.lists(st.integers(0, 8).map(lambda eighth: eighth / 8), max_size=40)


@given(SCORES, st.integers(1, 12), st.integers(0, 12), st.data())
@settings(max_examples=examples(300))
def test_pick__equals_a_ranking_of_everything(scores: list[float], needed: int, hard: int, data: st.DataObject) -> None:
    hard = min(hard, needed)
    kinds = data.draw(st.lists(st.integers(0, 15), min_size=len(scores), max_size=len(scores)))
    looked = rows(*scores, pictures=[FAR[kind] ^ 1 << number % 3 for number, kind in enumerate(kinds)])
    found = pick(looked, needed=needed, hard=hard, min_score=0.5)
    used: set[int] = set()
    wanted: list[int] = []
    by_score = sorted(looked, key=lambda row: (-row.score, row.source_id))
    for some, most in (
        ([row for row in by_score if row.score >= 0.5], hard),
        ([row for row in looked if row.score < 0.5], needed),
        ([row for row in by_score if row.score >= 0.5], needed),
    ):
        for row in some:
            if kinds[row.source_id] not in used and len(wanted) < most:
                used.add(kinds[row.source_id])
                wanted.append(row.source_id)
    assert ids(found.all) == wanted


@given(SCORES, st.integers(1, 8), st.integers(1, 30), st.data())
@settings(max_examples=examples(300))
def test_prefix__depends_on_the_order_alone(scores: list[float], needed: int, most: int, data: st.DataObject) -> None:
    most = max(most, needed)
    looked = rows(*scores)
    whole = prefix_needed(looked, needed=needed, hard=needed, min_score=0.5, most=most)
    known = data.draw(st.integers(0, len(looked)))
    part = prefix_needed(looked[:known], needed=needed, hard=needed, min_score=0.5, most=most)
    assert part in (None, whole)
    if whole is None:
        assert len(looked) < most
        assert sum(score >= 0.5 for score in scores) < needed
    else:
        fired = sum(score >= 0.5 for score in scores[:whole])
        assert whole == most or fired == needed
        assert prefix_needed(looked[:whole], needed=needed, hard=needed, min_score=0.5, most=most) == whole


def test_prefix__goes_on_until_the_number_is_complete() -> None:
    pictures: list[int | None] = [*[FAR[0]] * 6, *FAR[1:5]]
    looked = rows(*[0.9] * 10, pictures=pictures)
    assert prefix_needed(looked, needed=3, hard=2, min_score=0.25, most=4) == 8
    assert prefix_needed(looked[:7], needed=3, hard=2, min_score=0.25, most=4) is None


@pytest.mark.parametrize("share", [0.1, 0.5, 0.7, 1.0, 0.333])
def test_shares__are_the_decimals_that_a_person_wrote(share: float) -> None:
    for needed in (1, 10, 76, 1000):
        assert hard_needed(needed, share) == math.ceil(Fraction(str(share)) * needed)
    assert hard_needed(10, 0.7) == 7


@pytest.mark.parametrize(
    ("needed", "asked", "size"), [(64, None, 1280), (1000, None, 5000), (9000, None, 9000), (64, 200, 200), (64, 3, 64)]
)
def test_pool__is_bounded_and_never_smaller_than_what_is_needed(needed: int, asked: int | None, size: int) -> None:
    assert pool_size(needed, asked) == size
