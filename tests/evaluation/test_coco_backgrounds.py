"""Held-out backgrounds of COCO val2017: which ones, that the dataset never had them, and how they are fetched."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from coco_server import CocoServer
from command_line import run
from download_pictures import picture
from evaluating import found_in, write_dataset, write_predictions
from held_out import Val
from image_server import LASTING, ImageServer
from merging import tree
from places import SAMPLE

import yolobg
from yolobg.errors import AnnotationsError, DownloadError, PoolError, UnresolvedClassError, UsageError, YolobgError
from yolobg.evaluation_results import Evaluation
from yolobg.model import no_progress
from yolobg.sources.archive.remote import LIMITS
from yolobg.sources.cache_folder import cache_folder
from yolobg.sources.catalog.make import make_from
from yolobg.sources.catalog.open import build_from
from yolobg.sources.catalog.shipped_index import read_index
from yolobg.sources.catalog.store import Store
from yolobg.sources.location import COCO2017, COCO2017_VAL, Pin, coco_bases
from yolobg.sources.resolve import resolve_held_out, resolve_source

PLACES = 40
# Dogs are excluded, and a caption names one; a bear is only perhaps what the class means.
VAL = Val.of(
    PLACES, holds={0: ("dog",), 1: ("dog", "cat"), 2: ("cat",), 3: ("cat",), 4: ("chair",)}, says={5: "A dog sleeps."}
)
FREE = PLACES - 3


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "animals", val=4, classes=("dog", "raccoon"))


@pytest.fixture
def official(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Val2017 is `VAL`; returns a folder with its images."""
    VAL.make_official(monkeypatch, tmp_path / "annotations")
    return VAL.write_images(tmp_path / "val2017")


def listed(found: Evaluation) -> list[Path]:
    """The backgrounds among the images to predict on."""
    assert found.predict_on is not None
    return [Path(path) for path in found.predict_on[found.images :]]


def fetched(data: Path, *images_dir: str | Path, count: int = 30, **options: Any) -> Evaluation:
    return yolobg.evaluate(data, images_dir=images_dir, fetch=True, images=count, **options)


# ---------------------------------------------------------------- which images


def test_val2017__without_categories_and_captions_of_the_classes(data: Path, official: Path) -> None:
    found = fetched(data, official, count=FREE)
    assert [path.name for path in sorted(listed(found))] == [
        name for place, name in enumerate(VAL.names) if place not in (0, 1, 5)
    ]
    assert found.backgrounds.left_out == {
        "with_an_excluded_class": 2, "named_in_a_caption": 1, "ruled_out_by_evidence": 0, "not_verified": 0,
        "unusable": 0, "in_dataset": 0, "in_train2017": 0, "not_fetched": 0,
    }  # fmt: skip
    assert (found.backgrounds.source, found.backgrounds.found, found.backgrounds.images) == (
        "coco-val2017", PLACES, FREE,
    )  # fmt: skip
    assert {match.name: [one.coco for one in match.exclude] for match in found.backgrounds.classes} == {
        "dog": ["dog"], "raccoon": [],
    }  # fmt: skip
    assert any("raccoon: no category covers it" in warning for warning in found.warnings)


def test_val2017__class_options_are_those_of_augment(data: Path, official: Path) -> None:
    assert fetched(data, official, exclude=["cat"]).backgrounds.left_out["with_an_excluded_class"] == 4
    assert fetched(data, official, captions=False).backgrounds.left_out["named_in_a_caption"] == 0
    assert fetched(data, official, map={"raccoon": ["chair"]}).backgrounds.left_out["with_an_excluded_class"] == 3
    evidence = official / "evidence.json"
    images = [{"id": place, "file_name": name, "neg_category_ids": [1]} for place, name in enumerate(VAL.names[6:26])]
    dog = [{"id": 1, "image_id": 0, "category_id": 1}, {"id": 2, "image_id": 1, "category_id": 1}]
    evidence.write_text(
        json.dumps({"images": images, "annotations": dog, "categories": [{"id": 1, "name": "dog"}]}), "utf-8"
    )
    assert fetched(data, official, evidence=[evidence]).backgrounds.left_out["ruled_out_by_evidence"] == 2
    data.write_text(data.read_text("utf-8").replace("raccoon", "qwrtz"), "utf-8")
    with pytest.raises(UnresolvedClassError, match="qwrtz"):
        fetched(data, official)
    assert fetched(data, official, unmapped="none").backgrounds.images == 30
    assert fetched(data, official, map={"qwrtz": ()}).backgrounds.images == 30


def test_val2017__what_is_only_perhaps_a_class_is_left_out_unless_lean(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wolf is told from a dog by few: `maybe` in the lists."""
    data.write_text(data.read_text("utf-8").replace("dog, raccoon", "wolf, raccoon"), "utf-8")
    VAL.make_official(monkeypatch, tmp_path / "annotations")
    images = VAL.write_images(tmp_path / "val2017")
    found = fetched(data, images)
    maybe = {one.coco for match in found.backgrounds.classes for one in match.maybe}
    assert maybe == {"dog"}
    assert found.backgrounds.left_out["with_an_excluded_class"] == 2
    assert fetched(data, images, lean=True).backgrounds.left_out["with_an_excluded_class"] == 0


def test_val2017__never_an_image_of_the_dataset_by_id_or_content(data: Path, official: Path) -> None:
    root = data.parent
    for split, place, name in (
        ("train", 10, VAL.names[10]), ("val", 11, f"bg_coco2017_{VAL.names[11]}"), ("train", 12, "holiday.jpg"),
        ("val", 13, "another.jpg"),
    ):  # fmt: skip
        # By its number whatever the content; by its content whatever the name.
        content = VAL.picture(place) if place > 11 else picture(900_000 + place)
        (root / "images" / split / name).write_bytes(content)
    found = fetched(data, official, count=FREE - 4)
    names = {path.name for path in listed(found)}
    assert names.isdisjoint(VAL.names[place] for place in (10, 11, 12, 13))
    assert len(names) == FREE - 4
    assert found.backgrounds.left_out["in_dataset"] == 4


def test_val2017__never_one_of_the_manifest_or_a_rejected_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An added one that was taken out by hand, so that only the manifest knows of it, and one known by its content."""
    sample = Path(shutil.copytree(SAMPLE, tmp_path / "sample"))
    val = Val(VAL.ids[:12])
    val.make_official(monkeypatch, tmp_path / "annotations")
    images = val.write_images(tmp_path / "val2017")
    source = val.write_annotations(tmp_path / "own")
    added = yolobg.augment(sample / "dataset", annotations=source, images=(images,), count=3).added
    for one in added:
        (sample / "dataset" / one.image).unlink()
        (sample / "dataset" / one.label).unlink()
    found = fetched(sample / "dataset", images, count=9)
    assert {int(path.stem) for path in listed(found)} == set(val.ids) - {one.source_id for one in added}
    assert found.backgrounds.left_out["in_dataset"] == 3


def test_own_annotations__none_of_train2017(data: Path, tmp_path: Path) -> None:
    train = [image.id for image in read_index().images[:5]]
    mixed = Val([*VAL.ids[:5], *train])
    found = fetched(
        data, mixed.write_images(tmp_path / "images"), annotations=mixed.write_annotations(tmp_path / "a"), count=5
    )
    assert sorted(int(path.stem) for path in listed(found)) == VAL.ids[:5]
    assert found.backgrounds.left_out["in_train2017"] == 5
    only = Val(train)
    with pytest.raises(PoolError, match="5 in train2017"):
        fetched(data, tmp_path / "images", annotations=only.write_annotations(tmp_path / "b"), count=5)


def test_own_annotations__none_of_train2017_whatever_the_categories(data: Path, tmp_path: Path) -> None:
    train = [image.id for image in read_index().images[:5]]
    mixed = Val([*VAL.ids[:5], *train])
    images, file = mixed.write_images(tmp_path / "images"), mixed.write_annotations(tmp_path / "a")
    records = json.loads(file.read_text("utf-8"))
    records["categories"].append({"id": 999, "name": "traffic barrel"})
    file.write_text(json.dumps(records), "utf-8")
    found = fetched(data, images, annotations=file, count=5)
    assert sorted(int(path.stem) for path in listed(found)) == VAL.ids[:5]
    assert found.backgrounds.left_out["in_train2017"] == 5


def test_augment__never_draws_from_val2017(data: Path) -> None:
    theirs, ours = (
        resolve_source(source="coco2017", annotations=None, images=()),
        resolve_held_out(annotations=None, images=()),
    )
    assert theirs.annotations.instances.endswith("instances_train2017.json")
    assert ours.annotations.instances.endswith("instances_val2017.json")
    assert set(theirs.origin.bases) == {f"{host}/train2017" for host in coco_bases()}
    assert set(ours.origin.bases) == {f"{host}/val2017" for host in coco_bases()}
    assert set(COCO2017.pins).isdisjoint(ours.annotations.pins)
    with pytest.raises(UsageError, match="no such source"):
        yolobg.augment(data, source="coco-val2017")


def test_val2017__too_few_is_said_with_the_reasons(data: Path, official: Path) -> None:
    with pytest.raises(
        PoolError, match=r"200 backgrounds are needed.*only 37 of 40.*2 with an excluded class"
    ) as caught:
        fetched(data, official, count=1000)
    assert "--backgrounds FOLDER" in str(caught.value)
    assert caught.value.exit_code == 4


# ---------------------------------------------------------------- figures


def predictions(file: Path, val: Val, fired: set[int]) -> Path:
    """All objects are found; a false alarm in these images of val2017, named by number as Ultralytics does."""
    rows = [found_in(f"v{number}.png", 0.9) for number in range(4)]
    rows += [{**found_in(val.names[place], 0.6), "image_id": val.ids[place]} for place in fired]
    return write_predictions(file, [*rows, found_in("v0.png", 0.001, category=1)])


def test_figures__floor_and_rates_by_what_is_in_the_image(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    val = Val.of(80, holds=dict.fromkeys(range(40), ("cat",)) | dict.fromkeys(range(40, 75), ("chair",)))
    val.make_official(monkeypatch, tmp_path / "annotations")
    images = val.write_images(tmp_path / "val2017")
    before = predictions(tmp_path / "before.json", val, set(range(30)))
    after = predictions(tmp_path / "after.json", val, set(range(10)))
    found = yolobg.evaluate(data, before=before, after=after, images_dir=images, images=80, bootstrap=100)
    assert found.models[0].at_confidence["0.5"].false_alarms == 30
    assert found.by_category is not None
    rows = {row.category: (row.kind, row.images, row.before.rate) for row in found.by_category.rows}
    assert rows == {
        "animal": ("supercategory", 40, 0.75), "furniture": ("supercategory", 35, 0.0), "cat": ("category", 40, 0.75),
        "chair": ("category", 35, 0.0),
    }  # fmt: skip
    assert found.by_category.rows[0].after is not None
    assert found.by_category.rows[0].after.rate == 0.25
    floor = yolobg.plan(
        data, annotations=val.write_annotations(tmp_path / "own"), images=(images,), count=9
    ).report.source
    assert floor is not None
    assert found.floor == floor.expected_contamination, "the figure that augment shows for the same classes"
    assert found.floor is not None
    assert found.floor.low < found.floor.point < found.floor.high < 0.02
    own = ("--annotations", tmp_path / "own", "--images-dir", images, "--images", "80")
    done = run("evaluate", data, "--before", before, *own, "--bootstrap", "100")
    assert "by what the source says is in the image" in " ".join(done.stdout.split()), done.stderr


def test_text__says_what_can_be_shown_the_floor_and_the_better_set(tmp_path: Path, data: Path, official: Path) -> None:
    annotations = VAL.write_annotations(tmp_path / "own")
    before = predictions(tmp_path / "before.json", VAL, {7, 8})
    places = ("--annotations", annotations, "--images-dir", official, "--images", "30")
    done = run("evaluate", data, "--before", before, *places, "--bootstrap", "100")
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    can_show = next(at for at, line in enumerate(lines) if "What 30 backgrounds and 4 objects can show" in line)
    fetching = next(at for at, line in enumerate(lines) if "Fetching" in line and "30 images" in line)
    assert can_show < fetching, "before anything is fetched"
    assert "may show one of your classes after all" in done.stderr
    told = json.loads(run("evaluate", data, "--before", before, *places, "--json").stdout)
    assert told["floor"].keys() == {"point", "low", "high", "arguable"}
    assert told["power"].keys() == {"backgrounds", "objects", "share", "falls", "rises"}
    assert told["by_category"] == {"confidence": 0.25, "fewest": 30, "rows": []}
    assert {row["name"] for row in told["backgrounds"]["classes"]} == {"dog", "raccoon"}


def test_dry_run__fetches_nothing_and_says_what_can_be_shown(tmp_path: Path, data: Path, official: Path) -> None:
    annotations = VAL.write_annotations(tmp_path / "own")
    places = ("--annotations", annotations, "--images-dir", official, "--images", "30")
    done = run("evaluate", data, *places, "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "What 30 backgrounds and 4 objects can show" in done.stderr
    assert "To fetch     30 images" in done.stderr
    foreseen = done.stdout.splitlines()
    assert len(foreseen) == 4 + 30
    assert not any(Path(line).exists() for line in foreseen[4:])
    again = run("evaluate", data, *places, "--fetch")
    assert again.returncode == 0, again.stderr
    assert again.stdout.splitlines() == foreseen
    assert all(Path(line).is_file() for line in foreseen)
    assert "To fetch" not in run("evaluate", data, *places, "--dry-run").stderr


def test_command__has_what_chose_the_images(data: Path, official: Path, tmp_path: Path) -> None:
    found = yolobg.evaluate(
        data, before=predictions(tmp_path / "p.json", VAL, {7}), images_dir=official, images=20, exclude=["cat"],
        map={"raccoon": ["bear", "cat"], "dog": ["dog"]}, captions=False, bootstrap=100, report=False,
    )  # fmt: skip
    assert found.command == (
        "yolobg", "evaluate", str(data), "--before", str(tmp_path / "p.json"), "--images-dir", str(official),
        "--map", "raccoon=bear,cat", "--map", "dog=dog", "--exclude", "cat", "--no-captions", "--images", "20",
        "--bootstrap", "100", "--no-report",
    )  # fmt: skip


def test_own_folder__cannot_be_combined_with_what_chooses_images_of_coco(data: Path, official: Path) -> None:
    for options, said in (
        ({"exclude": ["dog"]}, "--exclude"), ({"captions": False}, "--no-captions"), ({"lean": True}, "--lean"),
        ({"images_dir": official}, "--images-dir"), ({"map": {"a": "b"}}, "--map"),
    ):  # fmt: skip
        with pytest.raises(UsageError, match=said):
            yolobg.evaluate(data, before="a.json", backgrounds=official, **options)


# ---------------------------------------------------------------- fetching


def test_fetch__once_and_the_same_images_in_every_run(data: Path, official: Path) -> None:
    with ImageServer(VAL.served()) as server:
        first = fetched(data, f"{server.url}/val2017", count=20)
        asked = dict(server.hits)
        assert len(asked) == 20
        assert set(asked.values()) == {1}
        more = fetched(data, f"{server.url}/val2017", count=25)
        assert sum(server.hits.values()) == 25, "only the further ones"
        assert fetched(data, f"{server.url}/val2017", count=20) == first
        assert sum(server.hits.values()) == 25
    assert set(listed(first)) < set(listed(more))
    other = fetched(data, official, count=20, seed=1)
    assert set(listed(other)) != set(listed(first))
    for path in listed(more):
        assert path.read_bytes() == VAL.picture(VAL.ids.index(int(path.stem)))


def test_fetch__nothing_but_the_cache_is_written(data: Path, official: Path, tmp_path: Path) -> None:
    before = tree(data.parent), tree(official)
    fetched(data, official, count=10)
    assert (tree(data.parent), tree(official)) == before


@pytest.mark.parametrize("seed", range(2))
def test_fetch__faults_of_the_network_change_nothing(data: Path, official: Path, seed: int) -> None:
    clean = fetched(data, official, count=20)
    shutil.rmtree(Path(os.environ["YOLOBG_CACHE_DIR"]) / "backgrounds")
    with ImageServer(VAL.served(), share=0.4, seed=seed, first_only=True) as server:
        assert replace(fetched(data, f"{server.url}/val2017", count=20), command=clean.command) == clean
        assert sum(server.given.values()) >= 3


@pytest.mark.parametrize("fault", LASTING)
def test_fetch__what_cannot_be_had_is_replaced_and_counted(data: Path, official: Path, fault: str) -> None:
    clean = listed(fetched(data, official, count=21))
    shutil.rmtree(Path(os.environ["YOLOBG_CACHE_DIR"]) / "backgrounds")
    with ImageServer(VAL.served()) as server:
        server.always[f"/val2017/{clean[3].name}"] = fault
        found = fetched(data, f"{server.url}/val2017", count=20)
    assert listed(found) == [*clean[:3], *clean[4:]]
    assert found.backgrounds.left_out["not_fetched"] == 1


def test_fetch__an_interrupted_one_continues(data: Path, official: Path) -> None:
    def interrupt(stage: str, done: int, _total: int | None) -> None:
        if stage == "download" and done >= 6:
            raise KeyboardInterrupt

    with ImageServer(VAL.served(), latency_s=0.02) as server:
        with pytest.raises(KeyboardInterrupt):
            fetched(data, f"{server.url}/val2017", count=20, progress=interrupt, jobs=2)
        whole = sum(1 for _ in Path(os.environ["YOLOBG_CACHE_DIR"]).glob("backgrounds/**/*.jpg"))
        assert whole >= 4
        asked = sum(server.hits.values())
        found = fetched(data, f"{server.url}/val2017", count=20, jobs=2)
        # At most what was on its way is asked for twice.
        assert sum(server.hits.values()) <= asked + 20 - whole
    assert len(listed(found)) == 20


def fetch_options(tmp_path: Path, server: ImageServer) -> list[str]:
    """What a command needs to fetch twenty images of `VAL` from a server, two at a time."""
    annotations = str(VAL.write_annotations(tmp_path / "own"))
    folder = f"{server.url}/val2017"
    return ["--annotations", annotations, "--images-dir", folder, "--images", "20", "--jobs", "2", "--fetch"]


@contextlib.contextmanager
def fetching(data: Path, options: list[str], server: ImageServer) -> Iterator[subprocess.Popen[str]]:
    """A command that is under way: ten images have been sent, and two are waited for."""
    command = [sys.executable, "-m", "yolobg", "evaluate", str(data), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        # There is nothing to wait on but the server's log; a command that has ended fails at once.
        while len(server.log) < 10 + 2:
            assert running.poll() is None, running.communicate()
            time.sleep(0.01)
        yield running


@pytest.mark.slow
def test_fetch__a_killed_one_continues(data: Path, tmp_path: Path) -> None:
    with ImageServer(VAL.served(), hangs_after=10) as server:
        options = fetch_options(tmp_path, server)
        with fetching(data, options, server) as running:
            running.kill()
        kept = len(list(Path(os.environ["YOLOBG_CACHE_DIR"]).glob("backgrounds/**/*.jpg")))
        kept += len(list(Path(os.environ["YOLOBG_CACHE_DIR"]).glob("backgrounds/**/*.staged")))
        assert kept >= 5
        asked, server.hangs_after = len(server.log), None
        done = run("evaluate", data, *options)
        assert done.returncode == 0, done.stderr
        assert len(server.log) == asked + 20 - kept
    paths = [Path(line) for line in done.stdout.splitlines()[4:]]
    assert len(paths) == 20
    for path in paths:
        assert path.read_bytes() == VAL.picture(VAL.ids.index(int(path.stem)))


@pytest.mark.slow
# Windows sends Ctrl-C to a whole console, this test among it.
@pytest.mark.skipif(os.name == "nt", reason="no SIGINT to one process")
def test_interrupt__says_so_and_keeps_what_was_fetched(data: Path, tmp_path: Path) -> None:
    with ImageServer(VAL.served(), hangs_after=10) as server:
        options = fetch_options(tmp_path, server)
        with fetching(data, options, server) as running:
            running.send_signal(signal.SIGINT)
            out, told = running.communicate(timeout=60)
    assert (running.returncode, out) == (130, "")
    assert "interrupted" in told
    assert "Traceback" not in told
    assert len(list(Path(os.environ["YOLOBG_CACHE_DIR"]).glob("backgrounds/**/*.jpg"))) >= 5


@pytest.mark.parametrize("damage", ["cut", "other", "empty", "link"])
def test_fetch__a_damaged_image_in_the_cache_is_fetched_again(data: Path, official: Path, damage: str) -> None:
    # Windows lets only administrators and developers make symbolic links.
    if damage == "link" and os.name == "nt":
        pytest.skip("links need a privilege")
    first = fetched(data, official, count=10)
    path = listed(first)[0]
    content = path.read_bytes()
    if damage == "link":
        path.unlink()
        path.symlink_to(official / path.name)
    else:
        path.write_bytes({"cut": content[:-20], "other": picture(1, width=65), "empty": b""}[damage])
    assert fetched(data, official, count=10) == first
    assert path.read_bytes() == content
    assert not path.is_symlink()


def test_offline__the_images_name_ways_on(data: Path, official: Path) -> None:
    with pytest.raises(DownloadError, match=r"run again to continue.*--images-dir.*--backgrounds FOLDER"):
        fetched(data, "http://127.0.0.1:9/val2017", count=10)


def test_offline__the_annotations_name_ways_on(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("yolobg.sources.annotations.remote_files.coco_bases", lambda: ("http://127.0.0.1:9",))
    monkeypatch.setattr("yolobg.sources.archive.remote.LIMITS", replace(LIMITS, tries=1))
    with pytest.raises(YolobgError, match=r"--backgrounds FOLDER.*cache build --from"):
        fetched(data, tmp_path, count=10)


def test_wrong_images__are_the_records_fault(data: Path, tmp_path: Path, official: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.mkdir()
    for name in VAL.names:
        (wrong / name).write_bytes(picture(1, width=65))
    with pytest.raises(AnnotationsError, match="none matches its record"):
        fetched(data, wrong, count=10)


def test_archive__of_annotations_is_fetched_by_ranges_like_that_of_augment(
    data: Path, official: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    yolobg_cache = Path(os.environ["YOLOBG_CACHE_DIR"])
    shutil.rmtree(yolobg_cache)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("annotations/instances_train2017.json", os.urandom(300_000))
        for name, content in VAL.files().items():
            archive.writestr(f"annotations/{name}", content)
    key = "/annotations/annotations_trainval2017.zip"
    with CocoServer({key: packed.getvalue()}) as server:
        server.faults[key] = ["unavailable", "reset"]
        monkeypatch.setattr("yolobg.sources.annotations.remote_files.coco_bases", lambda: (server.url,))
        found = fetched(data, official, count=10)
        assert server.sent < 250_000, "val's two members, not the zip"
        asked = len(server.hits)
        assert fetched(data, official, count=10) == found
        assert len(server.hits) == asked
    assert len(listed(found)) == 10


# ---------------------------------------------------------------- the cache


def test_cache__shows_and_clears_the_images_and_nothing_else(data: Path, official: Path) -> None:
    fetched(data, official, count=10)
    root = Path(os.environ["YOLOBG_CACHE_DIR"])
    (root / "backgrounds" / "mine.txt").write_text("mine", "utf-8")
    assert "images that models are measured on" in run("cache", "path").stderr
    assert run("cache", "clear").returncode == 0
    assert [path.name for path in root.glob("backgrounds/**/*")] == ["mine.txt"]


def test_cache_build__from_the_zip_serves_evaluate_too(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = VAL.write_annotations(tmp_path / "annotations").parent
    train = VAL.files()["instances_val2017.json"]
    (folder / "instances_train2017.json").write_bytes(train)
    pins = {"annotations/instances_train2017.json": Pin(len(train), hashlib.sha256(train).hexdigest())}
    monkeypatch.setattr("yolobg.sources.catalog.open.COCO2017", replace(COCO2017, pins=pins))
    for place in ("catalog.open", "resolve"):
        monkeypatch.setattr(f"yolobg.sources.{place}.COCO2017_VAL", VAL.source())
    build_from(tmp_path / "annotations")
    found = fetched(data, VAL.write_images(tmp_path / "val2017"), count=10)
    assert found.backgrounds.found == PLACES


# ---------------------------------------------------------------- real records


def test_real_records__leave_no_image_with_a_person(
    coco_real: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """166 real images with their annotations in the place of val2017's."""
    data = write_dataset(tmp_path / "people", val=4, classes=("person", "raccoon"))
    folder = tmp_path / "annotations"
    folder.mkdir()
    pins = {}
    for kind in ("instances", "captions"):
        content = (coco_real / "annotations" / f"{kind}_train2017.json").read_bytes()
        (folder / f"{kind}_val2017.json").write_bytes(content)
        pins[f"annotations/{kind}_val2017.json"] = Pin(len(content), hashlib.sha256(content).hexdigest())
    source = replace(COCO2017_VAL, pins=pins)
    monkeypatch.setattr("yolobg.sources.resolve.COCO2017_VAL", source)
    make_from(Store(cache_folder()), folder, source, no_progress)
    found = fetched(data, coco_real / "images", count=40)
    records = json.loads((folder / "instances_val2017.json").read_text("utf-8"))
    people = {one["image_id"] for one in records["annotations"] if one["category_id"] == 1}
    names = json.loads((folder / "captions_val2017.json").read_text("utf-8"))
    named = {one["image_id"] for one in names["annotations"] if "woman" in one["caption"].split()}
    assert len(listed(found)) == 40
    assert {int(path.stem) for path in listed(found)}.isdisjoint(people | named)
    for path in listed(found):
        assert path.read_bytes() == (coco_real / "images/train2017" / path.name).read_bytes()
    assert found.floor is not None
    assert 0.01 < found.floor.point < 0.08
