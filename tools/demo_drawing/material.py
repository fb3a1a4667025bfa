"""A small labelled YOLO dataset and a small COCO-format source, drawn here: same arguments, same pixels and JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from random import Random

from demo_drawing.drawing import SETTINGS, Scene, compose_scene, paint_scene, random_for
from demo_drawing.records import captions_json, draw_source, instances_json
from yolobg.demo import Demo, new_folder
from yolobg.errors import UsageError

__all__ = ["LEAST_IMAGES", "Size", "label_lines", "write_material"]

# Fewer could not hold the special cases and enough pictures without the dataset's classes.
LEAST_IMAGES = 20

# Names as people write them (a synonym, a plural, an underscore), and the figure that each stands for.
CLASSES = (("Pedestrian", "person"), ("cars", "car"), ("traffic_light", "traffic light"), ("dog", "dog"))
LABELLED_SETTINGS = ("street", "street", "meadow", "beach")


@dataclass(frozen=True, slots=True)
class Size:
    """How much is drawn. `name` is the source's (`instances_{name}.json`); width and height are pixels."""

    name: str = "demo"
    train: int = 45
    val: int = 9
    images: int = 300
    width: int = 320
    height: int = 240


def write_material(folder: Path, size: Size, *, seed: int = 0) -> Demo:
    """Write a dataset and a source into `folder`, which is created if need be.

    Args:
        folder: A new or empty folder.
        size: How much is drawn.
        seed: Same number, same material.

    Raises:
        UsageError: The folder is not empty or cannot be written, or too few pictures are asked for; nothing was
            written.
    """
    if size.images < LEAST_IMAGES:
        raise UsageError(f"images={size.images}: the demo needs at least {LEAST_IMAGES} pictures in its source")
    with new_folder(folder) as staging:
        _write_dataset(staging / "dataset", size, seed=seed)
        _write_source(staging / "source", size, seed=seed)
    annotations = folder / "source" / "annotations"
    return Demo(
        data_yaml=folder / "dataset" / "data.yaml",
        annotations=annotations / f"instances_{size.name}.json",
        captions=annotations / f"captions_{size.name}.json",
        images_dir=folder / "source" / "images",
    )


def _save_picture(scene: Scene, path: Path) -> None:
    paint_scene(scene).save(path, format="JPEG", quality=80)


def _write_text(path: Path, text: str) -> None:
    # Bytes, since text mode would write other line ends on Windows.
    path.write_bytes(text.encode("utf-8"))


# ---------------------------------------------------------------- the labelled dataset


def _write_dataset(root: Path, size: Size, *, seed: int) -> None:
    for split, count in (("train", size.train), ("val", size.val)):
        images, labels = root / "images" / split, root / "labels" / split
        images.mkdir(parents=True)
        labels.mkdir(parents=True)
        for index in range(count):
            scene = _labelled_scene(random_for(seed, split, index), size)
            stem = f"frame_{split}_{index + 1:03d}"
            _save_picture(scene, images / f"{stem}.jpg")
            _write_text(labels / f"{stem}.txt", label_lines(scene))
    names = "".join(f"  {class_id}: {name}\n" for class_id, (name, _) in enumerate(CLASSES))
    _write_text(root / "data.yaml", f"train: images/train\nval: images/val\nnames:\n{names}")


def _labelled_scene(random: Random, size: Size) -> Scene:
    setting = random.choice(LABELLED_SETTINGS)
    known = [figure for _, figure in CLASSES if figure in SETTINGS[setting].things]
    things = [random.choice(known), *random.choices(SETTINGS[setting].things, k=random.randint(0, 3))]
    return compose_scene(random, setting, things, size=(size.width, size.height))


def label_lines(scene: Scene) -> str:
    """The YOLO label file of a scene: class id, centre x and y, width and height as shares (0-1) of the picture."""
    class_ids = {figure: class_id for class_id, (_, figure) in enumerate(CLASSES)}
    wide, tall = scene.size
    lines = []
    for figure in scene.things:
        if figure.name in class_ids:
            x, y, w, h = figure.box
            centre_x, centre_y = (x + w / 2) / wide, (y + h / 2) / tall
            lines.append(f"{class_ids[figure.name]} {centre_x:.6f} {centre_y:.6f} {w / wide:.6f} {h / tall:.6f}\n")
    return "".join(lines)


# ---------------------------------------------------------------- the source


def _write_source(root: Path, size: Size, *, seed: int) -> None:
    pictures = draw_source(size.images, size=(size.width, size.height), seed=seed)
    (root / "images").mkdir(parents=True)
    (root / "annotations").mkdir()
    for picture in pictures:
        _save_picture(picture.scene, root / "images" / picture.file_name)
    for kind, content in (("instances", instances_json(pictures)), ("captions", captions_json(pictures))):
        text = json.dumps(content, separators=(",", ":"))
        _write_text(root / "annotations" / f"{kind}_{size.name}.json", text + "\n")
