"""Real YOLO datasets made of real COCO images, with labels from their true annotations."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path


@dataclass(frozen=True)
class CocoReal:
    """The real records: which image holds which categories by its annotations, crowd regions included."""

    folder: Path

    @cached_property
    def instances(self) -> dict[str, list[dict[str, object]]]:
        return json.loads((self.folder / "annotations/instances_train2017.json").read_text())  # type: ignore[no-any-return]

    @cached_property
    def holds(self) -> dict[int, set[str]]:
        names = {row["id"]: str(row["name"]) for row in self.instances["categories"]}
        found: dict[int, set[str]] = {int(str(row["id"])): set() for row in self.instances["images"]}
        for row in self.instances["annotations"]:
            found[int(str(row["image_id"]))].add(names[row["category_id"]])
        return found

    @property
    def annotations(self) -> Path:
        return self.folder / "annotations/instances_train2017.json"

    @property
    def images(self) -> Path:
        return self.folder / "images/train2017"


def make_dataset(root: Path, real: CocoReal, classes: Sequence[str], *, most: int = 60) -> Path:
    """Make a dataset of up to `most` images that hold one of the classes; one in six goes to val. Returns data.yaml."""
    ids = {row["id"]: classes.index(str(row["name"])) for row in real.instances["categories"] if row["name"] in classes}
    boxes: dict[int, list[str]] = {}
    sizes = {
        row["id"]: (float(str(row["width"])), float(str(row["height"])), str(row["file_name"]))
        for row in real.instances["images"]
    }
    for row in real.instances["annotations"]:
        if row["category_id"] in ids and not row["iscrowd"]:
            width, height, _ = sizes[row["image_id"]]
            x, y, w, h = (float(value) for value in row["bbox"])  # type: ignore[attr-defined]
            box = ((x + w / 2) / width, (y + h / 2) / height, w / width, h / height)
            line = " ".join([str(ids[row["category_id"]]), *(f"{value:.6f}" for value in box)])
            boxes.setdefault(int(str(row["image_id"])), []).append(line)
    for place, image_id in enumerate(sorted(boxes)[:most]):
        split = "val" if place % 6 == 5 else "train"
        name = sizes[image_id][2]
        for kind in ("images", "labels"):
            (root / kind / split).mkdir(parents=True, exist_ok=True)
        # Renamed, as people rename: the COCO id is gone, so only the content tells that the image is here already.
        new = f"photo_{place:03}" if place % 2 else Path(name).stem
        shutil.copyfile(real.images / name, root / "images" / split / f"{new}.jpg")
        (root / "labels" / split / f"{new}.txt").write_text("\n".join(boxes[image_id]) + "\n")
    names = "\n".join(f"  {number}: {name}" for number, name in enumerate(classes))
    data_yaml = root / "data.yaml"
    data_yaml.write_text(f"train: images/train\nval: images/val\nnames:\n{names}\n")
    return data_yaml
