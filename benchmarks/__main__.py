"""Run every comparison and print one table: `python -m benchmarks [--only coco,download]`.

Each `bench_*.py` of this folder has a `run() -> list[Row]`. `RESULTS.md` keeps the last full run.
"""

from __future__ import annotations

import argparse
import importlib
import platform
import sys
from pathlib import Path

from benchmarks.table import Row, format_table


def main() -> None:
    """Read the arguments, run, print."""
    names = sorted(path.stem.removeprefix("bench_") for path in Path(__file__).parent.glob("bench_*.py"))
    parser = argparse.ArgumentParser(description="Run the comparisons side by side and print a table of ratios.")
    parser.add_argument("--only", default=",".join(names), help=f"which of {', '.join(names)}")
    wanted = parser.parse_args().only.split(",")
    rows: list[Row] = []
    for name in wanted:
        module = importlib.import_module(f"benchmarks.bench_{name}")
        rows += module.run()
        sys.stderr.write(f"{name}: done\n")
    print(f"{platform.platform()}, Python {platform.python_version()}\n")
    print(format_table(rows))


if __name__ == "__main__":
    main()
