"""Parts that Pascal VOC marks in an object (a person's head, hands, feet): they are in the picture like any class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from export_data import HEIGHT, WIDTH, put, shot

import yolobg
from yolobg.formats.convert import convert

ROW = "0 0.5 0.5 0.2 0.2\n"
BOX = "<bndbox><xmin>8</xmin><ymin>6</ymin><xmax>30</xmax><ymax>40</ymax></bndbox>"
PEOPLE, LAMP, BARE = "2007_000027", "2007_000032", "2007_000033"


def voc_xml(name: str, thing: str, parts: Sequence[str]) -> str:
    """An annotation file as those of VOC's person layout are; a part without a name has a box alone."""
    marked = "\n".join(
        f"\t\t<part>\n\t\t\t{f'<name>{part}</name>' if part else ''}\n\t\t\t{BOX}\n\t\t</part>" for part in parts
    )
    return f"""<annotation>
\t<folder>VOC2012</folder>
\t<filename>{name}.jpg</filename>
\t<source>
\t\t<database>The VOC2007 Database</database>
\t\t<annotation>PASCAL VOC2007</annotation>
\t\t<image>flickr</image>
\t</source>
\t<size>
\t\t<width>{WIDTH}</width>
\t\t<height>{HEIGHT}</height>
\t\t<depth>3</depth>
\t</size>
\t<segmented>0</segmented>
\t<object>
\t\t<name>{thing}</name>
\t\t<pose>Unspecified</pose>
\t\t<truncated>0</truncated>
\t\t<difficult>0</difficult>
\t\t{BOX}
{marked}
\t</object>
</annotation>
"""


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """A picture of a class, and no background."""
    shot(tmp_path / "data" / "images" / "train" / "x.jpg", 100)
    put(tmp_path / "data" / "labels" / "train" / "x.txt", ROW)
    return tmp_path / "data"


def name_class(dataset: Path, name: str) -> None:
    put(dataset / "data.yaml", f"train: images/train\nval: images/train\nnames: [{name}]\n")


def write_voc(pool: Path, lamp: Sequence[str] = ("plug",), *, beside: bool = False) -> Path:
    """Two people, a lamp and a chair, in VOC's folders, or each file beside its picture."""
    records = {PEOPLE: ("person", ("head", "hand", "hand", "foot")), LAMP: ("lamp", lamp), BARE: ("chair", ())}
    for number, (name, (thing, parts)) in enumerate(records.items()):
        shot(pool / ("" if beside else "JPEGImages") / f"{name}.jpg", number)
        put(pool / ("" if beside else "Annotations") / f"{name}.xml", voc_xml(name, thing, parts))
    if not beside:
        put(pool / "ImageSets" / "Main" / "train.txt", "\n".join([*records, ""]))
        put(pool / "ImageSets" / "Layout" / "train.txt", f"{PEOPLE} 1\n")
    return pool


@pytest.mark.parametrize("beside", [False, True], ids=["VOC", "beside the pictures"])
def test_parts__are_classes_of_the_source(dataset: Path, tmp_path: Path, beside: bool) -> None:
    pool = write_voc(tmp_path / "pool", beside=beside)
    name_class(dataset, "hand")
    found = yolobg.classes(dataset, source=str(pool))
    assert ("hand", 1) in [(one.coco, one.images) for one in found.classes[0].exclude]
    assert found.source is not None
    assert found.source.eligible == 2


@pytest.mark.parametrize("beside", [False, True], ids=["VOC", "beside the pictures"])
@pytest.mark.parametrize(("part", "name", "left"), [("plug", "plug", 2), ("", "plug", 2), ("plug", "kite", 3)])
def test_augment__takes_no_picture_with_the_class_as_a_part(
    dataset: Path,
    tmp_path: Path,
    part: str,
    name: str,
    left: int,
    beside: bool,
) -> None:
    """One without a name may be anything, so it rules its picture out whatever the class."""
    pool = write_voc(tmp_path / "pool", (part,), beside=beside)
    name_class(dataset, name)
    added = yolobg.augment(dataset, source=str(pool), count=left).added
    assert (LAMP in {Path(one.url).stem for one in added}) == (left == 3)
    with pytest.raises(yolobg.YolobgError, match=r"with an excluded class|eligible"):
        yolobg.augment(dataset, source=str(pool), count=left + 1)


def test_convert__leaves_parts_out_and_says_so(tmp_path: Path) -> None:
    report = convert(write_voc(tmp_path / "pool"), tmp_path / "coco", to="coco")
    assert set(report.after.classes.values()) == {"person", "lamp", "chair"}
    assert report.after.boxes == 3
    (told,) = [warning for warning in report.warnings if "parts of objects" in warning]
    assert "(foot, hand, head, plug)" in told
    assert f"e.g. in train/{PEOPLE}.jpg" in told
