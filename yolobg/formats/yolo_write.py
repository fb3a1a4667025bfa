"""Write the YOLO family.

Every image gets a label file, of 0 bytes where it is a background: other tools drop images without one.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from yolobg.dataset.data_yaml import dump_yaml
from yolobg.dataset.label_rules import why_outside, why_point_outside
from yolobg.dataset.layout import label_path
from yolobg.errors import DatasetError
from yolobg.formats.contents import Contents, Item, Shape, stem_of
from yolobg.formats.place_images import Placer
from yolobg.formats.yolo_plain import has_split_folders

__all__ = ["DARKNET_KEYS", "write_darknet", "write_plain", "write_yolo"]

# darknet's own keys; val is called valid there.
DARKNET_KEYS = {"val": "valid"}
_DIGITS = 10
_VISIBILITIES = (0, 1, 2)


def write_yolo(contents: Contents, target: Path, place: Placer) -> None:
    """Write Ultralytics' layout: `images/<split>`, `labels/<split>`, data.yaml without a `path`."""
    _write_folders(contents, target, place, nested=True)


def write_plain(contents: Contents, target: Path, place: Placer) -> None:
    """Write `images/`, `labels/`: flat if train is the only split and reads back as it, else a folder for each.

    The data.yaml beside them holds the names; with it the folder is an Ultralytics dataset as well.
    """
    _write_folders(contents, target, place, nested=has_split_folders(contents))


def write_darknet(contents: Contents, target: Path, place: Placer) -> None:
    """Write darknet's layout: obj.data, obj.names, a list for each split, labels beside the images."""
    names = {split: DARKNET_KEYS.get(split, split) for split in contents.splits}
    with contextlib.ExitStack() as stack:
        lists = {split: stack.enter_context(place.open_text(target / f"{name}.txt")) for split, name in names.items()}
        for item in contents.items():
            home = f"obj_{names[item.split]}_data"
            lists[item.split].write(f"data/{home}/{item.name}\n")
            image = os.path.join(target, home, *item.name.split("/"))  # noqa: PTH118 - plain strings, by the thousand
            place.put(item, image)
            _write_label(item, contents.meta.kpt_shape, stem_of(image.replace(os.sep, "/")) + ".txt", place)
    config = [f"classes = {len(contents.names)}"]
    config += [f"{name} = data/{name}.txt" for name in names.values()]
    config += ["names = data/obj.names", "backup = backup/"]
    _write_text(target / "obj.data", config, place)
    _write_text(target / "obj.names", list(contents.names.values()), place)


def _write_folders(contents: Contents, target: Path, place: Placer, *, nested: bool) -> None:
    for split in contents.splits:
        for kind in ("images", "labels"):
            place.folder(str(target / kind / split if nested else target / kind))
    for item in contents.items():
        parts = ((item.split,) if nested else ()) + tuple(item.name.split("/"))
        image = os.path.join(target, "images", *parts)  # noqa: PTH118 - as above
        place.put(item, image)
        # Where trainers look for it, which is elsewhere for a name with a folder `images` in it.
        label = label_path(stem_of(image.replace(os.sep, "/")).replace("/", os.sep) + ".txt")
        _write_label(item, contents.meta.kpt_shape, label, place)
    _write_yaml(contents, target, place, nested=nested)


def _write_label(item: Item, kpt_shape: tuple[int, int] | None, label: str, place: Placer) -> None:
    rows = [_row(shape, kpt_shape, item) for shape in item.shapes]
    try:
        with place.open_text(label) as file:
            file.writelines(rows)
    except OSError as error:
        raise DatasetError(f"{label}: cannot be written: {error.strerror or error}") from error


def _row(shape: Shape, kpt_shape: tuple[int, int] | None, item: Item) -> str:
    values = list(shape.polygons[0]) if shape.polygons else list(shape.box)
    if max(values) > 1 or min(values) < 0:
        why = why_outside(values, polygon=bool(shape.polygons))
        if why:
            raise DatasetError(
                f"{item.split}/{item.name}: an object of class {shape.class_id} lies outside its image: {why}; "
                "trainers would drop the image. Fix it first"
            )
    if kpt_shape and not shape.polygons:
        _check_points(shape, item, kpt_shape[0])
        values += _points(shape, kpt_shape)
    return " ".join([str(shape.class_id), *map(_text, values)]) + "\n"


def _check_points(shape: Shape, item: Item, count: int) -> None:
    points = shape.key_points
    if points and len(points) != 3 * count:
        raise DatasetError(
            f"{item.split}/{item.name}: an object of class {shape.class_id} has {len(points) // 3} key points, and "
            f"its dataset names {count}; fix the record, or pass --key-points drop"
        )
    for place in range(0, len(points), 3):
        if points[place + 2] not in _VISIBILITIES:
            raise DatasetError(
                f"{item.split}/{item.name}: key point {place // 3 + 1} of an object of class {shape.class_id} has the "
                f"visibility {points[place + 2]:g}, expected 0, 1 or 2; a pose training would drop the image. Fix it, "
                "or pass --key-points drop"
            )
        if why := why_point_outside(points[place], points[place + 1]):
            raise DatasetError(
                f"{item.split}/{item.name}: key point {place // 3 + 1} of an object of class {shape.class_id} lies "
                f"outside its image: {why}; a pose training would drop the image. Move it, set its visibility to 0, or "
                "pass --key-points drop"
            )


def _points(shape: Shape, kpt_shape: tuple[int, int]) -> list[float]:
    count, dimensions = kpt_shape
    if not shape.key_points:
        return [0.0] * (count * dimensions)
    return [value for place, value in enumerate(shape.key_points) if place % 3 < dimensions]


def _text(value: float) -> str:
    text = f"{value:.{_DIGITS}f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _write_yaml(contents: Contents, target: Path, place: Placer, *, nested: bool) -> None:
    meta = contents.meta
    # Trainers ask for both keys; null says that there is no such split.
    told: dict[str, object] = {"train": None, "val": None}
    told |= {split: f"images/{split}" if nested else "images" for split in contents.splits}
    if meta.kpt_shape:
        told["kpt_shape"] = list(meta.kpt_shape)
    if meta.flip_idx:
        told["flip_idx"] = list(meta.flip_idx)
    told["names"] = dict(contents.names)
    with place.open_text(target / "data.yaml") as file:
        file.write(dump_yaml(told))


def _write_text(path: Path, lines: list[str], place: Placer) -> None:
    with place.open_text(path) as file:
        file.writelines(f"{line}\n" for line in lines)
