"""`--source openimages`: fetched, verified, credited, replaced and taken back like images of any source."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from coco_server import CocoServer
from open_images_data import Label, image_list, image_name, label_list, serve
from stale_data import ids, make_dataset, name_classes, stale_ids

import yolobg
from yolobg.changes.manifest import read_manifest
from yolobg.changes.review_state import State
from yolobg.errors import PoolError
from yolobg.model import ClassEvidence, no_progress
from yolobg.report.write import rewrite_page
from yolobg.review.apply import apply_review
from yolobg.review.decisions import act
from yolobg.sources.annotations.open_images import FIRST
from yolobg.sources.catalog.open import clear_cache

COUNT = 130
IMAGES = sorted(map(image_name, range(COUNT)))
# The first 20 show what a dog is or may be, of the next 30 somebody says that they show none.
KINDS = ("Dog", "Animal", "Carnivore", "Mammal")
LABELS: list[Label] = [
    *((IMAGES[place], KINDS[place % 4], "1") for place in range(20)),
    *((IMAGES[place], KINDS[place % 4], "0.0") for place in range(20, 50)),
    *((IMAGES[place], "Cat", "1") for place in range(20, 30)),
    *((IMAGES[place], "Raccoon", "0") for place in range(40, 60)),
]
# A cat is an animal, so where both are said the "no" is worth nothing.
VERIFIED = {FIRST + place for place in (20, 24, 28, *range(30, 50))}


@dataclass
class Pool:
    """The dataset and the server of the source."""

    dataset: Path
    server: CocoServer


@pytest.fixture
def pool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pool]:
    with serve(monkeypatch, label_list(LABELS), image_list(IMAGES), IMAGES) as server:
        yield Pool(make_dataset(tmp_path / "data"), server)


def files_in(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_augment__fetches_merges_credits_and_takes_back_a_hundred(pool: Pool) -> None:
    before = files_in(pool.dataset)
    planned = yolobg.plan(pool.dataset, count=100, source="openimages").report
    assert planned.source is not None
    assert (planned.source.images, planned.source.eligible, planned.source.expected_contamination) == (130, 110, None)
    assert any("--verified takes only" in warning for warning in planned.warnings)
    report = yolobg.augment(pool.dataset, count=100, source="openimages")
    assert (len(report.added), report.failed) == (100, ())
    assert {one.source_id for one in report.added} == {one.source_id for one in planned.planned}
    assert not ids(pool.dataset) & {FIRST + place for place in range(20)}
    with (pool.dataset / ".yolobg" / "ATTRIBUTION.csv").open(encoding="utf-8", newline="") as file:
        rows = {int(row["source_id"]) - FIRST: row for row in csv.DictReader(file)}
    assert len(rows) == 100
    for place, row in rows.items():
        assert row["author"] == f"Zoë {place}"
        assert row["title"] == f'A "fine" day, {place}'
        assert row["flickr_url"] == f"https://www.flickr.com/photos/someone/{place}"
        assert (row["license"], row["license_url"]) == ("CC BY 2.0", "https://creativecommons.org/licenses/by/2.0/")
        assert row["image"] == f"images/train/bg_openimages_{IMAGES[place]}.jpg"
    page = (pool.dataset / ".yolobg" / "report.html").read_text("utf-8")
    assert "CC BY 2.0" in page
    hits = len(pool.server.hits)
    assert yolobg.augment(pool.dataset, count=100, source="openimages").added == ()
    rewrite_page(pool.dataset)
    assert len(pool.server.hits) == hits
    yolobg.remove(pool.dataset)
    assert {
        name: content for name, content in files_in(pool.dataset).items() if not name.startswith(".yolobg")
    } == before


def test_verified__takes_only_what_somebody_says_is_free_of_the_class(pool: Pool) -> None:
    yolobg.augment(pool.dataset, count=23, source="openimages", verified=True)
    assert ids(pool.dataset) == VERIFIED
    basis = read_manifest(pool.dataset).runs[-1].basis
    assert basis is not None
    assert basis.evidence == {"dog": (23, 87, 0)}
    with pytest.raises(PoolError, match=r"87 are not verified .*dog: 23"):
        yolobg.augment(pool.dataset, count=24, source="openimages", verified=True)


def test_verified__of_several_classes_needs_a_label_for_each(pool: Pool) -> None:
    name_classes(pool.dataset, "dog", "raccoon")
    said = {m.name: m.evidence for m in yolobg.plan(pool.dataset, count=1, source="openimages").report.classes}
    assert said == {"dog": ClassEvidence(23, 87, 0), "raccoon": ClassEvidence(28, 82, 0)}
    yolobg.augment(pool.dataset, count=1, source="openimages", verified=True)
    assert ids(pool.dataset) <= VERIFIED


def test_review__replaces_by_a_verified_one(pool: Pool) -> None:
    yolobg.augment(pool.dataset, count=22, source="openimages", verified=True)
    wrong = read_manifest(pool.dataset).entries[0]
    apply_review(
        pool.dataset, act(State(), "reject", [wrong.image], reason="other"), replace_them=True, progress=no_progress
    )
    assert ids(pool.dataset) == VERIFIED - {wrong.source_id}


def test_recheck__replaces_what_shows_a_class_that_was_added(pool: Pool) -> None:
    yolobg.augment(pool.dataset, count=60, source="openimages")
    cats = ids(pool.dataset) & {FIRST + place for place in range(20, 30)}
    assert cats
    name_classes(pool.dataset, "dog", "cat")
    assert stale_ids(yolobg.status(pool.dataset).stale) >= cats
    yolobg.augment(pool.dataset, count=60, source="openimages", recheck=True)
    assert not ids(pool.dataset) & cats
    assert len(ids(pool.dataset)) == 60


def test_status__fetches_nothing_where_the_lists_are_gone(pool: Pool) -> None:
    yolobg.augment(pool.dataset, count=5, source="openimages")
    clear_cache()
    hits = len(pool.server.hits)
    name_classes(pool.dataset, "dog", "cat")
    assert yolobg.status(pool.dataset).stale.unchecked
    rewrite_page(pool.dataset)
    assert len(pool.server.hits) == hits


def test_train__replaces_what_the_bucket_lacks_and_stays_apart_from_what_is_measured_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, many = make_dataset(tmp_path / "data"), [*IMAGES, *map(image_name, range(COUNT, 330))]
    there = [image for place, image in enumerate(many) if place % 5 or place < COUNT]
    # A list of the training images that names the validation images too; the bucket lacks some of the others.
    with serve(monkeypatch, label_list(LABELS), image_list(many), there, train=True) as server:
        monkeypatch.setattr("yolobg.sources.resolve.image_bases", lambda _part: (f"{server.url}/train",))
        report = yolobg.augment(dataset, count=25, source="openimages-train")
        assert len(report.added) == 25
        assert any(path.startswith("/train/") and path[7:23] not in there for path, _ in server.hits)
        assert {Path(one.image).name[3:20] for one in report.added} == {"openimages-train_"}
    with serve(monkeypatch, label_list(LABELS), image_list(many)):
        found = yolobg.evaluate(dataset, split="train", backgrounds="openimages-val", dry_run=True).backgrounds
    assert found.left_out["in_dataset"] == 25


def test_evaluate__on_its_images_uses_none_with_the_class_and_none_that_was_added(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, many = make_dataset(tmp_path / "data"), [*IMAGES, *map(image_name, range(COUNT, 330))]
    with serve(monkeypatch, label_list(LABELS), image_list(many), many):
        yolobg.augment(dataset, count=25, source="openimages")
        found = yolobg.evaluate(dataset, split="train", backgrounds="openimages-val", dry_run=True).backgrounds
    assert (found.images, found.left_out["in_dataset"], sum(found.left_out.values())) == (285, 25, 45)
