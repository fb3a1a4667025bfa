"""Bring staged images into the dataset, all or none.

Nothing that exists is changed or replaced, a label is there before its image, the intent is in the manifest before the
first visible step, and every step may be the last one of a killed process: `finish_merge` then finishes the work from
the manifest alone.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from yolobg.changes import list_file
from yolobg.changes.disk_state import (
    clear_staging,
    decide,
    flush_folders,
    flush_staged,
    home_of,
    homes_of,
    identity,
    look_image,
    look_label,
    looks_staged,
    remove_folders,
    unlink,
    write_or_drop,
)
from yolobg.changes.manifest import absolute, check_recordable, read_manifest, with_needed_runs, write_manifest
from yolobg.changes.records import Entry, ListEdit, Manifest, Pending
from yolobg.errors import DatasetError, MergeError
from yolobg.files import Made, create_empty, make_real_folder, publish_new, staged_path, step, sweep_parts

__all__ = ["add", "finish_merge"]

_UNDONE = "rolled back, the dataset is as it was"
_STUCK = (
    "and not all of it could be rolled back. The dataset is valid, and the unfinished step is recorded: fix this, "
    "then run the same command again to finish it, or `yolobg remove` to undo it"
)


def _no_check() -> None:
    return None


def add(root: Path, manifest: Manifest, pending: Pending, *, check_places: Callable[[], None] = _no_check) -> Manifest:
    """Merge staged images as the intent says; all of them, or none and a `MergeError`.

    Args:
        root: The dataset root, held by the caller's lock.
        manifest: What is recorded there now, with nothing pending.
        pending: The intent.
        check_places: Raises where a folder or list file is not any more the one that was planned for.

    Returns:
        The manifest as written, holding the new entries.

    Raises:
        MergeError: A target path is taken, or a folder or file cannot be written; everything is as before, and the
            staged images still lie in staging. Where even that cannot be done, the next run finishes or undoes it.
    """
    for entry in pending.entries:
        if any(os.path.lexists(os.path.join(root, path)) for path in (entry.image, entry.label)):  # noqa: PTH118 - by the hundred thousand
            raise MergeError(f"{absolute(entry.image, root)}: this name or its label's is taken; nothing was changed")
    intent = msgspec.structs.replace(manifest, pending=pending)
    # The one is written before the images show, the other after it: both must be such as can be read again.
    for record in (intent, _merged(manifest, pending, pending.entries, pending.edit)):
        check_recordable(root, record)
    made: Made = {}
    try:
        flush_staged(pending, root)
        write_manifest(root, intent)
        return finish_merge(root, manifest, pending, made=made, check_places=check_places)
    except BaseException as error:
        undone = _undo(root, manifest, pending, made)
        if isinstance(error, OSError):
            place = error.filename2 or error.filename or root
            raise MergeError(f"{place}: {error.strerror or error}; {_UNDONE if undone else _STUCK}") from error
        raise


def finish_merge(
    root: Path,
    manifest: Manifest,
    pending: Pending,
    *,
    made: Made | None = None,
    check_places: Callable[[], None] = _no_check,
) -> Manifest:
    """Do what an intent says, from wherever an earlier try stopped.

    Args:
        root: The dataset root.
        manifest: What is recorded besides the intent.
        pending: The intent; it is in the manifest on disk.
        made: Where a fresh merge notes the labels it makes; a taken path or a lost staged image is an error then. None
            for recovery, which drops such an entry.
        check_places: As for `add`.

    Returns:
        The manifest as written, with nothing pending.
    """
    check_places()
    for folder in pending.folders:
        _make(absolute(folder, root))
    staging = absolute(pending.staging, root)
    homes = {home: (folder, identity(folder)) for home, folder in homes_of(pending.entries, root).items()}
    # Once more: from here on a folder that takes another's place is recognised by its identity.
    check_places()
    done = tuple(e for e in pending.entries if _place(e, root, staging, made, homes))
    flush_folders(done, root)
    if not done:
        remove_folders(root, pending.folders)
    edit: ListEdit | None = None
    if pending.edit is not None and done:
        edit = msgspec.structs.replace(pending.edit, lines={e.image: pending.edit.lines[e.image] for e in done})
        check_places()
        list_file.append(absolute(edit.file, root), edit)
    merged = _merged(manifest, pending, done, edit)
    write_or_drop(root, merged)
    clear_staging(staging)
    return merged


def _merged(manifest: Manifest, pending: Pending, done: tuple[Entry, ...], edit: ListEdit | None) -> Manifest:
    """What is recorded after a run that brought `done` to their places."""
    return with_needed_runs(
        msgspec.structs.replace(
            manifest,
            entries=manifest.entries + done,
            edits=(*manifest.edits, *([edit] if edit else [])),
            folders=manifest.folders + tuple(f for f in pending.folders if done and f not in manifest.folders),
            pending=None,
            runs=(*manifest.runs, *([pending.run] if pending.run else [])),
        )
    )


def _make(folder: Path) -> None:
    step("mkdir", folder)
    folder.mkdir(exist_ok=True)
    if folder.is_symlink():
        raise MergeError(f"{folder}: a link was put where yolobg creates a folder; remove it and run again")


Homes = Mapping[str, tuple[Path, tuple[int, int]]]


def _place(entry: Entry, root: Path, staging: Path, made: Made | None, homes: Homes) -> bool:
    """Bring one entry to its place; False when it had to be dropped."""
    for home, known in (homes[home_of(path)] for path in (entry.image, entry.label)):
        if identity(home) != known:
            raise MergeError(f"{home}: another folder was put in its place while yolobg was running; run again")
    image, label = absolute(entry.image, root), absolute(entry.label, root)
    staged = staged_path(staging, entry.source_id)
    there = look_label(label)
    # What lies in staging since a run was killed may be anything; a fresh merge has just verified the content.
    whole = looks_staged(staged, entry) if made is not None else look_image(staged, entry) == "ours"
    action = decide(image=look_image(image, entry), label=there, staged=whole)
    if made is not None and (action != "publish" or there != "absent"):
        raise MergeError(f"{image}: the place was taken or the staged image lost while yolobg was running; run again")
    if action in ("publish", "done") and there == "absent":
        create_empty(label, {} if made is None else made)
    if action == "publish":
        publish_new(staged, image)
    elif action == "drop" and there == "blank":
        unlink(label)
    return action in ("publish", "done")


def _undo(root: Path, manifest: Manifest, pending: Pending, made: Made) -> bool:
    """Bring back the state before `add`; images go back to staging so that nothing is fetched twice.

    Returns:
        Whether all was taken back. If not, the intent stays in the manifest, so that the next run goes on from there.
    """
    try:
        recorded = read_manifest(root)
        if recorded == manifest:
            return True
        if recorded.pending is None:
            # The last step was done when something failed. Without the intent a half undone merge would be forgotten.
            write_manifest(root, msgspec.structs.replace(manifest, pending=pending))
            make_real_folder(absolute(pending.staging, root))
        # The lines go first and must be gone: a trainer must never find a listed image missing.
        if pending.edit is not None:
            edit = pending.edit
            listed = absolute(edit.file, root)
            sweep_parts(listed.resolve().parent)
            list_file.take_out(listed, [edit], root, edit.lines.keys())
        for entry in pending.entries:
            _unmerge(entry, root, absolute(pending.staging, root), made)
        remove_folders(root, pending.folders)
        write_or_drop(root, manifest)
    except (OSError, DatasetError):
        return False
    return True


def _unmerge(entry: Entry, root: Path, staging: Path, made: Made) -> None:
    image, label = absolute(entry.image, root), absolute(entry.label, root)
    staged = staged_path(staging, entry.source_id)
    if look_image(image, entry) == "ours":
        step("rename", image)
        # Both names are there when the old one could not be removed.
        image.unlink() if os.path.lexists(staged) else image.rename(staged)
    # A label that another process made is not among those made, even if it is empty.
    if str(label) not in made:
        return
    file = made[str(label)]
    if file is not None:
        file.close()
    if look_image(image, entry) != "ours" and look_label(label) == "blank":
        unlink(label)
