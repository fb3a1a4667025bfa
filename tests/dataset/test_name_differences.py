"""A file that is there under nearly the name of a record is told, with the difference."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from download_pictures import picture
from inventories import make

import yolobg
from yolobg.dataset.name_differences import nearly_called
from yolobg.errors import YolobgError

CASES = [
    ("caf\u00e9.jpg", "cafe\u0301.jpg", "NFC or NFD"),
    ("cafe\u0301.jpg", "caf\u00e9.jpg", "NFC or NFD"),
    ("caf%C3%A9.jpg", "caf\u00e9.jpg", "percent signs"),
    ("a%20b.jpg", "a b.jpg", "percent signs"),
    ("a b.jpg", "a%20b.jpg", "percent signs"),
    ("day%201/a.jpg", "day 1/a.jpg", "percent signs"),
    ("a.jpg", "A.JPG", "letter case"),
    ("a.jpg", "a.png", "the suffix"),
    ("a b.jpg", "a_b.jpg", "blanks"),
    ("caf\u00c3\u00a9.jpg", "caf\u00e9.jpg", "text encoding"),
    ("a_jpg.rf.0123456789abcdef.jpg", "a.jpg", "than one thing"),
    ("0a1b2c3d-a.jpg", "a.jpg", "Label Studio"),
    ("7.jpg", "007.jpg", "leading zeros"),
]


@pytest.mark.parametrize(("wanted", "there", "cause"), CASES)
def test_nearly_called__finds_it_and_says_the_difference(tmp_path: Path, wanted: str, there: str, cause: str) -> None:
    (tmp_path / there).parent.mkdir(exist_ok=True)
    (tmp_path / there).touch()
    (tmp_path / "other.jpg").touch()
    # Where letter case or accents do not tell names apart, the wanted file is there and there is nothing to say.
    if (tmp_path / wanted).exists():
        pytest.skip("one name on this file system")
    said = nearly_called(wanted, [str(tmp_path / "gone"), str(tmp_path)])
    assert cause in said
    assert "is there" in said


def test_nearly_called__says_nothing_of_others(tmp_path: Path) -> None:
    (tmp_path / "b.jpg").touch()
    for name in ("b.jpg", "a.jpg", "x/b.jpg", "", "..", "b\0.jpg"):
        assert nearly_called(name, [str(tmp_path)]) == ""


def write(root: Path, name: str, there: str) -> Path:
    (root / "images").mkdir(parents=True)
    (root / "images" / there).write_bytes(picture(1))
    records = {
        "images": [{"id": 1, "file_name": name, "width": 64, "height": 48}],
        "annotations": [],
        "categories": [{"id": 1, "name": "dog"}],
    }
    (root / "instances_train.json").write_text(json.dumps(records))
    return root / "instances_train.json"


# macOS finds a file by either form of its accents.
@pytest.mark.skipif(sys.platform == "darwin", reason="one name on this file system")
@pytest.mark.parametrize("name", ["cafe\u0301.jpg", "caf%C3%A9.jpg"])
def test_conversion_and_plan__tell_it(tmp_path: Path, name: str) -> None:
    file = write(tmp_path / "src", name, "caf\u00e9.jpg")
    make(tmp_path / "ds", images=["images/train/a.jpg"], labels={"labels/train/a.txt": "0 0.5 0.5 0.1 0.1\n"})
    with pytest.raises(YolobgError, match="is there: the difference is"):
        yolobg.convert(file, tmp_path / "out", to="yolo", images_in=[file.parent / "images"])
    with pytest.raises(YolobgError, match="is there: the difference is"):
        yolobg.plan(tmp_path / "ds", annotations=file, images=[file.parent / "images"], count=1)
