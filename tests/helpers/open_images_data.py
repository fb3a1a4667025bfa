"""Open Images' lists in their exact format, over the real classes, with images that a loopback server has."""

from __future__ import annotations

import csv
import hashlib
import io
import random
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
from coco_server import CocoServer
from download_pictures import picture

from yolobg.matching.lexicon.class_tables import open_images_classes
from yolobg.sources.location import Pin
from yolobg.sources.open_images import PINS, TRAIN_PINS

__all__ = ["HEAD", "IDS", "Label", "image_list", "image_name", "label_list", "pin", "random_labels", "serve"]

Label = tuple[str, str, str]
"""Image, class name, confidence."""

HEAD = "ImageID,Source,LabelName,Confidence\n"
_IMAGE_HEAD = (
    "ImageID", "Subset", "OriginalURL", "OriginalLandingURL", "License", "AuthorProfileURL", "Author", "Title",
    "OriginalSize", "OriginalMD5", "Thumbnail300KURL", "Rotation",
)  # fmt: skip
IDS = {one.name: one.id for one in open_images_classes()}


def image_name(number: int) -> str:
    """An image's id: 16 digits, some of them letters."""
    return f"{number * 0x9E3779B97F4A7C15 % (1 << 64):016x}"


def label_list(labels: Iterable[Label]) -> bytes:
    """The list of labels."""
    rows = (f"{image},verification,{IDS[name]},{said}\n" for image, name, said in labels)
    return (HEAD + "".join(rows)).encode()


def image_list(images: Iterable[str]) -> bytes:
    """The list of images, with titles that need quotes."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_IMAGE_HEAD)
    for number, image in enumerate(images):
        page = f"https://www.flickr.com/photos/someone/{number}"
        writer.writerow(
            (
                image, "validation", f"https://c2.staticflickr.com/9/8089/{number}_o.jpg", page,
                "https://creativecommons.org/licenses/by/2.0/", "https://www.flickr.com/people/someone/",
                f"Zoë {number}", f'A "fine" day, {number}', str(1_000_000 + number), "I4jXh6wY0HmKNPo2rHkDyA==",
                f"https://c8.staticflickr.com/9/{number}_z.jpg", "0.0",
            )
        )  # fmt: skip
    return out.getvalue().encode()


def random_labels(images: Sequence[str], each: int, seed: int = 0) -> list[Label]:
    """So many labels for each image, as many absent as present, in both spellings."""
    draw, names = random.Random(seed), sorted(IDS)
    return [
        (image, name, draw.choice(("0", "1", "0.0", "1.0"))) for image in images for name in draw.sample(names, each)
    ]


def pin(pins: dict[str, Pin], labels: bytes, images: bytes) -> dict[str, bytes]:
    """Pin these lists in place of the official ones; returns them by their paths on a host."""
    contents = dict(zip(pins, (labels, images), strict=True))
    for name, content in contents.items():
        pins[name] = Pin(len(content), md5=hashlib.md5(content, usedforsecurity=False).hexdigest())
    return {f"/{name}": content for name, content in contents.items()}


def serve(
    monkeypatch: pytest.MonkeyPatch, labels: bytes, images: bytes, pictures: Sequence[str] = (), *, train: bool = False
) -> CocoServer:
    """A server of a part's lists and pictures in place of Open Images' own hosts; start it with `with`."""
    pins = TRAIN_PINS if train else PINS
    for name in pins:
        monkeypatch.setitem(pins, name, pins[name])  # so that the official ones come back
    files = dict[str, bytes | Path](pin(pins, labels, images))
    folder = "train" if train else "validation"
    files |= {f"/{folder}/{image}.jpg": picture(number) for number, image in enumerate(pictures)}
    server = CocoServer(files)
    monkeypatch.setenv("YOLOBG_OPENIMAGES_URL", server.url)
    return server
