"""The user's own map: other words for a category, and classes without a name."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from yolobg.errors import UsageError
from yolobg.flow.option_texts import parse_map_options
from yolobg.flow.options import Request
from yolobg.matching import match_classes
from yolobg.matching.user_map import resolve_target
from yolobg.model import Category


def excluded(name: str, **options: object) -> set[str]:
    user_map = {name: options["to"]}
    (match,) = match_classes([name], user_map=user_map)  # type: ignore[arg-type]
    assert not match.maybe
    return {e.coco for e in match.exclude}


@pytest.mark.parametrize(
    ("targets", "categories"),
    [
        (["truck"], {"truck"}),
        (["lorry"], {"truck"}),
        (["lorry", "car"], {"truck", "car"}),
        (["Motorbikes"], {"motorcycle"}),
        (["voiture"], {"car"}),
        (["poodle"], {"dog"}),
        (["no helmet"], {"person"}),
        ([], set()),
    ],
)
def test_a_value_is_a_category_or_another_word_for_it(targets: Sequence[str], categories: set[str]) -> None:
    assert excluded("car", to=targets) == categories


def test_a_value_stands_for_the_same_as_a_class_of_that_name() -> None:
    (match,) = match_classes(["vehicle"])
    assert excluded("zzyx", to=["vehicle"]) == {e.coco for e in match.exclude}


@pytest.mark.parametrize("target", ["persn", "pothole", "qwrtzx", "0", "none of these"])
def test_a_value_that_stands_for_nothing_is_refused_with_both(target: str) -> None:
    with pytest.raises(UsageError, match=f"'helmet': '{target}' stands for no category"):
        match_classes(["helmet"], user_map={"helmet": [target]})


def test_a_value_is_read_in_the_categories_of_another_source() -> None:
    source = [Category(1, "lorry", 4), Category(2, "motor vehicle", 9)]
    assert resolve_target("lorry", source) == ("lorry",)
    assert set(resolve_target("truck", source)) == {"lorry", "motor vehicle"}
    assert resolve_target("cat", source) == ()


@pytest.mark.parametrize("option", ["=none", " = none"])
def test_a_class_without_a_name_can_be_answered(option: str) -> None:
    answers = parse_map_options([option])
    (match,) = match_classes([""], user_map=answers)
    assert match.status == "none"


@pytest.mark.parametrize("given", ["truck", ["truck"], ("truck",)])
def test_python_takes_a_text_or_a_list(given: str | Sequence[str]) -> None:
    (match,) = match_classes(["car"], user_map=Request(map={"car": given}).map)
    assert [e.coco for e in match.exclude] == ["truck"]
