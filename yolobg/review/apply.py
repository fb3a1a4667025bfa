"""Carry a review out: rejected images leave the dataset, the next candidates take their places, the count is exact.

The new ones come in first. So where there are none, nothing has been removed; and a kill between the two
leaves more backgrounds than asked for, never fewer, and the number to come back to is in the review's state.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import msgspec

from yolobg.api import carry_out
from yolobg.changes.lock import hold
from yolobg.changes.manifest import absolute, read_manifest, run_of
from yolobg.changes.records import Entry, Manifest, Run
from yolobg.changes.rejections import rejection_of, remember, says_class
from yolobg.changes.removal import finish_interrupted, plan_removal, take_back
from yolobg.changes.review_state import State, write_state
from yolobg.changes.siblings import narrowed
from yolobg.dataset.dataset import Dataset, open_dataset
from yolobg.dataset.inventory import scan_split
from yolobg.errors import MergeError, YolobgError
from yolobg.flow.near import pictures_of
from yolobg.flow.past_runs import request_again
from yolobg.flow.planning import make_plan
from yolobg.model import Progress
from yolobg.report.write import write_page
from yolobg.wording import counted

__all__ = ["Applied", "apply_review", "page_after"]


@dataclass(frozen=True, slots=True)
class Applied:
    """What an `apply` did.

    Attributes:
        removed: Images of ours that left the dataset.
        added: Images that took their places.
        kept: Rejected images that are where they were, each with the reason.
        warnings: For a person to read.
        told: What was done, in a sentence.
    """

    removed: tuple[str, ...]
    added: tuple[str, ...]
    kept: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...] = ()
    told: str = ""


def apply_review(data_yaml: str | Path, state: State, *, replace_them: bool = True, progress: Progress) -> Applied:
    """Do what a review decided.

    Promises: only images that are proved to be ours are removed; each is remembered with its reason first; with
    `replace_them` the split holds as many backgrounds afterwards as before, or nothing was removed. Images of the user
    stay, and so do their marks.

    Args:
        data_yaml: The dataset's data.yaml, or a folder that holds one.
        state: What was decided.
        replace_them: Whether the next candidates take the places.
        progress: Told how far it is.

    Raises:
        YolobgError: No candidates, no network, no disk: the dataset is valid, the decisions are kept, nothing is lost.
    """
    dataset = open_dataset(data_yaml)
    with hold(dataset.root):
        # First of all: an interrupted removal changes how many there are to replace.
        manifest = finish_interrupted(dataset)
    rejected = plan_removal(dataset, manifest, images=set(state.rejected)).removed
    added_by_us = {entry.image for entry in manifest.known}
    marks = {image: reason for image, reason in state.rejected.items() if image not in added_by_us}
    manifest = narrowed(manifest, dataset)
    pictures = pictures_of({entry.image: absolute(entry.image, dataset.root) for entry in rejected})
    added: list[str] = []
    warnings: list[str] = []
    if replace_them:
        orders, warnings = _orders(rejected, manifest)
        state = _with_base(dataset, state, [split for split, _, _ in orders])
        added = _add(data_yaml, state, orders, pictures, progress, lambda: _forget_base(dataset, state))
    done = _take_out(_reopened(dataset), state, rejected, pictures, manifest)
    _write_state(dataset, msgspec.structs.replace(state, rejected=marks, steps=(), base={}))
    warnings += page_after(dataset, added, progress)
    return Applied(done.removed, tuple(added), done.kept, tuple(warnings))


def page_after(dataset: Dataset, added: Collection[str], progress: Progress) -> list[str]:
    """Write the report anew where there is anything to report; what speaks against it, as warnings."""
    with hold(dataset.root):
        dataset, left = _reopened(dataset), read_manifest(dataset.root)
        if narrowed(left, dataset).entries:
            try:
                write_page(dataset, left, new=added, progress=progress)
            except MergeError as error:
                return [str(error)]
    return []


def _reopened(dataset: Dataset) -> Dataset:
    """The dataset with its list files read again: nobody held it meanwhile, and we have added to them and taken out."""
    return open_dataset(dataset.data)


def _write_state(dataset: Dataset, state: State) -> None:
    write_state(dataset.root, state, dataset.name)


# ---------------------------------------------------------------- the new ones


def _orders(rejected: Sequence[Entry], manifest: Manifest) -> tuple[list[tuple[str, Run, int]], list[str]]:
    """How many images each run has to give once more, by split; and what cannot be replaced, as warnings."""
    numbers: dict[int, int] = {}
    lost = 0
    for entry in rejected:
        run = run_of(entry, manifest)
        place = manifest.runs.index(run) if run else None
        if place is None:
            lost += 1
        else:
            numbers[place] = numbers.get(place, 0) + 1
    warnings = []
    if lost:
        warnings.append(
            f"{counted(lost, 'image', 'were')} removed but not replaced: how they were chosen is not recorded. Run "
            "augment."
        )
    return [(manifest.runs[place].split, manifest.runs[place], n) for place, n in sorted(numbers.items())], warnings


def _with_base(dataset: Dataset, state: State, splits: Sequence[str]) -> State:
    """The state with the number of backgrounds to come back to; it is on disk before anything is added."""
    base = dict(state.base)
    for split in splits:
        if split not in base:
            files = scan_split(dataset.data, split).files
            base[split] = sum(file.state in ("missing", "empty") for file in files)
    based: State = msgspec.structs.replace(state, base=base)
    _write_state(dataset, based)
    return based


def _forget_base(dataset: Dataset, state: State) -> None:
    _write_state(dataset, msgspec.structs.replace(state, base={}))


def _add(
    data_yaml: str | Path,
    state: State,
    orders: Sequence[tuple[str, Run, int]],
    pictures: Mapping[str, str],
    progress: Progress,
    nothing_added: Callable[[], None],
) -> list[str]:
    """Fetch the next candidates of each run, on top of what is there."""
    added: list[str] = []
    wanted = dict(state.base)
    for split, run, number in orders:
        wanted[split] += number
        try:
            request = request_again(run, count=wanted[split])
            plan = make_plan(data_yaml, request, progress=progress)
            if plan.choice is not None:
                plan.choice.known.avoid(pictures[one] for one in pictures if says_class(state.rejected[one]))
            report = carry_out(plan, progress=progress)
        except YolobgError as error:
            if not added:
                nothing_added()
            raise type(error)(f"nothing was removed, since the replacements could not be fetched: {error}") from error
        added += [one.image for one in report.added]
    return added


# ---------------------------------------------------------------- the rejected ones


def _take_out(
    dataset: Dataset, state: State, rejected: Sequence[Entry], pictures: Mapping[str, str], manifest: Manifest
) -> Applied:
    """Remember the rejected images, then take them out: a later run must never find one forgotten and gone."""
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    with hold(dataset.root):
        records = (rejection_of(e, run_of(e, manifest), state.rejected[e.image], now, pictures) for e in rejected)
        remember(dataset.root, records)
        removal = take_back(dataset, images=set(state.rejected))
    kept = tuple((one.image, one.reason) for one in removal.kept)
    return Applied(tuple(e.image for e in removal.removed), (), kept)
