"""Classes of a dataset to LVIS' classes by their synsets: what vetoes, and what alone may verify."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from places import DATA, REPOSITORY

from yolobg.matching.evidence import Standing, standings_of
from yolobg.matching.lexicon.class_tables import SURE, ClassTable, lvis, open_images, open_images_classes
from yolobg.matching.words import key
from yolobg.model import Category

SYNSETS = dict(enumerate(lvis().coco, 1))
# Names that say nothing, so that only the synsets count.
CATEGORIES = tuple(Category(number, f"c{number}", 1) for number in SYNSETS)


def standings(*names: str, **options: object) -> dict[str, Standing]:
    given: dict[str, object] = {"user_map": {}, "exclude": [], "lean": False, **options}
    found = standings_of(names, CATEGORIES, SYNSETS, **given)  # type: ignore[arg-type] # the options are of many types
    return {standing.name: standing for standing in found}


def synsets(numbers: frozenset[int]) -> set[str]:
    return {SYNSETS[number] for number in numbers}


def test_table__has_every_class_of_lvis() -> None:
    assert len(SYNSETS) == 1203
    assert len(lvis().same) == 69, "all but LOOSE, and hot dog, which LVIS v1 lacks"
    assert all(belongs <= {*lvis().same, *LOOSE, "hot dog"} for belongs in lvis().coco.values())


# What COCO means by these is more, or other, than LVIS' map of its categories says.
LOOSE = {"cow", "potted plant", "sports ball", "dining table", "tv", "couch", "chair", "handbag", "suitcase", "bear"}


@pytest.mark.parametrize(
    ("name", "verifying"),
    [
        ("person", "person.n.01"),
        ("Persons", "person.n.01"),
        ("cars", "car.n.01"),
        ("helmet", "helmet.n.02"),
        ("traffic_cone", "cone.n.01"),
        ("Pumpkin", "pumpkin.n.02"),
        ("fire extinguisher", "fire_extinguisher.n.01"),
        ("stop sign", "stop_sign.n.01"),
        ("cow", None),  # LVIS' beef
        ("potted plant", None),  # LVIS' pot
        ("poodle", None),  # narrower than dog
        ("animal", None),  # wider
        ("vehicle", None),
        ("bike", None),  # a motorcycle too
        ("plate", None),  # of a car, maybe
        ("bat", None),
        ("no_helmet", None),
        ("head", None),
        ("qwrtz", None),
        ("object", None),
        ("raccoon", None),
    ],
)
def test_verified__by_what_the_class_surely_is(name: str, verifying: str | None) -> None:
    assert synsets(standings(name)[name].verifying) == ({verifying} if verifying else set())


@pytest.mark.parametrize(
    ("name", "vetoing", "not_vetoing"),
    [
        ("dog", {"dog.n.01", "pug.n.01", "puppy.n.01"}, {"cat.n.01", "frank.n.02"}),
        ("poodle", {"dog.n.01"}, {"cat.n.01"}),
        ("animal", {"dog.n.01", "cat.n.01", "bear.n.01"}, {"person.n.01", "car.n.01"}),
        ("helmet", {"helmet.n.02", "football_helmet.n.01", "person.n.01"}, {"hat.n.01", "bicycle.n.01"}),
        ("person", {"person.n.01"}, {"coat.n.01", "shirt.n.01"}),
        ("bike", {"bicycle.n.01", "motorcycle.n.01"}, {"car.n.01"}),
        ("perro", {"dog.n.01"}, {"cat.n.01"}),
        ("no_helmet", {"person.n.01"}, {"car.n.01"}),
    ],
)
def test_vetoed__by_the_class_what_is_above_and_below_it_and_its_carriers(
    name: str, vetoing: set[str], not_vetoing: set[str]
) -> None:
    found = synsets(standings(name)[name].vetoing)
    assert vetoing & set(SYNSETS.values()) <= found
    assert not not_vetoing & found


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("bow", "bow.n.08"),
        ("bat", "baseball_bat.n.01"),
        ("crab", "crab.n.05"),
        ("shovel", "power_shovel.n.01"),
        ("collar", "dog_collar.n.01"),
        ("jacket", "life_jacket.n.01"),
        ("gun", "water_pistol.n.01"),
        ("camera", "television_camera.n.01"),
        ("scooter", "water_scooter.n.01"),
    ],
)
def test_word__that_stands_for_two_classes_of_lvis_is_verified_by_none(name: str, other: str) -> None:
    assert other in set(SYNSETS.values())
    assert not standings(name)[name].verifying


# One thing that is two classes, or a category of COCO whose other things have names of their own (gravy boat, railcar).
SETTLED = {
    "broccoli", "jet ski", "plastic bag", "refrigerator", "stop sign", "boy", "girl", "man", "woman",
    "boat", "book", "bowl", "cake", "car", "cup", "horse", "hydrant",
}  # fmt: skip
AMBIGUOUS = [line.split("\t") for line in (DATA / "ambiguous_words.tsv").read_text("utf-8").splitlines()]


@pytest.mark.parametrize("table", [lvis, open_images])
def test_word__that_names_several_classes_is_verified_by_all_or_none(table: Callable[[], ClassTable]) -> None:
    numbers = dict(enumerate(table().coco, 1))
    categories = tuple(Category(number, f"c{number}", 1) for number in numbers)
    words = {word: [set(thing.split(",")) for thing in rest.split(" | ")] for word, rest in AMBIGUOUS[2:]}
    assert len(words) == 110
    wrong = set()
    for word, things in words.items():
        found = standings_of([word], categories, numbers, user_map={}, exclude=[], lean=False)[0]
        verifying = {numbers[number] for number in found.verifying}
        if verifying and not all(verifying & thing for thing in things):
            wrong.add(word)
    assert wrong <= SETTLED


@pytest.mark.parametrize(
    ("name", "by_lvis", "by_open_images"),
    [
        ("mouse", 0, 2),  # of a computer, and the animal, which LVIS lacks
        ("keyboard", 0, 2),  # of a computer, and the instrument
        ("torch", 0, 0),  # a flashlight, or one that burns
        ("panda", 0, 0),
        ("nut", 0, 0),  # LVIS has the one that goes on a bolt
        ("belt", 0, 0),
        ("drone", 0, 0),
        ("crab", 0, 0),
        ("computer mouse", 1, 1),
        ("giraffe", 1, 1),
        ("watch", 1, 1),
    ],
)
def test_word__with_two_meanings_needs_both_to_be_absent(name: str, by_lvis: int, by_open_images: int) -> None:
    listed = {one.id: one.name for one in open_images_classes()}
    categories = tuple(Category(number, name, 1) for number, name in enumerate(listed.values(), 1))
    found = standings_of([name], categories, dict(enumerate(listed, 1)), user_map={}, exclude=[], lean=False)[0]
    assert (len(standings(name)[name].verifying), len(found.verifying)) == (by_lvis, by_open_images)


@pytest.mark.parametrize("name", ["car", "horse", "boat", "cup", "bed"])
def test_category_of_coco__is_verified_by_its_own_class_whatever_else_its_word_names(name: str) -> None:
    assert synsets(standings(name)[name].verifying) == {lvis().same[name]}


def test_list__decides_what_a_word_is() -> None:
    assert not standings("mouse", "cat", "rat")["mouse"].verifying


def test_words__of_another_language_verify_nothing() -> None:
    """`pan` is bread beside `perro` and `mesa`."""
    found = standings("pan", "mesa", "silla", "perro", "coche")
    assert not any(standing.verifying for standing in found.values())


def test_answer__of_the_user_says_what_to_leave_out_and_verifies_nothing() -> None:
    found = standings("helmet", "lorry", user_map={"lorry": ["truck"], "helmet": []})
    assert "truck.n.01" in synsets(found["lorry"].vetoing)
    assert "helmet.n.02" in synsets(found["helmet"].vetoing)
    assert not any(standing.verifying for standing in found.values())


def test_exclude__vetoes_and_asks_for_no_verification() -> None:
    found = standings("dog", exclude=["cat"])
    assert "cat.n.01" in synsets(found[""].vetoing)
    assert not found[""].verifying


def test_category__without_a_known_synset_goes_by_its_name() -> None:
    categories = (Category(1, "c1", 1), Category(2, "Pumpkin", 1), Category(3, "dog", 1))
    found = standings_of(
        ["pumpkin", "dog"], categories, {1: "dog.n.01", 2: "made_up.n.07"}, user_map={}, exclude=[], lean=False
    )
    assert [set(one.vetoing) for one in found] == [{2}, {1, 3}]
    assert [set(one.verifying) for one in found] == [{2}, {1, 3}]


def test_own_names_of_lvis__mean_their_own_class(real_evidence: Path) -> None:
    categories = json.loads((real_evidence / "lvis_v1_categories.json").read_text("utf-8"))
    assert {category["synset"] for category in categories} == set(SYNSETS.values())
    wrong, unsaid, number = [], 0, 0
    for category in categories:
        for name in (category["name"], *category["synonyms"]):
            phrase = key(re.sub(r"_?\(.*?\)", "", name))
            number += 1
            unsaid += category["synset"] not in synsets(standings(phrase)[phrase].vetoing)
            sure = lvis().of(SURE, phrase)
            if sure and category["synset"] not in sure:
                wrong.append(name)
    assert wrong == []
    assert unsaid / number < 0.01


def test_tool__understands_names_that_it_was_not_given(real_evidence: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """LVIS' own names with a table of WordNet's words alone."""
    tool = load_tool()
    places = [str(real_evidence / name) for name in ("lvis_v1_categories.json", "coco_to_synset.json")]
    assert tool.main([*places, "--held-out"]) == 0
    told = dict(re.findall(r"'([\w ]+)': (\d+)", capsys.readouterr().out))
    counted = {name: int(number) for name, number in told.items()}
    assert counted["covered"] > 1700
    assert counted["right"] / counted["covered"] > 0.95
    assert counted["sure and right"] / counted["sure"] > 0.99


def test_tool__makes_the_table_that_ships(real_evidence: Path, tmp_path: Path) -> None:
    tool = load_tool()
    places = [str(real_evidence / name) for name in ("lvis_v1_categories.json", "coco_to_synset.json")]
    made = tmp_path / "lvis.tsv"
    assert tool.main([*places, "--output", str(made)]) == 0
    assert made.read_bytes() == tool.OUTPUT.read_bytes()


def test_ambiguous_words__are_those_of_wordnet(real_evidence: Path) -> None:
    tool = load_tool()
    categories = json.loads((real_evidence / "lvis_v1_categories.json").read_text("utf-8"))
    rows = [line.split("\t") for line in tool.OPEN_IMAGES.read_text("utf-8").splitlines() if line[0] != "#"]
    theirs = [
        {"synset": number, "wordnet": synset.rstrip("?"), "name": name, "synonyms": [name]}
        for number, name, synset, _ in rows
    ]
    found = tool.ambiguous(tool.read_wordnet(tool.DICTIONARY), [categories, theirs])
    assert {word: " | ".join(map(",".join, things)) for word, things in found.items()} == dict(AMBIGUOUS[2:])


def load_tool() -> Any:
    """The tool that makes the table; it reads WordNet's own files, which no package of Python has."""
    path = REPOSITORY / "tools" / "build_lvis.py"
    spec = importlib.util.spec_from_file_location("build_lvis_tool", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["build_lvis_tool"] = module
    spec.loader.exec_module(module)
    if not (module.DICTIONARY / "data.noun").is_file():
        # `.ci/run` installs it where it can; the table that ships is looked at without it by the tests above.
        pytest.skip("WordNet is not installed (Debian: wordnet-base)")
    return module


def test_word__that_coco_and_a_plain_name_mean_differently_needs_both() -> None:
    ids = {one.name: one.id for one in open_images_classes()}
    numbers = {number: one.id for number, one in enumerate(open_images_classes(), 1)}
    named = {ids[name]: name for name in ("Mouse", "Computer mouse", "Cat", "Car")}

    def verifying(word: str) -> set[str]:
        categories = [Category(number, one.name, 0) for number, one in enumerate(open_images_classes(), 1)]
        (said,) = standings_of([word], categories, numbers, user_map={}, exclude=(), lean=False)
        return {named[numbers[number]] for number in said.verifying}

    assert verifying("mouse") == verifying("Mice") == {"Mouse", "Computer mouse"}
    assert (verifying("cat"), verifying("car")) == ({"Cat"}, {"Car"})
