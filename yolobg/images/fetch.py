"""Keeps the count and the order: exactly as many images as needed, the first ones in rank order that can be fetched."""

from __future__ import annotations

import contextlib
import queue
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from yolobg.errors import AnnotationsError, DownloadError, UsageError
from yolobg.files import step
from yolobg.images.check import is_records_fault
from yolobg.images.limits import Limits
from yolobg.images.staging import Outcome, remove_partial, write_guard
from yolobg.images.workers import Workshop
from yolobg.model import Failed, ImageRecord, Origin, Progress, Staged, no_progress
from yolobg.net.addresses import check_base
from yolobg.wording import counted

__all__ = ["FetchResult", "fetch_images"]

_LOOK_S = 0.1
_PAUSE_S = 0.005
_STAGE = "download"


@dataclass(frozen=True, slots=True)
class FetchResult:
    """What came of a fetch.

    Attributes:
        staged: Verified images in staging, in rank order.
        failed: Candidates that could not be fetched or used, in rank order.
    """

    staged: tuple[Staged, ...]
    failed: tuple[Failed, ...]


def fetch_images(
    candidates: Iterable[ImageRecord],
    *,
    needed: int,
    origin: Origin,
    staging: Path,
    jobs: int | None = None,
    accept: Callable[[Staged], str | None] | None = None,
    progress: Progress = no_progress,
    limits: Limits | None = None,
) -> FetchResult:
    """Bring the first `needed` candidates that can be fetched into staging, each verified.

    The result is the same whatever the network does to single answers: a candidate is left out only when it cannot be
    had or `accept` refuses it, and never more are begun than are still needed. What an interrupted run has verified is
    verified again and used. After any end, staging holds whole `.staged` files and nothing partial.

    Args:
        candidates: In rank order; taken one by one as they are needed.
        needed: How many images to stage.
        origin: Folders first, then addresses.
        staging: Folder for the files; made when missing.
        jobs: Requests at a time; None lets them follow the throughput.
        accept: Told each verified image in rank order, in this thread; returns a reason to refuse it, or None.
        progress: Told of the stage `download`, in images.
        limits: Bounds on time, tries and size.

    Returns:
        Exactly `needed` staged images, or fewer with `failed` filled when the candidates ran dry.

    Raises:
        DownloadError: The hosts are down, answer with nothing usable, or staging cannot be written.
        AnnotationsError: No candidate can be used, and it is their records that are wrong: unsafe names, other sizes.
        UsageError: The origin names nothing, or something that cannot be used.
    """
    if not origin.folders and not origin.bases:
        raise UsageError(f"{origin.name}: say where its images are: a folder or an https address")
    if jobs is not None and jobs < 1:
        raise UsageError(f"--jobs {jobs}: expected at least 1")
    for base in origin.bases:
        check_base(base)
    if needed <= 0:
        return FetchResult((), ())
    with write_guard(staging):
        step("mkdir", staging)
        staging.mkdir(parents=True, exist_ok=True)
    remove_partial(staging)
    bounds = limits or Limits()
    workshop = Workshop(origin, staging, jobs=jobs, limits=bounds)
    try:
        run = _Run(candidates, needed, workshop, limits=bounds, counts_losses=bool(origin.bases))
        return run.run(accept, progress)
    finally:
        workshop.close()


class _Run:
    """One fetch: begins candidates in rank order, settles their outcomes in rank order."""

    def __init__(
        self, candidates: Iterable[ImageRecord], needed: int, workshop: Workshop, *, limits: Limits, counts_losses: bool
    ) -> None:
        self._candidates = iter(candidates)
        self._needed, self._workshop, self._limits = needed, workshop, limits
        self._counts_losses = counts_losses
        self._begun = self._settled = 0
        self._outcomes: dict[int, Staged | Failed] = {}
        self._attempts: dict[int, int] = {}
        self._staged: list[Staged] = []
        self._failed: list[Failed] = []
        self._dry = self._any_good = False
        self._good_waiting = 0
        self._lost = self._consecutive_failures = 0

    def run(self, accept: Callable[[Staged], str | None] | None, progress: Progress) -> FetchResult:
        """Work until the count is reached or the candidates are dry."""
        progress(_STAGE, 0, self._needed)
        while len(self._staged) < self._needed:
            self._begin()
            self._workshop.flush()
            if self._begun == self._settled:
                break
            self._take_arrived()
            self._settle(accept)
            progress(_STAGE, len(self._staged) + self._good_waiting, self._needed)
        self._check_records(self._failed)
        return FetchResult(tuple(self._staged), tuple(self._failed))

    def _begin(self) -> None:
        """Begin as many candidates as are still needed, within a window that bounds memory."""
        # Until one has come, few are asked for: a host that has nothing for us is not asked for hundreds.
        window = 2 * (self._limits.ceiling if self._any_good else self._limits.start)
        while not self._dry:
            open_ = self._begun - self._settled - len(self._outcomes)
            if open_ >= window or len(self._staged) + self._good_waiting + open_ >= self._needed:
                return
            record = next(self._candidates, None)
            if record is None:
                self._dry = True
                return
            rank = self._begun
            self._begun += 1
            self._workshop.begin(rank, record)

    def _take_arrived(self) -> None:
        """Take what has arrived, waiting a moment for the first."""
        with contextlib.suppress(queue.Empty):
            self._take(*self._workshop.results.get(timeout=_LOOK_S))
            # Not once for each image: a waking thread takes the interpreter's lock from the one that fetches.
            time.sleep(_PAUSE_S)
            while True:
                self._take(*self._workshop.results.get_nowait())

    def _take(self, rank: int, outcome: Outcome, attempts: int) -> None:
        """Note one outcome; raises what ends the run."""
        if isinstance(outcome, BaseException):
            raise outcome
        self._outcomes[rank] = outcome
        if isinstance(outcome, Staged):
            self._any_good = True
            self._good_waiting += 1
            self._attempts[rank] = attempts
            self._consecutive_failures = 0
        elif outcome.attempts and self._counts_losses:
            self._lost += 1
            self._consecutive_failures += 1
            self._check_budget(outcome)

    def _check_budget(self, last: Failed) -> None:
        limits = self._limits
        if (
            self._consecutive_failures < limits.max_consecutive_failures
            and self._lost < limits.lost_images + 4 * self._needed
        ):
            return
        arrived = (outcome for _, outcome in sorted(self._outcomes.items()) if isinstance(outcome, Failed))
        self._check_records([*self._failed, *arrived])
        raise DownloadError(
            f"{counted(self._lost, 'image')} could not be downloaded, the last {self._consecutive_failures} in a row "
            f"({self._workshop.hosts_said()}; {last}); check the address of the images, "
            "or run again later (what was fetched so far is kept)"
        )

    def _check_records(self, failed: Sequence[Failed]) -> None:
        """Raise an error about the records where nothing can be used and all of it is their fault."""
        if self._staged or self._good_waiting or not failed or not all(map(is_records_fault, failed)):
            return
        told = "; ".join(map(str, failed[:3]))
        raise AnnotationsError(
            f"{counted(len(failed), 'image', 'were')} tried, and none matches its record ({told}); check that the "
            "annotations "
            "belong to these images, and that every file_name is a plain path below their folder"
        )

    def _settle(self, accept: Callable[[Staged], str | None] | None) -> None:
        """Settle outcomes in rank order, so that `accept` sees the same sequence in every run."""
        while self._settled in self._outcomes:
            outcome = self._outcomes.pop(self._settled)
            attempts = self._attempts.pop(self._settled, 0)
            self._settled += 1
            if isinstance(outcome, Failed):
                self._failed.append(outcome)
                continue
            self._good_waiting -= 1
            reason = accept(outcome) if accept is not None else None
            if reason is None:
                self._staged.append(outcome)
                continue
            refused = outcome.path
            with write_guard(refused.parent):
                step("unlink", refused)
                refused.unlink(missing_ok=True)
            self._failed.append(Failed(outcome.record.id, reason, attempts, outcome.record.file_name))
