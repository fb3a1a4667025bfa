"""The whole `augment` over a network against aria2c: `python -m benchmarks.bench_whole [--files 4000] [--repeats 3]`.

Our side is the command as a user types it, start, catalog, choice, checks, merge and the page included; aria2c only
fetches the same files. nginx serves them on loopback with 80 ms of delay, as for `bench_download`.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmarks.bench_coco import Cost
from benchmarks.bench_command import cost_of, make_dataset, small_picture, turns, yolobg
from benchmarks.bench_download import SIDE_X, SIDE_Y, aria2c, make_files, roomy_place, serve, why_not
from benchmarks.table import Row, format_table


def run(files: int = 4000, repeats: int = 3) -> list[Row]:
    """The rows at full size; none, with a word on why, where a peer is not installed."""
    if why_not():
        return []
    with tempfile.TemporaryDirectory(prefix="yolobg-bench-", dir=roomy_place()) as name:
        work = Path(name)
        folder = work / "files"
        folder.mkdir()
        make_files(folder, files, files)
        instances = _instances(work / "instances.json", files)
        with serve(folder, work, delay_s=0.08, bytes_per_s=200_000) as served:
            ours = partial(_augment, work, instances, served.delayed, files)
            ours("--dry-run")  # makes the catalog, which a second run has too
            page, bare, peer = turns(
                repeats, ours, partial(ours, "--no-report"), partial(_aria2c, work, served.delayed, files)
            )
    what = f"whole augment of {files:,} images of 163 kB, 80 ms delay"
    return [
        _row(files, what, page, "aria2c, 64", peer, 1.3),
        _row(files, f"{what}, --no-report", bare, "aria2c, 64", peer, None),
        _row(files, f"{what}, with the page", page, "--no-report", bare, 0.91),
    ]


def _row(files: int, what: str, ours: Cost, name: str, peer: Cost, target: float | None) -> Row:
    rates = (f"{files / ours.wall_s:.0f}/s", f"{name}: {files / peer.wall_s:.0f}/s")
    return Row(what, *rates, peer.wall_s / ours.wall_s, target)


def _instances(path: Path, files: int) -> Path:
    images = [{"id": i, "file_name": f"{i:012d}.jpg", "width": SIDE_X, "height": SIDE_Y} for i in range(1, files + 1)]
    categories = [{"id": 1, "name": "person"}]
    path.write_text(json.dumps({"images": images, "annotations": [], "categories": categories}), "utf-8")
    return path


def _augment(work: Path, instances: Path, base: str, files: int, *more: str) -> Cost:
    """The command on a new dataset of 100 images."""
    root = work / "dataset"
    shutil.rmtree(root, ignore_errors=True)
    data_yaml = make_dataset(root, 100, picture=small_picture())
    where = ("--annotations", instances, "--images", base, "--count", str(files), "--quiet")
    cost = cost_of(yolobg("augment", data_yaml, *where, *more), work / "cache")
    if "--dry-run" not in more and (got := sum(1 for _ in (root / "images/train").glob("bg_*"))) != files:
        raise RuntimeError(f"{got} of {files} images")
    return cost


def _aria2c(work: Path, base: str, files: int) -> Cost:
    target = work / "fetched"
    shutil.rmtree(target, ignore_errors=True)
    cost = cost_of(aria2c(base, target, files, work, 64), work / "cache")
    if (got := sum(1 for _ in target.iterdir())) != files:
        raise RuntimeError(f"aria2c: {got} of {files} images")
    return cost


def main(arguments: Sequence[str] | None = None) -> None:
    """Run and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=4000)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args(arguments)
    print(format_table(run(given.files, given.repeats)))


if __name__ == "__main__":
    main()
