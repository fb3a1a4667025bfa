"""Records that annotation tools leave in a source folder: which picture each is about, for certain or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from export_data import (
    BOX_HEAD,
    CAT,
    DOG,
    EXPORTS,
    FREE,
    OPEN,
    cvat_box,
    cvat_xml,
    fiftyone_sample,
    label_img_xml,
    label_studio_task,
    labelme_json,
    put,
    shot,
    shots,
)

import yolobg
from yolobg.errors import AnnotationsError, PoolError
from yolobg.export_kinds import HEAD_BYTES, kind_of_export

ROW = "0 0.5 0.5 0.2 0.2\n"


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """A dog and no background."""
    shot(tmp_path / "data" / "images" / "train" / "x.jpg", 100)
    put(tmp_path / "data" / "labels" / "train" / "x.txt", ROW)
    put(tmp_path / "data" / "data.yaml", "train: images/train\nval: images/train\nnames: [dog]\n")
    return tmp_path / "data"


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    """Three pictures without records."""
    shots(tmp_path / "pool")
    return tmp_path / "pool"


def left(dataset: Path, pool: Path, **options: Any) -> set[str]:
    """The pictures of a folder that may become backgrounds, below it."""
    for count in (4, 3, 2, 1):
        try:
            added = yolobg.augment(dataset, source=str(pool), count=count, **options).added
        except PoolError:
            continue
        yolobg.remove(dataset)
        return {Path(one.url).relative_to(pool).as_posix() for one in added}
    return set()


def rest(pool: Path, *names: str) -> None:
    """A LabelMe file that says that there is nothing in each picture."""
    for name in names:
        put((pool / name).with_suffix(".json"), labelme_json(Path(name).name, None))


# ---------------------------------------------------------------- LabelMe, labelImg


@pytest.mark.parametrize(
    ("file", "image"),
    [
        ("shot_01.json", "shot_01.jpg"),
        ("shot_01.json", "/home/anna/pets/shot_01.jpg"),
        ("shot_01.json", "C:\\pets\\shot_01.jpg"),
        ("json/shot_01.json", "../shot_01.jpg"),
        ("json/shot_01.json", "..\\shot_01.jpg"),
        ("json/shot_01.json", "shot_01.jpg"),
        ("json/other.json", "shot_01.jpg"),
        ("json/other.json", "D:/x/SHOT_01.JPG"),
    ],
)
@pytest.mark.parametrize("tool", ["LabelMe", "labelImg"])
def test_picture__is_found_from_where_the_record_lies(
    dataset: Path, pool: Path, file: str, image: str, tool: str
) -> None:
    if tool == "LabelMe":
        put(pool / file, labelme_json(image, "dog"))
    else:
        put((pool / file).with_suffix(".xml"), label_img_xml(image, "dog"))
    rest(pool, CAT, FREE)
    assert left(dataset, pool) == {CAT, FREE}
    put(pool / file, labelme_json(image, None))
    (pool / file).with_suffix(".xml").unlink(missing_ok=True)
    assert left(dataset, pool) == {DOG, CAT, FREE}


def test_picture__that_was_renamed_after_its_record_is_left_out(dataset: Path, pool: Path) -> None:
    """The file is called like one picture and names another: either may show what it tells, and neither is cleared."""
    put(pool / "shot_01.json", labelme_json(CAT, "cat"))
    rest(pool, FREE)
    assert left(dataset, pool) == {FREE}
    report = yolobg.plan(dataset, source=str(pool), count=1).report
    assert any("2 images were left out, because no record says all that they show" in one for one in report.warnings)
    rest(pool, CAT)
    assert left(dataset, pool) == {CAT, FREE}


def test_pictures__of_one_name_in_two_folders_belong_to_the_record_beside_each(dataset: Path, tmp_path: Path) -> None:
    pool = tmp_path / "pool"
    for number, (folder, label) in enumerate((("day", "dog"), ("night", None))):
        shot(pool / folder / "a.jpg", number)
        put(pool / folder / "a.json", labelme_json("a.jpg", label))
    assert left(dataset, pool) == {"night/a.jpg"}


@pytest.mark.parametrize("unlabelled", [False, True])
@pytest.mark.parametrize("name", ["a.jpg", "/home/anna/a.jpg", "C:\\x\\a.jpg"])
def test_pictures__of_one_name_stop_where_nothing_tells_which(
    dataset: Path, tmp_path: Path, name: str, unlabelled: bool
) -> None:
    pool = tmp_path / "pool"
    for number, folder in enumerate(("day", "night")):
        shot(pool / folder / "a.jpg", number)
    put(pool / "annotations.xml", cvat_xml([(name, cvat_box("dog"))]))
    with pytest.raises(AnnotationsError, match=r"may be .*day.a\.jpg or .*night.a\.jpg; rename one") as stopped:
        yolobg.plan(dataset, source=str(pool), count=1, unlabelled=unlabelled)
    assert "annotations.xml" in str(stopped.value)


def test_pictures__elsewhere_are_not_taken_for_those_of_a_relative_path(dataset: Path, tmp_path: Path) -> None:
    shot(tmp_path / "pool" / "other" / "a.jpg", 1)
    put(tmp_path / "pool" / "annotations.xml", cvat_xml([("cam1/a.jpg", "")]))
    with pytest.raises(AnnotationsError, match=r"no record says everything .*1 names others, for example cam1/a\.jpg"):
        yolobg.plan(dataset, source=str(tmp_path / "pool"), count=1)


@pytest.mark.parametrize("label", ["", "  ", None, 7, ["dog"]])
def test_mark__without_a_name_may_be_anything(dataset: Path, pool: Path, label: object) -> None:
    content = json.loads(labelme_json(DOG, "x"))
    content["shapes"][0]["label"] = label
    put(pool / "shot_01.json", json.dumps(content))
    rest(pool, CAT, FREE)
    assert left(dataset, pool) == {CAT, FREE}


def test_labelme__flags_of_the_image_are_classes_where_they_are_set(dataset: Path, pool: Path) -> None:
    for name, value in ((DOG, True), (CAT, False)):
        put((pool / name).with_suffix(".json"), labelme_json(name, None, flags={"dog": value}))
    rest(pool, FREE)
    assert left(dataset, pool) == {CAT, FREE}


def test_label__beside_an_image_counts_whatever_the_record_says(dataset: Path, pool: Path) -> None:
    rest(pool, DOG, CAT, FREE)
    put(pool / "shot_01.txt", ROW)
    assert left(dataset, pool) == {CAT, FREE}
    assert left(dataset, pool, unlabelled=True) == {CAT, FREE}


@pytest.mark.parametrize("unlabelled", [False, True])
def test_images__without_a_record_are_left_out_until_the_user_says_what_they_show(
    dataset: Path, pool: Path, unlabelled: bool
) -> None:
    put(pool / "shot_01.json", labelme_json(DOG, "dog"))
    rest(pool, CAT)
    assert left(dataset, pool, unlabelled=unlabelled) == ({CAT, FREE} if unlabelled else {CAT})
    (warning, *_) = yolobg.plan(dataset, source=str(pool), count=1, unlabelled=unlabelled).report.warnings or ("",)
    assert ("1 image was left out" in warning) is not unlabelled


@pytest.mark.parametrize("unlabelled", [False, True])
@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("shot_01.json", labelme_json(DOG, "dog")[:-30]),
        ("shot_01.xml", label_img_xml(DOG, "dog")[:-15]),
        ("shot_01.xml", label_img_xml(DOG, "dog").replace("<path>", '<!ENTITY b "c"><path>')),
        ("annotations.xml", cvat_xml([(DOG, cvat_box("dog"))])[:-15]),
        ("annotations.xml", cvat_xml([(DOG, cvat_box("dog"))]).replace("</image>", '</image><track id="0"/>')),
        ("samples.json", json.dumps({"samples": [fiftyone_sample(DOG, "dog")]})[:-2]),
        ("samples.json", json.dumps({"samples": [fiftyone_sample(DOG, "dog"), {"filepath": None}]})),
        ("project.json", json.dumps([label_studio_task(1, DOG, "dog")])[:-1]),
        ("project.json", json.dumps([label_studio_task(1, DOG, "dog"), {"data": {"image": CAT}}])),
    ],
)  # fmt: skip
def test_record__that_is_damaged_stops_and_is_named(
    dataset: Path, pool: Path, file: str, content: str, unlabelled: bool
) -> None:
    rest(pool, CAT, FREE)
    put(pool / file, content)
    with pytest.raises(AnnotationsError, match=file.replace(".", r"\.")):
        yolobg.plan(dataset, source=str(pool), count=1, unlabelled=unlabelled)


def test_label__that_is_blank_says_of_an_image_without_a_record_that_nothing_is_there(
    dataset: Path, tmp_path: Path
) -> None:
    """One record of a tool among labels of YOLO's takes no image away."""
    pool = tmp_path / "pool"
    shots(pool, "images")
    for name, row in ((DOG, ""), (CAT, ""), (FREE, ROW)):
        put(pool / "labels" / f"{name[:-4]}.txt", row)
    put(pool / "images" / "shot_01.json", labelme_json(DOG, "dog"))
    report = yolobg.augment(dataset, source=str(pool), count=1)
    assert [Path(one.url).name for one in report.added] == [CAT]
    assert report.source is not None
    assert (report.source.left_out.class_, report.source.eligible) == (2, 1)


def test_records__of_another_kind_beside_those_of_a_tool_stop(dataset: Path, pool: Path) -> None:
    rest(pool, DOG, CAT, FREE)
    assert left(dataset, pool) == {DOG, CAT, FREE}
    put(pool / "breeds.csv", f"filename,breed\n{DOG},poodle\n")
    with pytest.raises(AnnotationsError, match=r"breeds\.csv"):
        yolobg.plan(dataset, source=str(pool), count=1)


def test_records__of_several_tools_are_taken_together(dataset: Path, pool: Path) -> None:
    rest(pool, DOG, CAT, FREE)
    put(pool / "annotations.xml", cvat_xml([(DOG, cvat_box("dog")), (CAT, cvat_box("cat"))]))
    assert left(dataset, pool) == {CAT, FREE}


# ---------------------------------------------------------------- CVAT, FiftyOne, Label Studio


@pytest.mark.parametrize(
    "inner",
    [
        cvat_box("dog"),
        '<tag label="dog" source="manual"></tag>',
        '<polygon label="dog" points="1,1;9,1;9,9" z_order="0"></polygon>',
        '<mask label="dog" rle="1, 2" left="1" top="1" width="9" height="9"></mask>',
        '<skeleton label="pet"><points label="dog" points="1,1"></points></skeleton>',
        "<cuboid/>",
    ],
)
def test_cvat__any_shape_or_tag_counts(dataset: Path, pool: Path, inner: str) -> None:
    put(pool / "annotations.xml", cvat_xml([(DOG, inner), (CAT, cvat_box("cat")), (FREE, "")]))
    assert left(dataset, pool) == {CAT, FREE}


def test_cvat__of_a_video_stops(dataset: Path, pool: Path) -> None:
    put(pool / "annotations.xml", cvat_xml([]).replace("</annotations>", '<track id="0" label="dog"/></annotations>'))
    with pytest.raises(AnnotationsError, match=r"annotations\.xml"):
        yolobg.plan(dataset, source=str(pool), count=1)


@pytest.mark.parametrize(
    "field",
    [
        {"_cls": "Classification", "label": "dog"},
        {"_cls": "Classifications", "classifications": [{"_cls": "Classification", "label": "dog"}]},
        {"_cls": "Polylines", "polylines": [{"_cls": "Polyline", "label": "dog", "points": []}]},
        {"_cls": "Keypoints", "keypoints": [{"_cls": "Keypoint", "label": "dog"}]},
        {"_cls": "Detections", "detections": [{"_cls": "Detection", "bounding_box": [0, 0, 1, 1]}]},
        {"_cls": "Segmentation", "mask_path": "fields/x.png"},
        {"_cls": "Heatmap", "map_path": "fields/x.png"},
        {"_cls": "SomethingNew"},
        {"what": "is this"},
    ],
)
def test_fiftyone__every_field_counts(dataset: Path, tmp_path: Path, field: dict[str, Any]) -> None:
    pool = tmp_path / "pool"
    shots(pool, "data")
    samples = [{**fiftyone_sample(DOG, None), "more": field}, fiftyone_sample(CAT, "cat"), fiftyone_sample(FREE, None)]
    put(pool / "samples.json", json.dumps({"samples": samples}))
    put(pool / "metadata.json", json.dumps({"name": "x", "classes": {"more": ["dog"]}, "sample_fields": []}))
    assert left(dataset, pool) == {f"data/{CAT}", f"data/{FREE}"}


def result(**value: Any) -> dict[str, Any]:
    return {"type": "x", "from_name": "label", "to_name": "image", "value": value}


@pytest.mark.parametrize(
    "row",
    [
        result(polygonlabels=["dog"], points=[[1, 1]]),
        result(brushlabels=["dog"], rle=[1], format="rle"),
        result(keypointlabels=["cat", "dog"]),
        result(choices=["dog"]),
        result(taxonomy=[["animal", "dog"]]),
        result(x=1, y=1, width=5, height=5),
        result(rectanglelabels=[]),
        {"type": "rectangle"},
    ],
)
def test_label_studio__every_kind_of_label_counts(dataset: Path, pool: Path, row: dict[str, Any]) -> None:
    tasks = [label_studio_task(n, name, None) for n, name in enumerate((DOG, CAT, FREE))]
    tasks[0]["annotations"][0]["result"] = [row]
    tasks[1]["annotations"][0]["result"] = [{"type": "relation", "from_id": "a", "to_id": "b"}]
    put(pool / "project.json", json.dumps(tasks))
    assert left(dataset, pool) == {CAT, FREE}


def test_label_studio__what_is_not_submitted_clears_nothing_but_counts(dataset: Path, pool: Path) -> None:
    tasks = [label_studio_task(n, name, None) for n, name in enumerate((DOG, CAT, FREE))]
    put(pool / "project.json", json.dumps(tasks))
    assert left(dataset, pool) == {DOG, CAT, FREE}
    tasks[0]["drafts"] = [{"result": [result(rectanglelabels=["dog"])]}]
    tasks[1]["annotations"][0]["was_cancelled"] = True
    put(pool / "project.json", json.dumps(tasks))
    assert left(dataset, pool) == {FREE}
    tasks[1]["annotations"] = []
    put(pool / "project.json", json.dumps(tasks))
    assert left(dataset, pool) == {FREE}
    assert left(dataset, pool, unlabelled=True) == {CAT, FREE}


@pytest.mark.parametrize(
    "image",
    [
        "/data/local-files/?d=pets/shot_01.jpg",
        "/data/upload/7/0a1b2c3d-shot_01.jpg",
        "https://x.org/a%20b/shot_01.jpg?X-Amz-Signature=a.b",
        "s3://bucket/pets/shot_01.jpg",
    ],
)
def test_label_studio__pictures_by_every_address_of_a_server(dataset: Path, pool: Path, image: str) -> None:
    tasks = [label_studio_task(0, image, "dog"), *(label_studio_task(1, name, None) for name in (CAT, FREE))]
    put(pool / "project.json", json.dumps(tasks))
    assert left(dataset, pool) == {CAT, FREE}
    tasks[0] = label_studio_task(0, image, None)
    put(pool / "project.json", json.dumps(tasks))
    assert left(dataset, pool) == {DOG, CAT, FREE}


# ---------------------------------------------------------------- Open Images


def boxes(*rows: tuple[str, str, str]) -> str:
    return "\n".join([BOX_HEAD, *(f"{i[:-4]},xclick,{label},{c},0,1,0,1,0,0,0,0,0" for i, label, c in rows), ""])


@pytest.mark.parametrize("name", ["dog", "animal", "mammal", "puppy"])
def test_open_images__what_is_found_is_left_out_and_the_rest_needs_the_users_word(
    dataset: Path, tmp_path: Path, name: str
) -> None:
    """A dog is an animal too; `puppy` is what the folder's own list calls it."""
    pool = tmp_path / "pool"
    shots(pool, "validation", OPEN)
    put(dataset / "data.yaml", f"train: images/train\nval: images/train\nnames: [{name}]\n")
    put(pool / "labels" / "x-annotations-bbox.csv", boxes((OPEN[0], "/m/0bt9lr", "1"), (OPEN[1], "/m/0bt9lr", "0")))
    if name == "puppy":
        put(pool / "labels" / "class-descriptions-boxable.csv", "/m/0bt9lr,Puppy\n")
    with pytest.raises(AnnotationsError, match=r"x-annotations-bbox\.csv says of a few classes only.*--unlabelled"):
        yolobg.plan(dataset, source=str(pool), count=1)
    assert left(dataset, pool, unlabelled=True) == {f"validation/{OPEN[1]}", f"validation/{OPEN[2]}"}


def test_open_images__a_class_that_no_list_names_may_be_anything(dataset: Path, tmp_path: Path) -> None:
    shots(tmp_path / "pool", "", OPEN)
    put(tmp_path / "pool" / "x-bbox.csv", boxes((OPEN[0], "/m/0zzzzz", "1"), (OPEN[1], "/m/01yrx", "1")))
    assert left(dataset, tmp_path / "pool", unlabelled=True) == {OPEN[1], OPEN[2]}


def test_open_images__as_datumaro_writes_them_are_datumaros_to_read(dataset: Path, tmp_path: Path) -> None:
    """Its export tells of all that was marked; without datumaro it is as little understood as before."""
    pool = tmp_path / "pool"
    shots(pool, "images/train", OPEN)
    put(pool / "annotations" / "train-annotations-bbox.csv", boxes((OPEN[0], "/m/0bt9lr", "1")))
    put(pool / "annotations" / "class-descriptions.csv", "/m/0bt9lr,dog\n")
    put(pool / "annotations" / "images.meta", "".join(f"{name[:-4]} 48 64\n" for name in OPEN))
    try:
        found = left(dataset, pool)
    except AnnotationsError as error:
        assert "not understood" in str(error)  # noqa: PT017 - where datumaro is not installed
    else:
        assert f"images/train/{OPEN[0]}" not in found
    assert left(dataset, pool, unlabelled=True) == {f"images/train/{name}" for name in OPEN[1:]}


# ---------------------------------------------------------------- which tool


def test_kind__of_each_export(tmp_path: Path) -> None:
    found = {}
    for number, (name, export) in enumerate(EXPORTS.items()):
        export.make(tmp_path / str(number))
        if export.annotations:
            kind = kind_of_export((tmp_path / str(number) / export.annotations).read_bytes()[:HEAD_BYTES])
            found[name] = kind.name if kind else ""
    assert {name: kind for name, kind in found.items() if kind} == {
        "Label Studio, JSON": "Label Studio's own JSON",
        "FiftyOne, its own": "FiftyOne's own format",
        "CVAT for images": "CVAT's XML",
        "LabelMe": "a JSON file of LabelMe",
        "labelImg": "an XML file of labelImg or Pascal VOC",
        "Open Images": "a list of Open Images",
        "a table of any kind": "a table",
        "MATLAB": "a MATLAB file",
    }
