"""Take back what yolobg added, finish what a killed process began.

Only what the manifest names *and* the disk proves to be ours is removed: the image has the recorded content, its label
is blank, the name and the place are such as yolobg gives.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from yolobg.changes import list_file
from yolobg.changes.derived_files import DerivedFile, take_back_file, why_file_stays
from yolobg.changes.disk_state import (
    clear_staging,
    flush_folders,
    image_words,
    label_words,
    look_image,
    look_label,
    remove_folders,
    staging_left,
    unlink,
    write_or_drop,
)
from yolobg.changes.manifest import FOLDER, absolute, read_manifest, with_needed_runs, without, write_manifest
from yolobg.changes.manifest_checks import (
    check_edit,
    check_entry,
    check_pending,
    is_label_folder,
    is_staging,
    lies_in_root,
    may_clean,
)
from yolobg.changes.merge import finish_merge
from yolobg.changes.moved import follow
from yolobg.changes.proposals import MARKS, drop_proposal, is_there, settle_proposal, waiting
from yolobg.changes.records import Entry, ListEdit, Manifest, Pending
from yolobg.changes.rejections import forget_rejections
from yolobg.changes.siblings import Claims, homes_of_others, lists_of_others
from yolobg.dataset.dataset import Dataset
from yolobg.errors import MergeError
from yolobg.files import sweep_parts

__all__ = ["Kept", "Removal", "finish_interrupted", "plan_removal", "take_back"]

_IN_USE = "it names backgrounds that stay"


@dataclass(frozen=True, slots=True)
class Kept:
    """An image of ours that stays, and why."""

    image: str
    reason: str


@dataclass(frozen=True, slots=True)
class Removal:
    """What `remove` takes back, those whose image is gone already, and those to keep.

    Attributes:
        handed: Entries that stay because a list of another data.yaml names their images; they are that one's now.
        others: Other data.yaml to the number of backgrounds that were added for them, which stay.
        file: What becomes of the data.yaml itself, where `augment --to` wrote it and everything is asked for.
        proposed: How many images that wait for a review go as well.
    """

    removed: tuple[Entry, ...]
    gone: tuple[Entry, ...]
    kept: tuple[Kept, ...]
    handed: tuple[Entry, ...] = ()
    others: Mapping[str, int] = field(default_factory=dict)
    file: DerivedFile | None = None
    proposed: int = 0


def plan_removal(
    dataset: Dataset,
    manifest: Manifest,
    *,
    split: str | None = None,
    images: Collection[str] | None = None,
    proposed: bool | None = None,
) -> Removal:
    """Sort out what `remove` would do; reads only.

    Args:
        dataset: The dataset of the data.yaml whose backgrounds go.
        manifest: As read; entries of an interrupted run count.
        split: Only this split; None for all.
        images: Only these, as the manifest writes them; None for all.
        proposed: Whether the images that wait for a review go; None where no images are named.
    """
    root, claims = dataset.root, Claims(manifest, dataset)
    # In the root itself too: data.yaml may have named another folder once, and the content is proof enough.
    anywhere = dataset.also(root)
    asked = [e for e in manifest.known if split in (None, e.split) and (images is None or e.image in images)]
    wanted = [e for e in asked if claims.is_mine(e)]
    chosen = [(e, _why_keep(e, anywhere)) for e in wanted]
    kept = [Kept(e.image, why) for e, why in chosen if why]
    kept += [Kept(e.image, claims.why_not(e) or "") for e in asked if not claims.is_mine(e) and claims.is_gone(e.data)]
    ours = [e for e, why in chosen if not why]
    needed = _needed_by_others(ours, dataset, manifest)
    kept += [
        Kept(image, f"a list of {name} names it as well; `yolobg remove` with that data.yaml removes it")
        for image, name in needed.items()
    ]
    gone = {e for e in ours if not os.path.lexists(absolute(e.image, root))}
    going = [e for e in ours if e.image not in needed]
    return Removal(
        removed=tuple(e for e in going if e not in gone),
        gone=tuple(e for e in going if e in gone),
        kept=tuple(kept),
        handed=tuple(msgspec.structs.replace(e, data=needed[e.image]) for e in ours if e.image in needed),
        others=Counter(e.data for e in asked if not claims.is_mine(e) and not claims.is_gone(e.data)),
        file=_plan_file(dataset, going, manifest)
        if dataset.data.derived and split is None and images is None
        else None,
        proposed=_proposed(manifest, claims, root, split) if proposed or (proposed is None and images is None) else 0,
    )


def _proposed(manifest: Manifest, claims: Claims, root: Path, split: str | None) -> int:
    """How many images wait for a review of this data.yaml."""
    proposal = waiting(root, manifest)
    if proposal is None or split not in (None, proposal.run.split):
        return 0
    return len(proposal.entries) if claims.owns(proposal.run.data) or claims.is_gone(proposal.run.data) else 0


def _plan_file(dataset: Dataset, going: Sequence[Entry], manifest: Manifest) -> DerivedFile:
    """What becomes of a derived dataset's data.yaml once these entries are gone."""
    if len(going) < len(manifest.known):
        return DerivedFile(dataset.data.file, _IN_USE)
    return DerivedFile(
        dataset.data.file, why_file_stays(dataset, but={absolute(entry.image, dataset.root) for entry in going})
    )


def _needed_by_others(ours: Sequence[Entry], dataset: Dataset, manifest: Manifest) -> dict[str, str]:
    """Image to the other data.yaml that lists it, in a list from which its line is not taken."""
    if not ours:
        return {}
    images = {entry.image for entry in ours}
    edited = {absolute(edit.file, dataset.root) for edit in manifest.edits if images & edit.lines.keys()}
    cleaned = {file.resolve() for file in (*edited, *dataset.homes) if file.is_file()}
    return lists_of_others(manifest, dataset, images, but=cleaned)


def take_back(
    dataset: Dataset,
    *,
    split: str | None = None,
    images: Collection[str] | None = None,
    proposed: bool | None = None,
) -> Removal:
    """Take back exactly what yolobg added, and say what was left and why.

    The folder tree is byte-identical to before afterwards, apart from what others wrote. Kept are images that a person
    has since labelled, changed or replaced. When nothing of ours is left, the rejections are forgotten with it.

    Args:
        dataset: The dataset of the data.yaml whose backgrounds go, held by the caller's lock.
        split: Only this split; None for all.
        images: Only these, as the manifest writes them: then no rejection is forgotten.
        proposed: As for `plan_removal`.

    Raises:
        MergeError: Something could not be removed; running again goes on from there.
    """
    root = dataset.root
    manifest = finish_interrupted(dataset)
    removal = plan_removal(dataset, manifest, split=split, images=images, proposed=proposed)
    ours = removal.removed + removal.gone
    try:
        if removal.proposed:
            drop_proposal(dataset)
        if ours or removal.handed:
            intent = Pending(kind="remove", entries=ours)
            write_manifest(root, msgspec.structs.replace(manifest, pending=intent))
            manifest = _hand_over(dataset, manifest, removal.handed, intent)
        left = _remove_entries(dataset, manifest, ours)
        if images is None and not left.entries:
            forget_rejections(root)
        if removal.file is not None and not left.entries:
            removal = replace(removal, file=take_back_file(dataset))
    except OSError as error:
        raise MergeError(
            f"{error.filename or root}: {error.strerror or error}; some backgrounds are still there. Fix this and run "
            "remove again."
        ) from error
    return removal


def _hand_over(dataset: Dataset, manifest: Manifest, handed: Sequence[Entry], intent: Pending) -> Manifest:
    """Take images out of the lists of one data.yaml; their entries are those of another from then on.

    A kill before that is written leaves them with the first, without a line, and its next `remove` hands them over.
    """
    if not handed:
        return manifest
    # With those that go, so that the list is changed once.
    _clean_lists(dataset, manifest, (*handed, *intent.entries))
    now = {entry.image: entry for entry in handed}
    entries = tuple(now.get(entry.image, entry) for entry in manifest.entries)
    handed_over: Manifest = msgspec.structs.replace(manifest, entries=entries, edits=_without(manifest.edits, now))
    write_manifest(dataset.root, msgspec.structs.replace(handed_over, pending=intent))
    return handed_over


def finish_interrupted(dataset: Dataset) -> Manifest:
    """Finish what a killed process began; returns the manifest, with nothing pending.

    An interrupted merge is completed for every image that is still staged and dropped for the others; an interrupted
    removal goes on. It may have been for another data.yaml of the root. A merge into a folder that data.yaml does not
    name any more is taken back.

    Args:
        dataset: The dataset, held by the caller's lock.

    Raises:
        MergeError: The manifest names what yolobg cannot have added, or a step fails; nothing of the user was touched.
    """
    root = dataset.root
    read = read_manifest(root)
    manifest = follow(read, dataset)
    pending = manifest.pending
    if pending is None:
        if manifest != read:
            _write_moved(root, manifest)
        return _settled(dataset, manifest)
    wider = dataset.also(*homes_of_others(pending.entries, dataset))
    if pending.kind == "add" and lies_in_root(pending, wider):
        manifest, pending = _turned_back(manifest, pending, wider)
    claims = Claims(manifest, dataset)
    check_pending(pending, wider, made_for=next((e.data for e in pending.entries if not claims.owns(e.data)), ""))
    try:
        manifest = _finish(wider, manifest, pending)
    except OSError as error:
        raise _unfinished(error, root) from error
    return _settled(dataset, manifest)


def _finish(dataset: Dataset, manifest: Manifest, pending: Pending) -> Manifest:
    root = dataset.root
    for edit in (*manifest.edits, *([pending.edit] if pending.edit else [])):
        if not check_edit(edit, dataset) or may_clean(edit, root):
            sweep_parts(absolute(edit.file, root).resolve().parent)
    rest: Manifest = msgspec.structs.replace(manifest, pending=None)
    if pending.kind == "add":
        return finish_merge(root, rest, pending)
    if manifest != read_manifest(root):
        # Paths that have changed, or a merge that is taken back, are recorded before the first step.
        write_manifest(root, manifest)
    # What has been labelled or changed since the kill stays, and stays recorded, as `take_back` would keep it.
    still_ours = [entry for entry in pending.entries if not _why_keep(entry, dataset.also(root))]
    return _remove_entries(dataset, rest, still_ours)


def _settled(dataset: Dataset, manifest: Manifest) -> Manifest:
    """The manifest, once what an apply of proposed images has left is tidied."""
    try:
        settle_proposal(dataset, manifest)
    except OSError as error:
        raise _unfinished(error, dataset.root) from error
    return manifest


def _unfinished(error: OSError, root: Path) -> MergeError:
    return MergeError(
        f"{error.filename or root}: {error.strerror or error}; an interrupted run could not be finished. Fix this and "
        "run again."
    )


def _write_moved(root: Path, manifest: Manifest) -> None:
    try:
        write_or_drop(root, manifest)
    except OSError as error:
        raise MergeError(f"{error.filename or root}: {error.strerror or error}; nothing was changed") from error


def _turned_back(manifest: Manifest, pending: Pending, dataset: Dataset) -> tuple[Manifest, Pending]:
    """An interrupted merge as a removal of what it has brought in; what is only staged goes with the rest."""
    if is_staging(pending.staging, dataset):
        clear_staging(absolute(pending.staging, dataset.root))
    back = Pending(kind="remove", entries=pending.entries)
    edits = (*manifest.edits, *([pending.edit] if pending.edit else []))
    return msgspec.structs.replace(manifest, edits=edits, pending=back), back


def _remove_entries(dataset: Dataset, manifest: Manifest, entries: Sequence[Entry]) -> Manifest:
    root = dataset.root
    # The lines go first: a trainer must never find a listed image missing.
    _clean_lists(dataset, manifest, entries)
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
        with_needed_runs(without(manifest, set(entries))),
        edits=_without(manifest.edits, {entry.image for entry in entries}),
    )
    left = _without_folders(dataset.also(*{absolute(e.image, root).parent for e in entries}), left)
    # Images that wait for a review are staged too.
    if not left.entries and not is_there(root):
        # A run that was killed before its intent was written has left no entry that says where it staged.
        homes = {absolute(e.image, root).parent for e in entries} | set(dataset.homes)
        for staging in staging_left(root, homes):
            clear_staging(staging)
        unlink(root / FOLDER / MARKS)
    if not left.entries:
        left = msgspec.structs.replace(left, folders=())
    write_or_drop(root, left)
    return left


def _without_folders(dataset: Dataset, manifest: Manifest) -> Manifest:
    """Remove the label folders that were made for us and are empty now; returns the manifest with those that stay."""
    made = [folder for folder in manifest.folders if is_label_folder(folder, dataset)]
    remove_folders(dataset.root, made)
    left = tuple(folder for folder in manifest.folders if folder not in made or absolute(folder, dataset.root).is_dir())
    return msgspec.structs.replace(manifest, folders=left)


def _clean_lists(dataset: Dataset, manifest: Manifest, entries: Sequence[Entry]) -> None:
    """Take the lines of entries out of the lists they were written into, and out of those that data.yaml names."""
    root = dataset.root
    images = {entry.image for entry in entries}
    edits: dict[Path, list[ListEdit]] = {}
    for edit in manifest.edits:
        if images.isdisjoint(edit.lines):
            continue
        if not check_edit(edit, dataset):
            edits.setdefault(absolute(edit.file, root).resolve(), []).append(edit)
        elif may_clean(edit, root):
            proved = {e.image for e in entries if look_image(absolute(e.image, root), e) != "other"}
            list_file.take_out(absolute(edit.file, root), [edit], root, proved, exactly=True)
    for home in dataset.homes:
        if home.is_file():
            edits.setdefault(home.resolve(), [])
    for file, appended in edits.items():
        list_file.take_out(file, appended, root, images)


def _without(edits: Sequence[ListEdit], images: Collection[str]) -> tuple[ListEdit, ...]:
    """What is left of the edits once the lines of some images are gone."""
    kept = []
    for edit in edits:
        lines = {image: line for image, line in edit.lines.items() if image not in images}
        if lines:
            kept.append(msgspec.structs.replace(edit, lines=lines) if len(lines) < len(edit.lines) else edit)
    return tuple(kept)


def _why_keep(entry: Entry, dataset: Dataset) -> str | None:
    root, strange = dataset.root, check_entry(entry, dataset)
    if strange:
        return f"the manifest names it, but {strange}; check whose file it is before you delete anything"
    if look_label(absolute(entry.label, root)) == "filled":
        return label_words(absolute(entry.label, root))
    if look_image(absolute(entry.image, root), entry) == "other":
        return image_words(absolute(entry.image, root), entry)
    return None
