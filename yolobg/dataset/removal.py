"""Take back what yolobg added, finish what a killed process began.

Only what the manifest names *and* the disk proves to be ours is removed: the image has the recorded content, its label
is blank, the name and the place are such as yolobg gives.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from yolobg.dataset import list_file
from yolobg.dataset.manifest import (
    Entry,
    Manifest,
    Pending,
    absolute,
    check_entry,
    read_manifest,
    with_needed_runs,
    without,
    write_manifest,
)
from yolobg.dataset.merge import carry_out
from yolobg.dataset.on_disk import (
    clear_staging,
    flush_folders,
    image_words,
    label_words,
    look_image,
    look_label,
    remove_folders,
    staging_folder,
    unlink,
    write_or_drop,
)
from yolobg.dataset.rejected import bring_back, forget_rejections, put_away
from yolobg.dataset.trust import check_edit, check_pending, is_label_folder
from yolobg.errors import MergeError
from yolobg.files import sweep_parts

__all__ = ["Kept", "Removal", "finish_interrupted", "plan_removal", "remove"]


@dataclass(frozen=True, slots=True)
class Kept:
    """An entry that `remove` leaves where it is, and why."""

    image: str
    reason: str


@dataclass(frozen=True, slots=True)
class Removal:
    """Entries to take back, those whose image is gone already, those to keep, and own images to bring back."""

    removed: tuple[Entry, ...]
    gone: tuple[Entry, ...]
    kept: tuple[Kept, ...]
    restored: tuple[str, ...] = ()


def plan_removal(
    root: Path,
    folders: tuple[Path, ...],
    manifest: Manifest,
    *,
    split: str | None = None,
    images: Collection[str] | None = None,
) -> Removal:
    """Sort out what `remove` would do; reads only.

    Args:
        root: The dataset root.
        folders: The folders and list files of the dataset's splits.
        manifest: As read; entries of an interrupted run count.
        split: Only this split; None for all.
        images: Only these, as the manifest writes them; None for all, and then what a review put away comes back.
    """
    wanted = [e for e in manifest.known if split in (None, e.split) and (images is None or e.image in images)]
    chosen = [(e, _why_keep(e, root, folders)) for e in wanted]
    ours = [e for e, why in chosen if not why]
    gone = {e for e in ours if not os.path.lexists(absolute(e.image, root))}
    return Removal(
        removed=tuple(e for e in ours if e not in gone),
        gone=tuple(e for e in ours if e in gone),
        kept=tuple(Kept(e.image, why) for e, why in chosen if why),
        restored=() if images is not None else tuple(m.image for m in put_away(root, split)),
    )


def remove(
    root: Path, folders: tuple[Path, ...], *, split: str | None = None, images: Collection[str] | None = None
) -> Removal:
    """Take back exactly what yolobg added, and say what was left and why.

    The folder tree is byte-identical to before afterwards, apart from what others wrote. Kept are images that a person
    has since labelled, changed or replaced. Own images that a review put away come back, and when nothing of ours is
    left, the rejections are forgotten with it.

    Args:
        root: The dataset root, held by the caller's lock.
        folders: The folders and list files of the dataset's splits.
        split: Only this split; None for all.
        images: Only these, as the manifest writes them: then nothing comes back and no rejection is forgotten.

    Raises:
        MergeError: Something could not be removed; running again goes on from there.
    """
    manifest = finish_interrupted(root, folders)
    removal = plan_removal(root, folders, manifest, split=split, images=images)
    ours = removal.removed + removal.gone
    try:
        if ours:
            write_manifest(root, msgspec.structs.replace(manifest, pending=Pending(kind="remove", entries=ours)))
        left = _take_back(root, folders, manifest, ours)
        if images is None:
            restored, stuck = bring_back(root, folders, split)
            kept = tuple(Kept(image, why) for image, why in stuck)
            removal = replace(removal, restored=restored, kept=removal.kept + kept)
            if not left.entries:
                forget_rejections(root)
    except OSError as error:
        raise MergeError(
            f"{error.filename or root}: {error.strerror or error}; some backgrounds are still there. Mend this and run "
            "remove again."
        ) from error
    return removal


def finish_interrupted(root: Path, folders: tuple[Path, ...]) -> Manifest:
    """Finish what a killed process began; returns the manifest, with nothing pending.

    An interrupted merge is completed for every image that is still staged and dropped for the others; an interrupted
    removal goes on.

    Raises:
        MergeError: The manifest names what yolobg cannot have added, or a step fails; nothing of the user was touched.
    """
    manifest = read_manifest(root)
    pending = manifest.pending
    if pending is None:
        return manifest
    check_pending(pending, root, folders)
    rest: Manifest = msgspec.structs.replace(manifest, pending=None)
    try:
        for edit in (*manifest.edits, *([pending.edit] if pending.edit else [])):
            if not check_edit(edit, root, folders):
                sweep_parts(absolute(edit.file, root).resolve().parent)
        if pending.kind == "add":
            return carry_out(root, rest, pending)
        return _take_back(root, folders, rest, pending.entries)
    except OSError as error:
        raise MergeError(
            f"{error.filename or root}: {error.strerror or error}; an interrupted run could not be finished. Mend this "
            "and run again."
        ) from error


def _take_back(root: Path, folders: tuple[Path, ...], manifest: Manifest, entries: Sequence[Entry]) -> Manifest:
    # The lines go first: a trainer must never find a listed image missing.
    images = {e.image for e in entries}
    ours = [edit for edit in manifest.edits if not check_edit(edit, root, folders)]
    edits = tuple(list_file.take_out(absolute(edit.file, root), edit, root, images=images) for edit in ours)
    for entry in entries:
        image, label = absolute(entry.image, root), absolute(entry.label, root)
        if look_image(image, entry) == "ours":
            # Ultralytics' cache="disk" leaves the decoded image beside ours; without ours, nothing says whose it is.
            unlink(image.with_suffix(".npy"))
            unlink(image)
        if not os.path.lexists(image) and look_label(label) == "blank":
            unlink(label)
    flush_folders(entries, root)
    left: Manifest = msgspec.structs.replace(
        with_needed_runs(without(manifest, set(entries))), edits=tuple(edit for edit in edits if edit.lines)
    )
    if not left.entries:
        # A run that was killed before its intent was written has left no entry that says where it staged.
        homes = {absolute(e.image, root).parent for e in entries} | set(folders)
        remove_folders(root, [folder for folder in left.folders if is_label_folder(folder, root, folders)])
        for staging in {staging_folder(root, home) for home in (root, *homes) if home.is_dir()}:
            clear_staging(staging)
        left = msgspec.structs.replace(left, folders=())
    write_or_drop(root, left)
    return left


def _why_keep(entry: Entry, root: Path, folders: tuple[Path, ...]) -> str | None:
    strange = check_entry(entry, root, folders)
    if strange:
        return f"the manifest names it, but {strange}; delete it by hand if you are sure"
    if look_label(absolute(entry.label, root)) == "filled":
        return label_words(absolute(entry.label, root))
    if look_image(absolute(entry.image, root), entry) == "other":
        return image_words(absolute(entry.image, root), entry)
    return None
