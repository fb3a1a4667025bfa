"""What a trainer of Ultralytics is about to train on, in Ultralytics' own words and by its own functions.

Everything that depends on Ultralytics' inside is here. Releases from 8.2.0 on are known; the differences are:
up to 8.3.250 the dataset is resolved before the hook runs (`trainer.data`), from 8.3.251 on after it.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yolobg.model import DataYaml, Inventory
from yolobg.ultralytics.trainer_scan import scan_listed

if TYPE_CHECKING:
    import logging

__all__ = [
    "kept_images",
    "logger",
    "prefix",
    "preserve_random_state",
    "read_resolved",
    "resolve",
    "resolve_file",
    "scan_as_trained",
    "why_not",
]

TRAIN = "train"
# In these an image without objects is a background; in the others it is an error or means nothing.
TASKS = frozenset({"detect", "segment", "obb", "pose"})
SPLITS = ("train", "val", "test", "minival")


def logger() -> logging.Logger:
    """Ultralytics' own logger."""
    from ultralytics.utils import LOGGER  # noqa: PLC0415 - imported only when called

    return LOGGER  # type: ignore[no-any-return]


def prefix() -> str:
    """What our lines begin with, in the manner of Ultralytics' `train: `."""
    from ultralytics.utils import colorstr  # noqa: PLC0415

    return str(colorstr("yolobg: "))


def why_not(trainer: Any) -> str | None:
    """Why this training gets no backgrounds; None where it does; empty where there is nothing to say."""
    from ultralytics.utils import RANK  # noqa: PLC0415

    data = trainer.args.data
    if RANK not in (-1, 0):
        return ""
    if getattr(trainer, "resume", False):
        return "a resumed training continues with the images it started with; nothing was added"
    if trainer.args.task not in TASKS:
        return f"task '{trainer.args.task}' does not use background images; nothing was added"
    if not isinstance(getattr(trainer, "data", None), dict) and not isinstance(data, (str, Path)):
        return f"data is a {type(data).__name__} and not the path of a data.yaml; nothing was added"
    if str(data).endswith(".ndjson"):
        return (
            "data is an .ndjson that Ultralytics converts later; nothing was added. Give the data.yaml it is made into"
        )
    return None


def resolve(trainer: Any) -> DataYaml:
    """The dataset that the trainer will use, as Ultralytics resolves it; that may fetch it, as it would a moment later.

    Raises:
        Exception: Whatever Ultralytics raises for a dataset that it cannot use.
    """
    from ultralytics.data.utils import check_det_dataset  # noqa: PLC0415

    resolved = getattr(trainer, "data", None)
    if not isinstance(resolved, dict):
        resolved = check_det_dataset(trainer.args.data)
    elif getattr(trainer.args, "single_cls", False):
        # Here the class names have been replaced by "item", which does not say what a background must not show.
        resolved = {**resolved, "names": check_det_dataset(trainer.args.data)["names"]}
    return read_resolved(resolved, given=str(trainer.args.data))


def resolve_file(data: str | Path) -> DataYaml:
    """A dataset by the path that a user gives to Ultralytics, as Ultralytics resolves it.

    Raises:
        Exception: Whatever Ultralytics raises for a dataset that it cannot use.
    """
    from ultralytics.data.utils import check_det_dataset  # noqa: PLC0415

    return read_resolved(check_det_dataset(str(data)), given=str(data))


def read_resolved(resolved: Mapping[str, Any], *, given: str) -> DataYaml:
    """Ultralytics' resolved dataset as a value of ours."""
    # A script that imports the hook does not load YAML.
    from yolobg.dataset.data_yaml import derivation_of  # noqa: PLC0415

    names = {int(number): str(name) for number, name in resolved["names"].items()}
    splits = {}
    for split in SPLITS:
        entries = resolved.get(split)
        if entries:
            splits[split] = tuple(map(str, entries)) if isinstance(entries, (list, tuple)) else (str(entries),)
    points = resolved.get("kpt_shape")
    return DataYaml(
        file=Path(str(resolved.get("yaml_file") or given)).absolute(),
        root=Path(str(resolved["path"])).absolute(),
        names=dict(sorted(names.items())),
        splits=splits,
        kpt_shape=(int(points[0]), int(points[1])) if points else None,
        channels=resolved.get("channels", 3),
        derived=derivation_of(resolved),
    )


def scan_as_trained(data: DataYaml) -> Inventory:
    """The training split with Ultralytics' own list of images and label paths.

    Raises:
        FileNotFoundError: Ultralytics finds no images; its message says where.
    """
    from ultralytics.data.utils import img2label_paths  # noqa: PLC0415

    images = kept_images(data.splits.get(TRAIN, ()), fraction=1.0)
    return scan_listed(data, TRAIN, images, img2label_paths(images))


def kept_images(entries: Sequence[str], *, fraction: Any) -> list[str]:
    """The images that Ultralytics lists for a split, cut down to `fraction` in its own way."""
    from ultralytics.data import utils  # noqa: PLC0415
    from ultralytics.data.base import BaseDataset  # noqa: PLC0415

    reader = BaseDataset.__new__(BaseDataset)
    reader.prefix = ""
    split_fraction = getattr(utils, "get_split_fraction", None)
    reader.fraction = split_fraction(fraction, TRAIN) if split_fraction else fraction
    with _silent(logger()):
        return list(reader.get_img_files(list(entries)))


@contextlib.contextmanager
def _silent(talker: logging.Logger) -> Iterator[None]:
    """Keep a logger quiet: the listing says how fast the disk is, and says it again when the training lists."""

    def nothing(_record: logging.LogRecord) -> bool:
        return False

    talker.addFilter(nothing)
    try:
        yield
    finally:
        talker.removeFilter(nothing)


@contextlib.contextmanager
def preserve_random_state() -> Iterator[None]:
    """Leave Python's shared random state as it was: what the hook does must not change how the training goes."""
    state = random.getstate()
    try:
        yield
    finally:
        random.setstate(state)
