"""The comparisons run: each part at a small size, so that a change to a command does not leave them behind."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from places import REPOSITORY

from benchmarks.bench_command import bench_copy, bench_dry_run
from benchmarks.make_coco import make_coco

PARTS = sorted(path.stem for path in (REPOSITORY / "benchmarks").glob("bench_*.py"))


@pytest.mark.parametrize("part", PARTS)
def test_part__can_be_imported_and_run(part: str) -> None:
    assert callable(importlib.import_module(f"benchmarks.{part}").run)


@pytest.mark.slow
def test_commands__that_are_compared_with_others(scratch: Path) -> None:
    pytest.importorskip("pycocotools", reason="the peer of a dry run is a script with pycocotools")
    make_coco(scratch / "coco", scale=0.06)
    rows = bench_dry_run(scratch / "coco", scratch / "dry", 1) + bench_copy(scratch / "copy", 1, images=20)
    assert len(rows) == 4
    assert all(row.ratio > 0 for row in rows)
