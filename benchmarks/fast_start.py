"""`augment --fast` from an empty cache to its first background: `python -m benchmarks.fast_start [--other CHECKOUT]`.

A loopback server has the images, so that the network costs nothing. With another checkout of yolobg the two take turns.
"""

from __future__ import annotations

import argparse
import http.server
import io
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from benchmarks.bench_command import ROOT, make_dataset, small_picture

IMAGES = 300


@dataclass(frozen=True)
class Start:
    """Seconds to the first background and to the end, seconds of CPU, and the most memory in MB."""

    first_s: float
    wall_s: float
    cpu_s: float
    memory_mb: float


class _Images(http.server.BaseHTTPRequestHandler):
    """A picture of its own for every address."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer with it."""
        out = io.BytesIO()
        number = hash(self.path)
        Image.new("RGB", (64, 64), (number & 255, number >> 8 & 255, number >> 16 & 255)).save(out, "JPEG")
        self.send_response(200)
        self.send_header("Content-Type", "image/jpeg")
        self.send_header("Content-Length", str(out.tell()))
        self.end_headers()
        self.wfile.write(out.getvalue())

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


def start(checkout: Path, host: str, folder: Path) -> Start:
    """Run the command once, in a fresh process with an empty cache."""
    shutil.rmtree(folder, ignore_errors=True)
    data_yaml = make_dataset(folder / "data", IMAGES, picture=small_picture())
    environment = {**os.environ, "YOLOBG_CACHE_DIR": str(folder / "cache"), "YOLOBG_COCO_URL": host}
    # Compiled modules are kept, as they are for what is installed.
    environment |= {"PYTHONPATH": str(checkout), "PYTHONDONTWRITEBYTECODE": ""}
    command = [sys.executable, "-m", "yolobg", "augment", str(data_yaml), "--fast", "--count", "1", "--no-report", "-q"]
    began, first_s = time.perf_counter(), 0.0
    process = subprocess.Popen(command, env=environment, cwd=folder)
    while not first_s:
        if any((folder / "data/images/train").glob("bg_*")):
            first_s = time.perf_counter() - began
        elif process.poll() is not None:
            raise RuntimeError("the command ended without a background")
        time.sleep(0.005)  # how exact the figure is; looking without a pause would take the processor from it
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    memory = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6
    return Start(first_s, time.perf_counter() - began, usage.ru_utime + usage.ru_stime, memory)


def main() -> None:
    """Print the medians."""
    parser = argparse.ArgumentParser(description="augment --fast to its first background")
    parser.add_argument("--other", type=Path, help="another checkout of yolobg")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Images)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    host = f"http://127.0.0.1:{server.server_address[1]}"
    checkouts = {"this": ROOT} | ({"other": options.other.resolve()} if options.other else {})
    found: dict[str, list[Start]] = {name: [] for name in checkouts}
    with tempfile.TemporaryDirectory() as folder:
        for checkout in checkouts.values():  # compiles the modules
            start(checkout, host, Path(folder, "run"))
        for _ in range(options.repeats):
            for name, checkout in checkouts.items():
                found[name].append(start(checkout, host, Path(folder, "run")))
    for name, starts in found.items():
        first, wall, cpu, memory = (
            statistics.median(getattr(one, field) for one in starts)
            for field in ("first_s", "wall_s", "cpu_s", "memory_mb")
        )
        print(f"{name:>6}: first background {first:.2f} s, all {wall:.2f} s, CPU {cpu:.2f} s, {memory:.0f} MB")


if __name__ == "__main__":
    main()
