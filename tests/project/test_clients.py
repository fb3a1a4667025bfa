"""How other programs read what yolobg writes is as docs/clients.md says.

`YOLOBG_CLIENTS` names interpreters that have them, separated as in PATH; tests skip for those that none has.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from client_readers import READERS
from command_line import source
from places import HELPERS, REPOSITORY

import yolobg

PAGE = (REPOSITORY / "docs/clients.md").read_text(encoding="utf-8")
# Client to what the page says of the backgrounds with an empty label file, and of those without one.
SAID = {
    name.lower(): (with_file, without)
    for name, with_file, without in re.findall(r"^\| (\w+) [\d.]+ \| .* \| (kept|lost) \| (kept|lost) \|$", PAGE, re.M)
}
LABELLED, ADDED, OBJECTS = 18, 2, 33
pytestmark = pytest.mark.clients


def interpreter(client: str) -> str:
    """One that has the client, which may be this one; skips where there is none."""
    if importlib.util.find_spec(client):
        return sys.executable
    named = [os.environ.get("YOLOBG_ULTRALYTICS_PYTHON", ""), *os.environ.get("YOLOBG_CLIENTS", "").split(os.pathsep)]
    look = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({client!r}) is None)"
    for python in filter(None, named):
        if subprocess.run([python, "-c", look], check=False, timeout=60).returncode == 0:
            return python
    pytest.skip(f"{client} is not installed; YOLOBG_CLIENTS may name interpreters that have it")


def read(client: str, root: Path, home: Path) -> dict[str, int]:
    done = subprocess.run(
        [interpreter(client), HELPERS / "client_readers.py", client, root],
        capture_output=True, encoding="utf-8", check=False, timeout=110, cwd=home,
        env={**os.environ, "YOLO_CONFIG_DIR": str(home), "YOLO_OFFLINE": "1", "YOLO_AUTOINSTALL": "False",
             "FIFTYONE_CONFIG_PATH": str(home / "fiftyone.json"), "FIFTYONE_DO_NOT_TRACK": "true"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    counts: dict[str, int] = json.loads(done.stdout)
    return counts


@pytest.fixture
def dataset(sample: Path) -> Path:
    """The sample with backgrounds."""
    _, annotations, _, images = source(sample)
    report = yolobg.augment(sample / "dataset/data.yaml", annotations=annotations, images=[images])
    assert report.after.backgrounds == ADDED
    return sample / "dataset"


def expected(said: str) -> dict[str, int]:
    backgrounds = ADDED if said == "kept" else 0
    return {"images": LABELLED + backgrounds, "backgrounds": backgrounds, "objects": OBJECTS}


def test_page__speaks_of_each_client() -> None:
    assert SAID.keys() == READERS.keys()


@pytest.mark.parametrize("client", READERS)
def test_client__reads_the_backgrounds_as_the_page_says(client: str, dataset: Path, tmp_path: Path) -> None:
    with_file, without = SAID[client]
    assert with_file == "kept", "the point of the page"
    assert read(client, dataset, tmp_path) == expected(with_file)
    for file in (dataset / "labels/train").glob("bg_*.txt"):
        file.unlink()
    for cache in dataset.rglob("*.cache"):
        cache.unlink()
    assert read(client, dataset, tmp_path) == expected(without)


def test_datumaro__loses_all_backgrounds_of_roboflows_layout_unless_converted(dataset: Path, tmp_path: Path) -> None:
    exported = tmp_path / "export"
    for split, name in (("train", "train"), ("val", "valid")):
        for kind in ("images", "labels"):
            shutil.copytree(dataset / kind / split, exported / name / kind)
    names = (dataset / "data.yaml").read_text(encoding="utf-8").partition("names:")[2]
    text = f"train: ../train/images\nval: ../valid/images\nnames:{names}"
    (exported / "data.yaml").write_text(text, encoding="utf-8")
    assert read("datumaro", exported, tmp_path) == expected("lost")
    yolobg.convert(exported, tmp_path / "converted", to="yolo")
    assert read("datumaro", tmp_path / "converted", tmp_path) == expected("kept")
