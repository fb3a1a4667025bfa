"""Splits that a dataset names and does not have: what is there is converted, and one line says what is not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from format_data import picture

import yolobg
from yolobg.errors import DatasetError
from yolobg.formats.convert import convert
from yolobg.formats.place_images import Images


def roboflow(root: Path) -> Path:
    """An export of Roboflow, which names a test split also where there is none."""
    for split in ("train", "valid"):
        (root / split / "labels").mkdir(parents=True)
        (root / split / "images").mkdir()
        for number in range(3):
            picture(root / split / "images" / f"{split}{number}.jpg", number + 7 * (split == "valid"))
            (root / split / "labels" / f"{split}{number}.txt").write_text("0 .5 .5 .2 .2\n" if number else "")
    keys = "train: ../train/images\nval: ../valid/images\ntest: ../test/images\n"
    (root / "data.yaml").write_text(f"{keys}nc: 1\nnames: ['dog']\n")
    return root


@pytest.mark.parametrize(
    ("change", "missing", "images"),
    [
        (lambda _root: None, ["test"], 6),
        (lambda root: (root / "test" / "images").mkdir(parents=True), ["test"], 6),
        (lambda root: shutil.rmtree(root / "valid"), ["test", "val"], 3),
        (lambda root: (root / "test").write_text("x"), ["test"], 6),
    ],
    ids=["no folder", "an empty folder", "two of them", "a file in its way"],
)
def test_convert__splits_without_images_are_left_out_and_said(
    tmp_path: Path, change: Callable[[Path], object], missing: list[str], images: int
) -> None:
    root = roboflow(tmp_path / "rf")
    change(root)
    report = convert(root, tmp_path / "out", to="coco")
    assert report.after.images == images
    assert not {*report.after.splits} & {*missing}
    assert [warning.split("'")[1] for warning in report.warnings if "left out" in warning] == sorted(
        missing, key=["train", "val", "test"].index
    )


def test_convert__a_list_that_is_not_there_is_left_out_and_said(tmp_path: Path) -> None:
    root = roboflow(tmp_path / "rf")
    (root / "data.yaml").write_text("train: ../train/images\nval: ../valid/images\ntest: test.txt\nnames: ['dog']\n")
    report = convert(root, tmp_path / "out", to="yolo")
    assert (report.after.images, [*report.after.splits]) == (6, ["train", "val"])
    assert any("key 'test' names " in warning for warning in report.warnings)


def test_convert__where_no_split_is_there_it_is_an_error(tmp_path: Path) -> None:
    root = roboflow(tmp_path / "rf")
    for split in ("train", "valid"):
        shutil.rmtree(root / split)
    with pytest.raises(DatasetError, match="does not exist"):
        convert(root, tmp_path / "out", to="coco")


def test_convert__a_list_of_folders_with_one_missing_is_an_error(tmp_path: Path) -> None:
    root = roboflow(tmp_path / "rf")
    (root / "data.yaml").write_text("train: [train/images, more/images]\nval: valid/images\nnames: ['dog']\n")
    with pytest.raises(DatasetError, match="more/images' does not exist"):
        convert(root, tmp_path / "out", to="coco")


def test_darknet__a_list_that_is_not_there_is_left_out_and_said(tmp_path: Path) -> None:
    convert(roboflow(tmp_path / "rf"), tmp_path / "darknet", to="yolo_darknet")
    (tmp_path / "darknet" / "valid.txt").unlink()
    report = convert(tmp_path / "darknet", tmp_path / "out", to="coco")
    assert (report.after.images, [*report.after.splits]) == (3, ["train"])
    assert any("'valid' names data/valid.txt, which does not exist" in warning for warning in report.warnings)
    (tmp_path / "darknet" / "train.txt").unlink()
    with pytest.raises(DatasetError, match=r"train\.txt"):
        convert(tmp_path / "darknet", tmp_path / "none", to="coco")


def test_augment__takes_such_a_dataset_as_a_source(tmp_path: Path) -> None:
    roboflow(tmp_path / "rf")
    convert(roboflow(tmp_path / "ds"), tmp_path / "mine", to="yolo", splits={})
    for file in (tmp_path / "mine").rglob("*.jpg"):
        picture(file, 40 + len(file.stem) + int(file.stem[-1]))
    report = yolobg.augment(tmp_path / "mine", count=2, source=str(tmp_path / "rf"))
    assert report.after is not None
    assert (report.after.backgrounds, len(report.added)) == (2, 1)


@pytest.mark.parametrize("form", ["coco", "voc"])
@pytest.mark.parametrize("images", ["copy", "hard"])
def test_convert__splits_whose_images_are_all_missing_are_left_out_and_said(
    tmp_path: Path, form: str, images: Images
) -> None:
    made = apart(tmp_path, form)
    remove(made, "valid")
    report = convert(made, tmp_path / "out", to="yolo", images=images)
    assert (report.after.images, [*report.after.splits], [*report.after.classes.values()]) == (3, ["train"], ["dog"])
    (said,) = [warning for warning in report.warnings if "left out" in warning]
    assert said.startswith("split 'val': none of the 3 images that ")
    # Without images nothing of the records is lost.
    whole = convert(made, tmp_path / "records", to="coco", images="none")
    assert (whole.after.images, [*whole.after.splits]) == (6, ["train", "val"])


@pytest.mark.parametrize("form", ["coco", "voc"])
def test_convert__where_no_image_or_only_some_of_a_split_are_there_it_is_an_error(tmp_path: Path, form: str) -> None:
    made = apart(tmp_path, form)
    remove(made, "valid0")
    with pytest.raises(DatasetError, match=r"val/valid0\.jpg: its image is missing"):
        convert(made, tmp_path / "out", to="yolo")
    remove(made, "")
    with pytest.raises(DatasetError, match="its image is missing"):
        convert(made, tmp_path / "out", to="yolo")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("form", ["coco", "voc"])
@pytest.mark.parametrize("to", ["yolo", "coco", "voc"])
def test_convert__a_split_without_a_record_is_left_out_and_said(tmp_path: Path, form: str, to: str) -> None:
    made = apart(tmp_path, form)
    if form == "coco":
        told = json.loads((made / "annotations" / "instances_val.json").read_text())
        (made / "annotations" / "instances_test.json").write_text(json.dumps(told | {"images": [], "annotations": []}))
    else:
        (made / "ImageSets" / "Main" / "test.txt").write_text("")
    report = convert(made, tmp_path / "out", to=to)
    assert report.after.splits == {"train": 3, "val": 3}
    (said,) = [warning for warning in report.warnings if "left out" in warning]
    assert said in [f"split 'test': {name} names no image: the split was left out" for name in FILES]


FILES = ("instances_test.json", "test.txt")


def apart(place: Path, form: str) -> Path:
    convert(roboflow(place / "rf"), place / form, to=form)
    return place / form


def remove(root: Path, start: str) -> None:
    for file in root.rglob(f"{start}*.jpg"):
        file.unlink()
