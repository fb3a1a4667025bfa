"""What the tests of a failing machine share: a small world, the command, faults, and what must hold under them.

The world is a dataset and a source on disk. `Fault` fails chosen disk steps; `small_disk` is a real file system that
can be made too small and large again.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import pkgutil
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import command_line
import pytest
from merging import tree, visible
from PIL import Image

from yolobg import cli, files
from yolobg.cli.app import app

LABELLED = 6
POOL = 12
LAYOUTS = ("folder", "list", "several")
# Everything a person may be told by, save 1 for a bug: that one has a traceback, which is looked for.
TIME_LIMIT_S = 300
# Imported once: that takes as long as a small run.
COMMAND = app
for command in pkgutil.iter_modules(cli.__path__, "yolobg.cli."):
    importlib.import_module(command.name)
# The steps that a full disk refuses; taking away and giving other names still works there.
ROOM = frozenset({"write", "create", "mkdir", "link", "fsync"})


@dataclass(frozen=True)
class Outcome:
    """What a command answered."""

    code: int
    stdout: str
    stderr: str

    @property
    def report(self) -> Any:
        return json.loads(self.stdout)


@dataclass
class World:
    """A dataset of six labelled images (and two of val) at `root`, and a source of twelve other pictures."""

    root: Path
    layout: str
    instances: Path
    before: dict[str, bytes | None] = field(default_factory=dict)

    @property
    def images(self) -> Path:
        return self.instances.parent / "images"

    @property
    def list_file(self) -> str | None:
        return "train.txt" if self.layout == "list" else None

    def augment(self, count: int = 3) -> list[str]:
        """The arguments that ask for `count` backgrounds in all."""
        return [
            "augment", str(self.root), "--annotations", str(self.instances), "--images", str(self.images),
            "--count", str(count), "--json",
        ]  # fmt: skip

    def backgrounds(self) -> list[Path]:
        return sorted(self.root.glob("images/**/bg_*.jpg"))

    def interrupted(self) -> bool:
        """Whether `status` says that a run is unfinished."""
        return bool(run_inside("status", str(self.root), "--json").report["interrupted"])

    def check_valid(self, *, parts: bool = False) -> None:
        """What was there is byte-identical; what is new is ours, whole, and has no label that says anything.

        With `parts`, our hidden temporary files may be there too, since a dead disk does not let go of them.
        """
        now, originals = visible(self.root), {image.read_bytes() for image in self.images.iterdir()}
        for name, content in self.before.items():
            if name == self.list_file and name in now:
                self._check_list(content or b"", now[name] or b"")
            else:
                assert now.get(name, b"gone") == content, f"{name} of the user has changed"
        for name in now.keys() - self.before.keys():
            path = Path(name)
            if parts and path.name.startswith(".yolobg-") and (path.suffix == ".part" or now[name] == b""):
                continue
            if now[name] is None:
                assert path.name == "labels" or path.parent.name == "labels", f"{name}: a strange folder"
            elif path.suffix == ".jpg":
                assert path.name.startswith("bg_"), name
                assert now[name] in originals, f"{name}: half an image"
                label = path.with_suffix(".txt").as_posix().replace("images/", "labels/")
                assert now.get(label) == b"", f"{name}: its label says {now.get(label)!r}"
            else:
                assert (path.name[:3], path.suffix, now[name]) == ("bg_", ".txt", b""), f"{name}: left behind"

    def _check_list(self, theirs: bytes, now: bytes) -> None:
        assert now.startswith(theirs), "a line of the user has changed"
        for line in now[len(theirs) :].decode().splitlines():
            assert not line or (self.root / line).is_file(), f"the list names {line}, which is not there"

    def check_recovers(self, run: Callable[..., Outcome], count: int = 3) -> None:
        """The same command ends with the exact count now, and `remove` leaves the tree as it was."""
        again = run(*self.augment(count))
        assert again.code == 0, again.stderr
        assert again.report["after"]["backgrounds"] == len(self.backgrounds()) == count
        self.check_valid()
        assert self.list_file is None or (self.root / "train.txt").read_text().count("/bg_") == count
        removed = run("remove", str(self.root))
        assert removed.code == 0, removed.stderr
        assert tree(self.root) == self.before


def make_world(folder: Path, layout: str = "folder", *, side: int = 48, root: Path | None = None) -> World:
    """Make a world below `folder`, its dataset at `root` where that is given; a picture of side 48 takes 2 kB."""
    world = World(root or folder / "data", layout, folder / "source" / "instances_pool.json")
    world.images.mkdir(parents=True)
    records = []
    for number in range(1, POOL + 1):
        _picture(world.images / f"im{number:02}.jpg", number, side)
        records.append({"id": number, "file_name": f"im{number:02}.jpg", "width": side, "height": side})
    names = [{"id": 1, "name": "person"}, {"id": 18, "name": "dog"}]
    held = [{"id": 1, "image_id": 1, "category_id": 1, "iscrowd": 0}]
    world.instances.write_text(json.dumps({"images": records, "annotations": held, "categories": names}))
    for split, count in (("train", LABELLED), ("val", 2)):
        for number in range(count):
            home = f"{split}{number % 2}" if layout == "several" and split == "train" else split
            image = world.root / "images" / home / f"{split}{number}.jpg"
            label = world.root / "labels" / home / f"{split}{number}.txt"
            image.parent.mkdir(parents=True, exist_ok=True)
            label.parent.mkdir(parents=True, exist_ok=True)
            _picture(image, 100 + number + len(split), 32)
            label.write_text(f"0 0.5 0.5 0.{number + 1} 0.1\n")
    train = {"folder": "images/train", "list": "train.txt", "several": "[images/train0, images/train1]"}[layout]
    if layout == "list":
        # Windows line ends and none at the end: what is easily lost.
        lines = [f"./images/train/train{number}.jpg" for number in range(LABELLED)]
        (world.root / "train.txt").write_bytes("\r\n".join(lines).encode())
    (world.root / "data.yaml").write_text(f"train: {train}\nval: images/val\nnames: [person]\n")
    world.before.update(tree(world.root))
    return world


def _picture(file: Path, seed: int, side: int) -> None:
    """A picture of its own; noise, so that its size grows with its side."""
    noise = Image.effect_noise((side, side), 60 + seed)
    Image.merge("RGB", (noise, noise.point(lambda v: (v + 40 * seed) % 256), noise)).save(file, quality=80)


# ---------------------------------------------------------------- the command


def run_inside(*arguments: str) -> Outcome:
    """The command in this process: quick, so that thousands of faults can be tried."""
    out, err = io.StringIO(), io.StringIO()
    code: Any = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            COMMAND(list(arguments))
        except SystemExit as ended:
            code = ended.code
    return Outcome(int(code or 0), out.getvalue(), err.getvalue())


def run_child(
    *arguments: str,
    prelude: str = "",
    prefix: Sequence[str] = (),
    cwd: Path | None = None,
    unset: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
) -> Outcome:
    """The real command in a process of its own; `prelude` is Python that the machine does to it before it begins."""
    if not (prelude or prefix or unset):
        ran = command_line.run(*arguments, cwd=cwd, **(env or {}))
        return Outcome(ran.returncode, ran.stdout, ran.stderr)
    start = ["-c", f"import sys\n{prelude}\nfrom yolobg.__main__ import main\nmain()"] if prelude else ["-m", "yolobg"]
    environment = {name: value for name, value in {**os.environ, **(env or {})}.items() if name not in unset}
    done = subprocess.run(
        [*prefix, sys.executable, *start, *arguments], capture_output=True, text=True, check=False, cwd=cwd,
        env=environment, timeout=TIME_LIMIT_S, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return Outcome(done.returncode, done.stdout, done.stderr)


def check_refused(told: Outcome, codes: int | Sequence[int], *words: str) -> None:
    """A message of ours that holds these words, the right exit code, nothing on stdout, no traceback."""
    assert "Traceback" not in told.stderr, told.stderr
    assert told.code in ((codes,) if isinstance(codes, int) else codes), (told.code, told.stderr)
    assert told.stderr.startswith("yolobg: error: "), told.stderr
    assert told.stdout == ""
    for word in words:
        assert word in told.stderr, told.stderr


# ---------------------------------------------------------------- faults


class Fault:
    """Fails the disk step number `at` of those in question, and with `lasting` all that come after it.

    Attributes:
        tried: How many steps were failed.
        where: The first step that was.
    """

    def __init__(
        self,
        at: int,
        number: int,
        *,
        lasting: bool = False,
        steps: Collection[str] | None = None,
        below: Path | None = None,
    ) -> None:
        self.at, self.number, self.lasting, self.steps, self.below = at, number, lasting, steps, below
        self.tried = self._seen = 0
        self.where = ""
        self._lock = threading.Lock()

    def __call__(self, what: str, path: Path) -> None:
        if self.steps is not None and what not in self.steps:
            return
        if self.below is not None and self.below not in path.parents:
            return
        with self._lock:
            self._seen += 1
            hit = self._seen == self.at or (self.lasting and self._seen > self.at)
            if hit:
                self.tried += 1
                self.where = self.where or f"{what} {path}"
        if hit:
            raise OSError(self.number, os.strerror(self.number), str(path))

    @contextlib.contextmanager
    def on(self) -> Iterator[None]:
        """Whatever this process does meanwhile meets the fault."""
        files.on_step = self
        try:
            yield
        finally:
            files.on_step = files._ignore


class SmallDisk:
    """A tmpfs that can be made smaller and larger while it is used."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def limit(self, **options: int | str) -> None:
        """Change its limits: `size` in bytes (rounded to pages), `nr_inodes`; 0 is no limit."""
        told = ",".join(f"{name}={value}" for name, value in options.items())
        _mount("-o", f"remount,{told}", str(self.place))

    def used(self) -> tuple[int, int]:
        """Bytes and inodes in use."""
        stat = os.statvfs(self.place)
        return (stat.f_blocks - stat.f_bfree) * stat.f_frsize, stat.f_files - stat.f_ffree

    def read_only(self, *, yes: bool = True) -> None:
        _mount("-o", "remount,ro" if yes else "remount,rw", str(self.place))


@contextlib.contextmanager
def small_disk(place: Path) -> Iterator[SmallDisk]:
    """Mount a file system at `place`; skips the test where that is not allowed."""
    # A disk that is really full cannot be had otherwise; the same faults are injected everywhere by `Fault`.
    if sys.platform != "linux" or os.geteuid() != 0 or not shutil.which("mount"):
        pytest.skip("mounting a file system needs Linux and root")
    place.mkdir(parents=True, exist_ok=True)
    try:
        _mount("-t", "tmpfs", "-o", "size=64m,nr_inodes=4096", "tmpfs", str(place))
    except subprocess.CalledProcessError as error:
        # Root of a container often may not.
        pytest.skip(f"this machine does not let root mount: {error.stderr.strip()}")
    try:
        yield SmallDisk(place)
    finally:
        # Lazily, so that a process still in it cannot keep it.
        subprocess.run(["umount", "-l", str(place)], check=True, capture_output=True)


@contextlib.contextmanager
def bind_mount(folder: Path, place: Path) -> Iterator[None]:
    """Show a folder at another place of its disk, as `docker -v` does; skips the test where that is not allowed."""
    if sys.platform != "linux" or os.geteuid() != 0 or not shutil.which("mount"):
        pytest.skip("mounting needs Linux and root")
    place.mkdir(parents=True, exist_ok=True)
    try:
        _mount("--bind", str(folder), str(place))
    except subprocess.CalledProcessError as error:
        pytest.skip(f"this machine does not let root mount: {error.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True, capture_output=True)


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True, capture_output=True, text=True)
