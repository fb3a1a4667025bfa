"""Where the images of a whole dataset lie, all splits together."""

from __future__ import annotations

from dataclasses import dataclass

from yolobg.dataset.inventory import list_readable
from yolobg.model import DataYaml, Inventory

__all__ = ["AllImages", "read_all_images"]


@dataclass(frozen=True, slots=True)
class AllImages:
    """The images of all splits.

    Attributes:
        images: Absolute paths, duplicates kept.
        warnings: What could not be read, so that an image in it may come in a second time.
    """

    images: tuple[str, ...]
    warnings: tuple[str, ...]


def read_all_images(data: DataYaml, scanned: Inventory | None = None) -> AllImages:
    """The images of every split; an entry that cannot be read hides none of the others.

    Args:
        data: The dataset.
        scanned: What `scan_split` gave for one of them just now, which is not listed again.
    """
    images: list[str] = []
    warnings: list[str] = []
    for split, entries in data.splits.items():
        if scanned and not scanned.warnings and entries == scanned.entries:
            images += (file.image for file in scanned.files)
            continue
        listed, troubles = list_readable(entries, what=f"{data.file}: key '{split}'")
        images += listed
        warnings += (
            f"{trouble}; images in it are not known, so one of them could be added to another split"
            for trouble in troubles
        )
    return AllImages(tuple(images), tuple(warnings))
