"""Run a checkpoint (.pt) through the user's own Ultralytics, in a process of its own.

yolobg neither imports nor ships it: a crash of CUDA or the gigabytes of torch do no harm here.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import msgspec
import numpy as np

from yolobg.errors import UsageError
from yolobg.files import read_ordinary, write_bytes
from yolobg.scoring.cache import Look, Rows

__all__ = ["PYTHON", "Checkpoint", "open_checkpoint"]

PYTHON = "YOLOBG_ULTRALYTICS_PYTHON"
"""The environment variable that names an interpreter with Ultralytics, where it is not the one that runs yolobg."""

_LARGEST_FACTS_BYTES = 1 << 20
_WORKER = Path(__file__).with_name("ultralytics_worker.py")


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that was looked at.

    Attributes:
        names: The model's class numbers and names.
        imgsz: Side in pixels that images are resized to.
        run_by: The library that runs it, and its version.
    """

    names: Mapping[int, str]
    imgsz: int
    run_by: tuple[str, str]
    _file: Path
    _device: str

    @contextlib.contextmanager
    def running(self) -> Iterator[Look]:
        """A function that looks at one image after the other, and gives None for one that cannot be read.

        Raises:
            UsageError: Ultralytics fails; the message has the end of what it said.
        """
        with _worker(self._file, self.imgsz, self._device) as (_, ask):
            yield lambda image: _rows(ask(image)["rows"])


def _rows(given: list[list[float]] | None) -> Rows | None:
    return None if given is None else np.array(given, dtype=np.float32).reshape(-1, 6)


class _Facts(msgspec.Struct):
    names: dict[int, str]
    imgsz: int
    version: str


def open_checkpoint(file: Path, *, imgsz: int | None, device: str, kept: Path) -> Checkpoint:
    """Ask Ultralytics what a checkpoint is, unless it was asked before: that takes seconds.

    Args:
        file: The .pt file. Opening it runs code in it, as Ultralytics does: only open your own.
        imgsz: Side in pixels to resize images to; None for the one it was trained with.
        device: `auto`, or what Ultralytics calls a device.
        kept: Where the answer is kept; of this very checkpoint and image size.

    Raises:
        UsageError: There is no Ultralytics, or it cannot open the file.
    """
    with contextlib.suppress(OSError, msgspec.MsgspecError):
        facts = msgspec.json.decode(read_ordinary(kept, _LARGEST_FACTS_BYTES), type=_Facts)
        return _checkpoint(facts, file, device)
    with _worker(file, imgsz or 0, device) as (told, _):
        pass
    names = {int(number): str(name) for number, name in told["names"].items()}
    facts = _Facts(names, int(told["imgsz"]), str(told["version"]))
    kept.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(kept, msgspec.json.encode(facts))
    return _checkpoint(facts, file, device)


def _checkpoint(facts: _Facts, file: Path, device: str) -> Checkpoint:
    return Checkpoint(facts.names, facts.imgsz, ("ultralytics", facts.version), file, device)


@contextlib.contextmanager
def _worker(file: Path, imgsz: int, device: str) -> Iterator[tuple[dict[str, Any], Callable[[str], dict[str, Any]]]]:
    """What a worker says of its model, and how to ask it about an image; it ends with the block."""
    python = os.environ.get(PYTHON) or sys.executable
    command = [python, str(_WORKER), str(file), str(imgsz), device]
    with tempfile.TemporaryFile() as said:
        try:
            process = subprocess.Popen(  # noqa: S603 - the user's own interpreter
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, env=_environment()
            )  # fmt: skip
        except OSError as error:
            raise UsageError(f"{PYTHON}: {python} cannot be started: {error.strerror}") from error
        assert process.stdin is not None  # noqa: S101 - pipes were asked for
        assert process.stdout is not None  # noqa: S101 - as above
        questions, answers = process.stdin, process.stdout

        def answer() -> dict[str, Any]:
            line = answers.readline()
            if not line:
                raise _failed(process, said, file)
            told: dict[str, Any] = json.loads(line)
            return told

        def ask(image: str) -> dict[str, Any]:
            # Where it has ended, there is no answer, and what it said is the reason.
            with contextlib.suppress(OSError):
                questions.write(json.dumps(image).encode() + b"\n")
                questions.flush()
            return answer()

        try:
            yield answer(), ask
        finally:
            process.kill()
            process.wait()
            answers.close()
            # What could not be sent any more is sent again when it is closed.
            with contextlib.suppress(OSError):
                questions.close()


def _environment() -> dict[str, str]:
    # Looking for updates and installing packages is not what a measurement is for.
    return {**os.environ, "YOLO_AUTOINSTALL": "False", "PYTHONUNBUFFERED": "1"}


def _failed(process: subprocess.Popen[bytes], told: IO[bytes], file: Path) -> UsageError:
    code = process.wait()
    told.seek(0)
    said = told.read()[-4000:].decode("utf-8", "replace").strip().splitlines()
    last = said[-1][:300] if said else f"exit code {code}"
    hint = (
        f"; install Ultralytics beside yolobg, or name an interpreter that has it in {PYTHON}"
        if "No module named 'ultralytics'" in last
        else ""
    )
    return UsageError(f"{file}: Ultralytics cannot run it: {last}{hint}")
