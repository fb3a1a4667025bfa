"""What the hook costs: the time it adds to a training when nothing is to do, and when 100 images are to be fetched.

    python -m benchmarks.bench_hook [--images 10000] [--training]

In an environment with Ultralytics. `--training` also trains one epoch on all the images (minutes on a CPU) so that the
share can be told. The images of the source come from a server on loopback.
"""

# ruff: noqa: PLC0415 - Ultralytics may be imported only after it was told where to keep its things
from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import astuple
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from demo_drawing import Size, write_material

from benchmarks.table import Row, format_table
from yolobg.demo import Demo

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 7
AIM_S = 0.3
FETCHED = 100


def grow(demo: Demo, images: int) -> None:
    """Repeat the drawn images and labels until the training split has that many, a tenth of them backgrounds."""
    root = demo.data_yaml.parent
    drawn = sorted((root / "images/train").iterdir())
    for number in range(images - len(drawn)):
        image = drawn[number % len(drawn)]
        copy = root / "images/train" / f"copy_{number:06}.jpg"
        os.link(image, copy)
        label = root / "labels/train" / f"{copy.stem}.txt"
        text = "" if number < images // 10 else (root / "labels/train" / f"{image.stem}.txt").read_text()
        label.write_text(text)


def call(demo: Demo, **options: Any) -> tuple[float, float]:
    """Seconds that the hook takes as a trainer calls it, by the clock and of the processor."""
    from yolobg.ultralytics import BackgroundHook

    arguments = SimpleNamespace(task="detect", data=str(demo.data_yaml), fraction=1.0, single_cls=False)
    hook = BackgroundHook(annotations=str(demo.annotations), on_error="raise", **options)
    began, used = time.perf_counter(), time.process_time()
    hook(SimpleNamespace(args=arguments, resume=False))
    return time.perf_counter() - began, time.process_time() - used


def train(demo: Demo, folder: Path) -> float:
    """Seconds of one epoch on all images, on the CPU."""
    from ultralytics import YOLO

    began = time.perf_counter()
    YOLO("yolov8n.yaml").train(
        data=str(demo.data_yaml), epochs=1, imgsz=64, batch=64, device="cpu", workers=0, plots=False, val=False,
        amp=False, project=str(folder / "runs"),
    )  # fmt: skip
    return time.perf_counter() - began


def measure(folder: Path, images: int, *, training: bool) -> list[Row]:
    """The rows, measured in this process."""
    from image_server import ImageServer
    from ultralytics.data import utils

    utils.check_font = lambda *_: None  # it would look for a font on the network
    demo = write_material(folder / "drawn", Size(train=200, val=4, images=800, width=96, height=72))
    grow(demo, images)
    local = [str(demo.images_dir)]
    first = call(demo, images=local, ratio=0.09)
    again = [call(demo, images=local, ratio=0.09) for _ in range(ROUNDS)]
    wall, processor = (statistics.median(several) for several in zip(*again, strict=True))
    note = f"median of {ROUNDS}; processor {processor:.2f} s; the first call with its imports {first[0]:.2f} s"
    what = f"the hook, nothing to do, {images:,} images"
    rows = [Row(what, f"{wall:.2f} s", f"aim {AIM_S} s", AIM_S / wall, 1.0, note)]
    with ImageServer(demo.images_dir) as server:
        took = call(demo, images=[server.url], count=images // 10 + FETCHED)[0]
    what = f"the hook, {FETCHED} images to fetch from loopback"
    rows.append(Row(what, f"{took:.2f} s", "", 1.0, None, "the catalog of 800 images made in that"))
    if training:
        epoch = train(demo, folder)
        what = f"one epoch on {images + FETCHED:,} images at 64 px on the CPU, first call of the hook"
        rows.append(Row(what, f"{first[0]:.2f} s", f"{epoch:.1f} s", epoch / first[0], None))
    return rows


def run() -> list[Row]:
    """The rows, measured by the Python that `YOLOBG_BENCH_ULTRALYTICS` names; none without it."""
    python = os.environ.get("YOLOBG_BENCH_ULTRALYTICS")
    if python is None:
        print("hook: YOLOBG_BENCH_ULTRALYTICS does not name a Python with Ultralytics", file=sys.stderr)
        return []
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "rows.json"
        command = [python, "-m", "benchmarks.bench_hook", "--json", str(out)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=ROOT)
        return [Row(*values) for values in json.loads(out.read_text("utf-8"))]


def main() -> None:
    """Measure here and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--training", action="store_true")
    parser.add_argument("--json", type=Path, help="write the rows there too")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-hook-") as scratch:
        folder = Path(scratch)
        os.environ |= {
            "YOLO_CONFIG_DIR": str(folder / "config"), "YOLO_OFFLINE": "1", "YOLO_AUTOINSTALL": "False",
            "YOLOBG_CACHE_DIR": str(folder / "cache"),
        }  # fmt: skip
        rows = measure(folder, asked.images, training=asked.training)
    print(format_table(rows))
    if asked.json:
        asked.json.write_text(json.dumps([astuple(row) for row in rows]), "utf-8")


if __name__ == "__main__":
    main()
