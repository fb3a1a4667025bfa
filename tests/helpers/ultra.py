"""Start scenarios of `ultra_driver` and read what Ultralytics said; draw the datasets that they train on."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from demo_drawing import Size, write_material

import yolobg
from yolobg.demo import Demo

LABELLED, BACKGROUNDS = 18, 2
SCAN = re.compile(r"(\d+) images, (\d+) backgrounds, (\d+) corrupt: 100%")
OURS = re.compile(r"yolobg: (.*)")
COUNTS = re.compile(r"(\d+) images, (\d+) backgrounds, (\d+) corrupt$")


def python_with_ultralytics() -> str:
    """The interpreter whose Ultralytics is tested; skips where there is none."""
    python = os.environ.get("YOLOBG_ULTRALYTICS_PYTHON") or sys.executable
    if python == sys.executable and importlib.util.find_spec("ultralytics") is None:
        pytest.skip("Ultralytics is not installed; YOLOBG_ULTRALYTICS_PYTHON may name an interpreter that has it")
    return python


def environment(**more: str) -> dict[str, str]:
    """What a process with Ultralytics gets: no network, and this yolobg, also where the interpreter is another."""
    paths = [str(Path(__file__).parent), str(Path(yolobg.__file__).parent.parent)]
    extra = os.environ.get("YOLOBG_ULTRALYTICS_PATH")
    return {
        **os.environ, "PYTHONPATH": os.pathsep.join([extra, *paths] if extra else paths), "YOLO_OFFLINE": "1",
        "YOLO_AUTOINSTALL": "False", "YOLO_VERBOSE": "True", "PYTHONUNBUFFERED": "1", "NO_COLOR": "1",
        "OMP_NUM_THREADS": "2", "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1", **more,
    }  # fmt: skip


@dataclass(frozen=True)
class Said:
    """What a run printed, in the order of its lines."""

    code: int
    output: str

    @cached_property
    def lines(self) -> list[str]:
        plain = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", self.output).replace("\r", "\n")
        return [line.strip() for line in plain.splitlines()]

    @property
    def told(self) -> list[dict[str, Any]]:
        return [json.loads(line[5:]) for line in self.lines if line.startswith("TOLD ")]

    @property
    def ours(self) -> list[str]:
        """The lines of the hook, without their prefix and Ultralytics' word for a warning."""
        return [found[1] for line in self.lines if (found := OURS.search(line))]

    @property
    def scans(self) -> list[tuple[int, ...]]:
        """Images, backgrounds and corrupt of each scan of a training split, as Ultralytics printed them."""
        found: list[tuple[int, ...]] = []
        # Older releases draw the finished line twice; what a training told lies between two trainings.
        previous = ""
        for line in self.lines:
            match = SCAN.search(line) if line.startswith("train: Scanning") else None
            if match and match[0] != previous:
                found.append(tuple(map(int, match.groups())))
            previous = match[0] if match else "" if line.startswith("TOLD ") else previous
        return found

    @property
    def announced(self) -> list[tuple[int, ...]]:
        """The same three numbers as the hook announced them."""
        return [tuple(map(int, match.groups())) for line in self.ours if (match := COUNTS.search(line))]


def run(arguments: Sequence[str | Path], *, cwd: Path, prefix: Sequence[str] = (), **more: str) -> Said:
    """Run the interpreter that has Ultralytics."""
    done = subprocess.run(
        [*prefix, python_with_ultralytics(), *map(str, arguments)],
        cwd=cwd, env=environment(**more), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        encoding="utf-8", errors="replace", check=False, timeout=300,
    )  # fmt: skip
    return Said(done.returncode, done.stdout)


@dataclass(frozen=True)
class Ground:
    """A drawn dataset of 18 labelled images, and a drawn source to take backgrounds from."""

    root: Path
    demo: Demo

    @property
    def dataset(self) -> Path:
        return self.demo.data_yaml.parent

    @property
    def options(self) -> dict[str, Any]:
        return {"ratio": 0.1, "annotations": str(self.demo.annotations), "images": [str(self.demo.images_dir)]}

    def job(self, **more: Any) -> dict[str, Any]:
        return {
            "data": str(more.pop("data", self.demo.data_yaml)),
            "project": str(self.root / "runs"),
            "options": {**self.options, **more.pop("options", {})},
            **more,
        }

    def play(self, scenario: str, *, prefix: Sequence[str] = (), code: int = 0, **more: Any) -> Said:
        """Play a scenario in a process of its own and expect its exit code."""
        said = run(
            [Path(__file__).with_name("ultra_driver.py"), scenario, json.dumps(self.job(**more))],
            cwd=self.root, prefix=prefix,
        )  # fmt: skip
        assert said.code == code, said.output[-6000:]
        return said

    def backgrounds(self) -> list[str]:
        return sorted(path.name for path in self.dataset.rglob("bg_*.jpg"))


def draw_ground(root: Path, **size: Any) -> Ground:
    demo = write_material(root / "drawn", Size(train=LABELLED, val=4, images=60, width=96, height=72, **size))
    return Ground(root, demo)


def copy_ground(drawn: Ground, root: Path) -> Ground:
    """The same ground elsewhere: drawing it costs more than copying it."""
    shutil.copytree(drawn.root / "drawn", root / "drawn")
    places = {
        name: root / Path(getattr(drawn.demo, name)).relative_to(drawn.root)
        for name in ("data_yaml", "annotations", "captions", "images_dir")
    }
    return Ground(root, Demo(**places))


def check_trained(said: Said, ground: Ground, *, labelled: int = LABELLED, added: int = BACKGROUNDS) -> None:
    """In every training: the loader has them, the scan line tells them, and they went through the network."""
    names = ground.backgrounds()
    assert len(names) == added
    for told in said.told:
        if "dataset" in told:
            assert told["dataset"] == labelled + added
            assert told["backgrounds"] == added
            assert [name for name in told["seen"] if name.startswith("bg_")] == names
            assert len(told["seen"]) == labelled + added
    assert set(said.scans) == {(labelled + added, added, 0)}
