"""Families of names, each with the rule that explains it, and the limits of time on hostile ones."""

from __future__ import annotations

from functools import partial

import pytest
from effort import count_calls
from hypothesis import given, settings
from hypothesis import strategies as st

from yolobg.errors import UnresolvedClassError
from yolobg.matching.matcher import check_resolved, match_classes


def certain(name: str) -> set[str]:
    return {e.coco for e in match_classes([name])[0].exclude}


def maybe(name: str) -> set[str]:
    return {e.coco for e in match_classes([name])[0].maybe}


@pytest.mark.parametrize("name", ["helmet", "no_helmet", "safety vest", "mask"])
def test_what_people_wear_suggests_no_neighbour_of_theirs(name: str) -> None:
    assert certain(name) == {"person"}
    assert maybe(name) == set()


@pytest.mark.parametrize("name", ["forklift", "tractor", "crane truck part excavator"])
def test_machines_are_no_bicycles(name: str) -> None:
    assert "bicycle" not in certain(name) | maybe(name)


@pytest.mark.parametrize(("name", "category"), [("desk", "dining table"), ("goat", "sheep"), ("plate", "bowl")])
def test_habits_of_coco_are_a_maybe(name: str, category: str) -> None:
    assert category in maybe(name)
    assert category not in certain(name)


@pytest.mark.parametrize(
    ("name", "category"),
    [
        ("jinrikisha", "motorcycle"),  # WordNet's other word for rickshaw
        ("bandanna", "person"),
        ("aeronautical engineer", "person"),  # a phrase of WordNet whose head alone may be a device
        ("coal miner", "person"),
        ("Erlenmeyer flask", "bottle"),
        ("ball soccer", "sports ball"),  # sorted names
        ("knife attack", "knife"),  # events
        ("Kia Sportage", "car"),  # makers of cars
    ],
)
def test_a_family_is_read(name: str, category: str) -> None:
    assert category in certain(name)


def test_most_names_of_a_list_decide_a_rarer_reading() -> None:
    birds = ["Baltimore Oriole", "House Sparrow", "Blue Jay", "Mallard", "Cedar Waxwing", "Painted Bunting"]
    assert "bird" not in certain("Painted Bunting")
    assert {e.coco for e in match_classes(birds)[-1].exclude} == {"bird"}
    tools = ["hammer", "pliers", "saw", "wrench", "drill", "nutcracker"]
    assert not match_classes(tools)[-1].exclude


def test_both_map_lines_are_shown_for_an_opaque_name() -> None:
    with pytest.raises(UnresolvedClassError) as caught:
        check_resolved(match_classes(["0", "xqzzt"]))
    message = str(caught.value)
    for line in ('--map "0=CATEGORY"', '--map "0=none"', '--map "xqzzt=none"'):
        assert line in message
    assert "nothing;" not in message
    assert "nearest: nothing" not in message


@settings(max_examples=40)
@given(st.text(min_size=1000, max_size=10_000))
def test_any_long_text_gets_the_same_answer_twice(name: str) -> None:
    first = match_classes([name])
    assert match_classes([name]) == first


@pytest.mark.parametrize("unit", ["car ", "a/", "no_", "(", "ab", "person of ", "Aa", "--x", "犬", "ch", "\u0301"])
def test_repeated_pieces_cost_no_more_than_their_length(unit: str) -> None:
    match_classes(["warm"])
    short, long = (count_calls(partial(match_classes, [unit * (size // len(unit))])) for size in (2_500, 10_000))
    assert long < 8 * short + 1_000


RARE = [
    ("private", "person"), ("dry", "person"), ("left hand drive", "person"), ("shrink", "person"),
    ("religious", "person"), ("garbage_pile", "person"), ("chestnut", "horse"), ("knot", "bird"),
    ("reference", "book"), ("crease", "knife"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "category"), RARE)
def test_a_rare_meaning_is_a_maybe_at_most_and_none_where_the_list_speaks_against_it(name: str, category: str) -> None:
    assert category not in certain(name)
    alone = match_classes([name, "crack", "rust", "pothole", "manhole"])[0]
    assert not alone.exclude
    assert not alone.maybe


def test_the_list_may_agree_with_a_rare_meaning() -> None:
    birds = match_classes(["knot", "sandpiper", "plover", "dunlin", "curlew", "godwit"])[0]
    assert {e.coco for e in birds.exclude} == {"bird"}


@pytest.mark.parametrize("name", ["newborn", "tailor", "judge", "civilian", "soldier", "teen"])
def test_words_for_people_stay_certain(name: str) -> None:
    assert certain(name) == {"person"}
