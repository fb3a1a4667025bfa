"""The commands of docs/evaluate.md are run as they are written there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from evaluating import found_in, stand_in_python, write_dataset, write_images, write_predictions
from places import REPOSITORY
from ultra import environment, python_with_ultralytics

import yolobg

DOCUMENT = REPOSITORY / "docs" / "evaluate.md"


def recipe(name: str) -> str:
    """The block of code after the recipe's mark."""
    found = re.search(rf"<!-- recipe:{name} -->\n```\w+\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    assert found, f"no recipe {name}"
    return found[1]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write_dataset(tmp_path / "dataset")
    write_images(tmp_path / "site_photos", [f"f{number}.png" for number in range(30)], first=20_000)
    for name, score in (("plain", 0.6), ("with_backgrounds", 0.1)):
        rows = [found_in(f"v{number}.png", 0.9, category=number % 2) for number in range(20)]
        write_predictions(tmp_path / f"{name}.json", [*rows, *(found_in(f"f{at}.png", score) for at in range(30))])
    return tmp_path


def shell(project: Path, command: str) -> str:
    place = str(Path(yolobg.__file__).parent.parent)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return subprocess.run(
        command, shell=True, cwd=project, check=True, capture_output=True, text=True, timeout=100,
        env={**os.environ, "PATH": path, "PYTHONPATH": place},
    ).stdout  # fmt: skip


def test_page__its_commands_list_the_images_and_compare(project: Path) -> None:
    shell(project, recipe("list"))
    assert len((project / "images.txt").read_text("utf-8").splitlines()) == 50
    told = shell(project, recipe("evaluate"))
    assert "20% of backgrounds flagged" in told
    assert "On these weights" in told


def test_page__its_command_runs_checkpoints(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YOLOBG_ULTRALYTICS_PYTHON", stand_in_python(project, project / "asked.txt"))
    for name in ("plain.pt", "with_backgrounds.pt"):
        (project / name).write_bytes(name.encode())
    assert "30 of 30" in shell(project, recipe("models"))


def test_page__its_python_shows_the_result_and_says_where_the_page_is(project: Path) -> None:
    (project / "cell.py").write_text(recipe("notebook"), "utf-8")
    told = shell(project, f'"{sys.executable}" cell.py')
    difference, verdict, page = told.split(maxsplit=2)
    assert (float(difference), verdict) == (0.0, "single_runs")
    assert Path(page.strip()).read_text("utf-8").endswith("</html>")


@pytest.mark.ultralytics
def test_page__its_script_writes_predictions_that_are_read(project: Path) -> None:
    python = python_with_ultralytics()
    shell(project, recipe("list"))
    (project / "predict.py").write_text(recipe("predict"), "utf-8")
    make = (
        "from ultralytics import YOLO; m = YOLO('yolov8n.yaml'); m.model.names = {0: 'a', 1: 'b'}; m.save('plain.pt')"
    )
    for arguments in (["-c", make], ["predict.py", "plain.pt", "fresh.json"]):
        done = subprocess.run(
            [python, *arguments], cwd=project, env=environment(), capture_output=True, text=True, timeout=110,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    if (project / "fresh.json").read_text("utf-8") != "[]":
        found = yolobg.evaluate(
            project / "dataset", before=project / "fresh.json", backgrounds=project / "site_photos", categories=0,
            bootstrap=100,
        )  # fmt: skip
        assert found.models[0].runs == 1
