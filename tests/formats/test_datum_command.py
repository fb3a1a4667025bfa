"""The commands of docs/formats.md as they stand there: `datum` and ours beside it, and what `datum` loses."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from format_data import picture
from places import REPOSITORY, SAMPLE

import yolobg

pytestmark = pytest.mark.datumaro
FENCE = re.compile(r"^```\n(.*?)^```", re.MULTILINE | re.DOTALL)


def documented() -> list[str]:
    """The commands of the section about datumaro's own, line by line."""
    text = (REPOSITORY / "docs" / "formats.md").read_text("utf-8")
    section = text.partition("\n## A background dataset, with and without datumaro\n")[2].partition("\n## ")[0]
    return [line for block in FENCE.findall(section) for line in block.splitlines()]


@pytest.fixture(scope="module")
def datum() -> str:
    """datumaro's command, which needs what `pip install datumaro` alone does not bring."""
    found = shutil.which("datum", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
    if found is None or subprocess.run([found, "--version"], capture_output=True, timeout=60, check=False).returncode:
        pytest.skip("needs pip install 'datumaro[cli]'")
    return found


def run(place: Path, datum: str, line: str) -> subprocess.CompletedProcess[str]:
    """Run a documented line on the sample's images, a few of them."""
    source = SAMPLE / "source"
    words = line.replace("--count 1000", "--count 10").replace("person,car", "dog").split()
    if words[:2] == ["yolobg", "download"]:
        words += ["--annotations", str(source / "annotations"), "--images", str(source / "images")]
    program = [datum] if words[0] == "datum" else [sys.executable, "-m", "yolobg"]
    return subprocess.run([*program, *words[1:]], cwd=place, capture_output=True, text=True, timeout=120, check=False)


def counts(place: Path) -> tuple[int, int]:
    found = [yolobg.status(place / "data.yaml", split=split).after for split in ("train", "val")]
    return sum(count.images for count in found), sum(count.backgrounds for count in found)


def test_documented_lines__run_as_they_stand_there(tmp_path: Path, datum: str) -> None:
    whole, convert, divided, datums, transform, again = documented()
    for name, lines in {
        "ours": [whole, convert],
        "datum": [divided, datums],
        "flat": [whole, transform, again],
    }.items():
        (tmp_path / name).mkdir()
        for line in lines:
            done = run(tmp_path / name, datum, line)
            assert done.returncode == 0, (line, done.stderr)
        if name != "ours":
            assert counts(tmp_path / name / "yolo_v8_dataset") == (10, 10)
    assert len(list((tmp_path / "ours" / "yolo_v8_dataset" / "images" / "train").iterdir())) == 10
    assert run(tmp_path / "flat", datum, datums.replace("yolo_v8_dataset", "other")).returncode, "it ran without --val"


def test_datum__loses_what_the_document_says(tmp_path: Path, datum: str) -> None:
    none = {"blank": "\n", "missing": None, "empty": ""}
    labels: dict[str, dict[str, str | None]] = {
        "train": {"box": "0 0.512345 0.5 0.2 0.2\n", "wide": "0  0.5 0.5 0.2 0.2\n", **none},
        "val": {"polygon": "0 0.1 0.1 0.9 0.1 0.9 0.9\n", **none},
    }
    for number, (split, name) in enumerate((split, name) for split, rows in labels.items() for name in rows):
        image = tmp_path / "mine" / "images" / split / f"{name}.jpg"
        image.parent.mkdir(parents=True, exist_ok=True)
        picture(image, number)
        label = tmp_path / "mine" / "labels" / split / f"{name}.txt"
        label.parent.mkdir(parents=True, exist_ok=True)
        if (text := labels[split][name]) is not None:
            label.write_text(text)
    (tmp_path / "mine" / "data.yaml").write_text("train: images/train\nval: images/val\nnames: [cat]\n")
    line = "datum convert -i mine -if yolo -f yolo_ultralytics -o out -- --save-media"
    done = run(tmp_path, datum, line)
    assert done.returncode == 0, done.stderr
    assert {path.stem for path in (tmp_path / "out" / "images").rglob("*.jpg")} == {"box", "empty"}
    assert (tmp_path / "out" / "labels" / "train" / "box.txt").read_text().split()[1] != "0.512345"
    ours = run(tmp_path, datum, "yolobg convert mine ours --to yolo")
    assert ours.returncode == 0, ours.stderr
    assert {path.stem for path in (tmp_path / "ours" / "images").rglob("*.jpg")} == {*labels["train"], *labels["val"]}
    assert (tmp_path / "ours" / "labels" / "train" / "box.txt").read_text() == labels["train"]["box"]
