"""Frames of videos wait for a look, as images that a model chose do; what a person put into a folder does not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from command_line import run
from merging import tree, visible
from proposing import apply, reviewed
from videos import MP4_HEAD, PLAYS, pattern, posix_script, read_by_name, stand_in

import yolobg
from yolobg.api import propose
from yolobg.changes.manifest import read_manifest
from yolobg.changes.proposals import read_proposal
from yolobg.changes.rejections import read_rejections
from yolobg.errors import MergeError
from yolobg.flow.unseen import why_look_first


@pytest.fixture
def data(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    for kind in ("images", "labels"):
        (root / kind / "train").mkdir(parents=True)
    pattern(10**6).save(root / "images/train/one.jpg")
    (root / "labels/train/one.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    (root / "data.yaml").write_text("train: images/train\nval: images/train\nnames: [zebra]\n")
    return root


@pytest.fixture
def video(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    read_by_name(monkeypatch)
    (tmp_path / "pool").mkdir()
    (tmp_path / "pool/drive.mp4").write_bytes(MP4_HEAD)
    return tmp_path / "pool/drive.mp4"


def test_frames__are_in_no_split_before_apply(data: Path, video: Path) -> None:
    before = visible(data)
    plan = yolobg.plan(data, source=str(video), count=5)
    assert why_look_first(plan)
    report = propose(plan)
    assert (report.proposed, report.added, report.mined) == (5, (), None)
    assert visible(data) == before
    assert any("5 proposed images for split train wait" in warning for warning in yolobg.status(data).warnings)
    session = reviewed(data, 2)
    assert session.everything()["by_model"] is False, "the page must not speak of a model"
    done = apply(session)
    assert len(done.added) == 3
    assert "3 of 5 proposed images added" in done.told
    assert yolobg.status(data).after.backgrounds == 3
    assert session.proposal is None
    (made,) = read_manifest(data).runs
    assert made.reviewed is True
    assert all(one.picture for one in read_rejections(data).ours)
    out = {one.source_id for one in read_rejections(data).ours}
    more = propose(yolobg.plan(data, source=str(video), count=5))
    proposal = read_proposal(data)
    assert proposal is not None
    assert more.proposed == 2
    assert out.isdisjoint(entry.source_id for entry in proposal.entries)
    yolobg.remove(data)
    assert visible(data) == before


def test_lost_file__can_be_rejected_so_that_the_others_come_in(data: Path, video: Path) -> None:
    propose(yolobg.plan(data, source=str(video), count=3))
    lost = next((data / ".yolobg/staging").rglob("*.staged"))
    lost.unlink()
    session = reviewed(data)
    with pytest.raises(MergeError, match=rf"{lost.stem} \(its file was lost or changed\)\. Reject"):
        apply(session)
    assert len(apply(reviewed(data, {int(lost.stem): "lost"})).added) == 2


def test_python__brings_frames_in_and_records_that_nobody_looked(data: Path, video: Path) -> None:
    report = yolobg.augment(data, source=str(video), count=4)
    assert (len(report.added), report.proposed) == (4, 0)
    assert [made.reviewed for made in read_manifest(data).runs] == [False]


def test_images__of_a_folder_come_in_as_before(data: Path, video: Path) -> None:
    for number in range(4):
        pattern(number).save(video.parent / f"{number}.jpg")
    plan = yolobg.plan(data, source=str(video.parent), count=3)
    assert why_look_first(plan) is None
    yolobg.augment(data, source=str(video.parent), count=3)
    assert [made.reviewed for made in read_manifest(data).runs] == [None]
    assert why_look_first(yolobg.plan(data, source=str(video.parent), every="2s", count=5))


def test_recheck__of_frames_does_not_wait(data: Path, video: Path) -> None:
    """What it brings in takes the place of what leaves."""
    yolobg.augment(data, source=str(video), count=3)
    (data / "data.yaml").write_text((data / "data.yaml").read_text().replace("[zebra]", "[zebra, tram]"))
    assert why_look_first(yolobg.plan(data, source=str(video), count=4, recheck=True)) is None


@posix_script
def test_augment__where_nobody_can_look_says_how_to_go_on(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{stand_in(tmp_path / 'bin', PLAYS)}{os.pathsep}{os.environ['PATH']}")
    (tmp_path / "drive.mp4").write_bytes(MP4_HEAD)
    before = tree(data)
    told = run("augment", data, "--source", tmp_path / "drive.mp4", "--count", "2")
    assert told.returncode == 2
    for part in ("nobody has checked that its frames show none of your classes", "on a terminal", "--yes"):
        assert part in told.stderr
    assert tree(data) == before
