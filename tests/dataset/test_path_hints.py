"""A path in data.yaml that leads to nothing is told with the likely reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from download_pictures import picture
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


def listed(root: Path, lines: str, cwd: Path) -> str:
    """What is told of a train list with these lines, read in another folder."""
    (root / "images/train").mkdir(parents=True)
    (root / "images/train/a.jpg").write_bytes(b"")
    (root / "train.txt").write_text(lines)
    (root / "data.yaml").write_text("train: train.txt\nval: images/train\nnames: [dog]\n")
    cwd.mkdir(exist_ok=True)
    try:
        return " ".join(scan_split(read_data_yaml(root / "data.yaml", cwd=cwd), "train", cwd=cwd).warnings)
    except DatasetError as error:
        return str(error)


@pytest.mark.parametrize(
    "line", ['"./images/train/a.jpg"', "'images/train/a.jpg'", "./images/train/a.jpg 0", "images/train/a.jpg,dog", "a"]
)
def test_list__without_one_image_names_a_line_and_no_permissions(tmp_path: Path, line: str) -> None:
    told = listed(tmp_path / "ds", f"\n{line}\n{line}\n", tmp_path / "elsewhere")
    assert f"line '{line}' of {tmp_path / 'ds' / 'train.txt'} names no image" in told
    assert "ermission" not in told


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("~/ds/images/train/a.jpg", "neither ~ nor variables"),
        ("$HOME/images/train/a.jpg", "neither ~ nor variables"),
        ("./${DATA}/a.jpg", "neither ~ nor variables"),
        ("%USERPROFILE%/a.jpg", "neither ~ nor variables"),
        pytest.param("images\\train\\a.jpg", "it has backslashes, which separate", marks=POSIX),
        pytest.param(".\\images\\train\\a.jpg", "it has backslashes, which separate", marks=POSIX),
        pytest.param("./images\\train\\a.jpg", "it has backslashes, which separate", marks=POSIX),
        ("images/train/a.jpg", "relative to the current folder"),
    ],
)
def test_list__lines_that_lead_nowhere_get_the_hints_of_keys(tmp_path: Path, line: str, words: str) -> None:
    assert words in listed(tmp_path / "ds", f"{line}\n", tmp_path / "elsewhere")


def test_list__lines_that_lead_to_images_get_no_hint(tmp_path: Path) -> None:
    assert listed(tmp_path / "ds", "./images/train/a.jpg\n", tmp_path / "elsewhere") == ""


OTHER_YAML = {
    "dvc.yaml": "stages: {train: {cmd: python x}}",
    "params.yaml": "train:\n  lr: 0.1\n  epochs: 3",
    "args.yaml": "task: detect\ntrain: true\nval: true\nnames: null",
    "model.yaml": "nc: 3\nbackbone: [[-1, 1, Conv, [64, 3, 2]]]\nhead: []",
    "named.yaml": "nc: 1\nnames: [a]\nbackbone: []\nhead: []",
}


@pytest.mark.parametrize("names", [[name] for name in OTHER_YAML] + [list(OTHER_YAML)])
def test_yaml__of_other_programs_hides_no_data_yaml_and_blocks_no_pictures(tmp_path: Path, names: list[str]) -> None:
    said(tmp_path / "ds", "train: images/train", tmp_path)
    for name in names:
        (tmp_path / "ds" / name).write_text(OTHER_YAML[name])
    assert read_data_yaml(tmp_path / "ds").file == tmp_path / "ds" / "data.yaml"
    assert yolobg.status(tmp_path / "ds").before.images == 1
    pool = tmp_path / "pool"
    pool.mkdir()
    (pool / "b.jpg").write_bytes(picture(7))
    for name in names:
        (pool / name).write_text(OTHER_YAML[name])
    source = yolobg.plan(tmp_path / "ds", source=str(pool), count=2).report.source
    assert source is not None
    assert source.images == 1


def test_yaml__two_datasets_are_asked_about(tmp_path: Path) -> None:
    said(tmp_path / "ds", "train: images/train", tmp_path)
    (tmp_path / "ds" / "more.yaml").write_bytes((tmp_path / "ds" / "data.yaml").read_bytes())
    with pytest.raises(DatasetError, match="2 YAML files here"):
        yolobg.status(tmp_path / "ds")
