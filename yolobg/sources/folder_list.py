"""The list that a source folder becomes: COCO's format, with a number for each image that stays from run to run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from yolobg.coco_json import hashed
from yolobg.dataset.layout import coco_id
from yolobg.formats.contents import stem_of
from yolobg.sources.frames import Frame

__all__ = ["folder_list", "image_number"]


def folder_list(
    names: Mapping[int, str], found: Iterable[tuple[str, Iterable[int]]], home: Path, frames: Iterable[Frame] = ()
) -> dict[str, Any]:
    """The list.

    Args:
        names: Class id to name.
        found: Each image, as an absolute path below `home`, with the ids of the classes that it shows.
        home: The folder to which the file names are relative.
        frames: The frames of videos, of which nothing is known.
    """
    images, annotations, taken = [], [], set[int]()
    for image, class_ids in found:
        name = Path(image).relative_to(home).as_posix()
        number = image_number(name)
        while number in taken:
            number += 1
        taken.add(number)
        # No sizes: to ask every file for its header would cost more than all the rest; chosen images are verified.
        images.append({"id": number, "file_name": name})
        annotations += [{"image_id": number, "category_id": class_id + 1} for class_id in sorted(class_ids)]
    images += [{"id": frame.number, "file_name": frame.name} for frame in frames if frame.number not in taken]
    categories = [{"id": class_id + 1, "name": name} for class_id, name in names.items()]
    return {"images": images, "annotations": annotations, "categories": categories}


def image_number(name: str) -> int:
    """A number that an image keeps from run to run: COCO's own, where the name tells it, else one made of the name."""
    known = coco_id(stem_of(name).rpartition("/")[2])
    if known is not None:
        return known
    return hashed(name)
