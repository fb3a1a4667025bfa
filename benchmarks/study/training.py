"""One training: the dataset of an arm and seed, made by yolobg, and Ultralytics in a process of its own."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yolobg
from benchmarks.study.protocol import Arm, Protocol, StudyError
from yolobg.dataset.dataset import open_dataset
from yolobg.dataset.inventory import scan_split
from yolobg.scoring.ultralytics_model import PYTHON

__all__ = [
    "PYTHON",
    "Machine",
    "Material",
    "Trained",
    "check_ultralytics",
    "environment",
    "listed_images",
    "make_dataset",
    "open_material",
    "train",
]

_WORKER = Path(__file__).with_name("train_worker.py")
_SEEN_BY_TRAINER = 12
_HINT = f"name a Python that has Ultralytics with --ultralytics or in {PYTHON}"


@dataclass(frozen=True)
class Material:
    """The folder with the dataset, the images and the weights to begin with.

    Attributes:
        folder: Where it is.
        dataset: The dataset's folder.
        pool: The images that backgrounds are drawn from.
        held_out: The backgrounds to measure on.
        weights: The checkpoint that every run begins with.
        digest: SHA-256 over the names and contents of all of these.
    """

    folder: Path
    dataset: Path
    pool: Path
    held_out: Path
    weights: Path
    digest: str


@dataclass(frozen=True)
class Machine:
    """What trains.

    Attributes:
        python: The interpreter that has Ultralytics.
        device: What Ultralytics calls it.
        threads: Threads of each training.
    """

    python: str
    device: str
    threads: int


@dataclass(frozen=True)
class Trained:
    """A model, and what the worker counted while it was trained."""

    weights: Path
    counted: dict[str, Any]


def open_material(folder: Path, protocol: Protocol) -> Material:
    """Find the parts of the material.

    Raises:
        StudyError: One is missing.
    """
    parts = {
        "dataset": folder / protocol.dataset,
        "pool": folder / protocol.pool,
        "held_out": folder / protocol.held_out,
        "weights": folder / "models/init.pt",
    }
    for path in parts.values():
        if not path.exists():
            raise StudyError(f"{path}: no such file or folder; --material names the folder that has it")
    files = sorted(file for path in parts.values() for file in ([path] if path.is_file() else path.rglob("*")))
    digest = hashlib.sha256()
    for file in files:
        if file.is_file() and file.suffix != ".cache":
            digest.update(f"{file.relative_to(folder).as_posix()}\0".encode())
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    return Material(folder, digest=digest.hexdigest(), **parts)


def make_dataset(material: Material, arm: Arm, seed: int, folder: Path) -> Path:
    """Copy the dataset and let yolobg add the arm's backgrounds; returns its data.yaml.

    Raises:
        YolobgError: The backgrounds cannot be added.
    """
    shutil.copytree(material.dataset, folder, copy_function=shutil.copyfile)
    data_yaml = folder / "data.yaml"
    if arm.backgrounds:
        # Neither class is among COCO's, and nobody labelled the pool for them.
        yolobg.augment(
            data_yaml, source=str(material.pool), unlabelled=True, count=arm.backgrounds, seed=seed, report=False
        )
    return data_yaml


def listed_images(data_yaml: Path, arm: Arm, seed: int, protocol: Protocol) -> list[str]:
    """The list of training images of an arm: labelled ones, backgrounds, and labelled ones again as padding.

    Raises:
        StudyError: The dataset has not the number of images that the protocol says.
    """
    files = scan_split(open_dataset(data_yaml).data, "train").files
    labelled = [entry.image for entry in files if entry.state == "found"]
    if len(labelled) != protocol.labelled or len(files) != protocol.labelled + arm.backgrounds:
        raise StudyError(
            f"{data_yaml}: {len(labelled)} labelled images and {len(files) - len(labelled)} backgrounds; "
            f"the protocol has {protocol.labelled} and {arm.backgrounds}"
        )
    missing = protocol.images(arm) - len(files)
    repeated = random.Random(seed).sample(labelled, missing)
    return sorted([entry.image for entry in files] + repeated)


def train(material: Material, arm: Arm, seed: int, work: Path, machine: Machine, protocol: Protocol) -> Trained:
    """Train one model; its checkpoint stays in `work`, the copy of the dataset does not.

    Raises:
        StudyError: Ultralytics fails, or did not take the steps that the protocol says.
        YolobgError: The backgrounds cannot be added.
    """
    folder = work / f"{arm.name}-seed{seed}"
    weights = work / f"{arm.name}-seed{seed}.pt"
    shutil.rmtree(folder, ignore_errors=True)
    images = listed_images(make_dataset(material, arm, seed, folder / "data"), arm, seed, protocol)
    counted = _ultralytics(
        {
            "model": str(material.weights),
            "data": str(_data_for_trainer(folder, material, images)),
            "output": str(weights),
            "project": str(folder),
            "device": machine.device,
            "threads": machine.threads,
            "settings": _settings(arm, seed, protocol),
        },
        machine,
    )
    shutil.rmtree(folder)
    expected = {"steps": protocol.steps, "batches": protocol.steps, "images": protocol.images(arm)}
    if any(counted[key] != value for key, value in expected.items()):
        raise StudyError(f"{arm.name}, seed {seed}: Ultralytics counted {counted}; the protocol has {expected}")
    return Trained(weights, {**counted, "list": _names_hash(images)})


def _settings(arm: Arm, seed: int, protocol: Protocol) -> dict[str, Any]:
    # How it is run, which changes no weight, beside what the protocol fixes.
    run = {"workers": 0, "cache": "ram", "plots": False, "val": False, "verbose": False}
    # Ultralytics counts the warm-up in epochs, and these are not equally long.
    warmup = protocol.warmup / protocol.batches(arm)
    fixed = {"epochs": protocol.epochs(arm), "warmup_epochs": warmup, "batch": protocol.batch, "seed": seed}
    return {**run, **protocol.settings, **fixed}


def _data_for_trainer(folder: Path, material: Material, images: Sequence[str]) -> Path:
    # The trainer validates once at its end; on images that it knows, so that no test image can matter to it.
    lists = {"train": images, "val": images[:_SEEN_BY_TRAINER]}
    for name, lines in lists.items():
        (folder / f"{name}.txt").write_text("".join(f"{line}\n" for line in lines), "utf-8")
    names = {str(number): name for number, name in open_dataset(material.dataset).data.names.items()}
    data = folder / "trainer.yaml"
    # JSON is YAML.
    data.write_text(json.dumps({"path": str(folder), "train": "train.txt", "val": "val.txt", "names": names}), "utf-8")
    return data


def _names_hash(images: Sequence[str]) -> str:
    """What was trained on, repeats included, whatever folder it lay in."""
    return hashlib.sha256("\n".join(sorted(Path(image).name for image in images)).encode()).hexdigest()


def check_ultralytics(python: str) -> None:
    """Fail now rather than in the first run.

    Raises:
        StudyError: There is no such interpreter, or it has no Ultralytics.
    """
    try:
        done = subprocess.run(
            [python, "-c", "import ultralytics"], capture_output=True, text=True, check=False, env=environment()
        )
    except OSError as error:
        raise StudyError(f"{python} cannot be started: {error.strerror}; {_HINT}") from error
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it ended without a word"])[-1]
        raise StudyError(f"{python} has no Ultralytics that works: {last}; {_HINT}")


def environment() -> dict[str, str]:
    """For a process of Ultralytics: it asks the network nothing, and its threads do not spin while they wait."""
    quiet = {"YOLO_OFFLINE": "1", "YOLO_AUTOINSTALL": "False", "OMP_WAIT_POLICY": "PASSIVE"}
    return {**os.environ, **quiet}


def _ultralytics(request: dict[str, Any], machine: Machine) -> dict[str, Any]:
    with tempfile.TemporaryFile() as said:
        done = subprocess.run(
            [machine.python, str(_WORKER)],
            input=json.dumps(request).encode(),
            stdout=subprocess.PIPE,
            stderr=said,
            check=False,
            env={**environment(), "OMP_NUM_THREADS": str(machine.threads)},
        )
        if not done.returncode:
            counted: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
            return counted
        said.seek(0)
        last = said.read()[-4000:].decode("utf-8", "replace").strip().splitlines()
    raise StudyError(f"{request['output']}: training failed: {last[-1][:300] if last else done.returncode}")
