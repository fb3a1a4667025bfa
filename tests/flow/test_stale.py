"""Backgrounds that no longer qualify, since a class was added or something else was ruled out, are named everywhere."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest
from command_line import run
from format_data import picture
from stale_data import COUNT, HELD, ids, make_dataset, name_classes, persons, stale_ids, write_source

import yolobg
from yolobg.changes.manifest import read_manifest, write_manifest
from yolobg.dataset.inventory import scan_split
from yolobg.model import DataYaml, Inventory
from yolobg.report.write import rewrite_page
from yolobg.results import Report, Stale
from yolobg.sources.catalog.open import clear_cache
from yolobg.ultralytics import BackgroundHook


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return make_dataset(tmp_path / "data")


@pytest.fixture
def source(tmp_path: Path) -> dict[str, Any]:
    return write_source(tmp_path / "source", HELD)


# ---------------------------------------------------------------- what is told


def test_class_added__every_command_names_the_backgrounds_that_hold_it(dataset: Path, source: dict[str, Any]) -> None:
    assert yolobg.augment(dataset, count=12, **source).stale == Stale()
    assert yolobg.status(dataset).stale == Stale()
    wrong = persons(dataset)
    assert 0 < len(wrong) < 12
    name_classes(dataset, "dog", "person")
    told: list[Report] = [
        yolobg.status(dataset),
        yolobg.plan(dataset, count=12, **source).report,
        yolobg.augment(dataset, count=12, **source),
        yolobg.augment(dataset, count=13, **source),
    ]
    for report in told:
        assert stale_ids(report.stale) == wrong
        assert {one.reason for one in report.stale.images} == {"contains person"}
        line = next(line for line in report.warnings if "no longer qualif" in line)
        assert line.startswith(f"{len(wrong)} background")
        assert Path(report.stale.images[0].image).name in line
        assert any("--recheck" in line for line in report.warnings)
    assert len(told[-1].added) == 1
    for page in (dataset / ".yolobg/report.html", rewrite_page(dataset)):
        assert "no longer qualif" in page.read_text("utf-8")


def test_command__tells_it_as_text_and_json(dataset: Path, source: dict[str, Any]) -> None:
    yolobg.augment(dataset, count=12, **source)
    name_classes(dataset, "dog", "person")
    assert "(contains person)" in run("status", dataset).stdout
    told = json.loads(run("status", dataset, "--json").stdout)["stale"]
    assert set(told) == {"images", "unchecked", "replaced", "kept"}
    assert {one["source_id"] for one in told["images"]} == persons(dataset)
    assert set(told["images"][0]) == {"image", "source", "source_id", "reason"}


def test_two_runs__each_is_held_against_what_it_rested_on(dataset: Path, source: dict[str, Any]) -> None:
    yolobg.augment(dataset, count=8, **source)
    wrong = persons(dataset)
    name_classes(dataset, "dog", "person")
    yolobg.augment(dataset, count=12, **source)
    name_classes(dataset, "person", "dog")
    assert persons(dataset) == wrong == stale_ids(yolobg.status(dataset).stale)


def test_caption__of_a_class_that_was_added(dataset: Path, tmp_path: Path) -> None:
    source = write_source(tmp_path / "source", {}, {3: "a small zeppelin", 5: "a zebra crossing", 7: "nothing"})
    yolobg.augment(dataset, count=COUNT, **source)
    name_classes(dataset, "dog", "zebra")
    stale = yolobg.status(dataset).stale
    assert [(one.source_id, one.reason) for one in stale.images] == [(5, "a caption names zebra")]
    assert yolobg.augment(dataset, count=COUNT, captions=False, **source).stale == Stale()


@pytest.mark.parametrize(
    ("then", "now", "wrong", "reason"),
    [
        ({}, {"license": "1"}, lambda n: n % 2 == 0, "Attribution-NonCommercial License) is outside --license 1"),
        ({"license": "1,2"}, {"license": "commercial"}, lambda n: n % 2 == 0, "is outside --license commercial"),
        ({"license": "commercial"}, {}, lambda _: False, ""),
        ({}, {"exclude": ("person",)}, lambda n: "person" in HELD.get(n, ()), "contains person"),
        ({"exclude": ("person",)}, {}, lambda _: False, ""),
        ({"map": {"dog": ()}}, {"map": {"dog": ("dog",)}}, lambda n: "dog" in HELD.get(n, ()), "contains dog"),
        ({"map": {"dog": ()}}, {}, lambda _: False, ""),
    ],
)
def test_options__that_are_stricter_than_before(
    dataset: Path, source: dict[str, Any], then: Any, now: Any, wrong: Any, reason: str
) -> None:
    """More is allowed: no word. Status has no options, so it asks what each run was asked."""
    yolobg.augment(dataset, count=14, **source, **then)
    stale = yolobg.augment(dataset, count=14, **source, **now).stale
    assert stale_ids(stale) == {n for n in ids(dataset) if wrong(n)}
    assert bool(stale.images) == bool(reason)
    assert all(reason in one.reason for one in stale.images)
    assert yolobg.status(dataset).stale == Stale()


def test_license__ids_of_one_source_say_nothing_of_another(
    dataset: Path, source: dict[str, Any], tmp_path: Path
) -> None:
    """`commercial` does."""
    yolobg.augment(dataset, count=10, **source)
    other = write_source(tmp_path / "other", {})
    nc = {n for n in ids(dataset) if n % 2 == 0}
    assert yolobg.augment(dataset, count=12, license="1", **other).stale == Stale()
    assert stale_ids(yolobg.augment(dataset, count=12, license="commercial", **other).stale) == nc


# ---------------------------------------------------------------- no false alarm, no silent guess


@pytest.mark.parametrize(
    "names", [("car", "dog"), ("Dog", "car"), ("dog",), ("dogs", "automobile"), ("dog", "car", "CAR")]
)
def test_nothing_relevant_changed__needs_neither_source_nor_catalog(
    dataset: Path, source: dict[str, Any], names: tuple[str, ...]
) -> None:
    name_classes(dataset, "dog", "car")
    yolobg.augment(dataset, count=5, **source)
    shutil.rmtree(source["annotations"].parent)
    clear_cache()
    name_classes(dataset, *names)
    report = yolobg.status(dataset)
    assert (report.stale, [line for line in report.warnings if "recheck" in line]) == (Stale(), [])


def test_class_added__that_none_of_them_holds(dataset: Path, source: dict[str, Any]) -> None:
    yolobg.augment(dataset, count=12, **source)
    name_classes(dataset, "dog", "car")
    assert yolobg.status(dataset).stale == Stale()


def test_class_added__and_the_source_is_gone(dataset: Path, source: dict[str, Any]) -> None:
    """As long as the catalog is in the cache, it tells; without it, that it is not known is said."""
    yolobg.augment(dataset, count=12, **source)
    shutil.rmtree(source["annotations"].parent.parent)
    name_classes(dataset, "dog", "person")
    assert stale_ids(yolobg.status(dataset).stale) == persons(dataset)
    clear_cache()
    report = yolobg.status(dataset)
    (unchecked,) = report.stale.unchecked
    assert report.stale.images == ()
    assert (unchecked.count, unchecked.classes, unchecked.added) == (12, ("dog",), ("person",))
    line = next(line for line in report.warnings if "cannot be checked" in line)
    assert "when the classes were dog; since then added: person" in line
    assert unchecked.reason in line


def test_class_added__whose_source_would_have_to_be_fetched(dataset: Path, source: dict[str, Any]) -> None:
    """`status` does not: any connection that leaves this machine would fail the test."""
    yolobg.augment(dataset, count=12, **source)
    manifest = read_manifest(dataset)
    options = {**manifest.runs[0].options, "annotations": "https://x.test/a/instances_s.json"}
    run = msgspec.structs.replace(manifest.runs[0], options=options)
    write_manifest(dataset, msgspec.structs.replace(manifest, runs=(run,)))
    clear_cache()
    name_classes(dataset, "dog", "person")
    assert [one.reason for one in yolobg.status(dataset).stale.unchecked] == [
        "the catalog of instances_s is not in the cache"
    ]


def test_class_added__that_nothing_is_known_of(dataset: Path, source: dict[str, Any]) -> None:
    yolobg.augment(dataset, count=6, **source)
    name_classes(dataset, "dog", "qwrtzpl")
    (unchecked,) = yolobg.status(dataset).stale.unchecked
    assert (unchecked.count, unchecked.reason) == (6, "qwrtzpl cannot be resolved; say what it stands for with --map")
    assert yolobg.augment(dataset, count=6, map={"qwrtzpl": ()}, **source).stale == Stale()
    wrong = stale_ids(yolobg.augment(dataset, count=6, map={"qwrtzpl": ("pedestrian",)}, **source).stale)
    assert wrong == persons(dataset)


def test_source__that_was_annotated_further(dataset: Path, source: dict[str, Any]) -> None:
    """What it says today counts, for those images that are still in it; a file put in the place of one is another."""
    yolobg.augment(dataset, count=12, **source)
    first, second, *others = sorted(ids(dataset))
    content = json.loads(source["annotations"].read_text())
    content["annotations"] = [{"id": 1, "image_id": others[0], "category_id": 2}]
    content["images"] = [image for image in content["images"] if image["id"] != first]
    source["annotations"].write_text(json.dumps(content))
    picture(source["images"][0] / f"{second}.jpg", 555)
    clear_cache()
    name_classes(dataset, "dog", "person")
    stale = yolobg.status(dataset).stale
    assert stale_ids(stale) == {others[0]}
    assert [(one.count, one.reason) for one in stale.unchecked] == [
        (2, "instances_s has changed since, and they are no longer in it")
    ]


def test_folder__with_names_and_without(dataset: Path, tmp_path: Path) -> None:
    """A folder whose classes have no names leaves out every image with an object, whatever the dataset's classes."""
    for kind in ("images", "labels"):
        (tmp_path / "pool" / kind).mkdir(parents=True)
    for number in range(6):
        picture(tmp_path / f"pool/images/{number}.jpg", number)
        (tmp_path / f"pool/labels/{number}.txt").write_text("1 0.5 0.5 0.2 0.2\n" if number < 2 else "")
    (tmp_path / "pool/data.yaml").write_text("train: images\nval: images\nnames: [dog, person]\n")
    (tmp_path / "bare").mkdir()
    picture(tmp_path / "bare/a.jpg", 77)
    yolobg.augment(dataset, source=str(tmp_path / "bare"), count=1)
    yolobg.augment(dataset, source=str(tmp_path / "pool"), count=7)
    name_classes(dataset, "dog", "person")
    for _ in range(2):
        stale = yolobg.status(dataset).stale
        assert sorted(Path(one.image).name[:9] for one in stale.images) == ["bg_pool_0", "bg_pool_1"]
        assert stale.unchecked == ()
        clear_cache()


def test_labelled_since__is_no_background_any_more(dataset: Path, source: dict[str, Any]) -> None:
    yolobg.augment(dataset, count=12, **source)
    for entry in read_manifest(dataset).entries:
        (dataset / entry.label).write_text("1 0.5 0.5 0.1 0.1\n")
    name_classes(dataset, "dog", "person")
    assert yolobg.status(dataset).stale == Stale()


# ---------------------------------------------------------------- before a training


@pytest.mark.parametrize("linked", [False, True])
def test_hook__warns_before_it_trains_on_them(
    dataset: Path,
    source: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    *,
    linked: bool,
) -> None:
    """Also where the trainer lists the images by another path than ours."""
    yolobg.augment(dataset, count=12, **source)
    seen = dataset
    if linked:
        seen = dataset.with_name("linked")
        seen.symlink_to(dataset, target_is_directory=True)

    def scan(data: DataYaml) -> Inventory:
        return scan_split(data, "train")

    monkeypatch.setattr("yolobg.ultralytics.trainer.scan_as_trained", scan)
    monkeypatch.setattr("yolobg.ultralytics.trainer.logger", lambda: logging.getLogger("stand-in"))
    monkeypatch.setattr("yolobg.ultralytics.trainer.prefix", lambda: "yolobg: ")

    def train(*names: str, count: int = 12) -> list[str]:
        caplog.clear()
        hook = BackgroundHook(count=count, **source)
        split = (str(seen / "images/train"),)
        data = DataYaml(seen / "data.yaml", seen, dict(enumerate(names)), {"train": split, "val": split})
        counts = hook.top_up(data)
        assert counts is None if count > COUNT else counts and counts.backgrounds == count
        return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]

    assert train("dog") == []
    told = f"{len(persons(dataset))} backgrounds added by yolobg no longer qualify"
    for count in (12, 13, COUNT + 1):
        assert any(told in line for line in train("dog", "person", count=count)), count
