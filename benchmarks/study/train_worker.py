"""Trains one model with the Ultralytics of the interpreter that runs this file, as a program of its own.

    python train_worker.py < request.json

It imports nothing of yolobg. The request: `{"model", "data", "output", "project", "device", "threads", "settings"}`.
The last line of standard output: `{"steps", "batches", "images", "ultralytics", "torch", "seconds"}`.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any


def main() -> None:
    """See the module's text."""
    request = json.load(sys.stdin)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    # Whatever Ultralytics prints must not come between our lines.
    os.dup2(2, 1)
    answers.write(json.dumps(_train(request)) + "\n")
    answers.flush()


def _train(request: dict[str, Any]) -> dict[str, Any]:
    import torch  # noqa: PLC0415 - after standard output has been moved
    import ultralytics  # noqa: PLC0415 - as above

    counts = {"steps": 0, "batches": 0, "images": 0}

    def start(trainer: Any) -> None:
        # Ultralytics sets the number of threads when it chooses the device.
        torch.set_num_threads(request["threads"])
        counts["images"] = len(trainer.train_loader.dataset)
        step = trainer.optimizer_step

        def counted() -> None:
            step()
            counts["steps"] += 1

        trainer.optimizer_step = counted

    def batch_end(_trainer: Any) -> None:
        counts["batches"] += 1

    model: Any = ultralytics.YOLO(request["model"])
    model.add_callback("on_train_start", start)
    model.add_callback("on_train_batch_end", batch_end)
    began = time.monotonic()
    model.train(
        data=request["data"], project=request["project"], name="run", device=request["device"], **request["settings"]
    )
    seconds = round(time.monotonic() - began, 1)
    last = Path(model.trainer.last)
    part = Path(request["output"] + ".part")
    shutil.copyfile(last, part)
    part.replace(request["output"])
    versions = {"ultralytics": ultralytics.__version__, "torch": torch.__version__}
    return {**counts, **versions, "seconds": seconds}


if __name__ == "__main__":
    main()
