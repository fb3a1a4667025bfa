"""Write COCO: `annotations/instances_<split>.json` and `images/<split>/`.

The JSON is written as it comes, image by image, so memory does not grow with the dataset.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from yolobg.formats.contents import Contents, Item, Shape, size_of
from yolobg.formats.place_images import Placer
from yolobg.formats.run_lengths import area_of, read_mask

__all__ = ["write_coco"]

# Millionths of a pixel: finer than a millionth of the share on any image of one pixel or more.
_DIGITS = 6
_encode = msgspec.json.Encoder().encode


def write_coco(contents: Contents, target: Path, place: Placer) -> None:
    """Write one JSON for each split. Backgrounds are images without annotations; empty splits get a JSON as well."""
    ids = _category_ids(contents)
    writers: dict[str, _Split] = {}
    try:
        for split in contents.splits:
            writers[split] = _Split(target / "annotations" / f"instances_{split}.json", contents, ids, place)
        for item in contents.items():
            place.put(item, os.path.join(target, "images", item.split, *item.name.split("/")))  # noqa: PTH118
            writers[item.split].add(item)
        for writer in writers.values():
            writer.finish()
    finally:
        for writer in writers.values():
            writer.close()


def _category_ids(contents: Contents) -> dict[int, int]:
    """COCO counts from 1: several tools take category 0 for nothing. A source's own numbers are kept."""
    own = contents.meta.category_ids
    numbers = {class_id: own[class_id] for class_id in contents.names if class_id in own}
    ascending = list(numbers.values()) == sorted(set(numbers.values()))
    return numbers if len(numbers) == len(contents.names) and ascending else {i: i + 1 for i in contents.names}


class _Split:
    """One JSON under way: images go into it, annotations into a second file that is appended at the end."""

    def __init__(self, file: Path, contents: Contents, ids: dict[int, int], place: Placer) -> None:
        self._contents, self._ids = contents, ids
        self._rest = file.with_suffix(".annotations")
        self._out: BinaryIO = place.open_binary(file)
        self._annotations: BinaryIO = place.open_binary(self._rest)
        self._images = self._objects = 0
        self._out.write(b'{"info": {"description": "written by yolobg"},\n"licenses": [],\n"images": [')

    def add(self, item: Item) -> None:
        width, height = size_of(item)
        image_id = self._image_id(item)
        record = {"id": image_id, "width": width, "height": height, "file_name": item.name}
        self._out.write((b",\n" if self._images > 1 else b"\n") + _encode(record))
        for shape in item.shapes:
            self._objects += 1
            told = {"id": self._objects, "image_id": image_id, "category_id": self._ids[shape.class_id]}
            told |= _annotation(shape, width, height)
            self._annotations.write((b",\n" if self._objects > 1 else b"\n") + _encode(told))

    def _image_id(self, item: Item) -> int:
        self._images += 1
        # A source with numbers of its own has them for all images of a split, each once.
        return self._images if item.source_id is None else item.source_id

    def finish(self) -> None:
        categories: list[dict[str, Any]] = [
            {"id": self._ids[class_id], "name": name, "supercategory": ""}
            for class_id, name in self._contents.names.items()
        ]
        if self._contents.meta.kpt_shape:
            points = [f"point_{i}" for i in range(self._contents.meta.kpt_shape[0])]
            categories = [{**category, "keypoints": points, "skeleton": []} for category in categories]
        self._out.write(b'\n],\n"annotations": [')
        self._annotations.seek(0)
        while piece := self._annotations.read(1 << 20):
            self._out.write(piece)
        self._out.write(b'\n],\n"categories": ' + _encode(categories) + b"}\n")

    def close(self) -> None:
        self._out.close()
        self._annotations.close()
        self._rest.unlink(missing_ok=True)


def _annotation(shape: Shape, width: int, height: int) -> dict[str, Any]:
    center_x, center_y, share_w, share_h = shape.box
    box = [_px(center_x - share_w / 2, width), _px(center_y - share_h / 2, height)]
    box += [_px(share_w, width), _px(share_h, height)]
    rings = [[_px(v, height if i % 2 else width) for i, v in enumerate(ring)] for ring in shape.polygons]
    area = _area(shape, rings, box)
    told: dict[str, Any] = {
        "bbox": box,
        "area": round(area, _DIGITS),
        "segmentation": shape.mask if shape.mask is not None else rings,
        "iscrowd": int(shape.crowd),
    }
    if shape.key_points:
        told["keypoints"] = [_key_value(i, v, width, height) for i, v in enumerate(shape.key_points)]
        told["num_keypoints"] = sum(v > 0 for v in shape.key_points[2::3])
    return told


def _area(shape: Shape, rings: list[list[float]], box: list[float]) -> float:
    """The source's own area, or that of the outline, of the mask or of the box."""
    if shape.area is not None:
        return shape.area
    if rings:
        return sum(map(_ring_area, rings))
    # One that cannot be decoded is carried as it came.
    with contextlib.suppress(ValueError):
        return float(area_of(read_mask(shape.mask)))
    return box[2] * box[3]


def _key_value(place: int, value: float, width: int, height: int) -> float:
    return (_px(value, width), _px(value, height), int(value))[place % 3]


def _px(share: float, size: int) -> float:
    return round(share * size, _DIGITS)


def _ring_area(ring: list[float]) -> float:
    xs, ys = ring[::2], ring[1::2]
    return abs(sum(xs[i - 1] * ys[i] - xs[i] * ys[i - 1] for i in range(len(xs)))) / 2
