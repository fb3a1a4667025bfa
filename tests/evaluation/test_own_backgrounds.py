"""Backgrounds of the user's own: none with objects, none of the dataset or of train2017 by its number, no junk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from evaluating import write_dataset, write_images

import yolobg
from yolobg.errors import AnnotationsError
from yolobg.sources.catalog.shipped_index import read_index


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "animals", val=2)


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    """A folder of 20 backgrounds."""
    write_images(tmp_path / "frames", [f"f{number}.png" for number in range(20)], first=20_000)
    return tmp_path / "frames"


@pytest.mark.parametrize("form", ["list", "coco"])
def test_backgrounds__of_a_list_have_no_label_file_with_objects(data: Path, frames: Path, form: str) -> None:
    (frames / "f3.txt").write_text("0 0.5 0.5 0.1 0.1\n", "utf-8")
    (frames / "f4.txt").write_text("\n", "utf-8")
    names = [f"f{number}.png" for number in range(20)]
    images = [{"id": number, "file_name": name} for number, name in enumerate(names)]
    listed = frames / "list.json"
    listed.write_text(json.dumps(names if form == "list" else {"images": images, "annotations": []}), "utf-8")
    found = yolobg.evaluate(data, backgrounds=listed, dry_run=True)
    assert (found.backgrounds.images, found.backgrounds.left_out["labelled"]) == (19, 1)
    assert found.predict_on is not None
    assert str(frames / "f3.png") not in found.predict_on


VOC = "<annotation><object><name>dog</name><bndbox><xmin>1</xmin></bndbox></object></annotation>"
COCO = {
    "images": [{"id": 1, "file_name": "f1.png"}],
    "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5]}],
    "categories": [{"id": 1, "name": "dog"}],
}


@pytest.mark.parametrize(
    ("file", "text"),
    [("_annotations.coco.json", json.dumps(COCO)), ("f1.xml", VOC), ("Annotations/f1.xml", VOC)],
)
def test_backgrounds__with_records_that_are_not_read_are_refused(
    data: Path, frames: Path, file: str, text: str
) -> None:
    (frames / file).parent.mkdir(exist_ok=True)
    (frames / file).write_text(text, "utf-8")
    with pytest.raises(AnnotationsError, match=f"records of its images.*{Path(file).name}"):
        yolobg.evaluate(data, backgrounds=frames, dry_run=True)


def test_backgrounds__by_number_also_where_the_content_differs(data: Path, frames: Path) -> None:
    write_images(data.parent / "images/train", ["000000000139.png"], first=60_000)
    write_images(frames, ["000000000139.png"], first=70_000)
    found = yolobg.evaluate(data, backgrounds=frames, dry_run=True)
    assert (found.backgrounds.images, found.backgrounds.left_out["in_dataset"]) == (20, 1)


@pytest.mark.parametrize("name", ["{:012d}.png", "COCO_train2014_{:012d}.png", "COCO_val2014_{:012d}.png"])
@pytest.mark.parametrize("as_list", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_backgrounds__none_of_train2017(data: Path, frames: Path, tmp_path: Path, name: str, as_list: bool) -> None:
    train = [name.format(image.id) for image in read_index().images[:3]]
    write_images(frames, train, first=60_000)
    place = frames
    if as_list:
        place = tmp_path / "list.json"
        place.write_text(json.dumps([str(image) for image in sorted(frames.iterdir())]), "utf-8")
    found = yolobg.evaluate(data, backgrounds=place, dry_run=True)
    assert (found.backgrounds.images, found.backgrounds.left_out["in_train2017"]) == (20, 3)
    for number in range(20):
        (frames / f"f{number}.png").unlink()
    if as_list:
        place.write_text(json.dumps([str(image) for image in sorted(frames.iterdir())]), "utf-8")
    with pytest.raises(AnnotationsError, match="no background to evaluate on: 3 in train2017"):
        yolobg.evaluate(data, backgrounds=place, dry_run=True)


@pytest.mark.parametrize("content", [b"no image\n", b"", b"<html>"])
def test_backgrounds__that_are_no_images_are_counted(data: Path, frames: Path, content: bytes) -> None:
    (frames / "junk.jpg").write_bytes(content)
    found = yolobg.evaluate(data, backgrounds=frames, dry_run=True)
    assert (found.backgrounds.images, found.backgrounds.left_out["unreadable"]) == (20, 1)


def test_backgrounds__that_are_not_here_are_warned_of(data: Path, frames: Path) -> None:
    listed = frames / "list.json"
    listed.write_text(json.dumps(["f0.png", "gone1.jpg", "gone2.jpg"]), "utf-8")
    found = yolobg.evaluate(data, backgrounds=listed, dry_run=True)
    assert "2 of 3 backgrounds are not on this machine, so their content was not compared" in found.warnings
