"""Run every comparison and print one table: `python -m benchmarks [--only coco,download] [--write]`.

Each `bench_*.py` of this folder has a `run() -> list[Row]`. `RESULTS.md` keeps the last full run.
"""

from __future__ import annotations

import argparse
import datetime
import multiprocessing
import os
import platform
import shutil
import subprocess
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib import metadata
from pathlib import Path

from benchmarks.table import format_table, run_part

FOLDER = Path(__file__).parent
PEERS = ("yolobg", "urllib3", "pycocotools", "requests", "click", "labelformat")
ELSEWHERE = {
    "YOLOBG_BENCH_ULTRALYTICS": "ultralytics-opencv-headless",
    "YOLOBG_BENCH_PEERS": "labelformat",
    "YOLOBG_BENCH_IMG2DATASET": "img2dataset",
    "YOLOBG_BENCH_DATUM": "datumaro",
}


def machine() -> str:
    """One paragraph: processor, memory, system, date."""
    model = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        model = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), model)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30 if hasattr(os, "sysconf") else 0
    today = datetime.datetime.now(tz=datetime.timezone.utc).date()
    return f"{today}: {os.cpu_count()} cores of {model}, {memory:.0f} GiB, {platform.platform()}."


def versions() -> str:
    """What was compared, each with its version."""
    found = {"Python": platform.python_version()}
    for name in PEERS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    ask = "import sys; from importlib.metadata import version; print(version(sys.argv[1]))"
    for variable, name in ELSEWHERE.items():
        if python := os.environ.get(variable):
            # `datum` is a command; its Python lies beside it.
            found[name] = _said(str(Path(python).with_name("python")), "-c", ask, name)
    for command, flag in (("nginx", "-v"), ("aria2c", "--version")):
        if path := shutil.which(command, path=os.environ.get("PATH", "") + os.pathsep + "/usr/sbin"):
            found[command] = _said(path, flag).split()[2].removeprefix("nginx/")
    return ", ".join(f"{name} {version}" for name, version in found.items()) + "."


def _said(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout or done.stderr).strip() or "(unknown)"


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the arguments, run, print."""
    names = sorted(path.stem.removeprefix("bench_") for path in FOLDER.glob("bench_*.py"))
    parser = argparse.ArgumentParser(description="Run the comparisons side by side and print a table of ratios.")
    parser.add_argument("--only", default=",".join(names), help=f"which of {', '.join(names)}")
    parser.add_argument("--write", action="store_true", help="put the table into RESULTS.md too")
    options = parser.parse_args(arguments)
    began = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    parts = [f"{machine()}\nLoad when it began: {began:.1f}.\n{versions()}\n"]
    print(parts[0])
    for name in options.only.split(","):
        # In a process of its own: Linux counts the memory of the process that starts a contender into its peak.
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as fresh:
            rows = fresh.submit(run_part, name).result()
        parts.append(f"## {name}\n\n{format_table(rows)}\n")
        print(parts[-1], flush=True)
        if options.write:
            write("\n".join(parts))


def write(text: str) -> None:
    """Put the tables into RESULTS.md below what people wrote there; after each part, so that a cut run is not lost."""
    results = FOLDER / "RESULTS.md"
    kept = results.read_text("utf-8").partition(MARK)[0] if results.exists() else "# Results\n\n"
    results.write_text(f"{kept}{MARK}\n\n{text}", "utf-8")


MARK = "<!-- what follows is written by `python -m benchmarks --write` -->"


if __name__ == "__main__":
    main()
