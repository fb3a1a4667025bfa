"""Several data.yaml over one root: to which of them an entry belongs, and what the others still need.

The manifest is the root's. Each entry carries the data.yaml that it was added for; a command acts on the entries of its
own, and on those whose data.yaml is gone where they lie in its folders and lists.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from yolobg.changes.list_file import named_in
from yolobg.changes.manifest import absolute
from yolobg.changes.manifest_checks import check_entry
from yolobg.changes.records import Entry, Manifest
from yolobg.dataset.dataset import Dataset, open_dataset
from yolobg.dataset.inventory import list_readable
from yolobg.errors import DatasetError

__all__ = ["Claims", "homes_of_others", "lists_of_others", "narrowed"]

MOST_SIBLINGS = 200


def _is_one(one: str, other: str, root: Path) -> bool:
    """Whether two names mean one file; a disk may fold case."""
    if one == other:
        return True
    try:
        return absolute(one, root).samefile(absolute(other, root))
    except (OSError, ValueError):
        return False


class Claims:
    """Tells which entries of a manifest are those of one data.yaml.

    Args:
        manifest: The manifest.
        dataset: The dataset of that data.yaml.
    """

    def __init__(self, manifest: Manifest, dataset: Dataset) -> None:
        pending = manifest.pending
        edits = (*manifest.edits, *([pending.edit] if pending and pending.edit else []))
        self._list_of = {image: edit.file for edit in edits for image in edit.lines}
        self._lists = {str(folder.resolve()) for folder in dataset.homes if folder.is_file()}
        self._dataset = dataset
        self._own: dict[str, bool] = {}
        self._there: dict[str, bool] = {}

    def owns(self, data: str) -> bool:
        """Whether that name is its own, or none."""
        if not data:
            return True
        if data not in self._own:
            self._own[data] = _is_one(data, self._dataset.name, self._dataset.root)
        return self._own[data]

    def is_gone(self, data: str) -> bool:
        """Whether no file of that name is there any more."""
        if data not in self._there:
            try:
                self._there[data] = os.path.lexists(absolute(data, self._dataset.root))
            except ValueError:
                self._there[data] = False
        return not self._there[data]

    def is_mine(self, entry: Entry) -> bool:
        """Whether a command for this data.yaml may act on the entry."""
        return self.owns(entry.data) or (self.is_gone(entry.data) and self.why_not(entry) is None)

    def why_not(self, entry: Entry) -> str | None:
        """Why an entry whose data.yaml is gone cannot be taken over; None where it can."""
        gone = f"it was added for {entry.data}, which is gone, and"
        if why := check_entry(entry, self._dataset):
            return f"{gone} {why}"
        file = self._list_of.get(entry.image)
        if file is None:
            return None
        with suppress(OSError, RuntimeError, ValueError):
            real = absolute(file, self._dataset.root).resolve()
            if not real.exists() or str(real) in self._lists:
                return None
        return f"{gone} {file} lists it, which this data.yaml does not name; use a data.yaml that names that list"


def narrowed(manifest: Manifest, dataset: Dataset) -> Manifest:
    """The manifest with the entries and runs of one data.yaml only: for reading, never to be written."""
    claims = Claims(manifest, dataset)
    entries = tuple(entry for entry in manifest.entries if claims.is_mine(entry))
    names = {entry.data for entry in entries}
    runs = tuple(run for run in manifest.runs if claims.owns(run.data) or run.data in names)
    return msgspec.structs.replace(manifest, entries=entries, runs=runs)


def homes_of_others(entries: Iterable[Entry], dataset: Dataset) -> tuple[Path, ...]:
    """The folders and list files of the other data.yaml that entries were added for.

    Those files may come from a stranger with the dataset, and the user has not named them. So only what lies in the
    root or in the user's own folders counts; for a data.yaml that lies outside the root beside the user's, what lies
    beside it as well.
    """
    root = dataset.root
    own = absolute(dataset.name, root).parent
    found: set[Path] = set()
    for name in sorted({entry.data for entry in entries}):
        if not name or _is_one(name, dataset.name, root):
            continue
        other = _read(absolute(name, root), root)
        if other is None:
            continue
        beside = absolute(name, root).parent == own and not own.is_relative_to(root)
        areas = [root, *(f.resolve() for f in dataset.homes if f.is_dir()), *([own] if beside else [])]
        homes = [home for home in other.homes if home.is_dir() or _names_images(home)]
        found |= {home for home in homes if any(home.resolve().is_relative_to(area) for area in areas)}
    return tuple(sorted(found))


def _names_images(file: Path) -> bool:
    """Whether a file names an image, so that it can be a list of those."""
    return bool(list_readable((str(file),), what=str(file))[0])


def lists_of_others(
    manifest: Manifest, dataset: Dataset, images: Collection[str], *, but: Collection[Path]
) -> dict[str, str]:
    """Those of our images that list files of other data.yaml name, each with that data.yaml's name.

    Asked are the data.yaml that the manifest names, and those in the root and beside the user's.

    Args:
        manifest: The manifest.
        dataset: The dataset of the data.yaml that is not asked.
        images: The images, as the manifest writes them.
        but: List files (links followed) that do not count.
    """
    found: dict[str, str] = {}
    seen = set(but)
    for other in _siblings(manifest, dataset):
        for file in (Path(entry) for entries in other.data.splits.values() for entry in entries):
            if file.is_file() and (real := file.resolve()) not in seen:
                seen.add(real)
                for image in named_in(real, images, dataset.root):
                    found.setdefault(image, other.name)
    return found


def _siblings(manifest: Manifest, dataset: Dataset) -> Iterator[Dataset]:
    root = dataset.root
    names = {entry.data for entry in manifest.known} | {run.data for run in manifest.runs}
    files = {absolute(name, root) for name in names if name}
    for folder in {root, absolute(dataset.name, root).parent}:
        files |= {file for pattern in ("*.yaml", "*.yml") for file in folder.glob(pattern)}
    for file in sorted(files)[:MOST_SIBLINGS]:
        other = _read(file, root)
        if other is not None and not _is_one(other.name, dataset.name, root):
            yield other


def _read(file: Path, root: Path) -> Dataset | None:
    """The dataset of another data.yaml of this root; None where that is no such thing."""
    try:
        other = open_dataset(file)
        return other if other.root == root and other.data.file.is_file() else None
    except (DatasetError, OSError, RuntimeError, ValueError):
        return None
