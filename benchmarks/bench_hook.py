"""What the hook costs: the time it adds to a training when nothing is to do, and when 100 images are to be fetched.

    python -m benchmarks.bench_hook [--images 10000] [--training]

In an environment with Ultralytics. `--training` also trains one epoch on all the images (minutes on a CPU) so that the
share can be told. The images of the source come from a server on loopback.
"""

# ruff: noqa: PLC0415 - Ultralytics may be imported only after it was told where to keep its things
from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from yolobg.demo.material import Demo, Size, write_material

ROUNDS = 7
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


def told(took: tuple[float, float]) -> str:
    return f"{took[0]:.3f} s ({took[1]:.3f} s of the processor)"


def train(demo: Demo, folder: Path) -> float:
    """Seconds of one epoch on all images, on the CPU."""
    from ultralytics import YOLO

    began = time.perf_counter()
    YOLO("yolov8n.yaml").train(
        data=str(demo.data_yaml), epochs=1, imgsz=64, batch=64, device="cpu", workers=0, plots=False, val=False,
        amp=False, project=str(folder / "runs"),
    )  # fmt: skip
    return time.perf_counter() - began


def main() -> None:
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--training", action="store_true")
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="bench-hook-"))
    os.environ |= {
        "YOLO_CONFIG_DIR": str(folder / "config"), "YOLO_OFFLINE": "1", "YOLO_AUTOINSTALL": "False",
        "YOLOBG_CACHE_DIR": str(folder / "cache"),
    }  # fmt: skip
    try:
        measure(folder, asked.images, training=asked.training)
    finally:
        shutil.rmtree(folder)


def measure(folder: Path, images: int, *, training: bool) -> None:
    from image_server import ImageServer
    from ultralytics.data import utils

    utils.check_font = lambda *_: None  # it would look for a font on the network
    demo = write_material(folder / "drawn", Size(train=200, val=4, images=800, width=96, height=72))
    grow(demo, images)
    local = [str(demo.images_dir)]
    first = call(demo, images=local, ratio=0.09)
    again = [call(demo, images=local, ratio=0.09) for _ in range(ROUNDS)]
    median = (statistics.median(wall for wall, _ in again), statistics.median(cpu for _, cpu in again))
    print(f"nothing to do, {images:,} images: first call with its imports {told(first)}, then median {told(median)}")
    with ImageServer(demo.images_dir) as server:
        there = images // 10
        took = call(demo, images=[server.url], count=there + FETCHED)
    print(f"{FETCHED} images to fetch from a server on loopback: {told(took)}, the catalog of 800 images made in that")
    if training:
        epoch = train(demo, folder)
        print(
            f"one epoch on {images + FETCHED:,} images at 64 px on the CPU: {epoch:.1f} s; share {first[0] / epoch:.2%}"
        )


if __name__ == "__main__":
    main()
