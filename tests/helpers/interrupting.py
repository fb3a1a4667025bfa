"""Interrupts at a chosen line: a trace function counts the lines that are run and delivers at one of them.

    with Interrupt(at=7) as interrupt, pytest.raises(KeyboardInterrupt):
        merge(...)
    assert interrupt.place == "merge.py:120"

Only lines of `PATHS` count: all that changes a dataset, and `contextlib`, through which their `with` blocks go.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, NoReturn

import yolobg

__all__ = ["PATHS", "Interrupt", "interrupts", "run_command", "run_function"]

_HOME = Path(yolobg.__file__).parent
PATHS = frozenset(
    str(path)
    for place in ("changes/*.py", "dataset/*.py", "files.py", "flow/execution.py", "flow/derived*.py")
    for path in sorted(_HOME.glob(place))
) | {contextlib.__file__}


def _raise() -> NoReturn:
    raise KeyboardInterrupt


class Interrupt:
    """Delivers an interrupt to the thread that enters it, just before a line is run.

    Args:
        at: Which line, counted from 1 as they are run; 0 for none, to count them.
        deliver: What happens there: a `KeyboardInterrupt`, or a signal to this process.
        armed: Lines count only while this is true; always where there is none.
        opcodes: Whether to count instructions in place of lines.
        paths: The files whose lines count.

    Attributes:
        count: How many lines were run.
        place: The line at which the interrupt was delivered; empty where it was not.
    """

    def __init__(
        self,
        at: int = 0,
        deliver: Callable[[], Any] | signal.Signals = _raise,
        *,
        armed: Callable[[], bool] | None = None,
        opcodes: bool = False,
        paths: frozenset[str] = PATHS,
    ) -> None:
        self.at, self.deliver, self.armed, self.opcodes, self.paths = at, deliver, armed, opcodes, paths
        self.count, self.place = 0, ""
        self._former: Any = None

    def __enter__(self) -> Interrupt:
        self._former = sys.gettrace()
        sys.settrace(self._tracer())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        sys.settrace(self._former)

    def _tracer(self) -> Callable[[FrameType, str, Any], Any]:
        """What Python calls for each function that is entered; functions, since a hundred million lines pass here."""
        paths, opcodes, with_blocks = self.paths, self.opcodes, contextlib.__file__
        reach = self._reacher()

        def enter(frame: FrameType, _event: str, _argument: Any) -> Any:
            # After the interrupt no line counts, so none is looked at: that would take longer than the lines.
            place = frame.f_code.co_filename
            if place not in paths or self.place:
                return None
            # What other libraries do when they are finalized is not ours; Python swallows what is raised there.
            if place == with_blocks and (frame.f_back is None or frame.f_back.f_code.co_filename not in paths):
                return None
            if opcodes:
                frame.f_trace_opcodes, frame.f_trace_lines = True, False
            return reach

        return enter

    def _reacher(self) -> Callable[[FrameType, str, Any], Any]:
        """What Python calls for each line of such a function."""
        at, armed, counted = self.at, self.armed, "opcode" if self.opcodes else "line"

        def reach(frame: FrameType, event: str, _argument: Any) -> Any:
            if event == counted and (armed is None or armed()):
                self.count += 1
                if self.count == at:
                    self.place = f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"
                    self._interrupt()
            return None if self.place else reach

        return reach

    def _interrupt(self) -> None:
        if isinstance(self.deliver, signal.Signals):
            os.kill(os.getpid(), self.deliver)
        else:
            self.deliver()


def interrupts(run: Callable[[int], Interrupt], *, stride: int = 1) -> Iterator[Interrupt]:
    """Run with an interrupt at line 1, 1 + stride, ... until one comes to its end before that line."""
    at = 1
    while (ran := run(at)).place:
        yield ran
        at += stride
    assert ran.count < at


# ---------------------------------------------------------------- in a process of its own


def run_command(at: int, name: str, arguments: list[str]) -> None:
    """Be the command line and get a signal at a line; tells the place on standard error."""
    from yolobg.cli.app import run  # noqa: PLC0415 - for the child alone
    from yolobg.cli.process import own_signals  # noqa: PLC0415 - as above

    with own_signals():
        _run(at, name, lambda: run(arguments))


def run_function(at: int, name: str, function: str, *arguments: Any, **options: Any) -> None:
    """Call a public function as any program would, with no handler of ours, and get a signal at a line."""
    _run(at, name, lambda: getattr(yolobg, function)(*arguments, **options))


def _run(at: int, name: str, work: Callable[[], Any]) -> None:
    def deliver() -> None:
        # Written first: the signal may be the end of the process.
        os.write(2, b"<interrupted>\n")
        os.kill(os.getpid(), getattr(signal, name))

    with Interrupt(at, deliver):
        work()
