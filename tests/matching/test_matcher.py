"""match_classes: names of a dataset to categories of the source."""

from __future__ import annotations

import pytest

from yolobg.errors import UnresolvedClassError, UsageError
from yolobg.matching import check_resolved, excluded_categories, match_classes


@pytest.mark.parametrize(
    ("name", "category"),
    [
        ("person", "person"),
        ("Cars", "car"),
        ("traffic_light", "traffic light"),
        ("TrafficLights", "traffic light"),
        ("diningtable", "dining table"),
        ("aeroplane", "airplane"),
        ("motorbike", "motorcycle"),
        ("skis", "skis"),
        ("mice", "mouse"),
        ("knives", "knife"),
        ("Cell-Phone", "cell phone"),
    ],
)
def test_names_of_a_category_itself_map_to_it(name: str, category: str) -> None:
    (match,) = match_classes([name])
    assert match.status == "mapped"
    assert match.exclude[0].coco == category
    assert match.exclude[0].images > 0


@pytest.mark.parametrize("name", ["0", "17", "A", "class_3", "object", "others", "", "  ", "id_12", "cat_0", "cat 12"])
def test_a_name_that_says_nothing_is_opaque_and_stops(name: str) -> None:
    matches = match_classes([name])
    assert matches[0].status == "opaque"
    assert excluded_categories(matches) == frozenset()
    with pytest.raises(UnresolvedClassError, match="--map"):
        check_resolved(matches, unmapped="none")


def test_the_user_map_wins_and_compares_names_without_case_and_separators() -> None:
    matches = match_classes({3: "Foo_Bar", 1: "dog"}, user_map={"foo-bar": ["Cell Phone"], "DOG": []})
    assert [(m.id, m.status, [e.coco for e in m.exclude]) for m in matches] == [
        (1, "none", []),
        (3, "mapped", ["cell phone"]),
    ]


def test_a_map_key_that_names_no_class_is_a_usage_error_with_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"'hlmet' is not a class.*helmet"):
        match_classes(["helmet"], user_map={"hlmet": []})


def test_a_map_value_that_names_no_category_is_a_usage_error_with_both() -> None:
    with pytest.raises(UsageError, match=r"'helmet'.*'persn'.*person"):
        match_classes(["helmet"], user_map={"helmet": ["persn"]})


def test_unmapped_none_lets_an_unknown_name_pass_with_a_warning() -> None:
    (match,) = check_resolved(match_classes(["qwrtzpk"]), unmapped="none")
    assert match.status == "none"
    assert match.warnings
