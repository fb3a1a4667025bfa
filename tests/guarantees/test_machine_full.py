"""A disk that fills up, a quota, a disk that dies: at every single step, and on real file systems made too small."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from machine import (
    LAYOUTS,
    ROOM,
    Fault,
    Outcome,
    SmallDisk,
    World,
    check_refused,
    make_world,
    run_inside,
    small_disk,
)
from merging import tree
from tally import tried

from yolobg.sources.catalog.open import clear_cache

# Thousands of runs: on a busy machine they take their time.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

PAGE_BYTES = 4096
# The room that a command is given grows by one page until this many, then faster: then only the report is at stake.
FINE_PAGES = 14

KINDS: dict[str, Callable[[int, World], Fault]] = {
    # One step fails, and the next already works again.
    "once": lambda at, _: Fault(at, errno.EIO),
    # From here on there is no room, or no quota: what takes away or renames still works.
    "full": lambda at, _: Fault(at, (errno.ENOSPC, errno.EDQUOT)[at % 2], lasting=True, steps=ROOM),
    # From here on the images cannot be touched, so that nothing can be taken back there either.
    "closed": lambda at, world: Fault(at, errno.EACCES, lasting=True, below=world.root / "images"),
    # From here on nothing works.
    "dead": lambda at, _: Fault(at, errno.EIO, lasting=True),
}
# How many steps there are at least, so that a step that is told no more is noticed.
FEWEST = {"once": 20, "full": 5, "closed": 3, "dead": 20}


@pytest.mark.parametrize("command", ["augment", "remove"])
@pytest.mark.parametrize("layout", LAYOUTS[:2])
@pytest.mark.parametrize("kind", KINDS)
def test_every_step__fails(tmp_path: Path, kind: str, layout: str, command: str) -> None:
    """Whichever step fails, nothing of the user's changes, nothing is half, and the next run mends it."""
    world = make_world(tmp_path, layout)
    had = 0 if layout == "folder" and command == "augment" else 2
    for at in count(1):
        if had:
            assert run_inside(*world.augment(had)).code == 0
        fault = KINDS[kind](at, world)
        with fault.on():
            told = run_inside(*(world.augment(had + 3) if command == "augment" else ("remove", str(world.root))))
        if not fault.tried:
            assert told.code == 0
            assert at > FEWEST[kind], "the steps are not told"
            return
        tried("machine faults")
        check_outcome(world, told, had, had + 3 if command == "augment" else 0, fault)
        world.check_recovers(run_inside, had + 3)


def check_outcome(world: World, told: Outcome, had: int, wanted: int, fault: Fault) -> None:
    world.check_valid(parts=True)
    if told.code:
        check_refused(told, (1, 3, 5, 6), os.strerror(fault.number))
        if "as it was" in told.stderr:
            assert len(world.backgrounds()) == had, fault.where
            assert not world.interrupted(), fault.where
        elif "not all of it could be rolled back" in told.stderr:
            # Either the intent is there to go on from, or only the very last step failed, and all is in.
            assert world.interrupted() or len(world.backgrounds()) == wanted, fault.where
    else:
        # What failed was of no account to the dataset: a lock of the cache, the page to look at, the tidying up.
        assert len(world.backgrounds()) == wanted, fault.where


@pytest.mark.parametrize("kind", ["once", "full"])
def test_every_step_of_a_download__fails(tmp_path: Path, kind: str) -> None:
    """Wherever a folder of its own was left by a disk that failed, the same command ends it with the exact counts."""
    world = make_world(tmp_path)
    source = world.augment()[2:6]
    # Of the hundred steps each fifth, from another one in each kind: those of the merge are tried above.
    for at in count(1 if kind == "full" else 3, 5):
        folder = tmp_path / f"out{at}"
        command = ["download", "--exclude", "person", "--count", "4", "--val", "0.5", "--output", str(folder), *source]
        fault = KINDS[kind](at, world)
        with fault.on():
            told = run_inside(*command, "--json")
        if not fault.tried:
            assert at > 40, "the steps are not told"
            return
        tried("machine faults")
        if told.code:
            check_refused(told, (1, 2, 5, 6), os.strerror(fault.number))
        again = run_inside(*command, "--json")
        assert again.code == 0, (fault.where, again.stderr)
        for split in ("train", "val"):
            images = sorted((folder / "images" / split).iterdir())
            labels = sorted((folder / "labels" / split).glob("*.txt"))
            assert [image.stem for image in images] == [label.stem for label in labels], fault.where
            assert len(images) == 2, fault.where
            assert all(label.read_bytes() == b"" for label in labels)


@pytest.mark.sample
@pytest.mark.parametrize("target", ["new", "empty"])
def test_convert__says_what_is_there_when_the_disk_fails_at_the_very_end(tmp_path: Path, target: str) -> None:
    world = make_world(tmp_path)
    seen = set()
    for at in count(1):
        folder = tmp_path / str(at) / "out"
        (folder if target == "empty" else folder.parent).mkdir(parents=True)
        fault = KINDS["once"](at, world)
        with fault.on():
            told = run_inside("convert", str(world.root), str(folder), "--to", "coco", "--json")
        if not fault.tried:
            break
        tried("machine faults")
        there = folder.is_dir() and any(folder.iterdir())
        seen.add(("nothing was left behind" in told.stderr, "is complete, but the disk" in told.stderr))
        assert not (there and "nothing was left behind" in told.stderr), fault.where
        assert there or "is complete, but the disk" not in told.stderr, fault.where
    assert {(True, False), (False, True)} <= seen
    assert tree(world.root) == world.before


@pytest.mark.parametrize("kind", ["once", "full", "dead"])
def test_every_step_of_a_catalog__fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Whichever step of building a catalog fails, the next run builds it, and no half one is ever used."""
    world = make_world(tmp_path)
    command = ["classes", *world.augment()[1:6], "--json"]
    wanted = run_inside(*command).stdout
    for at in count(1):
        cache = tmp_path / f"cache{at}"
        monkeypatch.setenv("YOLOBG_CACHE_DIR", str(cache))
        fault = KINDS[kind](at, world)
        with fault.on():
            told = run_inside(*command)
        if not fault.tried:
            assert at > (10 if kind != "full" else 5), "the steps are not told"
            return
        tried("machine faults")
        if told.code:
            check_refused(told, 1, os.strerror(fault.number))
        else:
            assert told.stdout == wanted, fault.where
        assert run_inside(*command).stdout == wanted, fault.where
        assert kind == "dead" or not list((cache / "work").rglob("*.*")), fault.where
        clear_cache()
        left = [path for path in cache.rglob("*") if path.is_file()]
        assert left == [], fault.where


# ---------------------------------------------------------------- real file systems


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk") as mounted:
        yield mounted


def rooms() -> Iterator[int]:
    """How much room a command is given, in pages or in files."""
    yield from range(FINE_PAGES)
    yield from count(FINE_PAGES, 5)


@pytest.mark.parametrize("what", ["bytes", "files"])
@pytest.mark.parametrize("layout", LAYOUTS[:2])
@pytest.mark.parametrize("command", ["augment", "remove"])
def test_small_disk__of_every_size(tmp_path: Path, disk: SmallDisk, command: str, layout: str, what: str) -> None:
    """With room for n pages (or n files) more, the command is refused or done, and never something between."""
    world = make_world(tmp_path, layout, root=disk.place / "data")
    refusals, done = 0, False
    for room in rooms():
        if done:
            break
        if command == "remove":
            assert run_inside(*world.augment()).code == 0
        used_bytes, used_files = disk.used()
        limit = {"size": used_bytes + room * PAGE_BYTES} if what == "bytes" else {"nr_inodes": used_files + room}
        disk.limit(**limit)
        told = run_inside(*(world.augment() if command == "augment" else ("remove", str(world.root))))
        disk.limit(size="64m", nr_inodes=4096)
        tried("machine faults")
        world.check_valid()
        if told.code:
            refusals += 1
            check_refused(told, (5, 6), os.strerror(errno.ENOSPC), str(disk.place))
        else:
            assert len(world.backgrounds()) == (3 if command == "augment" else 0)
            done = command == "remove" or (world.root / ".yolobg/report.html").exists()
            if not done:
                assert any(os.strerror(errno.ENOSPC) in warning for warning in told.report["warnings"])
        world.check_recovers(run_inside)
    assert refusals > (3 if command == "augment" else 0), "the disk was never too small"


def test_small_disk__for_the_cache(tmp_path: Path, disk: SmallDisk, monkeypatch: pytest.MonkeyPatch) -> None:
    """With room for n pages the catalog is there whole, or the command says what to do and leaves nothing half."""
    monkeypatch.setenv("YOLOBG_CACHE_DIR", str(disk.place / "cache"))
    world = make_world(tmp_path)
    refusals = 0
    for pages in count(1):
        disk.limit(size=disk.used()[0] + pages * PAGE_BYTES)
        told = run_inside(*world.augment())
        disk.limit(size="64m")
        tried("machine faults")
        world.check_valid()
        if not told.code:
            break
        refusals += 1
        check_refused(told, 1, "YOLOBG_CACHE_DIR", str(disk.place))
        assert tree(world.root) == world.before
        # A catalog that is in its place is whole; only what leads there was not written.
        left = [path for path in (disk.place / "cache").rglob("*") if path.is_file() and path.suffix != ".lock"]
        assert {path.parent.name for path in left} <= {"catalogs"}
        assert {path.suffix for path in left} <= {".sqlite"}
    assert refusals > 5, "the disk was never too small"
    world.check_recovers(run_inside)
