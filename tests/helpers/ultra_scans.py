"""Ultralytics' own scan of every layout of the battery beside ours; prints one JSON row for each. See the test."""

# ruff: noqa: PLC0415 - Ultralytics may be imported only after it was told where to keep its things
from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from battery.layout import Layout, Places, build, missing_needs, write_settings
from battery.layouts import LAYOUTS

from yolobg.dataset.data_yaml import read_data_yaml
from yolobg.dataset.inventory import count_files, scan_split
from yolobg.errors import DatasetError
from yolobg.model import Inventory
from yolobg.ultralytics.trainer_scan import count_openable

Row = dict[str, Any]


def rows(base: Path) -> Iterator[Row]:
    for name, layout in sorted(LAYOUTS.items()):
        if missing_needs(layout, base):
            continue
        places = Places(base, name)
        build(layout, places)
        old = Path.cwd()
        os.chdir(places.path(layout.cwd))
        try:
            yield {"name": name, **ask(layout, places)}
        finally:
            os.chdir(old)


def ask(layout: Layout, places: Places) -> Row:
    """What Ultralytics' scan counts, what the hook counts with its lists, and what our own reader counts."""
    from ultralytics.data import utils

    from yolobg.ultralytics.trainer import read_resolved, scan_as_trained

    given = places.fill(layout.data)
    try:
        data = utils.check_det_dataset(given, autodownload=False)
        scanned = scan(data)
    except Exception as error:  # noqa: BLE001 - whatever it raises is its answer
        return {"refused": type(error).__name__}
    ours: list[Any]
    try:
        ours = tally(scan_split(read_data_yaml(Path(given)), "train"))
    except DatasetError as error:
        ours = [str(error)]
    return {
        "scan": scanned,
        "hook": tally(scan_as_trained(read_resolved(data, given=given))),
        "ours": ours,
        "differs": bool(layout.differs),
    }


def scan(data: dict[str, Any]) -> list[int]:
    """Images, backgrounds, corrupt and how many were looked at, by the scan that a training on boxes begins with."""
    from ultralytics.data.dataset import YOLODataset

    dataset = YOLODataset.__new__(YOLODataset)
    dataset.prefix, dataset.fraction, dataset.data = "", 1.0, data
    dataset.use_keypoints, dataset.use_segments, dataset.use_obb = False, False, False
    dataset.single_cls, dataset.augment = False, False
    dataset.im_files = dataset.get_img_files(data["train"])
    dataset.get_label_files()
    found, missing, empty, corrupt, total = dataset.cache_labels(Path("scan.cache").absolute())["results"]
    return [found, missing + empty, corrupt, total]


def tally(inventory: Inventory) -> list[int]:
    counts = count_files(inventory)
    return [count_openable(inventory.files), counts.backgrounds, counts.corrupt, counts.images]


def main() -> None:
    base = Path(sys.argv[1]).resolve()
    # Ultralytics reads its settings once, when it is imported.
    os.environ["YOLO_CONFIG_DIR"] = str(write_settings(base))
    from ultralytics.data import utils
    from ultralytics.utils import LOGGER

    LOGGER.setLevel("CRITICAL")
    utils.check_font = lambda *_: None  # it would look for a font on the network
    for row in rows(base):
        print("ROW " + json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
