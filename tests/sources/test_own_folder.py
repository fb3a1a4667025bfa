"""A folder as the source: bare images, `images/` + `labels/`, an annotated dataset."""

from __future__ import annotations

import importlib.util
import json
import shutil
from functools import partial
from pathlib import Path

import command_line
import pytest
from format_data import BACKGROUNDS, LABELLED, make_coco, make_yolo, picture
from hypothesis import given
from hypothesis import strategies as st
from merging import tree
from PIL import Image
from warned import further

import yolobg
from yolobg.errors import AnnotationsError, PoolError, UsageError, YolobgError
from yolobg.formats.convert import convert
from yolobg.model import IMAGE_SUFFIXES
from yolobg.sources.folder_list import image_number
from yolobg.sources.own_folder import read_pool


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Two labelled zebras and no background."""
    for number, name in enumerate(("one", "two")):
        for kind in ("images", "labels"):
            (tmp_path / "data" / kind / "train").mkdir(parents=True, exist_ok=True)
        picture(tmp_path / "data" / "images" / "train" / f"{name}.jpg", 100 + number)
        (tmp_path / "data" / "labels" / "train" / f"{name}.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    (tmp_path / "data" / "data.yaml").write_text("train: images/train\nval: images/train\nnames: [zebra]\n")
    return tmp_path / "data"


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """Six images, some in a sub-folder, some with names that need care."""
    for number, name in enumerate(("a.jpg", "b c.png", "sub/ü.jpg", "sub/d.jpg", "e.JPG", "000000000139.jpg")):
        (tmp_path / "pool" / name).parent.mkdir(parents=True, exist_ok=True)
        picture(tmp_path / "pool" / name, number)
    return tmp_path / "pool"


def test_augment__from_bare_images_and_back(dataset: Path, bare: Path) -> None:
    before = tree(dataset)
    report = yolobg.augment(dataset, source=str(bare), count=4)
    assert (len(report.added), report.after.backgrounds) == (4, 4)
    assert report.source is not None
    assert (report.source.name, report.source.images, report.source.eligible) == ("pool", 6, 6)
    contents = {p.read_bytes() for p in bare.rglob("*") if p.is_file()}
    assert all((dataset / added.image).read_bytes() in contents for added in report.added)
    assert all((dataset / added.label).read_bytes() == b"" for added in report.added)
    assert yolobg.augment(dataset, source=str(bare), count=4).added == ()
    assert len(yolobg.augment(dataset, source=str(bare), count=6).added) == 2
    yolobg.remove(dataset)
    assert tree(dataset) == before


@pytest.mark.parametrize("suffix", sorted(IMAGE_SUFFIXES))
def test_augment__takes_every_suffix_that_trainers_read(dataset: Path, tmp_path: Path, suffix: str) -> None:
    """A file that this Pillow cannot write may at least be chosen."""
    image = tmp_path / "pool" / f"a{suffix}"
    image.parent.mkdir()
    Image.init()
    kind = {".avif": "AVIF", ".dng": "TIFF", ".heic": "HEIF", ".heif": "HEIF"}.get(
        suffix
    ) or Image.registered_extensions()[suffix]
    if kind not in Image.SAVE:
        brand = b"avif" if kind == "AVIF" else b"heic"
        image.write_bytes(b"\0\0\0\x14ftyp" + brand + bytes(4) + brand)
        if kind == "HEIF" and not any(map(importlib.util.find_spec, ("pi_heif", "pillow_heif"))):
            with pytest.raises(YolobgError, match="pi-heif"):
                yolobg.plan(dataset, source=str(image.parent), count=1)
            return
        source = yolobg.plan(dataset, source=str(image.parent), count=1).report.source
        assert source is not None
        assert (source.left_out.unusable, source.eligible) == (0, 1)
        return
    Image.linear_gradient("L").resize((64, 48)).convert("RGB").save(image, format=kind)
    report = yolobg.augment(dataset, source=str(image.parent), count=1)
    assert [Path(added.image).suffix for added in report.added] == [suffix]


def test_augment__images_with_objects_of_their_own_are_left_out_and_counted(dataset: Path, bare: Path) -> None:
    (bare / "a.txt").write_text("7 0.5 0.5 0.1 0.1\n")
    (bare / "b c.txt").write_text("\n")
    (bare / "e.txt").write_text("what is this\n")
    report = yolobg.plan(dataset, source=str(bare), count=4).report
    assert report.source is not None
    assert (report.source.left_out.class_, report.source.eligible) == (2, 4)
    with pytest.raises(PoolError, match="2 with an excluded class"):
        yolobg.plan(dataset, source=str(bare), count=5)


def test_augment__from_a_stand_alone_download_whose_labels_are_blank(dataset: Path, tmp_path: Path) -> None:
    make_yolo(tmp_path / "source", polygons=False)
    convert(tmp_path / "source", tmp_path / "plain", to="yolo_plain")
    (tmp_path / "plain" / "data.yaml").unlink()
    report = yolobg.augment(dataset, source=str(tmp_path / "plain"), count=3)
    assert report.source is not None
    assert report.source.left_out.class_ == len(LABELLED)
    assert {Path(added.url).name for added in report.added} == {Path(name).name for _, name in BACKGROUNDS}


@pytest.mark.parametrize(
    "name", ["yolo", "coco", "voc", "yolo_darknet", pytest.param("cvat", marks=pytest.mark.datumaro)]
)
def test_augment__from_an_annotated_dataset(dataset: Path, tmp_path: Path, name: str) -> None:
    truths = make_yolo(tmp_path / "source", polygons=False)
    convert(tmp_path / "source", tmp_path / "annotated", to=name)
    zebras = sum(any(t.name == "zebra" for t in objects) for objects in truths.values())
    report = yolobg.plan(dataset, source=str(tmp_path / "annotated"), count=1).report
    assert report.source is not None
    assert (report.source.images, report.source.left_out.class_) == (13, zebras)
    done = yolobg.augment(dataset, source=str(tmp_path / "annotated"), count=13 - zebras)
    assert len(done.added) == 13 - zebras
    theirs = {
        (tmp_path / "source" / "images" / split / image).read_bytes()
        for (split, image), objects in truths.items()
        if not any(t.name == "zebra" for t in objects)
    }
    assert {(dataset / added.image).read_bytes() for added in done.added} == theirs


def test_augment__a_crowd_counts_as_presence(dataset: Path, tmp_path: Path) -> None:
    make_coco(tmp_path)
    report = yolobg.plan(dataset, source=str(tmp_path / "coco"), count=1).report
    truths = make_yolo(tmp_path / "again", polygons=False)
    zebras = sum(any(t.name == "zebra" for t in objects) for objects in truths.values())
    assert report.source is not None
    assert report.source.left_out.class_ == zebras + 1


def test_augment__never_brings_in_what_is_there_already(dataset: Path, bare: Path) -> None:
    shutil.copyfile(dataset / "images" / "train" / "one.jpg", bare / "copy.jpg")
    report = yolobg.augment(dataset, source=str(bare), count=6)
    assert "copy" not in " ".join(added.url for added in report.added)
    with pytest.raises(yolobg.YolobgError, match=r"needed|had"):
        yolobg.augment(dataset, source=str(bare), count=7)


@pytest.mark.parametrize(
    ("source", "options", "words"),
    [
        ("nowhere", {}, "no such source and no such folder"),
        (".", {"images": ("x",)}, "--images can't be combined with --source FOLDER"),
        ("empty", {}, "contains no image"),
    ],
)
def test_augment__a_folder_that_is_no_source(
    dataset: Path, tmp_path: Path, source: str, options: dict[str, tuple[str, ...]], words: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "x").mkdir()
    wish = {name: tuple(str(tmp_path / v) for v in value) for name, value in options.items()}
    with pytest.raises(UsageError, match=words):
        yolobg.plan(dataset, source=str(tmp_path / source), count=1, images=wish.get("images", ()))


def test_read_pool__writes_only_when_something_changed(bare: Path, tmp_path: Path) -> None:
    first = read_pool(bare, tmp_path / "cache")
    stamp = first.annotations.stat().st_mtime_ns
    assert read_pool(bare, tmp_path / "cache").annotations.stat().st_mtime_ns == stamp
    assert {p.name for p in bare.rglob("*.json")} == set(), "something was written into the folder"
    (bare / "a.jpg").unlink()
    content = json.loads(read_pool(bare, tmp_path / "cache").annotations.read_text())
    assert "a.jpg" not in {image["file_name"] for image in content["images"]}
    assert {image["id"] for image in content["images"] if image["file_name"] == "000000000139.jpg"} == {139}


@given(st.text(min_size=1, max_size=60))
def test_number__is_stable_and_small_enough_for_any_database(name: str) -> None:
    assert 0 <= image_number(name) < 2**48
    assert image_number(name) == image_number(name)


def annotated(root: Path, names: str, rows: dict[str, str], *, yaml: str = "data.yaml") -> Path:
    """An `images/` + `labels/` folder with a data.yaml whose train and val are one."""
    for number, (stem, row) in enumerate(rows.items()):
        for kind in ("images", "labels"):
            (root / kind / "all").mkdir(parents=True, exist_ok=True)
        picture(root / "images" / "all" / f"{stem}.jpg", 40 + number)
        (root / "labels" / "all" / f"{stem}.txt").write_text(row)
    if names:
        (root / yaml).write_text(f"train: images/all\nval: images/all\nnames: {names}\n")
    return root


BOX = "0 0.5 0.5 0.2 0.2\n"


def test_augment__an_image_that_two_splits_list_is_one_image(dataset: Path, tmp_path: Path) -> None:
    pool = annotated(tmp_path / "pool", "[zebra, mango]", {"a": BOX, "b": "", "c": BOX.replace("0", "1", 1)})
    report = yolobg.plan(dataset, source=str(pool), count=2).report
    assert report.source is not None
    assert (report.source.images, report.source.left_out.class_, report.source.eligible) == (3, 1, 2)
    assert report.warnings == ()


def test_augment__warns_where_the_source_knows_none_of_the_classes(dataset: Path, tmp_path: Path) -> None:
    pool = annotated(tmp_path / "pool", "[striped horse, mango]", {"a": BOX, "b": "", "c": ""})
    report = yolobg.augment(dataset, source=str(pool), count=3)
    (warning,) = report.warnings
    assert warning.startswith("pool: NONE of the dataset's classes (zebra) is known there")
    assert "striped horse, mango" in warning
    assert '--map "zebra=NAME"' in warning
    assert report.source is not None
    assert report.source.left_out.class_ == 0


@pytest.mark.parametrize("meaning", [("striped horse",), ()])
def test_augment__what_the_user_says_of_a_class_needs_no_warning(
    dataset: Path, tmp_path: Path, meaning: tuple[str, ...]
) -> None:
    pool = annotated(tmp_path / "pool", "[striped horse, mango]", {"a": BOX, "b": "", "c": ""})
    report = yolobg.plan(dataset, source=str(pool), count=2, map={"zebra": meaning}).report
    assert report.warnings == ()
    assert report.source is not None
    assert report.source.left_out.class_ == len(meaning)


@pytest.mark.parametrize("why", ["no names", "two yamls"])
def test_augment__warns_where_labels_have_no_names(dataset: Path, tmp_path: Path, why: str) -> None:
    names = "" if why == "no names" else "[zebra, mango]"
    pool = annotated(tmp_path / "pool", names, {"a": BOX, "b": "", "c": BOX.replace("0", "1", 1)})
    if names:
        (pool / "other.yaml").write_bytes((pool / "data.yaml").read_bytes())
        (pool / "data.yaml").rename(pool / "mine.yaml")
    report = yolobg.plan(dataset, source=str(pool), count=1).report
    (warning,) = report.warnings
    assert "every image with an object is left out, whatever it shows: 2 of 3" in warning
    assert ("2 YAML files" if names else "no data.yaml or classes.txt") in warning
    for blank in ("a", "c"):
        (pool / "labels" / "all" / f"{blank}.txt").write_text("")
    warnings = yolobg.plan(dataset, source=str(pool), count=1).report.warnings
    assert warnings == (), "blank labels need no names"


def test_augment__stops_where_records_were_not_understood(dataset: Path, bare: Path) -> None:
    assert further(yolobg.plan(dataset, source=str(bare), count=1).report.warnings) == ()
    (bare / "sub" / "labels.json").write_text('{"what": "is this"}')
    with pytest.raises(AnnotationsError) as stopped:
        yolobg.plan(dataset, source=str(bare), count=1)
    assert str(Path("sub", "labels.json")) in str(stopped.value)
    (warning,) = yolobg.plan(dataset, source=str(bare), count=1, unlabelled=True).report.warnings
    assert "as requested (--unlabelled)" in warning


def test_classes__of_a_folder_with_names_and_of_one_without(dataset: Path, tmp_path: Path, bare: Path) -> None:
    pool = annotated(tmp_path / "named", "[zebra, mango]", {"a": BOX, "b": "", "c": BOX.replace("0", "1", 1)})
    report = yolobg.classes(dataset, source=str(pool))
    assert (report.excluded, report.warnings) == (("zebra",), ())
    assert [(e.coco, e.images) for e in report.classes[0].exclude] == [("zebra", 1)]
    assert report.source is not None
    assert (report.source.images, report.source.eligible, report.source.left_out.class_) == (3, 2, 1)

    (bare / "a.txt").write_text(BOX)
    report = yolobg.classes(dataset, source=str(bare))
    assert (report.classes, report.excluded) == ((), ())
    assert report.source is not None
    assert (report.source.images, report.source.eligible, report.source.left_out.class_) == (6, 5, 1)
    assert "1 of 6" in report.warnings[0]
    planned = yolobg.plan(dataset, source=str(bare), count=1).report.source
    assert planned is not None
    assert planned.left_out == report.source.left_out


def test_command__classes_of_a_folder(dataset: Path, tmp_path: Path, bare: Path) -> None:
    run = partial(command_line.run, "classes")
    pool = annotated(tmp_path / "named", "[mango]", {"a": BOX, "b": ""})
    told = json.loads(run(dataset, "--source", pool, "--json").stdout)
    assert told["warnings"][0].startswith("named: NONE of")
    assert (told["classes"][0]["status"], told["source"]["eligible"]) == ("none", 2)
    shown = run(dataset, "--source", bare)
    assert (shown.returncode, "6 of 6 images stay eligible" in shown.stdout) == (0, True)
    assert run("--names", "zebra", "--source", pool, "--json").returncode == 0


@pytest.mark.parametrize("place", [".annotations/result.json", "sub/.meta/deep/result.json", "sub/.coco/more.JSON"])
@pytest.mark.parametrize("kind", ["bare", "blank labels", "data.yaml"])
def test_augment__stops_where_records_lie_in_a_hidden_folder(
    dataset: Path, tmp_path: Path, bare: Path, place: str, kind: str
) -> None:
    pool = bare if kind == "bare" else annotated(tmp_path / "p", "[zebra]" if kind == "data.yaml" else "", {"a": ""})
    name = next(file for file in pool.rglob("*.jpg")).name
    if kind == "data.yaml":
        shutil.rmtree(pool / "labels")
    records = {
        "images": [{"id": 1, "file_name": name}],
        "annotations": [{"image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5]}],
        "categories": [{"id": 1, "name": "zebra"}],
    }
    (pool / place).parent.mkdir(parents=True)
    (pool / place).write_text(json.dumps(records))
    with pytest.raises(AnnotationsError, match="not understood") as stopped:
        yolobg.plan(dataset, source=str(pool), count=1)
    assert str(Path(place)) in str(stopped.value)


def test_augment__hidden_folders_of_programs_are_no_records(dataset: Path, bare: Path) -> None:
    for place, content in {
        ".git/a.json": '{"annotations": [{"bbox": [1, 1, 2, 2]}]}',
        ".yolobg/manifest.json": '{"objects": []}',
        ".vscode/settings.json": '{"editor.tabSize": 4}',
        ".cache/huggingface/download/a.jpg.metadata": "0123abc\n1.5\n",
        ".ipynb_checkpoints/x-checkpoint.ipynb": '{"cells": []}',
        ".thumbnails/a.jpg": "x",
    }.items():
        (bare / place).parent.mkdir(parents=True, exist_ok=True)
        (bare / place).write_text(content)
    source = yolobg.plan(dataset, source=str(bare), count=1).report.source
    assert source is not None
    assert source.images == 6


def listed(pool: Path, kind: str, names: list[str]) -> str:
    """Records of images by these names, beside images of another list; returns the folder that images belong in."""
    if kind == "voc":
        for folder in ("JPEGImages", "Annotations", "ImageSets/Main"):
            (pool / folder).mkdir(parents=True)
        (pool / "ImageSets" / "Main" / "train.txt").write_text("".join(f"{Path(n).stem}\n" for n in names))
        (pool / "labelmap.txt").write_text("background:0,0,0::\nmango:1,1,1::\n")
        return "JPEGImages"
    (pool / "images").mkdir(parents=True)
    images = [{"id": i, "file_name": name, "width": 64, "height": 48} for i, name in enumerate(names)]
    objects = [{"id": 1, "image_id": 0, "category_id": 1, "bbox": [1, 1, 5, 5]}]
    categories = [{"id": 1, "name": "mango"}]
    (pool / "result.json").write_text(json.dumps({"images": images, "annotations": objects, "categories": categories}))
    return "images"


@pytest.mark.parametrize("kind", ["voc", "coco"])
def test_augment__records_without_their_image_are_counted_and_named(dataset: Path, tmp_path: Path, kind: str) -> None:
    place = listed(tmp_path / "pool", kind, ["a.jpg", "b.jpg", "gone1.jpg", "gone2.jpg"])
    for number, name in enumerate(("a", "b")):
        picture(tmp_path / "pool" / place / f"{name}.jpg", 60 + number)
    warnings = " ".join(yolobg.plan(dataset, source=str(tmp_path / "pool"), count=1).warnings)
    assert "2 records name images that are not there, for example gone1.jpg" in warnings
    assert str(tmp_path / "pool" / place) in warnings
    for name in ("a", "b"):
        (tmp_path / "pool" / place / f"{name}.jpg").rename(tmp_path / "pool" / place / f"other-{name}.jpg")
    with pytest.raises(AnnotationsError, match=r"name no image that is in it.* 2: 4 records .* a\.jpg \(looked in"):
        yolobg.plan(dataset, source=str(tmp_path / "pool"), count=1)


def test_augment__records_without_a_class_name_the_folder(dataset: Path, tmp_path: Path) -> None:
    place = listed(tmp_path / "pool", "voc", ["a.jpg"])
    picture(tmp_path / "pool" / place / "a.jpg", 60)
    (tmp_path / "pool" / "labelmap.txt").unlink()
    with pytest.raises(AnnotationsError, match="pool: its records name no class") as stopped:
        yolobg.plan(dataset, source=str(tmp_path / "pool"), count=1)
    assert "cache" not in str(stopped.value)
    assert yolobg.plan(dataset, source=str(tmp_path / "pool"), count=1, unlabelled=True).report.target.needed == 1


UNREADABLE = [{"image_id": 0, "segments_info": []}, {"image_id": 0, "bbox": "x"}, {"image_id": 0, "bbox": [1, 1]}]


@pytest.mark.parametrize("unlabelled", [False, True])
@pytest.mark.parametrize("beside", [[], [{"image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5]}]])
@pytest.mark.parametrize("record", UNREADABLE)
def test_augment__records_that_cannot_be_read_stop_it_and_say_the_way_on(
    dataset: Path, tmp_path: Path, record: dict[str, object], beside: list[dict[str, object]], *, unlabelled: bool
) -> None:
    place = listed(tmp_path / "pool", "coco", ["a.jpg", "b.jpg"])
    for number, name in enumerate(("a", "b")):
        picture(tmp_path / "pool" / place / f"{name}.jpg", 60 + number)
    records = json.loads((tmp_path / "pool" / "result.json").read_text())
    content = {**records, "annotations": [*beside, record]}
    (tmp_path / "pool" / "result.json").write_text(json.dumps(content))
    with pytest.raises(yolobg.YolobgError, match=r"--source .*--unlabelled does not pass over it.* move the file"):
        yolobg.plan(dataset, source=str(tmp_path / "pool"), count=1, unlabelled=unlabelled)


@pytest.mark.parametrize("damaged", ["annotations/instances_train.json", "annotations/instances_val.json"])
def test_augment__one_of_several_record_files_that_is_cut_off_stops_it(
    dataset: Path, tmp_path: Path, damaged: str
) -> None:
    """What the other one says of these images would be lost with it."""
    pool = tmp_path / "pool"
    for split in ("train", "val"):
        (pool / "images" / split).mkdir(parents=True)
        picture(pool / "images" / split / f"{split}.jpg", 60 + len(split))
        images = [{"id": 0, "file_name": f"{split}.jpg", "width": 64, "height": 48}]
        objects = [{"id": 1, "image_id": 0, "category_id": 1, "bbox": [1, 1, 5, 5]}]
        content = {"images": images, "annotations": objects, "categories": [{"id": 1, "name": "mango"}]}
        (pool / "annotations").mkdir(exist_ok=True)
        (pool / "annotations" / f"instances_{split}.json").write_text(json.dumps(content))
    (pool / damaged).write_bytes((pool / damaged).read_bytes()[:-40])
    with pytest.raises(yolobg.YolobgError, match="--unlabelled does not pass over it"):
        yolobg.plan(dataset, source=str(pool), count=1, unlabelled=True)
