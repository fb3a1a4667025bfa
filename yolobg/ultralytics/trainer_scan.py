"""Scan a split whose images are already listed: by the trainer that is about to read them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from yolobg.dataset.folder_listing import Folders
from yolobg.dataset.label_reader import judge_labels
from yolobg.dataset.label_rules import LabelVerdict, label_checker
from yolobg.dataset.stray_labels import LabelFolders
from yolobg.model import DataYaml, FileEntry, Inventory, LabelProblem

__all__ = ["count_openable", "scan_listed"]


def scan_listed(
    data: DataYaml, split: str, images: Sequence[str], labels: Sequence[str], *, cwd: Path | None = None
) -> Inventory:
    """The state of each label of a listed split, in the order given, duplicates kept; like `scan_split` otherwise.

    Args:
        data: The dataset.
        split: The split that was listed.
        images: Its images as the trainer writes them.
        labels: The label file that the trainer seeks for each.
        cwd: What relative paths refer to; default the process's current folder.
    """
    here = str((cwd or Path()).absolute())
    folders = Folders()
    sought = [_absolute(label, here) for label in labels]
    # Duplicates, and images that share a label, lie side by side.
    check = label_checker(len(data.names), data.kpt_shape)
    verdicts = judge_labels([label for label, _ in groupby(sought)], folders, check)
    label_folders = LabelFolders(data.splits.get(split, ()), folders, check)
    files: list[FileEntry] = []
    problems: list[LabelProblem] = []
    previous, verdict = None, LabelVerdict("missing")
    for written, label in zip(images, sought, strict=True):
        if label != previous:
            previous, verdict = label, next(verdicts)
            label_folders.note(_absolute(written, here), label, is_there=verdict.state != "missing")
            if verdict.state == "corrupt":
                problems.append(LabelProblem(label, verdict.line, verdict.reason))
        image = _absolute(written, here)
        if folders.has_file(image):
            files.append(FileEntry(image, label, verdict.state))
        else:
            problems.append(LabelProblem(label, None, f"its image {image} does not exist or is not a file"))
            files.append(FileEntry(image, label, "corrupt"))
    warnings = label_folders.warnings(lambda: ((file.image, file.label) for file in files))
    return Inventory(split, data.splits.get(split, ()), tuple(files), tuple(problems), tuple(warnings))


def _absolute(path: str, here: str) -> str:
    # Plain strings, by the hundred thousand; most are absolute already, and joining them would take longest.
    return path if path.startswith("/") else os.path.join(here, path)  # noqa: PTH118


def count_openable(files: Sequence[FileEntry]) -> int:
    """How many images there are whose label file exists: the first figure of Ultralytics' scan line.

    It counts a label whatever it holds, also where it is corrupt, but not where the image itself is no file.
    """
    found = sum(entry.state in ("found", "empty") for entry in files)
    return found + sum(entry.state == "corrupt" and os.path.isfile(entry.image) for entry in files)  # noqa: PTH113
