"""A source whose annotations and images are in an object store: chosen, fetched, checked and recorded as any other."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from format_data import picture

import yolobg
from yolobg.changes.manifest import read_manifest
from yolobg.errors import DownloadError, UsageError

pytest.importorskip("fsspec", reason="object stores are read through fsspec, which is not a dependency")
from object_store import serving

PLACES: dict[str, Any] = {
    "annotations": "s3://bucket/my pool/instances.json",
    "images": ("s3://bucket/my pool/images/",),
}


@pytest.fixture
def objects(tmp_path: Path, private_places: Path) -> dict[str, bytes]:
    """Eight images, of which the first shows a zebra, and annotations that name them."""
    found: dict[str, bytes] = {}
    records = []
    for number in range(1, 9):
        size = picture(tmp_path / "x.jpg", number)
        found[f"bucket/my pool/images/no. {number}.jpg"] = (tmp_path / "x.jpg").read_bytes()
        records.append({"id": number, "file_name": f"no. {number}.jpg", "width": size[0], "height": size[1]})
    annotations = [{"image_id": 1, "category_id": 1}]
    told = {"images": records, "annotations": annotations, "categories": [{"id": 1, "name": "zebra"}]}
    return {**found, "bucket/my pool/instances.json": json.dumps(told).encode()}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for kind in ("images", "labels"):
        (tmp_path / "data" / kind / "train").mkdir(parents=True)
    picture(tmp_path / "data/images/train/one.jpg", 100)
    (tmp_path / "data/labels/train/one.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    (tmp_path / "data/data.yaml").write_text("train: images/train\nval: images/train\nnames: [zebra]\n")
    return tmp_path / "data/data.yaml"


def tree(root: Path) -> dict[str, bytes]:
    files = (path for path in root.rglob("*") if path.is_file() and ".yolobg" not in path.parts)
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


def test_augment__takes_checked_images_from_a_store_and_remove_takes_them_back(
    data: Path, objects: dict[str, bytes]
) -> None:
    before = tree(data.parent)
    with serving(objects) as store:
        planned = yolobg.plan(data, count=7, **PLACES)
        assert tree(data.parent) == before
        # Each kind of damage once; the next try is good.
        good = objects["bucket/my pool/images/no. 2.jpg"]
        store.faults["/bucket/my pool/images/no. 2.jpg"] = [good[:-10] + bytes(10)]
        store.faults["/bucket/my pool/images/no. 3.jpg"] = [OSError(16, "slow down"), b""]
        report = yolobg.augment(data, count=7, **PLACES)
        read = [path for path, _, _ in store.asked]
    assert sorted(one.source_id for one in report.added) == list(range(2, 9))
    assert not planned.report.added
    assert {one.url for one in report.added} == {f"s3://bucket/my pool/images/no. {n}.jpg" for n in range(2, 9)}
    for one in report.added:
        assert (data.parent / one.image).read_bytes() == objects[one.url.removeprefix("s3://")]
    # The image that shows the class was never asked for; the damaged ones once more, or twice.
    assert "/bucket/my pool/images/no. 1.jpg" not in read
    assert [read.count(f"/bucket/my pool/images/no. {number}.jpg") for number in (2, 3, 4)] == [2, 3, 1]
    manifest = read_manifest(data.parent.resolve())
    assert {entry.link for entry in manifest.entries} == {"copy"}
    assert manifest.runs[0].options["annotations"] == PLACES["annotations"]
    yolobg.remove(data)
    assert tree(data.parent) == before


def test_augment__continues_from_what_was_recorded(data: Path, objects: dict[str, bytes]) -> None:
    with serving(objects):
        plan = yolobg.plan(data, count=3, **PLACES)
        plan.save(data.parent / "plan.json")
        loaded = yolobg.Plan.load(data.parent / "plan.json", data)
        assert len(yolobg.carry_out(loaded).added) == 3
        # A zip in a store is read as one on a server is: its directory, then the member.
        (data.parent / "a.zip").unlink(missing_ok=True)
        with zipfile.ZipFile(data.parent / "a.zip", "w") as packed:
            packed.writestr("deep/instances.json", objects["bucket/my pool/instances.json"])
    with serving({**objects, "bucket/a.zip": (data.parent / "a.zip").read_bytes()}):
        report = yolobg.augment(data, count=5, annotations="s3://bucket/a.zip", images=PLACES["images"])
    assert len(report.added) == 2


@pytest.mark.parametrize(
    ("change", "error", "word"),
    [
        ({"annotations": "s3://bucket/none.json"}, DownloadError, "404"),
        ({"images": ("s3://elsewhere/images",)}, DownloadError, "404"),
        ({"annotations": "s3://bucket/instances.json?sig=s3cr3t"}, UsageError, "without user name or query"),
        ({"images": ("az://me:s3cr3t@account/images",)}, UsageError, "without user name or query"),
        ({"images": ("s3:///images",)}, UsageError, "BUCKET"),
    ],
)
def test_augment__says_what_is_wrong_with_an_address(
    data: Path, objects: dict[str, bytes], change: dict[str, Any], error: type[Exception], word: str
) -> None:
    before = tree(data.parent)
    with serving(objects), pytest.raises(error, match=word) as caught:
        yolobg.augment(data, count=5, **{**PLACES, **change})
    assert "s3cr3t" not in str(caught.value)
    assert tree(data.parent) == before


def test_source__of_a_store_is_answered_in_words(data: Path) -> None:
    with pytest.raises(UsageError, match="--annotations FILE_OR_URL --images URL"):
        yolobg.augment(data, count=1, source="s3://bucket/images")
