"""Expected contamination: the beta quantiles, the formula, and what gets a warning instead of a figure."""

from __future__ import annotations

import math

import pytest
from recheck_quantiles import TABLE, beta_cdf, beta_quantile, with_limits

from yolobg.matching.contamination import VERIFIED_HIGH, expected_contamination, figure, rechecks
from yolobg.matching.matcher import match_classes
from yolobg.model import Contamination

REPORTED = [  # category, mean and 95 % limits in percent with captions and s = 1, mean without captions, arguable
    ("person", 6.8, 4.0, 10.2, 7.7, 3.0),
    ("bottle", 3.2, 1.2, 6.2, 3.2, 5.7),
    ("chair", 3.2, 1.8, 5.0, 3.3, 5.1),
    ("dining table", 2.1, 1.0, 3.6, 3.2, 2.3),
    ("car", 1.6, 0.68, 2.8, 1.8, 6.0),
    ("keyboard", 1.1, 0.05, 3.5, 1.1, 1.9),
    ("truck", 0.68, 0.03, 2.3, 0.72, 11.0),
    ("hair drier", 0.26, 0.0, 1.7, 0.26, 2.3),
    ("dog", 0.05, 0.0, 0.49, 0.10, 0.9),
    ("carrot", 0.86, 0.03, 3.0, 0.86, 1.0),
]


@pytest.mark.parametrize(
    ("x", "a", "b", "expected"),
    [
        (0.5, 1, 1, 0.5),
        (0.25, 2, 1, 0.0625),
        (0.3, 2, 5, 0.579825),  # 1 - sum of binomial terms, exact
        (0.5, 7.5, 7.5, 0.5),
        (0.1, 0.5, 0.5, 2 / math.pi * math.asin(math.sqrt(0.1))),
        (0.9, 1, 3, 1 - 0.1**3),
        (0.0, 3, 4, 0.0),
        (1.0, 3, 4, 1.0),
    ],
)
def test_the_beta_distribution_function_has_its_closed_forms(x: float, a: float, b: float, expected: float) -> None:
    assert beta_cdf(x, a, b) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("a", "b"), [(1, 1), (0.5, 120), (17.2, 234.8), (0.26, 99.74), (400, 3)])
@pytest.mark.parametrize("share", [0.025, 0.5, 0.975])
def test_a_quantile_inverts_the_distribution_function(a: float, b: float, share: float) -> None:
    x = beta_quantile(share, a, b)
    assert 0 <= x <= 1
    assert beta_cdf(x, a, b) == pytest.approx(share, abs=1e-6)


def test_the_limits_in_the_table_are_the_quantiles() -> None:
    table = TABLE.read_text("utf-8")
    assert with_limits(table) == table
    assert with_limits(table.replace("\t152\t10\t", "\t152\t11\t")) != table


@pytest.mark.parametrize(("name", "mean", "low", "high", "before", "arguable"), REPORTED)
def test_the_figures_are_those_of_the_study(
    name: str, mean: float, low: float, high: float, before: float, arguable: float
) -> None:
    """The published table has two significant digits."""
    found = figure(rechecks()[name], many=1.0, captions=True)
    for value, expected in ((found.point, mean), (found.low, low), (found.high, high), (found.arguable, arguable)):
        assert 100 * value == pytest.approx(expected, rel=0.05, abs=0.04)
    assert 100 * figure(rechecks()[name], many=1.0, captions=False).point == pytest.approx(before, rel=0.05, abs=0.02)


def test_the_printed_example_of_the_study() -> None:
    """person: about 3.9 % (1.6-10.2 %) at 30 % of images with three classes or more."""
    (match,), whole = expected_contamination(match_classes(["person"]), few_classes_share=0.7, captions=True)
    found = match.expected_contamination
    assert found is not None
    assert whole == found
    assert [round(100 * value, 1) for value in (found.point, found.low, found.high)] == [4.0, 1.6, 10.2]


def test_several_categories_add_up_as_chances_and_the_whole_counts_each_once() -> None:
    matches, whole = expected_contamination(match_classes(["car", "bus", "cars"]), few_classes_share=0, captions=True)
    car, bus = matches[0].expected_contamination, matches[1].expected_contamination
    assert car is not None
    assert bus is not None
    assert whole is not None
    assert whole.point == pytest.approx(1 - (1 - car.point) * (1 - bus.point))


def test_a_name_that_nothing_covers_gets_a_warning_and_no_percentage() -> None:
    (match,), whole = expected_contamination(match_classes(["pothole"]), few_classes_share=0.5, captions=True)
    assert whole is None
    assert match.expected_contamination is None
    assert any("unlabelled pothole" in warning for warning in match.warnings)


def test_every_category_has_a_recheck() -> None:
    assert len(rechecks()) == 80
    assert sum(r.checked for r in rechecks().values()) == 3627
    assert sum(r.caption_checked for r in rechecks().values()) == 149


def test_verified__images_count_as_right_up_to_what_is_known_of_that() -> None:
    matches = match_classes(["person", "pedestrian", "dog"])

    def figures(**verified: float) -> tuple[Contamination, ...]:
        filled, whole = expected_contamination(matches, few_classes_share=0.5, captions=True, verified=verified)
        assert whole is not None
        return (*(match.expected_contamination for match in filled if match.expected_contamination), whole)

    before, half, every = figures(), figures(person=0.5), figures(person=1.0, pedestrian=1.0, dog=1.0)
    assert half[0].point == pytest.approx(before[0].point / 2)
    assert half[1:3] == before[1:3]
    assert half[3] == before[3], "the category of two classes is as good as the worse verified one"
    for was, now in zip(before, every, strict=True):
        assert (now.point, now.low, now.arguable) == (0, 0, was.arguable)
        assert now.high <= was.high
    assert every[0].high == pytest.approx(VERIFIED_HIGH)
