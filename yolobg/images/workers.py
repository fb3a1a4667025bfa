"""Brings single candidates in, wherever they are had from: staging, folders, then hosts; one outcome each."""

from __future__ import annotations

import os
import queue
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from yolobg.files import staged_path
from yolobg.images.check import image_suffix
from yolobg.images.jpeg_png import BadImageError
from yolobg.images.limits import Limits
from yolobg.images.local import LocalFolders
from yolobg.images.staging import Outcome, reuse
from yolobg.model import Failed, ImageRecord, Origin, Staged
from yolobg.net.addresses import bare_url, image_url
from yolobg.safe_names import safe_parts
from yolobg.threads import Pool

if TYPE_CHECKING:
    from yolobg.images.remote import Network

__all__ = ["Workshop"]

# They share the interpreter's lock for all but hashing, decoding and the disk: more only take it from each other.
_WORKERS = max(2, min(4, os.cpu_count() or 2))
_BATCH = 16


class Workshop:
    """Worker threads and, once needed, the network.

    Attributes:
        results: For each candidate begun its rank, its outcome (an exception ends the run), and the tries it took.
    """

    def __init__(self, origin: Origin, staging: Path, *, jobs: int | None, limits: Limits) -> None:
        self.results: queue.SimpleQueue[tuple[int, Outcome, int]] = queue.SimpleQueue()
        self._origin, self._staging, self._jobs, self._limits = origin, staging, jobs, limits
        self._folders = LocalFolders(origin, staging)
        self._left_over = {path.name for path in staging.glob("*.staged")}
        self._workers = Pool(_WORKERS, thread_name_prefix="yolobg-image")
        self._network: Network | None = None
        self._network_lock = threading.Lock()
        self._closing = threading.Event()
        self._seen: set[int] = set()
        self._batch: list[tuple[int, ImageRecord]] = []

    def begin(self, rank: int, record: ImageRecord) -> None:
        """Begin a candidate; `flush` makes sure that work on it starts."""
        reason = None
        if record.id in self._seen:
            reason = "the source lists it twice"
        elif safe_parts(record.file_name) is None:
            reason = f"its file name is not safe to use: {ascii(record.file_name)[:80]}"
        elif image_suffix(record.file_name) is None:
            reason = "its name has no image suffix that trainers read"
        self._seen.add(record.id)
        if reason is not None:
            self._report(rank, Failed(record.id, reason, 0, record.file_name))
        elif self._origin.folders or self._is_left_over(record):
            self._batch.append((rank, record))
        else:
            self._over_network(rank, record)

    def flush(self) -> None:
        """Hand what has gathered to the worker threads, several at a time, since each hand-over costs."""
        size = max(1, min(_BATCH, -(-len(self._batch) // _WORKERS)))
        for start in range(0, len(self._batch), size):
            self._workers.submit(self._on_this_machine, self._batch[start : start + size])
        self._batch = []

    def close(self) -> None:
        """Stop all work and wait for what cannot be stopped half-way."""
        with self._network_lock:
            self._closing.set()
        if self._network is not None:
            self._network.close()
        self._folders.close()
        self._workers.shutdown(wait=True, cancel_futures=True)

    def hosts_said(self) -> str:
        """Each host and its last answer, for an error."""
        return "no host was tried" if self._network is None else self._network.hosts.describe()

    def _report(self, rank: int, outcome: Outcome, attempts: int = 1) -> None:
        self.results.put((rank, outcome, attempts))

    def _on_this_machine(self, batch: list[tuple[int, ImageRecord]]) -> None:
        """In a worker thread: what is staged already, then the folders, then on to the network."""
        for rank, record in batch:
            if self._closing.is_set():
                return
            try:
                outcome = self._bring(record)
                if isinstance(outcome, Failed) and self._origin.bases:
                    self._over_network(rank, record)
                    continue
            except Exception as error:  # noqa: BLE001 - the caller's thread raises it
                self._report(rank, error)
                return
            self._report(rank, outcome)

    def _over_network(self, rank: int, record: ImageRecord) -> None:
        """Hand a candidate on; the network is made when first needed, so that folders alone load no HTTP library."""
        with self._network_lock:
            if self._closing.is_set():
                return
            if self._network is None:
                from yolobg.images.remote import Network  # noqa: PLC0415 - see above

                self._network = Network(
                    self._origin.bases,
                    self._staging,
                    report=self._report,
                    limits=self._limits,
                    jobs=self._jobs,
                )
        self._network.submit(rank, record)

    def _bring(self, record: ImageRecord) -> Staged | Failed:
        is_left_over = self._is_left_over(record)
        # A file left by a run with another kind of link is made again where that is as cheap as looking at it.
        try:
            if is_left_over and (self._origin.link == "copy" or not self._origin.folders):
                kept = reuse(self._staging, record, self._first_address(record))
                if kept is not None:
                    return self._folders.credited(kept)
            source = self._folders.find(record)
            if source is not None:
                return self._folders.bring(record, source)
        except BadImageError as error:
            return Failed(record.id, str(error), 1, record.file_name)
        if is_left_over:
            kept = reuse(self._staging, record, self._first_address(record))
            if kept is not None:
                return kept
        return Failed(record.id, self._folders.why_absent(record), 1, record.file_name)

    def _is_left_over(self, record: ImageRecord) -> bool:
        return bool(self._left_over) and staged_path(self._staging, record.id).name in self._left_over

    def _first_address(self, record: ImageRecord) -> str:
        parts = safe_parts(record.file_name) or ()
        if self._origin.bases:
            return bare_url(image_url(self._origin.bases[0], parts))
        return str(self._origin.folders[0].joinpath(*parts))
