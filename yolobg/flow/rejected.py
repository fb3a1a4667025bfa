"""What a review's rejections say of other images: near-duplicates of a rejected one, look-alikes that show a class.

Only what a person said counts; `--recheck` and `--prefer lookalikes` follow it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from yolobg.changes.manifest import absolute, run_key
from yolobg.changes.records import Entry, Manifest
from yolobg.changes.rejections import Rejection
from yolobg.changes.review_state import State, read_state
from yolobg.changes.siblings import narrowed
from yolobg.dataset.dataset import Dataset
from yolobg.flow.derived import rejected_in
from yolobg.flow.duplicates import pictures_in
from yolobg.flow.near import NEAR_REJECTED
from yolobg.images.picture_hash import picture_hash
from yolobg.model import Progress
from yolobg.results import StaleBackground
from yolobg.threads import Pool
from yolobg.wording import agreeing, counted

__all__ = ["Reviewed", "is_too_often", "review_notes", "ruled_out", "tally", "what_reviews_say"]

# A random choice shows a class in about 1 % of its images, in several per cent for person or chair (docs/classes.md),
# and half look-alikes in 1.6 times as many: one in ten is more than any run says of itself. At a lower share, leaving
# the whole category out costs ten or more good images, which are those that the user prefers, for a wrong one.
_SHARE = 0.1
# How likely so many rejections may be if the share is no higher. So one image never decides (1 of 1 happens in a tenth
# of cases), nor 2 of 8 (0.19); 2 of 2 (0.01) and 3 of 8 (0.04) do.
_CHANCE = 0.05
_WORKERS = 4


@dataclass(frozen=True)
class Reviewed:
    """What reviews said of one category that images were chosen for.

    Attributes:
        category: The look-alike.
        rejected: How many images with it a person rejected because they show a class.
        looked: How many images with it a person looked at: those, others that were rejected, and those that are in the
            dataset.
    """

    category: str
    rejected: int
    looked: int

    @property
    def reason(self) -> str:
        """Why its images go."""
        return (
            f"contains the look-alike {self.category}; {self.rejected:,} of {counted(self.looked, 'reviewed image')} "
            "with it were rejected for showing a class"
        )


def is_too_often(rejected: int, looked: int) -> bool:
    """Whether a look-alike shows a class too often, by how many images a person looked at.

    A one-sided exact binomial test, which is the lower bound of Clopper and Pearson (1934): so many rejections happen
    in less than `_CHANCE` of cases where the share of wrong images is `_SHARE` or less.
    """
    fewer = math.fsum(_binomial(number, looked) for number in range(rejected))
    return 0 < rejected <= looked and 1 - fewer < _CHANCE


def _binomial(successes: int, trials: int) -> float:
    """The chance of exactly so many at `_SHARE`; by logarithms, since the coefficients of many trials fit no float."""
    ways = math.lgamma(trials + 1) - math.lgamma(successes + 1) - math.lgamma(trials - successes + 1)
    return math.exp(ways + successes * math.log(_SHARE) + (trials - successes) * math.log1p(-_SHARE))


def tally(rejected: Iterable[Rejection], kept: Iterable[Sequence[str]]) -> tuple[Reviewed, ...]:
    """Count what reviews said of each look-alike, in the order of their names.

    Args:
        rejected: What was rejected.
        kept: The look-alikes of each image that a person looked at and kept.
    """
    wrong, looked = Counter[str](), Counter[str]()
    for one in rejected:
        looked.update(one.alike)
        wrong.update(one.alike if one.shows_class else ())
    for alike in kept:
        looked.update(alike)
    return tuple(Reviewed(category, wrong[category], looked[category]) for category in sorted(looked))


def what_reviews_say(dataset: Dataset, manifest: Manifest) -> tuple[Reviewed, ...]:
    """The look-alikes that show a class too often, by the reviews of a dataset.

    Raises:
        DatasetError: What a review has recorded cannot be read.
    """
    rejected = rejected_in(dataset.data)
    if not any(one.alike for one in rejected):
        return ()
    counts = tally(rejected, _kept(narrowed(manifest, dataset), read_state(dataset.root, dataset.name)))
    return tuple(one for one in counts if is_too_often(one.rejected, one.looked))


def _kept(manifest: Manifest, state: State) -> Iterator[Sequence[str]]:
    """The look-alikes of each image that was looked at; what is only marked as rejected is not decided yet."""
    looked = set(state.looked) - state.rejected.keys()
    return (alike for image, alike in _alike(manifest).items() if image in looked)


def _alike(manifest: Manifest) -> dict[str, list[str]]:
    """The look-alikes of each background that was chosen from images with some."""
    held: dict[tuple[tuple[str, ...], int], list[str]] = {}
    for run in manifest.runs:
        for category, ids in run.alike.items():
            for source_id in ids:
                held.setdefault((run_key(run), source_id), []).append(category)
    keys = ((entry.image, (run_key(entry), entry.source_id)) for entry in manifest.entries)
    return {image: held[key] for image, key in keys if key in held}


def ruled_out(
    dataset: Dataset,
    manifest: Manifest,
    entries: Sequence[Entry],
    reviewed: Mapping[str, Reviewed],
    progress: Progress,
) -> tuple[StaleBackground, ...]:
    """Those backgrounds that a review speaks against although nobody rejected them, each with the reason.

    Args:
        dataset: The dataset.
        manifest: What is recorded there.
        entries: The backgrounds to look at.
        reviewed: The look-alikes that show a class too often, by category.
        progress: Called with how far it is.
    """
    alike = _alike(manifest)
    by_look = {
        entry.image: [one for name in alike.get(entry.image, ()) if (one := reviewed.get(name))] for entry in entries
    }
    reasons = {image: found[0].reason for image, found in by_look.items() if found}
    near = pictures_in(rejected_in(dataset.data))
    if near:
        paths = [absolute(entry.image, dataset.root) for entry in entries]
        with Pool(max_workers=_WORKERS) as pool:
            for done, (entry, picture) in enumerate(zip(entries, pool.map(picture_hash, paths), strict=True), 1):
                if picture is not None and near.has_near(picture):
                    reasons[entry.image] = NEAR_REJECTED
                progress("compare", done, len(entries))
    return tuple(
        StaleBackground(entry.image, entry.source, entry.source_id, reasons[entry.image])
        for entry in entries
        if entry.image in reasons
    )


def review_notes(
    reviewed: Iterable[Reviewed], leaving: Iterable[StaleBackground] = (), *, recheck: bool
) -> tuple[str, ...]:
    """What reviews change in a run, in sentences.

    Args:
        reviewed: The look-alikes that show a class too often.
        leaving: What `ruled_out` found.
        recheck: Whether the backgrounds that are there are looked at too.
    """
    numbers = Counter(one.reason for one in leaving)
    near = numbers[NEAR_REJECTED]
    told = [f"{counted(near, 'background', 'are')} {NEAR_REJECTED}"] if near else []
    for one in reviewed:
        there = (
            f"of those that are there {numbers[one.reason]:,} {agreeing(numbers[one.reason], 'go')}"
            if recheck
            else "--recheck replaces those there"
        )
        told.append(
            f"look-alikes: {one.rejected:,} of {counted(one.looked, 'reviewed image')} with {one.category} were "
            f"rejected for showing a class, so no image with it comes in; {there}"
        )
    return tuple(told)
