"""Classes without an object, above all the one that Roboflow puts above the others: said, left out on request."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from yolobg.errors import UsageError
from yolobg.formats.convert import convert
from yolobg.formats.registry import all_formats

FORMATS = all_formats()
ALL = [name if format_.own else pytest.param(name, marks=pytest.mark.datumaro) for name, format_ in FORMATS.items()]
ROOTS: dict[str, list[dict[str, Any]]] = {
    "a name of its own": [
        {"id": 0, "name": "animals", "supercategory": "none"},
        {"id": 1, "name": "cat", "supercategory": "animals"},
        {"id": 2, "name": "dog", "supercategory": "animals"},
    ],
    "the name of a class": [
        {"id": 0, "name": "dog", "supercategory": "none"},
        {"id": 1, "name": "cat", "supercategory": "dog"},
        {"id": 2, "name": "dog", "supercategory": "dog"},
    ],
}


def source(root: Path, categories: list[dict[str, Any]], *used: int) -> Path:
    (root / "train").mkdir(parents=True)
    Image.new("RGB", (60, 40)).save(root / "train" / "a.jpg")
    told = {
        "images": [{"id": 0, "file_name": "a.jpg", "width": 60, "height": 40}],
        "annotations": [
            {"id": i, "image_id": 0, "category_id": number, "bbox": [5, 5, 10, 10], "area": 100, "iscrowd": 0}
            for i, number in enumerate(used)
        ],
        "categories": categories,
    }
    (root / "train" / "_annotations.coco.json").write_text(json.dumps(told))
    return root


def needed(name: str) -> dict[str, Any]:
    return {} if FORMATS[name].classes else {"class_order": "lose"}


@pytest.mark.parametrize("to", ALL)
@pytest.mark.parametrize("root", ROOTS)
def test_convert__roboflows_root_is_said_and_left_out_on_request(tmp_path: Path, to: str, root: str) -> None:
    made = source(tmp_path / "source", ROOTS[root], 1, 2)
    name = ROOTS[root][0]["name"]
    if FORMATS[to].named and root == "the name of a class":
        with pytest.raises(UsageError, match=r"2 classes called 'dog' \(ids 0, 2\).*--drop-unused"):
            convert(made, tmp_path / "out", to=to, **needed(to))
    else:
        report = convert(made, tmp_path / "out", to=to, **needed(to))
        assert any(f"class 0 '{name}' has no object" in warning for warning in report.warnings)
        if FORMATS[to].classes:
            assert [*report.after.classes.values()] == [name, "cat", "dog"]
    report = convert(made, tmp_path / "dropped", to=to, drop_unused=True, **needed(to))
    assert report.after.classes == {0: "cat", 1: "dog"}
    assert report.changes[0] == f"1 class without an object left out: {name}"
    assert not [warning for warning in report.warnings if "no object" in warning]


def test_convert__drop_unused_keeps_classes_of_crowds_and_their_numbers(tmp_path: Path) -> None:
    categories = [{"id": number, "name": f"c{number}"} for number in (3, 7, 9, 12)]
    made = source(tmp_path / "source", categories, 9)
    file = made / "train" / "_annotations.coco.json"
    told = json.loads(file.read_text())
    told["annotations"].append({"id": 9, "image_id": 0, "category_id": 12, "bbox": [1, 1, 5, 5], "iscrowd": 1})
    file.write_text(json.dumps(told))
    report = convert(made, tmp_path / "out", to="coco", drop_unused=True)
    assert report.after.classes == {0: "c9", 1: "c12"}
    written = json.loads((tmp_path / "out/annotations/instances_train.json").read_text())["categories"]
    assert [(category["id"], category["name"]) for category in written] == [(9, "c9"), (12, "c12")]
    assert report.changes == ("2 classes without an object left out: c3, c7",)


def test_convert__a_class_that_others_name_and_objects_have_is_ordinary(tmp_path: Path) -> None:
    report = convert(source(tmp_path / "source", ROOTS["a name of its own"], 0, 1), tmp_path / "out", to="coco")
    assert report.warnings == ()


@pytest.mark.parametrize("to", ["voc", pytest.param("datumaro", marks=pytest.mark.datumaro)])
def test_convert__two_classes_of_one_name_that_both_have_objects_are_refused(tmp_path: Path, to: str) -> None:
    made = source(tmp_path / "source", ROOTS["the name of a class"], 0, 2)
    wishes: tuple[dict[str, Any], ...] = ({}, {"drop_unused": True})
    for wish in wishes:
        with pytest.raises(UsageError, match=r"2 classes called 'dog'.*rename them in the source"):
            convert(made, tmp_path / "out", to=to, **wish)
    assert convert(made, tmp_path / "yolo", to="yolo").after.classes == {0: "dog", 1: "cat", 2: "dog"}


@pytest.mark.parametrize("box", [[5, 5, 0, 10], [5, 5, 10, 0], [5, 5, 0, 0]])
@pytest.mark.parametrize("to", ["yolo", "coco", "voc", "yolo_darknet"])
def test_convert__objects_without_width_or_height_are_told(tmp_path: Path, to: str, box: list[float]) -> None:
    made = source(tmp_path / "source", ROOTS["a name of its own"][1:], 1, 2)
    file = made / "train" / "_annotations.coco.json"
    told = json.loads(file.read_text())
    told["annotations"][0]["bbox"] = box
    file.write_text(json.dumps(told))
    report = convert(made, tmp_path / "out", to=to)
    assert report.after.boxes == 2
    assert "1 object has no width or no height, e.g. in train/a.jpg; kept as they are" in report.warnings
