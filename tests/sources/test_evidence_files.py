"""A file of evidence is read as LVIS means it: present, verified to be absent, partly marked; the rest is unknown."""

from __future__ import annotations

import copy
import gzip
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from evidence_data import evidence, write_evidence
from examples import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.make_lvis import make_lvis
from yolobg.errors import AnnotationsError
from yolobg.sources.annotations.evidence import EvidenceRows, read_evidence
from yolobg.sources.cache_folder import cache_folder
from yolobg.sources.catalog.evidence_file import EvidenceFile, build_evidence
from yolobg.sources.catalog.open import cache_entries, clear_cache, open_evidence

Said = tuple[set[tuple[int, int]], set[tuple[int, int]], set[tuple[int, int]]]


def as_lvis_has_it(file: dict[str, Any]) -> Said:
    """(image, category) of lvis-api's `LVISEval._prepare`: what is annotated; `img_nl`; `img_nel`."""
    positives = {(a["image_id"], a["category_id"]) for a in file["annotations"]}
    negatives = {(i["id"], c) for i in file["images"] for c in i["neg_category_ids"]}
    partial = {(i["id"], c) for i in file["images"] for c in i["not_exhaustive_category_ids"]}
    return positives, negatives, partial


def as_we_have_it(file: dict[str, Any], rows: EvidenceRows) -> Said:
    ids = [image["id"] for image in file["images"]]
    present, absent, partial = (
        {(ids[place], category) for category, places in kind.items() for place in places}
        for kind in (rows.present, rows.absent, rows.partial)
    )
    return present, absent, partial


def as_v1(file: dict[str, Any], categories: list[dict[str, Any]]) -> dict[str, Any]:
    """The records as LVIS v1 writes them: its 1,203 categories, and addresses in place of file names."""
    number = {category["synset"]: category["id"] for category in categories}
    v05 = {category["id"]: number.get(category["synset"]) for category in file["categories"]}
    new = copy.deepcopy(file)
    new["categories"] = categories
    for image in new["images"]:
        del image["file_name"]
        for name in ("neg_category_ids", "not_exhaustive_category_ids"):
            image[name] = [v05[c] for c in image[name] if v05[c] is not None]
    new["annotations"] = [a | {"category_id": v05[a["category_id"]]} for a in new["annotations"]]
    new["annotations"] = [a for a in new["annotations"] if a["category_id"] is not None]
    return new


@pytest.mark.parametrize("version", ["v0.5", "v1"])
def test_lvis__means_what_lvis_api_means(real_evidence: Path, tmp_path: Path, version: str) -> None:
    file = json.loads((real_evidence / "lvis_val_100.json").read_text("utf-8"))
    if version == "v1":
        file = as_v1(file, json.loads((real_evidence / "lvis_v1_categories.json").read_text("utf-8")))
    place = tmp_path / "lvis.json"
    place.write_text(json.dumps(file))
    expected = as_lvis_has_it(file)
    assert as_we_have_it(file, read_evidence(place)) == expected
    assert len(expected[0]) > 290
    assert len(expected[1]) > 850
    assert len(expected[2]) > 10
    kept = open_evidence(place)
    names = [image["coco_url"].rpartition("/")[2] for image in file["images"]]
    assert [name.removeprefix("COCO_val2014_") for name in kept.names] == names
    ids = [image["id"] for image in file["images"]]
    categories = [category.id for category in kept.categories]
    assert {(ids[p], c) for c in categories for p in kept.found(c)} == expected[0] | expected[2]
    assert {(ids[p], c) for c in categories for p in kept.absent(c)} == expected[1]
    assert len(kept.synsets) == len(file["categories"])


@settings(max_examples=examples(40), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_kept__says_what_the_file_said(tmp_path: Path, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, 300))
    sets = st.sets(st.integers(0, max(count - 1, 0)), max_size=count)
    kinds: list[dict[int, frozenset[int]]] = [
        {number: frozenset(data.draw(sets)) for number in (1, 7)} for _ in range(3)
    ]
    names = tuple(f"über/{number}.jpg" for number in range(count))
    present, absent, partial = kinds
    free = {number: sorted(images) for number, images in absent.items()}
    rows = EvidenceRows(names, {1: ("dog", ""), 7: ("cat", "cat.n.01")}, present, free, partial)
    path = tmp_path / "evidence.sqlite"
    path.unlink(missing_ok=True)
    build_evidence(path, rows)
    kept = EvidenceFile(path)
    assert tuple(kept.names) == names
    assert kept.synsets == {7: "cat.n.01"}
    for number in (1, 7):
        assert kept.found(number) == rows.present[number] | rows.partial[number]
        assert kept.absent(number) == absent[number]


def test_contradiction__is_a_presence(tmp_path: Path) -> None:
    file = evidence(["dog", "cat"], {"1.jpg": (["dog"], ["dog", "cat"])}, partial={"1.jpg": ["cat"]})
    (tmp_path / "e.json").write_text(json.dumps(file))
    kept = open_evidence(tmp_path / "e.json")
    assert [kept.found(number) for number in (1, 2)] == [frozenset({0}), frozenset({0})]
    assert [kept.absent(number) for number in (1, 2)] == [frozenset(), frozenset()]


def test_file__of_another_project_knows_presences_only(tmp_path: Path) -> None:
    """As Sama-COCO and COCO-ReM are: no lists of negatives, run-length masks, fields that nobody reads."""
    file = evidence(["dog"], {"a\\1.jpg": (["dog"], ())})
    for image in file["images"]:
        del image["neg_category_ids"], image["not_exhaustive_category_ids"]
    file["annotations"][0] |= {"segmentation": {"counts": "abc", "size": [1, 2]}, "iscrowd": 1, "score": None}
    (tmp_path / "e.json.gz").write_bytes(gzip.compress(json.dumps(file).encode()))
    kept = open_evidence(tmp_path / "e.json.gz")
    assert kept.names == ["a/1.jpg"]
    assert (kept.found(1), kept.absent(1)) == (frozenset({0}), frozenset())


def broken(change: Callable[[dict[str, Any]], object]) -> bytes:
    file = evidence(["dog"], {"1.jpg": (["dog"], ()), "2.jpg": ((), ["dog"])})
    change(file)
    return json.dumps(file).encode()


BROKEN: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is empty"),
    "cut": (broken(lambda _f: None)[:-9], "cut short"),
    "captions": (b'{"annotations": [{"image_id": 1, "caption": "a dog"}]}', "captions file"),
    "no images": (b'{"annotations": [], "categories": []}', "images"),
    "no categories": (broken(lambda f: f.update(categories=[], annotations=[])), "categories"),
    "id twice": (broken(lambda f: f["images"].append(f["images"][0])), "images[2].id: 1000 is used twice"),
    "category twice": (broken(lambda f: f["categories"].append(f["categories"][0])), "categories[1].id: 1 is used"),
    "unlisted image": (broken(lambda f: f["annotations"][0].update(image_id=5)), "annotations[0].image_id: 5"),
    "unlisted category": (broken(lambda f: f["annotations"][0].update(category_id=5)), "annotations[0].category_id: 5"),
    "unlisted negative": (broken(lambda f: f["images"][1].update(neg_category_ids=[9])), "images[1].neg_category_ids"),
    "negative as text": (broken(lambda f: f["images"][1].update(neg_category_ids=["dog"])), "neg_category_ids"),
    "no name": (
        broken(lambda f: f["images"][1].update(file_name=None)),
        "images[1] has neither file_name nor coco_url",
    ),
    "half an id": (broken(lambda f: f["categories"][0].update(id=1.5)), "whole number"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_file__that_cannot_be_understood_is_refused_in_words(tmp_path: Path, kind: str) -> None:
    content, told = BROKEN[kind]
    place = tmp_path / "broken.json"
    place.write_bytes(content)
    with pytest.raises(AnnotationsError) as refused:
        open_evidence(place)
    assert told in str(refused.value)
    assert str(place) in str(refused.value)
    assert cache_entries() == ()


def test_cache__keeps_a_file_until_it_changes(tmp_path: Path) -> None:
    place = write_evidence(tmp_path / "e.json", ["dog"], {"1.jpg": (["dog"], ())})
    first = open_evidence(place)
    assert open_evidence(place).path == first.path
    write_evidence(place, ["dog"], {"1.jpg": ((), ["dog"])})
    second = open_evidence(place)
    assert second.key != first.key
    assert second.absent(1) == {0}
    assert [entry.path for entry in cache_entries()] == [second.path]
    assert clear_cache() > 0
    assert not list((cache_folder()).rglob("*.sqlite"))


@pytest.mark.parametrize("kind", ["cut", "garbage", "another version"])
def test_cache__that_is_damaged_is_made_again(tmp_path: Path, kind: str) -> None:
    place = write_evidence(tmp_path / "e.json", ["dog"], {"1.jpg": (["dog"], ())})
    path = open_evidence(place).path
    if kind == "another version":
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA user_version = 99")
        connection.close()
    else:
        path.write_bytes(path.read_bytes()[:3000] if kind == "cut" else b"x" * 9000)
    assert open_evidence(place).found(1) == {0}


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("http://images.cocodataset.org/train2017/000000000009.jpg", "000000000009.jpg"),
        ("https://x.test/a.jpg?size=9#top", "a.jpg"),
        ("https://x.test/b/a%20b.jpg", "a b.jpg"),
        ("a.jpg", "a.jpg"),
    ],
)
def test_image__without_a_file_name_is_called_as_its_address_ends(tmp_path: Path, address: str, name: str) -> None:
    file = evidence(["dog"], {"x.jpg": (["dog"], [])})
    file["images"][0] |= {"file_name": None, "coco_url": address}
    (tmp_path / "evidence.json").write_text(json.dumps(file))
    assert read_evidence(tmp_path / "evidence.json").names == (name,)


@pytest.mark.parametrize("address", ["http://x.test", "http://x.test/b/", "", 7, None])
def test_image__without_any_name_is_refused(tmp_path: Path, address: object) -> None:
    file = evidence(["dog"], {"x.jpg": (["dog"], [])})
    file["images"][0] |= {"file_name": " ", "coco_url": address}
    (tmp_path / "evidence.json").write_text(json.dumps(file))
    with pytest.raises(AnnotationsError, match=r"images\[0\] has neither file_name nor coco_url"):
        read_evidence(tmp_path / "evidence.json")


def test_lvis__as_the_benchmark_makes_it_is_kept_as_it_says(tmp_path: Path) -> None:
    """With the synsets of the real file, and several marks of a class in an image."""
    for file, several in zip(make_lvis(tmp_path, scale=0.002), (True, False), strict=True):
        content = json.loads(file.read_text())
        present, absent, partial = as_lvis_has_it(content)
        assert (len(present) < len(content["annotations"])) == several
        kept, places = open_evidence(file), [image["id"] for image in content["images"]]
        assert len(kept.synsets) == 1203
        found = {(places[place], category) for category in kept.synsets for place in kept.found(category)}
        free = {(places[place], category) for category in kept.synsets for place in kept.absent(category)}
        assert (found, free) == (present | partial, absent - present - partial)
        assert free
