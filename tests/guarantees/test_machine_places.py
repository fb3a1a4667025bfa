"""Where a dataset may lie: other file systems, behind links, under long names, without locks or hard links.

The real command on real mounts where that is allowed; what no file system here does (a lock that is refused, a link
that is not known) is done to the command's process before it begins.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from subprocess import PIPE
from typing import Any

import pytest
from filelock import FileLock
from image_server import ImageServer
from machine import (
    Outcome,
    SmallDisk,
    bind_mount,
    check_refused,
    make_world,
    run_child,
    run_inside,
    small_disk,
)
from merging import tree, visible
from tally import tried

import yolobg
from yolobg.changes import disk_state as on_disk
from yolobg.changes.lock import hold, hold_review
from yolobg.errors import LockedError, MergeError

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(sys.platform == "win32", reason="mounts, links and limits of POSIX"),
]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk") as mounted:
        yield mounted


# ---------------------------------------------------------------- other file systems


def test_read_only_disk__can_be_looked_at_and_nothing_more(tmp_path: Path, disk: SmallDisk) -> None:
    world = make_world(tmp_path, root=disk.place / "data")
    assert run_inside(*world.augment(2)).code == 0
    before = tree(world.root)
    disk.read_only()
    for command in (world.augment(5), ["remove", str(world.root)]):
        tried("machine faults")
        check_refused(run_child(*command), 6, str(world.root), os.strerror(errno.EROFS))
    assert run_inside("status", str(world.root), "--json").report["after"]["ours"] == 2
    assert run_inside(*world.augment(5), "--dry-run").report["target"]["needed"] == 3
    assert run_inside("remove", str(world.root), "--dry-run", "--json").code == 0
    assert tree(world.root) == before
    disk.read_only(yes=False)
    world.check_recovers(run_inside, 5)


@pytest.mark.parametrize("where", ["images", "labels", "images/train", "labels/train"])
def test_split_on_another_disk__staging_lies_beside_it(tmp_path: Path, where: str) -> None:
    world = make_world(tmp_path)
    (world.root / where).rename(tmp_path / "kept")
    with small_disk(world.root / where) as mounted:
        shutil.copytree(tmp_path / "kept", mounted.place, dirs_exist_ok=True)
        assert (world.root / where).stat().st_dev != world.root.stat().st_dev
        told = run_child(*world.augment())
        tried("machine faults")
        assert told.code == 0, told.stderr
        world.check_valid()
        world.check_recovers(run_inside)


def test_split_on_another_disk__that_is_full_or_read_only(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    (world.root / "images").rename(tmp_path / "kept")
    with small_disk(world.root / "images") as mounted:
        shutil.copytree(tmp_path / "kept", mounted.place, dirs_exist_ok=True)
        mounted.limit(size=mounted.used()[0])
        check_refused(run_child(*world.augment()), 5, str(mounted.place), os.strerror(errno.ENOSPC))
        mounted.limit(size="64m")
        world.check_valid()
        mounted.read_only()
        check_refused(run_child(*world.augment()), 6, str(mounted.place))
        mounted.read_only(yes=False)
        tried("machine faults", 2)
        world.check_recovers(run_inside)


@pytest.mark.parametrize("layout", ["folder", "list", "several"])
@pytest.mark.parametrize("where", ["images", "labels", "images/train", "labels/train", "."])
def test_bind_mount_of_the_same_disk__is_filled(tmp_path: Path, where: str, layout: str) -> None:
    """As with two `docker -v` of one disk: the device number is the same, and yet nothing can be moved across."""
    world = make_world(tmp_path, layout)
    place = world.root / where.replace("train", "train0" if layout == "several" else "train")
    place.rename(tmp_path / "kept")
    with bind_mount(tmp_path / "kept", place):
        assert place.stat().st_dev == tmp_path.stat().st_dev
        told = run_child(*world.augment())
        tried("machine faults")
        assert told.code == 0, told.stderr
        assert len(world.backgrounds()) == 3
        world.check_valid()
        world.check_recovers(run_inside)


def barred(monkeypatch: pytest.MonkeyPatch, images: Path, number: int) -> None:
    """Let nothing be moved into or out of a folder, as a quota of its own or a subvolume does."""

    def guard(function: Any) -> Any:
        def guarded(old: Any, new: Any, *args: Any, **kwargs: Any) -> Any:
            if (images in Path(old).parents) != (images in Path(new).parents):
                raise OSError(number, os.strerror(number), str(old), None, str(new))
            return function(old, new, *args, **kwargs)

        return guarded

    for name in ("link", "rename", "replace"):
        monkeypatch.setattr(os, name, guard(getattr(os, name)))


@pytest.mark.parametrize("layout", ["folder", "list"])
def test_images_that_nothing_can_be_moved_to__are_staged_inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: str
) -> None:
    world = make_world(tmp_path, layout)
    barred(monkeypatch, world.root / "images/train", errno.EXDEV)
    tried("machine faults")
    told = run_inside(*world.augment())
    assert told.code == 0, told.stderr
    world.check_valid()
    world.check_recovers(run_inside)


@pytest.mark.sample
def test_images_that_cannot_be_published__are_not_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What would fail after all downloads is found out before the first."""
    world = make_world(tmp_path)
    barred(monkeypatch, world.root / "images/train", errno.EIO)
    with ImageServer({f"/{image.name}": image.read_bytes() for image in world.images.iterdir()}) as server:
        told = run_inside(*[server.url if argument == str(world.images) else argument for argument in world.augment()])
        assert server.log == []
    tried("machine faults")
    check_refused(told, 6, "images/train", os.strerror(errno.EIO))
    assert tree(world.root) == world.before


def test_link_hard__to_images_behind_a_bind_mount_is_refused_with_a_way_out(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    (world.root / "images").rename(tmp_path / "kept")
    with bind_mount(tmp_path / "kept", world.root / "images"):
        told = run_child(*world.augment(), "--link", "hard")
        tried("machine faults")
        check_refused(told, 2, "--link copy", os.strerror(errno.EXDEV))
        assert visible(world.root) == world.before
        world.check_recovers(run_inside)


def test_staging_beside_the_images__of_another_dataset_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Above the images another dataset may have its root: what it has fetched and recorded there is not ours."""
    world = make_world(tmp_path)
    other = world.root / "images/.yolobg"
    (other / "staging").mkdir(parents=True)
    (other / "staging/1.staged").write_bytes(b"theirs")
    (other / "lock").touch()
    world.before = tree(world.root)
    barred(monkeypatch, world.root / "images/train", errno.EXDEV)
    assert run_inside(*world.augment()).code == 0
    assert run_inside("remove", str(world.root)).code == 0
    assert tree(world.root) == world.before


def left_trial(root: Path, images: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty file as an interrupt leaves it while it is found out where images can be staged."""

    def interrupted(_old: Path, new: Path) -> bool:
        new.touch()
        raise KeyboardInterrupt

    (root / ".yolobg").mkdir(parents=True)
    images.mkdir(parents=True)
    with monkeypatch.context() as patch:
        patch.setattr(on_disk, "can_move", interrupted)
        with pytest.raises(KeyboardInterrupt):
            on_disk.staging_folder(root, images)
    (trial,) = images.iterdir()
    return trial


def test_trial__that_was_left_is_found_where_data_yaml_and_the_root_have_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = left_trial(tmp_path / "data", tmp_path / "data/images/one", monkeypatch)
    (tmp_path / "data/images/two").mkdir()
    moved = (tmp_path / "data").rename(tmp_path / "moved")
    assert os.path.lexists(moved / "images/one" / trial.name)
    on_disk.staging_left(moved, [moved / "images/two"])
    assert list((moved / "images/one").iterdir()) == []
    assert list((moved / ".yolobg").iterdir()) == []


@pytest.mark.parametrize("named", ["images/im.jpg", "images/.yolobg-12345g", "x/../images/{trial}", "images/{trial}"])
def test_trial__record_that_somebody_edited_takes_nothing_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    trial = left_trial(tmp_path, tmp_path / "images/one", monkeypatch)
    for name in ("im.jpg", ".yolobg-12345g", trial.name):
        (tmp_path / "images" / name).touch()
    # Under the very name that is looked for, but with something in it.
    (tmp_path / "images" / trial.name).write_bytes(b"mine")
    (tmp_path / ".yolobg/trial").write_text(named.format(trial=trial.name))
    before = {path.name for path in (tmp_path / "images").iterdir()}
    on_disk.staging_left(tmp_path, [])
    assert {path.name for path in (tmp_path / "images").iterdir()} == before


@pytest.mark.sample
def test_symlinked_folders__are_filled_where_they_really_lie(tmp_path: Path) -> None:
    """As when a big disk holds the pictures: a trainer follows the links first and then looks for /images/."""
    world = make_world(tmp_path)
    store = tmp_path / "store"
    store.mkdir()
    for kind in ("images", "labels"):
        (world.root / kind).rename(store / kind)
        (world.root / kind).symlink_to(store / kind, target_is_directory=True)
    before = tree(store)
    told = run_child(*world.augment())
    tried("machine faults")
    assert told.code == 0, told.stderr
    assert len(list(store.glob("images/train/bg_*.jpg"))) == 3
    assert [label.read_bytes() for label in store.glob("labels/train/bg_*.txt")] == [b""] * 3
    assert yolobg.status(world.root).after.backgrounds == 3
    assert run_child("remove", str(world.root)).code == 0
    assert tree(store) == before
    assert not (world.root / ".yolobg").exists()


def test_link_to_another_disk__is_refused_with_a_way_out(tmp_path: Path, disk: SmallDisk) -> None:
    world = make_world(tmp_path, root=disk.place / "data")
    told = run_child(*world.augment(), "--link", "hard")
    tried("machine faults")
    check_refused(told, 2, "--link copy", os.strerror(errno.EXDEV))
    assert visible(world.root) == world.before
    world.check_recovers(run_inside)


# ---------------------------------------------------------------- what a file system may lack

NO_LINKS = "import os\ndef no(*a, **k): raise OSError({0}, os.strerror({0}), *a[:2])\nos.link = no"
NO_LOCKS = "import fcntl, os\ndef no(*a): raise OSError({0}, os.strerror({0}))\nfcntl.flock = fcntl.lockf = no"


@pytest.mark.parametrize("number", [errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EINVAL, errno.EACCES])
@pytest.mark.parametrize("layout", ["folder", "list"])
def test_without_hard_links(tmp_path: Path, layout: str, number: int) -> None:
    """As on FAT, exFAT and many network mounts: a rename after a look does instead."""
    world = make_world(tmp_path, layout)
    told = run_child(*world.augment(), prelude=NO_LINKS.format(number))
    tried("machine faults")
    assert told.code == 0, told.stderr
    assert len(world.backgrounds()) == 3
    world.check_valid()
    world.check_recovers(run_inside)


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS])
def test_without_locks(tmp_path: Path, number: int) -> None:
    """As on some network mounts."""
    world = make_world(tmp_path)
    told = run_child(*world.augment(), prelude=NO_LOCKS.format(number))
    tried("machine faults")
    assert told.code == 0, told.stderr
    world.check_valid()
    removed = run_child("remove", str(world.root), prelude=NO_LOCKS.format(number))
    assert removed.code == 0, removed.stderr
    assert tree(world.root) == world.before
    world.check_recovers(run_inside)


# Takes the lock of a dataset on a file system without locks and keeps it until it is told or killed.
HOLDER = """
import contextlib, sys
from pathlib import Path
from yolobg.changes.lock import hold
with hold(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextlib.contextmanager
def lockless(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    import fcntl  # noqa: PLC0415 - not on Windows

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", refuse)
        yield


def holder(root: Path) -> subprocess.Popen[str]:
    """A process that holds the dataset at `root`."""
    command = [sys.executable, "-c", NO_LOCKS.format(errno.ENOLCK) + HOLDER, str(root)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


@pytest.mark.sample
@pytest.mark.parametrize(("lives", "here", "free"), [(False, True, True), (True, True, False), (False, False, False)])
def test_lock_by_name__knows_who_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lives: bool, here: bool, free: bool
) -> None:
    """What a killed process of this machine left is no lock; of another machine's only a person can tell."""
    held = tmp_path / ".yolobg" / "lock.held"
    with holder(tmp_path) as process:
        if not lives:
            process.kill()
            process.wait()
        marker = held.read_text()
        if not here:
            pid, _, *rest = marker.split("\n")
            held.write_text(marker := "\n".join([pid, "far", *rest]))
            os.utime(held, (0, 0))
        with lockless(monkeypatch):
            if free:
                with hold(tmp_path, wait_s=0.0):
                    assert held.read_text().split("\n")[0] == str(os.getpid())
            else:
                with pytest.raises(LockedError, match=re.escape(str(held))) as caught, hold(tmp_path, wait_s=0.0):
                    pass
                assert f"process {process.pid} " in str(caught.value)
                assert held.read_text() == marker
        process.kill()
    assert (tmp_path / ".yolobg").exists() != free
    tried("machine faults")


@pytest.mark.sample
@pytest.mark.parametrize("age_s", [60.0, 0.0])
def test_lock_by_name__an_empty_marker_blocks_for_seconds_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, age_s: float
) -> None:
    """A holder says who it is right after it has created the file; one that was killed in between never does."""
    held = tmp_path / ".yolobg" / "lock.held"
    held.parent.mkdir(parents=True)
    held.touch()
    os.utime(held, (time.time() - age_s,) * 2)
    with lockless(monkeypatch):
        if age_s:
            with hold(tmp_path, wait_s=0.0):
                assert held.read_text().split("\n")[0] == str(os.getpid())
        else:
            with pytest.raises(LockedError, match="process unknown"), hold(tmp_path, wait_s=0.0):
                pass
            assert held.read_bytes() == b""
    tried("machine faults")


def test_lock_by_name__an_empty_marker_lets_in_one_at_a_time(tmp_path: Path) -> None:
    """Several that find it at once may all try to get it out of the way, while the first has taken the lock."""
    held, log = tmp_path / ".yolobg" / "lock.held", tmp_path / "log"
    held.parent.mkdir(parents=True)
    held.touch()
    os.utime(held, (0, 0))
    turn = """
import os, sys, time
from pathlib import Path
from yolobg.changes.lock import hold
log = os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
sys.stdin.read()
with hold(Path(sys.argv[1]), wait_s=60):
    os.write(log, b"in ")
    time.sleep(0.05)  # so long that two at once would show
    os.write(log, b"out ")
"""
    command = [sys.executable, "-c", NO_LOCKS.format(errno.ENOLCK) + turn, str(tmp_path), str(log)]
    with contextlib.ExitStack() as stack:
        all_of_them = [stack.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE)) for _ in range(6)]
        for process in all_of_them:
            assert process.stdin is not None
            process.stdin.close()
        assert [process.wait() for process in all_of_them] == [0] * 6
    assert log.read_text() == "in out " * 6
    tried("machine faults")


@pytest.mark.sample
@pytest.mark.parametrize("what", ["pipe", "link", "folder"])
def test_lock_by_name__what_is_no_file_in_its_place_is_neither_waited_for_nor_taken_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    held, victim = tmp_path / ".yolobg" / "lock.held", tmp_path / "mine.txt"
    held.parent.mkdir(parents=True)
    victim.touch()
    if what == "pipe":
        os.mkfifo(held)
    elif what == "link":
        held.symlink_to(victim)
    else:
        held.mkdir()
    os.utime(held, (0, 0))
    before = held.lstat()
    with lockless(monkeypatch), pytest.raises(MergeError, match=re.escape(str(held))), hold(tmp_path):
        pass
    assert os.path.samestat(held.lstat(), before)
    assert victim.read_bytes() == b""
    tried("machine faults")


# ---------------------------------------------------------------- limits


@pytest.mark.parametrize("handles", [24, 32, 64, 128])
def test_few_file_handles(tmp_path: Path, handles: int) -> None:
    """However few may be open at a time, the count is exact, or the command says so and the next run goes on."""
    world = make_world(tmp_path)
    limit = f"import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, ({handles}, {handles}))"
    with ImageServer({f"/{image.name}": image.read_bytes() for image in world.images.iterdir()}) as server:
        command = [argument if argument != str(world.images) else server.url for argument in world.augment(8)]
        told = run_child(*command, "--jobs", "64", prelude=limit)
    tried("machine faults")
    if handles >= 32 or told.code == 0:
        assert told.code == 0, told.stderr
        assert len(world.backgrounds()) == 8
        assert told.report["failed"] == []
    else:
        check_refused(told, (1, 3, 5, 6), os.strerror(errno.EMFILE))
    world.check_valid()
    world.check_recovers(run_inside, 8)


NO_HANDLE = """
import errno, io, os
real = os.open
def full(path, *rest, **more):
    if str(path).endswith("train0.txt"):
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), path)
    return real(path, *rest, **more)
os.open = full
class FileIO(io.FileIO):
    def __init__(self, path, *rest, **more):
        if str(path).endswith("train0.txt"):
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), path)
        super().__init__(path, *rest, **more)
io.FileIO = FileIO
"""


def test_no_file_handle_for_a_label__is_no_corrupt_label(tmp_path: Path) -> None:
    """A label that this process cannot open just now is not corrupt: taken for that, the ratio would be wrong."""
    world = make_world(tmp_path)
    for command in (["status", str(world.root), "--json"], world.augment()):
        told = run_child(*command, prelude=NO_HANDLE)
        tried("machine faults")
        check_refused(told, 3, "train0.txt", os.strerror(errno.EMFILE), "ulimit -n")
    assert tree(world.root) == world.before
    world.check_recovers(run_inside)


@pytest.mark.parametrize("kib", [1, 2, 4, 16, 64])
def test_limited_file_size(tmp_path: Path, kib: int) -> None:
    """A quota on single files (`ulimit -f`): the manifest, the catalog or an image may be too large for it."""
    world = make_world(tmp_path, side=80)
    limit = f"import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, ({kib << 10}, {kib << 10}))"
    told = run_child(*world.augment(), prelude=limit)
    tried("machine faults")
    if told.code:
        check_refused(told, (1, 5, 6))
    else:
        assert len(world.backgrounds()) == 3
    world.check_valid()
    world.check_recovers(run_inside)


@pytest.mark.sample
def test_names_of_255_bytes(tmp_path: Path) -> None:
    """The user's and the source's names may be as long as a file system takes them; ours, which begin with bg_, fit."""
    world = make_world(tmp_path)
    long = "ü" * 125 + "x.jpg"
    assert len(os.fsencode(long)) == 255
    (world.root / "images/train/train0.jpg").rename(world.root / "images/train" / long)
    (world.root / "labels/train/train0.txt").rename(world.root / "labels/train" / f"{long[:-4]}.txt")
    records = world.instances.read_text()
    for number in range(1, 13):
        name = f"{number:02}" + "y" * 249 + ".jpg"
        (world.images / f"im{number:02}.jpg").rename(world.images / name)
        records = records.replace(f"im{number:02}.jpg", name)
    world.instances.write_text(records)
    world.before.clear()
    world.before.update(tree(world.root))
    told = run_child(*world.augment(8))
    tried("machine faults", 8)
    assert told.code == 0, told.stderr
    names = [Path(added["image"]).name for added in told.report["added"]]
    assert len(set(names)) == 8
    assert all(len(os.fsencode(name)) <= 255 for name in names)
    world.check_valid()
    world.check_recovers(run_inside, 8)


def test_paths_as_long_as_they_may_be(tmp_path: Path) -> None:
    """Where a path becomes too long for the system, the command says so; until then all works."""
    codes = []
    for total in (3900, 4038, 4044, 4050, 4060):
        folder = tmp_path / str(total)
        world = make_world(folder)
        there = world.root
        deep = folder
        while len(str(deep)) < total - 201:
            deep /= "d" * 200
        deep /= "d" * max(1, total - len(str(deep)) - 1)
        deep.parent.mkdir(parents=True)
        there.rename(deep)
        world.root = deep
        told = run_child(*world.augment())
        tried("machine faults")
        codes.append(told.code)
        if told.code:
            check_refused(told, (1, 2, 3, 5, 6), os.strerror(errno.ENAMETOOLONG))
        else:
            assert len(world.backgrounds()) == 3
            world.check_valid()
            assert run_child("remove", str(world.root)).code == 0
        assert {**visible(deep)} == world.before
        shutil.rmtree(folder / ("d" * 200))
    assert 0 in codes, "no path was short enough"
    assert any(codes), "no path was too long"


def test_names_that_differ_in_case_only(tmp_path: Path) -> None:
    """On a disk that folds case they would be one file, so such a name counts as taken."""
    world = make_world(tmp_path)
    assert run_inside(*world.augment(12 - 1 - 1)).code == 0
    names = [image.stem for image in world.backgrounds()]
    assert run_inside("remove", str(world.root)).code == 0
    for stem in names[:5]:
        (world.root / f"images/train/{stem.upper()}.JPG").write_bytes((world.root / "images/val/val0.jpg").read_bytes())
        (world.root / f"labels/train/{stem.upper()}.TXT").write_bytes(b"0 0.5 0.5 0.2 0.2\n")
        (world.root / f"labels/train/{stem.upper()}.txt").write_bytes(b"0 0.5 0.5 0.2 0.2\n")
    world.before.clear()
    world.before.update(tree(world.root))
    told = run_child(*world.augment(10))
    tried("machine faults", 5)
    assert told.code == 0, told.stderr
    taken = {name.casefold() for name in world.before}
    assert not any(str(Path(p)).casefold() in taken for p in visible(world.root).keys() - world.before.keys())
    world.check_valid()
    world.check_recovers(run_inside, 10)


# ---------------------------------------------------------------- the clock

BACK = """
import time
real, real_ns = time.time, time.time_ns
time.time, time.time_ns = lambda: real() - 3e8, lambda: real_ns() - 3 * 10**17
"""


@pytest.mark.sample
def test_clock_that_goes_back(tmp_path: Path) -> None:
    """Nothing rests on the clock: not the cache's notes, not staging, not the manifest."""
    world = make_world(tmp_path)
    ahead = time.time() + 1e8
    for path in [*world.root.rglob("*"), *world.instances.parent.rglob("*")]:
        os.utime(path, (ahead, ahead))
    for target in (2, 3):
        told = run_child(*world.augment(target), prelude=BACK if target == 3 else "")
        tried("machine faults")
        assert told.code == 0, told.stderr
        assert len(world.backgrounds()) == target
    # A source that changes while its times stay in the future is read anew all the same.
    world.instances.write_text(world.instances.read_text().replace('"image_id": 1,', '"image_id": 2,'))
    os.utime(world.instances, (ahead, ahead))
    told = run_child(*world.augment(10), prelude=BACK)
    assert told.code == 0, told.stderr
    assert 2 not in {added["source_id"] for added in told.report["added"]}
    assert run_child("remove", str(world.root), prelude=BACK).code == 0
    assert tree(world.root) == world.before


@pytest.mark.parametrize("hidden", [".fuse_hidden0000000100000001", ".nfs00000000000000010001"])
def test_deleted_files_that_stay_until_they_are_closed(
    tmp_path: Path, hidden: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FUSE and NFS give an open file that is deleted a hidden name: `.yolobg` must go all the same."""
    world = make_world(tmp_path)
    unlink, release = Path.unlink, FileLock.release

    def hide(path: Path, missing_ok: bool = False) -> None:
        if path.name in ("lock", "review.lock") and path.exists():
            path.rename(path.with_name(hidden))
        else:
            unlink(path, missing_ok=missing_ok)

    def close(lock: FileLock, force: bool = False) -> None:
        release(lock, force=force)
        unlink(Path(lock.lock_file).with_name(hidden), missing_ok=True)

    monkeypatch.setattr(Path, "unlink", hide)
    monkeypatch.setattr(FileLock, "release", close)
    report = yolobg.augment(world.root, count=3, annotations=world.instances, images=[world.images])
    assert len(report.added) == 3
    assert len(yolobg.remove(world.root).removed) == 3
    with hold_review(world.root):
        pass
    tried("machine faults")
    assert tree(world.root) == world.before


@pytest.mark.skipif(not shutil.which("bindfs") or not Path("/dev/fuse").exists(), reason="needs bindfs")
def test_on_fuse__remove_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "mounted").mkdir()
    mounted = subprocess.run(
        ["bindfs", str(tmp_path / "real"), str(tmp_path / "mounted")], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip(f"this machine does not let us mount: {mounted.stderr.decode()}")
    try:
        world = make_world(tmp_path, root=tmp_path / "mounted" / "data")
        world.check_recovers(run_child, 3)
    finally:
        subprocess.run(["umount", "-l", str(tmp_path / "mounted")], check=True)


@pytest.fixture
def open_path() -> Iterator[Path]:
    """A folder that every user reaches, unlike those of pytest."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_two_users_of_a_group__work_on_one_dataset(open_path: Path) -> None:
    """What the first leaves in `.yolobg` must not lock the second out, who may write because of the group alone."""
    if sys.platform != "linux" or os.geteuid() != 0 or not shutil.which("setpriv"):
        pytest.skip("to be two users needs Linux, root and setpriv")
    world, group = make_world(open_path), 42_000
    for path in [world.root, *world.root.rglob("*")]:
        os.chown(path, 0, group)
        path.chmod(0o2775 if path.is_dir() else 0o664)

    (open_path / "cache").mkdir()
    (open_path / "cache").chmod(0o777)
    env = {"YOLOBG_CACHE_DIR": str(open_path / "cache" / "of")}

    def prefix(user: int) -> list[str]:
        # Python itself may lie where only root may look; nothing is gained for writing.
        look = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
        return ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups", *look]

    def run_as(user: int, *arguments: str) -> Outcome:
        mine = {name: f"{value}{user}" for name, value in env.items()}
        return run_child(*arguments, prelude="import os; os.umask(0o002)", prefix=prefix(user), env=mine)

    for user, count in ((42_001, 2), (42_002, 3), (42_001, 4)):
        told = run_as(user, *world.augment(count))
        assert told.code == 0, told.stderr
        assert len(world.backgrounds()) == count
        tried("machine faults")
    holding = "import os, sys; os.umask(0o002); from pathlib import Path; from yolobg.changes.lock import hold\n"
    holding += f"with hold(Path({str(world.root)!r})): print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen([*prefix(42_001), sys.executable, "-c", holding], stdin=PIPE, stdout=PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        check_refused(run_as(42_002, *world.augment(5)), 6, "another yolobg is running", str(holder.pid))
        holder.communicate()
    assert run_as(42_002, "remove", str(world.root)).code == 0
    assert tree(world.root) == world.before


# What a limit on the processes of a user or a container does to Python, once so many threads are there.
FEW_THREADS = """
import threading
start = threading.Thread.start
def few(self):
    if threading.active_count() > {threads}:
        raise RuntimeError("can't start new thread")
    start(self)
threading.Thread.start = few
"""


@pytest.mark.parametrize("threads", [0, 1, 2, 3, 5])
@pytest.mark.parametrize("over_network", [False, True])
def test_few_threads__do_the_work_or_say_so(tmp_path: Path, threads: int, *, over_network: bool) -> None:
    """Fewer threads do the same; where none starts, that is told, and nothing is left behind."""
    world = make_world(tmp_path)
    with ImageServer(world.images) as server:
        place = [server.url] if over_network else [str(world.images)]
        command = ["augment", str(world.root), "--count", "3", "--annotations", str(world.instances), "--json"]
        told = run_child(*command, "--images", *place, prelude=FEW_THREADS.format(threads=threads))
    tried("machine faults")
    if told.code == 0:
        assert threads > 0
        assert len(world.backgrounds()) == 3
    else:
        check_refused(told, 1, "cannot start more threads", "ulimit -u")
        assert visible(world.root) == {n: c for n, c in world.before.items() if not n.startswith(".yolobg")}
    # A network's requests are made by a thread of their own.
    assert (told.code == 0) == (threads >= (2 if over_network else 1)), told.stderr
    world.check_recovers(run_child, 3)
