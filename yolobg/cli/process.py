"""The process that a command runs in: its signals, its standard streams, its current folder."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import NoReturn

from yolobg.errors import UsageError

__all__ = [
    "INTERRUPTED",
    "INTERRUPTED_MESSAGE",
    "check_current_folder",
    "hide_remarks",
    "interrupted_early",
    "own_signals",
    "plain_signals",
    "program_name",
    "settle_streams",
]

INTERRUPTED = 130
INTERRUPTED_MESSAGE = "interrupted; the dataset is valid and what was fetched is kept, run again to continue"

# What asks a process to end: Ctrl-C, a supervisor (Slurm, Docker, systemd), a closed terminal; SIGBREAK is Windows'.
_ENDING = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
_NOTHING_DONE = b"yolobg: interrupted before anything was done\n"
_AT_ONCE = b"\nyolobg: stopped at once; the dataset is valid, and the next run tidies up\n"


def program_name() -> str:
    """What the user typed to run yolobg, for commands to copy: `yolobg`, `.venv/bin/yolobg`, `python -m yolobg`."""
    called = Path(sys.argv[0])
    if called.stem == "__main__":
        return (
            f"{_as_typed('python', sys.executable) or _as_typed('python3', sys.executable) or sys.executable} -m yolobg"
        )
    if called.stem.lower() != "yolobg":
        return "yolobg"
    return _as_typed("yolobg", str(called)) or str(called)


def _as_typed(name: str, program: str) -> str | None:
    """The name, where it alone runs this program; compared as written, since environments link to one interpreter."""
    found = shutil.which(name)
    return name if found and os.path.abspath(found) == os.path.abspath(program) else None  # noqa: PTH100


def settle_streams() -> None:
    """Make standard streams safe to write to, whatever they are.

    Where one was closed by whoever started us, the next file that is opened would get its number, and a library that
    complains to standard error would write into that file.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    sys.stdin = sys.stdin or Path(os.devnull).open(encoding="utf-8")  # noqa: SIM115 - open as long as the process is
    sys.stdout = sys.stdout or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    sys.stderr = sys.stderr or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    # A text that the terminal's code page lacks must not end a run on Windows.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def hide_remarks() -> None:
    """Hide warnings of libraries about odd files, which are for programmers; `-W` and `PYTHONWARNINGS` still count.

    Only the command line may do this: the filters belong to the whole process, so a function that is called from
    Python leaves them alone.
    """
    if not sys.warnoptions:
        warnings.filterwarnings("ignore", module=r"(PIL|datumaro|filelock|yolobg)(\.|$)")


def check_current_folder() -> None:
    """Refuse to work from a folder that is gone: relative paths mean nothing there.

    Raises:
        UsageError: It is gone.
    """
    try:
        Path.cwd()
    except FileNotFoundError as error:
        raise UsageError("the current folder does not exist any more; change to another one and run again") from error


@contextlib.contextmanager
def own_signals() -> Iterator[None]:
    """Let the first signal that asks us to end do so in good order, and the second at once.

    A signal that is ignored stays so: that is what `nohup` and a shell's background jobs ask for.
    """
    before = {}
    for number in _numbers():
        if signal.getsignal(number) not in (signal.SIG_IGN, None):
            before[number] = signal.signal(number, _first)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def interrupted_early() -> NoReturn:
    """End a run that a signal asked to end before the command line was there to say so."""
    with contextlib.suppress(OSError):
        os.write(2, _NOTHING_DONE)
    raise SystemExit(INTERRUPTED) from None


def plain_signals() -> None:
    """Undo `own_signals` for good, for a program that we hand over to."""
    for number in _numbers():
        if signal.getsignal(number) in (_first, _second):
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


def _numbers() -> list[signal.Signals]:
    return [getattr(signal, name) for name in _ENDING if hasattr(signal, name)]


def _first(_number: int, _frame: FrameType | None) -> NoReturn:
    for number in _numbers():
        if signal.getsignal(number) is _first:
            signal.signal(number, _second)
    raise KeyboardInterrupt


def _second(_number: int, _frame: FrameType | None) -> NoReturn:
    # Not through Python's own end, which waits for threads. Every step on disk may be the last one of a killed process.
    with contextlib.suppress(OSError):
        os.write(2, _AT_ONCE)
    os._exit(INTERRUPTED)
