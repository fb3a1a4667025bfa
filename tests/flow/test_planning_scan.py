"""What a plan takes from the scan of a split, ours or a trainer's."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from download_pictures import picture
from inventories import make

from yolobg.dataset.inventory import scan_split
from yolobg.flow.options import Request
from yolobg.flow.planning import Scan, make_plan
from yolobg.model import DataYaml, Inventory, Progress


def without_the_first(data: DataYaml, split: str, _progress: Progress) -> Inventory:
    """As a trainer scans that leaves out an image which it cannot use."""
    inventory = scan_split(data, split)
    return replace(inventory, files=inventory.files[1:])


@pytest.mark.parametrize("scan", [None, without_the_first])
def test_plan__knows_every_image_whoever_scans(tmp_path: Path, scan: Scan | None) -> None:
    """What a trainer leaves out is there all the same, so it must not come in a second time."""
    there = [f"images/train/{number:012d}.jpg" for number in (1, 2, 3)]
    make(tmp_path / "data", images=there)
    (tmp_path / "pool").mkdir()
    records = [{"id": n, "file_name": f"{n:012d}.jpg", "width": 64, "height": 64} for n in range(1, 7)]
    for n in range(4, 7):
        (tmp_path / "pool" / f"{n:012d}.jpg").write_bytes(picture(n))
    source = {"images": records, "annotations": [], "categories": [{"id": 1, "name": "cat"}]}
    (tmp_path / "pool" / "instances.json").write_text(json.dumps(source))
    request = Request(count=4, annotations=tmp_path / "pool" / "instances.json", images=(tmp_path / "pool",))
    plan = make_plan(tmp_path / "data", request, scan=scan)
    assert plan.choice is not None
    assert sorted(plan.choice.ranked) == [4, 5, 6]
