"""`convert` and `download`, killed just before every change that they make to the disk: whole, absent or resumable."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import tally
from format_data import make_coco
from killing import KillServer
from merging import tree
from real_datasets import CocoReal

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(sys.platform == "win32", reason="needs fork and SIGKILL"),
]

BEFORE = 16


DROP = ("--crowds", "drop")
OUTLINE = ("--crowds", "as-objects", "--polygons", "outline")


@pytest.mark.parametrize(
    ("to", "wish"),
    [
        ("yolo", DROP),
        ("yolo", OUTLINE),
        ("yolo_darknet", DROP),
        ("coco", DROP),
        ("coco", ()),
        pytest.param("voc", DROP, marks=pytest.mark.sample),
    ],
)
def test_convert__is_whole_or_not_there_after_a_kill_at_every_change(
    scratch: Path, kill_server: KillServer, to: str, wish: tuple[str, ...]
) -> None:
    make_coco(scratch / "made", outlines=wish == OUTLINE)
    source, home = scratch / "made" / "coco", scratch / "home"
    home.mkdir()
    before = tree(source)
    command: tuple[str | Path, ...] = ("convert", source, home / "target", "--to", to, *wish, "--quiet")
    whole = kill_server.run(*command, watch=[home])
    assert whole.code == 0, whole.err
    meant = tree(home)
    assert len(whole.points) > 30
    # All of them write an image and its label one by one, so not every image has to be stopped at in each.
    stride = {"coco": 1, "yolo": 3}.get(to, 5) if wish == DROP else 5
    for kill_at in range(1, len(whole.points) + 1, stride):
        remove(home / "target")
        ran = kill_server.run(*command, kill_at=kill_at, watch=[home])
        assert ran.killed
        tally.tried("kill points")
        point = f"{kill_at}: {ran.points[-1]}"
        if (home / "target").exists():
            assert {k: v for k, v in tree(home).items() if k.startswith("target")} == meant, point
            remove(home / "target")
        assert tree(source) == before, point
        # What is left lies hidden beside it, and the next conversion takes it away.
        assert all(name.startswith(".yolobg-") for name in tree(home)), point
        again = kill_server.run(*command)
        assert (again.code, tree(home)) == (0, meant), point


def remove(target: Path) -> None:
    """Remove a target, and nothing else."""
    for path in sorted(target.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    if target.exists():
        target.rmdir()


@pytest.mark.parametrize("val", ["0", "0.4"])
def test_download__is_continued_after_a_kill_at_every_change(
    scratch: Path, kill_server: KillServer, coco_real: Path, val: str
) -> None:
    real = CocoReal(coco_real)
    command = ["download", "--exclude", "person", "--count", "3", "--val", val, "--quiet"]
    command += ["--annotations", str(real.annotations), "--images", str(real.images), "--output"]
    whole = kill_server.run(*command, scratch / "whole", watch=[scratch / "whole"])
    assert whole.code == 0, whole.err
    # The catalog is there from now on, and its making is not what is killed here.
    points = kill_server.run(*command, scratch / "again", watch=[scratch / "again"]).points
    meant = images(scratch / "whole")
    assert len(meant) == 6
    # All of what comes before the flow of `augment`, whose every change is stopped at elsewhere.
    for kill_at in (*range(1, BEFORE), *range(BEFORE, len(points) + 1, 20)):
        folder = scratch / f"cut{kill_at}"
        ran = kill_server.run(*command, folder, kill_at=kill_at, watch=[folder])
        assert ran.killed
        tally.tried("kill points")
        point = f"{kill_at}: {ran.points[-1]}"
        there = images(folder)
        assert all(meant.get(name, content) == content for name, content in there.items()), point
        for name in [name for name in there if name.startswith("images")]:
            label = name.replace("images", "labels", 1).replace(".jpg", ".txt")
            assert there.get(label) == b"", f"{point}: an image without its blank label"
        again = kill_server.run(*command, folder)
        assert again.code == 0, f"{point}: {again.err}"
        assert images(folder) == meant, point
        assert not list(folder.glob(".yolobg-*")), point


def images(folder: Path) -> dict[str, bytes]:
    """The images and labels of a download."""
    files = (path for kind in ("images", "labels") for path in (folder / kind).rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files if not path.name.startswith(".")}
