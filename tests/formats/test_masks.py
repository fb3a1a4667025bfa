"""Masks and crowd regions of COCO: never boxes without a word, outlines on request, areas as they were."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

from yolobg.errors import DatasetError, UsageError
from yolobg.formats.convert import convert
from yolobg.formats.registry import all_formats

# pycocotools with the newest numpy.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
FORMATS = all_formats()
SIZE = (96, 64)


def pixels_of(kind: str) -> Any:
    pixels = np.zeros((64, 96), np.uint8)
    pixels[10:30, 10:30] = 1
    if kind == "two pieces":
        pixels[40:50, 60:80] = 1
    if kind == "a hole":
        pixels[15:25, 15:25] = 0
    return pixels


def rle(pixels: Any, *, text: bool = False) -> dict[str, Any]:
    mask = coco_mask.encode(np.asfortranarray(pixels))
    if text:
        return {"size": [64, 96], "counts": mask["counts"].decode()}
    flat, counts, value = pixels.flatten(order="F").tolist(), [0], 0
    for pixel in flat:
        if pixel != value:
            counts, value = [*counts, 0], pixel
        counts[-1] += 1
    return {"size": [64, 96], "counts": counts}


def dataset(root: Path, *annotations: dict[str, Any]) -> Path:
    """One picture with these annotations."""
    (root / "images" / "train").mkdir(parents=True)
    (root / "annotations").mkdir()
    Image.new("RGB", SIZE).save(root / "images" / "train" / "a.jpg")
    told = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 96, "height": 64}],
        "annotations": [
            {"id": i, "image_id": 1, "category_id": 1, "iscrowd": 0, **annotation}
            for i, annotation in enumerate(annotations, 1)
        ],
        "categories": [{"id": 1, "name": "dog"}],
    }
    (root / "annotations" / "instances_train.json").write_text(json.dumps(told))
    return root


def written(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((folder / "annotations" / "instances_train.json").read_text())[
        "annotations"
    ]
    return found


def needed(name: str) -> dict[str, Any]:
    return {} if FORMATS[name].classes else {"class_order": "lose"}


ALL = [name if format_.own else pytest.param(name, marks=pytest.mark.datumaro) for name, format_ in FORMATS.items()]


@pytest.mark.parametrize("to", ALL)
@pytest.mark.parametrize("crowd", [0, 1])
@pytest.mark.parametrize("text", [False, True])
def test_convert__a_mask_is_kept_or_its_loss_is_said_first(tmp_path: Path, to: str, crowd: int, text: bool) -> None:
    mask = rle(pixels_of("one piece"), text=text)
    source = dataset(tmp_path / "source", {"bbox": [10, 10, 20, 20], "segmentation": mask, "iscrowd": crowd})
    if FORMATS[to].masks:
        convert(source, tmp_path / "out", to=to)
        assert written(tmp_path / "out")[0]["segmentation"] == mask
        return
    with pytest.raises(UsageError, match="crowd regions?" if crowd else "run-length masks?") as told:
        convert(source, tmp_path / "out", to=to, **needed(to))
    assert "--polygons to-boxes" in str(told.value) or "--crowds as-objects" in str(told.value)
    assert not (tmp_path / "out").exists()
    wish: dict[str, Any] = {"polygons": "to-boxes", "crowds": "as-objects"}
    report = convert(source, tmp_path / "out", to=to, **wish, **needed(to))
    assert (report.after.boxes, report.after.crowds) == (1, 0)
    assert "1 mask became boxes" in report.changes
    assert ("1 crowd region became objects" in report.changes) == bool(crowd)


@pytest.mark.parametrize("to", [name for name in ALL if not isinstance(name, str) or FORMATS[name].polygons])
@pytest.mark.parametrize("kind", ["one piece", "two pieces", "a hole"])
@pytest.mark.parametrize("crowd", [0, 1])
def test_convert__outlines_cover_what_the_mask_covers(tmp_path: Path, to: str, kind: str, crowd: int) -> None:
    pixels = pixels_of(kind)
    source = dataset(tmp_path / "source", {"segmentation": rle(pixels, text=bool(crowd)), "iscrowd": crowd})
    if not FORMATS[to].polygons:
        pytest.skip("holds no outlines")
    wish: dict[str, Any] = {"polygons": "outline", "crowds": "as-objects"}
    report = convert(source, tmp_path / "out", to=to, **wish, **needed(to))
    assert (report.after.polygons, report.after.boxes, report.after.crowds) == (1, 0, 0)
    assert any(change.startswith("1 mask became outlines; this is lossy") for change in report.changes)
    back = convert(tmp_path / "out", tmp_path / "back", to="coco", from_=to)
    assert back.after.polygons == 1
    rings = written(tmp_path / "back")[0]["segmentation"]
    assert len(rings) == (2 if to == "coco" and kind == "two pieces" else 1)
    drawn = coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(rings, *pixels.shape)))
    assert (drawn & pixels).sum() / (drawn | pixels).sum() > 0.99


def test_convert__outline_joins_rings_where_the_format_has_one(tmp_path: Path) -> None:
    rings = [[10, 10, 30, 10, 30, 30, 10, 30], [60, 40, 80, 40, 80, 50, 60, 50]]
    source = dataset(tmp_path / "source", {"bbox": [10, 10, 70, 40], "segmentation": rings})
    with pytest.raises(UsageError, match="--polygons outline joins them into one ring"):
        convert(source, tmp_path / "out", to="yolo")
    report = convert(source, tmp_path / "out", to="yolo", polygons="outline")
    assert report.after.polygons == 1
    assert report.changes == ("1 outline of several rings joined into one by lines without area",)
    convert(tmp_path / "out", tmp_path / "back", to="coco")
    (found,) = written(tmp_path / "back")
    drawn = coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(found["segmentation"], 64, 96)))
    assert (drawn == pixels_of("two pieces")).all()


MASK = {"segmentation": rle(pixels_of("two pieces"))}
RING = {"segmentation": [[10, 10, 30, 10, 30, 30, 10, 30]]}


@pytest.mark.parametrize(
    ("annotation", "wish", "area"),
    [
        ({**MASK, "area": 80, "bbox": [0, 0, 41, 40], "iscrowd": 1}, {}, 80),
        ({**MASK, "area": 80, "iscrowd": 1}, {}, 80),
        ({**MASK, "area": 80}, {}, 80),
        ({**MASK}, {}, 600),
        ({**MASK, "area": None, "iscrowd": 1}, {}, 600),
        ({**MASK, "area": "much"}, {}, 600),
        ({**MASK, "area": 600}, {"polygons": "outline"}, 600),
        ({**MASK, "area": 600}, {"polygons": "to-boxes"}, 70 * 40),
        ({**MASK, "area": 600, "iscrowd": 1}, {"polygons": "to-boxes"}, 600),
        ({**MASK, "area": 600, "iscrowd": 1}, {"crowds": "as-objects"}, 600),
        ({**RING, "area": 77.5}, {}, 77.5),
        ({**RING}, {}, 400),
        ({**RING, "area": 77.5}, {"polygons": "to-boxes"}, 400),
        ({"bbox": [1, 1, 5, 5], "area": 7, "segmentation": []}, {}, 7),
        ({"bbox": [1, 1, 5, 5], "area": 0, "segmentation": {}}, {}, 0),
        ({"bbox": [1, 1, 5, 5]}, {}, 25),
    ],
)
def test_convert__the_area_is_the_sources_own(
    tmp_path: Path, annotation: dict[str, Any], wish: dict[str, Any], area: float
) -> None:
    convert(dataset(tmp_path / "source", annotation), tmp_path / "out", to="coco", **wish)
    assert written(tmp_path / "out")[0]["area"] == area


@pytest.mark.parametrize("text", [False, True])
def test_convert__a_mask_without_a_bbox_gets_the_box_around_it(tmp_path: Path, text: bool) -> None:
    source = dataset(tmp_path / "source", {"segmentation": rle(pixels_of("two pieces"), text=text)})
    convert(source, tmp_path / "out", to="yolo", polygons="to-boxes")
    row = [float(value) for value in (tmp_path / "out/labels/train/a.txt").read_text().split()]
    assert row == pytest.approx([0, 45 / 96, 30 / 64, 70 / 96, 40 / 64])


@pytest.mark.parametrize(
    ("annotation", "wish", "why"),
    [
        ({"segmentation": {"size": [64, 96], "counts": [9]}}, {"polygons": "to-boxes"}, "do not add up"),
        ({"segmentation": {"size": [64, 96], "counts": [6144]}}, {"polygons": "to-boxes"}, "mask is empty"),
        ({"segmentation": {}}, {}, "neither a bbox nor a polygon nor a mask"),
        (
            {"bbox": [1, 1, 5, 5], "segmentation": {"counts": "x"}},
            {"polygons": "outline"},
            r"train/a\.jpg: a dog .*size",
        ),
    ],
)
def test_convert__a_mask_that_cannot_be_decoded_is_named(
    tmp_path: Path, annotation: dict[str, Any], wish: dict[str, Any], why: str
) -> None:
    source = dataset(tmp_path / "source", annotation)
    with pytest.raises(DatasetError, match=why):
        convert(source, tmp_path / "out", to="yolo", **wish)
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


POLYGON = [10, 10, 30, 10, 30, 30, 10, 30]


@pytest.mark.parametrize(
    "segmentation",
    [
        "abc",
        "[[10, 10, 30, 10, 30, 30]]",
        POLYGON,
        [[[10, 10], [30, 10], [30, 30]]],
        [[{"x": 10, "y": 10}, {"x": 30, "y": 10}, {"x": 30, "y": 30}]],
        [["10", "10", "30", "10", "30", "30"]],
        [POLYGON, rle(pixels_of("one piece"))],
        [POLYGON, None],
        [[10, 10, 30, 10, 30, True]],
        [[10, 10, 30, 10, 30, None]],
        {"size": [64, 96]},
        7,
        0,
        True,
    ],
)
@pytest.mark.parametrize("box", [{}, {"bbox": [10, 10, 20, 20]}])
@pytest.mark.parametrize("to", ["yolo", "coco"])
def test_convert__what_is_no_segmentation_is_refused_and_never_a_box(
    tmp_path: Path, segmentation: object, box: dict[str, Any], to: str
) -> None:
    source = dataset(tmp_path / "source", {**box, "segmentation": segmentation})
    with pytest.raises(
        DatasetError, match=r"number 1 \(a\.jpg\) .*: its segmentation is neither rings of numbers nor a mask"
    ):
        convert(source, tmp_path / "out", to=to, polygons="to-boxes")
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


@pytest.mark.parametrize(
    ("annotation", "why"),
    [
        ({"segmentation": [POLYGON[:7]]}, "a ring of its segmentation has 7 numbers"),
        ({"segmentation": [POLYGON, [1, 2, 3]]}, "a ring of its segmentation has 3 numbers"),
        ({"bbox": [1, 1, 5, 5, 0.3]}, "its bbox has 5 numbers"),
        ({"bbox": [1, 1], "segmentation": [POLYGON]}, "its bbox has 2 numbers"),
        ({"bbox": [1, 1, 5, 5], "category_id": 9}, "its category 9 is not among the categories"),
        ({"segmentation": {"size": [96, 64], "counts": [6144]}}, "its mask has 96 rows of 64 pixels"),
    ],
)
def test_convert__an_annotation_that_cannot_be_used_is_named(
    tmp_path: Path, annotation: dict[str, Any], why: str
) -> None:
    source = dataset(tmp_path / "source", {"bbox": [1, 1, 5, 5]}, {"bbox": [1, 1, 9, 9], **annotation})
    with pytest.raises(DatasetError, match=rf"instances_train\.json: annotation number 2 \(a\.jpg\) .*: {why}"):
        convert(source, tmp_path / "out", to="coco")


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_convert__a_number_that_json_does_not_have_is_named(tmp_path: Path, word: str) -> None:
    source = dataset(tmp_path / "source", {"bbox": [1, 1, 5, 5]}, {"bbox": [1, 1, 5, float(word)]})
    with pytest.raises(
        DatasetError, match=r"annotation number 2 .*got `null` - at `\$\.bbox.*\(NaN and Infinity count"
    ):
        convert(source, tmp_path / "out", to="coco")
    told = {"bbox": [1, 1, 5, 5], "score": float(word), "area": float(word), "segmentation": None}
    assert convert(dataset(tmp_path / "unused", told), tmp_path / "out", to="yolo").after.boxes == 1


@pytest.mark.parametrize("text", [False, True])
def test_convert__a_list_of_one_mask_is_that_mask(tmp_path: Path, text: bool) -> None:
    mask = rle(pixels_of("a hole"), text=text)
    convert(dataset(tmp_path / "source", {"segmentation": [mask]}), tmp_path / "out", to="coco")
    assert written(tmp_path / "out")[0]["segmentation"] == mask


@pytest.mark.parametrize("segmentation", [None, [], {}, "", [[]]])
def test_convert__an_empty_segmentation_is_a_box(tmp_path: Path, segmentation: object) -> None:
    source = dataset(tmp_path / "source", {"bbox": [1, 1, 5, 5], "segmentation": segmentation})
    report = convert(source, tmp_path / "out", to="yolo")
    assert (report.after.boxes, report.warnings[1:]) == (1, ())


@pytest.mark.parametrize(("rings", "left"), [([POLYGON, [3, 3, 4, 4]], 1), ([[1, 1, 21, 21]], 0)])
def test_convert__rings_without_an_area_are_counted(tmp_path: Path, rings: list[list[int]], left: int) -> None:
    source = dataset(tmp_path / "source", {"bbox": [10, 10, 20, 20], "segmentation": rings})
    report = convert(source, tmp_path / "out", to="yolo")
    assert report.after.polygons == left
    said = "1 ring of outlines has fewer than three points and was left out, e.g. in train/a.jpg"
    assert said in report.warnings


@pytest.mark.parametrize("crowd", [True, False])
def test_convert__iscrowd_may_be_true_or_false(tmp_path: Path, crowd: bool) -> None:
    source = dataset(tmp_path / "source", {"bbox": [1, 1, 5, 5], "iscrowd": crowd})
    assert convert(source, tmp_path / "out", to="coco").after.crowds == int(crowd)


@pytest.mark.parametrize("to", ["yolo", "yolo_plain"])
@pytest.mark.parametrize("beside", [[], [{"segmentation": [POLYGON]}], [{"bbox": [1, 1, 5, 5]}]])
def test_convert__a_mask_without_a_pixel_is_no_outline(tmp_path: Path, to: str, beside: list[dict[str, Any]]) -> None:
    empty = {"bbox": [1, 1, 5, 5], "segmentation": {"size": [64, 96], "counts": [6144]}}
    source = dataset(tmp_path / "source", *beside, empty)
    with pytest.raises(DatasetError, match=r"train/a\.jpg: a dog cannot be used: its mask has no pixel"):
        convert(source, tmp_path / "out", to=to, polygons="outline")
    assert convert(source, tmp_path / "out", to=to, polygons="to-boxes").after.boxes == len(beside) + 1
