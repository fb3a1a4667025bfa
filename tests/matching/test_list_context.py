"""What the other names of a list make of a name: never less than "maybe" for what COCO has by that very name."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yolobg.matching.lexicon import coco_categories, read_rows
from yolobg.matching.list_context import clues
from yolobg.matching.matcher import match_classes

VEHICLES = {"car", "motorcycle", "bus", "truck"}
OWN = [category.name for category in coco_categories()]
CUES = sorted({cue for listed in clues().values() for clue in listed for cue in clue.cues | clue.whole})


def bands(name: str, *others: str) -> tuple[set[str], set[str]]:
    match = match_classes([name, *others])[0]
    return {e.coco for e in match.exclude}, {e.coco for e in match.maybe}


@given(st.sampled_from(OWN), st.lists(st.sampled_from(CUES), max_size=12))
@settings(max_examples=300, deadline=None)
def test_a_categorys_own_name_is_never_none(name: str, others: list[str]) -> None:
    certain, maybe = bands(name, *others)
    assert name in certain | maybe


@pytest.mark.parametrize(
    ("name", "others", "category"),
    [
        ("book", ["title", "author"], "book"), ("mouse", ["cat", "dog", "sofa"], "mouse"),
        ("bus", ["transformer", "relay"], "bus"),
        ("orange", ["red", "green", "blue"], "orange"), ("bat", ["person", "dog"], "baseball bat"),
        ("tie", ["rail", "ballast"], "tie"), ("fork", ["merge", "decision"], "fork"),
    ],
)  # fmt: skip
def test_a_list_weakens_a_name_to_maybe_at_most(name: str, others: list[str], category: str) -> None:
    assert category in bands(name, *others)[1]


@pytest.mark.parametrize(
    ("name", "others", "expected"),
    [
        ("orange", ["red apple", "green apple"], {"orange"}),
        ("bat", ["person", "dog", "ball"], {"baseball bat"}),
        ("plate", ["car"], VEHICLES), ("Plate", [], VEHICLES), ("plate", ["fork", "spoon"], set()),
        ("plate", ["bolt", "screw"], set()),
        ("R_Signal", ["zebra_cross", "G_Signal"], {"traffic light"}), ("signal", ["crosswalk"], {"traffic light"}),
        ("signal", ["noise"], set()),
        ("glass", ["plastic", "metal"], {"bottle", "cup", "wine glass"}),
        ("plastic", ["paper", "glass"], {"bottle", "cup"}),
        ("no glasses", ["glasses"], {"person"}),
        ("Vessels", ["Bladder"], set()), ("vessel", ["buoy"], {"boat"}),
        ("steel arms", ["rifle", "handgun"], {"knife"}),
        ("warn_children", ["forb_overtake", "prio_give_way", "info_parking", "speed_limit_50"], set()),
        ("warn_children", ["cat"], {"person"}),
    ],
)  # fmt: skip
def test_a_lone_word_means_what_lists_of_its_field_mean(name: str, others: list[str], expected: set[str]) -> None:
    assert bands(name, *others)[0] == expected


@pytest.mark.parametrize(
    ("name", "others"),
    [
        ("short", ["open_circuit", "spur"]), ("open", ["mouse_bite", "missing_hole"]),
        ("index", ["caption", "headline"]),
        ("kicker", ["byline", "headline", "caption"]), ("paper", ["plastic", "metal", "glass"]),
    ],
)  # fmt: skip
def test_words_of_a_field_that_need_nothing_are_not_asked(name: str, others: list[str]) -> None:
    match = match_classes([name, *others])[0]
    assert (match.status, match.exclude, match.maybe) == ("none", (), ())


@pytest.mark.parametrize(
    ("names", "name", "certain"),
    [
        (["Banana Lady Finger", "Banana Red"], "Banana Lady Finger", {"banana"}),
        (["Apple Crimson Snow", "Apple Golden 1"], "Apple Crimson Snow", {"apple"}),
        (["Pear Kaiser", "Pear Abate"], "Pear Kaiser", set()),
        (["Pepper Orange"], "Pepper Orange", set()),
        (["Pomelo Sweetie"], "Pomelo Sweetie", set()),
        (["Apple pie", "Apple Fuji"], "Apple pie", set()),
        (["Apple leaf", "Apple scab"], "Apple leaf", set()),
        (["dog collar", "dog food"], "dog food", set()),
        (["horse rider", "horse"], "horse rider", {"person", "horse"}),
    ],
)
def test_a_variety_is_what_its_first_word_says(names: list[str], name: str, certain: set[str]) -> None:
    assert {e.coco for e in match_classes([name, *names])[0].exclude} == certain


@pytest.mark.parametrize("fruit", ["Salak", "Maracuja", "Physalis", "Carambula", "Redcurrant", "Tamarillo", "Kohlrabi"])
def test_fruit_that_coco_lacks_is_not_asked(fruit: str) -> None:
    assert match_classes([fruit])[0].status == "none"


@pytest.mark.parametrize("name", ["fadult", "jidan tang", "jidantang", "xihongshi chao fan"])
def test_a_word_that_nobody_knows_is_no_none(name: str) -> None:
    assert match_classes([name])[0].status == "unknown"


def test_a_word_of_another_language_beats_an_english_last_word() -> None:
    assert "person" in bands("persona local")[1]


def test_every_field_is_one_that_a_rule_names() -> None:
    named = {part[1:] for row in read_rows("context.tsv") for part in row[2].split() if part.startswith("@")}
    by_code = {"produce", "plant", "sign_code", "road_sign", "sign_language", "gesture"}
    assert {row[0] for row in read_rows("domains.tsv")} == named | by_code


PLACEHOLDERS = [
    "other", "unknown", "object", "obstacle", "obstacles", "foreground", "device", "moving object", "unknown device",
]  # fmt: skip


@pytest.mark.parametrize("name", PLACEHOLDERS)
def test_a_placeholder_is_asked_and_offered_what_stands_beside_it(name: str) -> None:
    match = match_classes([name, "car", "pedestrian", "pothole"])[0]
    assert (match.status, match.exclude, match.maybe) == ("opaque", (), ())
    assert set(match.suggestions) == {"car", "person"}
    assert match_classes([name])[0].suggestions == ()
    assert match_classes([name], user_map={name: []})[0].status == "none"


def test_words_of_a_sign_language_and_gestures_are_shown_by_a_person() -> None:
    for names in (["hello", "thanks", "please", "lunch", "very"], ["like", "dislike", "fist", "mute", "grip"]):
        assert {e.coco for match in match_classes(names) for e in match.exclude} == {"person"}
        assert all(match.exclude for match in match_classes(names))
    assert [m.status for m in match_classes(["yes", "no", "good", "very"])] == ["opaque"] * 4
