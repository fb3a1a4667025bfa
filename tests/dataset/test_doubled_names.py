"""Classes that share a name are told, wherever class names matter."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from download_pictures import picture
from inventories import make

import yolobg
from yolobg.dataset.doubled_names import doubled_names

FILE = Path("data.yaml")


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["car", "bus", "car"], "0 and 2 share the name 'car'"),
        (["car", "bus", "car "], "0 and 2 share the name 'car'"),
        (["caf\u00e9", "cafe\u0301"], "0 and 1 share the name 'caf\u00e9'"),
        (["", "x", "  "], "0 and 2 share the name ''"),
        (["a", "b", "b", "a"], "0 and 3 share the name 'a'; 1 and 2 share the name 'b'"),
        (["x"] * 9, "0, 1, 2 and 6 more share the name 'x'"),
        ([*"abcde", *"abcde"], "share the name 'c'; and 2 more"),
    ],
)
def test_doubled_names__are_told_with_their_ids(names: list[str], words: str) -> None:
    (said,) = doubled_names(dict(enumerate(names)), FILE)
    assert words in said
    assert said.startswith("data.yaml: key 'names'")


@pytest.mark.parametrize("names", [["car", "bus"], ["A", "a"], ["car", "cars"], ["a b", "ab"]])
def test_doubled_names__others_are_not(names: list[str]) -> None:
    assert doubled_names(dict(enumerate(names)), FILE) == []


@pytest.mark.parametrize("names", ["{0: car, 1: bus, 2: car}", "[car, bus, car]"])
def test_doubled_names__are_told_by_every_command_and_both_are_excluded(tmp_path: Path, names: str) -> None:
    root, pool = tmp_path / "ds", tmp_path / "pool"
    make(root, images=["images/train/a.jpg"], labels={"labels/train/a.txt": "0 0.5 0.5 0.1 0.1\n"})
    (root / "data.yaml").write_text(f"train: images/train\nval: images/train\nnames: {names}\n")
    pool.mkdir()
    for number in range(3):
        (pool / f"{number}.jpg").write_bytes(picture(number))
    records = {
        "images": [{"id": n, "file_name": f"{n}.jpg", "width": 64, "height": 48} for n in range(3)],
        "annotations": [{"id": 1, "image_id": 0, "category_id": 3, "bbox": [1, 1, 5, 5]}],
        "categories": [{"id": 3, "name": "car"}],
    }
    (pool / "source.json").write_text(json.dumps(records))
    plan = yolobg.plan(root, annotations=pool / "source.json", images=[pool], count=2)
    meant = yolobg.classes(root, annotations=pool / "source.json")
    for told in (plan.report.warnings, meant.warnings, yolobg.status(root).warnings):
        assert "classes 0 and 2 share the name 'car'" in " ".join(told)
    assert [[e.coco for e in match.exclude] for match in meant.classes] == [["car"], [], ["car"]]
