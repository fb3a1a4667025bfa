"""The words whose mention in a caption vetoes an image."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest
from places import REPOSITORY

from yolobg.matching.caption_terms import caption_terms, category_terms, written_out
from yolobg.matching.lexicon import coco_categories
from yolobg.matching.matcher import match_classes

DROPPED = {  # words that captions use for other things, by measured precision
    "person": {"adult", "baby", "driver", "human", "mother", "someone", "family", "couple", "face"},
    "bicycle": {"cycle"},
    "motorcycle": {"bike"},
    "bird": {"turkey"},
    "cup": {"glass"},
    "wine glass": {"glass"},
    "cell phone": {"telephone"},
    "bowl": {"plate"},
    "dining table": {"desk", "counter"},
    "train": {"rail", "coach"},
    "bus": {"trolley", "coach"},
    "stop sign": {"street sign", "sign"},
    "traffic light": {"light"},
    "clock": {"watch"},
    "airplane": {"flight"},
    "toilet": {"bathroom", "pot"},
    "sink": {"bathroom"},
    "vase": {"pot", "flowers"},
    "potted plant": {"pot"},
    "couch": {"lounge"},
    "chair": {"lounge", "seat"},
    "teddy bear": {"toy", "bear"},
    "scissors": {"shears"},
    "skis": {"skies"},
    "laptop": {"computer"},
}
ADDED = {  # words that pass by measured precision although they name something beside the category
    "person": {"arm", "batter", "catcher", "crowd", "friends", "hand", "motorcyclist", "passenger", "team", "toddler"},
    "bicycle": {"biker"},
    "car": {"traffic", "vehicle"},
    "truck": {"trailer", "vehicle"},
    "traffic light": {"lights", "street light"},
    "bird": {"geese"},
    "sheep": {"goat"},
    "cow": {"buffalo"},
    "backpack": {"bag", "pack"},
    "suitcase": {"baggage"},
    "skis": {"skier", "skiing"},
    "snowboard": {"snowboarder", "snowboarding"},
    "sports ball": {"soccer ball", "tennis", "tennis ball"},
    "baseball bat": {"bat", "batter"},
    "baseball glove": {"catcher", "glove", "mitt"},
    "surfboard": {"surf", "surfer", "surfing"},
    "tennis racket": {"racquet", "tennis", "tennis racquet"},
    "bottle": {"beer", "wine"},
    "wine glass": {"glass of wine", "glasses of wine", "wine"},
    "cup": {"coffee", "drink", "tea", "mug"},
    "fork": {"silverware", "utensil"},
    "spoon": {"silverware", "utensil"},
    "bowl": {"container", "dish"},
    "donut": {"bagel", "pastry"},
    "cake": {"dessert"},
    "potted plant": {"flowers", "plant", "planter"},
    "bed": {"bedroom"},
    "dining table": {"table", "coffee table", "dinner", "kitchen table", "picnic table"},
    "toilet": {"restroom"},
    "tv": {"screen"},
    "mouse": {"computer"},
    "keyboard": {"computer", "desktop"},
    "book": {"magazine"},
    "teddy bear": {"stuffed animal"},
    "hair drier": {"blow dryer", "dryer"},
}


def test_every_category_has_terms_with_its_own_name_first() -> None:
    for category in coco_categories():
        assert category.name in category_terms()[category.name].terms


@pytest.mark.parametrize("category", sorted(DROPPED))
def test_words_that_mean_other_things_are_no_terms(category: str) -> None:
    assert not DROPPED[category] & set(category_terms()[category].terms)


@pytest.mark.parametrize("category", sorted(ADDED))
def test_words_that_the_precision_rule_picked_are_terms(category: str) -> None:
    assert set(category_terms()[category].terms) >= ADDED[category]


def test_forms_are_written_out_with_irregular_plurals_and_both_spellings() -> None:
    assert written_out("knife") == ("knife", "knives")
    assert written_out("bus") == ("bus", "buses")
    assert written_out("police man") == ("police man", "police men")
    terms = category_terms()
    assert {"tooth brush", "toothbrushes"} <= set(terms["toothbrush"].terms)
    assert {"ties", "necktie"} <= set(terms["tie"].terms)
    assert not any(term.endswith("bu") for item in terms.values() for term in item.terms)


def test_a_dog_is_no_hot_dog_but_a_class_of_hot_dogs_is() -> None:
    dog, hot_dog, animal = caption_terms(match_classes(["dog", "hot dog", "animal"]))
    assert {"hot dog", "hot dogs", "corn dog", "chili dog"} <= set(dog.but_not)
    assert not hot_dog.but_not
    assert not animal.but_not, "a caption with a cow and a hot dog still names an animal"


def test_bear_has_no_excuse_as_people_called_toys_bears() -> None:
    (bear,) = caption_terms(match_classes(["bear"]))
    assert not bear.but_not


def test_a_worn_thing_has_its_own_name_its_synonyms_and_its_carrier() -> None:
    (terms,) = caption_terms(match_classes(["no_helmet"]))
    assert {"helmet", "helmets", "hard hat", "woman", "people"} <= set(terms.terms)
    assert "no helmet" not in terms.terms


def test_a_name_without_a_category_keeps_its_own_words() -> None:
    (terms,) = caption_terms(match_classes(["Trash-Can"]))
    assert {"trash can", "trash cans", "dustbin"} <= set(terms.terms)


@pytest.mark.parametrize("name", ["0", "A", "object", "class_3"])
def test_a_name_that_says_nothing_is_never_searched_for_even_when_mapped(name: str) -> None:
    (terms,) = caption_terms(match_classes([name], user_map={name: ["cat"]}))
    assert "cat" in terms.terms
    assert not {name, name.lower(), "objects"} & set(terms.terms)


def test_lean_leaves_out_the_words_of_maybe_categories() -> None:
    matches = match_classes(["goat"])
    assert "sheep" in caption_terms(matches)[0].terms
    assert "sheep" not in caption_terms(matches, lean=True)[0].terms


def test_terms_are_lower_case_and_unique() -> None:
    for terms in caption_terms(match_classes([c.name for c in coco_categories()] + ["Helmet", "TrafficCone"])):
        assert len(set(terms.terms)) == len(terms.terms)
        assert all(term == term.lower().strip() and term for term in terms.terms)


def load_tool() -> ModuleType:
    path = REPOSITORY / "tools" / "caption_terms.py"
    if not path.is_file():
        pytest.skip("the tools lie only in a checkout")
    spec = importlib.util.spec_from_file_location("caption_terms_tool", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["caption_terms_tool"] = module
    spec.loader.exec_module(module)
    return module


def test_the_script_shows_support_precision_base_rate_and_cost(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = {1: "A dog runs.", 2: "A puppy sleeps", 3: "a hot dog on a plate", 4: "A PUPPY toy", 5: "a tree"}
    captions = {"annotations": [{"image_id": i, "caption": text} for i, text in texts.items()]}
    instances = {
        "categories": [{"id": 18, "name": "dog"}],
        "annotations": [{"image_id": 1, "category_id": 18}, {"image_id": 2, "category_id": 18}],
    }
    (tmp_path / "captions.json").write_text(json.dumps(captions), encoding="utf-8")
    (tmp_path / "instances.json").write_text(json.dumps(instances), encoding="utf-8")
    tool = load_tool()
    assert tool.main([str(tmp_path / "captions.json"), str(tmp_path / "instances.json")]) == 0
    rows = {tuple(line.split()[:2]): line.split() for line in capsys.readouterr().out.splitlines()}
    assert rows["dog", "puppy"][2:] == ["2", "0.50", "0.400", "0.3333", "few"]
    assert rows["dog", "dog"][5] == "0.0000", "a hot dog is no dog"


@pytest.mark.parametrize(
    ("category", "support", "precision", "base", "verdict"),
    [
        ("dog", 10, 0.3, 0.05, "keep"),
        ("dog", 10, 0.3, 0.2, "drop"),
        ("person", 100, 0.7, 0.5, "drop"),
        ("cat", 7, 1.0, 0.1, "few"),
    ],
)
def test_the_precision_rule(category: str, support: int, precision: float, base: float, verdict: str) -> None:
    assert load_tool().Worth(support, precision, base, 0.0).verdict(category) == verdict
