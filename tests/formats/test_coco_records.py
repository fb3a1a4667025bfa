"""A COCO file as `convert` reads it: whole, from a memory map."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from yolobg.errors import DatasetError
from yolobg.formats.coco_read import read_coco

FILE: dict[str, Any] = {
    "images": [{"id": 1, "file_name": "a.jpg", "width": 64, "height": 48}],
    "annotations": [{"id": 1, "image_id": 1, "category_id": 7, "bbox": [1, 2, 3, 4]}],
    "categories": [{"id": 7, "name": "dog"}],
}


@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf", b"\n \t"])
def test_coco__is_read_after_a_byte_order_mark_and_blanks(tmp_path: Path, before: bytes) -> None:
    file = tmp_path / "instances_train.json"
    file.write_bytes(before + json.dumps({"info": "}, {", **FILE, "x": [{}]}).encode())
    (item,) = read_coco(file).items()
    assert len(item.shapes) == 1
    file.unlink()  # nothing keeps it open, not even on Windows


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"images": [*FILE["images"], {"id": 1, "file_name": "b.jpg"}]}, "two images have the same id"),
        (
            {"annotations": [*FILE["annotations"], {"image_id": 2}]},
            r"annotations\[1\]\.image_id: 2 is not in images \(1 annotation of 1 such image\)",
        ),
        ({"annotations": [*FILE["annotations"], {"image_id": 2**64}]}, "not a COCO annotations file"),
        ({"annotations": [*FILE["annotations"], {"image_id": None}]}, "not a COCO annotations file"),
        ({"annotations": [*FILE["annotations"], 5]}, "not a COCO annotations file"),
        ({"annotations": [{**FILE["annotations"][0], "keypoints": [1, 2, 2, 3]}]}, "key points are not x, y and"),
        ({"annotations": None}, "not a COCO annotations file"),
    ],
)
def test_coco__says_what_is_wrong_with_a_file(tmp_path: Path, changed: dict[str, Any], said: str) -> None:
    file = tmp_path / "instances_train.json"
    file.write_text(json.dumps({**FILE, **changed}), encoding="utf-8")
    with pytest.raises(DatasetError, match=said):
        list(read_coco(file).items())
    file.unlink()
