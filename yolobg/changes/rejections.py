"""What a person rejected in a review: `.yolobg/rejected.json`.

These are images that yolobg added and took out again, remembered so that no later run picks them. Owns the file's form.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from yolobg.changes.manifest import FOLDER
from yolobg.changes.records import read_records
from yolobg.files import step, write_bytes

__all__ = [
    "Rejection",
    "Rejections",
    "forget_rejections",
    "read_rejections",
    "remember",
]

VERSION = 1


class Rejection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An image that yolobg added and a person rejected; `at` is an ISO 8601 time in UTC, `url` where it came from."""

    source: str
    source_id: int
    image: str
    split: str
    sha256: str
    reason: str
    at: str
    url: str = ""


class Rejections(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that was rejected in one dataset.

    In `theirs` an earlier version noted images of the user that it moved to `.yolobg/rejected/`. It alone says where
    they came from, so it is kept as it stands.
    """

    version: int = VERSION
    ours: tuple[Rejection, ...] = ()
    theirs: tuple[dict[str, Any], ...] = ()


def _path(root: Path) -> Path:
    return root / FOLDER / "rejected.json"


def read_rejections(root: Path) -> Rejections:
    """What was rejected in the dataset at `root`; nothing where there is no such file.

    Raises:
        DatasetError: The file is there but cannot be read or is damaged.
    """
    return read_records(
        _path(root),
        lambda raw: msgspec.convert(raw, Rejections),
        version=VERSION,
        missing=Rejections(),
        what="yolobg's list of rejected images",
        damaged="Restore it from a backup, or delete it to forget what was rejected.",
    )


def _write(root: Path, rejections: Rejections) -> None:
    if rejections.ours or rejections.theirs:
        write_bytes(_path(root), msgspec.json.format(msgspec.json.encode(rejections), indent=1))
        return
    step("unlink", _path(root))
    _path(root).unlink(missing_ok=True)


def remember(root: Path, rejected: Iterable[Rejection]) -> None:
    """Add to what was rejected; an image is remembered once, with its last reason. The caller holds the lock."""
    read = read_rejections(root)
    # By content: two sources may share a name and number their images alike.
    ours = {(r.sha256, r.source, r.source_id): r for r in (*read.ours, *rejected)}
    _write(root, msgspec.structs.replace(read, ours=tuple(ours.values())))


def forget_rejections(root: Path) -> None:
    """Forget which of our images were rejected. The caller holds the lock."""
    read = read_rejections(root)
    if read.ours or not read.theirs:
        _write(root, msgspec.structs.replace(read, ours=()))
