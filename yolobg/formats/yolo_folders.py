"""Read the other two of the YOLO family: plain `images/` + `labels/`, and darknet's obj.data."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from yolobg.dataset.layout import label_path
from yolobg.dataset.listing import Walk
from yolobg.dataset.yaml_text import load_yaml
from yolobg.errors import DatasetError
from yolobg.formats.items import Contents, Meta, stem_of
from yolobg.formats.yolo_read import Listed, YoloContents, check_labels

__all__ = ["read_darknet", "read_labels_only", "read_plain"]


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
    relative = [path[len(root) + 1 :].replace(os.sep, "/") for path in sorted(walk.images)]
    splits = {name.partition("/")[0] for name in relative}
    nested = bool(splits) and splits <= {"train", "val", "test"}
    listed = []
    for name in relative:
        split, inside = (name.partition("/")[0], name.partition("/")[2]) if nested else ("train", name)
        image = os.path.join(root, *name.split("/"))  # noqa: PTH118 - plain strings, by the hundred thousand
        label = label_path(image)
        listed.append(Listed(split, inside, image, label, os.path.isfile(label)))  # noqa: PTH113
    listed.sort(key=lambda entry: (entry.split, entry.name))
    names = _plain_names(folder) or {}
    largest = check_labels(listed, len(names))
    names = names or {i: f"class_{i}" for i in range(largest + 1)}
    return YoloContents(names, tuple(sorted(splits)) if nested else ("train",), listed, Meta(), tuple(walk.warnings))


def _plain_names(folder: Path) -> dict[int, str] | None:
    if (folder / "classes.txt").is_file():
        lines = (folder / "classes.txt").read_text(encoding="utf-8-sig").splitlines()
        return dict(enumerate(line.strip() for line in lines if line.strip()))
    yaml = folder / "data.yaml"
    if not yaml.is_file():
        return None
    raw = load_yaml(yaml.read_bytes(), source=str(yaml), repeated_keys=[])
    names = raw.get("names") if isinstance(raw, dict) else None
    if isinstance(names, dict):
        return {int(key): str(value) for key, value in sorted(names.items(), key=lambda pair: int(pair[0]))}
    return dict(enumerate(map(str, names))) if isinstance(names, list) else None


def read_darknet(folder: Path) -> YoloContents:
    """Read a darknet dataset: obj.data names the classes and one list for each split; labels lie beside the images.

    Raises:
        DatasetError: obj.data or what it names cannot be read, or a label is corrupt.
    """
    config = _config(folder / "obj.data")
    names_file = _below(folder, config.get("names", "obj.names"))
    names = dict(enumerate(line.strip() for line in _lines(names_file)))
    listed = []
    lists = {key: value for key, value in config.items() if key not in ("classes", "names", "backup")}
    for split, place in lists.items():
        paths = [_below(folder, line) for line in _lines(_below(folder, place))]
        inside = [_darknet_name(folder, path, split) for path in paths]
        for path, name in dict(zip(paths, inside, strict=True)).items():
            if not path.is_file():
                raise DatasetError(f"{folder / 'obj.data'}: the list of {split} names {path}, which does not exist")
            label = path.with_suffix(".txt")
            listed.append(Listed(_split_name(split), name, str(path), str(label), label.is_file()))
    listed.sort(key=lambda entry: (entry.split, entry.name))
    check_labels(listed, len(names))
    return YoloContents(names, tuple(_split_name(split) for split in lists), listed)


def _darknet_name(folder: Path, path: Path, split: str) -> str:
    for home in (folder / f"obj_{split}_data", folder / "obj_train_data", folder):
        if path.is_relative_to(home):
            return path.relative_to(home).as_posix()
    return path.name


def _split_name(split: str) -> str:
    return "val" if split == "valid" else split


def _config(file: Path) -> dict[str, str]:
    pairs = (line.partition("=") for line in _lines(file) if "=" in line)
    return {key.strip(): value.strip() for key, _, value in pairs}


def _below(folder: Path, place: str) -> Path:
    """A path as darknet files write it: absolute, below the folder, or below the folder as `data/…`."""
    path = Path(place.strip())
    if path.is_absolute():
        return path
    near = folder / path
    return near if near.exists() or path.parts[:1] != ("data",) else folder.joinpath(*path.parts[1:])


def _lines(file: Path) -> list[str]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{file}: cannot be read: {error}") from error
    return [line for line in text.splitlines() if line.strip()]


def read_labels_only(root: Path, format_name: str, meant: Contents) -> YoloContents:
    """Read the labels of a dataset that was written without its images.

    Args:
        root: Where it was written.
        format_name: Which of the family it is.
        meant: What was written: it tells which images the labels belong to. Labels beyond these count as images too.
    """
    homes = {split: _label_home(root, format_name, split, meant.splits) for split in meant.splits}
    left = {file for home in homes.values() for file in home.rglob("*.txt")}
    listed = []
    for split, name in meant.listing():
        label = homes[split].joinpath(*f"{stem_of(name)}.txt".split("/"))
        if label in left:
            left.discard(label)
            listed.append(Listed(split, name, "", str(label), has_label=True))
    listed += [Listed("?", label.name, "", str(label), has_label=True) for label in sorted(left)]
    check_labels(listed, len(meant.names))
    return YoloContents(meant.names, meant.splits, listed, meant.meta)


def _label_home(root: Path, format_name: str, split: str, splits: Sequence[str]) -> Path:
    if format_name == "yolo_darknet":
        return root / f"obj_{'valid' if split == 'val' else split}_data"
    return root / "labels" / split if format_name == "yolo" or tuple(splits) != ("train",) else root / "labels"
