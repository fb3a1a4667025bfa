"""Replace the backgrounds that no longer qualify: how many come in, which go, and the record of it.

As in a review, the new ones come in first. So where there are none, nothing has been removed; and a kill
between the two leaves more backgrounds than before, never fewer, and the number to come back to is in the manifest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from yolobg.changes.disk_state import write_or_drop
from yolobg.changes.manifest import absolute, read_manifest, write_manifest
from yolobg.changes.records import Entry, Manifest, Replacing, Run
from yolobg.changes.removal import Removal, plan_removal, take_back
from yolobg.changes.siblings import narrowed
from yolobg.dataset.dataset import Dataset
from yolobg.flow.options import Request
from yolobg.flow.past_runs import request_again
from yolobg.flow.rejected import Reviewed, review_notes, ruled_out
from yolobg.flow.selection import backgrounds_needed
from yolobg.flow.stale import Checked, SplitImages, find_stale
from yolobg.model import Counts, Inventory, Progress, no_progress
from yolobg.results import KeptBackground, Stale

__all__ = ["Recheck", "begin", "finish", "forget_recheck", "plan_recheck"]


@dataclass(frozen=True, slots=True)
class Recheck:
    """What a recheck will do: take `leaving` out, once `needed` others have come in."""

    checked: Checked
    leaving: tuple[Entry, ...]
    needed: int


def plan_recheck(
    dataset: Dataset,
    manifest: Manifest,
    inventory: Inventory,
    before: Counts,
    request: Request,
    reviewed: Sequence[Reviewed] = (),
    *,
    progress: Progress = no_progress,
) -> Recheck:
    """Find what no longer qualifies and how many others its split needs; catalogs may be fetched for that.

    Args:
        dataset: The dataset.
        manifest: What is recorded there.
        inventory: The split.
        before: What is in it.
        request: What is asked for.
        reviewed: The look-alikes that show a class too often.
        progress: Called with how far it is.
    """
    checked = find_stale(dataset, manifest, inventory, request, fetch=True, labelled_too=True, progress=progress)
    checked = _with_reviews(checked, dataset, manifest, inventory, reviewed, progress)
    images = {one.image for one in checked.stale.images}
    removal = plan_removal(dataset, manifest, images=images)
    leaving = removal.removed
    if request.has_target:
        wanted = backgrounds_needed(before.labelled, 0, ratio=request.ratio, count=request.count)
    else:
        wanted = _number_before(narrowed(manifest, dataset), request.split, before.backgrounds)
    staying = before.backgrounds - len(leaving)
    stale = replace(
        checked.stale,
        replaced=tuple(entry.image for entry in leaving),
        kept=tuple(KeptBackground(kept.image, kept.reason) for kept in removal.kept)
        + _of_others(removal, manifest, images),
    )
    checked = replace(checked, stale=stale, notes=checked.notes + _notes(checked))
    return Recheck(checked, leaving, max(0, wanted - staying))


def _with_reviews(
    checked: Checked,
    dataset: Dataset,
    manifest: Manifest,
    inventory: Inventory,
    reviewed: Sequence[Reviewed],
    progress: Progress,
) -> Checked:
    """What was found, with the backgrounds that reviews speak against."""
    listed, found = SplitImages(inventory, labelled_too=True), {one.image for one in checked.stale.images}
    left = [e for e in manifest.entries if e.image not in found and absolute(e.image, dataset.root) in listed]
    more = ruled_out(dataset, manifest, left, {one.category: one for one in reviewed}, progress)
    stale = replace(checked.stale, images=(*checked.stale.images, *more))
    return replace(checked, stale=stale, notes=review_notes(reviewed, more, recheck=True))


def _of_others(removal: Removal, manifest: Manifest, images: set[str]) -> tuple[KeptBackground, ...]:
    """Images of this split that were added for another data.yaml of the root, whose run decides about them."""
    return tuple(
        KeptBackground(entry.image, f"it was added for {entry.data}; run `augment --recheck` with that data.yaml")
        for entry in manifest.entries
        if entry.image in images and entry.data in removal.others
    )


def _number_before(manifest: Manifest, split: str, backgrounds: int) -> int:
    """How many there are; or were, where a replacement was cut off before its images left."""
    begun = manifest.replacing
    if begun and begun.split == split and {entry.image for entry in manifest.entries} & set(begun.images):
        return begun.backgrounds
    return backgrounds


def _notes(checked: Checked) -> tuple[str, ...]:
    """Says that today's options decide, where earlier runs were asked something else."""

    def options(run: Run) -> tuple[object, ...]:
        asked = request_again(run)
        return asked.license, set(asked.exclude), asked.lean, asked.captions, set(asked.evidence), asked.verified

    if all(options(then) == options(now) for then, now in checked.settled):
        return ()
    return ("earlier runs used other options; the current ones decide which backgrounds stay",)


def begin(root: Path, manifest: Manifest, split: str, leaving: tuple[Entry, ...], backgrounds: int) -> Manifest:
    """Write down what is to be reached, before anything is added; the caller holds the lock."""
    replacing = Replacing(split, backgrounds, tuple(entry.image for entry in leaving))
    begun: Manifest = msgspec.structs.replace(manifest, replacing=replacing)
    write_manifest(root, begun)
    return begun


def forget_recheck(root: Path) -> None:
    """Forget what was to be reached: nothing was added. The caller holds the lock."""
    manifest = read_manifest(root)
    if manifest.pending is None:
        write_or_drop(root, msgspec.structs.replace(manifest, replacing=None))


def finish(dataset: Dataset, leaving: tuple[Entry, ...], checked: Checked) -> Stale:
    """Take out what no longer qualifies, and record what the others rest on now; the caller holds the lock.

    Returns:
        What is left of the backgrounds that no longer qualify.
    """
    root, images = dataset.root, {entry.image for entry in leaving}
    removed: tuple[str, ...] = ()
    kept = checked.stale.kept
    if images:
        removal = take_back(dataset, images=images)
        removed = tuple(entry.image for entry in (*removal.removed, *removal.gone))
        kept += tuple(KeptBackground(one.image, one.reason) for one in removal.kept)
    manifest = read_manifest(root)
    settled = {id(run): now for run in manifest.runs for then, now in checked.settled if run == then}
    runs = tuple(settled.get(id(run), run) for run in manifest.runs)
    left: Manifest = msgspec.structs.replace(manifest, runs=runs, replacing=None)
    if left != manifest:
        write_or_drop(root, left)
    there = {one.image for one in kept}
    return replace(
        checked.stale,
        images=tuple(one for one in checked.stale.images if one.image in there),
        replaced=removed,
        kept=kept,
    )
