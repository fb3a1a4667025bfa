"""A small dataset, and a source of which it is known which image holds what; for what no longer qualifies."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from format_data import picture

from yolobg.changes.manifest import read_manifest
from yolobg.results import Stale

CATEGORIES = ("dog", "person", "car", "bench")
LICENSES = ((1, "Attribution License"), (2, "Attribution-NonCommercial License"))
COUNT = 40
LABELLED = 10
# Half of them hold a person, and some a dog.
HELD = {n: ("person",) if n % 2 == 0 else ("dog",) for n in range(COUNT) if n % 2 == 0 or n % 8 == 1}


def write_source(
    root: Path, held: Mapping[int, Sequence[str]], captions: Mapping[int, str] | None = None
) -> dict[str, Any]:
    """COUNT images, of odd ids under licence 1 and of even ones under 2; returns the options that name it."""
    (root / "images").mkdir(parents=True)
    (root / "annotations").mkdir()
    for number in range(COUNT):
        picture(root / f"images/{number}.jpg", number)
    images = [{"id": n, "file_name": f"{n}.jpg", "license": 2 - n % 2} for n in range(COUNT)]
    annotations = [
        {"id": n * 10 + CATEGORIES.index(name), "image_id": n, "category_id": CATEGORIES.index(name) + 1}
        for n, names in held.items()
        for name in names
    ]
    content = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": n, "name": name} for n, name in enumerate(CATEGORIES, 1)],
        "licenses": [{"id": n, "name": name, "url": ""} for n, name in LICENSES],
    }
    (root / "annotations/instances_s.json").write_text(json.dumps(content))
    if captions is not None:
        said = [{"id": n, "image_id": n, "caption": text} for n, text in captions.items()]
        (root / "annotations/captions_s.json").write_text(json.dumps({"images": images, "annotations": said}))
    return {"annotations": root / "annotations/instances_s.json", "images": (root / "images",)}


def name_classes(dataset: Path, *names: str) -> None:
    listed = "".join(f"  {number}: {name}\n" for number, name in enumerate(names))
    (dataset / "data.yaml").write_text(f"train: images/train\nval: images/train\nnames:\n{listed}")


def make_dataset(root: Path) -> Path:
    """LABELLED images of dogs and no background."""
    for kind in ("images", "labels"):
        (root / kind / "train").mkdir(parents=True)
    for number in range(LABELLED):
        picture(root / f"images/train/own{number}.jpg", 1000 + number)
        (root / f"labels/train/own{number}.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    name_classes(root, "dog")
    return root


def ids(dataset: Path) -> set[int]:
    return {entry.source_id for entry in read_manifest(dataset).entries}


def stale_ids(stale: Stale) -> set[int]:
    return {one.source_id for one in stale.images}


def persons(dataset: Path) -> set[int]:
    return {number for number in ids(dataset) if "person" in HELD.get(number, ())}
