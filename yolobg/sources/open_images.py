"""Open Images as a source of images: its lists, its hosts, and the classes that they are about.

Digests are those that the git-annex branch of datasets-mila/datasets--open_images records for these addresses.
"""

from __future__ import annotations

import os
from dataclasses import replace
from types import MappingProxyType

from yolobg.matching.lexicon import coco_categories
from yolobg.matching.lexicon.class_tables import open_images_classes
from yolobg.model import Category
from yolobg.sources.location import AnnotationSource, Pin

__all__ = [
    "OPEN_IMAGES",
    "OPEN_IMAGES_LABELS",
    "PINS",
    "class_parents",
    "image_bases",
    "list_bases",
    "official_categories",
]

_LABELS = "v5/validation-annotations-human-imagelabels-boxable.csv"
_IMAGES = "2018_04/validation/validation-images-with-rotation.csv"

PINS = {
    _LABELS: Pin(10_649_275, md5="2e129f40a209e65dfe4342ed0e7bd5f2"),
    _IMAGES: Pin(15_245_485, md5="643a54e43b0bab8acce8817b4a569780"),
}
"""What the lists must be, byte for byte."""

OPEN_IMAGES = AnnotationSource(
    "openimages", _LABELS, captions=None, official=True, open_images=True, pins=MappingProxyType(PINS)
)
"""The validation images of V4 to V7: 41,620, all of them on S3."""

OPEN_IMAGES_LABELS = replace(OPEN_IMAGES, name="openimages-labels", evidence=True)
"""The same lists as evidence about these images: what people verified to be there, and to be absent."""


def list_bases() -> tuple[str, ...]:
    """The hosts of the lists in the order in which they are asked; `YOLOBG_OPENIMAGES_URL` first, if set."""
    return (*_mirror(), "https://storage.googleapis.com/openimages")


def image_bases() -> tuple[str, ...]:
    """Where the validation images are, in the order in which the hosts are asked, without a slash at the end."""
    hosts = ("https://open-images-dataset.s3.amazonaws.com", "https://s3.amazonaws.com/open-images-dataset")
    return tuple(f"{host}/validation" for host in (*_mirror(), *hosts))


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
