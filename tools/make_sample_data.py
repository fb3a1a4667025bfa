"""Draw sample_data/ again: `python tools/make_sample_data.py [FOLDER]`."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]

from demo_drawing import Size, write_material  # noqa: E402 - the tool runs from a checkout

SAMPLE = Size(name="sample", train=18, val=4, images=60, width=160, height=120)
FOLDER = ROOT / "sample_data"


def write_sample(folder: Path) -> None:
    """Replace the dataset and the source in `folder` (its README.md stays) by freshly drawn ones."""
    with tempfile.TemporaryDirectory() as scratch:
        write_material(Path(scratch) / "sample", SAMPLE, seed=0)
        for part in ("dataset", "source"):
            shutil.rmtree(folder / part, ignore_errors=True)
            shutil.copytree(Path(scratch) / "sample" / part, folder / part)


if __name__ == "__main__":
    write_sample(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
