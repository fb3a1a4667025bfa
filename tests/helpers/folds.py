"""Datasets with several data.yaml over one root, and a source of backgrounds for them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from download_pictures import picture
from killing_data import Source, make_source

import yolobg

__all__ = ["Folds", "dangling", "make_folds"]

IMAGES = 8


class Folds:
    """`fold0.yaml`, `fold1.yaml` ... of one folder of images, each with a list file of its own."""

    def __init__(self, root: Path, source: Source) -> None:
        self.root, self.source = root, source

    def yaml(self, fold: int) -> Path:
        return self.root / f"fold{fold}.yaml"

    def listed(self, fold: int) -> Path:
        return self.root / f"fold{fold}_train.txt"

    def augment(self, data: Path, count: int = 2, **options: Any) -> yolobg.Report:
        return yolobg.augment(
            data, count=count, annotations=self.source.instances, images=[self.source.folder], report=False, **options
        )

    def backgrounds(self) -> list[str]:
        return sorted(path.name for path in (self.root / "images").rglob("bg_*"))


def make_folds(
    folder: Path, folds: int = 2, *, start: str = "./images/", end: str = "\n", last: bool = True, mark: str = ""
) -> Folds:
    """Write them; `start` and `end` are those of each line, `last` says whether the last one has an end."""
    root = folder / "data"
    (root / "images").mkdir(parents=True)
    (root / "labels").mkdir()
    names = [f"im{number}.jpg" for number in range(IMAGES)]
    for number, name in enumerate(names):
        (root / "images" / name).write_bytes(picture(2000 + number, 32, 24))
        (root / f"labels/im{number}.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    for fold in range(folds):
        for split, wanted in (("train", False), ("val", True)):
            lines = [f"{start.format(root=root)}{n}" for i, n in enumerate(names) if (i % folds == fold) == wanted]
            text = mark + end.join(lines) + (end if last else "")
            (root / f"fold{fold}_{split}.txt").write_bytes(text.encode())
        (root / f"fold{fold}.yaml").write_text(
            f"path: {root}\ntrain: fold{fold}_train.txt\nval: fold{fold}_val.txt\nnames: [person]\n"
        )
    return Folds(root, make_source(folder / "source", 30))


def dangling(lists: Sequence[Path], cwd: Path) -> list[str]:
    """The lines of list files that name no file."""
    lost = []
    for file in lists:
        for line in file.read_text("utf-8-sig").splitlines():
            path = file.parent / line if line.startswith("./") else cwd / line
            if line and not os.path.isfile(path):  # noqa: PTH113
                lost.append(f"{file.name}: {line}")
    return lost
