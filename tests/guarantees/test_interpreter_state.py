"""What belongs to the whole process is as it was after every public function, however it ends."""

from __future__ import annotations

import contextlib
import csv
import decimal
import faulthandler
import gc
import importlib
import inspect
import io
import json
import locale
import logging
import os
import random
import signal
import socket
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from download_pictures import picture
from image_server import ImageServer
from interrupting import Interrupt, interrupts
from killing_data import THEIRS, Source, make_dataset, make_source
from machine import run_child
from PIL import Image, ImageFile
from tally import tried

import yolobg
from yolobg.changes.lock_fallback import lock_by_name
from yolobg.changes.lock_file import stand_alone
from yolobg.dataset.folder_listing import Folders
from yolobg.dataset.label_reader import judge_labels
from yolobg.dataset.label_rules import FOUND
from yolobg.files import append_bytes, flush_folder, shorten

PUBLIC = sorted(name for name in yolobg.__all__ if inspect.isfunction(getattr(yolobg, name)))
HOME = Path(yolobg.__file__).parent


def state() -> dict[str, Any]:
    """All of the process that a library has no business to change, as values that can be compared."""
    umask = os.umask(0)
    os.umask(umask)
    told: dict[str, Any] = {
        "warnings": (list(warnings.filters), warnings.showwarning, warnings.formatwarning),
        "signals": {number: signal.getsignal(number) for number in signal.valid_signals()},
        "cwd": os.getcwd(),  # noqa: PTH109 - as text
        "umask": umask,
        "environ": dict(os.environ),
        "locale": (locale.setlocale(locale.LC_ALL), time.tzname),
        "logging": logging_state(),
        "random": random.getstate(),
        "decimal": repr(decimal.getcontext()),
        "hooks": (sys.excepthook, sys.unraisablehook, sys.displayhook, threading.excepthook, sys.breakpointhook),
        "imports": (list(sys.path), list(sys.meta_path), list(sys.path_hooks), list(sys.argv)),
        "streams": (sys.stdin, sys.stdout, sys.stderr),
        "interpreter": (sys.getrecursionlimit(), sys.getswitchinterval(), sys.gettrace(), sys.getprofile()),
        "digits": getattr(sys, "get_int_max_str_digits", int)(),
        "collector": (gc.isenabled(), gc.get_threshold(), gc.get_debug(), list(gc.callbacks)),
        "sockets": (socket.getdefaulttimeout(), socket.socket, socket.getaddrinfo),
        "threads": (threading.stack_size(), faulthandler.is_enabled()),
        "csv": (csv.field_size_limit(), sorted(csv.list_dialects())),
        "pillow": (
            Image.MAX_IMAGE_PIXELS,
            ImageFile.LOAD_TRUNCATED_IMAGES,
            getattr(Image, "WARN_POSSIBLE_FORMATS", None),
        ),
    }
    if sys.platform != "win32":
        import resource  # noqa: PLC0415 - of POSIX

        limits = [name for name in dir(resource) if name.startswith("RLIMIT_")]
        told["limits"] = {name: resource.getrlimit(getattr(resource, name)) for name in limits}
        told["priority"] = os.getpriority(os.PRIO_PROCESS, 0)
    return told


def logging_state() -> dict[str, Any]:
    """Root logger and every logger that is there; a new one with nothing set is no change."""
    loggers = {"": logging.getLogger()}
    loggers.update({name: it for name, it in logging.root.manager.loggerDict.items() if isinstance(it, logging.Logger)})
    told = {
        name: (it.level, list(it.handlers), list(it.filters), it.propagate, it.disabled) for name, it in loggers.items()
    }
    plain: tuple[Any, ...] = (logging.NOTSET, [], [], True, False)
    whole = (logging.root.manager.disable, logging.getLoggerClass(), logging.raiseExceptions, logging.lastResort)
    return {**{name: value for name, value in told.items() if value != plain}, "(all)": whole}


def left_open() -> tuple[list[str], list[str]]:
    """Threads and open files, which end when their work does."""
    gc.collect()
    threads = sorted(thread.name for thread in threading.enumerate())
    files = []
    with contextlib.suppress(OSError):
        for number in os.listdir("/proc/self/fd"):  # noqa: PTH208 - names only
            with contextlib.suppress(OSError):
                files.append(os.readlink(f"/proc/self/fd/{number}"))  # noqa: PTH115 - as text
    return threads, sorted(name for name in files if "/fd" not in name)


@contextlib.contextmanager
def unchanged(what: str) -> Iterator[None]:
    """Compare before and after a block; a thread that is about to end is waited for."""
    before, open_before = state(), left_open()
    yield
    after = state()
    assert {key: value for key, value in after.items() if value != before[key]} == {}, what
    until = time.monotonic() + 60
    while left_open() != open_before and time.monotonic() < until:
        time.sleep(0.01)  # threads of the network's libraries end on their own, soon after the call
    assert left_open() == open_before, what


def odd_picture(content: bytes) -> bytes:
    """A whole JPEG of which Pillow warns: its EXIF data says that it is longer than it is."""
    entry = b"\x0e\x01" + b"\x02\x00" + (5000).to_bytes(4, "little") + (26).to_bytes(4, "little")
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0" + entry + b"\0\0\0\0"
    return content[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + content[2:]


def make_odd(source: Source) -> Source:
    for name, content in source.images.items():
        source.images[name] = odd_picture(content)
        (source.folder / name).write_bytes(source.images[name])
    return source


def test_odd_pictures__make_pillow_warn() -> None:
    """Else the tests here would show nothing."""
    with pytest.warns(UserWarning), Image.open(io.BytesIO(odd_picture(picture(1, 40, 30)))) as image:  # noqa: PT030 - Pillow's wording is its own
        image.getexif()


@pytest.fixture(autouse=True, scope="module")
def libraries() -> None:
    """What these set up for good when they are first imported (a warning filter, a log handler) is theirs."""
    for name in ("numpy", "requests", "urllib3"):
        importlib.import_module(name)


@pytest.fixture(autouse=True)
def small_heap() -> Iterator[None]:
    """Spare each collection what other tests have left: there are hundreds of collections here."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def options(tmp_path: Path) -> dict[str, Any]:
    source = make_odd(make_source(tmp_path / "source", 24))
    return {"annotations": str(source.instances), "images": [str(source.folder)]}


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return make_dataset(tmp_path / "data", "folder").template


def calls(dataset: Path, options: dict[str, Any], folder: Path) -> list[tuple[str, Callable[[], object]]]:
    """Every public function, ending well and ending in an error, in an order in which each finds what it needs."""
    count = THEIRS + 3
    absent = str(folder / "absent.yaml")
    held_out = folder / "held_out"
    held_out.mkdir()
    for number in range(8):
        (held_out / f"{number}.jpg").write_bytes(odd_picture(picture(900 + number, 40, 30)))
    predictions = folder / "predictions.json"
    labelled = yolobg.evaluate(dataset, split="train", backgrounds=held_out, dry_run=True).predict_on or ()
    rows = [{"file_name": image, "category_id": 0, "bbox": [1, 1, 9, 9], "score": 0.5} for image in labelled]
    predictions.write_text(json.dumps(rows), "utf-8")
    return [
        ("match_classes", lambda: yolobg.match_classes(["person", "no such thing at all"])),
        ("classes", lambda: yolobg.classes(dataset, **options)),
        ("classes", lambda: yolobg.classes(absent, **options)),
        ("plan", lambda: yolobg.plan(dataset, count=count, **options)),
        ("plan", lambda: yolobg.plan(dataset, count=10_000, **options)),
        ("preview", lambda: yolobg.preview(yolobg.plan(dataset, count=count, **options))),
        ("carry_out", lambda: yolobg.carry_out(yolobg.plan(dataset, count=count, **options))),
        ("augment", lambda: yolobg.augment(dataset, count=count + 2, **options)),
        ("augment", lambda: yolobg.augment(dataset, count=count + 2, **options)),
        ("augment", lambda: yolobg.augment(dataset, count=count + 4, **{**options, "images": [str(folder / "none")]})),
        ("settings", lambda: yolobg.settings(dataset, count=count)),
        ("status", lambda: yolobg.status(dataset, files=True)),
        ("status", lambda: yolobg.status(absent)),
        ("evaluate", lambda: yolobg.evaluate(dataset, split="train", backgrounds=held_out, dry_run=True)),
        ("evaluate", lambda: yolobg.evaluate(dataset, split="train", backgrounds=absent, dry_run=True)),
        ("evaluate", lambda: yolobg.evaluate(dataset, split="train", before=predictions, backgrounds=held_out)),
        ("augment", lambda: yolobg.augment(dataset, count=count, trim=True)),
        ("remove", lambda: yolobg.remove(dataset, dry_run=True)),
        ("remove", lambda: yolobg.remove(dataset)),
        ("remove", lambda: yolobg.remove(absent)),
        ("convert", lambda: yolobg.convert(dataset, folder / "coco", to="coco")),
        ("convert", lambda: yolobg.convert(dataset, folder / "coco", to="coco")),
        ("download", lambda: yolobg.download(folder / "out", exclude=["person"], count=4, val=0.5, **options)),
        ("download", lambda: yolobg.download(folder / "dry", exclude=["person"], count=4, dry_run=True, **options)),
        ("download", lambda: yolobg.download(folder / "out", exclude=["dog"], count=4, **options)),
    ]


# The filters of the test run make errors of warnings; a caller's mostly let them pass.
@pytest.mark.filterwarnings("default")
def test_functions__leave_the_process_as_it_was(tmp_path: Path, dataset: Path, options: dict[str, Any]) -> None:
    """Twice: what the first call of a library sets up for good (a cache of its own) must not grow."""
    for turn in range(2):
        (tmp_path / f"{turn}").mkdir()
        ended: dict[int, tuple[str, str]] = {}
        for name, call in calls(dataset, options, tmp_path / f"{turn}"):
            with unchanged(f"{name}, call {len(ended)} of turn {turn}"):
                try:
                    call()
                except yolobg.YolobgError as error:
                    ended[len(ended)] = (name, type(error).__name__)
                else:
                    ended[len(ended)] = (name, "done")
            tried("calls with the process compared")
        assert {name for name, _ in ended.values()} == set(PUBLIC)
        assert {name for name, how in ended.values() if how == "done"} == set(PUBLIC)
        assert len([how for _, how in ended.values() if how != "done"]) > 5


@pytest.mark.filterwarnings("default")
def test_augment__from_the_network_leaves_the_process_as_it_was(
    tmp_path: Path, dataset: Path, options: dict[str, Any]
) -> None:
    """Its event loop, threads and connections end with it, also where no image can be had."""
    images = {f"/{path.name}": path.read_bytes() for path in (tmp_path / "source").glob("*.jpg")}
    with ImageServer(images) as server, unchanged("augment, remove, augment in vain"):
        options = {**options, "images": [server.url]}
        assert len(yolobg.augment(dataset, count=THEIRS + 3, **options).added) == 3
        yolobg.remove(dataset)
        with pytest.raises(yolobg.YolobgError):
            yolobg.augment(dataset, count=THEIRS + 3, **{**options, "images": [f"{server.url}/nowhere"]})
    tried("calls with the process compared", 3)


@pytest.mark.filterwarnings("default")
def test_functions__in_several_threads_at_once(tmp_path: Path, options: dict[str, Any]) -> None:
    """What one thread puts back, another may have taken: so nothing of the process is changed for a while either."""
    roots = [make_dataset(tmp_path / f"data{number}", "folder").template for number in range(4)]
    troubles: list[str] = []

    def work(root: Path) -> None:
        try:
            for _ in range(3):
                yolobg.augment(root, count=THEIRS + 6, **options)
                yolobg.remove(root)
        except Exception as error:  # noqa: BLE001 - any error counts; the main thread shows it
            troubles.append(repr(error))

    yolobg.plan(roots[0], count=THEIRS + 6, **options)
    filters = list(warnings.filters)
    with unchanged("augment and remove in four threads"):
        threads = [threading.Thread(target=work, args=(root,)) for root in roots]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            assert list(warnings.filters) == filters, "changed for a while"
            threads[0].join(0.001)
        for thread in threads:
            thread.join()
    assert troubles == []
    tried("calls with the process compared", 24)


@pytest.mark.filterwarnings("default")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize(
    "stride", [pytest.param(1999, id="some lines"), pytest.param(397, id="more lines", marks=pytest.mark.sweep)]
)
def test_augment__interrupted_leaves_the_process_as_it_was(
    tmp_path: Path, dataset: Path, options: dict[str, Any], stride: int
) -> None:
    paths = frozenset(str(path) for path in HOME.rglob("*.py"))

    def armed() -> bool:
        # The descriptor of a folder has no owner that would close it when dropped.
        return sys._getframe(2).f_code is not flush_folder.__code__

    def run(at: int) -> Interrupt:
        interrupt = Interrupt(at, paths=paths, armed=armed)
        with unchanged(f"interrupt at line {at}"), contextlib.suppress(KeyboardInterrupt), interrupt:
            yolobg.augment(dataset, count=THEIRS + 3, **options)
        yolobg.remove(dataset)
        return interrupt

    yolobg.augment(dataset, count=THEIRS + 3, **options)
    yolobg.remove(dataset)
    number = sum(1 for _ in interrupts(run, stride=stride))
    tried("interrupted lines", number)
    assert number * stride > 4000


def judge(file: Path) -> None:
    assert next(judge_labels([str(file)], Folders(), lambda _: FOUND)) == FOUND


def edit(file: Path) -> None:
    append_bytes(file, b"x")
    shorten(file, 1)


def take_second_name(file: Path) -> None:
    if not file.with_name("second").exists():
        file.with_name("second").hardlink_to(file)
    stand_alone(file, 0.0)
    file.with_name("second").unlink()


def hold_by_name(file: Path) -> None:
    lock_by_name(file.with_name("held"), 0.0).release()
    lock_by_name(file.with_name("held"), 0.0)


# That it is left to be dropped is what Python warns of.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
@pytest.mark.parametrize("work", [judge, edit, take_second_name, hold_by_name])
def test_descriptors__are_closed_wherever_an_interrupt_falls(tmp_path: Path, work: Callable[[Path], None]) -> None:
    """Those that the main thread opens; no collector would ever close one that was left."""
    names = ("files.py", "dataset/label_reader.py", "changes/lock_file.py", "changes/lock_fallback.py")
    paths = frozenset(str(HOME / name) for name in names)
    file = tmp_path / "file.txt"

    def run(at: int) -> Interrupt:
        file.write_text("content")
        before = set(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names only
        interrupt = Interrupt(at, paths=paths)
        with contextlib.suppress(KeyboardInterrupt), interrupt:
            work(file)
        assert set(os.listdir("/proc/self/fd")) == before, interrupt.place  # noqa: PTH208
        return interrupt

    number = sum(1 for _ in interrupts(run))
    tried("interrupted lines", number)
    assert number > 10


def test_augment__where_warnings_are_errors(dataset: Path, options: dict[str, Any]) -> None:
    """A caller may have made them so: then a picture that Pillow warns of is not shown, and the work is done."""
    report = yolobg.augment(dataset, count=THEIRS + 3, **options)
    assert len(report.added) == 3
    assert report.page
    assert all("are backgrounds already" in warning for warning in report.warnings), "nothing of the picture"


def test_command_line__is_not_told_what_pillow_thinks_of_a_picture(dataset: Path, options: dict[str, Any]) -> None:
    """There the process is ours; who asks for warnings gets them."""
    arguments = ["augment", str(dataset), "--annotations", options["annotations"], "--images", options["images"][0],
                 "--count", str(THEIRS + 3)]  # fmt: skip
    told = run_child(*arguments)
    assert told.code == 0, told.stderr
    assert "Warning" not in told.stderr
    assert run_child("remove", str(dataset)).code == 0
    assert "UserWarning" in run_child(*arguments, env={"PYTHONWARNINGS": "default"}).stderr
