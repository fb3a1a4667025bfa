"""A dataset that was opened: one view of its list files, read when it is needed and not before."""

from __future__ import annotations

from pathlib import Path

import pytest
from inventories import make
from merging import Place, stage

import yolobg
from yolobg.changes.manifest import read_manifest, write_manifest
from yolobg.changes.records import Manifest
from yolobg.dataset import dataset as opened
from yolobg.dataset.dataset import open_dataset


def listed(root: Path) -> Path:
    """A dataset whose training images are named by a list file; `images/b` is a folder that it does not name."""
    make(root, images=["images/a/1.jpg", "images/b/2.jpg"])
    (root / "data.yaml").write_text("names: [cat]\ntrain: train.txt\nval: images/a\n")
    (root / "train.txt").write_text("./images/a/1.jpg\n")
    return root


def test_homes__are_read_once_and_anew_when_it_is_opened_again(tmp_path: Path) -> None:
    root = listed(tmp_path.resolve())
    dataset = open_dataset(root)
    assert dataset.homes == (root / "images/a", root / "train.txt")
    (root / "train.txt").write_text("./images/b/2.jpg\n")
    assert dataset.homes == (root / "images/a", root / "train.txt")
    assert open_dataset(dataset.data).homes == (root / "images/a", root / "images/b", root / "train.txt")


def test_also__adds_homes_and_reads_nothing_again(tmp_path: Path) -> None:
    root = listed(tmp_path.resolve())
    dataset = open_dataset(root)
    homes = dataset.homes
    (root / "train.txt").unlink()
    wider = dataset.also(root).also(root / "more")
    assert wider.homes == (*homes, root, root / "more")
    assert dataset.homes == homes
    assert (wider.data, wider.root, wider.name) == (dataset.data, dataset.root, "data.yaml")


def test_status_and_a_run_with_nothing_to_do__read_no_homes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = listed(tmp_path)
    monkeypatch.setattr(opened, "_find_homes", lambda _data: pytest.fail("the homes were asked for"))
    assert yolobg.status(root).after.images == 1
    assert yolobg.augment(root, count=0).added == ()


def test_carry_out__finishes_a_run_by_what_the_lists_say_then(tmp_path: Path) -> None:
    """The folder of an interrupted run became one of the dataset after the plan was made, so nothing is taken back."""
    root = listed(tmp_path.resolve())
    place = Place(root, root / "images/b", None)
    write_manifest(root, Manifest(pending=stage(place, range(10, 12))))
    plan = yolobg.plan(root, count=0)
    assert root / "images/b" not in plan.dataset.homes
    (root / "train.txt").write_text("./images/a/1.jpg\n./images/b/2.jpg\n")
    yolobg.carry_out(plan)
    assert read_manifest(root).pending is None
    assert {file.name for file in (root / "images/b").iterdir()} == {"2.jpg", "bg_demo_10.jpg", "bg_demo_11.jpg"}
