"""What is said first of a source about which nothing is known, and where the figures of COCO's re-checks are shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from download_pictures import picture
from one_image import one_image_dataset

import yolobg

NOTHING = "has an annotation, so nothing is known of what they show"


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return one_image_dataset(tmp_path / "ds")


def plan(dataset: Path, root: Path, names: list[str], categories: list[str], *, objects: int) -> yolobg.Plan:
    (root / "images").mkdir(parents=True)
    for i, name in enumerate(names):
        (root / "images" / name).write_bytes(picture(10 + i))
    records = {
        "images": [{"id": i, "file_name": name} for i, name in enumerate(names)],
        "annotations": [{"image_id": i, "category_id": 1, "bbox": [1, 1, 5, 5]} for i in range(objects)],
        "categories": [{"id": i, "name": name} for i, name in enumerate(categories, start=1)],
    }
    (root / "source.json").write_text(json.dumps(records))
    return yolobg.plan(dataset, annotations=root / "source.json", images=[root / "images"], count=1)


OWN, COCO = [f"s{i}.jpg" for i in range(4)], [f"{i + 1:012d}.jpg" for i in range(4)]


@pytest.mark.parametrize(
    ("names", "categories", "shown"),
    [
        (COCO, ["dog", "car"], True),
        (COCO, ["dog", "pothole"], False),
        (OWN, ["dog", "car"], False),
        (OWN, ["dog"], False),
        ([*COCO[:3], "s9.jpg"], ["dog"], False),
    ],
)
def test_contamination__is_shown_where_the_images_are_coco_s(
    dataset: Path, tmp_path: Path, names: list[str], categories: list[str], *, shown: bool
) -> None:
    report = plan(dataset, tmp_path / "src", names, categories, objects=1).report
    assert report.source is not None
    assert (report.source.expected_contamination is not None) == shown
    assert (report.classes[0].expected_contamination is not None) == shown
    assert not any("re-check" in warning for match in report.classes for warning in match.warnings)


@pytest.mark.parametrize(("objects", "said"), [(0, True), (1, False)])
def test_source__without_any_annotation_is_said_first(
    dataset: Path, tmp_path: Path, objects: int, *, said: bool
) -> None:
    warnings = plan(dataset, tmp_path / "src", OWN, ["dog"], objects=objects).warnings
    assert any(NOTHING in warning for warning in warnings) == said
    assert not said or NOTHING in warnings[0]


@pytest.mark.parametrize("labels", ["none", "blank", "beside"])
def test_folder__of_bare_images_is_told_and_one_with_blank_labels_is_not(
    dataset: Path, tmp_path: Path, labels: str
) -> None:
    pool = tmp_path / "pool"
    (pool / "images").mkdir(parents=True)
    (pool / "labels").mkdir()
    for i in range(3):
        (pool / "images" / f"p{i}.jpg").write_bytes(picture(20 + i))
        if labels != "none":
            (pool / ("labels" if labels == "blank" else "images") / f"p{i}.txt").write_bytes(b"")
    warnings = yolobg.plan(dataset, source=str(pool), count=1).warnings
    assert [NOTHING in warning for warning in warnings] == ([True] if labels == "none" else [])


@pytest.mark.parametrize("kind", ["data.yaml", "coco"])
@pytest.mark.parametrize("names", [OWN, COCO])
def test_folder__with_class_names_and_no_annotation_is_told_and_has_no_figure(
    dataset: Path, tmp_path: Path, names: list[str], kind: str
) -> None:
    pool = tmp_path / "pool"
    (pool / "images").mkdir(parents=True)
    for i, name in enumerate(names):
        (pool / "images" / name).write_bytes(picture(20 + i))
    if kind == "data.yaml":
        (pool / "data.yaml").write_text("names: [dog, cat]\ntrain: images\nval: images\n")
    else:
        categories = [{"id": 1, "name": "dog"}, {"id": 2, "name": "cat"}]
        images = [{"id": i, "file_name": name, "width": 160, "height": 120} for i, name in enumerate(names)]
        records = {"images": images, "annotations": [], "categories": categories}
        (pool / "result.json").write_text(json.dumps(records))
    made = yolobg.plan(dataset, source=str(pool), count=1)
    assert NOTHING in made.warnings[0]
    assert made.report.source is not None
    assert made.report.source.expected_contamination is None


def test_folder__with_one_blank_label_or_one_object_is_not_told(dataset: Path, tmp_path: Path) -> None:
    pool = tmp_path / "pool"
    for kind in ("images", "labels"):
        (pool / kind).mkdir(parents=True)
    for i, name in enumerate(COCO):
        (pool / "images" / name).write_bytes(picture(20 + i))
    (pool / "data.yaml").write_text("names: [dog, cat]\ntrain: images\nval: images\n")
    for content in (b"", b"1 .5 .5 .1 .1\n"):
        (pool / "labels" / f"{Path(COCO[0]).stem}.txt").write_bytes(content)
        assert not any(NOTHING in warning for warning in yolobg.plan(dataset, source=str(pool), count=1).warnings)
