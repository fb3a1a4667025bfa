"""Annotations whose images lie elsewhere: found below the folder that the user names, each file for one record."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import command_line
import pytest
from format_data import make_yolo, picture

from yolobg.errors import DatasetError, UsageError
from yolobg.formats.convert import convert


def exported(folder: Path, *names: str) -> Path:
    """An annotations file without its images."""
    folder.mkdir(parents=True)
    file = folder / "result.json"
    told = {
        "images": [{"id": i, "file_name": name, "width": 64, "height": 48} for i, name in enumerate(names)],
        "annotations": [
            {"id": i, "image_id": i, "category_id": 1, "bbox": [1, 1, 9, 9]} for i in range(len(names))
        ],
        "categories": [{"id": 1, "name": "cat"}],
    }  # fmt: skip
    file.write_text(json.dumps(told))
    return file


TRAIN = {"result": "train"}


@pytest.mark.parametrize(
    ("name", "lies"),
    [
        ("a.jpg", "a.jpg"),
        ("a.jpg", "result/a.jpg"),
        ("a.jpg", "2024/may/a.jpg"),
        ("day1/a.jpg", "day1/a.jpg"),
        ("day1/a.jpg", "train/day1/a.jpg"),
        ("/home/me/photos/a.jpg", "photos/a.jpg"),
        ("/home/me/photos/a.jpg", "a.jpg"),
        ("../../label-studio/data/upload/1/0f-a.jpg", "0f-a.jpg"),
        ("C:\\photos\\a.jpg", "a.jpg"),
        ("photos\\day1\\a.jpg", "day1/a.jpg"),
    ],
)
def test_convert__images_are_found_below_the_folder(tmp_path: Path, name: str, lies: str) -> None:
    file = exported(tmp_path / "export", name)
    (tmp_path / "pictures" / lies).parent.mkdir(parents=True)
    picture(tmp_path / "pictures" / lies, 0)
    with pytest.raises(DatasetError, match="its image is missing"):
        convert(file, tmp_path / "out", to="yolo", splits=TRAIN)
    report = convert(file, tmp_path / "out", to="yolo", splits=TRAIN, images_in=[tmp_path / "pictures"])
    assert (report.after.images, report.after.boxes) == (1, 1)
    (written,) = (tmp_path / "out" / "images").rglob("*.jpg")
    assert written.read_bytes() == (tmp_path / "pictures" / lies).read_bytes()


def test_convert__one_file_is_never_the_image_of_two_records(tmp_path: Path) -> None:
    file = exported(tmp_path / "export", "day1/a.jpg", "day2/a.jpg")
    (tmp_path / "pictures").mkdir()
    picture(tmp_path / "pictures" / "a.jpg", 0)
    with pytest.raises(DatasetError, match=r"two images .*day1/a\.jpg.*day2/a\.jpg"):
        convert(file, tmp_path / "out", to="coco", images_in=[tmp_path / "pictures"])
    assert not (tmp_path / "out").exists()


def test_convert__of_two_files_of_a_name_none_is_guessed(tmp_path: Path) -> None:
    file = exported(tmp_path / "export", "a.jpg")
    for day in ("may", "june"):
        (tmp_path / "pictures" / day).mkdir(parents=True)
        picture(tmp_path / "pictures" / day / "a.jpg", 0)
    with pytest.raises(DatasetError, match=r"both may be the image 'a\.jpg'"):
        convert(file, tmp_path / "out", to="coco", images_in=[tmp_path / "pictures"])


def test_convert__several_folders_and_those_of_the_dataset(tmp_path: Path) -> None:
    file = exported(tmp_path / "export", "a.jpg", "b.jpg", "c.jpg")
    for number, place in enumerate(("one/a.jpg", "two/b.jpg", "export/c.jpg")):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        picture(tmp_path / place, number)
    folders = [tmp_path / "one", tmp_path / "two"]
    assert convert(file, tmp_path / "out", to="coco", images_in=folders).after.images == 3
    assert convert(file, tmp_path / "linked", to="coco", images_in=folders, images="hard").images == "hard"


def test_voc__images_elsewhere(tmp_path: Path) -> None:
    make_yolo(tmp_path / "yolo", polygons=False)
    convert(tmp_path / "yolo", tmp_path / "voc", to="voc")
    (tmp_path / "voc" / "JPEGImages").rename(tmp_path / "pictures")
    with pytest.raises(DatasetError, match="its image is missing"):
        convert(tmp_path / "voc", tmp_path / "out", to="coco")
    report = convert(tmp_path / "voc", tmp_path / "out", to="coco", images_in=[tmp_path / "pictures"])
    assert (report.after.images, report.after.backgrounds) == (13, 3)


def test_command__images_is_a_way_or_a_folder(tmp_path: Path) -> None:
    file = exported(tmp_path / "export", "a.jpg")
    (tmp_path / "pictures").mkdir()
    picture(tmp_path / "pictures" / "a.jpg", 0)

    run = partial(command_line.run, "convert", file, tmp_path / "out", "--to", "coco")
    both = run("--images", "hard", "--images", "copy")
    assert (both.returncode, "choose one" in both.stderr) == (2, True)
    lost = run("--images", str(tmp_path / "nowhere"))
    assert lost.returncode == 2
    assert "no such folder; expected copy, hard, symlink, none" in lost.stderr
    done = run("--images", str(tmp_path / "pictures"), "--images", "hard", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["images"] == "hard"
    assert next((tmp_path / "out" / "images").rglob("*.jpg")).stat().st_nlink == 2


def test_convert__formats_that_name_their_images_refuse_it(tmp_path: Path) -> None:
    make_yolo(tmp_path / "yolo", polygons=False)
    with pytest.raises(UsageError, match="yolo says itself where its images lie; only for coco, voc"):
        convert(tmp_path / "yolo", tmp_path / "out", to="coco", images_in=[tmp_path])


@pytest.mark.parametrize("name", ["a.jpg", "day1/a.jpg", "../../upload/1/a.jpg", "/home/me/a.jpg"])
def test_convert__an_image_that_is_missing_is_named_as_its_record_does_with_the_places(
    tmp_path: Path, name: str
) -> None:
    file = exported(tmp_path / "export", name)
    (tmp_path / "pictures").mkdir()
    with pytest.raises(DatasetError, match="its image is missing") as told:
        convert(file, tmp_path / "out", to="yolo", splits=TRAIN, images_in=[tmp_path / "pictures"])
    assert f"'{name}' is not in {tmp_path / 'pictures'}, {tmp_path / 'export'};" in str(told.value)


def test_voc__an_image_that_is_missing_is_named_with_the_places(tmp_path: Path) -> None:
    make_yolo(tmp_path / "yolo", polygons=False)
    convert(tmp_path / "yolo", tmp_path / "voc", to="voc")
    for image in (tmp_path / "voc" / "JPEGImages").rglob("*.*"):
        image.unlink()
    with pytest.raises(DatasetError, match="its image is missing") as told:
        convert(tmp_path / "voc", tmp_path / "out", to="coco", images_in=[tmp_path])
    assert f" is not in {tmp_path}, {tmp_path / 'voc' / 'JPEGImages'};" in str(told.value)


@pytest.mark.parametrize("names", [["train/labels.json"], ["train/labels.json", "val/labels.json"], ["a/result.json"]])
def test_convert__coco_files_in_folders_below_are_named(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / "all" / name).parent.mkdir(parents=True)
        exported(tmp_path / "made" / name, "a.jpg").rename(tmp_path / "all" / name)
    with pytest.raises(DatasetError, match=r"its COCO files lie in folders below \(") as told:
        convert(tmp_path / "all", tmp_path / "out", to="yolo")
    assert f"({', '.join(names)}); give one of them" in str(told.value)
