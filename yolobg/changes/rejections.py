"""What a person rejected in a review: `.yolobg/rejected.json`.

Two kinds are kept apart. *Ours*: images that yolobg added and took out again, remembered so that no later run picks
them. *Theirs*: backgrounds of the user that they wanted out; yolobg deletes none of those but puts the image away in
`.yolobg/rejected/`, from where `remove` brings it back. Owns the file's form and these moves.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from yolobg.changes.manifest import FOLDER, SIZE_LIMIT_BYTES, absolute
from yolobg.dataset.layout import is_image
from yolobg.errors import DatasetError
from yolobg.files import flush_folder, publish_new, read_ordinary, step, write_bytes

__all__ = [
    "PutAway",
    "Rejection",
    "Rejections",
    "bring_back",
    "forget_rejections",
    "put_away",
    "put_image_away",
    "read_rejections",
    "remember",
]

VERSION = 1
_STORED = re.compile(r"[0-9a-f]{64}\.\d{1,9}\.put-away")


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


class PutAway(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A background of the user that was put away: `stored` is its name in `.yolobg/rejected/`.

    `data` is the data.yaml of the review, as in the manifest.
    """

    image: str
    split: str
    sha256: str
    reason: str
    at: str
    stored: str
    data: str = ""


class Rejections(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that was rejected in one dataset."""

    version: int = VERSION
    ours: tuple[Rejection, ...] = ()
    theirs: tuple[PutAway, ...] = ()


def _path(root: Path) -> Path:
    return root / FOLDER / "rejected.json"


def _store(root: Path) -> Path:
    return root / FOLDER / "rejected"


def read_rejections(root: Path) -> Rejections:
    """What was rejected in the dataset at `root`; nothing where there is no such file.

    Raises:
        DatasetError: The file is there but cannot be read or is damaged.
    """
    path = _path(root)
    try:
        read = msgspec.json.decode(read_ordinary(path, SIZE_LIMIT_BYTES), type=Rejections)
    except (FileNotFoundError, NotADirectoryError):
        return Rejections()
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror}") from error
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise DatasetError(
            f"{path}: not yolobg's list of rejected images ({error}). Restore it from a backup, or delete it to forget "
            "what was rejected."
        ) from error
    if read.version != VERSION:
        raise DatasetError(f"{path}: version {read.version}, this yolobg knows version {VERSION}; use a newer yolobg")
    return read


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
    """Forget which of our images were rejected; what was put away stays recorded. The caller holds the lock."""
    read = read_rejections(root)
    if read.ours or not read.theirs:
        _write(root, msgspec.structs.replace(read, ours=()))


def _all(_data: str) -> bool:
    return True


def put_away(root: Path, split: str | None = None, owns: Callable[[str], bool] = _all) -> tuple[PutAway, ...]:
    """The user's images that lie in `.yolobg/rejected/`; those of one split, or all, and of the data.yaml meant."""
    return tuple(a for a in read_rejections(root).theirs if split in (None, a.split) and owns(a.data))


def put_image_away(root: Path, folders: Iterable[Path], away: PutAway) -> None:
    """Move a background of the user out of the dataset; its empty label file stays, so nothing else changes.

    The record is written first, so a kill at any step leaves an image that is in its place or can be brought back.
    The caller holds the lock.

    Raises:
        DatasetError: It lies outside the dataset's folders, or the place to put it is a link.
        OSError: It cannot be moved; it is where it was.
    """
    image = absolute(away.image, root)
    _check_home(away, root, folders)
    if _store(root).is_symlink():
        raise DatasetError(f"{_store(root)}: is a link, so yolobg puts no image away there; remove it and run again")
    read = read_rejections(root)
    begun = next((a for a in read.theirs if (a.image, a.sha256) == (away.image, away.sha256)), None)
    names = (f"{away.sha256}.{number}.put-away" for number in itertools.count())
    stored = begun.stored if begun else next(n for n in names if not os.path.lexists(_store(root) / n))
    step("mkdir", _store(root))
    _store(root).mkdir(exist_ok=True)
    if begun is None:
        _write(root, msgspec.structs.replace(read, theirs=(*read.theirs, msgspec.structs.replace(away, stored=stored))))
    try:
        _move(image, _store(root) / stored)
    except OSError:
        _write(root, read)
        with contextlib.suppress(OSError):
            step("rmdir", _store(root))
            _store(root).rmdir()
        raise
    flush_folder(image.parent)


def bring_back(
    root: Path, folders: Iterable[Path], split: str | None = None, owns: Callable[[str], bool] = _all
) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """Move the user's images back to where they were, replacing nothing. The caller holds the lock.

    Args:
        root: The dataset root.
        folders: The folders of the dataset's splits.
        split: Only this split; None for all.
        owns: Tells which data.yaml is meant, by its name in the record.

    Returns:
        The images that are in their place again, and with a reason each those that are not.
    """
    read = read_rejections(root)
    homes = tuple(folders)
    back: list[PutAway] = []
    stuck: list[tuple[str, str]] = []
    for away in read.theirs:
        if split not in (None, away.split) or not owns(away.data):
            continue
        try:
            _bring_one_back(root, homes, away)
        except (OSError, DatasetError) as error:
            told = error.strerror if isinstance(error, OSError) else None
            stuck.append((away.image, f"it lies in {_store(root) / away.stored} and cannot go back: {told or error}"))
        else:
            back.append(away)
    if back:
        _write(root, msgspec.structs.replace(read, theirs=tuple(a for a in read.theirs if a not in back)))
    if not stuck and len(back) == len(read.theirs) and _store(root).is_dir() and not _store(root).is_symlink():
        with contextlib.suppress(OSError):
            step("rmdir", _store(root))
            _store(root).rmdir()
    return tuple(a.image for a in back), tuple(stuck)


def _bring_one_back(root: Path, homes: tuple[Path, ...], away: PutAway) -> None:
    _check_home(away, root, homes)
    if not _STORED.fullmatch(away.stored) or _store(root).is_symlink():
        raise DatasetError("its record was changed by somebody else")
    stored, image = _store(root) / away.stored, absolute(away.image, root)
    if not os.path.lexists(stored) and os.path.lexists(image):
        return  # a kill came before the move, or between the move back and its record
    _move(stored, image)
    with contextlib.suppress(OSError):
        flush_folder(image.parent)


def _move(old: Path, new: Path) -> None:
    """Move a file, replacing nothing; goes on where a kill left one file under both names."""
    try:
        publish_new(old, new)
    except FileExistsError:
        if old.is_symlink() or new.is_symlink() or not old.samefile(new):
            raise
        step("unlink", old)
        old.unlink()


def _check_home(away: PutAway, root: Path, folders: Iterable[Path]) -> None:
    image = absolute(away.image, root)
    try:
        home = image.parent.resolve()
        inside = any(home == folder or folder in home.parents for folder in (f.resolve() for f in folders))
    except (OSError, RuntimeError, ValueError) as error:
        raise DatasetError(f"{away.image!r}: this path makes no sense; yolobg moves nothing there") from error
    if "\0" in away.image or ".." in image.parts or not is_image(image.name) or not inside:
        raise DatasetError(f"{image}: lies outside the folders of this dataset; yolobg moves nothing there")
