"""More backgrounds than asked for: how many, which of ours would go, and what to say of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from yolobg.changes.manifest import absolute, run_key
from yolobg.changes.records import Entry, Manifest, Run
from yolobg.changes.removal import plan_removal
from yolobg.changes.siblings import narrowed
from yolobg.dataset.dataset import Dataset
from yolobg.errors import YolobgError
from yolobg.flow.options import DEFAULT_RATIO, Request, request_of
from yolobg.flow.selection import backgrounds_needed, share
from yolobg.model import Counts, Inventory
from yolobg.wording import agreeing, counted, quoted

__all__ = ["share_warnings", "surplus_notes", "surplus_of", "to_trim"]

_REASON = (
    "Ultralytics recommends 0 to 10 % against false positives; whether more helps is not shown, and it can cost recall"
)

FAR_ABOVE = 0.3
"""The share of backgrounds above which `augment` says, whatever it is asked for, that there are very many already."""


def surplus_of(counts: Counts, *, ratio: float | str | None, count: int | None) -> int:
    """How many backgrounds a split has beyond the number that a ratio or a count means."""
    if ratio is None and count is None:
        return 0
    return max(0, counts.backgrounds - backgrounds_needed(counts.labelled, 0, ratio=ratio, count=count))


def to_trim(dataset: Dataset, manifest: Manifest, inventory: Inventory, surplus: int) -> tuple[Entry, ...]:
    """Which of the backgrounds that yolobg added for this data.yaml would go, the last run's first.

    Of a run the last chosen goes first; of one with a model, the one in which it found least, since the others were
    chosen for what it found.

    Never a background of the user's, and never one that a person has labelled, changed or replaced since.

    Args:
        dataset: The dataset.
        manifest: What yolobg added.
        inventory: The split.
        surplus: How many backgrounds there are too many.

    Returns:
        Entries whose images make up the surplus, or as much of it as there is.
    """
    if not surplus:
        return ()
    listed = Counter(file.image for file in inventory.files if file.state in ("missing", "empty"))
    ours = [
        entry
        for entry in narrowed(manifest, dataset).entries
        if entry.split == inventory.split and listed[str(absolute(entry.image, dataset.root))]
    ]
    removal = plan_removal(dataset, manifest, split=inventory.split, images={entry.image for entry in ours})
    may_go = {entry.image for entry in removal.removed}
    chosen: list[Entry] = []
    for entry in _last_first(ours, manifest):
        # One that a list file names twice counts twice.
        times = listed[str(absolute(entry.image, dataset.root))]
        if entry.image in may_go and times <= surplus:
            chosen.append(entry)
            surplus -= times
    return tuple(chosen)


def _last_first(ours: Sequence[Entry], manifest: Manifest) -> list[Entry]:
    scores = {
        (*run_key(run), found.source_id): found.score
        for run in manifest.runs
        if run.mining is not None
        for found in run.mining.found
    }

    def rank(placed: tuple[int, Entry]) -> tuple[str, float, int]:
        place, entry = placed
        return entry.added, -scores.get((*run_key(entry), entry.source_id), 0.0), place

    # Within a run the entries stand in the order in which they were chosen, which decides between equal scores.
    return [entry for _, entry in sorted(enumerate(ours), key=rank, reverse=True)]


def surplus_notes(request: Request, counts: Counts, leaving: Collection[Entry], data_yaml: str) -> tuple[str, ...]:
    """What to do about backgrounds beyond the target, and why very many are too many; with `trim` why not all go.

    Args:
        request: What was asked for.
        counts: Those of the split, before.
        leaving: The backgrounds that are taken out.
        data_yaml: The dataset's, for the command.
    """
    surplus = surplus_of(counts, ratio=request.ratio, count=request.count)
    part = share(counts.backgrounds, counts.labelled) if counts.labelled else 0.0
    if not surplus:
        already = f"{part:.1%} of the images of {request.split} are backgrounds already. {_REASON}"
        return (already,) if part > FAR_ABOVE else ()
    means = f"{_target(request)} means {counts.backgrounds - surplus:,}"
    far = f" ({part:.1%} of the images; {_REASON})" if part > FAR_ABOVE else ""
    there = f"{counted(counts.backgrounds, 'background', 'are')} there{far}, and {means}"
    if request.trim:
        left = surplus - len(leaving)
        why = "they were not added by yolobg for this data.yaml, or were changed since"
        return (f"{there}: {left:,} of those beyond it {agreeing(left, 'stay')}, since {why}",) if left else ()
    if not counts.ours:
        return (f"{there}; yolobg added none of them, so it takes none out",)
    command = f"yolobg augment {quoted(data_yaml)} {_target(request)} --split {request.split} --trim"
    return (f"{there}. To take out up to {min(surplus, counts.ours):,} that yolobg added: {command}",)


def _target(request: Request) -> str:
    return f"--ratio {request.ratio}" if request.count is None else f"--count {request.count}"


def share_warnings(dataset: Dataset, manifest: Manifest, split: str, counts: Counts) -> tuple[str, ...]:
    """Whether a split has more backgrounds than the last run was asked for, or than is recommended."""
    if not counts.labelled:
        return ()
    runs = [run for run in narrowed(manifest, dataset).runs if run.split == split]
    asked = _asked(runs[-1]) if runs else None
    beyond = asked is not None and counts.ours and surplus_of(counts, ratio=asked.ratio, count=asked.count)
    many = surplus_of(counts, ratio=DEFAULT_RATIO, count=None)
    there = f"{share(counts.backgrounds, counts.labelled):.1%} of the images of {split} are backgrounds"
    reason = f". {_REASON}" if many else ""
    if asked is None or not beyond:
        return (f"{there}{reason}",) if many else ()
    command = f"yolobg augment {quoted(str(dataset.data.file))} {_target(asked)} --split {split} --trim"
    return (
        f"{there}, more than the last run was asked for{reason}. To take out what yolobg added beyond it: {command}",
    )


def _asked(run: Run) -> Request | None:
    try:
        return request_of(run.options)
    except YolobgError:
        return None
