"""A small val2017: official annotations with captions that are in the cache, and the images for a loopback server."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from download_pictures import picture

from yolobg.model import no_progress
from yolobg.sources.cache_folder import cache_folder
from yolobg.sources.catalog.make import make_from
from yolobg.sources.catalog.shipped_index import CATEGORIES, read_index
from yolobg.sources.catalog.store import Store
from yolobg.sources.location import COCO2017_VAL, AnnotationSource, Pin

IDS = {name: number for number, name in CATEGORIES.items()}


def numbers_outside_train(count: int) -> list[int]:
    """Ids that no image of train2017 has."""
    train = {image.id for image in read_index().images}
    return [number for number in range(1, 100_000) if number not in train][:count]


@dataclass
class Val:
    """Images with what they hold and what a caption says; image number n is `ids[n]`.

    Attributes:
        ids: The ids.
        holds: Place of an image to the categories that it holds.
        says: Place of an image to its caption; others have one that names nothing.
    """

    ids: list[int]
    holds: dict[int, tuple[str, ...]] = field(default_factory=dict)
    says: dict[int, str] = field(default_factory=dict)

    @classmethod
    def of(cls, count: int, **more: Any) -> Val:
        """So many images outside train2017."""
        return cls(numbers_outside_train(count), **more)

    @property
    def names(self) -> list[str]:
        """The file name of each image."""
        return [f"{number:012d}.jpg" for number in self.ids]

    def picture(self, place: int) -> bytes:
        """The content of an image."""
        return picture(self.ids[place])

    def served(self) -> dict[str, bytes]:
        """What a server of COCO's images has."""
        return {f"/val2017/{name}": self.picture(place) for place, name in enumerate(self.names)}

    def write_images(self, folder: Path) -> Path:
        """Write the images as files; returns the folder."""
        folder.mkdir(parents=True)
        for place, name in enumerate(self.names):
            (folder / name).write_bytes(self.picture(place))
        return folder

    def files(self) -> dict[str, bytes]:
        """The two files of annotations, by name."""
        images = [
            {"id": number, "file_name": name, "width": 64, "height": 48, "license": 1}
            for number, name in zip(self.ids, self.names, strict=True)
        ]
        objects = [
            {"id": number, "image_id": self.ids[place], "category_id": IDS[name], "bbox": [1, 1, 9, 9], "iscrowd": 0}
            for number, (place, name) in enumerate((p, n) for p, names in self.holds.items() for n in names)
        ]
        captions = [
            {"id": place, "image_id": number, "caption": self.says.get(place, "Something grey.")}
            for place, number in enumerate(self.ids)
        ]
        categories = [{"id": number, "name": name} for number, name in CATEGORIES.items()]
        return {
            "instances_val2017.json": json.dumps(
                {"images": images, "annotations": objects, "categories": categories, "licenses": []}
            ).encode(),
            "captions_val2017.json": json.dumps({"images": images, "annotations": captions}).encode(),
        }

    def write_annotations(self, folder: Path) -> Path:
        """Write the annotations as files; returns that of the instances."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in self.files().items():
            (folder / name).write_bytes(content)
        return folder / "instances_val2017.json"

    def source(self) -> AnnotationSource:
        """COCO's own source, with these files for the official ones."""
        pins = {
            f"annotations/{name}": Pin(len(content), hashlib.sha256(content).hexdigest())
            for name, content in self.files().items()
        }
        return replace(COCO2017_VAL, pins=pins)

    def make_official(self, monkeypatch: pytest.MonkeyPatch, folder: Path, *, in_cache: bool = True) -> None:
        """Let this be val2017; its catalog is in the cache, or would have to be fetched."""
        monkeypatch.setattr("yolobg.sources.resolve.COCO2017_VAL", self.source())
        if in_cache:
            self.write_annotations(folder)
            make_from(Store(cache_folder()), folder, self.source(), no_progress)
