"""Datasets and sources for the tests that kill: a few labelled images, some backgrounds of the user, small pictures."""

from __future__ import annotations

import json
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from download_pictures import picture

__all__ = ["LABELLED", "THEIRS", "Dataset", "Source", "make_dataset", "make_source"]

LABELLED, THEIRS = 4, 2


@dataclass(frozen=True)
class Dataset:
    """A dataset that is copied for each kill: `entries` are the folders and list files of its split."""

    template: Path
    entries: tuple[str, ...]

    def copy(self, root: Path) -> Path:
        shutil.copytree(self.template, root, symlinks=True)
        return root


def make_dataset(root: Path, layout: str) -> Dataset:
    """Labelled images, a background with an empty label and one without; in `folders` one folder has no labels yet.

    The list file has Windows' line ends and none after its last line.
    """
    names = [f"im{number}.jpg" for number in range(LABELLED + THEIRS)]
    homes = {name: "new" if layout == "folders" and name == names[-1] else "train" for name in names}
    for number, (name, home) in enumerate(homes.items()):
        image = root / "images" / home / name
        image.parent.mkdir(parents=True, exist_ok=True)
        image.write_bytes(picture(1000 + number, 32, 24))
        if number <= LABELLED:
            label = root / "labels" / home / f"im{number}.txt"
            label.parent.mkdir(parents=True, exist_ok=True)
            label.write_text("0 0.5 0.5 0.1 0.1\n" * (number < LABELLED))
    entries = {"folder": ["images/train"], "list": ["train.txt"], "folders": ["images/new", "images/train"]}[layout]
    if layout == "list":
        (root / "train.txt").write_bytes("\r\n".join(f"./images/train/{name}" for name in names).encode())
    (root / "data.yaml").write_text(f"train: {json.dumps(entries)}\nval: images/train\nnames: [person]\n")
    return Dataset(root, tuple(entries))


@dataclass(frozen=True)
class Source:
    """A COCO-format source: its annotations file and its images by file name."""

    instances: Path
    images: dict[str, bytes]

    @property
    def folder(self) -> Path:
        return self.instances.parent


def make_source(folder: Path, size: int, *, first: int = 1, captions: bool = False) -> Source:
    """Write a source, with its images beside its annotations; one image in six holds a person."""
    folder.mkdir(parents=True)
    images = {f"{number:012}.jpg": picture(number, 40, 30) for number in range(first, first + size)}
    for name, content in images.items():
        (folder / name).write_bytes(content)
    records = [{"id": int(name[:12]), "file_name": name, "width": 40, "height": 30}
               for name in images]  # fmt: skip
    persons = [{"id": n, "image_id": n, "category_id": 1, "iscrowd": 0} for n in range(first, first + size, 6)]
    write_old(folder / "instances_x.json", json.dumps(
        {"images": records, "annotations": persons, "categories": [{"id": 1, "name": "person"}]}
    ).encode())  # fmt: skip
    if captions:
        said = [{"id": n, "image_id": n, "caption": f"A tree {n}"} for n in range(first, first + size)]
        write_old(folder / "captions_x.json", json.dumps({"annotations": said}).encode())
    return Source(folder / "instances_x.json", images)


def write_old(path: Path, content: bytes) -> None:
    """Write a file that looks older than a tick of its clock, as what a user brings does."""
    path.write_bytes(content)
    then = time.time() - 100
    os.utime(path, (then, then))
