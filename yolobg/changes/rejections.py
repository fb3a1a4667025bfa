"""What a person rejected in a review: `.yolobg/rejected.json`.

These are images that yolobg added and took out again, remembered so that no later run picks them. Owns the file's form.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec

from yolobg.changes.manifest import FOLDER
from yolobg.changes.records import Entry, Run, read_records
from yolobg.files import step, write_bytes

__all__ = [
    "BAD_PICTURE",
    "OTHER_REASON",
    "Rejection",
    "Rejections",
    "forget_rejections",
    "read_rejections",
    "rejection_of",
    "remember",
    "says_class",
]

VERSION = 1


BAD_PICTURE, OTHER_REASON = "bad picture", "other reason"
"""The reasons that say nothing of a class."""

# 64 bits are more than a number of JSON holds for every reader.
Picture = Annotated[str, msgspec.Meta(pattern="^([0-9a-f]{16})?$")]


class Rejection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An image that yolobg added, or proposed, and a person rejected.

    Attributes:
        at: An ISO 8601 time in UTC.
        url: Where it came from.
        picture: Its difference hash in hexadecimal digits; empty where it has none, or an earlier version wrote this.
        alike: The look-alikes that it was chosen for.
    """

    source: str
    source_id: int
    image: str
    split: str
    sha256: str
    reason: str
    at: str
    url: str = ""
    picture: Picture = ""
    alike: tuple[str, ...] = ()

    @property
    def shows_class(self) -> bool:
        """Whether the person said that it shows a class."""
        return says_class(self.reason)


class Rejections(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that was rejected in one dataset.

    In `theirs` an earlier version noted images of the user that it moved to `.yolobg/rejected/`. It alone says where
    they came from, so it is kept as it stands.
    """

    version: int = VERSION
    ours: tuple[Rejection, ...] = ()
    theirs: tuple[dict[str, Any], ...] = ()


def says_class(reason: str) -> bool:
    """Whether a reason says that the image shows a class."""
    return reason not in (BAD_PICTURE, OTHER_REASON)


def rejection_of(entry: Entry, run: Run | None, reason: str, at: str, pictures: Mapping[str, str]) -> Rejection:
    """The record of a rejected image.

    Args:
        entry: The image, as it is or would be recorded.
        run: The run that chose it; None where that is not recorded.
        reason: What the person said.
        at: The time.
        pictures: Image to its difference hash, where it has one.
    """
    return Rejection(
        source=entry.source,
        source_id=entry.source_id,
        image=entry.image,
        split=entry.split,
        sha256=entry.sha256,
        reason=reason,
        at=at,
        url=entry.url,
        picture=pictures.get(entry.image, ""),
        alike=run.alike_in(entry.source_id) if run else (),
    )


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
