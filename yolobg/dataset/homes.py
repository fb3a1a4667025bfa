"""Where the images of a whole dataset lie, all splits together."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from yolobg.dataset.inventory import list_images
from yolobg.errors import DatasetError
from yolobg.model import DataYaml

__all__ = ["all_images", "home_folders"]


def home_folders(data: DataYaml) -> tuple[Path, ...]:
    """The folders in which images of the dataset lie; yolobg changes nothing outside them and `.yolobg`."""
    homes: set[Path] = set()
    for entries in data.splits.values():
        for entry in map(Path, entries):
            if entry.is_dir():
                homes.add(entry)
            elif entry.is_file():
                homes.update(Path(image).absolute().parent for image in list_images((str(entry),)))
    return tuple(sorted(homes))


def all_images(data: DataYaml) -> Iterator[str]:
    """Every image of every split."""
    for entries in data.splits.values():
        # A split that cannot be listed holds nothing that could leak; the asked one tells its own trouble.
        try:
            yield from list_images(entries)
        except DatasetError:
            continue
