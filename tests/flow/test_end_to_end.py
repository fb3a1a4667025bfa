"""The main job on real COCO records: exact counts, nothing excluded let in, nothing of the user's changed."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from image_server import ImageServer
from merging import tree, visible
from real_datasets import CocoReal, make_dataset

import yolobg
from yolobg.flow.selection import backgrounds_needed
from yolobg.model import Counts

CLASS_SETS = (("person",), ("car", "truck", "traffic light"), ("dog", "cat"))
FAULTS = ("unavailable", "reset", "reset_body", "truncate", "html", "damage")


@pytest.fixture
def real(coco_real: Path) -> CocoReal:
    return CocoReal(coco_real)


@pytest.fixture
def server(real: CocoReal) -> Iterator[ImageServer]:
    """COCO's URL layout on loopback."""
    with ImageServer(real.folder / "images") as running:
        yield running


def run(*arguments: str | Path, prefix: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    """The real command in a process of its own."""
    command = [*prefix, sys.executable, "-m", "yolobg", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=100, stdin=subprocess.DEVNULL)


def counts(data_yaml: Path) -> Counts:
    return yolobg.status(data_yaml).after


@pytest.mark.parametrize("faulty", [False, True], ids=["clean", "faulty"])
@pytest.mark.parametrize("ratio", [0.1, 0.3])
@pytest.mark.parametrize("classes", CLASS_SETS, ids="+".join)
def test_augment__on_real_records(
    tmp_path: Path, real: CocoReal, server: ImageServer, classes: tuple[str, ...], ratio: float, faulty: bool
) -> None:
    data_yaml = make_dataset(tmp_path / "data", real, classes)
    before, had = tree(data_yaml.parent), counts(data_yaml)
    needed = backgrounds_needed(had.labelled, 0, ratio=ratio)
    if faulty:
        # One in five first answers, more where so few are asked for that none might be hit.
        server.share, server.first_only, server.kinds = max(0.2, 2 / needed), True, FAULTS
    options = ("--annotations", real.annotations, "--images", f"{server.url}/train2017", "--ratio", str(ratio))

    done = run("augment", data_yaml, *options, "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert len(report["added"]) == needed == report["target"]["needed"]
    after = counts(data_yaml)
    assert (after.labelled, after.backgrounds, after.ours) == (had.labelled, needed, needed)
    assert report["after"]["ratio"] == after.ratio >= ratio
    check_added(data_yaml.parent, real, report, classes)
    assert before.items() <= visible(data_yaml.parent).items(), "something of the user's changed"
    if faulty:
        assert len(server.log) > needed, "no fault was met"

    asked = len(server.log)
    again = run("augment", data_yaml, *options, "--json")
    assert again.returncode == 0
    assert json.loads(again.stdout)["added"] == []
    assert len(server.log) == asked, "a second run asked the host again"

    assert run("remove", data_yaml).returncode == 0
    assert tree(data_yaml.parent) == before


def check_added(root: Path, real: CocoReal, report: dict[str, list[dict[str, str]]], classes: Sequence[str]) -> None:
    """Each added image is the original, holds no excluded class and is no image of the dataset under another name."""
    theirs = {p.read_bytes() for p in root.glob("images/*/*.jpg") if not p.name.startswith("bg_")}
    for added in report["added"]:
        image, label = root / added["image"], root / added["label"]
        assert label.read_bytes() == b""
        original = real.images / f"{int(added['source_id']):012}.jpg"
        assert image.read_bytes() == original.read_bytes()
        assert image.name == f"bg_instances_train2017_{original.name}"
        assert real.holds[int(added["source_id"])].isdisjoint(classes)
        assert image.read_bytes() not in theirs
    told = (root / ".yolobg/ATTRIBUTION.csv").read_text(encoding="utf-8")
    assert told.count("\n") == len(report["added"]) + 1


def test_augment__raising_the_ratio_keeps_what_was_there(tmp_path: Path, real: CocoReal) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for root, ratios in ((first, (0.1, 0.3)), (second, (0.3,))):
        data_yaml = make_dataset(root, real, ("person",))
        for ratio in ratios:
            yolobg.augment(data_yaml, ratio=ratio, annotations=real.annotations, images=[real.images])
    assert {p.name for p in first.glob("images/train/bg_*")} == {p.name for p in second.glob("images/train/bg_*")}


def test_augment__commercial_licences_only(tmp_path: Path, real: CocoReal) -> None:
    data_yaml = make_dataset(tmp_path, real, ("person",))
    report = yolobg.augment(data_yaml, license="commercial", annotations=real.annotations, images=[real.images])
    assert report.added
    assert {added.license for added in report.added} <= {4, 5, 6, 7, 8}
    assert report.source
    assert report.source.non_commercial == 0
    assert report.source.left_out.license > 0


@pytest.mark.parametrize("link", ["copy", "hard", "symlink"])
def test_augment__from_a_folder_by_link(tmp_path: Path, real: CocoReal, link: str) -> None:
    shutil.copytree(real.images, tmp_path / "coco")
    data_yaml = make_dataset(tmp_path / "data", real, ("dog", "cat"))
    before = tree(data_yaml.parent)
    result = run(
        "augment", data_yaml, "--annotations", real.annotations, "--images", tmp_path / "coco", "--link", link, "--json"
    )
    assert result.returncode == 0, result.stderr
    for added in json.loads(result.stdout)["added"]:
        image = data_yaml.parent / added["image"]
        assert image.is_symlink() == (link == "symlink")
        assert (image.stat().st_nlink == 2) == (link == "hard")
    assert run("remove", data_yaml).returncode == 0
    assert tree(data_yaml.parent) == before
    assert len(list((tmp_path / "coco").iterdir())) == 166


def test_augment__a_list_file_split(tmp_path: Path, real: CocoReal, server: ImageServer) -> None:
    data_yaml = make_dataset(tmp_path, real, ("dog", "cat"))
    images = sorted((tmp_path / "images/train").glob("*.jpg"))
    (tmp_path / "train.txt").write_text("\n".join(f"./images/train/{image.name}" for image in images))
    data_yaml.write_text(data_yaml.read_text().replace("train: images/train", "train: train.txt"))
    before = tree(tmp_path)
    report = yolobg.augment(data_yaml, ratio=0.3, annotations=real.annotations, images=[f"{server.url}/train2017"])
    assert counts(data_yaml).backgrounds == len(report.added) == report.target.needed > 0
    assert (tmp_path / "train.txt").read_text().startswith((before["train.txt"] or b"").decode())
    yolobg.remove(data_yaml)
    assert tree(tmp_path) == before


def test_dry_run__touches_nothing(tmp_path: Path, real: CocoReal, server: ImageServer) -> None:
    data_yaml = make_dataset(tmp_path, real, ("person",))
    before = tree(tmp_path)
    result = run("augment", data_yaml, "--annotations", real.annotations, "--images", server.url, "--dry-run", "--json")
    report = json.loads(result.stdout)
    assert result.returncode == 0
    assert report["dry_run"]
    assert report["added"] == []
    assert report["after"]["backgrounds"] == report["target"]["needed"] > 0
    assert tree(tmp_path) == before
    assert not server.log


# ---------------------------------------------------------------- what goes wrong


def check_refused(result: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    assert result.returncode == code, result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
    assert result.stderr.startswith("yolobg: error: ")
    for word in words:
        assert word in result.stderr


@contextlib.contextmanager
def unchanged(root: Path) -> Iterator[None]:
    before = tree(root)
    yield
    assert tree(root) == before


def test_unresolved_class__stops_and_shows_the_line_to_type(
    tmp_path: Path, real: CocoReal, server: ImageServer
) -> None:
    data_yaml = make_dataset(tmp_path, real, ("person",))
    data_yaml.write_text(data_yaml.read_text().replace("0: person", "0: xqzzvrt"))
    with unchanged(tmp_path):
        result = run("augment", data_yaml, "--annotations", real.annotations, "--images", server.url)
        check_refused(result, 4, '--map "xqzzvrt=', '--map "xqzzvrt=none"')
    mapped = run(
        "augment", data_yaml, "--annotations", real.annotations, "--images", f"{server.url}/train2017",
        "--map", "xqzzvrt=person", "--json",
    )  # fmt: skip
    assert mapped.returncode == 0, mapped.stderr
    assert all("person" not in real.holds[added["source_id"]] for added in json.loads(mapped.stdout)["added"])


def test_no_eligible_image__says_why(tmp_path: Path, real: CocoReal) -> None:
    data_yaml = make_dataset(tmp_path, real, ("person",))
    with unchanged(tmp_path):
        result = run("augment", data_yaml, "--annotations", real.annotations, "--images", real.images, "--count", "120")
        check_refused(result, 4, "120", "with an excluded class", "--ratio")


def test_host_down__is_told_in_seconds(tmp_path: Path, real: CocoReal, server: ImageServer) -> None:
    data_yaml = make_dataset(tmp_path, real, ("person",))
    server.die()
    with unchanged(tmp_path):
        result = run("augment", data_yaml, "--annotations", real.annotations, "--images", f"{server.url}/train2017")
        check_refused(result, 5, server.url.removeprefix("http://"))
    server.revive()
    again = run("augment", data_yaml, "--annotations", real.annotations, "--images", f"{server.url}/train2017")
    assert again.returncode == 0, again.stderr


@pytest.mark.parametrize(
    "content",
    [
        None,
        "train: nowhere\nval: nowhere\nnames: [person]",
        *(pytest.param(text, marks=pytest.mark.slow) for text in ("", "a: b", "- 1", "{")),
    ],
)
def test_not_a_dataset__is_told(tmp_path: Path, content: str | None) -> None:
    data_yaml = tmp_path / "data.yaml"
    if content is not None:
        data_yaml.write_text(content)
    with unchanged(tmp_path):
        for command in ("augment", "status", "remove"):
            if command == "remove" and content and "names" in content:
                continue  # there is nothing to take back, wherever its images are
            check_refused(run(command, data_yaml), 3, "data.yaml")


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"images": 3}', "<html>"])
def test_not_a_coco_file__is_told(tmp_path: Path, real: CocoReal, content: str) -> None:
    data_yaml = make_dataset(tmp_path / "data", real, ("person",))
    (tmp_path / "instances.json").write_text(content)
    with unchanged(tmp_path):
        result = run("augment", data_yaml, "--annotations", tmp_path / "instances.json", "--images", tmp_path)
        check_refused(result, 3, "instances.json")


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are told otherwise there")
@pytest.mark.parametrize("where", [".", "images/train", "labels/train"])
def test_read_only_folder__is_told(tmp_path: Path, real: CocoReal, where: str) -> None:
    # Root may write anywhere, so it gives that right away for this one command.
    prefix: list[str] = []
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("as root this needs setpriv")
        prefix = ["setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner"]
    data_yaml = make_dataset(tmp_path, real, ("person",))
    folder = tmp_path / where
    folder.chmod(0o555)
    try:
        before = visible(tmp_path)
        result = run("augment", data_yaml, "--annotations", real.annotations, "--images", real.images, prefix=prefix)
        check_refused(result, 6, str(folder))
        assert visible(tmp_path) == before
    finally:
        folder.chmod(0o755)
