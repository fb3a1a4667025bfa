"""The recipes of docs/recipes.md are run as they are written there, with a drawn source in place of COCO."""

from __future__ import annotations

import ast
import functools
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from demo_drawing import Size, write_material
from places import REPOSITORY

import yolobg
from yolobg.demo import Demo
from yolobg.ultralytics import BackgroundHook

DOCUMENT = REPOSITORY / "docs" / "recipes.md"
LABELLED, ADDED = 18, 2


def recipe(name: str) -> str:
    """The block of code after the recipe's mark."""
    found = re.search(rf"<!-- recipe:{name} -->\n```\w*\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    assert found, f"no recipe {name}"
    return found[1]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with `dataset/`, and with the drawn source beside it."""
    demo = write_material(tmp_path / "drawn", Size(train=LABELLED, val=4, images=60, width=96, height=72))
    place = tmp_path / "project"
    place.mkdir()
    demo.data_yaml.parent.rename(place / "dataset")
    return place


def source_options(project: Path) -> str:
    drawn = project.parent / "drawn" / "source"
    demo = Demo(Path(), drawn / "annotations/instances_demo.json", Path(), drawn / "images")
    return f"--annotations {demo.annotations.as_posix()} --images {demo.images_dir.as_posix()}"


def call(folder: Path, *command: str | Path, code: int = 0) -> str:
    """Run a command of the project with this interpreter as `python`."""
    place = Path(yolobg.__file__).parent.parent
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        [*map(str, command)], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        timeout=100, env={**os.environ, "PATH": path, "PYTHONPATH": str(place), "DVC_NO_ANALYTICS": "1"},
    )  # fmt: skip
    assert done.returncode == code, done.stdout
    return done.stdout


def counted(project: Path, dataset: str) -> tuple[int, int]:
    counts = yolobg.status(project / dataset / "data.yaml").after
    return counts.labelled, counts.ours


# What stands in for a training: it reads the split as a trainer would and says what it saw.
SEES = "python -m yolobg status {} --json"


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_makefile__adds_before_each_training(project: Path) -> None:
    (project / "Makefile").write_text(recipe("makefile"), encoding="utf-8")
    given = (
        f"SOURCE={source_options(project)}",
        "YOLOBG=python -m yolobg",
        "TRAIN=" + SEES.format("dataset/data.yaml") + " > seen.json",
    )
    for added in (ADDED, 0):
        call(project, "make", "train", *given)
        assert len(json.loads((project / "backgrounds.json").read_text())["added"]) == added
        assert json.loads((project / "seen.json").read_text())["after"]["backgrounds"] == ADDED
    call(project, "make", "without-backgrounds", *given)
    assert counted(project, "dataset") == (LABELLED, 0)


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_makefile__stops_where_backgrounds_cannot_be_had(project: Path) -> None:
    """make's own exit code is 2 for any failed step; the training does not begin."""
    (project / "Makefile").write_text(recipe("makefile"), encoding="utf-8")
    shutil.rmtree(project.parent / "drawn/source/images")
    (project.parent / "drawn/source/images").mkdir()
    given = (f"SOURCE={source_options(project)}", "YOLOBG=python -m yolobg", "TRAIN=touch trained")
    said = call(project, "make", "train", *given, code=2)
    assert "yolobg: error:" in said
    assert not (project / "trained").exists()


@pytest.fixture
def dvc() -> str:
    found = os.environ.get("YOLOBG_DVC") or shutil.which("dvc")
    if not found:
        pytest.skip("dvc is not installed; YOLOBG_DVC may name its command")
    return found


@pytest.mark.slow
def test_dvc__keeps_the_backgrounds_as_an_output(project: Path, dvc: str) -> None:
    """Made once, up to date the second time; a checkout brings them back, and yolobg still knows them for its own."""
    parameters: dict[str, Any] = yaml.safe_load(recipe("params"))
    assert set(parameters) == {"ratio", "yolobg", "source", "train"}
    parameters |= {
        "yolobg": "python -m yolobg",
        "source": source_options(project),
        "train": SEES.format("with_backgrounds/data.yaml") + " > seen.json",
    }
    (project / "params.yaml").write_text(yaml.safe_dump(parameters), encoding="utf-8")
    (project / "dvc.yaml").write_text(recipe("dvc"), encoding="utf-8")
    call(project, dvc, "init", "--no-scm", "-q")
    call(project, dvc, "repro")
    assert json.loads((project / "seen.json").read_text())["after"]["backgrounds"] == ADDED
    assert counted(project, "dataset") == (LABELLED, 0)
    assert counted(project, "with_backgrounds") == (LABELLED, ADDED)

    assert "Data and pipelines are up to date" in call(project, dvc, "repro") + call(project, dvc, "status")
    shutil.rmtree(project / "with_backgrounds")
    call(project, dvc, "checkout")
    assert counted(project, "with_backgrounds") == (LABELLED, ADDED)
    assert len(yolobg.remove(project / "with_backgrounds/data.yaml").removed) == ADDED

    parameters["ratio"] = 0.3
    (project / "params.yaml").write_text(yaml.safe_dump(parameters), encoding="utf-8")
    call(project, dvc, "repro")
    assert counted(project, "with_backgrounds") == (LABELLED, 8)


def test_github__is_a_workflow_that_adds_before_it_trains() -> None:
    workflow = yaml.safe_load(recipe("github"))
    steps = [str(step.get("run", "")) for step in workflow["jobs"]["train"]["steps"]]
    (adds,) = [place for place, step in enumerate(steps) if "yolobg augment" in step]
    (trains,) = [place for place, step in enumerate(steps) if "yolo train" in step]
    assert adds < trains


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("bash") is None or sys.platform == "win32", reason="needs a bash of this system")
def test_slurm__adds_when_handed_in_and_only_trains_as_a_job(project: Path) -> None:
    """Run with commands in place of Slurm's and Ultralytics', once as a person does and once as Slurm does."""
    script, tools = project / "train.sh", project / "tools"
    tools.mkdir()
    for name, line in {
        "yolobg": f'exec python -m yolobg "$@" {source_options(project)}',
        "sbatch": 'SLURM_JOB_ID=1 exec bash "$@"',
        "srun": 'shift; exec "$@"',
        "yolo": f'printf "%s\\n" "$@" > arguments; {SEES.format("dataset/data.yaml")} > seen.json',
    }.items():
        (tools / name).write_text(f"#!/bin/bash\n{line}\n", encoding="utf-8")
        (tools / name).chmod(0o755)
    script.write_text(recipe("slurm"), encoding="utf-8")
    call(project, "bash", "-c", 'PATH="$PWD/tools:$PATH" exec bash ./train.sh dataset/data.yaml')
    assert (project / "arguments").read_text().split()[:2] == ["train", "data=dataset/data.yaml"]
    assert json.loads((project / "seen.json").read_text())["after"]["backgrounds"] == ADDED


def test_recipes__install_from_a_wheel_that_they_say_how_to_build() -> None:
    """Nothing is installed from an index that does not have it."""
    page = DOCUMENT.read_text(encoding="utf-8")
    installs = re.findall(r"pip install .*yolobg.*", page)
    assert len(installs) == 3
    assert all("vendor/yolobg-*.whl" in line for line in installs)
    assert "pip wheel --no-deps --wheel-dir vendor ." in page


def test_colab__its_cell_adds_once(project: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    words = source_options(project).split()
    augment = functools.partial(yolobg.augment, annotations=words[1], images=[words[3]])
    monkeypatch.setattr(yolobg, "augment", augment)
    monkeypatch.setenv("YOLOBG_CACHE_DIR", "")
    monkeypatch.chdir(project)
    for added in (ADDED, 0):
        exec(compile(recipe("colab"), "cell", "exec"), {})
        assert capsys.readouterr().out == f"{ADDED} backgrounds, {added} new\n"
    assert (project / "drive/yolobg-cache").is_dir()


@pytest.mark.skipif(shutil.which("bash") is None or sys.platform == "win32", reason="needs a bash of this system")
def test_docker__runs_the_command_on_the_mounted_dataset(project: Path) -> None:
    """With a command in place of docker's that runs the entry point where the folder is mounted."""
    image = recipe("docker")
    assert json.loads(image.split("ENTRYPOINT ")[1]) == ["yolobg"]
    tools = project / "tools"
    tools.mkdir()
    line = (
        'case $1 in build) touch built ;; run) while [ "$1" != yolobg ]; do shift; done; shift; '
        f'exec python -m yolobg "$@" {source_options(project)} ;; esac'
    )
    (tools / "docker").write_text(f"#!/bin/bash\n{line}\n", encoding="utf-8")
    (tools / "docker").chmod(0o755)
    (project / "run.sh").write_text(recipe("docker-run"), encoding="utf-8")
    call(project, "bash", "-c", 'PATH="$PWD/tools:$PATH" exec bash -eu run.sh')
    assert (project / "built").exists()
    assert counted(project, "dataset") == (LABELLED, ADDED)


def test_ultralytics_page__shows_calls_that_exist() -> None:
    """Its Python compiles, and every hook that it makes takes the options given there."""
    page = DOCUMENT.with_name("ultralytics.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    calls = [node for block in blocks for node in ast.walk(ast.parse(block)) if isinstance(node, ast.Call)]
    made = 0
    for call_ in calls:
        if isinstance(call_.func, ast.Name) and call_.func.id in ("attach", "BackgroundHook"):
            BackgroundHook(**{str(word.arg): ast.literal_eval(word.value) for word in call_.keywords})
            made += 1
    assert made == 3
