"""Keeps the count and the order: exactly as many images as needed, the first ones in rank order that can be had."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from yolobg.download.addresses import check_base, image_url, safe_parts
from yolobg.download.limits import Limits
from yolobg.download.local import LocalFolders
from yolobg.download.staging import remove_partial, reuse, staged_path, write_guard
from yolobg.download.structure import BadImageError
from yolobg.download.verify import image_suffix
from yolobg.errors import DownloadError, UsageError
from yolobg.model import Failed, ImageRecord, Origin, Progress, Staged, no_progress

if TYPE_CHECKING:
    from yolobg.download.network import Network, Outcome

__all__ = ["FetchResult", "fetch_images"]

_WORKERS = 4
_LOOK_S = 0.1
_STAGE = "download"


@dataclass(frozen=True, slots=True)
class FetchResult:
    """What came of a fetch.

    Attributes:
        staged: Verified images in staging, in rank order.
        failed: Candidates that could not be had or used, in rank order.
        stopped: Whether it ended early because `stop` was set.
    """

    staged: tuple[Staged, ...]
    failed: tuple[Failed, ...]
    stopped: bool = False


def fetch_images(
    candidates: Iterable[ImageRecord],
    *,
    needed: int,
    origin: Origin,
    staging: Path,
    jobs: int | None = None,
    accept: Callable[[Staged], str | None] | None = None,
    progress: Progress = no_progress,
    stop: threading.Event | None = None,
    limits: Limits | None = None,
) -> FetchResult:
    """Bring the first `needed` candidates that can be had into staging, each verified.

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
        stop: Set from anywhere to end early.
        limits: Bounds on time, tries and size.

    Returns:
        Exactly `needed` staged images, or fewer with `failed` filled when the candidates ran dry or `stop` was set.

    Raises:
        DownloadError: The hosts are down, answer with nothing usable, or staging cannot be written.
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
        staging.mkdir(parents=True, exist_ok=True)
    remove_partial(staging)
    run = _Run(candidates, needed, origin=origin, staging=staging, jobs=jobs, limits=limits or Limits())
    try:
        return run.run(accept, progress, stop or threading.Event())
    finally:
        run.close()


class _Run:
    """One fetch: begins candidates in rank order, settles their outcomes in rank order."""

    def __init__(
        self,
        candidates: Iterable[ImageRecord],
        needed: int,
        *,
        origin: Origin,
        staging: Path,
        jobs: int | None,
        limits: Limits,
    ) -> None:
        self._candidates = iter(candidates)
        self._needed, self._origin, self._staging, self._limits = needed, origin, staging, limits
        self._folders = LocalFolders(origin.folders, staging, origin.link)
        self._left_over = {path.name for path in staging.glob("*.staged")}
        self._results: queue.SimpleQueue[tuple[int, Outcome]] = queue.SimpleQueue()
        self._workers = ThreadPoolExecutor(_WORKERS, thread_name_prefix="yolobg-image")
        self._jobs = jobs
        self._network: Network | None = None
        self._network_lock = threading.Lock()
        self._begun = self._settled = 0
        self._outcomes: dict[int, Staged | Failed] = {}
        self._seen: set[int] = set()
        self._staged: list[Staged] = []
        self._failed: list[Failed] = []
        self._dry = False
        self._good_waiting = 0
        self._lost = self._barren = 0

    def close(self) -> None:
        """Stop all work and wait for what cannot be stopped half-way."""
        if self._network is not None:
            self._network.close()
        self._workers.shutdown(wait=True, cancel_futures=True)

    def run(
        self, accept: Callable[[Staged], str | None] | None, progress: Progress, stop: threading.Event
    ) -> FetchResult:
        """Work until the count is reached, the candidates are dry, or `stop` is set."""
        progress(_STAGE, 0, self._needed)
        while len(self._staged) < self._needed:
            self._begin()
            if self._begun == self._settled:
                break
            if stop.is_set():
                return FetchResult(tuple(self._staged), tuple(self._failed), stopped=True)
            try:
                rank, outcome = self._results.get(timeout=_LOOK_S)
            except queue.Empty:
                continue
            self._take(rank, outcome)
            self._settle(accept)
            progress(_STAGE, len(self._staged) + self._good_waiting, self._needed)
        return FetchResult(tuple(self._staged), tuple(self._failed))

    def _begin(self) -> None:
        """Begin as many candidates as are still needed, within a window that bounds memory."""
        window = 2 * self._limits.ceiling
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
            self._route(rank, record)

    def _route(self, rank: int, record: ImageRecord) -> None:
        reason = None
        if record.id in self._seen:
            reason = "the source lists it twice"
        elif safe_parts(record.file_name) is None:
            reason = f"its file name is not safe to use: {ascii(record.file_name)[:80]}"
        elif image_suffix(record.file_name) is None:
            reason = "its name has no suffix of an image that trainers read"
        self._seen.add(record.id)
        if reason is not None:
            self._report(rank, Failed(record.id, reason, 0))
        elif self._origin.folders or staged_path(self._staging, record.id).name in self._left_over:
            self._workers.submit(self._on_this_machine, rank, record)
        else:
            self._over_network(rank, record)

    def _report(self, rank: int, outcome: Outcome) -> None:
        self._results.put((rank, outcome))

    def _on_this_machine(self, rank: int, record: ImageRecord) -> None:
        """In a worker thread: what is staged already, then the folders, then on to the network."""
        try:
            outcome = self._bring(record)
        except Exception as error:  # noqa: BLE001 - the caller's thread raises it
            self._report(rank, error)
            return
        if isinstance(outcome, Failed) and self._origin.bases:
            self._over_network(rank, record)
        else:
            self._report(rank, outcome)

    def _over_network(self, rank: int, record: ImageRecord) -> None:
        """Hand a candidate on; the network is made when first needed, so that folders alone never load aiohttp."""
        with self._network_lock:
            if self._network is None:
                from yolobg.download.network import Network  # noqa: PLC0415 - see above

                self._network = Network(
                    self._origin.bases,
                    self._staging,
                    workers=self._workers,
                    report=self._report,
                    limits=self._limits,
                    jobs=self._jobs,
                )
        self._network.submit(rank, record)

    def _hosts_said(self) -> str:
        return "no host was asked" if self._network is None else self._network.hosts.describe()

    def _bring(self, record: ImageRecord) -> Staged | Failed:
        is_left_over = staged_path(self._staging, record.id).name in self._left_over
        # A file left by a run with another kind of link is made anew where that is as cheap as looking at it.
        if is_left_over and (self._origin.link == "copy" or not self._origin.folders):
            kept = reuse(self._staging, record, self._first_address(record))
            if kept is not None:
                return kept
        try:
            source = self._folders.find(record)
            if source is not None:
                return self._folders.bring(record, source)
        except BadImageError as error:
            return Failed(record.id, str(error), 1)
        if is_left_over:
            kept = reuse(self._staging, record, self._first_address(record))
            if kept is not None:
                return kept
        return Failed(record.id, "no folder given has it", 1)

    def _first_address(self, record: ImageRecord) -> str:
        parts = safe_parts(record.file_name) or ()
        if self._origin.bases:
            return image_url(self._origin.bases[0], parts)
        return str(self._origin.folders[0].joinpath(*parts))

    def _take(self, rank: int, outcome: Outcome) -> None:
        """Note one outcome; raises what ends the run."""
        if isinstance(outcome, BaseException):
            raise outcome
        self._outcomes[rank] = outcome
        if isinstance(outcome, Staged):
            self._good_waiting += 1
            self._barren = 0
        elif outcome.attempts and self._origin.bases:
            self._lost += 1
            self._barren += 1
            self._check_budget(outcome)

    def _check_budget(self, last: Failed) -> None:
        limits = self._limits
        if self._barren < limits.barren_images and self._lost < limits.lost_images + 4 * self._needed:
            return
        raise DownloadError(
            f"{self._lost} images could not be had, the last {self._barren} in a row "
            f"({self._hosts_said()}; image {last.source_id}: {last.reason}); check the address of the images, "
            "or run again later (what was fetched so far is kept)"
        )

    def _settle(self, accept: Callable[[Staged], str | None] | None) -> None:
        """Settle outcomes in rank order, so that `accept` sees the same sequence in every run."""
        while self._settled in self._outcomes:
            outcome = self._outcomes.pop(self._settled)
            self._settled += 1
            if isinstance(outcome, Failed):
                self._failed.append(outcome)
                continue
            self._good_waiting -= 1
            reason = accept(outcome) if accept is not None else None
            if reason is None:
                self._staged.append(outcome)
                continue
            with write_guard(self._staging):
                outcome.path.unlink(missing_ok=True)
            self._failed.append(Failed(outcome.record.id, reason, 1))
