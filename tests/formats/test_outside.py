"""Objects and key points that reach out of their image: written exactly where Ultralytics trains with them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from ultra import environment, python_with_ultralytics

from yolobg.errors import DatasetError
from yolobg.formats.convert import convert

POLYGONS = {
    "inside": (0.1, 0.1, 0.9, 0.1, 0.9, 0.9),
    "on the edge": (0.0, 0.0, 1.0, 0.0, 1.0, 1.0),
    "a pixel to the right": (0.5, 0.1, 1.02, 0.1, 1.02, 0.9),
    "a pixel above": (0.1, -0.02, 0.9, -0.02, 0.9, 0.9),
    "far to the left": (-0.2, 0.1, 0.5, 0.1, 0.5, 0.9),
    "beyond the right edge": (1.0, 0.1, 1.3, 0.1, 1.3, 0.9),
    "wider than the image": (-0.1, 0.1, 1.1, 0.1, 1.1, 0.9),
    "as wide as may be": (-0.005, 0.1, 1.004, 0.1, 1.004, 0.9),
    "beyond the left edge": (-0.3, 0.1, 0.1, 0.1, 0.1, 0.9),
    "barely beyond it": (-0.1, 0.1, 0.09, 0.1, 0.09, 0.9),
}
BOXES = {
    "inside": (0.5, 0.5, 0.2, 0.2),
    "a pixel to the right": (0.9, 0.5, 0.24, 0.2),
    "centre on the edge": (1.005, 0.5, 0.1, 0.1),
    "centre outside": (1.02, 0.5, 0.1, 0.1),
    "centre left of it": (-0.005, 0.5, 0.1, 0.1),
    "centre far left of it": (-0.02, 0.5, 0.1, 0.1),
    "wider than the image": (0.5, 0.5, 1.005, 0.2),
    "much wider": (0.5, 0.5, 1.2, 0.2),
}
POINTS = {
    "inside": (0.5, 0.5, 2),
    "on the edge": (1.0, 1.0, 2),
    "a little to the right": (1.009, 0.5, 2),
    "to the right": (1.02, 0.5, 2),
    "below, hidden": (0.5, 1.3, 1),
    "a little above": (0.5, -0.009, 1),
    "above": (0.5, -0.02, 2),
    "unmarked, at the origin": (0.0, 0.0, 0),
    "unmarked, inside": (0.25, 0.75, 0),
    "unmarked, to the right": (1.5, 0.5, 0),
    "unmarked, above": (0.5, -3.0, 0),
}
ULTRALYTICS = """
import json, sys
from ultralytics.data.utils import verify_image_label
print(json.dumps([verify_image_label((image, label, "", bool(points), 1, points, 3, False))[8] == 0
                  for image, label, points in json.load(open(sys.argv[1]))]))
"""


def source(root: Path, **annotation: Any) -> Path:
    """A picture of 1,000 pixels with one object, as COCO."""
    (root / "images" / "train").mkdir(parents=True)
    Image.new("RGB", (1000, 1000)).save(root / "images" / "train" / "a.png")
    told = {
        "images": [{"id": 1, "file_name": "a.png", "width": 1000, "height": 1000}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "iscrowd": 0, **annotation}],
        "categories": [{"id": 1, "name": "person", "keypoints": ["nose", "tail"]}],
    }
    (root / "instances_train.json").write_text(json.dumps(told))
    return root


def accepted(place: Path, rows: dict[str, str], key_points: int) -> dict[str, bool]:
    """Whether Ultralytics trains with an image of such a label."""
    Image.new("RGB", (1000, 1000)).save(place / "a.png")
    asked = []
    for number, row in enumerate(rows.values()):
        (place / f"{number}.txt").write_text(row)
        asked.append((str(place / "a.png"), str(place / f"{number}.txt"), key_points))
    (place / "asked.json").write_text(json.dumps(asked))
    command = [python_with_ultralytics(), "-c", ULTRALYTICS, str(place / "asked.json")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment(), check=True)
    return dict(zip(rows, json.loads(done.stdout.splitlines()[-1]), strict=True))


def text(*values: float) -> str:
    return " ".join(map(repr, values))


def polygon(place: Path, ring: tuple[float, ...]) -> str | None:
    """The label that `convert` writes; None where it refuses."""
    return _converted(place, segmentation=[[value * 1000 for value in ring]])


def _converted(place: Path, **annotation: Any) -> str | None:
    made = source(place / "source", **annotation)
    try:
        convert(made, place / "out", to="yolo")
    except DatasetError as error:
        said = str(error)
    else:
        return (place / "out" / "labels" / "train" / "a.txt").read_text()
    assert said.startswith("train/a.png: ")
    assert "lies outside its image: a " in said
    assert not (place / "out").exists()
    return None


def box(place: Path, shares: tuple[float, ...]) -> str | None:
    x, y, w, h = (value * 1000 for value in shares)
    return _converted(place, bbox=[x - w / 2, y - h / 2, w, h])


def pose(place: Path, point: tuple[float, ...]) -> str | None:
    x, y, seen = point
    return _converted(place, bbox=[400, 400, 200, 200], keypoints=[500, 500, 2, x * 1000, y * 1000, seen])


@pytest.mark.ultralytics
def test_convert__polygons_that_reach_out_are_written_where_ultralytics_takes_them(tmp_path: Path) -> None:
    theirs = accepted(tmp_path, {name: f"0 {text(*ring)}\n" for name, ring in POLYGONS.items()}, 0)
    ours = {name: polygon(tmp_path / name, ring) for name, ring in POLYGONS.items()}
    assert {name: row is not None for name, row in ours.items()} == theirs
    assert {True, False} == set(theirs.values())


@pytest.mark.ultralytics
def test_convert__boxes_that_reach_out_are_written_where_ultralytics_takes_them(tmp_path: Path) -> None:
    theirs = accepted(tmp_path, {name: f"0 {text(*shares)}\n" for name, shares in BOXES.items()}, 0)
    ours = {name: box(tmp_path / name, shares) for name, shares in BOXES.items()}
    assert {name: row is not None for name, row in ours.items()} == theirs


@pytest.mark.ultralytics
def test_convert__key_points_that_reach_out_are_written_where_ultralytics_takes_them(tmp_path: Path) -> None:
    rows = {name: f"0 0.5 0.5 0.2 0.2 0.5 0.5 2 {text(*point)}\n" for name, point in POINTS.items()}
    theirs = accepted(tmp_path, rows, 2)
    ours = {name: pose(tmp_path / name, point) for name, point in POINTS.items()}
    # A point that nobody marked is no reason to do without the image.
    assert {name: row is not None for name, row in ours.items()} == {
        name: taken or not POINTS[name][2] for name, taken in theirs.items()
    }
    written = {name: row for name, row in ours.items() if row is not None}
    assert all(accepted(tmp_path, written, 2).values())


@pytest.mark.parametrize(
    ("name", "taken"), [("a pixel to the right", True), ("a pixel above", True), ("wider than the image", False)]
)
def test_convert__a_polygon_a_pixel_outside_is_carried_as_it_is(tmp_path: Path, name: str, taken: bool) -> None:
    ring = POLYGONS[name]
    row = polygon(tmp_path, ring)
    assert row == (f"0 {' '.join(f'{value:.10g}' for value in ring)}\n" if taken else None)


@pytest.mark.parametrize("name", POINTS)
def test_convert__a_key_point_outside_is_refused_by_name_or_nobody_marked_it(tmp_path: Path, name: str) -> None:
    x, y, seen = POINTS[name]
    outside = not (-0.01 <= x <= 1.01 and -0.01 <= y <= 1.01)
    row = pose(tmp_path, POINTS[name])
    meant = None if outside and seen else "0 0 0" if outside else f"{x:.10g} {y:.10g} {seen}"
    assert row == (None if meant is None else f"0 0.5 0.5 0.2 0.2 0.5 0.5 2 {meant}\n")


def test_convert__unmarked_points_outside_are_said_and_an_object_of_such_alone_has_none(tmp_path: Path) -> None:
    points = [1500, 500, 0, 500, -700, 0]
    made = source(tmp_path / "source", bbox=[400, 400, 200, 200], keypoints=points)
    report = convert(made, tmp_path / "yolo", to="yolo")
    assert report.changes == ("2 key points outside their image that nobody marked became 0 0 0",)
    assert (report.before.key_points, report.after.key_points) == (1, 0)
    assert (tmp_path / "yolo/labels/train/a.txt").read_text() == "0 0.5 0.5 0.2 0.2 0 0 0 0 0 0\n"
    convert(made, tmp_path / "coco", to="coco")
    (found,) = json.loads((tmp_path / "coco/annotations/instances_train.json").read_text())["annotations"]
    assert found["keypoints"] == points


def test_convert__classes_with_fewer_key_points_get_unmarked_ones(tmp_path: Path) -> None:
    made = source(tmp_path / "source", bbox=[400, 400, 200, 200], keypoints=[500, 500, 2, 600, 600, 1])
    told = json.loads((made / "instances_train.json").read_text())
    told["categories"].append({"id": 2, "name": "dog", "keypoints": ["nose"]})
    dog = {"image_id": 1, "category_id": 2, "iscrowd": 0, "bbox": [0, 0, 100, 100]}
    told["annotations"] += [{"id": 2, **dog, "keypoints": [50, 50, 2]}, {"id": 3, **dog}]
    (made / "instances_train.json").write_text(json.dumps(told))
    report = convert(made, tmp_path / "out", to="yolo")
    assert report.after.key_points == 2
    assert (tmp_path / "out/labels/train/a.txt").read_text().splitlines() == [
        "0 0.5 0.5 0.2 0.2 0.5 0.5 2 0.6 0.6 1",
        "1 0.05 0.05 0.1 0.1 0.05 0.05 2 0 0 0",
        "1 0.05 0.05 0.1 0.1 0 0 0 0 0 0",
    ]


@pytest.mark.parametrize("points", [[500, 500, 2] * 3, [500, 500, 2, 600]])
def test_convert__more_key_points_than_the_category_names_are_refused_by_name(
    tmp_path: Path, points: list[float]
) -> None:
    made = source(tmp_path / "source", bbox=[400, 400, 200, 200], keypoints=points)
    with pytest.raises(DatasetError, match=r"train/a\.png: .* 3 key points|annotation number 1 .* x, y and visibility"):
        convert(made, tmp_path / "out", to="yolo")
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


@pytest.mark.parametrize("seen", [3, -1, 1.5, 0.5, 4])
@pytest.mark.parametrize("place", [(500, 500), (0, 0)])
def test_convert__a_visibility_that_pose_does_not_know_is_refused_by_name(
    tmp_path: Path, seen: float, place: tuple[int, int]
) -> None:
    made = source(tmp_path / "source", bbox=[400, 400, 200, 200], keypoints=[500, 500, 2, *place, seen])
    why = rf"train/a\.png: key point 2 .* has the visibility {seen:g}, expected 0, 1 or 2"
    with pytest.raises(DatasetError, match=why):
        convert(made, tmp_path / "out", to="yolo")
    assert [path.name for path in tmp_path.iterdir()] == ["source"]
    assert convert(made, tmp_path / "out", to="yolo", key_points="drop").after.boxes == 1


@pytest.mark.parametrize("seen", [0, 1, 2, 2.0])
def test_convert__the_visibilities_of_coco_are_written(tmp_path: Path, seen: float) -> None:
    made = source(tmp_path / "source", bbox=[400, 400, 200, 200], keypoints=[500, 500, 2, 250, 750, seen])
    convert(made, tmp_path / "out", to="yolo")
    row = (tmp_path / "out/labels/train/a.txt").read_text()
    assert row == f"0 0.5 0.5 0.2 0.2 0.5 0.5 2 0.25 0.75 {seen:g}\n"
