"""The index of COCO train2017 that ships with yolobg, against published counts and real records."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from machine import run_inside

from yolobg.errors import AnnotationsError
from yolobg.sources.annotations.read import ReadInstances
from yolobg.sources.catalog import shipped_index
from yolobg.sources.catalog.build import build_catalog
from yolobg.sources.catalog.build_index import build_index
from yolobg.sources.catalog.catalog import Catalog
from yolobg.sources.catalog.gaps import encode_gaps
from yolobg.sources.catalog.index_check import index_differences
from yolobg.sources.catalog.open import open_catalog
from yolobg.sources.catalog.shipped_index import CATEGORIES, load_index, read_index
from yolobg.sources.location import COCO2017_INDEX, parse_source

# `len(getImgIds(catIds=[id]))` of pycocotools on instances_train2017.json.
PUBLISHED = {
    1: 64115, 2: 3252, 3: 12251, 4: 3502, 5: 2986, 6: 3952, 7: 3588, 8: 6127, 9: 3025, 10: 4139, 11: 1711, 13:
    1734, 14: 705, 15: 5570, 16: 3237, 17: 4114, 18: 4385, 19: 2941, 20: 1529, 21: 1968, 22: 2143, 23: 960, 24:
    1916, 25: 2546, 27: 5528, 28: 3968, 31: 6841, 32: 3810, 33: 2402, 34: 2184, 35: 3082, 36: 1654, 37: 4262, 38:
    2261, 39: 2506, 40: 2629, 41: 3476, 42: 3486, 43: 3394, 44: 8501, 46: 2533, 47: 9189, 48: 3555, 49: 4326, 50:
    3529, 51: 7111, 52: 2243, 53: 1586, 54: 2365, 55: 1699, 56: 1939, 57: 1683, 58: 1222, 59: 3166, 60: 1523, 61:
    2925, 62: 12774, 63: 4423, 64: 4452, 65: 3682, 67: 11837, 70: 3353, 72: 4561, 73: 3524, 74: 1876, 75: 3076,
    76: 2115, 77: 4803, 78: 1547, 79: 2877, 80: 217, 81: 4678, 82: 2360, 84: 5332, 85: 4659, 86: 3593, 87: 947,
    88: 2140, 89: 189, 90: 1007
}  # fmt: skip
IMAGES, WITHOUT_OBJECTS, PAIRS = 118_287, 1_021, 342_996


def test_index__has_the_published_counts_of_all_categories() -> None:
    index = read_index()
    assert {category: len(images) for category, images in index.holders.items()} == PUBLISHED
    assert index.categories == CATEGORIES
    assert len(CATEGORIES) == 80
    assert len(index.images) == IMAGES
    assert sum(PUBLISHED.values()) == PAIRS
    assert IMAGES - len(frozenset().union(*index.holders.values())) == WITHOUT_OBJECTS
    assert [image.id for image in index.images] == sorted({image.id for image in index.images})


def test_index__agrees_with_real_records(coco_real: Path) -> None:
    raw = json.loads((coco_real / "annotations/instances_train2017.json").read_text())
    held: dict[int, set[int]] = {image["id"]: set() for image in raw["images"]}
    for annotation in raw["annotations"]:
        held[annotation["image_id"]].add(annotation["category_id"])
    index = read_index()
    names = {image.id: image.file_name for image in index.images}
    assert {image["id"]: image["file_name"] for image in raw["images"]}.items() <= names.items()
    place = {image.id: position for position, image in enumerate(index.images)}
    for image, categories in held.items():
        assert {c for c, images in index.holders.items() if place[image] in images} == categories, image


def test_catalog__of_the_index_is_made_once_and_without_the_network() -> None:
    with open_catalog(COCO2017_INDEX) as catalog:
        path = catalog.path
        assert catalog.images == IMAGES
        assert not catalog.has_captions
        assert catalog.licenses == ()
        assert catalog.contains(9) == ("bowl", "orange", "broccoli")
        assert len(catalog.eligible(["person"]).ids) == IMAGES - PUBLISHED[1]
        assert len(catalog.eligible(list(CATEGORIES.values())).ids) == WITHOUT_OBJECTS
        (record,) = catalog.records([9])
    assert (record.file_name, record.width, record.license) == ("000000000009.jpg", 0, None)
    made = path.stat().st_mtime_ns
    with open_catalog(COCO2017_INDEX) as catalog:
        assert catalog.path == path
    assert path.stat().st_mtime_ns == made


def test_catalog__of_the_index_is_what_an_instances_file_would_give(tmp_path: Path) -> None:
    build_index(tmp_path / "index.sqlite", load_index())
    index = read_index()
    build_catalog(tmp_path / "file.sqlite", ReadInstances(index.images, lambda: index), None)
    found = []
    for name in ("index", "file"):
        with contextlib.closing(sqlite3.connect(tmp_path / f"{name}.sqlite")) as connection:
            tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master ORDER BY name")]
            found.append({table: connection.execute(f"SELECT * FROM {table}").fetchall() for table in tables})
    assert found[0].keys() >= {"image", "contains", "mask", "meta", "license"}
    assert len(found[0]["image"]) == IMAGES
    for table, rows in found[0].items():
        assert sorted(rows) == sorted(found[1][table]), table


def catalog_of(tmp_path: Path, change: Callable[[dict[int, set[int]]], object]) -> Catalog:
    """A catalog of an annotations file that says what the index says, after a change."""
    index = read_index()
    held: dict[int, set[int]] = {image.id: set() for image in index.images}
    for category, places in index.holders.items():
        for place in places:
            held[index.images[place].id].add(category)
    change(held)
    file = tmp_path / "instances_train2017.json"
    annotations = [{"image_id": image, "category_id": c} for image, found in held.items() for c in found]
    images = [{"id": image, "file_name": f"{image:012d}.jpg"} for image in held]
    categories = [{"id": number, "name": name} for number, name in CATEGORIES.items()]
    file.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    return open_catalog(parse_source(str(file)))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(lambda held: None, "", marks=pytest.mark.slow),
        (lambda held: held[9].add(1), "1 image with other categories, for example 000000000009 (person)"),
        pytest.param(
            lambda held: (held[9].clear(), held[25].clear()), "2 images with other categories", marks=pytest.mark.slow
        ),
        pytest.param(lambda held: held.pop(9), "it has 1 image that they lack", marks=pytest.mark.slow),
        pytest.param(lambda held: held.update({8: {1}}), "lacks 1 that they have", marks=pytest.mark.slow),
    ],
    ids=["none", "one more", "none left", "image gone", "image more"],
)
def test_differences__to_annotations_are_found(
    change: Callable[[dict[int, set[int]]], object], said: str, tmp_path: Path
) -> None:
    with catalog_of(tmp_path, change) as catalog:
        found = index_differences(catalog)
    assert said in found
    assert bool(said) == bool(found)


@pytest.mark.slow
def test_cache_build__compares_the_index_with_what_it_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for change, warns in ((lambda held: held[9].add(1), True), (lambda held: None, False)):
        folder = tmp_path / str(warns)
        folder.mkdir()
        catalog = catalog_of(folder, change)
        monkeypatch.setattr("yolobg.sources.catalog.open.open_catalog", lambda *_, catalog=catalog, **__: catalog)
        told = run_inside("cache", "build")
        assert told.code == 0, told.stderr
        assert "118,287 images in 80 categories are ready" in told.stdout
        assert ("000000000009 (person)" in told.stderr) == warns


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[1:],
        lambda data: data[:-9],
        lambda data: data[:99] + bytes([data[99] ^ 255]) + data[100:],
        lambda data: b"",
    ],
    ids=["other start", "cut", "changed", "empty"],
)
def test_index__that_is_damaged_is_refused(
    damage: Callable[[bytes], bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "index.bin"
    place.write_bytes(damage(shipped_index.FILE.read_bytes()))
    monkeypatch.setattr(shipped_index, "FILE", place)
    with pytest.raises(AnnotationsError, match=r"index\.bin.*install yolobg again"):
        read_index()


def test_gaps__of_any_size_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [0, 1, 128, 255, 16_383, 16_384, 2**40]
    gaps = encode_gaps(after - before for before, after in zip([0, *ids], ids, strict=False))
    lists = b"\xff".join(b"\0" if number % 2 else b"" for number in range(len(ids)))
    place = tmp_path / "index.bin"
    body = bytes([80, *CATEGORIES]) + len(gaps).to_bytes(4, "little") + gaps + lists
    place.write_bytes(shipped_index.MAGIC + zlib.compress(body))
    monkeypatch.setattr(shipped_index, "FILE", place)
    index = read_index()
    assert [image.id for image in index.images] == ids
    assert index.holders[1] == {1, 3, 5}
