"""Open Images as a source of images: its lists, its hosts, and the classes that they are about.

Digests are those that the git-annex branch of datasets-mila/datasets--open_images records for these addresses.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from yolobg.matching.lexicon import coco_categories
from yolobg.matching.lexicon.class_tables import open_images_classes
from yolobg.model import Category
from yolobg.sources.location import OPEN_IMAGES_NAMES, AnnotationSource, Pin

__all__ = [
    "OPEN_IMAGES",
    "OPEN_IMAGES_TRAIN",
    "PARTS",
    "PINS",
    "TRAIN_PINS",
    "class_parents",
    "image_bases",
    "list_bases",
    "lists_mb",
    "lists_on_disk",
    "official_categories",
]

PINS = {
    "v5/validation-annotations-human-imagelabels-boxable.csv": Pin(10_649_275, md5="2e129f40a209e65dfe4342ed0e7bd5f2"),
    "2018_04/validation/validation-images-with-rotation.csv": Pin(15_245_485, md5="643a54e43b0bab8acce8817b4a569780"),
}
TRAIN_PINS = {
    "v5/train-annotations-human-imagelabels-boxable.csv": Pin(376_764_810, md5="f2709ae3f91391549c56d45a4a5ffec6"),
    "2018_04/train/train-images-boxable-with-rotation.csv": Pin(638_407_721, md5="a4ac0bcedb5c2df4d1b1230dc6b41b8f"),
}
"""What the lists must be, byte for byte."""


def _part(name: str, pins: Mapping[str, Pin]) -> AnnotationSource:
    return AnnotationSource(
        name, next(iter(pins)), captions=None, official=True, open_images=True, pins=MappingProxyType(pins)
    )


OPEN_IMAGES, OPEN_IMAGES_TRAIN = map(_part, OPEN_IMAGES_NAMES, (PINS, TRAIN_PINS))
"""The validation images of V4 to V7, 41,620, and the training images with boxes, 1.7 million."""

PARTS = {one.name: one for one in (OPEN_IMAGES, OPEN_IMAGES_TRAIN)}


def list_bases() -> tuple[str, ...]:
    """The hosts of the lists in the order in which they are asked; `YOLOBG_OPENIMAGES_URL` first, if set."""
    return (*_mirror(), "https://storage.googleapis.com/openimages")


def image_bases(source: AnnotationSource = OPEN_IMAGES) -> tuple[str, ...]:
    """Where the images of a part are, in the order in which the hosts are asked, without a slash at the end."""
    folder = "train" if source.name == OPEN_IMAGES_TRAIN.name else "validation"
    hosts = ("https://open-images-dataset.s3.amazonaws.com", "https://s3.amazonaws.com/open-images-dataset")
    return tuple(f"{host}/{folder}" for host in (*_mirror(), *hosts))


def lists_on_disk(source: AnnotationSource, place: Path) -> dict[str, Path]:
    """Those lists of a part that a folder has, as they are called there or with the folders of their address."""
    tries = {name: (place / name, place / name.rpartition("/")[2]) for name in source.pins}
    found = {name: next(filter(Path.is_file, paths), None) for name, paths in tries.items()}
    return {name: path for name, path in found.items() if path is not None}


def lists_mb(source: AnnotationSource) -> str:
    """How large the lists of a part are together, for a person."""
    return f"{sum(pin.size_bytes for pin in source.pins.values()) / 1e6:,.0f} MB"


def _mirror() -> tuple[str, ...]:
    mirror = os.environ.get("YOLOBG_OPENIMAGES_URL", "").strip().rstrip("/")
    return (mirror,) if mirror else ()


def class_parents() -> dict[str, tuple[str, tuple[str, ...]]]:
    """Each boxable class's id to its name and the ids of the classes just above it; parts have none."""
    return {one.id: (one.name, one.parents) for one in open_images_classes()}


def official_categories(source: AnnotationSource) -> tuple[Category, ...]:
    """The categories of an official source before its files are there; those of Open Images without counts."""
    if not source.open_images:
        return coco_categories()
    return tuple(Category(number, one.name, 0) for number, one in enumerate(open_images_classes(), 1))
