"""`status` of all splits in one table."""

from __future__ import annotations

import json
from pathlib import Path

from command_line import run, source

import yolobg


def test_status__shows_all_splits_in_one_table(sample: Path) -> None:
    data = sample / "dataset"
    file = data / "data.yaml"
    assert run("augment", data, *source(sample), "--count", "2").returncode == 0
    assert run("augment", data, *source(sample), "--count", "1", "--split", "val").returncode == 0
    file.write_text(file.read_text("utf-8") + "test: images/test\n", "utf-8")
    told = run("status", data)
    assert told.returncode == 0, told.stderr
    rows = [line.split() for line in told.stdout.partition("All splits")[2].splitlines()]
    assert ["train", "20", "18", "2", "2", "0", "10.0%"] in rows
    assert ["val", "5", "4", "1", "1", "0", "20.0%"] in rows
    assert ["test", "–"] in rows
    assert "key 'test'" in told.stdout
    states = {state["split"]: state for state in json.loads(run("status", data, "--json").stdout)["splits"]}
    assert (states["val"]["counts"]["ours"], states["test"]["counts"]) == (1, None)
    assert "images/test" in states["test"]["problem"].replace("\\", "/")


def test_status__of_one_split_reads_no_other(sample: Path) -> None:
    assert "All splits" not in run("status", sample / "dataset", "--split", "val").stdout
    assert not yolobg.status(sample / "dataset").splits
    assert [state.split for state in yolobg.status(sample / "dataset", all_splits=True).splits] == ["train", "val"]


def test_status__reads_what_two_splits_share_once(sample: Path) -> None:
    file = sample / "dataset/data.yaml"
    file.write_text(file.read_text("utf-8").replace("val: images/val", "val: images/train"), "utf-8")
    scans: list[int] = []

    def note(stage: str, done: int, _total: int | None) -> None:
        if stage == "scan":
            scans.append(done)

    told = yolobg.status(file, all_splits=True, progress=note)
    assert scans.count(18) == 1
    counts = [(state.split, state.counts) for state in told.splits]
    assert counts == [("train", told.before), ("val", told.before)]
