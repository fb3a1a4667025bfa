"""Proposed images, looked at before they come in: those that are kept are brought in, the others never are.

They come in by a plan that is made anew: for the dataset, its classes and its options as they are by then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import msgspec

from yolobg.changes.disk_state import look_image
from yolobg.changes.lock import hold
from yolobg.changes.manifest import absolute
from yolobg.changes.manifest_checks import is_staging
from yolobg.changes.merge import add
from yolobg.changes.proposals import Proposal, decide_on, is_there, waiting
from yolobg.changes.records import Manifest, Pending, Run
from yolobg.changes.removal import finish_interrupted
from yolobg.changes.siblings import Claims
from yolobg.dataset.dataset import Dataset, open_dataset
from yolobg.dataset.inventory import scan_split
from yolobg.errors import MergeError
from yolobg.files import staged_path
from yolobg.flow.bringing import Brought, Wanted
from yolobg.flow.execution import execute
from yolobg.flow.near import pictures_of
from yolobg.flow.past_runs import request_again
from yolobg.flow.planning import make_plan
from yolobg.model import Progress, Staged
from yolobg.report.cards import Card, Catalogs, cards_of
from yolobg.review.apply import Applied, page_after
from yolobg.wording import counted, first_of

__all__ = ["apply_proposal", "as_manifest", "cards_of_proposal", "finish_apply", "proposal_for"]

_SHOWN = 5


def proposal_for(dataset: Dataset, manifest: Manifest) -> Proposal | None:
    """The images that wait for a review of this data.yaml; None where there are none."""
    proposal = waiting(dataset.root, manifest)
    if proposal is None or not Claims(manifest, dataset).owns(proposal.run.data):
        return None
    return proposal


def finish_apply(dataset: Dataset, manifest: Manifest) -> None:
    """Finish an apply of proposed images that was cut off after its first visible step."""
    if is_there(dataset.root) and waiting(dataset.root, manifest) is None:
        with hold(dataset.root):
            finish_interrupted(dataset)


def as_manifest(proposal: Proposal) -> Manifest:
    """What would be recorded of the images if all came in: for reading, never to be written."""
    return Manifest(entries=proposal.entries, runs=(proposal.run,))


def cards_of_proposal(proposal: Proposal, dataset: Dataset, catalogs: Catalogs) -> list[Card]:
    """A card for each image that waits."""
    if not is_staging(proposal.pending.staging, dataset):
        return []
    staging = absolute(proposal.pending.staging, dataset.root)
    return cards_of(proposal.entries, as_manifest(proposal), dataset, catalogs, staging=staging)


def apply_proposal(data_yaml: str | Path, rejected: Mapping[str, str], *, progress: Progress) -> Applied:
    """Bring the images that were kept into the split, and remember the others so that no later run picks them.

    Promises: all that were kept come in, or none and the review is as it was; none that was rejected. A kill leaves
    the images waiting, or the next run finishes the apply.

    Args:
        data_yaml: The dataset's data.yaml, or a folder that holds one.
        rejected: Images, as the proposal names them, to the reason.
        progress: Told how far it is.

    Raises:
        YolobgError: They cannot come in: an image qualifies no more, or there is no room. The images wait on.
    """
    dataset = open_dataset(data_yaml)
    with hold(dataset.root):
        manifest = finish_interrupted(dataset)
        proposal = proposal_for(dataset, manifest)
        if proposal is None:
            raise MergeError(f"{dataset.root}: no proposed image waits any more; nothing was changed")
        out = {entry.image: rejected[entry.image] for entry in proposal.entries if entry.image in rejected}
        try:
            proposal = decide_on(dataset.root, proposal, out, _pictures(proposal, out, dataset))
        except OSError as error:
            raise MergeError(
                f"{error.filename or dataset.root}: {error.strerror or error}; nothing was changed"
            ) from error
    added: tuple[str, ...] = ()
    if proposal.kept:
        there = scan_split(dataset.data, proposal.run.split).files
        count = sum(file.state in ("missing", "empty") for file in there) + len(proposal.kept)
        plan = make_plan(data_yaml, request_again(proposal.run, count=count), progress=progress)
        report = execute(
            plan,
            progress=progress,
            bring=partial(_bring, proposal),
            land=partial(_land, proposal.run),
            reviewed=True,
        )
        added = tuple(one.image for one in report.added)
    with hold(dataset.root):
        # What is left to do after the merge is what is left to do after a kill.
        finish_interrupted(open_dataset(dataset.data))
    return Applied((), added, (), tuple(page_after(dataset, added, progress)), _told(proposal, len(added)))


def _pictures(proposal: Proposal, out: Mapping[str, str], dataset: Dataset) -> dict[str, str]:
    """The difference hashes of rejected images, by which near-duplicates of them are known later."""
    if not is_staging(proposal.pending.staging, dataset):
        return {}
    folder = absolute(proposal.pending.staging, dataset.root)
    return pictures_of({e.image: staged_path(folder, e.source_id) for e in proposal.entries if e.image in out})


def _told(proposal: Proposal, added: int) -> str:
    """What became of all that were proposed, and how many of those asked for are still missing."""
    out = len(proposal.entries) - added
    told = f"{added:,} of {counted(len(proposal.entries), 'proposed image')} added to split {proposal.run.split}"
    if not out:
        return f"{told}."
    return (
        f"{told}; {out:,} rejected, and no later run picks {'it' if out == 1 else 'them'}. "
        f"{counted(out, 'background', 'are')} still missing: run the same augment again to see other images."
    )


def _land(run: Run, root: Path, manifest: Manifest, pending: Pending, *, check_places: Callable[[], None]) -> Manifest:
    """Merge, with what was asked for when the images were chosen on record."""
    if pending.run is not None:
        looked_at = None if run.reviewed is None else True
        asked = msgspec.structs.replace(pending.run, options=run.options, reviewed=looked_at)
        pending = msgspec.structs.replace(pending, run=asked)
    return add(root, manifest, pending, check_places=check_places)


def _bring(proposal: Proposal, wanted: Wanted) -> Brought:
    """Give the kept images, which lie in staging already.

    Raises:
        MergeError: One of them must not come in (any more), or what waits has changed.
    """
    dataset, kept = wanted.plan.dataset, proposal.kept
    now = proposal_for(dataset, wanted.manifest)
    if now != proposal or not is_staging(proposal.pending.staging, dataset):
        raise MergeError(f"{dataset.root}: what waits for the review has changed; nothing was added. Look at it again")
    folder = absolute(proposal.pending.staging, dataset.root)
    ids = {entry.source_id for entry in kept}.intersection(wanted.choice.ranked)
    records = {record.id: record for record in wanted.records(sorted(ids))}
    staged: list[Staged] = []
    unfit: list[str] = []
    for entry in kept:
        path = staged_path(folder, entry.source_id)
        record = records.get(entry.source_id)
        if record is None:
            why: str | None = "the dataset has it already, or its classes or the source have changed"
        elif look_image(path, entry) != "ours":
            why = "its file was lost or changed"
        else:
            staged.append(Staged(record, folder, entry.bytes, entry.sha256, entry.url))
            why = wanted.refuse(staged[-1])
        if why is not None:
            unfit.append(f"{entry.source} {entry.source_id} ({why})")
    if unfit:
        raise MergeError(_unfit_words(unfit))
    mining = proposal.run.mining
    if mining is not None:
        found = tuple(one for one in mining.found if one.source_id in ids)
        mining = msgspec.structs.replace(mining, reviewed=True, found=found)
    return Brought(tuple(staged), (), mining)


def _unfit_words(unfit: list[str]) -> str:
    return (
        f"nothing was added: {counted(len(unfit), 'kept image')} can't come in any more: "
        f"{first_of(unfit, _SHOWN)}. Reject them and apply again, or drop all with `yolobg remove --proposed`"
    )
