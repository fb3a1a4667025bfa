"""What an unknown name is near to, in meaning or spelling; nothing is offered where nothing is."""

from __future__ import annotations

import random
import string

import pytest
from effort import count_calls

from yolobg.errors import UnresolvedClassError
from yolobg.matching import check_resolved, match_classes
from yolobg.model import Category


def suggested(name: str) -> tuple[str, ...]:
    (match,) = match_classes([name])
    assert match.status == "unknown"
    return match.suggestions


@pytest.mark.parametrize("name", ["qwrtzx", "qwrtz", "xqzzt", "nadador", "Pear_Forelle", "rabit", "persick", "zzz"])
def test_a_name_that_nothing_is_near_to_gets_no_suggestion(name: str) -> None:
    """`rabit` is nearer to rabbit, which COCO has not, than to anything it has."""
    assert suggested(name) == ()


@pytest.mark.parametrize(
    ("name", "category"),
    [
        ("lorrrry", "truck"),  # another word for it, misspelt
        ("motorzycel", "motorcycle"),  # the name itself, misspelt twice
        ("trafik lite", "traffic light"),
        ("tedibear", "teddy bear"),
    ],
)
def test_a_name_that_is_almost_one_gets_it(name: str, category: str) -> None:
    assert suggested(name)[0] == category


def test_suggestions_are_categories_of_the_source() -> None:
    (match,) = match_classes(["lorrrry"], categories=[Category(7, "heavy goods", 3), Category(8, "lorry", 5)])
    assert match.suggestions == ("lorry",)


def test_the_line_to_paste_names_a_category_only_where_one_is_near() -> None:
    with pytest.raises(UnresolvedClassError) as caught:
        check_resolved(match_classes(["qwrtzx", "lorrrry"]))
    assert '--map "qwrtzx=CATEGORY"' in str(caught.value)
    assert '--map "lorrrry=truck"' in str(caught.value)


def test_a_thousand_unknown_names_cost_little_each() -> None:
    drawn = random.Random(1)
    names = ["".join(drawn.choices(string.ascii_lowercase, k=drawn.randint(5, 14))) for _ in range(1_000)]
    match_classes(names[:50])
    assert count_calls(lambda: match_classes(names)) < 3_000 * len(names)
