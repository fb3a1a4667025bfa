"""Open Images' lists: what a label means, lists that are damaged or another's, and who made each image."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner
from open_images_data import HEAD, IDS, image_list, image_name, label_list, random_labels, serve

import yolobg
from yolobg.cli.app import app
from yolobg.errors import AnnotationsError, DownloadError
from yolobg.matching.lexicon.class_tables import open_images_classes
from yolobg.sources.annotations.open_images import FIRST, OpenImages, read_open_images
from yolobg.sources.cache_folder import cache_folder
from yolobg.sources.catalog.open import clear_cache, find_labels, open_catalog
from yolobg.sources.open_images import OPEN_IMAGES, OPEN_IMAGES_LABELS, PINS, class_parents, image_bases, list_bases

A, B, C = sorted(map(image_name, range(1, 4)))
NUMBERS = {one.name: number for number, one in enumerate(open_images_classes(), 1)}


def read(folder: Path, labels: bytes, images: bytes) -> OpenImages:
    for name, content in (("labels.csv", labels), ("images.csv", images)):
        (folder / name).write_bytes(content)
    return read_open_images(
        folder / "labels.csv", folder / "images.csv", classes=class_parents(), base="https://s3.example/validation"
    )


def sets(kind: Mapping[int, frozenset[int]]) -> dict[str, set[int]]:
    return {name: set(kind[number]) for name, number in NUMBERS.items() if kind[number]}


def test_pins__and_hosts_are_the_official_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [pin.size_bytes for pin in PINS.values()] == [10_649_275, 15_245_485]
    assert all(len(pin.md5 or "") == 32 for pin in PINS.values())
    assert len(IDS) == 601
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
    assert sets(found.rows.present) == sets(found.instances.holders) == present
    if absent is not None:
        assert sets(found.rows.absent) == absent


def test_label__of_a_class_that_is_absent_holds_for_those_below_it_and_not_for_its_parts(tmp_path: Path) -> None:
    labels = [(A, "Person", "0"), (B, "Vehicle", "0"), (C, "Taxi", "1"), (C, "Vehicle", "0")]
    absent = sets(read(tmp_path, label_list(labels), image_list([A, B, C])).rows.absent)

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
        assert {name for name, places in sets(found.rows.absent).items() if place in places} == expected


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
    assert (sets(found.rows.present), sets(found.rows.absent)) == ({}, {"Dog": {0}})


@pytest.mark.parametrize("wrong", [0, 1])
def test_list__of_another_md5_is_refused(monkeypatch: pytest.MonkeyPatch, wrong: int) -> None:
    with serve(monkeypatch, LABELS, IMAGES) as server:
        monkeypatch.setattr("yolobg.sources.catalog.make_open_images.list_bases", lambda: (server.url,))
        path = f"/{list(PINS)[wrong]}"
        server.files[path] = bytes(server.files[path])[:-1] + b" "
        with pytest.raises(DownloadError, match=r"no host has the official file .* MD5"):
            open_catalog(OPEN_IMAGES)
    assert find_labels(OPEN_IMAGES_LABELS, fetch=False) is None
    assert not list((cache_folder() / "catalogs").glob("*.sqlite"))


@pytest.mark.parametrize("faults", [["cut"], ["unavailable", "reset-body"]], ids=str)
def test_cache_add__fetches_both_lists_once(monkeypatch: pytest.MonkeyPatch, faults: list[str]) -> None:
    with serve(monkeypatch, LABELS, IMAGES) as server:
        server.faults[f"/{next(iter(PINS))}"] = list(faults)
        done = CliRunner().invoke(app, ["cache", "add", "openimages"])
        assert done.exit_code == 0, done.output
        assert "openimages: 2 images in 601 categories are ready for --source openimages" in done.output
        hits = len(server.hits)
        assert find_labels(OPEN_IMAGES_LABELS, fetch=False) is not None
        with open_catalog(OPEN_IMAGES) as catalog:
            record = next(catalog.records([FIRST]))
        assert len(server.hits) == hits
    assert (record.file_name, record.author, record.title) == (f"{A}.jpg", "Zoë 0", 'A "fine" day, 0')
    assert record.flickr_url == "https://www.flickr.com/photos/someone/0"
    shown = CliRunner().invoke(app, ["cache", "path"])
    assert shown.output.count("human-imagelabels-boxable.csv") == 2
    clear_cache()
    assert find_labels(OPEN_IMAGES_LABELS, fetch=False) is None


def test_classes__before_the_lists_are_there_are_named_and_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(monkeypatch, LABELS, IMAGES) as server:
        found = yolobg.classes(names=["raccoon", "pumpkin"], source="openimages")
        assert not server.hits
    assert [match.exclude[0].coco for match in found.classes] == ["Raccoon", "Pumpkin"]
    assert "yolobg cache add openimages" in found.warnings[0]
