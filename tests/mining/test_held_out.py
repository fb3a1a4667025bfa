"""COCO's val2017 is never chosen from: by the place of a source, by an image's address, by the folders in its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from yolobg.errors import UsageError
from yolobg.mining.held_out import check_origin, is_held_out
from yolobg.model import ImageRecord, Origin


@pytest.mark.parametrize(
    ("file_name", "address", "held_out"),
    [
        ("000000000139.jpg", "http://images.cocodataset.org/val2017/000000000139.jpg", True),
        ("000000000009.jpg", "http://images.cocodataset.org/train2017/000000000009.jpg", False),
        ("val2017/000000000139.jpg", "", True),
        ("images\\val2017\\a.jpg", "", True),
        ("coco/VAL2017/a.jpg", "", True),
        ("val2017.jpg", "", False),
        ("interval2017/a.jpg", "", False),
        ("a.jpg", "", False),
    ],
)
def test_record__is_held_out(file_name: str, address: str, held_out: bool) -> None:
    assert is_held_out(ImageRecord(1, file_name, 10, 10, coco_url=address)) is held_out


@pytest.mark.parametrize(
    "origin",
    [
        Origin("x", folders=(Path("/data/coco/val2017"),)),
        Origin("x", bases=("http://images.cocodataset.org/val2017",)),
        Origin("x", folders=(Path("/data/train2017"),), bases=("https://example.org/val2017/",)),
    ],
)
def test_origin__that_is_held_out_is_refused(origin: Origin) -> None:
    with pytest.raises(UsageError, match="val2017"):
        check_origin(origin)
    check_origin(Origin("x", folders=(Path("/data/train2017"),), bases=("https://example.org/val2017s",)))
