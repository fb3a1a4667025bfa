"""`yolobg convert` against datumaro's own command: `python -m benchmarks.bench_convert [--images 10000] [--runs 3]`.

The peer is `datum convert` of `datumaro[cli]`; `YOLOBG_BENCH_DATUM` names that program. Both are whole processes, from
the same COCO files to a YOLO dataset with its images copied, and back. What is done is not the same: ours counts and
compares both sides image by image, the peer does not. The notes tell what a busy machine does not blur: the processor
time of both, and what each image adds to our memory between half of them and all (below that some buffers still grow).
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random

from PIL import Image

from benchmarks.table import Row, format_table

ROOT = Path(__file__).parent.parent
SHARE = 0.1
OBJECTS = 7
SIZE = (320, 240)


def make_dataset(root: Path, images: int) -> Path:
    """A YOLO dataset: a tenth are backgrounds, the others have seven boxes; pictures of noise, about 40 kB each."""
    random_ = Random(0)
    pictures = []
    for place in range(20):
        file = root / f"picture{place}.jpg"
        root.mkdir(parents=True, exist_ok=True)
        Image.frombytes("RGB", SIZE, random_.randbytes(SIZE[0] * SIZE[1] * 3)).save(file, quality=60)
        pictures.append(file.read_bytes())
        file.unlink()
    for split in ("train", "val"):
        for kind in ("images", "labels"):
            (root / kind / split).mkdir(parents=True)
    for number in range(images):
        split = "val" if number % 5 == 0 else "train"
        (root / "images" / split / f"{number:06}.jpg").write_bytes(pictures[number % len(pictures)])
        boxes = 0 if random_.random() < SHARE else OBJECTS
        (root / "labels" / split / f"{number:06}.txt").write_text("".join(_row(random_) for _ in range(boxes)))
    (root / "data.yaml").write_text("train: images/train\nval: images/val\nnames: [a, b, c, d]\n")
    return root


def _row(random_: Random) -> str:
    x, y = (random_.uniform(0.3, 0.7) for _ in range(2))
    return f"{random_.randrange(4)} {x:.6f} {y:.6f} {random_.uniform(0.02, 0.5):.6f} {random_.uniform(0.02, 0.5):.6f}\n"


def timed(command: Sequence[str | Path], target: Path) -> tuple[float, float, float]:
    """Seconds, MB at the peak and processor seconds of a process that writes `target`, which is removed before."""
    shutil.rmtree(target, ignore_errors=True)
    began = time.perf_counter()
    process = subprocess.Popen(
        [str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=ROOT
    )
    told = process.stderr.read() if process.stderr else b""
    _, status, usage = os.wait4(process.pid, 0)
    took = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command}: {told.decode(errors='replace')[-500:]}")
    megabytes = usage.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
    return took, megabytes, usage.ru_utime + usage.ru_stime


def best_of(runs: int, command: Sequence[str | Path], target: Path) -> tuple[float, float, float]:
    """The median time, the largest memory and the median of the processor's time."""
    seconds, megabytes, busy = zip(*(timed(command, target) for _ in range(runs)), strict=True)
    return statistics.median(seconds), max(megabytes), statistics.median(busy)


def ours(source: Path, target: Path, form: str, back: str) -> list[str | Path]:
    return [sys.executable, "-m", "yolobg", "convert", source, target, "--from", back, "--to", form, "--quiet"]


def rows(work: Path, datum: Path | None, images: int, runs: int) -> list[Row]:
    """Both directions, and our memory at half."""
    found = []
    yolo = make_dataset(work / "yolo", images)
    small = make_dataset(work / "small", max(images // 2, 1))
    out = work / "out"
    for form, back, source, theirs in (
        ("coco", "yolo", yolo, ("yolo", "coco_instances")),
        ("yolo", "coco", work / "coco", ("coco_instances", "yolo_ultralytics")),
    ):
        seconds, megabytes, busy = best_of(runs, ours(source, out, form, back), out)
        timed(ours(small, work / "small.coco", "coco", "yolo"), work / "small.coco")
        half_from = small if back == "yolo" else work / "small.coco"
        _, half, _ = timed(ours(half_from, work / "half", form, back), work / "half")
        what = f"{back} to {form}, {images:,} images"
        grown = (megabytes - half) / (images / 2) * 1e3
        flat = f"{half:.0f} MB for half of the images, so {grown:.2f} kB an image more"
        if datum is not None:
            command: list[str | Path] = [
                datum,
                "convert",
                "-i",
                source,
                "-if",
                theirs[0],
                "-f",
                theirs[1],
                "-o",
                out,
                "--",
                "--save-media",
            ]
            peer, peer_megabytes, peer_busy = best_of(runs, command, out)
            said = f"processor time {busy:.1f} s against {peer_busy:.1f} s"
            found.append(Row(f"{what}: time", f"{seconds:.1f} s", f"datum {peer:.1f} s", peer / seconds, 1.0, said))
            shown = f"datum {peer_megabytes:.0f} MB"
            found.append(Row(f"{what}: memory", f"{megabytes:.0f} MB", shown, peer_megabytes / megabytes, 1.0, flat))
        else:
            found.append(Row(f"{what}: time", f"{seconds:.1f} s", "no datum", 1.0, None))
            found.append(Row(f"{what}: memory", f"{megabytes:.0f} MB", "no datum", 1.0, None, flat))
        if form == "coco":
            timed(ours(yolo, work / "coco", "coco", "yolo"), work / "coco")
    return found


def run(images: int = 10_000, runs: int = 3) -> list[Row]:
    """The rows at full size."""
    named = os.environ.get("YOLOBG_BENCH_DATUM")
    with tempfile.TemporaryDirectory() as work:
        return rows(Path(work), Path(named) if named else None, images, runs)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=3)
    asked = parser.parse_args()
    print(format_table(run(asked.images, asked.runs)))


if __name__ == "__main__":
    main()
