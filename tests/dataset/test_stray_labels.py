"""Label files whose image has another name: they are told with the likely cause, for these train as backgrounds."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from inventories import POSIX, make

import yolobg
from yolobg.dataset.inventory import scan_split
from yolobg.formats.convert import open_contents
from yolobg.formats.registry import all_formats
from yolobg.ultralytics.trainer_scan import scan_listed

BOX = "0 0.5 0.5 0.1 0.1\n"
FINE = {"labels/train/ok.txt": BOX}


def told(root: Path, image: str, label: str, *, train: str = "images/train") -> str:
    home = "images/train/" if not image.startswith("/") else ""
    data = make(root, train, images=[home + image.lstrip("/"), "images/train/ok.jpg"], labels=FINE | {label: BOX})
    return " ".join(scan_split(data, "train", cwd=root).warnings)


CASES = [
    ("a.jpg", "A.txt", "letter case"),
    ("IMG_1.JPG", "img_1.txt", "letter case"),
    ("sub/a.jpg", "Sub/a.txt", "letter case"),
    ("a.jpg", "a.TXT", "the suffix"),
    ("a.jpg", "a.jpg.txt", "the suffix"),
    ("a.png", "a.txt.txt", "the suffix"),
    ("a.jpg.jpg", "a.txt", "the suffix"),
    ("caf\u00e9.jpg", "cafe\u0301.txt", "NFC or NFD"),
    ("a\u0308b.jpg", "\u00e4b.txt", "NFC or NFD"),
    ("caf\u00e9.jpg", "caf%C3%A9.txt", "percent signs"),
    ("a%20b.jpg", "a b.txt", "percent signs"),
    ("caf\u00e9.jpg", "caf\u00c3\u00a9.txt", "text encoding"),
    ("caf\u251c\u2310.jpg", "caf\u00e9.txt", "text encoding"),
    ("a b.jpg", "a_b.txt", "blanks, hyphens and underscores"),
    ("a-1.jpg", "a_1.txt", "blanks, hyphens and underscores"),
    ("a.jpg", "1a2b3c4d-a.txt", "Label Studio"),
    ("1a2b3c4d-a.jpg", "a.txt", "Label Studio"),
    ("a_jpg.rf.0a1b2c3d.jpg", "a.txt", "Roboflow"),
    ("00012.jpg", "12.txt", "leading zeros"),
    ("Caf\u00e9 1.jpg", "1a2b3c4d-caf%C3%A9_1.txt", "more than one thing"),
]


@pytest.mark.parametrize(("image", "label", "cause"), CASES)
def test_scan__a_label_of_another_name_is_told_with_its_cause(
    tmp_path: Path, image: str, label: str, cause: str
) -> None:
    if sys.platform != "linux" and cause in ("letter case", "NFC or NFD"):
        pytest.skip("one name on this file system")
    said = told(tmp_path / "ds", image, f"labels/train/{label}")
    assert "1 label file with objects belongs to no image here" in said
    assert "count as backgrounds now" in said
    assert cause in said
    assert Path(image).name in said or ascii(Path(image).name)[1:-1] in said


@POSIX
def test_scan__a_name_in_the_bytes_of_another_encoding_is_told(tmp_path: Path) -> None:
    try:
        said = told(tmp_path / "ds", "caf\u00e9.jpg", "labels/train/" + os.fsdecode(b"caf\xe9.txt"))
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")
    assert "text encoding" in said


@pytest.mark.skipif(sys.platform != "linux", reason="one name on this file system")
@pytest.mark.parametrize("folder", ["Labels/train", "labels/Train", "LABELS/TRAIN"])
def test_scan__a_label_folder_in_another_case_is_told(tmp_path: Path, folder: str) -> None:
    data = make(tmp_path / "ds", images=["images/train/a.jpg"], labels={f"{folder}/a.txt": BOX})
    said = " ".join(scan_split(data, "train").warnings)
    assert "letter case" in said
    assert folder in said


@pytest.mark.parametrize("suffix", ["gif", "jfif", "PPM"])
def test_scan__an_image_that_trainers_do_not_list_is_named(tmp_path: Path, suffix: str) -> None:
    data = make(tmp_path / "ds", images=[f"images/train/a.{suffix}", "images/train/ok.jpg"], labels=FINE)
    (tmp_path / "ds/labels/train/a.txt").write_text(BOX)
    assert "Trainers do not read a." in " ".join(scan_split(data, "train").warnings)


def test_scan__a_label_without_any_image_of_a_like_name_is_counted(tmp_path: Path) -> None:
    said = told(tmp_path / "ds", "a.jpg", "labels/train/quite_another.txt")
    assert "1 label file with objects belongs to no image here" in said
    assert "1 image without one counts as a background" in said


@pytest.mark.parametrize(
    "labels",
    [
        {"labels/train/a.txt": BOX},
        {"labels/train/a.txt": BOX, "labels/train/A.txt": ""},
        {"labels/train/a.txt": BOX, "labels/train/classes.txt": "cat\ndog\n"},
        {"labels/train/a.txt": BOX, "labels/train/notes.md": BOX},
        {"labels/train/a.txt": BOX, "labels/train.cache": "x", "labels/train/.A.txt": BOX},
        {"labels/train/a.txt": BOX, "labels/val/c.txt": BOX},
        {"labels/train/a.txt": BOX, "labels/val/b.txt": BOX, "images/val/b.jpg": ""},
        {"labels/train/a.txt": BOX, "labels/b.txt": BOX, "images/b.png": ""},
        {"labels/train/a.txt": BOX, "images/train/a.txt": BOX, "images/train/c.txt": BOX, "labels/a.txt": BOX},
        {"labels/train/a.txt": BOX, "images/train/b.txt": "", "labels/val/b.txt": "a street at night\n"},
        {"labels/train/a.txt": BOX, "other/labels/b.txt": BOX, "predictions/b.txt": BOX},
    ],
)
def test_scan__what_holds_no_objects_or_belongs_elsewhere_is_not_told(tmp_path: Path, labels: dict[str, str]) -> None:
    data = make(tmp_path / "ds", images=["images/train/a.jpg", "images/train/b.jpg"], labels=labels)
    assert not any("label files" in warning for warning in scan_split(data, "train").warnings)


def test_scan__images_that_a_list_leaves_out_keep_their_labels(tmp_path: Path) -> None:
    """k folds are lists of one folder: the labels of the other folds' images are no strays."""
    root = tmp_path / "ds"
    images = [f"images/{name}.jpg" for name in "abc"]
    data = make(root, "train.txt", images=images, labels={f"labels/{name}.txt": BOX for name in ("a", "b", "B2", "c")})
    (root / "train.txt").write_text("./images/a.jpg\n")
    said = " ".join(scan_split(data, "train").warnings)
    assert "1 label file with objects belongs to no image here, for example B2.txt" in said


def test_scan__labels_beside_their_images(tmp_path: Path) -> None:
    data = make(tmp_path / "ds", "data", images=["data/a.jpg", "data/x/b.jpg"], labels={"data/a.jpg.txt": BOX})
    (tmp_path / "ds/data/classes.txt").write_text("cat\n")
    assert "the suffix" in " ".join(scan_split(data, "train").warnings)


def test_scan__the_trainer_s_own_listing_and_a_conversion_tell_it_too(tmp_path: Path) -> None:
    root = tmp_path / "ds"
    data = make(root, images=["images/train/a.jpg"], labels={"labels/train/a.jpg.txt": BOX})
    image, label = root / "images/train/a.jpg", root / "labels/train/a.txt"
    assert "the suffix" in " ".join(scan_listed(data, "train", [str(image)], [str(label)]).warnings)
    assert "the suffix" in " ".join(open_contents(root, all_formats()["yolo"]).warnings)


@pytest.mark.parametrize(
    ("train", "images", "labels", "home"),
    [
        ("images/train", "images/train", "images/train", "labels/train"),
        ("images/train", "images/train", "labels", "labels/train"),
        ("images/train", "images/train", "labels/val", "labels/train"),
        ("images/train", "images/train/sub", "labels/train", "labels/train/sub"),
        ("train/images", "train/images", "train/images", "train/labels"),
        ("train/images", "train/images", "train", "train/labels"),
        ("train/images", "train/images", "valid/labels", "train/labels"),
        ("images", "images", "images", "labels"),
        ("images", "images", ".", "labels"),
        ("images/train", "images/train", "annotations", "labels/train"),
        ("images/train", "images/train", "images/train/txt", "labels/train"),
        ("images/train", "images/train", "images/annotations/train", "labels/train"),
        ("images/train", "images/train/sub", "bbox", "labels/train/sub"),
        ("train/images", "train/images", "annotations/train", "train/labels"),
        ("train", "train", "train_labels", "train"),
        ("train", "train", "annotations/train", "train"),
        ("imgs/train", "imgs/train", "labels", "imgs/train"),
    ],
)
@pytest.mark.parametrize("alone", [True, False])
def test_labels__in_another_folder_than_the_trainer_s_are_told(
    tmp_path: Path, train: str, images: str, labels: str, home: str, *, alone: bool
) -> None:
    root = tmp_path / "ds"
    names = [f"{images}/{name}.jpg" for name in ("p1", "p2", "ok")]
    written = {f"{labels}/p1.txt": BOX, f"{labels}/p2.txt": BOX} | ({} if alone else {f"{home}/ok.txt": BOX})
    data = make(root, train, images=names, labels=written)
    said = " ".join(scan_split(data, "train", cwd=root).warnings)
    assert "2 label files with objects belong to no image here" in said
    assert f"{root / labels / 'p1.txt'} should be {root / home / 'p1.txt'}. Move the label files" in said
    assert "2 label files" in " ".join(yolobg.status(root).warnings)
    if alone:
        with pytest.raises(yolobg.YolobgError, match=r"none with labels(.|\n)*2 label files with objects") as stopped:
            yolobg.plan(root, ratio=0.1)
        assert "Move the label files" in str(stopped.value)


@pytest.mark.parametrize(
    ("images", "labels", "renaming"),
    [
        ("images/train", "annotations/train", "annotations to {}/labels"),
        ("images/train", "Annotations/train", "Annotations to {}/labels"),
        ("images/train/a/b", "label/train/a/b", "label to {}/labels"),
        ("images", "labels_yolo", "labels_yolo to {}/labels"),
        ("images", "whatever", "whatever to {}/labels"),
        ("train/images", "train/txt", "train/txt to {}/train/labels"),
        ("imgs/train", "labels/train", "imgs to {}/images (in data.yaml too), or move"),
        ("Images/train", "labels/train", "Images to {}/images (in data.yaml too), or move"),
        ("train", "labels", "train to {}/images (in data.yaml too), or move"),
    ],
)
def test_labels__in_a_folder_of_another_name_are_told_with_the_renaming(
    tmp_path: Path, images: str, labels: str, renaming: str
) -> None:
    # Elsewhere `Images` and `images` are one folder, so that nothing lies astray.
    if sys.platform != "linux" and images.startswith("Images"):
        pytest.skip("one name on this file system")
    root = tmp_path / "ds"
    data = make(root, images, images=[f"{images}/a.jpg", f"{images}/b.jpg"], labels={f"{labels}/a.txt": BOX})
    said = " ".join(scan_split(data, "train", cwd=root).warnings)
    assert f"Rename the folder {root}{os.sep}{renaming.format(root)}".replace("/", os.sep) in said


@pytest.mark.parametrize("folder", ["predictions", "runs", "labels_old", "labels.bak", "notes"])
def test_labels__that_were_replaced_or_found_by_a_model_are_not_told(tmp_path: Path, folder: str) -> None:
    data = make(
        tmp_path / "ds",
        "images",
        images=["images/a.jpg", "images/b.jpg"],
        labels={"labels/a.txt": BOX, f"{folder}/b.txt": BOX},
    )
    assert not any("label file" in warning for warning in scan_split(data, "train").warnings)
