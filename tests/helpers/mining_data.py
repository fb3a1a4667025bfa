"""Models for the tests of `--hard` whose score for an image follows from its content, here or in another process."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import yolobg.scoring.models as models_module

__all__ = ["FakeModel", "score_of", "stand_in_model", "use_model"]

BOX = (4.0, 3.0, 24.0, 18.0)


def score_of(content: bytes, salt: str = "") -> float:
    """The score (0-1) of the one detection in an image."""
    return float(np.float32(int.from_bytes(hashlib.sha256(salt.encode() + content).digest()[:3], "big") / 2**24))


class FakeModel:
    """Finds one `person` in each image.

    Args:
        salt: Makes another model.
        names: Its classes.
        break_at: Called with the number of each image before it is looked at.
    """

    imgsz = 64

    def __init__(
        self, salt: str = "", *, names: Mapping[int, str] | None = None, break_at: Callable[[int], None] | None = None
    ) -> None:
        self.names = names or {0: "person"}
        self.asked: list[str] = []
        self._salt, self._break_at = salt, break_at

    @contextlib.contextmanager
    def running(self) -> Iterator[Callable[[str], Any]]:
        yield self._look

    def _look(self, path: str) -> Any:
        if self._break_at is not None:
            self._break_at(len(self.asked))
        self.asked.append(path)
        content = Path(path).read_bytes()
        if content.startswith(b"\x00"):
            return None
        return np.array([[*BOX, score_of(content, self._salt), 0], [*BOX, 0.001, 0]], dtype=np.float32)


def use_model(monkeypatch: pytest.MonkeyPatch, folder: Path, model: FakeModel, salt: str = "") -> Path:
    """Have a model used for a file; returns that. Its content says which model it is."""
    monkeypatch.setattr(models_module, "open_checkpoint", lambda _file, **_options: model)
    file = folder / f"model{salt}.pt"
    file.write_bytes(b"a model" + salt.encode())
    return file


STAND_IN = """
import hashlib, json, sys
print(json.dumps({"names": {"0": "person"}, "imgsz": 64, "version": "8"}), flush=True)
for image in map(json.loads, sys.stdin):
    content = open(image, "rb").read()
    with open("ASKED", "a") as asked:
        asked.write(hashlib.sha256(content).hexdigest() + chr(10))
    score = int.from_bytes(hashlib.sha256(content).digest()[:3], "big") / 2**24
    print(json.dumps({"rows": [[4, 3, 24, 18, score, 0]]}), flush=True)
"""


def stand_in_model(folder: Path, asked: Path) -> str:
    """A program in the place of an interpreter with Ultralytics; `asked` gets the SHA-256 of each image looked at."""
    if os.name == "nt":
        pytest.skip("a script stands for Python here")
    script = folder / "stand-in-python"
    script.write_text(f"#!{sys.executable} -S\n{STAND_IN}".replace("ASKED", str(asked)), "utf-8")
    script.chmod(0o755)
    return str(script)
