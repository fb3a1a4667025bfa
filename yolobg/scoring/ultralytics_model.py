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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from yolobg.errors import UsageError
from yolobg.scoring.cache import Rows

__all__ = ["PYTHON", "Checkpoint", "open_checkpoint"]

PYTHON = "YOLOBG_ULTRALYTICS_PYTHON"
"""The environment variable that names an interpreter with Ultralytics, where it is not the one that runs yolobg."""

_WORKER = Path(__file__).with_name("ultralytics_worker.py")


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that was looked at.

    Attributes:
        names: The model's class numbers and names.
        imgsz: Side in pixels that images are resized to.
    """

    names: Mapping[int, str]
    imgsz: int
    _file: Path
    _device: str

    def score(self, images: Sequence[str]) -> Iterator[Rows]:
        """What the model finds in each image; see `ScoreCache` for the columns.

        Raises:
            UsageError: Ultralytics fails; the message has the end of what it said.
        """
        with _worker(self._file, self.imgsz, self._device, images) as lines:
            next(lines)
            for line in lines:
                yield np.array(line["rows"], dtype=np.float32).reshape(-1, 6)


def open_checkpoint(file: Path, *, imgsz: int | None, device: str) -> Checkpoint:
    """Ask Ultralytics what a checkpoint is.

    Args:
        file: The .pt file. Opening it runs code in it, as Ultralytics does: only open your own.
        imgsz: Side in pixels to resize images to; None for the one it was trained with.
        device: `auto`, or what Ultralytics calls a device.

    Raises:
        UsageError: There is no Ultralytics, or it cannot open the file.
    """
    with _worker(file, imgsz or 0, device, ()) as lines:
        told = next(lines)
    names = {int(number): str(name) for number, name in told["names"].items()}
    return Checkpoint(names, int(told["imgsz"]), file, device)


@contextlib.contextmanager
def _worker(file: Path, imgsz: int, device: str, images: Sequence[str]) -> Iterator[Iterator[dict[str, Any]]]:
    """The answers of a worker; it is gone after the block, however that ends."""
    python = os.environ.get(PYTHON) or sys.executable
    command = [python, str(_WORKER), str(file), str(imgsz), device]
    with tempfile.TemporaryFile() as told, tempfile.TemporaryFile() as asked:
        asked.write(json.dumps(list(images)).encode())
        asked.seek(0)
        try:
            process = subprocess.Popen(command, stdin=asked, stdout=subprocess.PIPE, stderr=told, env=_environment())  # noqa: S603
        except OSError as error:
            raise UsageError(f"{PYTHON}: {python} cannot be started: {error.strerror}") from error
        assert process.stdout is not None  # noqa: S101 - a pipe was asked for
        try:
            with process.stdout:
                yield _answers(process, process.stdout, told, file)
        finally:
            process.kill()
            process.wait()


def _environment() -> dict[str, str]:
    # Looking for updates and installing packages is not what a measurement is for.
    return {**os.environ, "YOLO_AUTOINSTALL": "False", "PYTHONUNBUFFERED": "1"}


def _answers(
    process: subprocess.Popen[bytes], lines: IO[bytes], told: IO[bytes], file: Path
) -> Iterator[dict[str, Any]]:
    for line in lines:
        yield json.loads(line)
    if process.wait():
        told.seek(0)
        said = told.read()[-4000:].decode("utf-8", "replace").strip().splitlines()
        last = said[-1][:300] if said else f"exit code {process.returncode}"
        hint = (
            f"; install Ultralytics beside yolobg, or name an interpreter that has it in {PYTHON}"
            if "No module named 'ultralytics'" in last
            else ""
        )
        raise UsageError(f"{file}: Ultralytics cannot run it: {last}{hint}")
