"""Ctrl-C at every line of the merge, its roll-back, `remove` and the recovery: nothing of the user lost, nothing left.

After each interrupt every label of ours is recorded or gone, what the user had is as it was, and `remove` brings the
tree back byte for byte.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from interrupting import PATHS, Interrupt, interrupts
from killing import KillServer, check_valid
from killing_data import THEIRS, make_dataset, make_source
from merging import Place, make_place, stage, tree, visible
from tally import tried

import yolobg
from yolobg import files
from yolobg.changes.lock import hold
from yolobg.changes.manifest import absolute, read_manifest
from yolobg.changes.merge import add
from yolobg.changes.removal import finish_interrupted, take_back
from yolobg.errors import MergeError

pytestmark = [
    # Only a guard against a hang: every line of a recovery takes minutes, and many more on a busy machine.
    pytest.mark.timeout(3600),
    # A file of which an interrupt has skipped the `__exit__` is closed by the collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning"),
]

LAYOUTS = ("folder", "list", "unlabelled")
ADDED = range(10, 12)
# Every line takes minutes; a stride that shares no factor with loops of a few lines meets most of them.
STRIDES = [pytest.param(31, id="some lines"), pytest.param(1, id="every line", marks=pytest.mark.sweep)]
# Where what is interrupted needs an interrupt to begin.
LONG_STRIDES = [
    pytest.param(67, id="some lines"),
    pytest.param(13, id="more lines", marks=pytest.mark.sweep),
    pytest.param(1, id="every line", marks=pytest.mark.slow),
]
MADE: dict[tuple[Path, str], tuple[Place, dict[str, bytes | None]]] = {}
# The user's own file, which looks very much like one of ours.
THEIR_LABEL = "labels/train/bg_demo_9.txt"


@pytest.fixture(autouse=True)
def plain_steps() -> Iterator[None]:
    yield
    files.on_step = files._ignore


def make(root: Path, layout: str) -> tuple[Place, dict[str, bytes | None]]:
    """A dataset anew, and its tree; what an earlier round left to the byte as it was made is that dataset."""
    place, before = MADE.get((root, layout), (None, None))
    if place is None or before is None or tree(root) != before:
        shutil.rmtree(root, ignore_errors=True)
        place = make_place(root, layout)
        if layout != "unlabelled":
            (root / THEIR_LABEL).write_bytes(b"")
        before = tree(root)
        MADE[root, layout] = place, before
    return place, before


def merge(place: Place) -> None:
    with hold(place.root):
        add(place.root, read_manifest(place.root), stage(place, ADDED))


def remove_added(place: Place) -> None:
    with hold(place.root):
        take_back(place.dataset)


def check(place: Place, before: dict[str, bytes | None], where: str) -> None:
    """What must hold at the moment after an interrupt, and after the `remove` that follows."""
    now = tree(place.root)
    for name, content in before.items():
        there = now.get(name, b"gone")
        listed = name == "train.txt" and (there or b"").startswith(content or b"")
        assert there == content or listed, f"{where}: {name} of the user has changed"
    recorded = {entry.label for entry in read_manifest(place.root).known}
    labels = {name for name in now.keys() - before.keys() if name.endswith(".txt")}
    assert labels <= recorded, f"{where}: {labels - recorded} are recorded nowhere"
    remove_added(place)
    assert tree(place.root) == before, where


def sweep(
    work: Callable[[Place], None],
    place_of: Callable[[], tuple[Place, dict[str, bytes | None]]],
    *,
    stride: int = 1,
    **options: Any,
) -> int:
    """Interrupt `work` at every line, or at each `stride`-th; returns how many lines there were."""
    last: list[tuple[Place, dict[str, bytes | None]]] = []

    def run(at: int) -> Interrupt:
        last[:] = [place_of()]
        interrupt = Interrupt(at, **options)
        with interrupt:
            try:
                work(last[0][0])
            except KeyboardInterrupt:
                # The first of two comes from `Broken`.
                assert interrupt.place or files.on_step is not files._ignore
            else:
                assert not interrupt.place, f"{interrupt.place}: the caller never heard of the interrupt"
        files.on_step = files._ignore
        return interrupt

    number = 0
    for number, interrupt in enumerate(interrupts(run, stride=stride), 1):  # noqa: B007 - the number of the last
        check(*last[0], interrupt.place)
    tried("interrupted lines", number)
    return number * stride


@pytest.mark.skipif(sys.platform == "win32", reason="there a list is always written in place")
@pytest.mark.parametrize("stride", STRIDES)
@pytest.mark.parametrize("work", [merge, remove_added], ids=["merge", "remove"])
def test_list_with_two_names__interrupted_at_every_line(
    scratch: Path, work: Callable[[Place], None], stride: int
) -> None:
    """It is changed in place, so that both names stay one file."""

    def place_of() -> tuple[Place, dict[str, bytes | None]]:
        place, before = make(scratch / "data", "list")
        assert place.list_file
        # Outside the root, where `check` does not look.
        (scratch / "second").unlink(missing_ok=True)
        os.link(place.list_file, scratch / "second")
        if work is remove_added:
            merge(place)
        return place, before

    paths = frozenset(path for path in PATHS if Path(path).name in ("list_file.py", "files.py", "contextlib.py"))
    assert sweep(work, place_of, stride=stride, paths=paths) > 100
    assert (scratch / "second").samefile(scratch / "data/train.txt")


DELIVERIES = [
    pytest.param("KeyboardInterrupt"),
    pytest.param("SIGINT", marks=[pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="POSIX")]),
]


def how(delivery: str) -> dict[str, Any]:
    """The option of `Interrupt` for a delivery."""
    return {"deliver": signal.SIGINT} if delivery == "SIGINT" else {}


@pytest.mark.parametrize("stride", STRIDES)
@pytest.mark.parametrize("delivery", DELIVERIES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_merge__interrupted_at_every_line(scratch: Path, layout: str, delivery: str, stride: int) -> None:
    assert sweep(merge, lambda: make(scratch / "data", layout), stride=stride, **how(delivery)) > 400


@pytest.mark.parametrize("stride", STRIDES)
@pytest.mark.parametrize("delivery", DELIVERIES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_remove__interrupted_at_every_line(scratch: Path, layout: str, delivery: str, stride: int) -> None:
    place, before = make(scratch / "full", layout)
    merge(place)

    def merged() -> tuple[Place, dict[str, bytes | None]]:
        root = scratch / "data"
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(place.root, root)
        return make_place_again(root, place), before

    assert sweep(remove_added, merged, stride=stride, **how(delivery)) > 300


def make_place_again(root: Path, place: Place) -> Place:
    """The same dataset in another folder."""
    listed = place.list_file and root / place.list_file.relative_to(place.root)
    return Place(root, root / place.images_dir.relative_to(place.root), listed)


# ---------------------------------------------------------------- a second interrupt


class Broken:
    """A `files.on_step` that interrupts at a step, and with `lasting` at each that follows."""

    def __init__(self, what: str, name: str, number: int = 1, *, lasting: bool = False) -> None:
        self.what, self.name, self.number, self.lasting = what, name, number, lasting
        self.begun = False

    def __call__(self, what: str, path: Path) -> None:
        # Steps of worker threads are not where an interrupt arrives.
        if threading.current_thread() is not threading.main_thread():
            return
        if self.begun:
            if self.lasting:
                raise KeyboardInterrupt
        elif what == self.what and path.name.startswith(self.name):
            self.number -= 1
            if not self.number:
                self.begun = True
                raise KeyboardInterrupt


FIRST = {
    "the last label": ("create", "bg_", len(ADDED)),
    "the last image": ("link", "bg_", len(ADDED)),
    "its old name": ("unlink", f"{ADDED[-1]}.staged", 1),
    "the list": ("rename", "train.txt", 1),
    "the end": ("rename", "manifest.json", 2),
    "after the end": ("rmdir", "staging", 1),
}


@pytest.mark.parametrize("stride", LONG_STRIDES)
@pytest.mark.parametrize("first", FIRST)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_rollback__interrupted_at_every_line(scratch: Path, layout: str, first: str, stride: int) -> None:
    """The first interrupt begins the roll-back, the second falls on any line of it."""
    if first == "the list" and layout != "list":
        pytest.skip("there is no list")
    broken = [Broken(*FIRST[first])]

    def place_of() -> tuple[Place, dict[str, bytes | None]]:
        broken[0] = Broken(*FIRST[first])
        return make(scratch / "data", layout)

    def work(place: Place) -> None:
        files.on_step = broken[0]
        merge(place)

    assert sweep(work, place_of, stride=stride, armed=lambda: broken[0].begun) > 90


@pytest.mark.parametrize("stride", LONG_STRIDES)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("command", ["add", "remove"])
def test_recovery__interrupted_at_every_line(scratch: Path, layout: str, command: str, stride: int) -> None:
    """Two interrupts have left half of the work; the next command goes on with it and is interrupted in its turn."""
    place, before = make(scratch / "half", layout)
    if command == "add":
        begun = Broken("link", "bg_", len(ADDED), lasting=True)
    else:
        merge(place)
        begun = Broken("unlink", "bg_", 2 + len(ADDED), lasting=True)
    files.on_step = begun
    with pytest.raises(KeyboardInterrupt):
        merge(place) if command == "add" else remove_added(place)
    files.on_step = files._ignore
    assert read_manifest(place.root).pending

    def half() -> tuple[Place, dict[str, bytes | None]]:
        root = scratch / "data"
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(place.root, root)
        return make_place_again(root, place), before

    def finish(there: Place) -> None:
        with hold(there.root):
            finish_interrupted(there.dataset)

    assert sweep(finish, half, stride=stride) > 150
    assert sweep(remove_added, half, stride=stride) > 200


def test_recovery__with_nothing_left_to_add_leaves_no_folder(scratch: Path) -> None:
    """What was staged is gone, so nothing can be added; the label folders that the merge had made go as well."""
    place, before = make(scratch / "data", "unlabelled")
    files.on_step = Broken("create", "bg_", lasting=True)
    with pytest.raises(KeyboardInterrupt):
        merge(place)
    files.on_step = files._ignore
    assert (place.root / "labels/train").is_dir()
    shutil.rmtree(place.staging)
    with hold(place.root):
        assert finish_interrupted(place.dataset).entries == ()
    assert visible(place.root) == before


# ---------------------------------------------------------------- files of the user that appear meanwhile


@pytest.mark.parametrize("stride", STRIDES)
def test_merge__leaves_an_empty_label_of_the_user_that_appears_in_the_last_moment(scratch: Path, stride: int) -> None:
    """It looks like ours to the byte; only that this merge did not create it tells whose it is."""
    theirs = f"labels/train/bg_demo_{ADDED[-1]}.txt"
    appeared: list[bool] = []

    def appear(what: str, path: Path) -> None:
        if what == "create" and path.name == Path(theirs).name and not appeared:
            path.write_bytes(b"")
            appeared.append(True)

    place: list[Place] = []

    def run(at: int) -> Interrupt:
        appeared.clear()
        place[:] = [make(scratch / "data", "folder")[0]]
        files.on_step = appear
        interrupt = Interrupt(at, armed=lambda: bool(appeared))
        with contextlib.suppress(KeyboardInterrupt, MergeError), interrupt:
            merge(place[0])
        files.on_step = files._ignore
        return interrupt

    number = 0
    for number, interrupt in enumerate(interrupts(run, stride=stride), 1):  # noqa: B007 - the number of the last
        # A roll-back that was cut short is finished by the next command, which cannot know any more whose it is.
        if read_manifest(place[0].root).pending is None:
            remove_added(place[0])
            assert (place[0].root / theirs).exists(), interrupt.place
        assert (place[0].root / theirs).exists(), interrupt.place
    tried("interrupted lines", number)
    assert number * stride > 100


# ---------------------------------------------------------------- between any two instructions


@pytest.mark.slow
@pytest.mark.parametrize("layout", LAYOUTS)
def test_merge__interrupted_at_every_instruction(scratch: Path, layout: str) -> None:
    assert sweep(merge, lambda: make(scratch / "data", layout), opcodes=True, paths=CORE) > 2000


CORE = frozenset(path for path in PATHS if Path(path).name in ("merge.py", "disk_state.py", "list_file.py", "files.py"))


# ---------------------------------------------------------------- the whole commands


COUNT = 3


class Command:
    """`augment` and `remove` on a dataset that is made anew each time."""

    def __init__(self, scratch: Path, layout: str) -> None:
        self.dataset = make_dataset(scratch / "template", layout)
        self.source = make_source(scratch / "source", 12)
        self.before, self.root, self.full = tree(self.dataset.template), scratch / "data", scratch / "full"
        self.add = {"annotations": str(self.source.instances), "images": [str(self.source.folder)],
                    "count": THEIRS + COUNT}  # fmt: skip
        self.dataset.copy(self.full)
        yolobg.augment(self.full, **self.add)  # type: ignore[arg-type]

    @property
    def line(self) -> list[str]:
        """The options on the command line."""
        return ["--annotations", str(self.source.instances), "--images", str(self.source.folder),
                "--count", str(THEIRS + COUNT)]  # fmt: skip

    def renew(self, command: str) -> None:
        shutil.rmtree(self.root, ignore_errors=True)
        shutil.copytree(self.dataset.template if command == "augment" else self.full, self.root)

    def check(self, where: str) -> None:
        check_valid(self.root, self.dataset.entries, self.before, self.source.images)
        recorded = {absolute(entry.label, self.root) for entry in read_manifest(self.root).known}
        labels = {label for label in self.root.rglob("bg_*.txt") if label not in recorded}
        assert not labels, f"{where}: {labels} are recorded nowhere"
        yolobg.remove(self.root)
        assert tree(self.root) == self.before, where


@pytest.mark.parametrize("more", [False, pytest.param(True, marks=pytest.mark.sweep)], ids=["some lines", "more lines"])
@pytest.mark.parametrize(
    "layout",
    [pytest.param("folder", marks=pytest.mark.sweep), "list", pytest.param("folders", marks=pytest.mark.sweep)],
)
@pytest.mark.parametrize("command", ["augment", "remove"])
@pytest.mark.parametrize("thread", ["main", "another"])
def test_python__interrupted_anywhere(scratch: Path, command: str, layout: str, thread: str, more: bool) -> None:
    """The interrupt reaches the caller, also in a thread where no handler of signals could be installed."""
    world = Command(scratch, layout)

    def run(at: int) -> Interrupt:
        world.renew(command)
        interrupt, ended = Interrupt(at), []

        def work() -> None:
            with interrupt:
                try:
                    yolobg.augment(world.root, **world.add) if command == "augment" else yolobg.remove(world.root)  # type: ignore[arg-type]
                except KeyboardInterrupt:
                    ended.append("interrupted")
                else:
                    ended.append("done")

        if thread == "main":
            work()
        else:
            worker = threading.Thread(target=work)
            worker.start()
            worker.join()
        assert ended == ["interrupted" if interrupt.place else "done"], interrupt.place
        return interrupt

    number = 0
    stride = (83 if command == "augment" else 29) * (1 if more else 7)
    for number, interrupt in enumerate(interrupts(run, stride=stride), 1):  # noqa: B007 - the number of the last
        world.check(interrupt.place)
    tried("interrupted lines", number)
    assert number * stride > 600


PROGRAM = """
import sys
from interrupting import run_command, run_function
how, at, name, *arguments = sys.argv[2:]
if how == "command":
    run_command(int(at), name, arguments)
else:
    run_function(int(at), name, *arguments[:2], **(eval(arguments[2])))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs fork and signals")
@pytest.mark.parametrize("layout", ["folder", "list", "folders"])
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("how", ["command", "function"])
@pytest.mark.parametrize("command", ["augment", "remove"])
def test_signal__at_any_line(
    scratch: Path, kill_server: KillServer, command: str, how: str, name: str, layout: str
) -> None:
    """The command line ends in good order; a program of somebody gets its `KeyboardInterrupt`, or dies of SIGTERM."""
    world = Command(scratch, layout)
    code = 130 if how == "command" else 70 if name == "SIGINT" else -signal.SIGTERM
    at, number = 1, 0
    while True:
        world.renew(command)
        if how == "command":
            rest = [command, str(world.root), *(world.line if command == "augment" else ())]
        else:
            rest = [command, str(world.root), repr(world.add if command == "augment" else {})]
        ran = kill_server.run("-c", PROGRAM, how, str(at), name, *rest)
        if "<interrupted>" not in ran.err:
            assert ran.code == 0, ran.err
            break
        assert ran.code == code, ran.err
        assert ("KeyboardInterrupt" in ran.err) == (code == 70), ran.err
        world.check(f"line {at}")
        at, number = at + 37, number + 1
    tried("signals", number)
    assert number > 15
