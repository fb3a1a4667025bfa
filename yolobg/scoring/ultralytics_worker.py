"""Runs a checkpoint through the Ultralytics of the interpreter that runs this file, as a program of its own.

    python ultralytics_worker.py MODEL IMGSZ DEVICE

It imports nothing of yolobg, so that this interpreter may be another one. Writes JSON lines: first `{"names", "imgsz",
"version"}`; then for each line that it reads, the path of an image as a JSON string, `{"rows": [[left, top, right,
bottom, score, class], …]}`, or `{"rows": null}` for an image that OpenCV cannot read.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from typing import Any, TextIO

# What yolobg has fetched has this suffix until it is in the dataset, and Ultralytics goes by the suffix.
STAGED = ".staged"


def main() -> None:
    """See the module's text."""
    model, imgsz, device = sys.argv[1:4]
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    # Whatever Ultralytics and those below it print must not come between our lines.
    os.dup2(2, 1)
    _score(model, int(imgsz), device, sys.stdin, answers)


def _score(file: str, imgsz: int, device: str, lines: Iterable[str], answers: TextIO) -> None:
    import ultralytics  # noqa: PLC0415 - after standard output has been moved

    model: Any = ultralytics.YOLO(file)
    if model.task != "detect":
        raise ValueError(f"it is a model for {model.task}; expected one for detect")
    size = imgsz or model.overrides.get("imgsz", 640)
    size = max(size) if isinstance(size, (list, tuple)) else size
    told = {
        "names": {str(k): str(v) for k, v in model.names.items()},
        "imgsz": size,
        "version": ultralytics.__version__,
    }
    _write(answers, told)
    options = {"conf": 0.001, "iou": 0.7, "max_det": 300, "imgsz": size, "verbose": False, "save": False}
    if device != "auto":
        options["device"] = device
    for line in lines:
        image = _image(json.loads(line))
        if image is None:
            _write(answers, {"rows": None})
            continue
        # One by one: a batch of images of different shapes is padded otherwise, and so scores otherwise.
        (found,) = model.predict(image, **options)
        boxes = found.boxes
        columns = zip(boxes.xyxy.tolist(), boxes.conf.tolist(), boxes.cls.tolist())  # noqa: B905 - runs on any Python
        _write(answers, {"rows": [[*box, score, category] for box, score, category in columns]})


def _image(path: str) -> Any:
    """What Ultralytics takes for an image: its path, or the pixels as it would read them itself."""
    if not path.endswith(STAGED):
        return path
    import cv2  # noqa: PLC0415 - Ultralytics needs it as well
    import numpy as np  # noqa: PLC0415 - as above

    return cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)


def _write(answers: TextIO, line: dict[str, Any]) -> None:
    answers.write(json.dumps(line) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
