"""The catalog and the archive against what people use: `python -m benchmarks.bench_coco [--data FOLDER] [--repeats 3]`.

Peers: `pycocotools.COCO(path)` for reading, the usual script (`COCO()`, `getImgIds` per class, set difference) for
choosing, one `requests` stream of the whole zip for fetching. Every contender is a process of its own, whose wall time
and peak memory the kernel counts; contenders take turns within each repeat and the figures are medians. The data are
those of `make_coco` and `make_lvis`: true in size and shape, not COCO's or LVIS'.
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
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from coco_server import CocoServer

from benchmarks.make_coco import make_coco
from benchmarks.table import Row, format_table

ROOT = Path(__file__).parent.parent
INSTANCES = "annotations/instances_train2017.json"
LVIS_TRAIN = "annotations/lvis_v1_train.json"
EXCLUDED = ("person", "car", "truck", "traffic light")
# What one connection to the real host gets, as users report it.
BYTES_PER_S = 200_000
# A zip of 10 MB instead of 253 MB, so that the single stream takes a minute and not 21.
ARCHIVE_SCALE = 0.04
# The official zip has four more members: 35 % of its bytes are of no use to us.
OTHER_SHARE = 0.35

OPEN = """
import sys
from yolobg.sources.location import parse_source
from yolobg.sources.catalog.open import open_catalog
with open_catalog(parse_source(sys.argv[1])) as catalog:
    {question}
"""
BUILD = OPEN.format(question="assert catalog.has_captions")
SELECT = OPEN.format(question=f"print(len(catalog.eligible({EXCLUDED!r}).ids))")
VETO = OPEN.format(
    question=f"""from yolobg.model import CaptionTerms
    words = ("person", "people", "man", "men", "woman", "women", "boy", "boys", "girl", "girls", "child", "children")
    vetoes = [CaptionTerms(name, (name, *words)) for name in {EXCLUDED!r}]
    print(len(catalog.eligible({EXCLUDED!r}, vetoes=vetoes).ids))"""
)
WITH_LVIS = f"""{BUILD}
from pathlib import Path
from yolobg.sources.catalog.open import open_evidence
for part in ("train", "val"):
    open_evidence(Path(sys.argv[1]).with_name(f"lvis_v1_{{part}}.json"))
"""
COCO_API = "import sys; from pycocotools.coco import COCO; COCO(sys.argv[1])"
SCRIPT = f"""
import sys
from pycocotools.coco import COCO
coco = COCO(sys.argv[1])
excluded = set()
for category in coco.getCatIds(catNms={list(EXCLUDED)!r}):
    excluded |= set(coco.getImgIds(catIds=[category]))
print(len(set(coco.getImgIds()) - excluded))
"""
FETCH = """
import sys, tempfile
from pathlib import Path
from yolobg.sources.archive.members import fetch_members
from yolobg.sources.archive.remote import Remote
names = ["annotations/instances_train2017.json", "annotations/captions_train2017.json"]
with tempfile.TemporaryDirectory() as folder:
    fetch_members(Remote([sys.argv[1]]), lambda _: names, Path(folder))
"""
STREAM = """
import sys, tempfile, requests
with tempfile.TemporaryFile() as out, requests.get(sys.argv[1], stream=True) as answer:
    for chunk in answer.iter_content(1 << 20):
        out.write(chunk)
"""


@dataclass(frozen=True)
class Cost:
    """What a process cost: seconds, bytes and seconds of the processor."""

    wall_s: float
    peak_bytes: int
    output: str = ""
    cpu_s: float = 0


def measure(code: str, argument: str, cache: Path) -> Cost:
    """Run Python code in a fresh process."""
    # Compiled modules are kept, as they are for what is installed.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", "YOLOBG_CACHE_DIR": str(cache), "PYTHONPATH": str(ROOT)}
    began = time.perf_counter()
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen([sys.executable, "-c", code, argument], stdout=out, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall_s = time.perf_counter() - began
        if process.returncode:
            raise RuntimeError(f"a contender failed with {process.returncode}: {code}")
        out.seek(0)
        lines = out.read().decode().splitlines()
    unit = 1 if sys.platform == "darwin" else 1024
    cpu_s = usage.ru_utime + usage.ru_stime
    return Cost(wall_s, usage.ru_maxrss * unit, lines[-1] if lines else "", cpu_s)


def median(costs: Sequence[Cost]) -> Cost:
    """The median of each figure."""
    return Cost(
        statistics.median(cost.wall_s for cost in costs),
        int(statistics.median(cost.peak_bytes for cost in costs)),
        costs[0].output,
        statistics.median(cost.cpu_s for cost in costs),
    )


def rows_of(what: str, ours: Cost, peer: Cost, name: str, targets: tuple[float | None, float | None]) -> list[Row]:
    """One row for the time and one for the memory."""
    return [
        Row(what, f"{ours.wall_s:.2f} s", f"{name} {peer.wall_s:.2f} s", peer.wall_s / ours.wall_s, targets[0]),
        Row(
            f"{what}: peak memory",
            f"{ours.peak_bytes / 1e6:.0f} MB",
            f"{name} {peer.peak_bytes / 1e6:.0f} MB",
            peer.peak_bytes / ours.peak_bytes,
            targets[1],
        ),
    ]


def bench_catalog(data: Path, cache: Path, repeats: int) -> list[Row]:
    """JSON → catalog ready (captions included), then questions to the ready catalog."""
    path = str(data / INSTANCES)
    build, select, veto, api, script = [], [], [], [], []
    for _ in range(repeats):
        shutil.rmtree(cache, ignore_errors=True)
        build.append(measure(BUILD, path, cache))
        api.append(measure(COCO_API, path, cache))
        select.append(measure(SELECT, path, cache))
        veto.append(measure(VETO, path, cache))
        script.append(measure(SCRIPT, path, cache))
    if select[0].output != script[0].output:
        raise RuntimeError(f"the catalog says {select[0].output} images, pycocotools {script[0].output}")
    [catalog] = (cache / "catalogs").iterdir()
    size = (data / INSTANCES).stat().st_size / 1e6
    note = f"{size:.0f} MB of instances; captions too on our side only; catalog {catalog.stat().st_size / 1e6:.0f} MB"
    rows = rows_of("full-size JSON → catalog ready", median(build), median(api), "pycocotools.COCO", (5, 4))
    rows += rows_of("selection from a ready catalog, whole process", median(select), median(script), "script", (40, 15))
    rows += rows_of("the same with caption vetoes of 13 words × 4", median(veto), median(script), "script", (40, None))
    return [Row(r.what, r.ours, r.peer, r.ratio, r.target, note if i == 0 else "") for i, r in enumerate(rows)]


def bench_lvis(data: Path, folder: Path, repeats: int) -> list[Row]:
    """JSON → catalog ready, with LVIS' two files as evidence and without."""
    place = folder / "annotations"
    if not (data / LVIS_TRAIN).is_file():
        # Not in this process, as above.
        subprocess.run([sys.executable, "-m", "benchmarks.make_lvis", str(folder)], check=True, cwd=ROOT)
        for file in (data / "annotations").glob("*_train2017.json"):
            (place / file.name).symlink_to(file.absolute())
        data = folder
    path, cache = str(data / INSTANCES), folder / "cache"
    alone: list[Cost] = []
    both: list[Cost] = []
    for _ in range(repeats):
        for code, costs in ((BUILD, alone), (WITH_LVIS, both)):
            shutil.rmtree(cache, ignore_errors=True)
            costs.append(measure(code, path, cache))
    one, two = median(alone), median(both)
    kept = sum(file.stat().st_size for file in (cache / "catalogs").glob("lvis*")) / 1e6
    note = f"at most 1.5 ×; CPU {two.cpu_s:.1f} s against {one.cpu_s:.1f} s; {kept:.1f} MB more in the cache, at most 3"
    rows = rows_of("the same catalog with LVIS' 1.2 GB", two, one, "without", (0.67, None))
    return [Row(r.what, r.ours, r.peer, r.ratio, r.target, note if i == 0 else "") for i, r in enumerate(rows)]


def bench_growth(folder: Path, repeats: int) -> list[Row]:
    """Build and selection at a quarter, half and the full size: per image neither may grow."""
    taken: dict[str, list[float]] = {"catalog build": [], "selection, whole process,": []}
    for scale in (0.25, 0.5, 1.0):
        path = str(make_coco(folder / f"scale{scale}", scale=scale, archive=False) / Path(INSTANCES).name)
        costs: dict[str, list[Cost]] = {what: [] for what in taken}
        for _ in range(repeats):
            shutil.rmtree(folder / "cache", ignore_errors=True)
            for what, code in zip(taken, (BUILD, SELECT), strict=True):
                costs[what].append(measure(code, path, folder / "cache"))
        for what, several in costs.items():
            taken[what].append(median(several).wall_s)
    return [
        Row(
            f"{what} at {factor}× of a quarter of COCO",
            f"{seconds[index]:.2f} s",
            f"{factor} × {seconds[0]:.2f} s",
            factor * seconds[0] / seconds[index],
            0.9,
            "1.0 is linear",
        )
        for what, seconds in taken.items()
        for index, factor in ((1, 2), (2, 4))
    ]


def bench_archive(folder: Path, repeats: int) -> list[Row]:
    """Members of a zip over slow connections."""
    make_coco(folder, scale=ARCHIVE_SCALE)
    path = folder / "annotations_trainval2017.zip"
    used = path.stat().st_size
    with zipfile.ZipFile(path, "a") as archive:
        other = os.urandom(round(used * OTHER_SHARE / (1 - OTHER_SHARE)))
        archive.writestr("annotations/person_keypoints_train2017.json", other)
    ours, peer = [], []
    with CocoServer({"/a.zip": path}, bytes_per_s=BYTES_PER_S) as server:
        for _ in range(repeats):
            ours.append(measure(FETCH, f"{server.url}/a.zip", folder / "cache"))
            peer.append(measure(STREAM, f"{server.url}/a.zip", folder / "cache"))
    one, other_one = median(ours), median(peer)
    size = path.stat().st_size / 1e6
    note = f"zip of {size:.0f} MB, 65 % of it needed as in the official one; ours is also checked and unpacked"
    what = "archive members over 200 kB/s per connection"
    return [
        Row(
            what,
            f"{one.wall_s:.1f} s",
            f"one requests stream {other_one.wall_s:.1f} s",
            other_one.wall_s / one.wall_s,
            8,
            note,
        )
    ]


def run(data: Path | None = None, repeats: int = 3) -> list[Row]:
    """All comparisons; `data` (or `YOLOBG_BENCH_DATA`) is a folder that `make_coco` filled; without, one is made."""
    if data is None and (named := os.environ.get("YOLOBG_BENCH_DATA")):
        data = Path(named)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        if data is None:
            data = folder / "full"
            # Not in this process, whose memory would be counted into that of the contenders.
            subprocess.run([sys.executable, "-m", "benchmarks.make_coco", str(data)], check=True, cwd=ROOT)
        rows = bench_catalog(data, folder / "cache", repeats)
        rows += bench_lvis(data, folder / "lvis", repeats)
        rows += bench_archive(folder / "archive", repeats)
        return rows + bench_growth(folder / "growth", repeats)


def main() -> None:
    """Read the arguments and print the table."""
    parser = argparse.ArgumentParser(description="Compare catalog and archive with what people use.")
    parser.add_argument("--data", type=Path, help="folder that benchmarks.make_coco filled at full size")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    print(format_table(run(options.data, options.repeats)))


if __name__ == "__main__":
    main()
