"""In place of Ultralytics (copied as `ultralytics.py`), to test who calls it: counts steps as it does, learns nothing.

`STAND_IN_FAILS` names a seed whose training fails, `STAND_IN_SKIPS` one that leaves out a step.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

__version__ = "stand-in"


class _Values(list[Any]):
    def tolist(self) -> list[Any]:
        return list(self)


class YOLO:
    """As much of it as the study and `evaluate` use."""

    task = "detect"

    def __init__(self, file: str) -> None:
        self.names = {0: "cat_toy", 1: "dog_toy"}
        self.overrides: dict[str, Any] = {"imgsz": 64}
        self.trainer: Any = None
        self._file = Path(file)
        self._callbacks: dict[str, Callable[[Any], None]] = {}

    def add_callback(self, event: str, call: Callable[[Any], None]) -> None:
        """Call it at that event."""
        self._callbacks[event] = call

    def train(self, *, data: str, project: str, epochs: int, batch: int, seed: int, **_settings: Any) -> None:
        """Take the steps and write a checkpoint that tells of them."""
        if os.environ.get("STAND_IN_FAILS") == str(seed):
            raise RuntimeError("the stand-in fails")
        listed = Path(json.loads(Path(data).read_text("utf-8"))["path"]) / "train.txt"
        images = listed.read_text("utf-8").splitlines()
        last = Path(project) / "last.pt"
        last.write_text(f"{seed} {len(images)}", "utf-8")
        self.trainer = SimpleNamespace(
            train_loader=SimpleNamespace(dataset=images), optimizer_step=lambda: None, last=str(last)
        )
        self._callbacks["on_train_start"](self.trainer)
        steps = epochs * -(-len(images) // batch)
        for step in range(steps):
            if step or os.environ.get("STAND_IN_SKIPS") != str(seed):
                self.trainer.optimizer_step()
            self._callbacks["on_train_batch_end"](self.trainer)

    def predict(self, image: str, **_options: Any) -> list[Any]:
        """One detection in the middle, with a score that depends on the checkpoint and the image."""
        digest = hashlib.sha256(self._file.read_bytes() + Path(image).name.encode()).digest()
        boxes = SimpleNamespace(
            xyxy=_Values([[8.0, 8.0, 24.0, 24.0]]), conf=_Values([digest[0] / 256 + 0.002]), cls=_Values([0.0])
        )
        return [SimpleNamespace(boxes=boxes)]
