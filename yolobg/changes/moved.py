"""Where the files of a manifest are after the dataset, or a folder of it, was moved, renamed or copied. Reads only.

Paths below the root follow it by themselves. Those outside are absolute, and in a copy of the dataset they still lead
to the original, from which nothing may be taken.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from yolobg.changes.disk_state import look_image
from yolobg.changes.manifest import absolute, manifest_path, relative
from yolobg.changes.records import Entry, ListEdit, Manifest, Pending
from yolobg.dataset.dataset import Dataset
from yolobg.dataset.layout import label_path

__all__ = ["follow"]

_Either = TypeVar("_Either", Manifest, Pending)


def follow(manifest: Manifest, dataset: Dataset) -> Manifest:
    """The manifest with the paths that its files have now; the very same where nothing was moved.

    - What lay outside the root goes along with it where the same way from the new root leads to a folder or list file
      of the dataset. What stays absolute in a copy whose original still has a manifest belongs to the original.
    - An image folder that is gone was renamed where exactly one folder of the dataset holds images of ours from it.

    Args:
        manifest: As read.
        dataset: The dataset; its homes are asked only where something was moved.
    """
    root = dataset.root
    moved = _was_moved(manifest, root)
    lost = _lost_folders(manifest, root)
    if not moved and not lost:
        return manifest
    if moved:
        manifest = _along(manifest, root, dataset.homes)
        lost = _lost_folders(manifest, root)
    renamed = _renamed(manifest, root, lost, [home for home in dataset.homes if home.is_dir()])
    return _changed(manifest, root, renamed, {}) if renamed else manifest


def _was_moved(manifest: Manifest, root: Path) -> bool:
    if not manifest.root or manifest.root == str(root):
        return False
    try:
        # Another way to the same folder (a mount, a link) is no move.
        return not Path(manifest.root).samefile(root)
    except (OSError, ValueError):
        return True


def _folder(image: str) -> str:
    return image.rpartition("/")[0] if not os.path.isabs(image) else os.path.dirname(image)  # noqa: PTH117, PTH120 - by the hundred thousand


def _lost_folders(manifest: Manifest, root: Path) -> set[str]:
    """The image folders of the manifest that are not there."""
    return {folder for folder in {_folder(e.image) for e in _entries(manifest)} if not _is_dir(folder, root)}


def _entries(manifest: Manifest) -> tuple[Entry, ...]:
    return manifest.entries + (manifest.pending.entries if manifest.pending else ())


def _is_dir(folder: str, root: Path) -> bool:
    try:
        return absolute(folder, root).is_dir()
    except (OSError, ValueError):
        return True  # no path at all: nothing to look for


# ---------------------------------------------------------------- the root was moved or copied


def _along(manifest: Manifest, root: Path, places: Collection[Path]) -> Manifest:
    real = {str(place.resolve()) for place in places}
    folders, files = {}, {}
    for folder in {_folder(e.image) for e in _entries(manifest)}:
        new = _same_way(folder, manifest.root, root)
        if new and any(str(above) in real for above in (Path(new).resolve(), *Path(new).resolve().parents)):
            folders[folder] = relative(new, root)
    edits = (*manifest.edits, *([manifest.pending.edit] if manifest.pending and manifest.pending.edit else []))
    for edit in edits:
        new = _same_way(edit.file, manifest.root, root)
        if new and str(Path(new).resolve()) in real:
            files[edit.file] = relative(new, root)
    label_folders = [_same_way(folder, manifest.root, root) for folder in manifest.folders]
    made = tuple(
        relative(new, root) if new and Path(new).is_dir() else old
        for old, new in zip(manifest.folders, label_folders, strict=True)
    )
    changed = msgspec.structs.replace(manifest, folders=made)
    original = manifest_path(Path(manifest.root))
    if os.path.isfile(original):  # noqa: PTH113 - of a forged path it says no, where pathlib raises
        changed = _given_to(changed, str(original), but=folders)
    return _changed(changed, root, folders, files)


def _same_way(path: str, old: str, root: Path) -> str | None:
    """Where the way from the old root to an absolute path leads from the new one; None where nothing is there."""
    if not os.path.isabs(path):  # noqa: PTH117
        return None
    try:
        new = os.path.normpath(root / os.path.relpath(path, old))
        return new if os.path.exists(new) else None  # noqa: PTH110
    except ValueError:
        return None  # another drive, or no path at all


def _given_to(manifest: Manifest, original: str, *, but: Collection[str]) -> Manifest:
    """The manifest with what lies outside the root marked as the original's; its unfinished run is not ours.

    Not so what lies in the folders of `but`, which were copied as well.
    """

    def is_theirs(entry: Entry) -> bool:
        return os.path.isabs(entry.image) and _folder(entry.image) not in but  # noqa: PTH117

    entries = tuple(msgspec.structs.replace(e, data=original) if is_theirs(e) else e for e in manifest.entries)
    pending = manifest.pending
    if pending and any(map(is_theirs, pending.entries)):
        pending = None
    return msgspec.structs.replace(manifest, entries=entries, pending=pending)


# ---------------------------------------------------------------- a folder was renamed


def _renamed(manifest: Manifest, root: Path, lost: Collection[str], homes: Iterable[Path]) -> dict[str, str]:
    """Old name to new name of the image folders that are gone and found again by what is in them."""
    if not lost:
        return {}
    sought: dict[str, list[Entry]] = {}
    for entry in _entries(manifest):
        if _folder(entry.image) in lost:
            sought.setdefault(entry.image.rpartition("/")[2], []).append(entry)
    found: dict[str, set[str]] = {}
    for folder, names in {below: names for home in homes for below, _, names in os.walk(home)}.items():
        for name in sought.keys() & set(names):
            for entry in sought[name]:
                old = _folder(entry.image)
                if folder not in found.get(old, ()) and look_image(Path(folder) / name, entry) == "ours":
                    found.setdefault(old, set()).add(folder)
    return {old: relative(new.pop(), root) for old, new in found.items() if len(new) == 1}


# ---------------------------------------------------------------- the change


def _changed(manifest: Manifest, root: Path, folders: Mapping[str, str], files: Mapping[str, str]) -> Manifest:
    """The manifest with other names of image folders and list files."""
    pending = manifest.pending
    if pending is not None:
        pending = _in_folders(pending, root, folders)
        if pending.edit is not None:
            pending = msgspec.structs.replace(pending, edit=_edit(pending.edit, folders, files))
        pending = msgspec.structs.replace(pending, folders=_label_folders(pending, root))
    edits = tuple(_edit(edit, folders, files) for edit in manifest.edits)
    return msgspec.structs.replace(_in_folders(manifest, root, folders), edits=edits, pending=pending)


def _label_folders(pending: Pending, root: Path) -> tuple[str, ...]:
    """The label folders that an interrupted merge still has to make, outermost first."""
    missing: list[Path] = []
    for folder in {absolute(entry.label, root).parent for entry in pending.entries}:
        while not os.path.exists(folder) and folder not in missing:  # noqa: PTH110
            missing.append(folder)
            folder = folder.parent  # noqa: PLW2901 - upwards
    return tuple(relative(folder, root) for folder in sorted(missing, key=lambda folder: len(folder.parts)))


def _in_folders(of: _Either, root: Path, folders: Mapping[str, str]) -> _Either:
    entries = tuple(_entry(e, root, folders) if _folder(e.image) in folders else e for e in of.entries)
    return msgspec.structs.replace(of, entries=entries)


def _entry(entry: Entry, root: Path, folders: Mapping[str, str]) -> Entry:
    image = _image(entry.image, folders)
    old, new = absolute(entry.image, root), absolute(image, root)
    by_rule = absolute(entry.label, root) == Path(label_path(str(old)))
    label = Path(label_path(str(new))) if by_rule else new.with_suffix(".txt")
    return msgspec.structs.replace(entry, image=image, label=relative(label, root))


def _image(image: str, folders: Mapping[str, str]) -> str:
    folder = _folder(image)
    return f"{folders[folder]}/{image[len(folder) :].lstrip('/' + os.sep)}" if folder in folders else image


def _edit(edit: ListEdit, folders: Mapping[str, str], files: Mapping[str, str]) -> ListEdit:
    lines = {}
    for image, line in edit.lines.items():
        old, new = _folder(image), folders.get(_folder(image))
        # The line is rewritten where it names the folder as the manifest does, as `./images/train/` and others do.
        follows = new is not None and f"{old}/" in line
        lines[_image(image, folders)] = line.replace(f"{old}/", f"{new}/", 1) if follows else line
    return msgspec.structs.replace(edit, file=files.get(edit.file, edit.file), lines=lines)
