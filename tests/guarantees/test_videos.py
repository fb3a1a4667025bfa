"""Runs that take frames from videos: interrupted, on a full disk. The programs that read them end with the run."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
from killing import KillServer, Ran
from machine import ROOM, Fault, World, make_world, run_inside
from merging import tree, visible
from PIL import Image
from proposing import apply, reviewed
from tally import tried
from videos import MP4_HEAD, PLAYS, posix_script, stand_in

import yolobg
from yolobg.api import propose
from yolobg.changes.proposals import read_proposal

pytestmark = [posix_script, pytest.mark.slow]

HANGS = """
if '-ss' in sys.argv or 'AT_ONCE':
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), f'{os.getpid()}.pid'), 'w'):
        pass
    time.sleep(600)  # far longer than the test: it must be ended, not waited for
"""


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A dataset, and what looks like a video to one who does not decode it."""
    (tmp_path / "drive.mp4").write_bytes(MP4_HEAD)
    return make_world(tmp_path)


def arguments(world: World, number: int = 3) -> list[str]:
    video = world.root.parent / "drive.mp4"
    return ["augment", str(world.root), "--source", str(video), "--count", str(number), "--json", "--yes"]


def wait_for(happened: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.01)  # lets the command go on; the bound above only ends a hang


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("when", [pytest.param("frames", marks=pytest.mark.sample), "lengths"])
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_signal__to_the_run_alone_ends_its_programs_too(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str, name: str
) -> None:
    """A terminal signals both; a supervisor only the run."""
    folder = stand_in(tmp_path / "bin", HANGS.replace("AT_ONCE", "yes" if when == "lengths" else "") + PLAYS)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    with subprocess.Popen(
        [sys.executable, "-m", "yolobg", *arguments(world)], stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        wait_for(lambda: any(folder.glob("*.pid")))
        process.send_signal(getattr(signal, name))
        _, told = process.communicate(timeout=30)
    tried("machine faults")
    assert process.returncode == 130, told
    assert "Traceback" not in told
    assert visible(world.root) == world.before
    programs = [int(file.stem) for file in folder.glob("*.pid")]
    wait_for(lambda: not any(map(is_running, programs)))


def test_every_step__on_a_full_disk(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = stand_in(tmp_path / "bin", PLAYS)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    for at in count(1):
        fault = Fault(at, errno.ENOSPC, lasting=True, steps=ROOM)
        with fault.on():
            told = run_inside(*arguments(world))
        if not fault.tried:
            break
        tried("machine faults")
        assert "Traceback" not in told.stderr
        now = visible(world.root)
        new = now.keys() - world.before.keys()
        assert all(now[name] == content for name, content in world.before.items()), fault.where
        for name in new:
            if name.endswith(".jpg"):
                Image.open(world.root / name).load()
        again = run_inside(*arguments(world))
        assert again.code == 0, again.stderr
        assert again.report["after"]["backgrounds"] == 3
        assert run_inside("remove", str(world.root)).code == 0
        assert tree(world.root) == world.before, fault.where
    assert at > 5, "the steps are not told"


PROPOSE = """
import sys, yolobg
from yolobg.api import propose
propose(yolobg.plan(sys.argv[2], source=sys.argv[3], count=4))
"""


def test_propose__killed_at_any_point_leaves_all_or_nothing(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kill_server: KillServer
) -> None:
    monkeypatch.setenv("PATH", f"{stand_in(tmp_path / 'bin', PLAYS)}{os.pathsep}{os.environ['PATH']}")
    video = tmp_path / "drive.mp4"

    def run(point: int | None) -> Ran:
        shutil.rmtree(world.root / ".yolobg", ignore_errors=True)
        return kill_server.run("-c", PROPOSE, world.root, video, kill_at=point, watch=(world.root,))

    whole = run(None)
    assert whole.code == 0, whole.err
    proposal = read_proposal(world.root)
    assert proposal is not None
    assert len(proposal.entries) == 4
    last, seen = len(whole.points), set()
    for point in sorted({last * n // 8 for n in range(1, 9)}):
        run(point)
        tried("kill points")
        assert visible(world.root) == world.before
        found = read_proposal(world.root)
        seen.add(found is None)
        if found is None:
            propose(yolobg.plan(world.root, source=str(video), count=4))
            found = read_proposal(world.root)
        assert found is not None
        assert [entry.sha256 for entry in found.entries] == [entry.sha256 for entry in proposal.entries]
        assert len(apply(reviewed(world.root, 1)).added) == 3
        yolobg.remove(world.root)
        assert tree(world.root) == world.before
    assert seen == {True, False}, "kills before and after the proposal was there"
