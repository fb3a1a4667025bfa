"""Conversions of real COCO records."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import pytest
from pycocotools.coco import COCO
from real_datasets import CocoReal

from yolobg.formats.convert import convert, open_contents
from yolobg.formats.registry import OWN, all_formats


@pytest.fixture
def real(coco_real: Path) -> CocoReal:
    return CocoReal(coco_real)


@pytest.mark.parametrize(
    "name", [n if n in OWN else pytest.param(n, marks=pytest.mark.datumaro) for n in all_formats()]
)
def test_convert__real_records_to_every_format_and_back_to_coco(tmp_path: Path, real: CocoReal, name: str) -> None:
    target = all_formats()[name]
    wish = {"polygons": "to-boxes"}
    wish |= {} if target.crowds else {"crowds": "drop"}
    wish |= {} if target.classes else {"class_order": "lose"}
    there = convert(real.folder, tmp_path / "there", to=name, **wish)  # type: ignore[arg-type]
    back = convert(tmp_path / "there", tmp_path / "back", to="coco", from_=name)
    objects = [row for row in real.instances["annotations"] if not row["iscrowd"]]
    assert there.before.images == back.after.images == len(real.instances["images"])
    assert there.after.boxes == back.after.boxes == len(objects)
    assert there.after.backgrounds == back.after.backgrounds

    split = next(iter(back.after.splits))
    written = json.loads((tmp_path / "back" / "annotations" / f"instances_{split}.json").read_text())
    names = {row["id"]: row["name"] for row in written["categories"]}
    theirs = {row["id"]: row["name"] for row in real.instances["categories"]}
    files = {row["id"]: row["file_name"] for row in written["images"]}
    originals = {row["id"]: str(row["file_name"]) for row in real.instances["images"]}
    digits = target.pixel_digits
    tolerance = 0.025 if digits else 1e-3
    left = sorted((originals[r["image_id"]], theirs[r["category_id"]], r["bbox"]) for r in objects)
    right = sorted(
        (files[r["image_id"]], names[r["category_id"]], r["bbox"]) for r in written["annotations"] if not r["iscrowd"]
    )
    assert [row[:2] for row in left] == [row[:2] for row in right]
    for (_, _, one), (_, _, other) in zip(left, right, strict=True):
        assert max(abs(a - b) for a, b in zip(one, other, strict=True)) <= tolerance  # type: ignore[call-overload]


def test_convert__real_outlines_as_pycocotools_reads_them(tmp_path: Path, real: CocoReal) -> None:
    report = convert(real.folder, tmp_path / "yolo", to="yolo", polygons="parts", crowds="drop")
    assert report.after.polygons == sum(
        len(row["segmentation"])  # type: ignore[arg-type,misc]
        for row in real.instances["annotations"]
        if not row["iscrowd"]
    )
    convert(real.folder, tmp_path / "coco", to="coco", images="none")
    with contextlib.redirect_stdout(io.StringIO()):
        one, other = COCO(str(real.annotations)), COCO(str(tmp_path / "coco/annotations/instances_train2017.json"))
    assert one.getCatIds() == other.getCatIds()
    assert sorted(one.getImgIds()) == sorted(other.getImgIds())
    for image_id in one.getImgIds():
        left, right = (coco.loadAnns(coco.getAnnIds(imgIds=image_id)) for coco in (one, other))
        assert [(a["category_id"], a["iscrowd"]) for a in left] == [(a["category_id"], a["iscrowd"]) for a in right]
        for a, b in zip(left, right, strict=True):
            assert b["bbox"] == pytest.approx(a["bbox"], abs=1e-5)
            if a["iscrowd"]:
                assert a["segmentation"] == b["segmentation"]
            else:
                flat = [[v for ring in r["segmentation"] for v in ring] for r in (a, b)]
                assert flat[1] == pytest.approx(flat[0], abs=1e-5)


def test_convert__keeps_some_classes_in_their_order(tmp_path: Path, real: CocoReal) -> None:
    report = convert(
        real.folder, tmp_path / "x", to="yolo", classes=("dog", "person"), polygons="to-boxes", crowds="drop"
    )
    assert report.after.classes == {0: "person", 1: "dog"}
    ids = {row["id"] for row in real.instances["categories"] if row["name"] in ("dog", "person")}
    wanted = [r for r in real.instances["annotations"] if r["category_id"] in ids and not r["iscrowd"]]
    assert report.after.boxes == len(wanted)
    assert report.after.backgrounds == len(real.instances["images"]) - len({str(r["image_id"]) for r in wanted})
    contents = open_contents(tmp_path / "x", OWN["yolo"])
    assert contents.names == {0: "person", 1: "dog"}
