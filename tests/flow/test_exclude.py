"""`--exclude`: what it leaves out beside the category that it names is said, and so is that it can do nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from download_pictures import picture
from one_image import one_image_dataset

import yolobg
from yolobg.errors import PoolError
from yolobg.results import Stale


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return one_image_dataset(tmp_path / "ds", "zebra")


def told(dataset: Path, **options: Any) -> tuple[list[str], int]:
    report = yolobg.plan(dataset, **{"count": 2, "fast": True, **options}).report
    left_out = report.source.left_out if report.source is not None else None
    return [text for text in report.warnings if "--exclude" in text], left_out.class_ if left_out else 0


def test_exclude__names_what_is_left_out_as_easily_confused(dataset: Path) -> None:
    plain, without = told(dataset)
    (note,), wide = told(dataset, exclude=["truck"])
    lean_notes, narrow = told(dataset, exclude=["truck"], lean=True)
    assert plain == lean_notes == []
    assert "--exclude truck also leaves out" in note
    assert all(name in note for name in ("bus", "car", "--lean"))
    assert without < narrow < wide


def test_exclude__of_a_folder_that_says_nothing_of_its_images_is_told(dataset: Path, tmp_path: Path) -> None:
    (tmp_path / "pool").mkdir()
    for n in range(3):
        (tmp_path / "pool" / f"p{n}.jpg").write_bytes(picture(10 + n))
    (note,), _ = told(dataset, exclude=["truck"], fast=False, source=str(tmp_path / "pool"), unlabelled=True)
    assert "--exclude has no effect" in note
    assert "pool" in note


def test_exclude__with_lean_what_is_confused_stays_also_when_it_is_looked_at_again(
    dataset: Path, tmp_path: Path
) -> None:
    """A source with nothing but buses: with `lean` they come in and still qualify, without it they do not."""
    (tmp_path / "pool").mkdir()
    for n in range(3):
        (tmp_path / "pool" / f"p{n}.jpg").write_bytes(picture(10 + n))
    records = {
        "images": [{"id": n, "file_name": f"p{n}.jpg"} for n in range(3)],
        "annotations": [{"id": n, "image_id": n, "category_id": 1, "bbox": [1, 1, 5, 5]} for n in range(3)],
        "categories": [{"id": 1, "name": "bus"}, {"id": 2, "name": "truck"}],
    }
    (tmp_path / "pool.json").write_text(json.dumps(records))
    source: dict[str, Any] = {"annotations": tmp_path / "pool.json", "images": [tmp_path / "pool"], "count": 3}
    with pytest.raises(PoolError):
        yolobg.augment(dataset, exclude=["truck"], **source)
    yolobg.augment(dataset, exclude=["truck"], lean=True, **source)
    # Another class, so that they are judged anew.
    (dataset / "data.yaml").write_text("names: [zebra, giraffe]\ntrain: images/train\nval: images/train\n")
    assert yolobg.status(dataset).stale == Stale()
    assert yolobg.augment(dataset, exclude=["truck"], lean=True, recheck=True, **source).stale.images == ()
    wide = yolobg.plan(dataset, exclude=["truck"], **source).report.stale.images
    assert [one.reason for one in wide] == ["contains bus"] * 3
