"""Open Images' lists: what a label means, lists that are damaged or another's, and who made each image."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
import tally
from click.testing import CliRunner
from command_line import run
from open_images_data import HEAD, IDS, image_list, image_name, label_list, random_labels, serve
from places import REPOSITORY
from stale_data import make_dataset

import yolobg
from yolobg.cli.app import app
from yolobg.cli.progress import fetch_notes
from yolobg.errors import AnnotationsError, DownloadError, YolobgError
from yolobg.matching.lexicon.class_tables import open_images_classes
from yolobg.sources.annotations.open_images import FIRST, OpenImages, read_open_images
from yolobg.sources.cache_folder import cache_folder
from yolobg.sources.catalog.open import build_from, clear_cache, is_ready, open_catalog
from yolobg.sources.open_images import (
    OPEN_IMAGES,
    OPEN_IMAGES_TRAIN,
    PINS,
    TRAIN_PINS,
    class_parents,
    image_bases,
    list_bases,
)

A, B, C = sorted(map(image_name, range(1, 4)))
NUMBERS = {one.name: number for number, one in enumerate(open_images_classes(), 1)}


def read(folder: Path, labels: bytes, images: bytes) -> OpenImages:
    for name, content in (("labels.csv", labels), ("images.csv", images)):
        (folder / name).write_bytes(content)
    return read_open_images(folder / "labels.csv", folder / "images.csv", classes=class_parents())


def sets(of: Callable[[int], int]) -> dict[str, set[int]]:
    found = {name: {place for place in range(3) if of(number) >> place & 1} for name, number in NUMBERS.items()}
    return {name: places for name, places in found.items() if places}


def test_pins__and_hosts_are_the_official_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [pin.size_bytes for pin in PINS.values()] == [10_649_275, 15_245_485]
    assert all(len(pin.md5 or "") == 32 for pin in PINS.values())
    assert len(IDS) == 601
    assert [pin.size_bytes for pin in TRAIN_PINS.values()] == [376_764_810, 638_407_721]
    assert all(len(pin.md5 or "") == 32 for pin in TRAIN_PINS.values())
    assert all("/train-" in name for name in TRAIN_PINS)
    assert image_bases(OPEN_IMAGES_TRAIN)[0] == "https://open-images-dataset.s3.amazonaws.com/train"
    monkeypatch.setenv("YOLOBG_OPENIMAGES_URL", "http://mirror.example/oi/")
    assert list_bases() == ("http://mirror.example/oi", "https://storage.googleapis.com/openimages")
    assert image_bases()[0] == "http://mirror.example/oi/validation"


@pytest.mark.parametrize(
    ("labels", "present", "absent"),
    [
        ([(A, "Dog", "1"), (B, "Dog", "0")], {"Dog": {0}}, {"Dog": {1}}),
        ([(A, "Dog", "1.0"), (B, "Dog", "0.0")], {"Dog": {0}}, {"Dog": {1}}),
        # A cat is an animal, but none of which nothing more is said.
        ([(A, "Animal", "1"), (A, "Cat", "1"), (B, "Animal", "1")], {"Cat": {0}, "Animal": {1}}, {}),
        ([(A, "Taxi", "1"), (A, "Vehicle", "0")], {"Taxi": {0}}, None),
        ([(A, "Taxi", "0"), (A, "Taxi", "1")], {"Taxi": {0}}, {}),
        ([(A, "Taxi", "1"), (A, "Taxi", "0")], {"Taxi": {0}}, {}),
        # A part is no kind.
        ([(A, "Human face", "1"), (A, "Person", "0")], {"Human face": {0}}, None),
    ],
    ids=str,
)
def test_label__means_what_people_found(
    tmp_path: Path, labels: list[tuple[str, str, str]], present: dict[str, set[int]], absent: dict[str, set[int]] | None
) -> None:
    found = read(tmp_path, label_list(labels), image_list([B, C, A]))
    assert sets(found.present) == present
    if absent is not None:
        assert sets(found.absent) == absent


def test_label__of_a_class_that_is_absent_holds_for_those_below_it_and_not_for_its_parts(tmp_path: Path) -> None:
    labels = [(A, "Person", "0"), (B, "Vehicle", "0"), (C, "Taxi", "1"), (C, "Vehicle", "0")]
    absent = sets(read(tmp_path, label_list(labels), image_list([A, B, C])).absent)

    def free(place: int) -> set[str]:
        return {name for name, places in absent.items() if place in places}

    assert free(0) == {"Person", "Man", "Woman", "Boy", "Girl"}
    assert {"Vehicle", "Land vehicle", "Taxi", "Bicycle", "Boat"} <= free(1)
    assert not {"Wheel", "Tire", "Vehicle registration plate"} & free(1)
    assert not free(2), "a taxi is a vehicle, so nothing is known of the others"


@pytest.mark.parametrize("seed", range(3))
def test_absent__only_what_a_label_says_and_none_contradicts(tmp_path: Path, seed: int) -> None:
    """Each class by itself, walking up the hierarchy, which is slow and plain."""
    names = {one.id: one.name for one in open_images_classes()}
    parents = {one.name: [names[parent] for parent in one.parents] for one in open_images_classes()}

    def upwards(name: str) -> set[str]:
        return {name}.union(*map(upwards, parents[name]))

    labels = random_labels([A, B, C], 60, seed)
    found = read(tmp_path, label_list(labels), image_list([A, B, C]))
    for place, image in enumerate((A, B, C)):
        there = {higher for who, name, said in labels if who == image and said[0] == "1" for higher in upwards(name)}
        gone = {name for who, name, said in labels if who == image and said[0] == "0"} - there
        expected = {name for name in IDS if upwards(name) & gone and name not in there}
        assert {name for name, places in sets(found.absent).items() if place in places} == expected


LABELS, IMAGES = label_list([(A, "Dog", "1"), (B, "Dog", "0")]), image_list([A, B])
DOG = IDS["Dog"]


@pytest.mark.parametrize(
    ("labels", "images", "message"),
    [
        (f"{HEAD}{A},verification,{DOG},0.7\n".encode(), IMAGES, "confidence '0.7'; expected 0, 1, 0.0 or 1.0"),
        (f"{HEAD}{A},verification,{DOG},\n".encode(), IMAGES, "confidence ''"),
        (f"{HEAD}{A},verification,{DOG},nan\n".encode(), IMAGES, "confidence 'nan'"),
        (f"{HEAD}{A},verification,/m/made_up,1\n".encode(), IMAGES, "'/m/made_up' is no boxable class"),
        (f"{HEAD}{A},machine,{DOG},1\n".encode(), IMAGES, "expected labels that people verified"),
        (LABELS[:-25], IMAGES, "is the file cut off"),
        (LABELS.replace(b"Confidence", b"Condidence"), IMAGES, "has no column Confidence"),
        (b"\n", IMAGES, "has no column ImageID"),
        (LABELS + f"{A},verification,{DOG},1,\n".encode(), IMAGES, "has 5 columns, not 4"),
        (LABELS.replace(b"Source", b"Sourc\xe9"), IMAGES, "not UTF-8"),
        (LABELS, IMAGES.replace("Zoë".encode(), b"Zo\xeb"), "not UTF-8"),
        (LABELS, IMAGES[:-150], "cut off"),
        (LABELS, IMAGES + IMAGES.splitlines(keepends=True)[1], "is listed twice"),
        (LABELS, IMAGES.replace(A.encode(), b"../../evil"), "expected 16 digits"),
        (LABELS, image_list([C]), "none of its labels is about an image"),
        (HEAD.encode(), IMAGES, "none of its labels"),
    ],
)
def test_list__that_is_damaged_stops_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, labels: bytes, images: bytes, message: str
) -> None:
    with serve(monkeypatch, labels, images), pytest.raises(AnnotationsError, match=message):
        open_catalog(OPEN_IMAGES)
    assert not list((cache_folder() / "catalogs").glob("*.sqlite"))


def test_label__of_an_image_that_is_not_listed_is_left_out(tmp_path: Path) -> None:
    found = read(tmp_path, LABELS, image_list([B]))
    assert (sets(found.present), sets(found.absent)) == ({}, {"Dog": {0}})


@pytest.mark.parametrize("wrong", [0, 1])
def test_list__of_another_md5_is_refused(monkeypatch: pytest.MonkeyPatch, wrong: int) -> None:
    with serve(monkeypatch, LABELS, IMAGES) as server:
        monkeypatch.setattr("yolobg.sources.catalog.make_open_images.list_bases", lambda: (server.url,))
        path = f"/{list(PINS)[wrong]}"
        server.files[path] = bytes(server.files[path])[:-1] + b" "
        with pytest.raises(DownloadError, match=r"no host has the official file .* MD5"):
            open_catalog(OPEN_IMAGES)
    assert not is_ready(OPEN_IMAGES)
    assert not list((cache_folder() / "catalogs").glob("*.sqlite"))


@pytest.mark.parametrize("faults", [["cut"], ["unavailable", "reset-body"]], ids=str)
def test_cache_add__fetches_both_lists_once(monkeypatch: pytest.MonkeyPatch, faults: list[str]) -> None:
    with serve(monkeypatch, LABELS, IMAGES) as server:
        server.faults[f"/{next(iter(PINS))}"] = list(faults)
        done = CliRunner().invoke(app, ["cache", "add", "openimages"])
        assert done.exit_code == 0, done.output
        assert "openimages: 2 images in 601 categories are ready for --source openimages" in done.output
        hits = len(server.hits)
        assert is_ready(OPEN_IMAGES)
        with open_catalog(OPEN_IMAGES) as catalog:
            record = next(catalog.records([FIRST]))
        assert len(server.hits) == hits
    assert (record.file_name, record.author, record.title) == (f"{A}.jpg", "Zoë 0", 'A "fine" day, 0')
    assert record.flickr_url == "https://www.flickr.com/photos/someone/0"
    shown = CliRunner().invoke(app, ["cache", "path"])
    assert shown.output.count("human-imagelabels-boxable.csv") == 1
    clear_cache()
    assert not is_ready(OPEN_IMAGES)


@pytest.mark.parametrize("nested", [False, True])
def test_cache_build__from_lists_on_disk_asks_no_host(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, nested: bool
) -> None:
    with serve(monkeypatch, LABELS, IMAGES) as server:
        files = {}
        for name, content in zip(PINS, (LABELS, IMAGES), strict=True):
            files[name] = tmp_path / (name if nested else name.rpartition("/")[2])
            files[name].parent.mkdir(parents=True, exist_ok=True)
            files[name].write_bytes(content)
        done = CliRunner().invoke(app, ["cache", "build", "--from", str(tmp_path)])
        assert (done.exit_code, server.hits) == (0, []), done.output
        assert "openimages: 2 images in 601 categories are ready for --source openimages" in done.output
        assert is_ready(OPEN_IMAGES)
        assert [file.read_bytes() for file in files.values()] == [LABELS, IMAGES]
        clear_cache()
        labels, images = files.values()
        images.rename(tmp_path / "away.csv")
        with pytest.raises(AnnotationsError, match=r"has no validation-images-with-rotation\.csv, and the catalog of"):
            build_from(tmp_path)
        (tmp_path / "away.csv").rename(images)
        labels.write_bytes(LABELS[:-1] + b" ")
        with pytest.raises(AnnotationsError, match=r"is not Open Images' own list, which has .* MD5"):
            build_from(tmp_path)
        assert (is_ready(OPEN_IMAGES), server.hits) == (False, [])


def test_train__continues_with_the_list_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    _, second = (f"/{name}" for name in TRAIN_PINS)
    with serve(monkeypatch, LABELS, IMAGES, train=True) as server:
        monkeypatch.setattr("yolobg.sources.catalog.make_open_images.list_bases", lambda: (server.url,))
        server.always[second] = "missing"
        with pytest.raises(DownloadError, match="YOLOBG_OPENIMAGES_URL"):
            open_catalog(OPEN_IMAGES_TRAIN)
        server.always.clear()
        server.hits.clear()
        done = CliRunner().invoke(app, ["cache", "add", "openimages-train"])
        assert done.exit_code == 0, done.output
        assert {path for path, _ in server.hits} == {second}
        server.hits.clear()
        with open_catalog(OPEN_IMAGES_TRAIN) as catalog:
            assert next(catalog.records([FIRST])).file_name == f"{A}.jpg"
        assert not server.hits
    assert not is_ready(OPEN_IMAGES), "the other part"
    assert "train-annotations" in CliRunner().invoke(app, ["cache", "path"]).output
    assert not list((cache_folder() / "work").iterdir()), "the lists have served"
    clear_cache()
    assert not is_ready(OPEN_IMAGES_TRAIN)


def test_train__where_the_disk_has_no_room_fetches_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(monkeypatch, LABELS, IMAGES, train=True) as server:
        full = type("Usage", (), {"free": 100})
        monkeypatch.setattr("yolobg.sources.archive.unpack.shutil.disk_usage", lambda _folder: full)
        with pytest.raises(YolobgError, match=r"the lists of openimages-train and their catalog needs .* MB are free"):
            open_catalog(OPEN_IMAGES_TRAIN)
        assert not server.hits


def test_train__dry_run_without_its_lists_says_what_the_run_would_fetch(tmp_path: Path) -> None:
    data = make_dataset(tmp_path / "data") / "data.yaml"
    for command in (
        ["augment", str(data)],
        ["download", "-o", str(tmp_path / "to"), "--exclude", "dog", "--count", "3"],
    ):
        # A process of its own: old versions of click's runner do not tell the two streams apart.
        done = run(*command, "--source", "openimages-train", "--dry-run")
        assert (done.returncode, done.stdout) == (AnnotationsError.exit_code, "")
        assert "1,015 MB" in done.stderr
        assert "yolobg cache add openimages-train" in done.stderr
    assert fetch_notes({"source": "openimages-train"}) == {
        "annotations": "Fetching the lists of openimages-train, once (1,015 MB)."
    }
    assert "26 MB" in fetch_notes({"source": "openimages"})["annotations"]
    assert fetch_notes({"source": "openimages", "annotations": "mine.json"}) == {}


def test_read__needs_little_memory_for_each_image(tmp_path: Path) -> None:
    """1.7 million of them: a dict of their rows took several GB."""

    def peak(count: int) -> int:
        images = sorted(map(image_name, range(count)))
        labels, listed = label_list(random_labels(images, 5)), image_list(images)
        tracemalloc.start()
        try:
            found = read(tmp_path, labels, listed)
            assert sum(1 for _ in found.images.credits()) == count
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert (peak(2500) - peak(500)) / 2000 < 500


KILLED = """
import json, pathlib, sys
from open_images_data import pin
from yolobg.sources.open_images import TRAIN_PINS
from yolobg.__main__ import main
pin(TRAIN_PINS, *(pathlib.Path(path).read_bytes() for path in sys.argv[1:3]))
sys.argv[1:] = ["cache", "add", "openimages-train"]
main()
"""


@pytest.mark.slow
def test_train__killed_half_way_continues(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = sorted(map(image_name, range(40_000)))
    labels, listed = label_list([(one, "Dog", "0") for one in images]), image_list(images)
    for name, content in (("labels.csv", labels), ("images.csv", listed)):
        (tmp_path / name).write_bytes(content)
    command = [sys.executable, "-c", KILLED, str(tmp_path / "labels.csv"), str(tmp_path / "images.csv")]
    with serve(monkeypatch, labels, listed, train=True) as server:
        server.bytes_per_s = 1_500_000
        environment = os.environ | {"PYTHONPATH": str(REPOSITORY / "tests" / "helpers")}
        with subprocess.Popen(command, env=environment) as process:
            while server.sent < len(labels) + len(listed) // 2 and process.poll() is None:
                time.sleep(0.01)
            assert process.poll() is None, "killed too late"
            process.kill()
        tally.tried("kill points")
        before, server.bytes_per_s = server.sent, None
        with open_catalog(OPEN_IMAGES_TRAIN) as catalog:
            assert catalog.images == len(images)
        assert server.sent - before < len(listed) * 0.8
    assert not list((cache_folder() / "work").iterdir())


def test_classes__before_the_lists_are_there_are_named_and_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(monkeypatch, LABELS, IMAGES) as server:
        found = yolobg.classes(names=["raccoon", "pumpkin"], source="openimages")
        assert not server.hits
    assert [match.exclude[0].coco for match in found.classes] == ["Raccoon", "Pumpkin"]
    assert "yolobg cache add openimages" in found.warnings[0]
