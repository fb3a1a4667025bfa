"""What Ultralytics does with each picture of a folder: run by an interpreter that has it, prints JSON.

For each name whether a training gets through with it, and whether the scan writes the file anew. As a command,
`python -m picture_kinds_oracle FOLDER` from `tests/helpers/`.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from pathlib import Path
from typing import Any

os.environ.update(YOLO_OFFLINE="1", YOLO_AUTOINSTALL="False", OPENCV_LOG_LEVEL="SILENT")


def ask(folder: Path) -> dict[str, dict[str, bool]]:
    return {file.name: _ask(file) for file in sorted(folder.iterdir())}


def _ask(file: Path) -> dict[str, bool]:
    import numpy as np  # noqa: PLC0415 - only there beside Ultralytics
    from ultralytics.data.utils import verify_image_label  # noqa: PLC0415 - as above
    from ultralytics.utils.patches import imread  # noqa: PLC0415 - as above

    before = file.read_bytes()
    scanned = verify_image_label((str(file), str(file.with_suffix(".none")), "", False, 1, 0, 0, False))[0] is not None
    try:
        picture: Any = imread(str(file))
        read = picture is not None and picture.dtype == np.uint8
    except Exception:  # noqa: BLE001 - whatever ends a training
        read = False
    return {"trains": bool(scanned and read), "rewritten": file.read_bytes() != before}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    answers = ask(Path(sys.argv[1]))
    print("ANSWERS " + json.dumps(answers))
