"""`--every`: how times are read."""

from __future__ import annotations

import pytest

from yolobg.errors import UsageError
from yolobg.flow.every import every_text, parse_every
from yolobg.flow.options import Request

MEANT = {
    "2s": 2_000,
    "500ms": 500,
    "1m": 60_000,
    "0.5": 500,
    "1.5s": 1_500,
    ".25": 250,
    "2.": 2_000,
    " 2 S ": 2_000,
    "0.1m": 6_000,
    "1ms": 1,
    "1440m": 86_400_000,
    2: 2_000,
    0.5: 500,
    0.1: 100,
}


@pytest.mark.parametrize("given", MEANT, ids=str)
def test_parse__what_is_meant(given: str | float) -> None:
    assert parse_every(given) == MEANT[given]


@pytest.mark.parametrize(
    "given",
    ["", "s", "2h", "two", "-1s", "0", "0s", "0.0001", "0.5ms", "1e3", "1,5s", "1441m", "2ss", "2s 3ms", "٣", "nan",
     "inf", float("nan"), -1, 0, True, "1" * 30],
    ids=str,
)  # fmt: skip
def test_parse__nothing_else(given: str | float) -> None:
    with pytest.raises(UsageError, match="--every"):
        parse_every(given)


@pytest.mark.parametrize("ms", sorted(set(MEANT.values())))
def test_text__is_read_as_the_same(ms: int) -> None:
    assert parse_every(every_text(ms)) == ms


def test_request__holds_one_text_for_one_time() -> None:
    assert {Request(every=given).every for given in ("2s", 2, "2000ms", "2.0")} == {"2s"}
