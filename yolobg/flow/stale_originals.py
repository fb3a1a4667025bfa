"""Backgrounds that no longer qualify and stand in the dataset that another one was derived from with `--to`.

The derived data.yaml trains on them too, but only the original's own recheck may replace them.
"""

from __future__ import annotations

from dataclasses import replace

from yolobg.changes.manifest import read_manifest
from yolobg.changes.moved import follow
from yolobg.dataset.dataset import open_dataset
from yolobg.errors import DatasetError
from yolobg.flow.derived import Derived, originals
from yolobg.flow.stale import find_stale, stale_warnings
from yolobg.model import DataYaml, Inventory

__all__ = ["stale_in_originals"]


def stale_in_originals(data: DataYaml, inventory: Inventory, derived: Derived | None = None) -> tuple[str, ...]:
    """What to tell of them, with the command that replaces them; nothing where the dataset is no derived one.

    Args:
        data: The dataset; its class names decide.
        inventory: Its split, which lists the images of the originals too.
        derived: What is to be derived, where that is not written yet.
    """
    first = derived.original.data if derived else None
    said: list[str] = []
    for original in [first, *originals(first)] if first else originals(data):
        try:
            dataset = open_dataset(original)
            manifest = follow(read_manifest(dataset.root), dataset)
        except DatasetError as error:
            said.append(f"earlier backgrounds of {original.file} cannot be checked: {error}")
            continue
        asked = replace(dataset, data=replace(original, names=data.names))
        said += stale_warnings(find_stale(asked, manifest, inventory).stale, original.file)
    return tuple(said)
