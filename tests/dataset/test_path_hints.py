"""A path in data.yaml that leads to nothing is told with the likely reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from inventories import POSIX

import yolobg
from yolobg.dataset.data_yaml import read_data_yaml
from yolobg.dataset.inventory import scan_split
from yolobg.errors import DatasetError


def said(root: Path, text: str, cwd: Path) -> str:
    (root / "images/train").mkdir(parents=True)
    (root / "images/train/a.jpg").write_bytes(b"")
    (root / "data.yaml").write_text(f"{text}\nval: images/train\nnames: [dog]\n")
    cwd.mkdir(exist_ok=True)
    data = read_data_yaml(root / "data.yaml", cwd=cwd)
    try:
        scan_split(data, "train", cwd=cwd)
    except DatasetError as error:
        return str(error)
    return " ".join(data.warnings)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("path: ./\ntrain: images/train", "means the current folder"),
        ("path: .\ntrain: images/train", "means the current folder"),
        ("path: .\ntrain: [images/train]", "means the current folder"),
        ("path: ~/ds\ntrain: images/train", "neither ~ nor variables"),
        ("path: $HOME/ds\ntrain: images/train", "neither ~ nor variables"),
        ("path: ${DATA}\ntrain: images/train", "neither ~ nor variables"),
        ("path: '%USERPROFILE%/ds'\ntrain: images/train", "neither ~ nor variables"),
        ("train: ~/ds/images/train", "neither ~ nor variables"),
    ],
)
def test_hint__names_what_is_written(tmp_path: Path, text: str, words: str) -> None:
    assert words in said(tmp_path / "ds", text, tmp_path / "elsewhere")


@POSIX
@pytest.mark.parametrize("text", ["train: images\\train", "path: C:\\ds\ntrain: images/train"])
def test_hint__backslashes(tmp_path: Path, text: str) -> None:
    assert "backslashes" in said(tmp_path / "ds", text, tmp_path / "elsewhere")


@pytest.mark.parametrize("text", ["train: images/train", "path: .\ntrain: images/train", "train: ../images/train"])
def test_hint__none_where_the_path_is_there(tmp_path: Path, text: str) -> None:
    root = tmp_path / "ds"
    hints = said(root, text, root)
    assert not any(word in hints for word in ("means the current", "expand", "backslashes"))


def test_classes__of_annotations_need_no_images(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text(
        '{"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": [{"image_id": 1, "category_id": 1}],'
        ' "categories": [{"id": 1, "name": "dog"}]}'
    )
    report = yolobg.classes(names=["dog"], annotations=tmp_path / "s.json")
    assert report.excluded == ("dog",)
    assert report.source is not None
    assert (report.source.images, report.source.eligible) == (1, 0)
