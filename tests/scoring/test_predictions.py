"""Which image a prediction is about, and which class."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from yolobg.errors import AnnotationsError
from yolobg.scoring.detections import MOST_PER_CLASS, sorted_detections
from yolobg.scoring.predictions import ImageIndex, read_predictions

IMAGES = ("/d/val/000000000139.jpg", "/d/val/night/a.png", "/d/val/day/a.png", "C:\\frames\\b c.jpg", "/d/12.v2.png")
INDEX = ImageIndex(IMAGES, {4711: 3})


@pytest.mark.parametrize(
    ("image_id", "file_name", "places"),
    [
        (139, None, [0]),
        ("000000000139", None, [0]),
        ("000000000139.jpg", None, [0]),
        (None, "000000000139.jpg", [0]),
        (None, "anywhere/000000000139.jpg", [0]),
        (1, "000000000139.jpg", [0]),
        ("a", None, [1, 2]),
        (None, "a.png", [1, 2]),
        (None, "night/a.png", [1]),
        (None, "day\\a.png", [2]),
        (None, "./day/a.png", [2]),
        (None, "/d/val/day/a.png", [2]),
        (None, "dusk/a.png", []),
        ("b c", None, [3]),
        (4711, None, [3]),
        ("12.v2", None, [4]),
        (12, None, []),
        ("A", None, []),
    ],
)
def test_index__finds_the_image_that_is_meant(image_id: Any, file_name: str | None, places: list[int]) -> None:
    assert INDEX.find(image_id, file_name) == places


def predictions(tmp_path: Path, *categories: int, name: str = "000000000139.jpg") -> Path:
    rows = [{"file_name": name, "category_id": c, "bbox": [0, 0, 1, 1], "score": 0.5} for c in categories]
    file = tmp_path / "p.json"
    file.write_text(json.dumps(rows), "utf-8")
    return file


@pytest.mark.parametrize(
    ("classes", "used", "read"),
    [
        (3, (0, 1), [0, 1]),
        (3, (0, 2), [0, 2]),
        (3, (1, 3), [0, 2]),
        (3, (3,), [2]),
        (1, (1, 1), [0, 0]),
        (1, (0,), [0]),
        (3, (), []),
    ],
)
def test_categories__are_settled_by_any_zero_or_by_the_last_class(
    tmp_path: Path, classes: int, used: tuple[int, ...], read: list[int]
) -> None:
    scored = read_predictions(predictions(tmp_path, *used), INDEX, classes=classes)
    assert sorted(scored.detections.category.tolist()) == read


@pytest.mark.parametrize(("said", "read"), [(0, [1, 2]), (1, [0, 1])])
def test_categories__that_are_not_settled_are_asked_for(tmp_path: Path, said: int, read: list[int]) -> None:
    file = predictions(tmp_path, 1, 2)
    with pytest.raises(AnnotationsError, match="--categories 0 or --categories 1"):
        read_predictions(file, INDEX, classes=3)
    assert read_predictions(file, INDEX, classes=3, categories=said).detections.category.tolist() == read


@pytest.mark.parametrize("used", [(9,), (-1,), (10**23,), (1, 9), (-1, 1)])
def test_categories__that_are_not_the_datasets_are_said_to_be(tmp_path: Path, used: tuple[int, ...]) -> None:
    with pytest.raises(AnnotationsError, match=r"not the dataset's 3 classes \(0 to 2, or 1 to 3\)") as caught:
        read_predictions(predictions(tmp_path, *used), INDEX, classes=3)
    assert "--categories" not in str(caught.value)


def test_a_name_of_two_images__is_asked_for_with_its_folders(tmp_path: Path) -> None:
    with pytest.raises(AnnotationsError, match="with its folders"):
        read_predictions(predictions(tmp_path, 0, name="a.png"), INDEX, classes=1)


def test_detections__the_best_hundred_of_each_class_and_image_stay() -> None:
    count = MOST_PER_CLASS + 20
    random = np.random.default_rng(0)
    score = random.random(3 * count)
    image, category = np.repeat([0, 0, 1], count), np.repeat([0, 1, 0], count)
    found = sorted_detections(image, category, np.zeros((3 * count, 4)), score)
    assert len(found.score) == 3 * MOST_PER_CLASS
    for start, rows in ((0, slice(0, count)), (1, slice(count, 2 * count)), (2, slice(2 * count, None))):
        part = found.score[start * MOST_PER_CLASS : (start + 1) * MOST_PER_CLASS]
        assert part.tolist() == sorted(score[rows], reverse=True)[:MOST_PER_CLASS]
    empty = sorted_detections(image[:0], category[:0], np.zeros((0, 4)), score[:0])
    assert empty.box.shape == (0, 4)
