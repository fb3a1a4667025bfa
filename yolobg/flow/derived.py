"""What `--to DIR` means: whether DIR can hold a dataset derived from this one, and what its data.yaml says.

Reads only.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from yolobg.changes.derived_files import is_free
from yolobg.changes.rejections import Rejection, read_rejections
from yolobg.dataset.data_yaml import read_data_yaml
from yolobg.dataset.dataset import Dataset, open_dataset
from yolobg.dataset.derived import NAME, data_yaml_bytes, derived_content, is_as_written, own_folder, own_splits
from yolobg.dataset.layout import label_path
from yolobg.errors import DatasetError, UsageError
from yolobg.model import DataYaml, Derivation

__all__ = ["Derived", "check_current", "derive", "originals", "rejected_in"]


@dataclass(frozen=True)
class Derived:
    """A dataset in a folder of its own, derived from another one.

    Attributes:
        original: The dataset that it is derived from and that stays as it is.
        folder: The folder, absolute and with links followed; it need not exist yet.
        split: The split that gets images of its own.
        splits: All splits that have such.
        dataset: What to plan with: the original's images, and those in the folder so far.
        content: What the folder's data.yaml has to hold; None where that is there already.
        is_new: Whether there is no data.yaml in the folder yet.
    """

    original: Dataset
    folder: Path
    split: str
    splits: frozenset[str]
    dataset: Dataset
    content: bytes | None
    is_new: bool

    @property
    def file(self) -> Path:
        """The data.yaml of the folder."""
        return self.folder / NAME


def derive(original: Dataset, to: Path, split: str, *, made: Iterable[Path] = ()) -> Derived:
    """Find out what has to be written into a folder so that it holds a dataset derived from this one.

    Args:
        original: The dataset, which stays as it is.
        to: The folder.
        split: The split that gets backgrounds.
        made: The folders that were just created for it.

    Raises:
        UsageError: The folder is one of the dataset's, or holds something else.
        DatasetError: The data.yaml in it was changed and has no folder for the split, or the original's cannot be read.
    """
    original = replace(original, data=replace(original.data, file=original.data.file.absolute()))
    folder = Path(os.path.abspath(to.expanduser())).resolve()  # noqa: PTH100 - `..` as the user wrote it
    _check_place(folder)
    _check_apart(original, folder)
    file = folder / NAME
    there = _read_there(file, original)
    if there is None:
        _check_free(folder)
        content = derived_content(original.data, folder, {split}, made)
        # By the name of the original, for that is what a message should name as long as there is no other.
        return Derived(
            original, folder, split, frozenset({split}), Dataset(original.data, folder), content, is_new=True
        )
    written = data_yaml_bytes(file)
    splits = frozenset(own_splits(there, folder) | {split})
    if not is_as_written(written):
        if missing := _missing_class(there, original.data):
            raise DatasetError(
                f"{file}: was changed since yolobg wrote it, so it is left as it is, and it lacks the class "
                f"{missing!r} of {original.data.file}; write it there, or choose another folder for --to"
            )
        if split not in own_splits(there, folder):
            raise DatasetError(
                f"{file}: was changed since yolobg wrote it, so it is left as it is, and its key '{split}' does not "
                f"name {own_folder(folder, split)}; add that there, or choose another folder for --to"
            )
        return Derived(original, folder, split, splits, open_dataset(there), None, is_new=False)
    derivation = there.derived or Derivation(original.data.file)
    wanted = derived_content(original.data, folder, splits, derivation.made)
    if wanted == written and own_folder(folder, split).is_dir():
        return Derived(original, folder, split, splits, open_dataset(there), None, is_new=False)
    planned = replace(
        original.data, file=file, root=folder, splits=dict(_so_far(original.data, folder, splits)), derived=derivation
    )
    return Derived(original, folder, split, splits, open_dataset(planned), wanted, is_new=False)


def _check_place(folder: Path) -> None:
    """Refuse a path that the system cannot look at, such as one that is too long."""
    try:
        with suppress(FileNotFoundError, NotADirectoryError):
            os.lstat(folder)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"--to {folder}: cannot be a folder: {why}; choose another") from error


def check_current(data: DataYaml) -> None:
    """Refuse a derived data.yaml that lacks a class of its original: images of that class would be backgrounds.

    The original may be derived from another one, and so on; the one that is furthest up is to be put right first.

    Raises:
        DatasetError: It does.
    """
    above = originals(data)
    for original, made in reversed([*zip(above, [data, *above], strict=False)]):
        if missing := _missing_class(made, original):
            raise DatasetError(
                f"{made.file}: lacks the class {missing!r} of {original.file}, from which it was made; run `yolobg "
                f"augment {original.file} --to {made.root}`, or write the class there"
            )


def originals(data: DataYaml) -> list[DataYaml]:
    """The dataset that one is derived from, the one that that is derived from, and so on as far as they can be read."""
    found: list[DataYaml] = []
    with suppress(DatasetError):
        while data.derived and all(data.derived.original != one.file for one in found):
            data = read_data_yaml(data.derived.original)
            found.append(data)
    return found


def _missing_class(data: DataYaml, original: DataYaml) -> str | None:
    """A class of the original that the derived data.yaml does not have.

    A name that lost letters in the original may be written anew in the other.
    """
    there = set(data.names.values())
    return next(
        (
            name
            for number, name in original.names.items()
            if name not in there and not (number in original.readings and number in data.names)
        ),
        None,
    )


def rejected_in(data: DataYaml) -> tuple[Rejection, ...]:
    """What was rejected in the dataset, and in those that it is derived from.

    Raises:
        DatasetError: One of these lists cannot be read.
    """
    roots = [data.root.resolve(), *(original.root for original in originals(data))]
    return tuple(one for root in dict.fromkeys(roots) for one in read_rejections(root).ours)


def _so_far(data: DataYaml, folder: Path, splits: Iterable[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The splits of the original, with those folders of the derived dataset that are there."""
    for split, entries in data.splits.items():
        own = own_folder(folder, split)
        yield split, (*entries, str(own)) if split in splits and own.is_dir() else entries


def _check_apart(original: Dataset, folder: Path) -> None:
    """Refuse a folder in which a file would be one of the dataset's."""
    data = original.data
    if folder in (original.root, data.file.resolve().parent):
        if data.derived:
            raise UsageError(f"--to {folder}: {data.file} was made with --to; leave --to out to add to it")
        raise UsageError(f"--to {folder}: is the dataset's own folder; choose a new one, outside of the dataset")
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--to {folder}: is a file; give a folder, new or empty")
    images = [home.resolve() for home in original.homes if home.is_dir()]
    images += [place for home in images for place in _linked(home)]
    labels = [Path(label_path(str(home / "x.jpg"))).parent for home in images]
    labels += [place for home in labels for place in home.parents if place.name == "labels"]
    root = [original.root] if any(home.is_relative_to(original.root) for home in images) else []
    for place in (*images, *(place.resolve() for place in dict.fromkeys(labels)), *root):
        if folder.is_relative_to(place):
            raise UsageError(
                f"--to {folder}: lies in {place}, a folder of the dataset, which --to leaves as it is; choose a folder "
                "outside of the dataset"
            )


def _linked(home: Path) -> Iterator[Path]:
    """The real folders to which links below a folder lead: a trainer follows them."""
    seen, todo = {home}, [home]
    while todo:
        for place, names, _ in os.walk(todo.pop()):
            for name in names:
                link = Path(place, name)
                if link.is_symlink() and (real := link.resolve()) not in seen:
                    seen.add(real)
                    todo.append(real)
                    yield real


def _read_there(file: Path, original: Dataset) -> DataYaml | None:
    """The data.yaml that an earlier run derived from this dataset; None where there is none."""
    if not os.path.lexists(file):
        return None
    there = read_data_yaml(file)
    if there.derived is None:
        raise UsageError(f"--to {file.parent}: holds a data.yaml that --to did not write; choose a new or empty folder")
    if not _is_same(there.derived.original, original.data.file):
        raise UsageError(
            f"--to {file.parent}: was made from {there.derived.original}; choose another folder for "
            f"{original.data.file}, or take that one back first: yolobg remove {file}"
        )
    return there


def _is_same(one: Path, other: Path) -> bool:
    if one == other.absolute():
        return True
    with suppress(OSError, ValueError):
        return one.samefile(other)
    return False


def _check_free(folder: Path) -> None:
    try:
        free = is_free(folder)
    except OSError as error:
        raise UsageError(f"--to {folder}: cannot be read: {error.strerror or error}; choose another folder") from error
    if not free:
        raise UsageError(
            f"--to {folder}: is not empty and has no data.yaml that --to wrote; choose a new or empty folder"
        )
