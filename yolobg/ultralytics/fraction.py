"""What the `fraction` of a training leaves of its backgrounds: Ultralytics trains on the first images by name."""

from __future__ import annotations

from typing import Any

from yolobg.dataset.inventory import count_files
from yolobg.model import DataYaml, FileEntry, Inventory
from yolobg.ultralytics import trainer as ultra
from yolobg.wording import counted

__all__ = ["tell_part", "tell_part_of", "trained_part"]


def trained_part(data: DataYaml, inventory: Inventory, fraction: Any) -> tuple[FileEntry, ...]:
    """The images of a training split that a training with `fraction` uses, by Ultralytics' own rule.

    Args:
        data: The dataset, as Ultralytics resolves it.
        inventory: Its training split, in Ultralytics' order.
        fraction: As Ultralytics takes it: a share, in newer releases also a number of images or a list by split.
    """
    if fraction in (1, 1.0, None):
        return inventory.files
    return inventory.files[: len(ultra.kept_images(data.splits[ultra.TRAIN], fraction=fraction))]


def tell_part(inventory: Inventory, part: tuple[FileEntry, ...], fraction: Any) -> None:
    """Say how many backgrounds a part of a split has, if it is one; as a warning if that is far from the share in all.

    Args:
        inventory: The training split.
        part: What `trained_part` returns.
        fraction: As Ultralytics takes it.
    """
    if len(part) == len(inventory.files):
        return
    whole = count_files(inventory).ratio
    kept = count_files(Inventory(inventory.split, inventory.entries, part))
    said = (
        f"{ultra.prefix()}fraction={fraction} trains on the first {counted(len(part), 'image')} of "
        f"{len(inventory.files):,} by name: {counted(kept.backgrounds, 'background')} ({kept.ratio:.1%}), "
        f"against {whole:.1%} of all"
    )
    if whole / 2 <= kept.ratio <= whole * 2:
        ultra.logger().info(said)
        return
    ultra.logger().warning(
        f"{said}. Train on all of them, or on a data.yaml of the part that you want, topped up by yolobg."
    )


def tell_part_of(trainer: Any) -> None:
    """The same for a trainer that has not listed its images yet, as a callback; never an error.

    Its trouble is that of Ultralytics, which is about to read the same dataset and says what is wrong in its own words.
    """
    try:
        if ultra.why_not(trainer) is not None:
            return
        fraction = getattr(trainer.args, "fraction", 1.0)
        with ultra.preserve_random_state():
            data = ultra.resolve(trainer)
            inventory = ultra.scan_as_trained(data)
            tell_part(inventory, trained_part(data, inventory, fraction), fraction)
    except Exception as error:  # noqa: BLE001 - whatever Ultralytics raises, it raises again in a moment
        ultra.logger().debug(f"{ultra.prefix()}what fraction leaves is not known: {error!r}")
