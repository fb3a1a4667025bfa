"""Images that a model chose, or frames of videos, that wait for a person's look: `.yolobg/proposed.json`.

They lie verified in staging and nothing of them shows in the split. What is recorded is what a run would do with them,
so that a kill leaves all of it or none. Once a review is applied, what it rejected is recorded here first; the merge
then decides whether it has happened, and `settle_proposal` finishes what a kill has left of it.
"""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import msgspec

from yolobg.changes.disk_state import clear_staging, flush_staged, unlink
from yolobg.changes.manifest import FOLDER, absolute, check_recordable
from yolobg.changes.manifest_checks import is_staging
from yolobg.changes.records import Entry, Manifest, Pending, Run, read_records
from yolobg.changes.rejections import rejection_of, remember
from yolobg.dataset.dataset import Dataset
from yolobg.errors import MergeError
from yolobg.files import flush_folder, write_bytes
from yolobg.wording import counted, quoted

__all__ = [
    "MARKS",
    "Proposal",
    "check_none_waits",
    "decide_on",
    "drop_proposal",
    "is_there",
    "proposal_path",
    "propose",
    "read_proposal",
    "settle_proposal",
    "waiting",
    "waiting_words",
]

VERSION = 1
MARKS = "review-proposed.json"
"""The file in `.yolobg` with what a review has decided so far."""


class Proposal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What waits.

    Attributes:
        pending: What a run would do with all of the images; its run has what a model found in them.
        rejected: Image to the reason why it does not come in, once a review is applied.
        pictures: Image to its difference hash, of those that are rejected.
    """

    pending: Pending
    version: int = VERSION
    rejected: dict[str, str] | None = None
    pictures: dict[str, str] = {}

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All images, as they would be recorded."""
        return self.pending.entries

    @property
    def kept(self) -> tuple[Entry, ...]:
        """Those that were not rejected."""
        return tuple(entry for entry in self.entries if entry.image not in (self.rejected or {}))

    @property
    def run(self) -> Run:
        """What was asked for, for which split and data.yaml, and what the model found."""
        return self.pending.run or Run("", "", "")


def proposal_path(root: Path) -> Path:
    """Where what waits in the dataset at `root` is recorded."""
    return root / FOLDER / "proposed.json"


def is_there(root: Path) -> bool:
    """Whether images wait, or an apply of theirs was cut off."""
    return proposal_path(root).exists()


def read_proposal(root: Path) -> Proposal | None:
    """What waits in the dataset at `root`, also where its apply was cut off; None where there is nothing.

    Raises:
        DatasetError: The file is there but cannot be read or is damaged.
    """
    return read_records(
        proposal_path(root),
        _of_form,
        version=VERSION,
        missing=None,
        what="yolobg's list of proposed images",
        damaged="Delete it to drop them: none of these images is in a split.",
    )


def _of_form(raw: dict[str, Any]) -> Proposal:
    proposal = msgspec.convert(raw, Proposal)
    if proposal.pending.kind != "add" or proposal.pending.run is None:
        raise msgspec.ValidationError("expected images to add, and the run that chose them")
    return proposal


def waiting(root: Path, manifest: Manifest) -> Proposal | None:
    """What waits for a review; None where there is nothing, or all of it has been decided and carried out."""
    proposal = read_proposal(root)
    return None if proposal is None or _is_applied(proposal, manifest) else proposal


def waiting_words(root: Path, manifest: Manifest) -> tuple[str, ...]:
    """That images wait, and what to do about it, in a sentence; none where nothing waits."""
    proposal = waiting(root, manifest)
    if proposal is None:
        return ()
    file = quoted(str(absolute(proposal.run.data, root)))
    number = len(proposal.entries)
    return (
        f"{counted(number, 'proposed image')} for split {proposal.run.split} wait{'s'[number > 1 :]} for a review: "
        f"`yolobg review {file}` shows them, `yolobg remove {file} --proposed` drops them",
    )


def check_none_waits(root: Path, manifest: Manifest) -> None:
    """Refuse to change the dataset while images wait: they were counted for it as it is.

    Raises:
        MergeError: Some do.
    """
    for words in waiting_words(root, manifest):
        raise MergeError(f"nothing was changed, since {words}")


def _is_applied(proposal: Proposal, manifest: Manifest) -> bool:
    """Whether its apply has come to where only tidying is left: one of the kept images is recorded, or none is kept."""
    if proposal.rejected is None:
        return False
    there = {_key(entry) for entry in manifest.known}
    return not proposal.kept or any(_key(entry) in there for entry in proposal.kept)


def _key(entry: Entry) -> tuple[str, str, str, int, str]:
    return entry.data, entry.split, entry.source, entry.source_id, entry.sha256


def propose(root: Path, manifest: Manifest, pending: Pending, **_: object) -> Manifest:
    """Record staged images as proposed, in the place of `add`, which would bring them in.

    Args:
        root: The dataset root, held by the caller's lock.
        manifest: What is recorded there.
        pending: What `add` would do.

    Returns:
        The manifest, which is as it was.

    Raises:
        MergeError: It cannot be written; what was staged lies where it is.
    """
    check_recordable(root, msgspec.structs.replace(manifest, pending=pending))
    try:
        flush_staged(pending, root)
        flush_folder(absolute(pending.staging, root))
        # What a review that was dropped half-way had decided.
        unlink(root / FOLDER / MARKS)
        _write(root, Proposal(pending))
    except OSError as error:
        raise MergeError(f"{error.filename or root}: {error.strerror or error}; nothing was changed") from error
    return manifest


def decide_on(root: Path, proposal: Proposal, rejected: dict[str, str], pictures: dict[str, str]) -> Proposal:
    """Record which images do not come in, before the others do. The caller holds the lock.

    Args:
        root: The dataset root.
        proposal: What waits.
        rejected: Image to the reason.
        pictures: Image to its difference hash, as a `Rejection` has it.

    Raises:
        OSError: It cannot be written.
    """
    decided: Proposal = msgspec.structs.replace(proposal, rejected=rejected, pictures=pictures)
    _write(root, decided)
    return decided


def settle_proposal(dataset: Dataset, manifest: Manifest) -> None:
    """End an apply whose merge is done: remember what was rejected, and drop the rest. The caller holds the lock.

    Raises:
        DatasetError: The record is damaged.
        OSError: Something cannot be written.
    """
    proposal = read_proposal(dataset.root)
    if proposal is None or not _is_applied(proposal, manifest):
        return
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    why = proposal.rejected or {}
    out = [entry for entry in proposal.entries if entry.image in why]
    if out:
        remember(dataset.root, (rejection_of(e, proposal.run, why[e.image], now, proposal.pictures) for e in out))
    drop_proposal(dataset)


def drop_proposal(dataset: Dataset) -> None:
    """Forget what waits, and take the images away. The caller holds the lock.

    Raises:
        OSError: It cannot be removed.
    """
    root = dataset.root
    proposal = read_proposal(root)
    # The record first: without its images it would be half a proposal, and they without it are what any run may leave.
    unlink(proposal_path(root))
    unlink(root / FOLDER / MARKS)
    if proposal is not None and is_staging(proposal.pending.staging, dataset):
        clear_staging(absolute(proposal.pending.staging, root))


def _write(root: Path, proposal: Proposal) -> None:
    write_bytes(proposal_path(root), msgspec.json.format(msgspec.json.encode(proposal), indent=1))
