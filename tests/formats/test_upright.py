"""Records of a stored picture that is shown turned: the objects mark what they marked, or the picture is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw, ImageOps

from yolobg.formats.contents import image_size, noted_turn, stored_size
from yolobg.formats.convert import convert
from yolobg.formats.registry import all_formats

STORED = (96, 64)
MARKED = (8, 12, 40, 28)
RED = (250, 10, 10)
SIDEWAYS = (5, 6, 7, 8)


def picture(file: Path, orientation: int, *, size: tuple[int, int] = STORED) -> Path:
    """A grey picture with a red part, stored as it is and noted to be turned."""
    file.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new("RGB", size, (120, 120, 120))
    ImageDraw.Draw(image).rectangle((MARKED[0], MARKED[1], MARKED[2] - 1, MARKED[3] - 1), fill=RED)
    exif = Image.Exif()
    exif[0x0112] = orientation
    options: dict[str, Any] = {"quality": 100, "subsampling": 0} if file.suffix == ".jpg" else {}
    image.save(file, exif=exif, **options)
    return file


def coco(root: Path, orientation: int, *, shown: bool = False, suffix: str = ".jpg", scale: int = 1) -> Path:
    """The picture with records of the stored or of the shown picture, or of a copy that is smaller."""
    image = picture(root / "images" / "train" / f"a{suffix}", orientation)
    width, height = image_size(image) if shown else STORED
    left, top, right, bottom = MARKED if not shown else red_part(image)
    ring = [left, top, right, top, right, bottom, left, bottom]
    counts, pixels = [0], [left <= x < right and top <= y < bottom for x in range(width) for y in range(height)]
    for before, now in zip([False, *pixels], pixels, strict=False):
        counts = [*counts, 0] if before != now else counts
        counts[-1] += 1
    box = [value / scale for value in (left, top, right - left, bottom - top)]
    annotations: list[dict[str, Any]] = [
        {"bbox": box},
        {"bbox": box, "segmentation": [[value / scale for value in ring]]},
        {"bbox": box, "segmentation": {"size": [height, width], "counts": counts}, "area": 512},
        {"bbox": box, "keypoints": [left / scale, top / scale, 2, 0, 0, 0]},
    ]
    told = {
        "images": [{"id": 1, "file_name": image.name, "width": width // scale, "height": height // scale}],
        "annotations": [
            {"id": i, "image_id": 1, "category_id": 1, "iscrowd": 0, **annotation}
            for i, annotation in enumerate(annotations)
        ],
        "categories": [{"id": 1, "name": "red", "keypoints": ["a", "b"]}],
    }
    (root / "instances_train.json").write_text(json.dumps(told))
    return root


def red_part(file: Path) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what is red in a picture as it is shown."""
    shown = ImageOps.exif_transpose(Image.open(file)).convert("RGB")
    found = Image.eval(shown.getchannel("G"), lambda green: 255 * (green < 60)).getbbox()
    assert found is not None
    return found


def read(target: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    told = json.loads((target / "annotations" / "instances_train.json").read_text())
    return told["images"][0], told["annotations"]


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
@pytest.mark.parametrize("scale", [1, 2])
@pytest.mark.parametrize("orientation", SIDEWAYS)
def test_convert__objects_of_the_stored_picture_are_turned_with_it(
    tmp_path: Path, orientation: int, scale: int, suffix: str
) -> None:
    source = coco(tmp_path / "source", orientation, scale=scale, suffix=suffix)
    report = convert(source, tmp_path / "out", to="coco")
    image, (plain, outline, mask, points) = read(tmp_path / "out")
    left, top, right, bottom = red_part(source / "images" / "train" / f"a{suffix}")
    size = (image["width"] * scale, image["height"] * scale)
    assert size == (STORED[1], STORED[0])
    for annotation in (plain, outline, mask, points):
        assert [value * scale for value in annotation["bbox"]] == [left, top, right - left, bottom - top]
    (ring,) = outline["segmentation"]
    assert {(x * scale, y * scale) for x, y in zip(ring[::2], ring[1::2], strict=True)} == {
        (x, y) for x in (left, right) for y in (top, bottom)
    }
    assert (mask["segmentation"]["size"], mask["area"]) == ([STORED[0], STORED[1]], 512)
    x, y, seen = (value for value in points["keypoints"][:3])
    assert (x * scale in (left, right), y * scale in (top, bottom), seen) == (True, True, 2)
    assert points["keypoints"][3:] == [0, 0, 0]
    (said,) = report.warnings
    assert said.startswith("1 image carries an EXIF rotation")
    assert f"train/a{suffix}" in said
    again = convert(tmp_path / "out", tmp_path / "again", to="coco")
    assert (again.warnings, read(tmp_path / "again")[1]) == ((), read(tmp_path / "out")[1])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_convert__objects_of_the_shown_picture_stay(tmp_path: Path, orientation: int) -> None:
    source = coco(tmp_path / "source", orientation, shown=True)
    report = convert(source, tmp_path / "out", to="coco")
    left, top, right, bottom = red_part(source / "images" / "train" / "a.jpg")
    assert {tuple(annotation["bbox"]) for annotation in read(tmp_path / "out")[1]} == {
        (left, top, right - left, bottom - top)
    }
    # Upside down or mirrored, both pictures have one size.
    assert bool(report.warnings) == (orientation in (2, 3, 4))


@pytest.mark.parametrize("orientation", [2, 3, 4, *SIDEWAYS])
def test_convert__a_picture_whose_record_fits_both_is_named(tmp_path: Path, orientation: int) -> None:
    source = coco(tmp_path / "source", orientation)
    if orientation in SIDEWAYS:
        picture(source / "images" / "train" / "a.jpg", orientation, size=(80, 80))
    report = convert(source, tmp_path / "out", to="yolo", polygons="to-boxes")
    (said,) = [warning for warning in report.warnings if "EXIF" in warning]
    assert "taken as shown; check the objects of train/a.jpg" in said


@pytest.mark.parametrize("size", [{}, {"width": None, "height": None}, {"width": 0, "height": 0}, {"width": 96}])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_convert__a_turned_picture_whose_record_has_no_size_is_named(
    tmp_path: Path, orientation: int, size: dict[str, Any]
) -> None:
    source = coco(tmp_path / "source", orientation, shown=True)
    told = json.loads((source / "instances_train.json").read_text())
    told["images"] = [{"id": 1, "file_name": "a.jpg", **size}]
    (source / "instances_train.json").write_text(json.dumps(told))
    report = convert(source, tmp_path / "out", to="coco")
    assert [warning for warning in report.warnings if "check the objects of train/a.jpg" in warning] == [
        *report.warnings
    ]
    assert bool(report.warnings) == (orientation != 1)


@pytest.mark.parametrize("size", ["", "<size/>", "<size><width>0</width><height>0</height></size>"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_voc__a_turned_picture_whose_record_has_no_size_is_named(tmp_path: Path, orientation: int, size: str) -> None:
    report = convert(voc(tmp_path / "voc", orientation, size), tmp_path / "out", to="coco")
    assert any("check the objects of train/a.jpg" in warning for warning in report.warnings) == (orientation != 1)


def voc(root: Path, orientation: int, size: str) -> Path:
    """The picture with a record of the stored one."""
    picture(root / "JPEGImages" / "a.jpg", orientation)
    for folder in ("Annotations", "ImageSets/Main"):
        (root / folder).mkdir(parents=True)
    (root / "ImageSets/Main/train.txt").write_text("a\n")
    sides = "".join(
        f"<{side}>{value}</{side}>" for side, value in zip(("xmin", "ymin", "xmax", "ymax"), MARKED, strict=True)
    )
    (root / "Annotations/a.xml").write_text(
        f"<annotation>{size}<object><name>red</name><bndbox>{sides}</bndbox></object></annotation>"
    )
    return root


@pytest.mark.parametrize("orientation", SIDEWAYS)
def test_voc__objects_of_the_stored_picture_are_turned_with_it(tmp_path: Path, orientation: int) -> None:
    size = f"<size><width>{STORED[0]}</width><height>{STORED[1]}</height></size>"
    root = voc(tmp_path / "voc", orientation, size)
    image = root / "JPEGImages" / "a.jpg"
    report = convert(root, tmp_path / "out", to="yolo")
    left, top, right, bottom = red_part(image)
    row = [float(value) for value in (tmp_path / "out/labels/train/a.txt").read_text().split()[1:]]
    width, height = image_size(image)
    meant = [(left + right) / 2 / width, (top + bottom) / 2 / height, (right - left) / width, (bottom - top) / height]
    assert row == pytest.approx(meant)
    assert any("EXIF rotation" in warning for warning in report.warnings)


@pytest.mark.datumaro
@pytest.mark.parametrize("name", [name for name, format_ in all_formats().items() if not format_.own])
@pytest.mark.parametrize("orientation", SIDEWAYS)
def test_datumaro__objects_of_the_stored_picture_are_turned_with_it(
    tmp_path: Path, name: str, orientation: int
) -> None:
    left, top, right, bottom = MARKED
    source = tmp_path / "source"
    picture(source / "images" / "train" / "a.jpg", 1)
    told = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": STORED[0], "height": STORED[1]}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "bbox": [left, top, right - left, bottom - top], "iscrowd": 0}
        ],
        "categories": [{"id": 1, "name": "red"}],
    }
    (source / "instances_train.json").write_text(json.dumps(told))
    convert(source, tmp_path / "there", to=name, class_order="keep" if all_formats()[name].classes else "lose")
    # A tool that goes by the stored picture leaves the same records.
    (image,) = (file for file in (tmp_path / "there").rglob("a.jpg") if file.is_file())
    picture(image, orientation)
    report = convert(tmp_path / "there", tmp_path / "back", to="coco", from_=name)
    left, top, right, bottom = red_part(image)
    (found,) = read(tmp_path / "back")[1]
    assert found["bbox"] == pytest.approx([left, top, right - left, bottom - top], abs=0.02)
    assert any("EXIF rotation" in warning for warning in report.warnings)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_noted_turn__is_what_pillow_reads(tmp_path: Path, orientation: int, suffix: str) -> None:
    file = picture(tmp_path / f"a{suffix}", orientation)
    assert (noted_turn(file), stored_size(file)) == (orientation, STORED)
    assert image_size(file) == (STORED if orientation not in SIDEWAYS else STORED[::-1])


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xd8", b"\xff\xd8\xff\xe1\0\x10Exif", b"\xff\xd8\xff\xe0\0\0" * 9, b"\x89PNG\r\n\x1a\n", b"x"],
)
def test_noted_turn__of_what_is_no_image_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.jpg").write_bytes(content)
    assert noted_turn(tmp_path / "a.jpg") == 1
    assert noted_turn(tmp_path / "none.jpg") == 1
