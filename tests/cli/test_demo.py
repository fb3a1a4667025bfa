from __future__ import annotations

import importlib.util
import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import pytest
import yaml
from demo_drawing import LEAST_IMAGES, Size, label_lines, write_material
from demo_drawing.drawing import FIGURES, PROPORTIONS, SETTINGS, compose_scene, crowd_scene, paint_scene
from demo_drawing.records import CATEGORY_IDS, box_run_lengths
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageStat
from places import REPOSITORY
from pycocotools.coco import COCO

from yolobg.demo import Demo, write_demo
from yolobg.errors import UsageError

SAMPLE_DATA = REPOSITORY / "sample_data"
SMALL = Size(train=6, val=2, images=40, width=96, height=72)
BOXED = sorted(CATEGORY_IDS)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """Material at its ordinary size; read-only for the tests that share it."""
    return write_material(tmp_path_factory.mktemp("drawn") / "new" / "folder", Size())


@pytest.fixture(scope="module")
def instances(demo: Demo) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(demo.annotations.read_text("utf-8"))
    return content


@pytest.fixture(scope="module")
def captions(demo: Demo) -> dict[int, list[str]]:
    said: dict[int, list[str]] = {}
    for record in json.loads(demo.captions.read_text("utf-8"))["annotations"]:
        said.setdefault(record["image_id"], []).append(record["caption"])
    return said


@pytest.fixture(scope="module")
def names_by_image(instances: dict[str, Any]) -> dict[int, set[str]]:
    names = {category["id"]: category["name"] for category in instances["categories"]}
    present: dict[int, set[str]] = {image["id"]: set() for image in instances["images"]}
    for record in instances["annotations"]:
        present[record["image_id"]].add(names[record["category_id"]])
    return present


def read_tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# ---------------------------------------------------------------- the demo


def test_demo__is_the_sample(tmp_path: Path) -> None:
    demo = write_demo(tmp_path / "new" / "folder")
    assert read_tree(tmp_path / "new" / "folder") == {
        name: data for name, data in read_tree(SAMPLE_DATA).items() if name.startswith(("dataset/", "source/"))
    }
    assert all(place.exists() for place in (demo.data_yaml, demo.annotations, demo.captions, demo.images_dir))


# ---------------------------------------------------------------- what is promised of the folder


def test_write_material__same_seed_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    for name, seed in (("one", 5), ("two", 5), ("three", 6)):
        write_material(tmp_path / name, SMALL, seed=seed)
    assert read_tree(tmp_path / "one") == read_tree(tmp_path / "two")
    assert read_tree(tmp_path / "one") != read_tree(tmp_path / "three")


def test_write_material__a_larger_source_begins_with_the_smaller_one(tmp_path: Path) -> None:
    small = write_material(tmp_path / "small", SMALL)
    large = write_material(tmp_path / "large", replace(SMALL, images=SMALL.images + 10))
    images = read_tree(small.images_dir)
    assert len(images) == SMALL.images
    assert images.items() < read_tree(large.images_dir).items()
    records = [json.loads(demo.annotations.read_text("utf-8"))["images"] for demo in (small, large)]
    assert records[0] == records[1][: SMALL.images]


def test_write_material__no_two_pictures_are_the_same(demo: Demo) -> None:
    root = demo.data_yaml.parent.parent
    contents = [data for name, data in read_tree(root).items() if name.endswith(".jpg")]
    assert len(contents) == 300 + 45 + 9
    assert len(set(contents)) == len(contents)


def test_write_material__is_small_and_leaves_nothing_else(demo: Demo) -> None:
    root = demo.data_yaml.parent.parent
    assert sum(map(len, read_tree(root).values())) < 5_000_000
    assert sorted(path.name for path in root.iterdir()) == ["dataset", "source"]
    assert sorted(path.name for path in demo.annotations.parent.iterdir()) == [
        "captions_demo.json",
        "instances_demo.json",
    ]


def test_write_demo__takes_an_empty_folder(tmp_path: Path) -> None:
    assert write_demo(tmp_path).data_yaml.is_file()


@pytest.mark.parametrize("name", ["notes.txt", ".hidden", "dataset"])
def test_write_demo__refuses_a_folder_that_holds_anything(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(UsageError, match="not empty"):
        write_demo(tmp_path)
    assert read_tree(tmp_path) == {name: b"mine"}


def test_write_demo__refuses_a_file(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(UsageError, match="is a file"):
        write_demo(tmp_path / "taken")
    with pytest.raises(UsageError, match="cannot write the demo there"):
        write_demo(tmp_path / "taken" / "below")
    assert read_tree(tmp_path) == {"taken": b"mine"}


def test_write_material__refuses_too_few_pictures(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"at least {LEAST_IMAGES}"):
        write_material(tmp_path / "new", Size(images=LEAST_IMAGES - 1))
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("fresh", [True, False])
def test_write_material__a_failure_on_the_way_leaves_nothing(tmp_path: Path, *, fresh: bool) -> None:
    folder = tmp_path / "new" / "deep"
    if not fresh:
        folder.mkdir(parents=True)
    with pytest.raises(ValueError):  # noqa: PT011 - in the words of Python's own library
        write_material(folder, replace(SMALL, height=0))
    assert folder.exists() is not fresh
    assert list(tmp_path.rglob("*")) == ([] if fresh else [folder.parent, folder])


def test_write_material__two_at_once_in_one_folder_leave_one_whole_demo(tmp_path: Path) -> None:
    """The one that comes second may fail, but takes nothing of the other's with it."""
    folder = tmp_path / "new"
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(write_material, folder, SMALL) for _ in range(2)]
    failed = [run.exception() for run in runs if run.exception() is not None]
    assert len(failed) == 1
    assert isinstance(failed[0], UsageError)
    write_material(tmp_path / "alone", SMALL)
    assert read_tree(folder) == read_tree(tmp_path / "alone")


# ---------------------------------------------------------------- the labelled dataset


def test_dataset__has_the_ordinary_layout_and_a_label_file_with_boxes_for_each_image(demo: Demo) -> None:
    content = yaml.safe_load(demo.data_yaml.read_text("utf-8"))
    assert content == {
        "train": "images/train",
        "val": "images/val",
        "names": {0: "Pedestrian", 1: "cars", 2: "traffic_light", 3: "dog"},
    }
    seen: Counter[int] = Counter()
    for split, count in (("train", 45), ("val", 9)):
        images = sorted((demo.data_yaml.parent / "images" / split).iterdir())
        labels = sorted((demo.data_yaml.parent / "labels" / split).iterdir())
        assert len(images) == count
        assert [path.stem for path in images] == [path.stem for path in labels]
        for path in labels:
            rows = [[float(value) for value in line.split()] for line in path.read_text("utf-8").splitlines()]
            assert rows
            for class_id, x, y, w, h in rows:
                seen[int(class_id)] += 1
                assert x - w / 2 >= -1e-6
                assert y - h / 2 >= -1e-6
                assert x + w / 2 <= 1 + 1e-6
                assert y + h / 2 <= 1 + 1e-6
    assert set(seen) == {0, 1, 2, 3}


def test_label_lines__name_the_box_in_shares_of_the_picture() -> None:
    scene = compose_scene(Random(1), "street", ["bus", "car"], size=(200, 100))
    car = next(figure for figure in scene.things if figure.name == "car")
    x, y, w, h = car.box
    assert label_lines(scene) == f"1 {(x + w / 2) / 200:.6f} {(y + h / 2) / 100:.6f} {w / 200:.6f} {h / 100:.6f}\n"


# ---------------------------------------------------------------- the source


# pycocotools' compiled part does not know numpy 2's `copy` argument yet.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_source__is_what_pycocotools_reads(demo: Demo, capsys: pytest.CaptureFixture[str]) -> None:
    coco = COCO(str(demo.annotations))
    spoken = COCO(str(demo.captions))
    capsys.readouterr()
    # Ids as in instances_train2017.json.
    assert {name: coco.getCatIds(catNms=[name]) for name in BOXED} == {
        "person": [1],
        "bicycle": [2],
        "car": [3],
        "bus": [6],
        "boat": [9],
        "traffic light": [10],
        "bird": [16],
        "dog": [18],
        "sheep": [20],
        "kite": [38],
    }
    assert sorted(coco.getImgIds()) == sorted(spoken.getImgIds())
    assert all(coco.getImgIds(catIds=[category_id]) for category_id in coco.getCatIds())
    for record in coco.loadAnns(coco.getAnnIds()):
        mask, (x, y, w, h) = coco.annToMask(record), record["bbox"]
        assert mask[y : y + h, x : x + w].all()
        assert record["area"] == w * h == mask.sum()


def test_source__records_are_true_of_the_files(demo: Demo, instances: dict[str, Any]) -> None:
    assert len(instances["images"]) == 300
    for record in instances["images"]:
        with Image.open(demo.images_dir / record["file_name"]) as image:
            assert (image.format, image.size) == ("JPEG", (record["width"], record["height"]))
        assert record["coco_url"].endswith(f".invalid/{record['file_name']}")
        assert ".invalid/" in record["flickr_url"]
    assert [table["id"] for table in instances["licenses"]] == list(range(1, 9))
    assert {record["license"] for record in instances["images"]} == set(range(1, 9))
    ids = [record["id"] for record in instances["annotations"]]
    assert len(set(ids)) == len(ids)


def test_source__one_crowd_region_is_all_that_its_image_says_of_people(instances: dict[str, Any]) -> None:
    crowds = [record for record in instances["annotations"] if record["iscrowd"]]
    assert len(crowds) == 1
    assert set(crowds[0]["segmentation"]) == {"size", "counts"}
    beside = [record for record in instances["annotations"] if record["image_id"] == crowds[0]["image_id"]]
    assert beside == crowds


def test_source__one_image_has_a_man_in_its_captions_and_no_person_in_its_instances(
    names_by_image: dict[int, set[str]], captions: dict[int, list[str]]
) -> None:
    words = ("person", "people", "man")
    told = {image_id for image_id, said in captions.items() if any(word in " ".join(said).split() for word in words)}
    told |= {image_id for image_id, said in captions.items() if any(f"{word}." in " ".join(said) for word in words)}
    forgotten = {image_id for image_id in told if "person" not in names_by_image[image_id]}
    assert len(forgotten) == 1
    assert names_by_image[forgotten.pop()] == {"sheep"}


def test_source__captions_come_in_fives_for_most_and_some_images_have_nothing(
    names_by_image: dict[int, set[str]], captions: dict[int, list[str]]
) -> None:
    assert {len(said) for said in captions.values()} == {5}
    assert 200 < len(captions) < 300
    assert sum(not names for names in names_by_image.values()) > 20


def test_source__has_enough_images_without_the_classes_of_the_dataset(names_by_image: dict[int, set[str]]) -> None:
    excluded = {"person", "car", "traffic light", "dog"}
    eligible = [image_id for image_id, names in names_by_image.items() if not names & excluded]
    # Ratio 0.5 of the 45 labelled ones must be possible, and most classes must cost something.
    assert 100 < len(eligible) < 200


@given(st.data(), st.integers(1, 40), st.integers(1, 40))
def test_box_run_lengths__describe_the_box(data: st.DataObject, wide: int, tall: int) -> None:
    x, y = data.draw(st.integers(0, wide - 1)), data.draw(st.integers(0, tall - 1))
    w, h = data.draw(st.integers(1, wide - x)), data.draw(st.integers(1, tall - y))
    counts = box_run_lengths((x, y, w, h), size=(wide, tall))
    flat = [index % 2 for index, count in enumerate(counts) for _ in range(count)]
    rows = [flat[row::tall] for row in range(tall)]
    expected = [[int(x <= col < x + w and y <= row < y + h) for col in range(wide)] for row in range(tall)]
    assert rows == expected


# ---------------------------------------------------------------- the drawing


def test_figures__fill_their_unit_box_and_stay_in_it() -> None:
    assert set(FIGURES) == set(PROPORTIONS)
    assert {name for setting in SETTINGS.values() for name in setting.things} == set(BOXED)
    for name in BOXED:
        xs = [value for _, _, points in FIGURES[name] for value in points[0::2]]
        ys = [value for _, _, points in FIGURES[name] for value in points[1::2]]
        assert min(xs) >= 0
        assert max(xs) <= 1
        assert min(ys) >= 0
        assert max(ys) <= 1
        assert max(xs) - min(xs) > 0.9
        assert max(ys) - min(ys) > 0.9


@settings(max_examples=60)
@given(st.sampled_from(sorted(SETTINGS)), st.sampled_from(BOXED), st.integers(0, 2**32))
def test_compose_scene__what_is_painted_lies_in_its_box(setting: str, name: str, seed: int) -> None:
    """The box in the records is the truth: painting the thing changes pixels there and nowhere else."""
    scene = compose_scene(Random(seed), setting, [name], size=(160, 120))
    x, y, w, h = scene.things[0].box
    assert x >= 0
    assert y >= 0
    assert x + w <= 160
    assert y + h <= 120
    # A colour that no scenery has, so that a green kite before a green tree counts as painted.
    figure = replace(scene.things[0], colour="#ff00ff")
    changed = ImageChops.difference(
        paint_scene(replace(scene, things=(figure,))), paint_scene(replace(scene, things=()))
    ).getbbox()
    assert changed is not None
    left, top, right, bottom = changed
    assert left >= x - 1
    assert top >= y - 1
    assert right <= x + w + 1
    assert bottom <= y + h + 1


def test_crowd_scene__one_box_holds_everybody() -> None:
    scene, (x, y, w, h) = crowd_scene(Random(0), size=(320, 240))
    assert len(scene.things) == 14
    for figure in scene.things:
        left, top, wide, tall = figure.box
        assert x <= left
        assert y <= top
        assert left + wide <= x + w
        assert top + tall <= y + h <= 240


# ---------------------------------------------------------------- sample_data/


@pytest.fixture
def make_sample_data() -> ModuleType:
    path = REPOSITORY / "tools" / "make_sample_data.py"
    spec = importlib.util.spec_from_file_location("make_sample_data", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_sample_data__is_what_the_tool_draws(make_sample_data: ModuleType, tmp_path: Path) -> None:
    make_sample_data.write_sample(tmp_path)
    drawn, kept = read_tree(tmp_path), read_tree(SAMPLE_DATA)
    assert drawn.keys() | {"README.md", ".gitattributes"} == kept.keys()
    for name, data in drawn.items():
        if not name.endswith(".jpg"):
            assert kept[name] == data, name
            continue
        # Other versions of Pillow round and compress a little differently; the picture must be the same to the eye.
        with Image.open(tmp_path / name) as one, Image.open(SAMPLE_DATA / name) as other:
            assert max(ImageStat.Stat(ImageChops.difference(one, other)).mean) < 2, name


def test_sample_data__is_small_and_its_readme_names_the_special_pictures() -> None:
    tree = read_tree(SAMPLE_DATA)
    assert sum(map(len, tree.values())) < 1_500_000
    content = json.loads(tree["source/annotations/instances_sample.json"])
    crowd = next(record["image_id"] for record in content["annotations"] if record["iscrowd"])
    readme = tree["README.md"].decode()
    assert f"`{crowd:012d}.jpg` has a crowd region" in readme
    said = json.loads(tree["source/annotations/captions_sample.json"])["annotations"]
    man = {record["image_id"] for record in said if "a man" in record["caption"]}
    assert len(man) == 1
    assert f"`{man.pop():012d}.jpg` shows a man" in readme
