"""Our reader against Ultralytics on every layout of the battery."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from battery.generate import EXPECTED
from battery.layout import Layout, Places, build, missing_needs, write_settings
from battery.layouts import LAYOUTS
from places import HELPERS

from yolobg.dataset.data_yaml import read_data_yaml
from yolobg.dataset.inventory import count_files, scan_split
from yolobg.errors import DatasetError
from yolobg.model import DataYaml, Inventory

KEPT: dict[str, Any] = json.loads(EXPECTED.read_text(encoding="utf-8"))["layouts"]


@pytest.fixture
def places(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    base = Path(os.path.realpath(tmp_path))
    places = Places(base, request.node.callspec.params["name"])
    layout = LAYOUTS[places.name]
    if missing := missing_needs(layout, tmp_path):
        pytest.skip(f"the file system lacks {missing}")
    monkeypatch.setenv("YOLO_CONFIG_DIR", str(write_settings(base)))
    build(layout, places)
    return places


def read(layout: Layout, places: Places) -> DataYaml:
    cwd = places.path(layout.cwd)
    return read_data_yaml(cwd / places.fill(layout.data), cwd=cwd)


def rows(inventory: Inventory, places: Places) -> list[list[str]]:
    def short(path: str) -> str:
        return places.shorten(os.path.abspath(path))  # noqa: PTH100 - resolve would follow links

    return [[short(entry.image), short(entry.label), entry.state] for entry in inventory.files]


@pytest.mark.parametrize("name", sorted(KEPT))
def test_battery__reads_as_ultralytics_does(name: str, places: Places) -> None:
    """Names, root, images in order, label paths and states are those of Ultralytics; what it refuses, we refuse."""
    layout, expected = LAYOUTS[name], KEPT[name]
    expected = expected["ours"] if layout.differs else expected
    if "error" in expected:
        with pytest.raises(DatasetError) as caught:
            scan_split(read(layout, places), "train", cwd=places.path(layout.cwd))
        assert layout.key, "a layout that is refused says what the message names"
        assert layout.key in str(caught.value)
        return
    data = read(layout, places)
    assert not layout.same_names or {str(key): value for key, value in data.names.items()} == expected["names"]
    assert places.shorten(str(data.root)) == expected["root"]
    assert {split for split in data.splits if split in layout.splits} == set(expected["splits"])
    for split, kept in expected["splits"].items():
        if isinstance(kept, dict):
            with pytest.raises(DatasetError) as caught:
                scan_split(data, split, cwd=places.path(layout.cwd))
            assert split != "train" or layout.key in str(caught.value)
            continue
        inventory = scan_split(data, split, cwd=places.path(layout.cwd))
        assert rows(inventory, places) == kept
        check_counts(inventory)
    assert not (places.root / "ran").exists(), "a download was executed"


def check_counts(inventory: Inventory) -> None:
    counts = count_files(inventory, [entry.label for entry in inventory.files])
    assert counts.images == counts.labelled + counts.backgrounds + counts.corrupt
    assert counts.backgrounds == counts.missing + counts.empty == counts.ours
    corrupt = {entry.label for entry in inventory.files if entry.state == "corrupt"}
    assert corrupt == {problem.label for problem in inventory.problems}
    assert all(problem.reason for problem in inventory.problems)


@pytest.mark.parametrize("name", sorted(name for name, layout in LAYOUTS.items() if layout.differs))
def test_battery__where_we_differ_we_say_so(name: str, places: Places) -> None:
    """A tolerance is never silent: the value read, or its scan, carries a warning that names the key or the path."""
    layout = LAYOUTS[name]
    data = read(layout, places)
    said = " ".join(data.warnings + scan_split(data, "train", cwd=places.path(layout.cwd)).warnings)
    assert said
    assert layout.key in said


def test_battery__is_complete() -> None:
    """Every layout has an answer, and the answers are of layouts that there are."""
    assert set(KEPT) == set(LAYOUTS)
    assert len(LAYOUTS) >= 80
    trains = [answer.get("splits", {}).get("train") for answer in KEPT.values()]
    states = [row[2] for train in trains if isinstance(train, list) for row in train]
    assert {state for state in states if states.count(state) >= 15} == {"found", "missing", "empty", "corrupt"}


@pytest.mark.ultralytics
def test_battery__answers_are_those_of_the_installed_ultralytics() -> None:
    """Made again with the Ultralytics at hand, the answers are the kept ones."""
    # In a process of its own, for Ultralytics patches Pillow when it is imported and reads its settings once.
    python = os.environ.get("YOLOBG_ULTRALYTICS_PYTHON") or sys.executable
    if python == sys.executable and importlib.util.find_spec("ultralytics") is None:
        pytest.skip("Ultralytics is not installed; YOLOBG_ULTRALYTICS_PYTHON may name an interpreter that has it")
    made = subprocess.run(
        [python, "-m", "battery.generate", "--check"],
        env={**os.environ, "PYTHONPATH": str(HELPERS)},
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
    assert made.returncode == 0, made.stdout + made.stderr
