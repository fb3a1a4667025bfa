"""Our counts against those of Ultralytics' own scan, on every layout of the battery."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from battery.layouts import LAYOUTS
from places import HELPERS
from ultra import run

# The others are layouts that Ultralytics refuses to read.
LEAST_SCANNED = 120
# A folder linked into itself: it is walked until the system's limit on links, and the last image there is unreadable to
# one way of asking and readable to another.
ENDLESS = "link_loop"


@pytest.mark.ultralytics
@pytest.mark.timeout(600)
def test_counts__are_those_of_the_scan_for_every_layout(tmp_path: Path) -> None:
    """Images, backgrounds, corrupt and the total; by the hook's lists everywhere, by our reader where it agrees."""
    said = run([HELPERS / "ultra_scans.py", tmp_path], cwd=tmp_path)
    assert said.code == 0, said.output[-4000:]
    rows = [json.loads(line[4:]) for line in said.lines if line.startswith("ROW ")]
    assert {row["name"] for row in rows} <= set(LAYOUTS)
    scanned = [row for row in rows if "scan" in row and row["name"] != ENDLESS]
    assert len(scanned) >= LEAST_SCANNED, [row["name"] for row in rows if "scan" not in row]
    assert [row for row in scanned if row["hook"] != row["scan"]] == []
    assert [row for row in scanned if row["ours"] != row["scan"] and not row["differs"]] == []
    # The layouts hold what is counted: backgrounds, corrupt ones, and both in one split.
    assert sum(row["scan"][1] > 0 for row in scanned) >= 20
    assert sum(row["scan"][2] > 0 for row in scanned) >= 20
