"""What a comparison of two datasets finds, and what a format is said not to hold: tables of small datasets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pytest

from yolobg.errors import UsageError
from yolobg.formats.compare import compare, survey
from yolobg.formats.contents import Item, Meta, Shape
from yolobg.formats.fits import check_held
from yolobg.formats.registry import OWN

BOX = Shape(0, (0.5, 0.5, 0.2, 0.2))
RING = (0.1, 0.1, 0.3, 0.1, 0.3, 0.3)
OUTLINE = replace(BOX, polygons=(RING,))
SEVERAL = replace(BOX, polygons=(RING, tuple(v + 0.5 for v in RING)))
POINTS = replace(BOX, key_points=(0.4, 0.4, 2.0))
CROWD = replace(BOX, crowd=True)
MASK = replace(BOX, mask={"counts": [0, 9], "size": [3, 3]})
CROWD_MASK = replace(MASK, crowd=True)


@dataclass(frozen=True)
class Small:
    """One split with the given images."""

    listed: Sequence[Item]
    names: Mapping[int, str] = field(default_factory=lambda: {0: "cat", 1: "dog"})
    meta: Meta = field(default_factory=Meta)
    warnings: tuple[str, ...] = ()
    splits: tuple[str, ...] = ("train",)

    def listing(self) -> Iterator[tuple[str, str]]:
        return ((item.split, item.name) for item in self.listed)

    def items(self) -> Iterator[Item]:
        return iter(self.listed)


def small(*shapes: Shape, name: str = "a.jpg") -> Small:
    return Small([Item("train", name, None, shapes, (100, 100))])


@pytest.mark.parametrize(
    ("shapes", "counted"),
    [
        ((), {"images": 1, "backgrounds": 1}),
        ((BOX, BOX), {"boxes": 2}),
        ((OUTLINE, SEVERAL), {"polygons": 2, "several": 1}),
        ((POINTS,), {"boxes": 1, "key_points": 1}),
        ((CROWD,), {"crowds": 1, "backgrounds": 1, "boxes": 0}),
        ((MASK,), {"boxes": 1, "masks": 1, "backgrounds": 0}),
        ((CROWD_MASK,), {"crowds": 1, "masks": 0, "crowd_masks": 1, "backgrounds": 1}),
        ((replace(SEVERAL, crowd=True),), {"crowds": 1, "several": 0, "crowd_outlines": 1}),
        ((BOX, OUTLINE), {"boxes": 1, "polygons": 1, "mixed": 1}),
    ],
)
def test_survey__counts_each_kind(shapes: tuple[Shape, ...], counted: dict[str, int]) -> None:
    found = survey(small(*shapes))
    assert {name: getattr(found.counts, name, getattr(found, name, None)) for name in counted} == counted


@pytest.mark.parametrize(
    ("meant", "found", "said"),
    [
        ((BOX,), (BOX,), None),
        ((BOX, POINTS), (POINTS, BOX), None),
        ((MASK,), (MASK,), None),
        ((CROWD_MASK,), (CROWD_MASK,), None),
        ((CROWD_MASK,), (CROWD,), "1 cat (box, crowd) where 1 cat (box with a mask, crowd) was expected"),
        ((MASK,), (replace(MASK, mask={"counts": [1, 8], "size": [3, 3]}),), "the mask of a cat is another one"),
        ((replace(CROWD, area=80),), (replace(CROWD, area=1640),), "the area of a cat is 1640 where 80 was expected"),
        ((replace(CROWD, area=80),), (CROWD,), None),
        ((BOX,), (), "no object where 1 cat (box) was expected"),
        ((BOX,), (replace(BOX, class_id=1),), "1 dog (box) where 1 cat (box) was expected"),
        ((MASK,), (BOX,), "1 cat (box) where 1 cat (box with a mask) was expected"),
        ((OUTLINE,), (BOX,), "1 cat (box) where 1 cat (polygon) was expected"),
        ((POINTS,), (BOX,), "1 cat (box) where 1 cat (box with key points) was expected"),
        ((CROWD,), (BOX,), "1 cat (box) where 1 cat (box, crowd) was expected"),
        ((BOX,), (replace(BOX, box=(0.5, 0.5, 0.2, 0.3)),), "a coordinate is off by 0.1 of the image's size"),
    ],
)
def test_compare__names_what_differs(meant: tuple[Shape, ...], found: tuple[Shape, ...], said: str | None) -> None:
    compared = compare(small(*meant), small(*found), pixel_digits=None, ordered_classes=True)
    assert compared.differences == (() if said is None else (f"train/a.jpg: {said}",))
    assert compared.different == len(compared.differences)


def test_compare__an_image_that_is_missing_or_was_not_meant() -> None:
    compared = compare(small(BOX), small(BOX, name="b.jpg"), pixel_digits=None, ordered_classes=True)
    assert compared.differences == ("train/a.jpg: is missing", "train/b.jpg: was not expected")


LOSSES = {
    "polygons": ((OUTLINE,), "polygons?: --polygons to-boxes", {"yolo_darknet", "voc"}),
    "masks": ((MASK,), "run-length masks?: --polygons to-boxes", {"yolo", "yolo_plain", "yolo_darknet", "voc"}),
    "masks beside polygons": ((MASK, OUTLINE), "1 run-length masks?", {"yolo", "yolo_plain", "yolo_darknet", "voc"}),
    "several": ((SEVERAL,), "outline of several rings|1 polygon", {"yolo", "yolo_plain", "yolo_darknet", "voc"}),
    "key points": ((POINTS,), "object has key points", {"yolo_plain", "yolo_darknet", "voc"}),
    "crowds": ((CROWD,), "crowd regions?", {"yolo", "yolo_plain", "yolo_darknet", "voc"}),
    "mixed": ((BOX, OUTLINE), "both polygons and boxes|1 polygon", {"yolo", "yolo_plain", "yolo_darknet", "voc"}),
    "nothing": ((BOX,), "", set()),
}


@pytest.mark.parametrize("what", LOSSES)
@pytest.mark.parametrize("target", sorted(OWN))
def test_check_held__refuses_what_the_format_cannot_hold_and_nothing_else(what: str, target: str) -> None:
    shapes, said, refused_by = LOSSES[what]
    dataset = small(*shapes)
    if target not in refused_by:
        check_held(survey(dataset), dataset, OWN[target], class_order="keep", images="copy")
        return
    with pytest.raises(UsageError, match=said):
        check_held(survey(dataset), dataset, OWN[target], class_order="keep", images="copy")


ACROSS: dict[str, tuple[list[tuple[str, tuple[Shape, ...]]], set[str]]] = {
    "in one split": ([("train", (BOX,)), ("train", (OUTLINE,))], {"yolo", "yolo_plain"}),
    "in the second": (
        [("train", (BOX,)), ("val", (BOX, BOX)), ("val", (OUTLINE,))],
        {"yolo", "yolo_plain"},
    ),
    "in different splits": ([("train", (BOX,)), ("val", (OUTLINE,))], set()),
    "beside backgrounds": ([("train", ()), ("train", (OUTLINE,))], set()),
    "beside crowd regions": ([("train", (CROWD,)), ("train", (OUTLINE,))], set()),
}


@pytest.mark.parametrize("where", ACROSS)
@pytest.mark.parametrize("target", ["yolo", "yolo_plain", "coco"])
def test_check_held__polygons_in_some_images_and_boxes_in_others(where: str, target: str) -> None:
    images, refused_by = ACROSS[where]
    dataset = Small([Item(split, f"{i}.jpg", None, shapes) for i, (split, shapes) in enumerate(images)])
    found = survey(dataset)
    # Crowd regions are refused for a reason of their own.
    found = replace(found, crowds=0)
    if target not in refused_by:
        check_held(found, dataset, OWN[target], class_order="lose", images="copy")
        return
    split = images[-1][0]
    with pytest.raises(UsageError, match=rf"boxes in others \(split {split}\).*--polygons to-boxes"):
        check_held(found, dataset, OWN[target], class_order="keep", images="copy")
