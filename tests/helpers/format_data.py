"""A dataset with everything that converters of this field get wrong, and what is true about it.

10 labelled images and 3 backgrounds in YOLO's layout (0 bytes, a newline only, no label file); `make_coco` adds the
fourth, which holds a crowd region alone. jpg and png, nested folders, blanks and letters outside ASCII, one name in two
splits, a class nobody uses, names as a dict out of order, boxes and polygons.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

NAMES = {0: "zebra", 1: "apple", 2: "mango", 3: "big cat"}
SIZES = ((64, 48), (97, 61), (640, 480), (33, 50))
BACKGROUNDS = {("train", "empty.jpg"), ("train", "sub/newline only.png"), ("val", "missing.jpg")}
CROWD = ("val", "crowd.jpg")
LABELLED = (
    ("train", "a.jpg"),
    ("train", "b 1.png"),
    ("train", "ünï/straße.jpg"),
    ("train", "sub/deep/c.jpg"),
    ("train", "d.v2.jpg"),
    ("train", "same.jpg"),
    ("val", "same.jpg"),
    ("val", "e.png"),
    ("val", "sub/f.jpg"),
    ("val", "日本.jpg"),
)


@dataclass(frozen=True)
class Truth:
    """One object as it was written: class name, box (centre, size; shares of the image), outline or nothing."""

    name: str
    box: tuple[float, ...]
    ring: tuple[float, ...] = ()


Truths = dict[tuple[str, str], list[Truth]]


def make_yolo(root: Path, *, polygons: bool, every: bool = False) -> Truths:
    """Write the dataset; with `polygons`, every third labelled image, or every one, holds outlines instead of boxes."""
    random_ = random.Random(7)
    truths: Truths = {key: [] for key in sorted({*LABELLED, *BACKGROUNDS})}
    for place, key in enumerate(LABELLED):
        # Class 1 is met first and class 2 never.
        ids = [(1, 0, 3)[(place + i) % 3] for i in range(1 + place % 3)]
        outlines = polygons and (every or place % 3 == 1)
        truths[key] = [_ring(random_, i) if outlines else _box(random_, i) for i in ids]
    for number, (split, name) in enumerate(truths):
        image = root / "images" / split / name
        label = (root / "labels" / split / name).with_suffix(".txt")
        image.parent.mkdir(parents=True, exist_ok=True)
        label.parent.mkdir(parents=True, exist_ok=True)
        picture(image, number)
        if (split, name) != ("val", "missing.jpg"):
            label.write_text(_rows(truths[split, name]) or ("\n" if "newline" in name else ""), encoding="utf-8")
    names = "\n".join(f"  {i}: {NAMES[i]}" for i in (2, 0, 3, 1))
    (root / "data.yaml").write_text(f"train: images/train\nval: images/val\nnames:\n{names}\n", encoding="utf-8")
    return truths


def make_coco(root: Path, *, outlines: bool = False) -> Truths:
    """Write the dataset with boxes, or outlines, as COCO, and one more image that holds a crowd region alone."""
    truths = make_yolo(root / "yolo", polygons=outlines, every=outlines)
    truths[CROWD] = []
    for split in ("train", "val"):
        images, annotations = [], []
        for number, (where, name) in enumerate(truths):
            if where != split:
                continue
            file = root / "coco" / "images" / split / name
            file.parent.mkdir(parents=True, exist_ok=True)
            width, height = picture(file, number)
            images.append({"id": number + 5, "file_name": name, "width": width, "height": height})
            annotations += [_record(truth, number + 5, (width, height)) for truth in truths[where, name]]
            if (where, name) == CROWD:
                mask = {"counts": [0, 64 * 48], "size": [48, 64]}
                annotations.append({"image_id": number + 5, "category_id": 1, "bbox": [0, 0, 9, 9], "iscrowd": 1}
                                   | {"segmentation": mask, "area": 81})  # fmt: skip
        categories = [{"id": i * 10 + 1, "name": name} for i, name in NAMES.items()]
        annotations = [{"id": i + 1, **annotation} for i, annotation in enumerate(annotations)]
        content = {"images": images, "annotations": annotations, "categories": categories}
        out = root / "coco" / "annotations" / f"instances_{split}.json"
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(content))
    return truths


def picture(file: Path, number: int) -> tuple[int, int]:
    """A picture that no other number gives; returns its size."""
    size = SIZES[number % len(SIZES)]
    color = (number * 17 % 256, number * 53 % 256, 90)
    image = Image.linear_gradient("L").resize(size).convert("RGB")
    image.paste(color, (0, 0, 5 + number % 20, 5))
    image.save(file)
    return size


def boxes_only(truths: Mapping[tuple[str, str], Sequence[Truth]]) -> Truths:
    """The same with outlines as boxes."""
    return {key: [Truth(t.name, t.box) for t in objects] for key, objects in truths.items()}


def _box(random_: random.Random, class_id: int) -> Truth:
    w, h = random_.uniform(0.05, 0.5), random_.uniform(0.05, 0.5)
    x, y = random_.uniform(w / 2, 1 - w / 2), random_.uniform(h / 2, 1 - h / 2)
    return Truth(NAMES[class_id], tuple(round(v, 6) for v in (x, y, w, h)))


def _ring(random_: random.Random, class_id: int) -> Truth:
    ring = tuple(round(random_.uniform(0, 1), 6) for _ in range(2 * random_.randint(3, 7)))
    xs, ys = ring[::2], ring[1::2]
    box = ((min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2, max(xs) - min(xs), max(ys) - min(ys))
    return Truth(NAMES[class_id], box, ring)


def _rows(objects: Sequence[Truth]) -> str:
    ids = {name: i for i, name in NAMES.items()}
    return "".join(f"{ids[t.name]} {' '.join(map(str, t.ring or t.box))}\n" for t in objects)


def _record(truth: Truth, image_id: int, size: tuple[int, int]) -> dict[str, object]:
    ids = {name: i for i, name in NAMES.items()}
    x, y, w, h = truth.box
    box = [(x - w / 2) * size[0], (y - h / 2) * size[1], w * size[0], h * size[1]]
    ring = [share * size[place % 2] for place, share in enumerate(truth.ring)]
    return {"image_id": image_id, "category_id": ids[truth.name] * 10 + 1, "bbox": box, "area": box[2] * box[3],
            "segmentation": [ring] if ring else [], "iscrowd": 0}  # fmt: skip
