"""How the images of a plan come into staging; `mining` has another way, in which a model looks at them first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from yolobg.changes.records import Manifest, Mining
from yolobg.flow.near import refuse_near
from yolobg.flow.still_videos import StillVideos
from yolobg.images import FetchResult, fetch_images
from yolobg.model import Failed, ImageRecord, Progress, Staged, no_progress

if TYPE_CHECKING:
    from yolobg.flow.candidates import Choice
    from yolobg.flow.planning import Plan

__all__ = ["Bring", "Brought", "Wanted", "bring_first"]


@dataclass(frozen=True)
class Wanted:
    """What has to come into staging.

    Attributes:
        plan: The plan; its target says how many.
        choice: The candidates, best first.
        manifest: What is recorded of the dataset.
        records: Gives the source's records of ids, in their order; to be called from this thread.
        staging: The folder.
        refuse: Told each verified image, in the order of the candidates; the reason why it must not come in, or None.
        progress: Called with how far each stage is.
    """

    plan: Plan
    choice: Choice
    manifest: Manifest
    records: Callable[[Sequence[int]], Iterator[ImageRecord]]
    staging: Path
    refuse: Callable[[Staged], str | None]
    progress: Progress

    def fetch(
        self,
        candidates: Iterable[ImageRecord],
        needed: int,
        accept: Callable[[Staged], str | None],
        *,
        progress: Progress = no_progress,
    ) -> FetchResult:
        """Fetch the first of these candidates that can be had; see `fetch_images`."""
        return fetch_images(
            candidates,
            needed=needed,
            origin=self.choice.source.origin,
            staging=self.staging,
            jobs=self.plan.request.jobs,
            accept=accept,
            progress=progress,
        )


@dataclass(frozen=True)
class Brought:
    """What came.

    Attributes:
        staged: Verified images in staging, as many as are needed; fewer where the source has no more.
        failed: Candidates that could not be had or used.
        mining: The model that helped to choose, and what it found.
        given_up: Which videos were not read to the end, in sentences.
        refused: How many images were looked at and not let in, where videos are among them.
        near: How many were left out as near-duplicates, besides those among `failed`.
    """

    staged: tuple[Staged, ...]
    failed: tuple[Failed, ...]
    mining: Mining | None = None
    given_up: tuple[str, ...] = ()
    refused: int = 0
    near: int = 0


Bring = Callable[[Wanted], Brought]


def bring_first(wanted: Wanted) -> Brought:
    """Bring the first candidates that can be had; of a source with videos, none that is a near-duplicate.

    A video in which nothing happens is not read to its end.

    Raises:
        YolobgError: As `fetch_images`.
    """
    needed, candidates = wanted.plan.target.needed, wanted.records(wanted.choice.ranked)
    if not wanted.choice.source.origin.frames:
        fetched = wanted.fetch(candidates, needed, wanted.refuse, progress=wanted.progress)
        return Brought(fetched.staged, fetched.failed)
    videos = StillVideos(refuse_near(wanted.refuse, wanted.choice.known.images, wanted.progress))
    fetched = wanted.fetch(videos.candidates(candidates), needed, videos.judge, progress=wanted.progress)
    failed = videos.looked_at(fetched.failed)
    return Brought(fetched.staged, failed, given_up=videos.notes, refused=videos.refused)
