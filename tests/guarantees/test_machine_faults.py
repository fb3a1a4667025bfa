"""Permissions, mounts, names, links and locks that a machine may have: the real command on real files.

Each test breaks one thing, looks at what the command says and leaves behind, mends it, and runs the same command again.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from machine import Outcome, SmallDisk, World, check_refused, make_world, run_child, run_inside, small_disk
from merging import tree, visible
from tally import tried

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(sys.platform == "win32", reason="permissions, links and limits of POSIX"),
]

ORDINARY = "-dac_override,-dac_read_search,-fowner"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk") as mounted:
        yield mounted


def run_ordinary(*arguments: str, env: Mapping[str, str] | None = None) -> Outcome:
    """The command without root's right to read and write whatever it likes."""
    prefix: list[str] = []
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("as root this needs setpriv")
        prefix = ["setpriv", f"--bounding-set={ORDINARY}"]
    return run_child(*arguments, prefix=prefix, env=env)


@contextlib.contextmanager
def mode(path: Path, bits: int) -> Iterator[None]:
    """Give a path other permissions for a while."""
    had = stat.S_IMODE(path.stat().st_mode)
    path.chmod(bits)
    try:
        yield
    finally:
        path.chmod(had)


def remove_of(world: World) -> list[str]:
    return ["remove", str(world.root)]


# ---------------------------------------------------------------- permissions

# What is taken away, from what, in which layout, before which command; the exit codes that may follow, and what the
# message must name. Afterwards all is given back, and the same command must end with the exact count.
DENIALS = {
    "root read-only": ("folder", ".", 0o555, "augment", (6,)),
    "images read-only": ("folder", "images/train", 0o555, "augment", (6,)),
    "labels read-only": ("folder", "labels/train", 0o555, "augment", (6,)),
    "images unreadable": ("folder", "images/train", 0o000, "augment", (3,)),
    "labels unreadable": ("folder", "labels/train", 0o000, "augment", (3,)),
    "data.yaml unreadable": ("folder", "data.yaml", 0o000, "augment", (3,)),
    "list unreadable": ("list", "train.txt", 0o000, "augment", (3,)),
    "list read-only": ("list", "train.txt", 0o444, "augment", (6,)),
    "annotations unreadable": ("folder", "../source/instances_pool.json", 0o000, "augment", (3,)),
    "source unreadable": ("folder", "../source/images", 0o000, "augment", (3, 4, 5)),
    "remove: images read-only": ("folder", "images/train", 0o555, "remove", (6,)),
    "remove: labels read-only": ("folder", "labels/train", 0o555, "remove", (6,)),
    "remove: .yolobg read-only": ("folder", ".yolobg", 0o555, "remove", (6,)),
    "remove: manifest unreadable": ("folder", ".yolobg/manifest.json", 0o000, "remove", (3,)),
    "remove: root read-only, list": ("list", ".", 0o555, "remove", (6,)),
    "more: .yolobg read-only": ("folder", ".yolobg", 0o555, "more", (6,)),
    "more: manifest unreadable": ("folder", ".yolobg/manifest.json", 0o000, "more", (3,)),
}


@pytest.mark.parametrize("name", DENIALS)
def test_no_permission__is_told_and_harms_nothing(tmp_path: Path, name: str) -> None:
    layout, where, bits, command, codes = DENIALS[name]
    world = make_world(tmp_path, layout)
    if command != "augment":
        assert run_inside(*world.augment()).code == 0
    there = visible(world.root)
    place = Path(os.path.normpath(world.root / where))
    with mode(place, bits):
        told = run_ordinary(*({"remove": remove_of(world), "more": world.augment(5)}.get(command) or world.augment()))
    tried("machine faults")
    check_refused(told, codes, str(place), os.strerror(errno.EACCES) if codes == (3,) else "")
    world.check_valid()
    if command != "remove":
        assert visible(world.root) == there
    world.check_recovers(run_inside, 3 if command == "augment" else 5)


def test_no_permission__for_one_label_or_image_of_the_user(world: World) -> None:
    """A trainer drops them with a warning; so the label counts as corrupt, and the run goes on."""
    with mode(world.root / "labels/train/train0.txt", 0o000), mode(world.root / "images/train/train1.jpg", 0o000):
        told = run_ordinary(*world.augment())
        tried("machine faults", 2)
        assert told.code == 0, told.stderr
        assert told.report["before"]["corrupt"] == 1
        assert told.report["after"]["backgrounds"] == 3
        problem = told.report["problems"][0]
        assert problem["label"].endswith("train0.txt")
        assert os.strerror(errno.EACCES) in problem["reason"]
    world.check_valid()
    world.check_recovers(run_inside)


@pytest.mark.sample
def test_no_permission__for_some_images_of_the_source(world: World) -> None:
    """Others take their place; the count is exact."""
    with contextlib.ExitStack() as closed:
        for number in range(1, 7):
            closed.enter_context(mode(world.images / f"im{number:02}.jpg", 0o000))
        told = run_ordinary(*world.augment(5))
    tried("machine faults", 6)
    assert told.code == 0, told.stderr
    assert len(told.report["added"]) == 5
    assert all(os.strerror(errno.EACCES) in failed["reason"] for failed in told.report["failed"])
    world.check_recovers(run_inside, 5)


# ---------------------------------------------------------------- the cache


@pytest.mark.parametrize("what", ["read-only", "parent read-only", "a file", "below a file", "a dangling link"])
def test_cache__that_cannot_be_written(tmp_path: Path, world: World, what: str) -> None:
    place = tmp_path / "above" / "cache"
    place.parent.mkdir()
    bits = 0o755
    if what == "a file":
        place.write_bytes(b"mine")
    elif what == "below a file":
        place.write_bytes(b"mine")
        place /= "deeper"
    elif what == "a dangling link":
        place.symlink_to(tmp_path / "nowhere" / "at" / "all")
        (tmp_path / "nowhere").write_bytes(b"")
    else:
        bits = 0o555
        if what == "read-only":
            place.mkdir()
    with mode(place if what == "read-only" else place.parent if bits == 0o555 else tmp_path, bits):
        told = run_ordinary(*world.augment(), env={"YOLOBG_CACHE_DIR": str(place)})
    tried("machine faults")
    check_refused(told, 1, "YOLOBG_CACHE_DIR", str(place))
    assert tree(world.root) == world.before
    world.check_recovers(run_inside)


@pytest.mark.sample
def test_cache__that_can_only_be_read_is_good_enough(tmp_path: Path, world: World) -> None:
    cache = tmp_path / "cache"
    # A file changed within the last seconds is read again, since its times prove nothing.
    os.utime(world.instances, (1e9, 1e9))
    assert run_child("classes", *world.augment()[1:6], "--json", env={"YOLOBG_CACHE_DIR": str(cache)}).code == 0
    with contextlib.ExitStack() as closed:
        for path in [cache, *(p for p in cache.rglob("*") if p.is_dir())]:
            closed.enter_context(mode(path, 0o555))
        told = run_ordinary(*world.augment(), env={"YOLOBG_CACHE_DIR": str(cache)})
    tried("machine faults")
    assert told.code == 0, told.stderr
    world.check_recovers(run_inside)
