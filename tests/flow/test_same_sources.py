"""Sources that are called alike are told apart, and one source under another name is known: the content decides."""

from __future__ import annotations

import json
import shutil
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from few_threads import allow_threads
from format_data import picture
from image_server import ImageServer
from merging import tree

import yolobg
from yolobg.changes.manifest import read_manifest
from yolobg.changes.rejections import Rejection, read_rejections, remember
from yolobg.errors import PoolError, YolobgError
from yolobg.flow.duplicates import Recorded
from yolobg.flow.same_pictures import same_pictures
from yolobg.model import ImageRecord, Origin
from yolobg.review.session import Session

EACH = 6


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    for kind in ("images", "labels"):
        (tmp_path / "data" / kind / "train").mkdir(parents=True)
    picture(tmp_path / "data/images/train/one.jpg", 100)
    (tmp_path / "data/labels/train/one.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    (tmp_path / "data/data.yaml").write_text("train: images/train\nval: images/train\nnames: [zebra]\n")
    return tmp_path / "data"


def fill(folder: Path, first: int) -> Path:
    """Frames of one day; the names are those of any other day."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(EACH):
        picture(folder / f"frame_{number:04d}.jpg", first + number)
    return folder


def export(root: Path, first: int) -> dict[str, Any]:
    """What an annotation tool exports of one task: the name of the file, the ids and the file names are of any task."""
    fill(root / "images", first)
    images = [{"id": n + 1, "file_name": f"frame_{n:04d}.jpg"} for n in range(EACH)]
    content = {"images": images, "annotations": [], "categories": [{"id": 1, "name": "zebra"}]}
    (root / "annotations").mkdir()
    (root / "annotations/instances_default.json").write_text(json.dumps(content))
    return {"annotations": root / "annotations/instances_default.json", "images": (root / "images",)}


def contents(dataset: Path) -> set[bytes]:
    return {path.read_bytes() for path in dataset.glob("images/train/bg_*")}


def test_augment__folders_called_alike_give_all_their_images(dataset: Path, tmp_path: Path) -> None:
    before = tree(dataset)
    days = [fill(tmp_path / f"day{day}/images", 10 * day) for day in (1, 2, 3)]
    for number, day in enumerate(days, 1):
        report = yolobg.augment(dataset, source=str(day), count=number * EACH)
        assert report.source is not None
        assert (len(report.added), report.source.eligible, report.source.left_out.in_dataset) == (EACH, EACH, 0)
    assert contents(dataset) == {path.read_bytes() for day in days for path in day.iterdir()}
    yolobg.remove(dataset)
    assert tree(dataset) == before


def test_augment__copies_within_one_source_are_not_said_to_be_in_the_dataset(dataset: Path, tmp_path: Path) -> None:
    folder = fill(tmp_path / "camera", 10)
    for name in ("copy.jpg", "other.jpg"):
        shutil.copy(folder / "frame_0002.jpg", folder / name)
    few = (
        r"only 6 eligible images of the source are not in the dataset already; 2 more are the same as another one\. Ask"
    )
    with pytest.raises(PoolError, match=few):
        yolobg.augment(dataset, source=str(folder), count=EACH + 1)
    report = yolobg.augment(dataset, source=str(folder), count=EACH)
    assert len(contents(dataset)) == len(report.added) == EACH
    assert report.source is not None
    assert (report.source.left_out.in_dataset, report.failed) == (0, ())
    assert report.source.eligible + report.source.left_out.repeated == EACH + 2


def test_augment__exports_that_differ_in_their_images_only(dataset: Path, tmp_path: Path) -> None:
    tasks = [export(tmp_path / f"task{task}", 10 * task) for task in (1, 2, 3)]
    assert len({task["annotations"].read_bytes() for task in tasks}) == 1
    for number, task in enumerate(tasks, 1):
        assert len(yolobg.augment(dataset, count=number * EACH, **task).added) == EACH
    assert len(contents(dataset)) == 3 * EACH


def test_augment__a_folder_that_was_filled_anew(dataset: Path, tmp_path: Path) -> None:
    folder = fill(tmp_path / "camera", 10)
    yolobg.augment(dataset, source=str(folder), count=EACH)
    fill(folder, 30)
    assert len(yolobg.augment(dataset, source=str(folder), count=2 * EACH).added) == EACH
    assert len(contents(dataset)) == 2 * EACH


def test_plan__knows_a_source_that_was_moved_or_renamed(dataset: Path, tmp_path: Path) -> None:
    task = export(tmp_path / "task", 10)
    yolobg.augment(dataset, count=4, **task)
    shutil.copytree(tmp_path / "task", tmp_path / "elsewhere")
    other = tmp_path / "elsewhere/annotations/other.json"
    (tmp_path / "elsewhere/annotations/instances_default.json").rename(other)
    moved: dict[str, Any] = {"annotations": other, "images": (tmp_path / "elsewhere/images",)}
    report = yolobg.plan(dataset, count=EACH, **moved).report
    assert report.source is not None
    assert (report.source.eligible, report.source.left_out.in_dataset) == (EACH - 4, 4)
    with pytest.raises(PoolError, match="4 in the dataset already"):
        yolobg.plan(dataset, count=EACH + 1, **moved)


def test_augment__asks_a_host_for_no_image_twice(dataset: Path, tmp_path: Path) -> None:
    """And a folder with the same images is known by their content, whichever of the two came first."""
    task = export(tmp_path / "task", 10)
    images = {f"/a/{path.name}": path.read_bytes() for path in (tmp_path / "task/images").iterdir()}
    with ImageServer(images) as server:
        remote = {**task, "images": (f"{server.url}/a",)}
        yolobg.augment(dataset, count=2, **remote)
        report = yolobg.augment(dataset, count=4, **remote)
        assert report.source is not None
        assert report.source.left_out.in_dataset == 2
        assert (len(server.hits), set(server.hits.values())) == (4, {1})
        report = yolobg.augment(dataset, count=5, **task)
        assert report.source is not None
        assert report.source.left_out.in_dataset == 4
        yolobg.augment(dataset, count=6, **remote)
    assert contents(dataset) == set(images.values())


def test_rejected__in_one_source_is_not_rejected_in_another_of_its_name(dataset: Path, tmp_path: Path) -> None:
    days = [fill(tmp_path / f"day{day}/images", 10 * day) for day in (1, 2)]
    yolobg.augment(dataset, source=str(days[0]), count=EACH)
    session = Session(dataset)
    session.act("reject", list(session.items), "other")
    session.begin_apply()
    session.apply(replace=False)
    assert len(read_rejections(dataset).ours) == EACH
    with pytest.raises(PoolError, match="6 in the dataset already or rejected"):
        yolobg.augment(dataset, source=str(days[0]), count=1)
    assert len(yolobg.augment(dataset, source=str(days[1]), count=EACH).added) == EACH


def test_apply__replaces_from_the_folder_that_was_the_source(dataset: Path, tmp_path: Path) -> None:
    folder = fill(tmp_path / "day1/images", 10)
    yolobg.augment(dataset, source=str(folder), count=2)
    before = contents(dataset)
    session = Session(dataset)
    session.act("reject", list(session.items), "other")
    session.begin_apply()
    session.apply(replace=True)
    after = contents(dataset)
    assert (len(after), before & after) == (2, set())
    assert after <= {path.read_bytes() for path in folder.iterdir()}


def test_remember__keeps_both_of_one_id(tmp_path: Path) -> None:
    (tmp_path / ".yolobg").mkdir()
    both = [Rejection("images", 1, f"images/train/bg_{n}.jpg", "train", str(n) * 64, "any", "") for n in (1, 2)]
    for rejection in (*both, both[0]):
        remember(tmp_path, [rejection])
    assert set(read_rejections(tmp_path).ours) == set(both)


def test_entries__of_runs_in_one_second_have_runs_of_their_own(dataset: Path, tmp_path: Path) -> None:
    for number, task in enumerate([export(tmp_path / f"task{task}", 10 * task) for task in (1, 2)], 1):
        yolobg.augment(dataset, count=number, report=False, **task)
    entries = read_manifest(dataset).entries
    assert len({entry.added for entry in entries}) == len(entries) == 2


def record(number: int, name: str) -> ImageRecord:
    return ImageRecord(number, name, 64, 48)


def test_same_pictures__by_content_where_they_lie_here(tmp_path: Path) -> None:
    """A size that is equal is not enough, and an address says nothing of a file that lies here."""
    for name, content in (("a.bmp", b"first"), ("b.bmp", b"other"), ("c.bmp", b"third, longer")):
        (tmp_path / name).write_bytes(content)
    known = {n: [Recorded(sha256(b"first").hexdigest(), 5, "https://x.test/b.bmp")] for n in (1, 2, 3, 4)}
    known[5] = [Recorded(sha256(b"other").hexdigest(), None, "")]
    records = [record(1, "a.bmp"), record(2, "b.bmp"), record(3, "c.bmp"), record(4, "gone.bmp"), record(5, "b.bmp")]
    assert same_pictures(records, known, Origin("x", (tmp_path,), ("https://x.test",)), catalog="") == {1, 5}


def test_same_pictures__by_the_whole_address_where_they_do_not() -> None:
    known = {n: [Recorded("0" * 64, 5, f"https://x.test/day1/{n}%20.jpg")] for n in (1, 2)}
    records = [record(1, "1 .jpg"), record(2, "2 .jpg")]

    def found(base: str) -> set[int]:
        return same_pictures(records, known, Origin("x", (), (base,)), catalog="")

    assert found("https://x.test/day1") == found("https://x.test/day1?signature=1") == {1, 2}
    assert found("https://x.test/day2") == found("https://y.test/day1") == set()
    assert (
        same_pictures([record(1, "../day1/1 .jpg")], known, Origin("x", (), ("https://x.test/day2",)), catalog="")
        == set()
    )


def test_same_pictures__with_the_threads_that_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.bmp").write_bytes(b"first")
    known = {n: [Recorded(sha256(b"first").hexdigest(), 5, "")] for n in (1, 2)}

    def found() -> set[int]:
        return same_pictures([record(n, "a.bmp") for n in (1, 2)], known, Origin("x", (tmp_path,)), catalog="")

    allow_threads(1, monkeypatch)
    assert found() == {1, 2}
    with pytest.raises(YolobgError, match="cannot start more threads"):
        found()


def test_same_pictures__by_the_same_annotations_and_one_of_their_addresses() -> None:
    """So that a host that redirects is not asked for all of them again."""
    known = {1: [Recorded("0" * 64, 5, "https://cdn.test/zz", "0123456789abcdef", ("https://x.test/day1", "/frames"))]}

    def found(catalog: str, *bases: str) -> set[int]:
        return same_pictures([record(1, "1.jpg")], known, Origin("x", (), bases), catalog=catalog)

    assert found("0123456789abcdef", "https://y.test", "https://u:p@x.test/day1?signature=1") == {1}
    assert found("0123456789abcdef", "https://x.test/day2") == found("0123456789abcdef") == set()
    assert found("fedcba9876543210", "https://x.test/day1") == found("", "https://x.test/day1") == set()
