"""Whole commands against what people do instead: `python -m benchmarks.bench_command [--data FOLDER] [--large]`.

Peers: the usual script for a dry run, Ultralytics' first scan and labelformat's reader for `status`, `cp` and `touch`
for copying, a one-command click program for `--help`. Our side is always the whole process, start included;
Ultralytics and labelformat are timed inside theirs, without their imports. Where
`YOLOBG_BENCH_ULTRALYTICS` names a Python with Ultralytics, that one runs it; `YOLOBG_BENCH_PEERS` does for labelformat.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from PIL import Image

from benchmarks.bench_coco import INSTANCES, SCRIPT, Cost, median, rows_of
from benchmarks.table import Row, format_table

ROOT = Path(__file__).parent.parent
LABEL = "".join(f"{n % 4} 0.5{n} 0.4{n} 0.1{n} 0.2{n}\n" for n in range(7))
NAMES = "names: [person, car, truck, traffic light]\n"
# Nothing is asked of it: a dry run does not fetch pictures.
PICTURES = "http://images.cocodataset.org/train2017"
HELP = """
import click
@click.command()
@click.option("--name", default="x")
def main(name: str) -> None: ...
main()
"""
ULTRALYTICS = """
import sys, time
from ultralytics.data.dataset import YOLODataset
from ultralytics.data.utils import check_det_dataset
data = check_det_dataset(sys.argv[1])
began = time.perf_counter()
dataset = YOLODataset(img_path=data["train"], data=data, imgsz=64, augment=False)
print(time.perf_counter() - began)
"""
LABELFORMAT = """
import sys, time
from pathlib import Path
from labelformat.formats import YOLOv8ObjectDetectionInput
began = time.perf_counter()
count = sum(1 for _ in YOLOv8ObjectDetectionInput(input_file=Path(sys.argv[1]), input_split="train").get_labels())
print(time.perf_counter() - began)
"""


def cost_of(command: Sequence[str | Path], cache: Path, python_path: Path | None = ROOT) -> Cost:
    """Run a command in a fresh process; its last line of output is kept."""
    environment = {**os.environ, "YOLOBG_CACHE_DIR": str(cache), "YOLO_OFFLINE": "1", "YOLO_AUTOINSTALL": "False"}
    environment["YOLO_CONFIG_DIR"] = str(cache)
    # Compiled modules are kept, as they are for what is installed.
    environment["PYTHONDONTWRITEBYTECODE"] = ""
    if python_path is not None:
        environment["PYTHONPATH"] = str(python_path)
    began = time.perf_counter()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as said:
        process = subprocess.Popen([str(part) for part in command], stdout=out, stderr=said, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall_s = time.perf_counter() - began
        if process.returncode:
            said.seek(0)
            raise RuntimeError(f"a contender failed: {command}: {said.read()[-2000:]!r}")
        out.seek(0)
        lines = out.read().decode(errors="replace").splitlines()
    return Cost(wall_s, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024), lines[-1] if lines else "")


def turns(repeats: int, *contenders: Callable[[], Cost]) -> list[Cost]:
    """The medians of contenders that take turns."""
    costs: list[list[Cost]] = [[] for _ in contenders]
    for _ in range(repeats):
        for place, contender in enumerate(contenders):
            costs[place].append(contender())
    return [median(cost) for cost in costs]


def yolobg(*arguments: str | Path) -> list[str | Path]:
    """The command of this checkout."""
    return [sys.executable, "-m", "yolobg", *arguments]


def make_dataset(root: Path, images: int, *, picture: bytes = b"") -> Path:
    """A dataset of so many images with seven boxes each; returns data.yaml."""
    for kind in ("images", "labels"):
        (root / kind / "train").mkdir(parents=True)
    label = LABEL.encode()
    for number in range(images):
        (root / f"images/train/im{number:07}.jpg").write_bytes(picture)
        (root / f"labels/train/im{number:07}.txt").write_bytes(label)
    data_yaml = root / "data.yaml"
    data_yaml.write_text(f"path: {root}\ntrain: images/train\nval: images/train\n{NAMES}")
    return data_yaml


def small_picture() -> bytes:
    """A real JPEG that a trainer accepts."""
    out = io.BytesIO()
    Image.new("RGB", (64, 64), (90, 120, 60)).save(out, "JPEG")
    return out.getvalue()


def bench_dry_run(data: Path, folder: Path, repeats: int) -> list[Row]:
    """`augment --dry-run` with a ready catalog on a dataset of 10,000 images."""
    data_yaml = make_dataset(folder / "ten", 10_000)
    command = yolobg(
        "augment", data_yaml, "--annotations", data / INSTANCES, "--images", PICTURES, "--dry-run", "--json"
    )
    cost_of(command, folder / "cache")
    ours, script = turns(
        repeats,
        lambda: cost_of(command, folder / "cache"),
        lambda: cost_of([sys.executable, "-c", SCRIPT, data / INSTANCES], folder / "cache"),
    )
    return rows_of("augment --dry-run, 10,000 images, ready catalog", ours, script, "script", (40, 15))


def bench_status(folder: Path, repeats: int) -> list[Row]:
    """`status` against two readers of the same labels."""
    data_yaml = make_dataset(folder / "twenty", 20_000, picture=small_picture())
    rows = []
    for name, code, python, target in (
        ("Ultralytics' first scan", ULTRALYTICS, os.environ.get("YOLOBG_BENCH_ULTRALYTICS", sys.executable), 10),
        ("labelformat", LABELFORMAT, os.environ.get("YOLOBG_BENCH_PEERS", sys.executable), 3),
    ):

        def peer(code: str = code, python: str = python) -> Cost:
            (data_yaml.parent / "labels/train.cache").unlink(missing_ok=True)
            told = cost_of([python, "-c", code, data_yaml], folder / "cache", None)
            return Cost(float(told.output), told.peak_bytes)

        ours, theirs = turns(repeats, lambda: cost_of(yolobg("status", data_yaml, "--json"), folder / "cache"), peer)
        rows += rows_of("status, 20,000 images", ours, theirs, name, (target, None))[:1]
    return rows


def bench_copy(folder: Path, repeats: int, images: int = 10_000) -> list[Row]:
    """`augment` of local backgrounds against `cp` and `touch`, and with the report page against without.

    Each contender starts from a dataset without backgrounds.
    """
    source = make_pool(folder / "pool", images)
    data_yaml = make_dataset(folder / "target", 100)
    target = folder / "copied"
    where = ("--annotations", source, "--images", source.parent, "--count", str(images), "--quiet")

    def ours(*more: str) -> Cost:
        cost_of(yolobg("remove", data_yaml), folder / "cache")
        os.sync()
        return cost_of(yolobg("augment", data_yaml, *where, *more), folder / "cache")

    def peer() -> Cost:
        shutil.rmtree(target, ignore_errors=True)
        os.sync()
        script = (
            f"mkdir -p {target}/images {target}/labels && cp {source.parent}/*.jpg {target}/images/ && "
            f"cd {target}/labels && ls ../images | sed s/jpg$/txt/ | xargs touch"
        )
        return cost_of(["sh", "-c", script], folder / "cache")

    bare, page, other = turns(repeats, partial(ours, "--no-report"), ours, peer)
    what = f"augment of {images:,} local images of 163 kB, copied"
    return [
        *rows_of(what, bare, other, "cp + touch", (0.5, None))[:1],
        *rows_of(f"{what}, with the report page", page, bare, "--no-report", (0.91, None))[:1],
    ]


def make_pool(folder: Path, images: int) -> Path:
    """A COCO-format source of real JPEGs of about 163 kB, each different; returns its instances file."""
    folder.mkdir(parents=True)
    noise = Image.frombytes("RGB", (640, 480), random.Random(0).randbytes(640 * 480 * 3))
    out = io.BytesIO()
    noise.save(out, "JPEG", quality=55)
    picture = bytearray(out.getvalue())
    records = []
    for number in range(images):
        # A comment segment after the start mark makes each file different without another encoding.
        comment = b"\xff\xfe" + (10).to_bytes(2, "big") + number.to_bytes(8, "big")
        (folder / f"{number:07}.jpg").write_bytes(bytes(picture[:2]) + comment + bytes(picture[2:]))
        records.append({"id": number, "file_name": f"{number:07}.jpg", "width": 640, "height": 480})
    instances = folder / "instances.json"
    categories = [{"id": 1, "name": "person"}]
    instances.write_text(json.dumps({"images": records, "annotations": [], "categories": categories}))
    return instances


def bench_help(folder: Path, repeats: int) -> list[Row]:
    """`--help` against the help of the smallest click program."""
    ours, peer = turns(
        repeats * 5,
        lambda: cost_of(yolobg("--help"), folder / "cache"),
        lambda: cost_of([sys.executable, "-c", HELP, "--help"], folder / "cache"),
    )
    return rows_of("--help", ours, peer, "one-command click program", (0.67, None))[:1]


def bench_growth(folder: Path, *, large: bool) -> list[Row]:
    """`status` on more and more images: per image it must not grow."""
    sizes = (20_000, 200_000, 1_000_000) if large else (20_000, 40_000, 80_000)
    seconds = []
    for size in sizes:
        data_yaml = make_dataset(folder / f"grow{size}", size)
        status = partial(cost_of, yolobg("status", data_yaml, "--json"), folder / "cache")
        seconds.append(turns(3, status)[0].wall_s)
        shutil.rmtree(data_yaml.parent)
    return [
        Row(
            f"status on {size:,} images",
            f"{seconds[place]:.2f} s",
            f"{size // sizes[0]} × {seconds[0]:.2f} s",
            size / sizes[0] * seconds[0] / seconds[place],
            0.9,
            "1.0 is linear",
        )
        for place, size in enumerate(sizes)
        if place
    ]


def run(data: Path | None = None, repeats: int = 3, *, large: bool = True) -> list[Row]:
    """All comparisons; `data` (or `YOLOBG_BENCH_DATA`) is a folder that `make_coco` filled; without, one is made."""
    if data is None and (named := os.environ.get("YOLOBG_BENCH_DATA")):
        data = Path(named)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        if data is None:
            data = folder / "full"
            # Not in this process, whose memory would be counted into that of the contenders.
            subprocess.run([sys.executable, "-m", "benchmarks.make_coco", str(data)], check=True, cwd=ROOT)
        rows = bench_dry_run(data, folder, repeats)
        rows += bench_status(folder, repeats)
        rows += bench_copy(folder, repeats)
        rows += bench_help(folder, repeats)
        return rows + bench_growth(folder, large=large)


def main() -> None:
    """Read the arguments and print the table."""
    parser = argparse.ArgumentParser(description="Compare whole commands with what people do instead.")
    parser.add_argument("--data", type=Path, help="folder that benchmarks.make_coco filled at full size")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--large", action="store_true", help="status up to 1,000,000 images")
    options = parser.parse_args()
    print(format_table(run(options.data, options.repeats, large=options.large)))


if __name__ == "__main__":
    main()
