"""From an empty cache to the first background: `python -m benchmarks.fast_start [--other CHECKOUT] [--data FOLDER]`.

`augment --fast`, with images from a server on loopback, so that the network costs nothing. With another checkout of
yolobg the two take turns. With a folder that `benchmarks.make_coco` filled, so do `augment` without `--fast`, which
fetches the annotations from that server, and the usual script.
"""

from __future__ import annotations

import argparse
import http.server
import io
import multiprocessing
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import msgspec
from PIL import Image

from benchmarks.bench_command import ROOT, make_dataset, small_picture

IMAGES = 300
ARCHIVE = "annotations_trainval2017.zip"
INSTANCES = "annotations/instances_train2017.json"
# What people write, with a request for the whole archive.
SCRIPT = f"""
import random, sys, zipfile, requests
from pathlib import Path
from pycocotools.coco import COCO
host, target = sys.argv[1], Path(sys.argv[2])
with requests.get(f"{{host}}/annotations/{ARCHIVE}", stream=True) as answer, open("a.zip", "wb") as out:
    for chunk in answer.iter_content(1 << 20):
        out.write(chunk)
zipfile.ZipFile("a.zip").extract("{INSTANCES}")
coco = COCO("{INSTANCES}")
excluded = set()
for category in coco.getCatIds(catNms=["person", "car", "truck", "traffic light"]):
    excluded |= set(coco.getImgIds(catIds=[category]))
free = sorted(set(coco.getImgIds()) - excluded)
for image in coco.loadImgs(random.Random(0).sample(free, 1)):
    name = image["file_name"]
    (target / f"bg_{{name}}").write_bytes(requests.get(f"{{host}}/train2017/{{name}}").content)
"""


@dataclass(frozen=True)
class Start:
    """Seconds to the first background and to the end, seconds of CPU, and the most memory and bytes fetched in MB."""

    first_s: float
    wall_s: float
    cpu_s: float
    memory_mb: float
    fetched_mb: float


class _Record(msgspec.Struct):
    id: int
    width: int
    height: int


class _Records(msgspec.Struct):
    images: list[_Record]


class _Host(http.server.BaseHTTPRequestHandler):
    """COCO's archive, and a picture of its own for every other address."""

    protocol_version = "HTTP/1.1"
    archive: Path | None = None
    sizes: dict[int, tuple[int, int]] = {}  # noqa: RUF012 - shared by all handlers, as there is one server in a process
    sent = 0

    def do_GET(self) -> None:
        """Answer with it."""
        if self.path == "/sent":
            self._answer(200, str(_Host.sent).encode())
        elif self.path.endswith(".zip") and self.archive:
            self._part(self.archive)
        else:
            self._answer(200, self._picture())

    def _part(self, file: Path) -> None:
        total = file.stat().st_size
        asked = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", "")) or re.fullmatch("(0)()", "0")
        assert asked  # one of the two fits
        start = int(asked[1]) if asked[1] else total - int(asked[2])
        end = min(int(asked[2]), total - 1) if asked[1] and asked[2] else total - 1
        with file.open("rb") as handle:
            handle.seek(start)
            part = handle.read(end - start + 1)
        self._answer(206 if "Range" in self.headers else 200, part, f"bytes {start}-{end}/{total}")

    def _picture(self) -> bytes:
        out, number = io.BytesIO(), hash(self.path)
        image = re.search(r"(\d{12})\.jpg", self.path)
        size = self.sizes.get(int(image[1]), (64, 64)) if image else (64, 64)
        Image.new("RGB", size, (number & 255, number >> 8 & 255, number >> 16 & 255)).save(out, "JPEG")
        return out.getvalue()

    def _answer(self, status: int, body: bytes, part: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", '"0"')
        if status == http.HTTPStatus.PARTIAL_CONTENT:
            self.send_header("Content-Range", part)
        self.end_headers()
        self.wfile.write(body)
        _Host.sent += len(body)

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, _request: object, _address: object) -> None:
        """Say nothing of clients that end before their connection does."""


def serve(told: Connection, data: Path | None) -> None:
    """Serve until the process is ended; tells its port first."""
    if data is not None:
        _Host.archive = data / ARCHIVE
        records = msgspec.json.decode((data / INSTANCES).read_bytes(), type=_Records).images
        _Host.sizes = {record.id: (record.width, record.height) for record in records}
    server = _Server(("127.0.0.1", 0), _Host)
    told.send(server.server_address[1])
    server.serve_forever()


def fetched_mb(host: str) -> float:
    """What the server has sent so far."""
    with urllib.request.urlopen(f"{host}/sent") as answer:
        return int(answer.read()) / 1e6


def start(command: Sequence[str], host: str, folder: Path, checkout: Path) -> Start:
    """Run a command once, in a fresh process with an empty cache; `DATA` in it is the dataset, `HOST` the server."""
    shutil.rmtree(folder, ignore_errors=True)
    make_dataset(folder / "data", IMAGES, picture=small_picture())
    environment = {**os.environ, "YOLOBG_CACHE_DIR": str(folder / "cache"), "YOLOBG_COCO_URL": host}
    # Compiled modules are kept, as they are for what is installed.
    environment |= {"PYTHONPATH": str(checkout), "PYTHONDONTWRITEBYTECODE": ""}
    words = [word.replace("DATA", str(folder / "data")).replace("HOST", host) for word in command]
    before, began, first_s = fetched_mb(host), time.perf_counter(), 0.0
    process = subprocess.Popen([sys.executable, *words], env=environment, cwd=folder, stdout=subprocess.DEVNULL)
    while not first_s:
        if any((folder / "data/images/train").glob("bg_*")):
            first_s = time.perf_counter() - began
        elif process.poll() is not None:
            raise RuntimeError("the command ended without a background")
        time.sleep(0.005)  # how exact the figure is; looking without a pause would take the processor from it
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    memory = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6
    cpu_s, wall_s = usage.ru_utime + usage.ru_stime, time.perf_counter() - began
    return Start(first_s, wall_s, cpu_s, memory, fetched_mb(host) - before)


def contenders(other: Path | None, *, data: bool) -> dict[str, tuple[Sequence[str], Path]]:
    """Name to command and checkout."""
    augment = ("-m", "yolobg", "augment", "DATA/data.yaml", "--count", "1", "--no-report", "-q")
    found: dict[str, tuple[Sequence[str], Path]] = {"--fast": ((*augment, "--fast"), ROOT)}
    if other is not None:
        found["other --fast"] = ((*augment, "--fast"), other.resolve())
    if data:
        # By its address: COCO's own archive is known by its digest.
        source = ("--annotations", f"HOST/annotations/{ARCHIVE}!{INSTANCES}", "--images", "HOST/train2017")
        found["default"] = ((*augment, *source), ROOT)
        found["script"] = (("-c", SCRIPT, "HOST", "DATA/images/train"), ROOT)
    return found


def main() -> None:
    """Print the medians."""
    parser = argparse.ArgumentParser(description="From an empty cache to the first background.")
    parser.add_argument("--other", type=Path, help="another checkout of yolobg")
    parser.add_argument("--data", type=Path, help="folder that benchmarks.make_coco filled at full size")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    fresh = multiprocessing.get_context("spawn")
    ours, theirs = fresh.Pipe()
    # A process of its own: Linux counts the memory of the process that starts a contender into its peak.
    server = fresh.Process(target=serve, args=(theirs, options.data), daemon=True)
    server.start()
    host = f"http://127.0.0.1:{ours.recv()}"
    named = contenders(options.other, data=options.data is not None)
    found: dict[str, list[Start]] = {name: [] for name in named}
    with tempfile.TemporaryDirectory() as folder:
        for name in [name for name in named if "--fast" in name]:  # compiles the modules
            start(named[name][0], host, Path(folder, "run"), named[name][1])
        for _ in range(options.repeats):
            for name, (command, checkout) in named.items():
                found[name].append(start(command, host, Path(folder, "run"), checkout))
    for name, starts in found.items():
        first, wall, cpu, memory, fetched = (
            statistics.median(getattr(one, field) for one in starts)
            for field in ("first_s", "wall_s", "cpu_s", "memory_mb", "fetched_mb")
        )
        print(
            f"{name:>12}: first background {first:.2f} s, all {wall:.2f} s, CPU {cpu:.2f} s, {memory:.0f} MB, "
            f"{fetched:.1f} MB fetched"
        )
    server.terminate()


if __name__ == "__main__":
    main()
