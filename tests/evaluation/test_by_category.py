"""False-alarm rates by what is in the images: counted, and only where there are enough images."""

from __future__ import annotations

import numpy as np
import pytest

from yolobg.evaluation.by_category import FEWEST, BackgroundContents, by_category
from yolobg.evaluation.figures import Side
from yolobg.evaluation.intervals import wilson
from yolobg.evaluation.truth import Truth
from yolobg.scoring.detections import Scored, sorted_detections

IMAGES = 100


def side(name: str, *flagged: range) -> Side:
    """A side whose runs fire at 0.6 on these backgrounds and at 0.2 on all others; there is one labelled image."""
    truth = Truth(("v.jpg",), ((9, 9),), np.array([0]), np.array([0]), np.array([[0.0, 0.0, 9.0, 9.0]]))
    scored = []
    for places in flagged:
        image = np.arange(1, IMAGES + 1)
        score = np.where(np.isin(image - 1, list(places)), 0.6, 0.2)
        zeros = np.zeros(IMAGES, dtype=np.int64)
        found = sorted_detections(image, zeros, np.full((IMAGES, 4), 5.0), score)
        scored.append(Scored(name, name, "", found, 0.2))
    return Side.of("before" if name == "before" else "after", scored, truth, backgrounds=IMAGES, classes=1)


# Cats are in 0-59, dogs in 30-69, chairs in 70-99, an owl, which is in no group, in 0-28.
CONTENTS = BackgroundContents(
    [
        [*["cat"] * (at < 60), *["dog"] * (30 <= at < 70), *["chair"] * (at >= 70), *["owl"] * (at < FEWEST - 1)]
        for at in range(IMAGES)
    ],
    {"cat": "animal", "dog": "animal", "chair": "furniture"},
)


def test_rates__are_counted_by_category_and_group_with_enough_images() -> None:
    found = by_category([side("before", range(40)), side("after", range(10))], CONTENTS, 0.5)
    rows = [(row.category, row.kind, row.images, row.before.rate, row.after and row.after.rate) for row in found.rows]
    assert rows == [
        ("animal", "supercategory", 70, pytest.approx(40 / 70), pytest.approx(10 / 70)),
        ("furniture", "supercategory", 30, 0.0, 0.0),
        ("cat", "category", 60, pytest.approx(40 / 60), pytest.approx(10 / 60)),
        ("dog", "category", 40, pytest.approx(10 / 40), 0.0),
        ("chair", "category", 30, 0.0, 0.0),
    ]
    assert (found.rows[0].before.low, found.rows[0].before.high) == wilson(40, 70)


def test_rates__are_means_over_runs_at_the_confidence_asked_for() -> None:
    one = by_category([side("before", range(40), range(20))], CONTENTS, 0.5).rows[0]
    assert one.before.rate == pytest.approx(30 / 70)
    assert one.after is None
    assert by_category([side("before", range(40))], CONTENTS, 0.1).rows[0].before.rate == 1.0


def test_rates__of_sources_without_categories_are_none() -> None:
    assert by_category([side("before", range(40))], BackgroundContents([[]] * IMAGES, {}), 0.5).rows == ()
