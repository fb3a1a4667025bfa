"""The rules of the class matcher, as tables; and what holds for any string at all."""

from __future__ import annotations

from functools import partial

import pytest
from effort import count_calls
from examples import examples
from hypothesis import example, given, settings
from hypothesis import strategies as st

from yolobg.matching.dictionaries import HAND_LISTS
from yolobg.matching.lexicon import coco_categories, hand_list
from yolobg.matching.matcher import match_classes
from yolobg.matching.spelling import by_spelling, is_one_letter_off
from yolobg.matching.words import key, plural, singulars, words
from yolobg.model import Category, ClassMatch

ANIMALS = {"bird", "cat", "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe"}
VEHICLES = {"car", "motorcycle", "bus", "truck"}
NEIGHBOURS = [
    ("desk", "dining table"),
    ("goat", "sheep"),
    ("plate", "bowl"),
    ("car", "truck"),
    ("cup", "bowl"),
    ("couch", "chair"),
    ("tv", "laptop"),
    ("backpack", "handbag"),
    ("cell phone", "remote"),
]
PIECES = ["a", "no ", "car/", "(", "x-", "狗", "é", "1", "of ", "Aa", "\u0301", "🐕", "car door ", "a.b."]


def certain(name: str, *others: str) -> set[str]:
    return {e.coco for e in match_classes([name, *others])[0].exclude}


def maybe(name: str, *others: str) -> set[str]:
    return {e.coco for e in match_classes([name, *others])[0].maybe}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("TrafficLight", ("traffic", "light")),
        ("traffic_light-2", ("traffic", "light", "2")),
        ("HTTPServer", ("http", "server")),
        ("doll's house", ("dolls", "house")),
        ("Fußgänger", ("fußgänger",)),
        ("बिल्ली", ("बिल्ली",)),
        ("", ()),
        ("--", ()),
    ],
)
def test_names_are_cut_into_words(text: str, expected: tuple[str, ...]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize(
    ("one", "many"),
    [("person", "people"), ("knife", "knives"), ("bus", "buses"), ("mouse", "mice"), ("pony", "ponies")],
)
def test_plurals_and_back(one: str, many: str) -> None:
    assert plural(one) == many
    assert one in singulars(many)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("pick-up truck", {"car", "truck"}),
        ("pickup", {"car", "truck"}),
        ("van", {"car", "truck"}),
        ("bike", {"bicycle", "motorcycle"}),
        ("car crash", {"car"}),
        ("Skoda Octavia", {"car"}),
        ("honda motorcycle", {"motorcycle"}),
        ("ball_soccer", {"sports ball"}),
        ("bananna", {"banana"}),
        ("zeebra", {"zebra"}),
        ("TVremote", {"remote"}),
        ("kite (bird)", {"bird"}),
        ("longship", {"boat"}),
        ("bridesmaid", {"person"}),
        ("vehicle.emergency.police", {"person", "car", "truck"}),
        ("no_helmet", {"person"}),
        ("NO-Hardhat", {"person"}),
        ("license-plate", VEHICLES),
        ("poodle", {"dog"}),
        ("tvmonitor", {"tv"}),
        ("motor vehicle", VEHICLES),
        ("Pedestrian", {"person"}),
        ("Fußgänger", {"person"}),
        ("animal", ANIMALS),
        ("crane_(bird)", {"bird"}),
        ("bat (animal)", set()),
        ("boot_(for_horses)", {"person"}),
        ("car/truck", {"car", "truck"}),
        ("cat & dog", {"cat", "dog"}),
        ("vehicle.bus.rigid", {"bus"}),
        ("animal--bird", {"bird"}),
        ("human.pedestrian.adult", {"person"}),
        ("car door", {"car", "truck", "bus"}),
        ("cat face", {"cat"}),
        ("dog_collar", {"dog"}),
        ("toilet seat", {"toilet"}),
        ("bowl of soup", {"bowl"}),
        ("slice of pizza", {"pizza"}),
        ("man riding horse", {"person", "horse"}),
        ("3 person", {"person"}),
        ("bus_01", {"bus"}),
        ("safetyvest", {"person"}),
        ("refridgerator", {"refrigerator"}),
        ("elefant", {"elephant"}),
        ("Turdus philomelos", {"bird"}),
        ("German Shorthaired Pointer", {"dog"}),
        ("sea lion", set()),
        ("hot dog stand", set()),
        ("dog house", set()),
        ("Severerotation", set()),
        ("appendicitis", set()),
    ],
)
def test_what_a_name_excludes(name: str, expected: set[str]) -> None:
    assert certain(name) == expected


@pytest.mark.parametrize(
    ("name", "others", "expected"),
    [
        ("mouse", ("keyboard", "monitor"), {"mouse"}),
        ("mouse", ("cat", "dog"), set()),
        ("table", ("figure", "caption", "title"), set()),
        ("table", ("chair", "sofa"), {"dining table"}),
        ("kite", ("eagle", "hawk"), {"bird"}),
        ("kite", ("frisbee",), {"kite"}),
        ("front_left_door", ("front_bumper", "tailgate"), {"car"}),
        ("chat", ("chien", "oiseau"), {"cat"}),
    ],
)
def test_the_rest_of_the_list_decides_what_a_name_means(name: str, others: tuple[str, ...], expected: set[str]) -> None:
    assert certain(name, *others) == expected


@pytest.mark.parametrize(("name", "neighbour"), NEIGHBOURS)
def test_what_coco_confuses_is_in_the_maybe_band(name: str, neighbour: str) -> None:
    assert neighbour in maybe(name)
    assert neighbour not in certain(name)


def test_statuses() -> None:
    statuses = {name: match_classes([name])[0].status for name in ("car", "pothole", "0", "qwrtzpk")}
    assert statuses == {"car": "mapped", "pothole": "none", "0": "opaque", "qwrtzpk": "unknown"}


def test_every_exclusion_says_its_rule_and_reason_and_cost() -> None:
    for match in match_classes(["poodle", "no_helmet", "van", "vehicle", "car door", "perro", "refridgerator", "desk"]):
        for exclusion in (*match.exclude, *match.maybe):
            assert exclusion.rule
            assert len(exclusion.reason) > 5
            assert exclusion.images > 0
            assert 0.35 <= exclusion.confidence <= 1
    assert match_classes(["poodle"])[0].exclude[0].reason == "poodle: a kind of dog"
    assert match_classes(["otterhound"])[0].exclude[0].reason == "WordNet: otterhound is a kind of dog"


def test_bands_are_ordered_best_first() -> None:
    for match in match_classes(["vehicle", "bag", "computer", "food"]):
        for band in (match.exclude, match.maybe):
            assert [e.confidence for e in band] == sorted((e.confidence for e in band), reverse=True)
        assert all(e.confidence >= 0.5 for e in match.exclude)
        assert all(e.confidence < 0.5 for e in match.maybe)


def test_hand_lists_have_no_phrase_twice() -> None:
    seen: dict[str, str] = {}
    for name in HAND_LISTS:
        for phrase in hand_list(name):
            assert seen.setdefault(phrase, name) == name, phrase


# ---------------------------------------------------------------- other sources


def test_a_source_with_other_categories_is_matched_by_its_own_names_first() -> None:
    source = [Category(1, "pallets", 5), Category(2, "Automobile", 7), Category(3, "worker", 9), Category(4, "tree", 2)]
    pallet, car, helmet, pothole = match_classes(["pallet", "car", "helmet", "pothole"], categories=source)
    assert [(e.coco, e.relation, e.images) for e in pallet.exclude] == [("pallets", "same", 5)]
    assert [(e.coco, e.images) for e in car.exclude] == [("Automobile", 7)]
    assert [e.coco for e in helmet.exclude] == ["worker"]
    assert pothole.status == "none"
    assert not pothole.exclude


@pytest.mark.parametrize(
    "spellings", [("raccoon", "Raccoon", "raccoons"), ("dog", "DOG", "dogs"), ("hard-hat", "Hard hat", "hardhats")]
)
@pytest.mark.parametrize("order", [1, -1])
def test_all_spellings_of_a_category_of_the_source_are_the_class(spellings: tuple[str, ...], order: int) -> None:
    source = [Category(i, name, i) for i, name in enumerate(("tree", *spellings[::order]), 1)]
    for name in (*spellings, *(spelling.upper() for spelling in spellings)):
        (match,) = match_classes([name], categories=source)
        assert {(e.coco, e.relation) for e in match.exclude} == {(spelling, "same") for spelling in spellings}, name
        (answered,) = match_classes(["x1"], user_map={"x1": [name]}, categories=source)
        assert {e.coco for e in answered.exclude} == set(spellings), name


def test_cocos_own_categories_need_no_bridge_whatever_their_counts() -> None:
    source = [Category(c.id, c.name, 1) for c in coco_categories()]
    assert [e.coco for e in match_classes(["poodle"], categories=source)[0].exclude] == ["dog"]


def test_a_map_may_name_any_category_of_the_source() -> None:
    source = [Category(1, "pallet", 5)]
    (match,) = match_classes(["x1"], user_map={"X-1": ["Pallet"]}, categories=source)
    assert [(e.coco, e.relation) for e in match.exclude] == [("pallet", "user")]


# ---------------------------------------------------------------- any string


def stable(match: ClassMatch) -> object:
    return match.status, match.exclude, match.maybe, match.suggestions


@given(st.text(max_size=200))
@example("\x00")
@example("\ud800")
@example("(" * 50)
@example("a/" * 100)
@example("of of of")
@example("no no no")
@example("w/o")
@settings(max_examples=examples(300))
def test_any_string_is_answered_the_same_way_twice(name: str) -> None:
    first, second = match_classes([name])[0], match_classes([name])[0]
    assert first == second
    assert first.name == name
    assert bool(first.exclude or first.maybe) == (first.status == "mapped")


@given(st.text(min_size=1, max_size=8), st.integers(1, 10_000))
@settings(max_examples=60)
def test_long_names_of_any_pieces_are_answered(piece: str, length: int) -> None:
    name = (piece * length)[:10_000]
    assert match_classes([name])[0].name == name


@pytest.mark.parametrize(
    "piece", ["a", "no ", "car/", "(", "x-", "狗", "é", "1", "of ", "Aa", "\u0301", "🐕", "car door ", "a.b."]
)
def test_ten_thousand_characters_of_one_kind(piece: str) -> None:
    match_classes(["warm"])
    short, long = (count_calls(partial(match_classes, [(piece * size)[:size]])) for size in (2_500, 10_000))
    assert long < 8 * short + 1_000
    (match,) = match_classes([(piece * 10_000)[:10_000]])
    assert match.status in ("mapped", "none", "opaque", "unknown")


@given(st.permutations(["mouse", "keyboard", "no_helmet", "perro", "gato", "table", "0", "poodle"]))
@settings(max_examples=40)
def test_the_order_of_the_list_does_not_matter(names: list[str]) -> None:
    expected = {match.name: stable(match) for match in match_classes(sorted(names))}
    assert {match.name: stable(match) for match in match_classes(names)} == expected


@given(st.sampled_from([c.name for c in coco_categories()]), st.sampled_from(["_", "-", " ", ".", ""]), st.booleans())
@settings(max_examples=examples(200))
def test_a_category_keeps_its_meaning_in_any_spelling(name: str, separator: str, upper: bool) -> None:
    spelled = separator.join(name.split())
    (match,) = match_classes([spelled.upper() if upper else spelled.title()])
    assert name in {e.coco for e in match.exclude}
    assert key(match.name).replace(" ", "") == name.replace(" ", "")


def test_a_thousand_names_cost_no_more_than_their_number() -> None:
    names = [f"{a} {b}" for a in ("red", "old", "zzq", "no", "wooden") for b in sorted(hand_list("alias"))[:200]]
    match_classes(["warm"])
    few, many = (count_calls(partial(match_classes, names[start:end])) for start, end in ((0, 200), (200, 1000)))
    assert many < 8 * few


def test_spelling_guesses_never_touch_known_words() -> None:
    assert by_spelling(("refridgerator",)) is not None
    assert certain("pirson") == {"person"}
    assert certain("bush") == set()


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("helmet", "hlmet", True),
        ("hlmet", "helmet", True),
        ("helmet", "helmat", True),
        ("helmet", "hemlet", True),
        ("helmet", "helmets", True),
        ("helmet", "helmet", False),
        ("helmet", "hamlat", False),
        ("helmet", "elmet", True),
        ("ab", "ba", True),
    ],
)
def test_one_letter_off(one: str, other: str, expected: bool) -> None:
    assert is_one_letter_off(one, other) is expected
