"""`--fast`: backgrounds from COCO without its annotations, by the index that ships with yolobg."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from command_line import run
from download_pictures import picture
from image_server import ImageServer
from machine import run_inside
from merging import tree, visible
from places import SAMPLE
from rich.console import Console

import yolobg
from yolobg.changes.manifest import read_manifest
from yolobg.cli.progress import bars, fetch_notes
from yolobg.errors import UsageError
from yolobg.model import no_progress
from yolobg.sources.archive.remote import LIMITS
from yolobg.sources.cache_folder import cache_folder
from yolobg.sources.catalog.make import make_from
from yolobg.sources.catalog.shipped_index import CATEGORIES, read_index
from yolobg.sources.catalog.store import Store
from yolobg.sources.location import COCO2017, AnnotationSource, Pin


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    shutil.copytree(SAMPLE / "dataset", tmp_path / "data")
    return tmp_path / "data"


def held(image_id: int) -> set[str]:
    index = read_index()
    place = [image.id for image in index.images].index(image_id)
    return {CATEGORIES[category] for category, images in index.holders.items() if place in images}


def served(dataset: Path, more: int = 0) -> dict[str, bytes]:
    """The images that the run will ask for first, each another picture."""
    choice = yolobg.plan(dataset, fast=True, count=6).choice
    assert choice is not None
    return {
        f"/train2017/{image_id:012d}.jpg": picture(number) for number, image_id in enumerate(choice.ranked[: 6 + more])
    }


def test_augment__fast_takes_exactly_the_number_and_none_with_a_class(dataset: Path) -> None:
    before = tree(dataset)
    with ImageServer(served(dataset)) as server:
        done = run("augment", dataset, "--fast", "--count", "6", "--images", f"{server.url}/train2017", "--json")
        assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert len(report["added"]) == 6
    assert report["source"]["images"] == 118287
    assert before.items() <= visible(dataset).items()
    excluded = {exclusion["coco"] for match in report["classes"] for exclusion in match["exclude"]}
    for added in report["added"]:
        assert not held(added["source_id"]) & excluded
        assert added["license"] is None
    assert report["source"]["non_commercial"] is None, "not a number that nobody counted"
    assert any("licences and authors are not known" in warning for warning in report["warnings"])
    assert yolobg.status(dataset).after.ours == 6
    assert len(json.loads(run("remove", dataset, "--json").stdout)["removed"]) == 6
    assert visible(dataset) == before


@pytest.mark.parametrize(
    "fault", [pytest.param("truncate", marks=pytest.mark.slow), "damage", pytest.param("html", marks=pytest.mark.slow)]
)
def test_augment__fast_takes_no_damaged_image(dataset: Path, fault: str) -> None:
    pictures = served(dataset, more=2)
    with ImageServer(pictures) as server:
        first = next(iter(pictures))
        server.always[first] = fault
        done = run("augment", dataset, "--fast", "--count", "6", "--images", f"{server.url}/train2017", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert len(report["added"]) == 6
    assert int(Path(first).stem) not in {added["source_id"] for added in report["added"]}


@pytest.mark.parametrize(
    "options",
    [{"license": "commercial"}, {"source": "."}, {"annotations": "x.json", "images": (".",)}],
    ids=["licence", "folder", "annotations"],
)
def test_fast__beside_what_it_cannot_serve_is_refused(dataset: Path, options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="--fast"):
        yolobg.plan(dataset, fast=True, **options)


def test_augment__names_the_ways_on_if_the_annotations_cannot_be_fetched(
    dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("yolobg.sources.annotations.remote_files.coco_bases", lambda: ("http://127.0.0.1:9",))
    monkeypatch.setattr("yolobg.sources.archive.remote.LIMITS", replace(LIMITS, tries=1))
    with pytest.raises(yolobg.YolobgError, match=r"--fast.*--source.*cache build --from"):
        yolobg.plan(dataset, count=6)


UNREACHABLE = "http://127.0.0.1:9"


@pytest.mark.parametrize(
    "more",
    [
        (),
        pytest.param(("--license", "commercial"), marks=pytest.mark.slow),
        pytest.param(("--evidence", "captions"), marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_dry_run__needs_no_network_and_says_what_it_did_not_check(dataset: Path, more: tuple[str, ...]) -> None:
    before = tree(dataset)
    done = run("augment", dataset, "--count", "6", "--dry-run", "--json", *more, YOLOBG_COCO_URL=UNREACHABLE)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["source"]["images"] == 118287
    assert report["source"]["eligible"] > 6
    first, *rest = report["warnings"]
    assert first.startswith("dry run without COCO's annotations")
    assert "captions" in first
    assert ("commercial licences" in first) == ("commercial" in more)
    assert not any(warning.startswith("--fast") for warning in rest), "the run will not be one with --fast"
    assert tree(dataset) == before


def test_dry_run__rests_on_the_annotations_where_they_are_in_the_cache(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("yolobg.sources.resolve.COCO2017", with_annotations([9, 25, 30], tmp_path / "annotations"))
    told = run_inside("augment", str(dataset), "--count", "2", "--dry-run", "--json")
    assert told.code == 0, told.stderr
    assert told.report["source"]["images"] == 3
    assert not any("dry run" in warning for warning in told.report["warnings"])


def test_dry_run__that_needs_nothing_says_nothing_of_the_source(dataset: Path) -> None:
    done = run("augment", dataset, "--count", "0", "--dry-run", "--json", YOLOBG_COCO_URL=UNREACHABLE)
    assert json.loads(done.stdout)["warnings"] == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, True),
        ({"images": ("folder",)}, True),
        ({"fast": True}, False),
        ({"license": "commercial"}, False),
        ({"annotations": "x.json"}, False),
        ({"source": "folder"}, False),
    ],
    ids=str,
)
def test_bar__of_the_annotations_names_fast_where_that_would_do(options: Any, said: bool) -> None:
    drawn = io.StringIO()
    with bars(Console(file=drawn, force_terminal=True, width=100), notes=fetch_notes(options)) as progress:
        progress("unpack", 1, 2)
        assert "--fast" not in drawn.getvalue()
        progress("annotations", 1, 2)
        progress("annotations", 2, 2)
    assert drawn.getvalue().count("--fast") == int(said)


def with_annotations(ids: list[int], place: Path) -> AnnotationSource:
    """COCO's own source with annotations of `ids` alone, which are in the cache."""
    records = [
        {"id": number, "file_name": f"{number:012d}.jpg", "license": 4, "flickr_url": f"https://flickr.test/{number}"}
        for number in ids
    ]
    license_ = {"id": 4, "name": "Attribution", "url": "https://license.test/4"}
    categories = [{"id": number, "name": name} for number, name in CATEGORIES.items()]
    text = json.dumps({"images": records, "annotations": [], "categories": categories, "licenses": [license_]})
    place.mkdir()
    (place / "instances_train2017.json").write_text(text)
    pins = {"annotations/instances_train2017.json": Pin(len(text), sha256=hashlib.sha256(text.encode()).hexdigest())}
    source = replace(COCO2017, pins=pins)
    make_from(Store(cache_folder()), place, source, no_progress)
    return source


def test_credits__are_filled_in_by_the_next_run_with_annotations(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = served(dataset)
    with ImageServer(pictures) as server:
        places = (f"{server.url}/train2017",)
        first = yolobg.augment(dataset, fast=True, count=3, images=places)
        ids = [int(Path(path).stem) for path in pictures]
        monkeypatch.setattr("yolobg.sources.resolve.COCO2017", with_annotations(ids, tmp_path / "annotations"))
        second = yolobg.augment(dataset, count=5, images=places)
    assert len(second.added) == 2
    entries = read_manifest(dataset).entries
    assert {entry.source_id for entry in entries} >= {added.source_id for added in first.added}
    assert [(e.license, e.license_name, e.flickr_url) for e in entries] == [
        (4, "Attribution", f"https://flickr.test/{e.source_id}") for e in entries
    ]
    with (dataset / ".yolobg/ATTRIBUTION.csv").open(newline="", encoding="utf-8") as file:
        assert {row["license"] for row in csv.DictReader(file)} == {"Attribution"}
