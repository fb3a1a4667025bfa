"""The data.yaml of a derived dataset: the images of another one, which is left as it is, and backgrounds of its own.

Says what such a file holds, where its own folders are and whether somebody has changed it since; writes nothing.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Collection, Iterable
from pathlib import Path

from yolobg.dataset.data_yaml import DERIVED_KEY, SPLITS, dump_yaml, load_yaml
from yolobg.errors import DatasetError
from yolobg.files import read_ordinary
from yolobg.model import DataYaml
from yolobg.yaml_text import LARGEST_BYTES

__all__ = ["NAME", "data_yaml_bytes", "derived_content", "is_as_written", "own_folder", "own_splits"]

NAME = "data.yaml"
_FIRST_LINE = re.compile(rb"# [^\n]*\(sha256 ([0-9a-f]{64})\)\n")


def own_folder(folder: Path, split: str) -> Path:
    """Where the images of its own lie that a derived dataset in `folder` adds to a split."""
    return folder / "images" / split


def own_splits(data: DataYaml, folder: Path) -> set[str]:
    """The splits to which the derived dataset in `folder` adds images of its own, by its data.yaml."""
    return {split for split, entries in data.splits.items() if str(own_folder(folder, split)) in entries}


def derived_content(original: DataYaml, folder: Path, splits: Collection[str], made: Iterable[Path]) -> bytes:
    """The data.yaml of the dataset in `folder` that is derived from another one.

    Promises every key of the original with absolute paths, but two: `path`, which these do without, and `download`,
    since a derived dataset must not start a download.

    Args:
        original: The data.yaml it is derived from; that file is read again.
        folder: The folder of the derived dataset, absolute and with links followed.
        splits: The splits that get a folder of their own.
        made: The folders that were created for it.

    Raises:
        DatasetError: The original cannot be read, or a path cannot be written as text.
    """
    raw = _raw(original.file)
    theirs = _their_own(raw, original)
    for key in ("path", "download", DERIVED_KEY):
        raw.pop(key, None)
    for split in SPLITS:
        entries = list(original.splits.get(split, ()))
        # The older name counts where there is no other.
        key = "validation" if split == "val" and "val" not in raw and "validation" in raw else split
        if split in splits:
            raw[key] = [*entries, str(own_folder(folder, split))]
        elif entries:
            raw[key] = entries if isinstance(raw.get(key), list) else entries[0]
    source = os.path.abspath(original.file)  # noqa: PTH100 - links stay as written: a dataset is known by that name
    raw[DERIVED_KEY] = {**theirs, "original": source, "made": list(map(str, made))}
    try:
        body = dump_yaml(raw).encode("utf-8")
    except UnicodeEncodeError as error:
        raise DatasetError(
            f"{original.file}: a path is not UTF-8 text ({error.object[:200]!r}), so no data.yaml can name it; rename "
            "that folder"
        ) from error
    digest = hashlib.sha256(body).hexdigest()
    return (
        b"# `yolobg remove` deletes this file if the lines below are unchanged (sha256 %s)\n" % digest.encode() + body
    )


def _their_own(raw: dict[object, object], original: DataYaml) -> dict[object, object]:
    """What a person wrote under the key that notes where a derived dataset comes from."""
    said = {} if original.derived else raw.get(DERIVED_KEY) or {}
    if not isinstance(said, dict) or {"original", "made"} & said.keys():
        raise DatasetError(
            f"{original.file}: --to notes under the key '{DERIVED_KEY}' where its data.yaml comes from, and this one "
            "has something else there; give that key another name"
        )
    return said


def _raw(file: Path) -> dict[object, object]:
    raw = load_yaml(data_yaml_bytes(file), source=str(file), repeated_keys=[])
    return dict(raw) if isinstance(raw, dict) else {}


def data_yaml_bytes(file: Path) -> bytes:
    """The content of a data.yaml.

    Raises:
        DatasetError: It cannot be read.
    """
    try:
        return read_ordinary(file, LARGEST_BYTES)
    except OSError as error:
        raise DatasetError(f"{file}: cannot be read: {error.strerror or error}") from error


def is_as_written(content: bytes) -> bool:
    """Whether that is the content of a derived dataset's data.yaml as yolobg wrote it."""
    first = _FIRST_LINE.match(content)
    return first is not None and hashlib.sha256(content[first.end() :]).hexdigest() == first[1].decode()
