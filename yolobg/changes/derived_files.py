"""Write the folder of a derived dataset (`augment --to`) and take it back: data.yaml and the folders for its images.

A killed process leaves either no data.yaml, and then only empty folders, or a whole one. The dataset that it is derived
from is not written to.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from yolobg.changes.disk_state import staging_left, unlink
from yolobg.changes.manifest import FOLDER, manifest_path, read_manifest
from yolobg.changes.records import Manifest
from yolobg.dataset.dataset import Dataset, open_dataset
from yolobg.dataset.derived import NAME, data_yaml_bytes, is_as_written, own_folder, own_splits
from yolobg.errors import MergeError, YolobgError
from yolobg.files import (
    discard,
    flush_folder,
    make_real_folder,
    publish_new,
    step,
    sweep_parts,
    temporary_name,
    write_bytes,
)

__all__ = [
    "DerivedFile",
    "drop_derived",
    "drop_folders",
    "is_free",
    "make_folders",
    "take_back_file",
    "why_file_stays",
    "write",
]

_PART = re.compile(r"\.yolobg-[0-9a-f]{32}\.part")


@dataclass(frozen=True, slots=True)
class DerivedFile:
    """What becomes of a derived dataset's data.yaml in a removal: why it stays, or nothing where it goes."""

    file: Path
    why_kept: str = ""


def is_free(folder: Path) -> bool:
    """Whether a derived dataset may be made in a folder: nothing is in it but what a killed try may have left.

    Raises:
        OSError: It cannot be read.
    """
    if not folder.exists():
        return True
    names = {path.name for path in folder.iterdir()}
    strange = {name for name in names - {"images", FOLDER} if not _PART.fullmatch(name)}
    return not strange and not manifest_path(folder).exists() and not any(_files_below(folder / "images"))


def _files_below(folder: Path) -> Iterable[Path]:
    return (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())


def make_folders(folder: Path) -> tuple[Path, ...]:
    """Create a folder and those above it; returns the ones that were not there, outermost first.

    Raises:
        MergeError: It cannot be created; none was.
    """
    made: list[Path] = []
    missing = [place for place in (folder, *folder.parents) if not os.path.lexists(place)]
    try:
        for place in reversed(missing):
            step("mkdir", place)
            place.mkdir(exist_ok=True)
            made.append(place)
    except BaseException as error:
        drop_folders(folder, made)
        if isinstance(error, OSError):
            raise MergeError(
                f"{error.filename or folder}: cannot be created: {error.strerror or error}; nothing was changed"
            ) from error
        raise
    return tuple(made)


def drop_folders(folder: Path, made: Iterable[Path]) -> None:
    """Remove those of the created folders that are empty: a derived dataset's own, and the ones above it."""
    for place in reversed(tuple(made)):
        if place == folder or place in folder.parents:
            with suppress(OSError):
                step("rmdir", place)
                place.rmdir()


def write(folder: Path, splits: Iterable[str], content: bytes) -> None:
    """Bring a derived dataset's data.yaml to its place, and make the folders that it names.

    Args:
        folder: The folder of the dataset, held by the caller's lock.
        splits: The splits that have a folder of their own.
        content: The file's content; one that is there is replaced only if yolobg wrote it.

    Raises:
        MergeError: It cannot be written, or another file has come to be there.
    """
    file = folder / NAME
    try:
        sweep_parts(folder)
        for split in sorted(splits):
            for place in (own_folder(folder, split).parent, own_folder(folder, split)):
                make_real_folder(place)
        if not os.path.lexists(file):
            _write_new(file, content)
        elif is_as_written(data_yaml_bytes(file)):
            write_bytes(file, content)
        else:
            raise MergeError(f"{file}: was changed while yolobg was running; nothing was changed. Run again")
    except OSError as error:
        raise MergeError(
            f"{error.filename2 or error.filename or file}: {error.strerror or error}; the dataset is as it was"
        ) from error


def _write_new(file: Path, content: bytes) -> None:
    part = temporary_name(file)
    try:
        step("write", part)
        with part.open("xb") as handle:
            handle.write(content)
            handle.flush()
            step("fsync", part)
            os.fsync(handle.fileno())
        publish_new(part, file)
        flush_folder(file.parent)
    except BaseException:
        discard(part)
        raise


def why_file_stays(dataset: Dataset, *, but: Collection[Path] = ()) -> str:
    """Why `remove` leaves the data.yaml of a derived dataset where it is; empty where it may go. Reads only.

    Args:
        dataset: The dataset.
        but: Images that do not count, nor what a trainer has kept of them.
    """
    file = dataset.data.file
    if not is_as_written(data_yaml_bytes(file)):
        return "it was changed since yolobg wrote it"
    splits = own_splits(dataset.data, dataset.root)
    if file.is_symlink() or file.name != NAME or not splits:
        return f"it is a copy or a link; the one that was made is {NAME} in the folder that it names"
    for split in sorted(splits):
        home = own_folder(dataset.root, split)
        passed = {*but, *(image.with_suffix(".npy") for image in but)}
        if home.is_symlink() or (home.is_dir() and any(path not in passed for path in home.iterdir())):
            return f"{home}, which it names, holds files that are not yolobg's"
    return ""


def take_back_file(dataset: Dataset) -> DerivedFile:
    """Remove a derived dataset's data.yaml and the folders for its images, once no image of ours is left in them.

    Args:
        dataset: The dataset, held by the caller's lock.

    Raises:
        OSError: Something could not be removed; running again goes on from there.
    """
    root, file = dataset.root, dataset.data.file
    sweep_parts(root)
    if why := why_file_stays(dataset):
        return DerivedFile(file, why)
    for split in sorted(own_splits(dataset.data, root)):
        # A trainer that lists our images first keeps its cache beside the folder of our labels.
        cache = root / "labels" / f"{split}.cache"
        if cache.is_file() and not cache.is_symlink():
            unlink(cache)
        for place in (own_folder(root, split), root / "labels" / split):
            _drop_empty(place)
    for place in (root / "images", root / "labels"):
        _drop_empty(place)
    # The file last: as long as it is there, the next `remove` comes by here again.
    unlink(file)
    flush_folder(root)
    return DerivedFile(file)


def _drop_empty(folder: Path) -> None:
    with suppress(OSError):
        step("rmdir", folder)
        folder.rmdir()


def drop_derived(folder: Path) -> None:
    """Take back a derived dataset to which nothing was added, unless fetched images wait there for the next run."""
    with suppress(YolobgError, OSError):
        dataset = open_dataset(folder / NAME)
        homes = [own_folder(folder, split) for split in own_splits(dataset.data, folder)]
        if read_manifest(folder) == Manifest() and not any(place.exists() for place in staging_left(folder, homes)):
            take_back_file(dataset)
