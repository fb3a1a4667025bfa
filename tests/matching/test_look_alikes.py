"""Categories that look like a class: never one that stands for it, and none where none is known."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
from places import REPOSITORY

from yolobg.matching.contamination import with_look_alikes
from yolobg.matching.lexicon import coco_categories, read_rows
from yolobg.matching.look_alikes import look_alikes
from yolobg.matching.matcher import match_classes
from yolobg.model import Contamination

ANIMALS = {"bird", "cat", "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe"}


@pytest.mark.parametrize(
    ("name", "some", "none"),
    [
        ("dog", ANIMALS - {"dog"}, {"dog", "car", "person"}),
        ("poodle", {"cat", "horse"}, {"dog"}),
        ("cars", {"train", "bicycle", "motorcycle"}, {"car", "truck"}),
        ("raccoon", {"cat", "dog", "bear"}, {"car"}),
        ("raccoons", {"cat", "dog", "bear"}, {"car"}),
        ("kangaroo", {"bear"}, {"car"}),
        ("camel", {"cow", "horse"}, {"person"}),
        ("strawberry", {"apple", "orange"}, {"dog"}),
        ("rabbit", {"cat", "dog"}, {"person"}),
    ],
)
def test_look_alikes__are_of_the_same_kind(name: str, some: set[str], none: set[str]) -> None:
    (match,) = match_classes([name])
    found = look_alikes(match)
    assert some <= found
    assert not none & found


@pytest.mark.parametrize("name", ["pothole", "smoke", "fire", "helmet", "no_helmet", "person", "hard hat"])
def test_look_alikes__are_unknown_rather_than_guessed(name: str) -> None:
    (match,) = match_classes([name], user_map={})
    assert look_alikes(match) == frozenset()


def test_look_alikes__never_stand_for_the_class() -> None:
    names = [category.name for category in coco_categories()]
    names += [phrase for _, phrases in read_rows("look_alikes.tsv") for phrase in phrases.split(";")[:3]]
    for match in match_classes(names):
        assert not look_alikes(match) & {e.coco for e in (*match.exclude, *match.maybe)}, match.name


def test_table__names_categories_of_coco() -> None:
    known = {category.name for category in coco_categories()}
    for names, phrases in read_rows("look_alikes.tsv"):
        assert set(names.split(",")) <= known
        assert phrases


@pytest.mark.slow
def test_table__is_what_the_dictionary_gives() -> None:
    if not Path("/usr/share/wordnet/data.noun").is_file():
        pytest.skip("WordNet's dictionary files are not installed (wordnet-base)")
    spec = importlib.util.spec_from_file_location("build_look_alikes", REPOSITORY / "tools/build_look_alikes.py")
    assert spec
    assert spec.loader
    tool = importlib.util.module_from_spec(spec)
    before = list(sys.path)
    try:
        spec.loader.exec_module(tool)
    finally:
        sys.path[:] = before
    assert tool.main(["--check"]) == 0


def test_contamination__of_half_look_alikes_is_about_1_6_times_that_of_random_images() -> None:
    """As measured: 14 % of the pool, 15 of 49 of what was really there, 100 of 141 of what was arguable."""
    random = Contamination(0.01, 0.004, 0.02, 0.03)
    half = with_look_alikes(random, chosen=0.57, eligible=0.14)
    assert half.point / random.point == pytest.approx(1.6, abs=0.01)
    assert half.high / random.high == pytest.approx(1.6, abs=0.01)
    assert half.arguable / random.arguable == pytest.approx(3.0, abs=0.05)
    assert with_look_alikes(random, chosen=0.14, eligible=0.14) == random
    assert with_look_alikes(Contamination(0.9, 0.9, 0.9, 0.9), chosen=1.0, eligible=0.1).high == 1.0
