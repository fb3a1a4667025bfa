"""What `status` tells of each split."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from yolobg.changes.manifest import counts_of
from yolobg.changes.records import Manifest
from yolobg.dataset.channels import why_not_rgb
from yolobg.dataset.dataset import Dataset
from yolobg.dataset.destination import Destination, choose_destination
from yolobg.dataset.inventory import scan_split
from yolobg.errors import DatasetError
from yolobg.model import DataYaml, Inventory, Progress
from yolobg.results import DatasetInfo, SplitState

__all__ = ["destination_of", "info_of", "states_of"]


def info_of(dataset: Dataset, split: str, destination: Destination) -> DatasetInfo:
    """Where a dataset lies, and where new files would go."""
    return DatasetInfo(
        data_yaml=str(dataset.data.file),
        root=str(dataset.root),
        split=split,
        images_dir=str(destination.images_dir),
        labels_dir=str(destination.labels_dir),
        original=str(dataset.data.derived.original) if dataset.data.derived else None,
    )


def states_of(
    dataset: Dataset, manifest: Manifest, looked_at: SplitState, progress: Progress
) -> tuple[SplitState, ...]:
    """What is in each split; one that was looked at is not read again, nor another of the same folders and lists."""
    states: list[SplitState] = []
    for split, entries in dataset.data.splits.items():
        seen = [looked_at, *states]
        if same := next((one for one in seen if one.counts and dataset.data.splits[one.split] == entries), None):
            states.append(replace(same, split=split))
            continue
        try:
            counts = counts_of(scan_split(dataset.data, split, progress=progress), manifest, dataset.root)
        except DatasetError as error:
            states.append(SplitState(split, None, str(error)))
        else:
            states.append(SplitState(split, counts))
    return tuple(states)


def destination_of(data: DataYaml, inventory: Inventory) -> tuple[Destination, tuple[str, ...]]:
    """Where new files would go, and why they could not; that is no reason to hide what is there."""
    warnings = (reason,) if (reason := why_not_rgb(data)) else ()
    try:
        return choose_destination(data, inventory), warnings
    except DatasetError as error:
        place = Path(inventory.entries[0])
        return Destination(place, place), (str(error), *warnings)
