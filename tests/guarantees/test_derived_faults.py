"""`augment --to` and the `remove` of it, killed, interrupted and failing at every step: the dataset is never touched.

Whatever happens, the folder holds no data.yaml or a whole one, the same command ends with the exact count, and `remove`
takes back all of it; only an empty folder may stay where a process was killed before it could say that it made it.
"""

from __future__ import annotations

import errno
import shutil
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from interrupting import PATHS, Interrupt, interrupts
from killing import KillServer, Ran, kills
from killing_data import LABELLED, THEIRS, Dataset, Source, make_dataset, make_source
from machine import ROOM, Fault
from merging import tree
from tally import tried

import yolobg
from yolobg import files
from yolobg.dataset.derived import is_as_written
from yolobg.errors import YolobgError

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

NEEDED, POOL = 2, 8
# The kill server forks a warm interpreter for each point, and Windows has no fork.
needs_fork = pytest.mark.skipif(sys.platform == "win32", reason="needs fork and SIGKILL")


class World:
    """A dataset, a source, and the folder `new/out` that the backgrounds go to."""

    def __init__(self, scratch: Path, layout: str = "folder") -> None:
        self.dataset: Dataset = make_dataset(scratch / "data", layout)
        self.source: Source = make_source(scratch / "source", POOL)
        self.top = scratch / "new"
        self.out = self.top / "out"
        self.before = tree(self.dataset.template)

    @property
    def options(self) -> dict[str, Any]:
        return {"annotations": self.source.instances, "images": [self.source.folder], "report": False}

    def add(self, needed: int = NEEDED) -> None:
        yolobg.augment(self.dataset.template, to=self.out, count=THEIRS + needed, **self.options)

    def arguments(self, needed: int = NEEDED) -> list[str | Path]:
        source = self.source
        return [
            "augment", self.dataset.template, "--to", self.out, "--annotations", source.instances,
            "--images", source.folder, "--count", str(THEIRS + needed), "--no-report", "--json",
        ]  # fmt: skip

    def check(self, where: object = "") -> int:
        """What holds at any moment; returns how many backgrounds of ours a trainer finds."""
        assert tree(self.dataset.template) == self.before, f"{where}: the dataset was touched"
        now = tree(self.top) if self.top.exists() else {}
        data = now.get("out/data.yaml")
        images = [name for name in now if name.endswith(".jpg") and "/.yolobg/" not in name]
        if data is None:
            assert not images, where
            return 0
        assert is_as_written(data), where
        originals = set(self.source.images.values())
        for name in images:
            assert now[name] in originals, f"{where}: {name} is not whole"
            assert now[name.replace("/images/", "/labels/").replace(".jpg", ".txt")] == b"", where
        if not (self.out / "images/train").exists():
            # A `remove` that was stopped just before its last file: running again takes that as well.
            assert not images, where
            return 0
        counts = yolobg.status(self.out).after
        assert (counts.labelled, counts.backgrounds) == (LABELLED, THEIRS + len(images)), where
        return len(images)

    def recovers(self, where: object = "", needed: int = NEEDED) -> None:
        """The same command ends with the exact count, and `remove` leaves nothing but a folder."""
        self.add(needed)
        assert self.check(where) == needed, where
        yolobg.remove(self.out)
        self.is_gone(where)

    def is_gone(self, where: object = "") -> None:
        assert tree(self.dataset.template) == self.before, where
        assert (tree(self.top) if self.top.exists() else {}).keys() <= {"out"}, where

    def anew(self, had: int) -> None:
        shutil.rmtree(self.top, ignore_errors=True)
        if had:
            self.add(had)


# What is tried: the command, and how many backgrounds are in the folder before it.
CASES = {"first": ("augment", 0), "more": ("augment", 1), "remove": ("remove", NEEDED)}


@needs_fork
@pytest.mark.parametrize("case", ["first", "more", pytest.param("remove", marks=pytest.mark.sample)])
def test_killed__at_every_point(scratch: Path, kill_server: KillServer, case: str) -> None:
    world = World(scratch, "list")
    command, had = CASES[case]
    arguments = world.arguments() if command == "augment" else ["remove", world.out, "--json"]

    def run(point: int) -> Ran:
        world.anew(had)
        return kill_server.run(*arguments, kill_at=point, watch=(world.top, world.dataset.template))

    undisturbed = run(10_000)
    assert undisturbed.code == 0, undisturbed.err
    assert not undisturbed.lone, "changes without a step of their own"
    seen = set()
    for _, ran in kills(run):
        seen.add(world.check(ran.points[-1]))
        if (world.out / "data.yaml").exists() and command == "remove":
            yolobg.remove(world.out)
            world.is_gone(ran.points[-1])
        world.recovers(ran.points[-1])
    assert seen == set(range(had if command == "augment" else 0, NEEDED + 1))


KINDS: dict[str, Callable[[int], Fault]] = {
    "once": lambda at: Fault(at, errno.EIO),
    "full": lambda at: Fault(at, errno.ENOSPC, lasting=True, steps=ROOM),
    "dead": lambda at: Fault(at, errno.EIO, lasting=True),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_step__fails(scratch: Path, kind: str, case: str) -> None:
    world = World(scratch)
    command, had = CASES[case]
    for at in count(1):
        world.anew(had)
        fault, told = KINDS[kind](at), ""
        with fault.on():
            try:
                world.add() if command == "augment" else yolobg.remove(world.out)
            except YolobgError as error:
                told = str(error)
        if not fault.tried:
            assert not told
            assert at > (2 if kind == "full" and command == "remove" else 5), "the steps are not told"
            return
        tried("machine faults")
        there = world.check(fault.where)
        # A merge that cannot be rolled back either is recorded, and goes on with the next run.
        stuck = command == "remove" or "not all of it could be rolled back" in told
        assert there in (range(NEEDED + 1) if stuck else {had, NEEDED}), fault.where
        if command == "augment" and "as it was" in told:
            assert there == had, fault.where
        world.recovers(fault.where)


STRIDES = [pytest.param(97, id="some lines"), pytest.param(7, id="more lines", marks=pytest.mark.sweep)]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
@pytest.mark.parametrize("stride", STRIDES)
@pytest.mark.parametrize("case", CASES)
def test_interrupted__at_every_line(scratch: Path, case: str, stride: int) -> None:
    world = World(scratch)
    command, had = CASES[case]

    def run(at: int) -> Interrupt:
        world.anew(had)
        with Interrupt(at, paths=PATHS) as interrupt:
            try:
                world.add() if command == "augment" else yolobg.remove(world.out)
            except KeyboardInterrupt:
                assert interrupt.place
        return interrupt

    for number, interrupt in enumerate(interrupts(run, stride=stride), 1):
        tried("interrupts")
        world.check(interrupt.place)
        if number % 3 == 0:
            world.recovers(interrupt.place)
    files.on_step = files._ignore
