"""Read the other two of the YOLO family: plain `images/` + `labels/`, and darknet's obj.data."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from yolobg.dataset.folder_listing import Walk
from yolobg.dataset.layout import label_path
from yolobg.errors import DatasetError
from yolobg.files import read_ordinary
from yolobg.formats.contents import Contents, Meta, stem_of
from yolobg.formats.list_lines import list_lines
from yolobg.formats.packed_rows import pack_rows
from yolobg.formats.yolo_read import Listed, YoloContents, check_labels, unique_names
from yolobg.yaml_text import LARGEST_BYTES, load_yaml

__all__ = ["has_split_folders", "read_darknet", "read_labels_only", "read_plain"]

_SPLITS = frozenset({"train", "val", "test"})


def read_plain(folder: Path) -> YoloContents:
    """Read `images/` and `labels/`, flat, or with one folder for each split in both.

    Class names come from a data.yaml or classes.txt in the folder; else they are `class_0` to the largest that is used.

    Raises:
        DatasetError: The folder has no `images/`, or a label cannot be read.
    """
    images_dir = folder / "images"
    if not images_dir.is_dir():
        raise DatasetError(f"{folder}: no images/ in it; expected images/ and labels/")
    # The folder's real place: `label_path` goes by the last /images/ of the path.
    root = str(images_dir.resolve())
    walk = Walk()
    walk.add(root)
    images = sorted(walk.images)
    splits = {image[len(root) + 1 :].partition(os.sep)[0] for image in images}
    nested = bool(splits) and splits <= _SPLITS
    listed = pack_rows(Listed, (_plain_entry(image, root, nested) for image in images))
    names = _plain_names(folder) or {}
    largest = check_labels(listed, len(names))
    names = names or {i: f"class_{i}" for i in range(largest + 1)}
    return YoloContents(names, tuple(sorted(splits)) if nested else ("train",), listed, Meta(), tuple(walk.warnings))


def has_split_folders(meant: Contents) -> bool:
    """Whether the plain layout of a dataset has a folder for each split.

    Flat, images of train that all lie in folders named like splits would be read back as those splits.
    """
    if meant.splits != ("train",):
        return True
    folders = {name.partition("/")[0] for _, name in meant.listing()}
    return bool(folders) and folders <= _SPLITS


def _plain_entry(image: str, root: str, nested: bool) -> Listed:  # noqa: FBT001 - one caller
    name, label = image[len(root) + 1 :].replace(os.sep, "/"), label_path(image)
    split, inside = (name.partition("/")[0], name.partition("/")[2]) if nested else ("train", name)
    return Listed(split, inside, image, label, os.path.isfile(label))  # noqa: PTH113 - by the hundred thousand


def _plain_names(folder: Path) -> dict[int, str] | None:
    if (folder / "classes.txt").is_file():
        return dict(enumerate(map(str.strip, list_lines(folder / "classes.txt"))))
    yaml = folder / "data.yaml"
    if not yaml.is_file():
        return None
    try:
        raw = load_yaml(read_ordinary(yaml, LARGEST_BYTES), source=str(yaml), repeated_keys=[])
        names = raw.get("names") if isinstance(raw, dict) else None
        if isinstance(names, dict):
            return {int(key): str(value) for key, value in sorted(names.items(), key=lambda pair: int(pair[0]))}
    except (OSError, TypeError, ValueError, OverflowError) as error:
        raise DatasetError(f"{yaml}: the class names cannot be read: {error}") from error
    return dict(enumerate(map(str, names))) if isinstance(names, list) else None


def read_darknet(folder: Path) -> YoloContents:
    """Read a darknet dataset: obj.data names the classes and one list for each split; labels lie beside the images.

    Raises:
        DatasetError: obj.data or what it names cannot be read, or a label is corrupt.
    """
    config = _config(folder / "obj.data")
    names_file = _below(folder, config.get("names", "obj.names"))
    names = dict(enumerate(line.strip() for line in list_lines(names_file)))
    named = {key: value for key, value in config.items() if key not in ("classes", "names", "backup")}
    lists = {key: value for key, value in named.items() if os.path.exists(_below(folder, value))} or named  # noqa: PTH110
    missing = tuple(
        f"obj.data: '{key}' names {value}, which does not exist: the split was left out"
        for key, value in named.items()
        if key not in lists
    )
    ordered = sorted(lists, key=_split_name)
    listed = pack_rows(
        Listed, itertools.chain.from_iterable(_darknet_split(folder, key, lists[key]) for key in ordered)
    )
    check_labels(listed, len(names))
    return YoloContents(names, tuple(_split_name(split) for split in lists), listed, warnings=missing)


def _darknet_split(folder: Path, split: str, place: str) -> Iterator[Listed]:
    name_of = unique_names()
    # The same line twice is the same image, and is there once.
    for line in sorted(set(list_lines(_below(folder, place)))):
        path = _below(folder, line)
        if not os.path.isfile(path):  # noqa: PTH113 - whose answer for what can be no path is no
            raise DatasetError(f"{folder / 'obj.data'}: the list of {split} names {path}, which does not exist")
        label = path.with_suffix(".txt")
        name = name_of(_darknet_name(folder, path, split))
        yield Listed(_split_name(split), name, str(path), str(label), label.is_file())


def _darknet_name(folder: Path, path: Path, split: str) -> str:
    for home in (folder / f"obj_{split}_data", folder / "obj_train_data", folder):
        if path.is_relative_to(home):
            return path.relative_to(home).as_posix()
    return path.name


def _split_name(split: str) -> str:
    return "val" if split == "valid" else split


def _config(file: Path) -> dict[str, str]:
    pairs = (line.partition("=") for line in list_lines(file) if "=" in line)
    return {key.strip(): value.strip() for key, _, value in pairs}


def _below(folder: Path, place: str) -> Path:
    """A path as darknet files write it: absolute, below the folder, or below the folder as `data/…`."""
    path = Path(place.strip())
    if path.is_absolute():
        return path
    near = folder / path
    there = os.path.exists(near)  # noqa: PTH110 - whose answer for what can be no path is no
    return near if there or path.parts[:1] != ("data",) else folder.joinpath(*path.parts[1:])


def read_labels_only(root: Path, format_name: str, meant: Contents) -> YoloContents:
    """Read the labels of a dataset that was written without its images.

    Args:
        root: Where it was written.
        format_name: Which of the family it is.
        meant: What was written: it tells which images the labels belong to. Labels beyond these count as images too.
    """
    nested = format_name == "yolo" or (format_name == "yolo_plain" and has_split_folders(meant))
    homes = {split: _label_home(root, format_name, split, nested=nested) for split in meant.splits}
    entries = (_label_entry(root, homes[split], split, name) for split, name in meant.listing())
    listed = pack_rows(Listed, (entry for entry in entries if entry.has_label))
    if sum(1 for _ in _labels_in(homes.values())) != len(listed):
        known = {entry.label for entry in listed}
        strays = (label for label in _labels_in(homes.values()) if label not in known)
        more = (Listed("?", os.path.basename(label), "", label, has_label=True) for label in strays)  # noqa: PTH119
        listed = pack_rows(Listed, [*listed, *more])
    check_labels(listed, len(meant.names))
    return YoloContents(meant.names, meant.splits, listed, meant.meta)


def _label_entry(root: Path, home: str, split: str, name: str) -> Listed:
    label = os.path.join(home, *f"{stem_of(name)}.txt".split("/"))  # noqa: PTH118 - as above
    labels = f"{root}{os.sep}labels{os.sep}"
    if label.startswith(labels):
        # Where trainers look for it, which is elsewhere for a name with a folder `images` in it.
        label = label_path(f"{root}{os.sep}images{os.sep}{label[len(labels) :]}")
    return Listed(split, name, "", label, os.path.isfile(label))  # noqa: PTH113


def _labels_in(homes: Iterable[str]) -> Iterator[str]:
    for home in homes:
        for folder, _, files in os.walk(home):
            yield from (os.path.join(folder, file) for file in files if file.endswith(".txt"))  # noqa: PTH118


def _label_home(root: Path, format_name: str, split: str, *, nested: bool) -> str:
    if format_name == "yolo_darknet":
        return str(root / f"obj_{'valid' if split == 'val' else split}_data")
    return str(root / "labels" / split if nested else root / "labels")
