"""The real command in processes that are killed at a step or after a time; and what must hold at that moment.

    with KillServer() as server:
        ran = server.run("augment", data_yaml, ..., kill_at=7)      # SIGKILL just before the 7th change to the disk
        assert ran.killed and ran.points[-1] == "rename manifest.json"

A fresh interpreter takes half a second to import the command, a fork of one that has done so 20 ms. The server is that
one: a process without threads, started by the test, which forks a child for each order.

A *point* is a step of `yolobg.files`, or a change to a watched folder that Python's audit events tell of and that has
no step of its own (as within `shutil.rmtree`). So the points do not rest on somebody's having remembered to call
`step`; changes that no step told of are listed as `lone`.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import glob
import hashlib
import importlib
import io
import itertools
import json
import os
import pkgutil
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn

import tally
from merging import tree
from PIL import Image
from reviewing import make_sample

import yolobg
from yolobg import __main__, files

__all__ = ["KillServer", "Ran", "check_cache", "check_valid", "kills", "quick_folder", "shared_server", "trained_on"]

LIMIT_S = 60.0
# Audit event to the steps that tell of it.
TOLD_BY = {
    "open": {"write", "create", "lock"},
    "os.remove": {"unlink", "rename", "rmtree"},
    "os.rename": {"rename", "link"},
    "os.mkdir": {"mkdir"},
    "os.rmdir": {"rmdir", "rmtree"},
    "os.link": {"link"},
    "os.symlink": {"link"},
    # Some versions of filelock empty the file that they lock.
    "os.truncate": {"write", "create", "lock"},
    "sqlite3.connect": {"create"},
}


@dataclass(frozen=True)
class Ran:
    """How a command ended.

    Attributes:
        killed: Whether the kill hit it; else it came to its end by itself.
        code: Its exit code; -9 where it was killed.
        out: What it printed.
        err: What it told.
        seconds: How long it ran.
        points: What it was about to do, in order; it was killed at the last of them.
        lone: Changes that no step told of.
    """

    killed: bool
    code: int
    out: str
    err: str
    seconds: float
    points: tuple[str, ...]
    lone: tuple[str, ...]

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class KillServer:
    """Runs commands in forks of one process that has imported everything."""

    def __enter__(self) -> KillServer:
        here = str(Path(__file__).parent)
        self._process = subprocess.Popen(
            [sys.executable, "-c", f"import sys; sys.path.append({here!r}); import killing; killing.serve()"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin
        assert self._process.stdout
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(LIMIT_S)

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def run(
        self,
        *arguments: str | Path,
        kill_at: int | str | None = None,
        kill_after_s: float | None = None,
        watch: Sequence[Path] = (),
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> Ran:
        """Run the command.

        Args:
            arguments: As on the command line; or `-c`, a program, and its arguments, as for Python.
            kill_at: The point at which it kills itself, by its number (from 1) or its text; None for never.
            kill_after_s: The time after which it is killed from outside; None for never.
            watch: Folders in which every change is a point; the steps are points in any case.
            env: Further variables.
            cwd: The folder that it runs in; that of the tests if None.
        """
        order = {
            "arguments": list(map(str, arguments)),
            "kill_at": kill_at,
            "kill_after_s": kill_after_s,
            "watch": [os.path.realpath(folder) for folder in watch],
            "env": {**os.environ, **(env or {})},
            "cwd": str((cwd or Path()).absolute()),
        }
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline() or "{}")
        assert answer, f"the kill server died (exit code {self._process.poll()})"
        points = [line.removeprefix("! ") for line in answer["points"]]
        lone = [line.removeprefix("! ") for line in answer["points"] if line.startswith("! ")]
        return Ran(**{**answer, "points": tuple(points), "lone": tuple(lone)})


_SHARED: list[KillServer] = []


def shared_server() -> KillServer:
    """The server of this process's tests, started by the first that asks; its end is that of the tests."""
    if _SHARED and not _SHARED[0].is_alive():
        _SHARED.clear()  # a test has killed it; the next one gets another
    if not _SHARED:
        _SHARED.append(KillServer().__enter__())
        atexit.register(_SHARED[0].__exit__, None, None, None)
    return _SHARED[0]


def kills(run: Callable[[int], Ran], *, code: int = 0) -> Iterator[tuple[int, Ran]]:
    """Run with a kill at point 1, 2, 3 ... until one comes to its end, which is to be with that exit code."""
    for point in itertools.count(1):
        ran = run(point)
        if not ran.killed:
            assert ran.code == code, ran.err
            tally.tried("kill points", point - 1)
            return
        assert len(ran.points) == point
        yield point, ran


@contextlib.contextmanager
def quick_folder(otherwise: Path) -> Iterator[Path]:
    """A new folder in memory where there is one, since thousands of flushes cost nothing there.

    What a killed process leaves is the same on every file system; only a power cut makes a difference.
    """
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK) or shutil.disk_usage(memory).free < 1 << 28:
        yield otherwise
        return
    with tempfile.TemporaryDirectory(prefix="yolobg-", dir=memory) as folder:
        yield Path(folder)


# ---------------------------------------------------------------- within the server


def serve() -> None:
    """Carry out orders, one a line, until there are no more."""
    for module in pkgutil.walk_packages(yolobg.__path__, "yolobg."):
        if not module.name.startswith(("yolobg.ultralytics", "yolobg.__main__")):
            try:
                importlib.import_module(module.name)
            except ModuleNotFoundError as error:
                # What an extra that is not installed brings (pyarrow) is not needed for what is killed here.
                if str(error.name).startswith("yolobg"):
                    raise
    with tempfile.TemporaryDirectory(prefix="yolobg-kill-") as folder:
        _warm_up(Path(folder))
    gc.collect()
    gc.freeze()
    assert threading.active_count() == 1, "a fork of several threads may hang"
    for line in sys.stdin:
        with tempfile.TemporaryDirectory(prefix="yolobg-kill-") as folder:
            print(json.dumps(_carry_out(json.loads(line), Path(folder))), flush=True)


def _warm_up(folder: Path) -> None:
    """Run some commands here: what they import and work out once, no child has to."""
    data = make_sample(folder / "sample")
    source = data.parent / "source"
    options = ("--annotations", source / "annotations/instances_sample.json", "--images", source / "images")
    there = os.environ.get("YOLOBG_CACHE_DIR")
    os.environ["YOLOBG_CACHE_DIR"] = str(folder / "cache")
    with (folder / "told").open("w") as told, contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
        for arguments in (("augment", data, *options, "--count", "2"), ("status", data), ("remove", data)):
            assert _run_command(list(map(str, arguments))) == 0, (folder / "told").read_text()
    if there is not None:
        os.environ["YOLOBG_CACHE_DIR"] = there


def _carry_out(order: dict[str, Any], folder: Path) -> dict[str, Any]:
    # A child may be killed before it can make them.
    for name in ("out", "err", "points"):
        (folder / name).touch()
    began = time.monotonic()
    pid = os.fork()
    if pid == 0:
        _be_the_command(order, folder)
    # A command that hangs is killed too, and shows as one that took far too long.
    limit = LIMIT_S if order["kill_after_s"] is None else order["kill_after_s"]
    _wait_for_end(pid, began + limit - time.monotonic())
    _, status = os.waitpid(pid, 0)
    seconds = time.monotonic() - began
    code = os.waitstatus_to_exitcode(status)
    told = {name: (folder / name).read_text("utf-8", "replace") for name in ("out", "err", "points")}
    return {"killed": code == -signal.SIGKILL, "code": code, "seconds": seconds, "out": told["out"], "err": told["err"],
            "points": told["points"].splitlines()}  # fmt: skip


def _wait_for_end(pid: int, seconds: float) -> None:
    """Wait for the end of a child and kill it when the time is over, without looking again and again."""
    former = signal.signal(signal.SIGALRM, lambda _number, _frame: os.kill(pid, signal.SIGKILL))
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 1e-6), LIMIT_S)
    try:
        # It is left to be waited for: else the alarm might kill another that has got its number.
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)


def _be_the_command(order: dict[str, Any], folder: Path) -> NoReturn:
    """In the child: be `python -m yolobg` with these arguments; does not return."""
    code = 70
    try:
        flags = os.O_CREAT | os.O_WRONLY | os.O_APPEND
        out, err, log = (os.open(folder / name, flags, 0o600) for name in ("out", "err", "points"))
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out, 1)
        os.dup2(err, 2)
        sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115 - the streams of this process, to its end
        os.environ.clear()
        os.environ.update(order["env"])
        os.chdir(order["cwd"])
        _Points(log, order["kill_at"], tuple(order["watch"])).begin()
        code = _run_command(order["arguments"])
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        # Not `sys.exit`: that would go on as a second server.
        os._exit(code)


def _run_command(arguments: Sequence[str]) -> int:
    try:
        if arguments[:1] == ["-c"]:
            sys.argv = list(arguments)
            exec(arguments[1], {"__name__": "__main__"})
        else:
            sys.argv = [str(Path(__main__.__file__)), *arguments]
            __main__.main()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001 - a bug of the command: told on stderr, as Python would, for the test to show
        traceback.print_exc()
        return 70
    return 0


@dataclass
class _Points:
    """Counts the points of this process, writes each down, and ends the process at one of them."""

    log: int
    last: int | str | None
    watched: tuple[str, ...]
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    lock: threading.Lock = field(default_factory=threading.Lock)
    thread: threading.local = field(default_factory=threading.local)

    def begin(self) -> None:
        files.on_step = self.step
        if self.watched:
            sys.addaudithook(self.audit)

    def step(self, what: str, path: Path) -> None:
        self.thread.told, self.thread.fresh = what, True
        self.reach(f"{what} {path.name}")

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event not in TOLD_BY or not self.is_change(event, arguments):
            return
        told, fresh = getattr(self.thread, "told", ""), getattr(self.thread, "fresh", False)
        self.thread.fresh = False
        if told not in TOLD_BY[event]:
            self.reach(f"! {event} {arguments[0]}")
        elif not fresh:
            self.reach(f"{event} {arguments[0]}")

    def is_change(self, event: str, arguments: tuple[Any, ...]) -> bool:
        if event == "open" and not (arguments[2] or 0) & (os.O_CREAT | os.O_TRUNC):
            return False
        if not isinstance(arguments[0], (str, bytes, os.PathLike)):
            return event == "os.truncate"
        path = os.fsdecode(arguments[0])
        # Below a folder that is open, as `rmtree` has them; nothing else here works that way.
        if event in ("os.remove", "os.rmdir") and arguments[1] >= 0:
            return True
        # filelock makes its folder, which is there; some of our own removals are of what may be there.
        if event in ("os.mkdir", "os.remove", "os.rmdir") and os.path.lexists(path) == (event == "os.mkdir"):
            return False
        if event == "sqlite3.connect" and "mode=ro" in path:
            return False
        return os.path.realpath(path).startswith(self.watched)

    def reach(self, what: str) -> None:
        with self.lock:
            os.write(self.log, what.replace("\n", " ").encode("utf-8", "backslashreplace") + b"\n")
            if self.last in (next(self.numbers), what):
                os.kill(os.getpid(), signal.SIGKILL)
                time.sleep(LIMIT_S)  # the signal may take a moment; nothing more may be done meanwhile


# ---------------------------------------------------------------- what must hold at any moment


def trained_on(root: Path, entries: Sequence[str]) -> dict[str, Path]:
    """Image path (relative to the root) to its label file, as Ultralytics finds them in folders and list files.

    Written down anew from Ultralytics' rules, so that no reader of ours vouches for itself.
    """
    images: list[str] = []
    for entry in entries:
        place = root / entry
        if place.is_dir():
            images += glob.glob(str(place / "**" / "*.*"), recursive=True)  # noqa: PTH207 - as Ultralytics does
        else:
            lines = place.read_text("utf-8").strip().splitlines()
            images += [line.replace("./", f"{place.parent}/") if line.startswith("./") else line for line in lines]
    found = {}
    for image in sorted(images):
        if image.rpartition(".")[2].lower() in ("jpg", "jpeg", "png", "bmp", "tif", "tiff", "webp"):
            label = f"{os.sep}labels{os.sep}".join(image.rsplit(f"{os.sep}images{os.sep}", 1)).rpartition(".")[0]
            found[Path(image).relative_to(root).as_posix()] = Path(f"{label}.txt")
    return found


def check_valid(
    root: Path, entries: Sequence[str], before: Mapping[str, bytes | None], source: Mapping[str, bytes]
) -> list[str]:
    """Check a dataset at the moment of a kill; returns the images of ours that a trainer would find.

    What the user had is as it was (a list file: their lines, then whole lines of ours); every image of ours is whole,
    is one of the source, is listed once and has an empty label; nothing else has come but hidden files.

    Args:
        root: The dataset's folder.
        entries: The folders and list files of the split.
        before: The tree as it was, from `merging.tree`.
        source: The source's images by the end of their names.
    """
    now = tree(root)
    lists = [entry for entry in entries if (root / entry).is_file()]
    for name, content in before.items():
        assert name in now, f"{name} of the user is gone"
        if name not in lists:
            assert now[name] == content, f"{name} of the user has changed"
    found = trained_on(root, entries)
    ours = [image for image in found if image not in before]
    for image in ours:
        content = now[image]
        assert content is not None, f"{image} is listed and not there"
        assert content == source[Path(image).name.rpartition("_")[2]], f"{image} is not what the source has"
        _check_decodes(content, image)
        assert found[image].is_file(), f"{image} has no label file"
        assert found[image].read_bytes() == b"", f"{image} has somebody else's label"
    assert len({hashlib.sha256(now[image] or b"").digest() for image in ours}) == len(ours), "an image came in twice"
    for name in lists:
        _check_list(before[name] or b"", now[name] or b"", name)
    _check_nothing_else(now, before)
    return ours


def _check_decodes(content: bytes, image: str) -> None:
    with contextlib.closing(Image.open(io.BytesIO(content))) as picture:
        picture.load()
        assert picture.size[0] >= 10, image


def _check_list(before: bytes, now: bytes, name: str) -> None:
    assert now.startswith(before), f"lines of the user in {name} have changed"
    rest = now[len(before) :]
    if rest:
        assert before.endswith(b"\n") != rest.startswith((b"\n", b"\r")), f"{name}: a line of the user was lengthened"
        lines = rest.split()
        assert all(line.rpartition(b"/")[2].startswith(b"bg_") and line.endswith(b".jpg") for line in lines), rest
        assert len(set(lines)) == len(lines), rest


def _check_nothing_else(now: Mapping[str, bytes | None], before: Mapping[str, bytes | None]) -> None:
    for name in now.keys() - before.keys():
        parts = name.split("/")
        hidden = any(part.startswith(".") for part in parts)
        label_folder = now[name] is None and parts[0] == "labels"
        assert hidden or label_folder or parts[-1].startswith("bg_"), f"{name} is neither the user's nor ours"


def check_cache(cache: Path) -> None:
    """Every catalog under its final name is whole: the name ends in the first digits of its content's SHA-256."""
    for path in (cache / "catalogs").glob("[!.]*.sqlite"):
        assert hashlib.sha256(path.read_bytes()).hexdigest().startswith(path.stem.rpartition("-")[2]), path
