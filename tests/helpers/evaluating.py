"""Material for `evaluate`: generated objects and detections, simulated models, and a dataset with predictions."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from yolobg.evaluation.curves import ScoredRun
from yolobg.evaluation.truth import Truth
from yolobg.scoring.detections import Detections, sorted_detections

SIZE = 100


def generated(images: int, *, classes: int = 3, seed: int = 0) -> tuple[Truth, Detections]:
    """Objects on a coarse grid, and moved copies of them as detections: many equal scores and overlaps of one half."""
    random = np.random.default_rng(seed)
    objects = random.integers(0, 6, images)
    image = np.repeat(np.arange(images), objects)
    box = np.concatenate([random.integers(0, 8, (len(image), 2)) * 8, random.integers(1, 6, (len(image), 2)) * 8], 1)
    truth = Truth(
        images=tuple(f"{place:012d}.jpg" for place in range(images)),
        sizes=((SIZE, SIZE),) * images,
        image=image.astype(np.int64),
        category=random.integers(0, classes, len(image)).astype(np.int64),
        box=box.astype(np.float64),
    )
    copied = random.integers(0, len(image), len(image) * 3)
    moved = truth.box[copied] + random.integers(-2, 3, (len(copied), 4)) * 4
    wrong_class = random.random(len(copied)) < 0.1
    found = sorted_detections(
        truth.image[copied],
        np.where(wrong_class, random.integers(0, classes, len(copied)), truth.category[copied]),
        np.concatenate([moved[:, :2], np.maximum(moved[:, 2:], 1)], 1),
        np.round(random.random(len(copied)), 2),
    )
    return truth, found


@dataclass(frozen=True)
class Scene:
    """What models are simulated on: how hard each background and each object is, shared by all models."""

    backgrounds: NDArray[np.float64]
    objects: NDArray[np.float64]
    image: NDArray[np.int64]

    @classmethod
    def of(cls, random: np.random.Generator, *, backgrounds: int, objects: int) -> Scene:
        """Two objects an image, somewhat alike."""
        images = objects // 2
        alike = np.repeat(random.normal(size=images), 2)
        hard = np.sqrt(0.3) * alike + np.sqrt(0.7) * random.normal(size=objects)
        return cls(random.normal(size=backgrounds), hard, np.repeat(np.arange(images), 2))


def simulated(random: np.random.Generator, scene: Scene, *, shift: float = 0.0, run_noise: float = 0.05) -> ScoredRun:
    """A run of a model: normal scores, half shared with other models by the scene, half its own.

    Runs differ by as much as the recall of real ones did (two points). Without a shift, a threshold that
    flags 10 % of the backgrounds finds 80 % of the objects.
    """
    own = np.sqrt(0.5)
    backgrounds = own * scene.backgrounds + own * random.normal(size=len(scene.backgrounds)) - shift
    wandering = random.normal() * run_noise
    objects = 2.12 + wandering + own * scene.objects + own * random.normal(size=len(scene.objects))
    wrong = random.normal(size=len(scene.objects) // 2)
    image = np.concatenate([scene.image, np.arange(len(wrong))])
    score = 1 / (1 + np.exp(-np.concatenate([objects, wrong])))
    hit = np.concatenate([np.ones(len(objects), dtype=np.bool_), np.zeros(len(wrong), dtype=np.bool_)])
    order = np.argsort(-score, kind="stable")
    counts = np.full(len(wrong), 2, dtype=np.int64)
    highest = 1 / (1 + np.exp(-backgrounds))
    return ScoredRun(
        highest=highest,
        objects=counts,
        by_category=counts[:, None],
        image=image[order],
        category=np.zeros(len(order), dtype=np.int64),
        score=score[order],
        hit=hit[order],
        alarm_scores=-np.sort(-highest),
    )


def write_images(folder: Path, names: list[str], *, first: int = 0) -> None:
    """Small images with different content."""
    for number, name in enumerate(names, first):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (SIZE, SIZE), (number % 256, number // 256, 7)).save(path)


def write_dataset(root: Path, *, val: int = 20, classes: tuple[str, ...] = ("raccoon", "kangaroo")) -> Path:
    """A dataset with one object in each of its `val` images, and an image to train on; returns its data.yaml."""
    write_images(root / "images/train", ["a.png"], first=10_000)
    write_images(root / "images/val", [f"v{number}.png" for number in range(val)])
    for split, stems in (("train", ["a"]), ("val", [f"v{number}" for number in range(val)])):
        labels = root / "labels" / split
        labels.mkdir(parents=True)
        for stem in stems:
            (labels / f"{stem}.txt").write_text("0 0.5 0.5 0.4 0.4\n", "utf-8")
    names = ", ".join(classes)
    (root / "data.yaml").write_text(f"train: images/train\nval: images/val\nnames: [{names}]\n", "utf-8")
    return root / "data.yaml"


def found_in(name: str, score: float, *, category: int = 0) -> dict[str, Any]:
    """A prediction of the object of a `val` image, as Ultralytics writes it."""
    return {
        "image_id": Path(name).stem, "file_name": name, "category_id": category + 1, "bbox": [30, 30, 40, 40],
        "score": score,
    }  # fmt: skip


def write_predictions(file: Path, predictions: list[dict[str, Any]]) -> Path:
    """Write a results file; two classes are used, so that their numbers are settled."""
    file.write_text(json.dumps(predictions), "utf-8")
    return file


STAND_IN = """
import json, sys
print(json.dumps({"names": {"0": "raccoon", "1": "kangaroo"}, "imgsz": 64, "version": "8"}), flush=True)
for image in map(json.loads, sys.stdin):
    open("ASKED", "a").write(image + chr(10))
    score = 0.9 if "images" in image.split("/") else 0.6
    print(json.dumps({"rows": [[30, 30, 70, 70, score, 0]]}), flush=True)
"""


def stand_in_python(folder: Path, asked: Path) -> str:
    """A program in the place of an interpreter with Ultralytics: finds the object, and fires on backgrounds at 0.6.

    Args:
        folder: Where to write it.
        asked: Gets a line for each image that it was asked about.
    """
    if os.name == "nt":
        pytest.skip("a script stands for Python here")
    script = folder / "stand-in-python"
    script.write_text(f"#!{sys.executable}\n{STAND_IN}".replace("ASKED", str(asked)), "utf-8")
    script.chmod(0o755)
    return str(script)
