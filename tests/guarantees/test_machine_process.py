"""What happens to the process: signals, closed streams, no home, a folder that is gone, others at work beside it."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from image_server import ImageServer
from machine import World, check_refused, make_world, run_child, run_inside, small_disk
from merging import tree, visible
from PIL import Image
from tally import tried

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(sys.platform == "win32", reason="signals and streams of POSIX"),
]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path)


# ---------------------------------------------------------------- signals


@contextlib.contextmanager
def downloading(
    world: World, *prefix: str, hangs_after: int | None = None
) -> Iterator[tuple[subprocess.Popen[str], list[str], ImageServer]]:
    """An augment of ten, two at a time, that has fetched some; yields the process, its command and the server."""
    images = {f"/{image.name}": image.read_bytes() for image in world.images.iterdir()}
    with ImageServer(images, latency_s=0.3, hangs_after=hangs_after) as server:
        command = [argument if argument != str(world.images) else server.url for argument in world.augment(10)]
        whole = [*prefix, sys.executable, "-m", "yolobg", *command, "--jobs", "2"]
        with subprocess.Popen(whole, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            try:
                wait_for(lambda: len(server.log) >= 6)
                yield process, command, server
            finally:
                process.kill()


def wait_for(happened: object, seconds: float = 60.0) -> None:
    assert callable(happened)
    until = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.01)


def staged(world: World) -> int:
    return len(list((world.root / ".yolobg").rglob("*.staged")))


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_signal__once_ends_in_good_order(world: World, name: str) -> None:
    with downloading(world, hangs_after=5) as (process, command, server):
        process.send_signal(getattr(signal, name))
        _, told = process.communicate(timeout=300)
        tried("machine faults")
        assert process.returncode == 130, told
        assert told.startswith("yolobg: interrupted; the dataset is valid and what was fetched is kept")
        assert "Traceback" not in told
        assert visible(world.root) == world.before
        assert staged(world) > 0
        assert not list((world.root / ".yolobg").rglob("*.part"))
        server.hangs_after = None
        again = run_child(*command)
        assert again.code == 0, again.stderr
        assert len(world.backgrounds()) == 10
    world.check_valid()
    world.check_recovers(run_inside, 10)


@pytest.mark.sample
def test_signal__twice_ends_at_once(world: World) -> None:
    """The second does not wait for anything, not even for a disk that hangs."""
    hang = (
        "import time\nfrom yolobg.images.workers import Workshop\n"
        "Workshop.close = lambda _: (print('hangs', flush=True), time.sleep(1000))"  # a hung disk outlasts the test
    )
    images = {f"/{image.name}": image.read_bytes() for image in world.images.iterdir()}
    with ImageServer(images, hangs_after=4) as server:
        command = [argument if argument != str(world.images) else server.url for argument in world.augment(10)]
        start = f"import sys\n{hang}\nfrom yolobg.__main__ import main\nmain()"
        whole = [sys.executable, "-c", start, *command]
        with subprocess.Popen(whole, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            wait_for(lambda: len(server.log) >= 5)
            process.send_signal(signal.SIGINT)
            assert process.stdout
            assert process.stdout.readline() == "hangs\n"
            process.send_signal(signal.SIGINT)
            _, told = process.communicate(timeout=300)
    tried("machine faults")
    assert process.returncode == 130
    assert told == "\nyolobg: stopped at once; the dataset is valid, and the next run tidies up\n"
    world.check_valid()
    world.check_recovers(run_inside)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_signal__while_the_command_line_is_imported(name: str) -> None:
    prelude = f"""
import os, signal
class Interrupting:
    def find_spec(self, wanted, *_):
        if wanted == "click":
            os.kill(os.getpid(), signal.{name})
sys.meta_path.insert(0, Interrupting())
"""
    outcome = run_child("--version", prelude=prelude)
    tried("machine faults")
    assert (outcome.code, outcome.stdout) == (130, "")
    assert outcome.stderr == "yolobg: interrupted before anything was done\n"


def test_signal__that_is_ignored_stays_so(world: World) -> None:
    """`nohup` asks for that: a terminal that is closed must not end the run."""
    with downloading(world, sys.executable, "-c", IGNORING) as (process, _, _):
        process.send_signal(signal.SIGHUP)
        out, told = process.communicate(timeout=300)
    tried("machine faults")
    assert process.returncode == 0, told
    assert len(json.loads(out)["added"]) == 10
    world.check_recovers(run_inside, 10)


IGNORING = "import os, signal, sys\nsignal.signal(signal.SIGHUP, signal.SIG_IGN)\nos.execv(sys.argv[1], sys.argv[1:])"


@pytest.mark.sample
def test_signals__are_given_back_to_a_program_that_takes_over() -> None:
    """`yolobg train` becomes Ultralytics, whose own ways with Ctrl-C and SIGTERM then hold."""
    code = """
import signal
from yolobg.cli.process import own_signals, plain_signals
with own_signals():
    assert signal.getsignal(signal.SIGTERM) not in (signal.SIG_DFL, signal.SIG_IGN)
    plain_signals()
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr


# ---------------------------------------------------------------- streams


@pytest.mark.parametrize("streams", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-", "</dev/full", ">/dev/full", "2>/dev/full"])
def test_streams__that_are_closed_or_full(world: World, streams: str) -> None:
    """The work is done all the same; a report that could not be written is told."""
    command = " ".join([f"'{sys.executable}' -m yolobg", *(f"'{argument}'" for argument in world.augment())])
    done = subprocess.run(
        ["sh", "-c", f"{command} {streams}"], capture_output=True, text=True, check=False, timeout=300
    )
    tried("machine faults")
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    if streams == ">/dev/full":
        check_told = "yolobg: error: standard output: cannot be written: "
        assert done.stderr.startswith(check_told), done.stderr
        assert done.returncode == 1
    else:
        assert done.returncode == 0, done.stderr
    assert len(world.backgrounds()) == 3
    world.check_valid()
    world.check_recovers(run_inside)


@pytest.mark.parametrize("streams", ["2>&-", "2>/dev/full"])
def test_streams__an_error_that_nobody_can_read_keeps_its_code(world: World, streams: str) -> None:
    (world.root / "data.yaml").unlink()
    command = " ".join([f"'{sys.executable}' -m yolobg", *(f"'{argument}'" for argument in world.augment())])
    done = subprocess.run(
        ["sh", "-c", f"{command} {streams}"], capture_output=True, text=True, check=False, timeout=300
    )
    tried("machine faults")
    assert done.returncode == 3
    assert done.stdout == ""


@pytest.mark.parametrize("command", ["augment", "status", "classes"])
def test_head__that_takes_one_line_and_goes(world: World, command: str) -> None:
    arguments = {
        "augment": world.augment(),
        "status": ["status", str(world.root), "--files", "--json"],
        "classes": ["classes", *world.augment()[1:6], "--json"],
    }[command]
    line = " ".join([f"'{sys.executable}' -m yolobg", *(f"'{argument}'" for argument in arguments), "| head -c 1"])
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False, timeout=300)
    tried("machine faults")
    assert done.stdout == "{"
    assert done.stderr == ""
    assert len(world.backgrounds()) == (3 if command == "augment" else 0)
    world.check_valid()


# ---------------------------------------------------------------- surroundings

NOBODY = "import pwd\ndef no(_): raise KeyError\npwd.getpwuid = pwd.getpwnam = no"


def test_no_home__is_told_and_nothing_is_made_in_the_current_folder(tmp_path: Path, world: World) -> None:
    here = tmp_path / "here"
    here.mkdir()
    homeless = {"prelude": NOBODY, "unset": ("HOME", "YOLOBG_CACHE_DIR", "XDG_CACHE_HOME"), "cwd": here}
    told = run_child(*world.augment(), **homeless)  # type: ignore[arg-type]
    tried("machine faults")
    check_refused(told, 1, "YOLOBG_CACHE_DIR", "home")
    assert list(here.iterdir()) == []
    assert tree(world.root) == world.before
    tilde = run_child("status", "~/data.yaml", **homeless)  # type: ignore[arg-type]
    check_refused(tilde, 2, "~")
    # What needs neither works all the same.
    status = run_child("status", str(world.root), "--json", **homeless)  # type: ignore[arg-type]
    assert status.code == 0, status.stderr
    given = run_child(*world.augment(), prelude=NOBODY, unset=("HOME",), cwd=here)
    assert given.code == 0, given.stderr
    world.check_recovers(run_inside)


@pytest.mark.sample
def test_current_folder__that_is_gone(tmp_path: Path, world: World) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    told = run_child(*world.augment(), cwd=gone, prelude=f"import os\nos.rmdir({str(gone)!r})")
    tried("machine faults")
    check_refused(told, 2, "current folder")
    assert tree(world.root) == world.before


@pytest.mark.parametrize("what", ["missing", "a file", "full"])
def test_temporary_folder__that_cannot_be_used(tmp_path: Path, world: World, what: str) -> None:
    """Nothing of a run goes there; what a dry run of `download` needs for a moment finds another place."""
    place = tmp_path / "temporary"
    with contextlib.ExitStack() as stack:
        if what == "a file":
            place.write_bytes(b"")
        elif what == "full":
            mounted = stack.enter_context(small_disk(place))
            (place / "x").write_bytes(b"")
            mounted.limit(nr_inodes=mounted.used()[1])
        for arguments in (
            world.augment(),
            ["download", "--exclude", "person", "--count", "2", "--output", str(tmp_path / "out"), "--dry-run",
             "--annotations", str(world.instances), "--images", str(world.images)],
            ["demo", str(tmp_path / "demo")],
        ):  # fmt: skip
            told = run_child(*arguments, env={"TMPDIR": str(place)})
            tried("machine faults")
            assert told.code == 0, (arguments[0], told.stderr)
    assert not (tmp_path / "out").exists()
    world.check_recovers(run_inside)


# ---------------------------------------------------------------- others at work

# Forks two commands at once, ten times over, and prints what each answered; one import for all of them.
ROUNDS = """
import contextlib, io, json, os, sys
{prelude}
from yolobg.cli.app import app
import yolobg.api, yolobg.sources.catalog.make, yolobg.cli.questions, yolobg.cli.progress, yolobg.cli.text
rounds, commands = json.loads(sys.argv[1])

def start(arguments):
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(into, 1)
        os.dup2(into, 2)
        code = 1
        try:
            app(arguments)
            code = 0
        except SystemExit as ended:
            code = ended.code or 0
        finally:
            sys.stdout.flush()
            os._exit(code)
    os.close(into)
    return child, out

for _ in range(rounds):
    running = [start(command) for command in commands]
    for child, out in running:
        with os.fdopen(out) as told:
            text = told.read()
        print(json.dumps([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), text]), flush=True)
    running = start(["remove", commands[0][1]])
    with os.fdopen(running[1]) as told:
        text = told.read()
    print(json.dumps([os.waitstatus_to_exitcode(os.waitpid(running[0], 0)[1]), text]), flush=True)
"""
WITHOUT_LOCKS = "import errno, fcntl\ndef no(*a): raise OSError(errno.ENOLCK, 'No locks available')\nfcntl.flock = no"


@pytest.mark.parametrize("locks", ["locks", "no locks"])
def test_two_at_once__ten_times(world: World, locks: str) -> None:
    """One waits for the other; nothing is added twice, and one `remove` takes all of it back."""
    rounds = 10
    script = ROUNDS.format(prelude="" if locks == "locks" else WITHOUT_LOCKS)
    told = subprocess.run(
        [sys.executable, "-c", script, json.dumps([rounds, [world.augment(3), world.augment(5)]])],
        capture_output=True, text=True, check=False, timeout=500,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    answers = [json.loads(line) for line in told.stdout.splitlines()]
    assert len(answers) == 3 * rounds
    tried("machine faults", rounds)
    assert {code for code, _ in answers} == {0}, answers
    for at in range(rounds):
        small, large = (json.loads(text) for _, text in answers[3 * at : 3 * at + 2])
        assert len(small["added"]) + len(large["added"]) == 5
        assert {a["source_id"] for a in small["added"]}.isdisjoint(a["source_id"] for a in large["added"])
        assert large["after"]["backgrounds"] == 5
        assert small["after"]["backgrounds"] in (3, 5)
    assert tree(world.root) == world.before


GRANTS_ALL = "import fcntl\nfcntl.flock = lambda *_: None"


def test_two_at_once__where_a_lock_is_granted_to_everybody(world: World) -> None:
    """As on some network mounts. The record may suffer, the user's files and labels never do."""
    rounds = 3
    command = [world.augment(3), world.augment(5)]
    for _ in range(rounds):
        subprocess.run(
            [sys.executable, "-c", ROUNDS.format(prelude=GRANTS_ALL), json.dumps([1, command])],
            capture_output=True, text=True, check=False, timeout=500,
        )  # fmt: skip
        tried("machine faults")
        world.check_valid()
        again = run_inside(*world.augment(5))
        assert again.code == 0, again.stderr
        assert len(world.backgrounds()) == 5
        world.check_valid()


class Reader(threading.Thread):
    """Reads a split over and over as a training does: lists it, opens each image, seeks its label."""

    def __init__(self, root: Path) -> None:
        super().__init__(daemon=True)
        self.root, self.ending = root, threading.Event()
        self.rounds, self.seen, self.trouble = 0, 0, ""

    def run(self) -> None:
        try:
            while not self.ending.is_set():
                self.look()
                self.rounds += 1
        except Exception as error:  # noqa: BLE001 - the test's thread tells it
            self.trouble = repr(error)

    def look(self) -> None:
        for image in sorted((self.root / "images/train").iterdir()):
            if image.suffix not in (".jpg", ".png") or image.name.startswith("."):
                continue
            label = self.root / "labels/train" / f"{image.stem}.txt"
            with Image.open(image) as opened:
                opened.load()
            ours = image.name.startswith("bg_")
            assert label.exists(), f"{image.name} has no label yet"
            assert bool(label.read_bytes()) != ours, f"{image.name} has somebody else's label"
            self.seen += ours

    def end(self) -> None:
        self.ending.set()
        self.join(timeout=300)
        assert not self.trouble, self.trouble
        assert self.rounds > 0


def test_training_that_reads_meanwhile__sees_whole_images_with_their_own_labels(world: World) -> None:
    reader = Reader(world.root)
    reader.start()
    try:
        for target in range(1, 11):
            assert run_inside(*world.augment(target)).code == 0
    finally:
        reader.end()
    tried("machine faults", 10)
    assert reader.seen > 0, "the reader met none of the new images"
    world.check_recovers(run_inside, 10)
