"""Stretches of a remote file, fetched over several connections at once and resumable after a kill at any byte.

The bytes lie at their own places in a `.part` file as long as the remote one, with holes for the rest. A `.journal`
beside it names what has arrived; a line is written only after its bytes were. The two are used again when the journal's
first line says that they belong to the same file, so nothing is trusted that the caller's checksum would not confirm.
"""

from __future__ import annotations

import contextlib
import io
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from yolobg.errors import DownloadError, YolobgError
from yolobg.files import step, write_bytes
from yolobg.model import Progress
from yolobg.net.addresses import shown_url
from yolobg.net.retries import backoff_s
from yolobg.sources.archive.remote import ATTEMPTS, Remote, ResponseHead, TransientError
from yolobg.sources.archive.request import FIRST_WAIT_S, MAX_WAIT_S
from yolobg.threads import start_thread

__all__ = ["Stretch", "fetch_stretches"]

Stretch = tuple[int, int]
MIN_PIECE = 256 << 10
MAX_PIECE = 8 << 20
# At most so many bytes of a connection are fetched twice after a kill.
JOURNAL_EVERY = 256 << 10
_DIGITS = 20
_RANGE = 206
# A try that brings less counts as failed: a host that cuts after each byte must not be asked a million times.
ENOUGH = 64 << 10
# Answers about another version of the file after which it counts as changed.
CHANGES = 3


@dataclass(slots=True)
class _Job:
    """What the connections share; every field but `remote` only under `lock`."""

    remote: Remote
    total: int
    part: Path
    progress: Progress
    first: ResponseHead | None
    missing: list[Stretch]
    wanted: int
    done: int
    lock: threading.Lock = field(default_factory=threading.Lock)
    changes: int = 0
    error: BaseException | None = None

    def take(self) -> Stretch | None:
        """The next piece: large at first, small towards the end so that no connection is left working alone."""
        with self.lock:
            if not self.missing or self.error:
                return None
            start, stop = self.missing.pop(0)
            left = stop - start + _size_of(self.missing)
            size = min(MAX_PIECE, max(MIN_PIECE, left // (2 * self.remote.connections)))
            if stop - start > size + MIN_PIECE // 2:
                self.missing.insert(0, (start + size, stop))
                stop = start + size
            return start, stop

    def note(self, start: int, stop: int) -> None:
        """Note down bytes that are in the part file."""
        journal = self.part.with_suffix(".journal")
        step("write", journal)
        with self.lock, journal.open("ab") as handle:
            handle.write(f"{start} {stop}\n".encode())

    def count(self, size: int) -> None:
        """Report bytes that arrived."""
        with self.lock:
            self.done += size
            self.progress("annotations", self.done, self.wanted)

    def check(self, answer: ResponseHead) -> None:
        """Refuse an answer that is not about the file whose bytes are here.

        Raises:
            TransientError: It is about something else, this time.
            DownloadError: It was so too often.
        """
        # Another host may name the same version otherwise.
        known = self.first if self.first and self.first.url == answer.url else answer
        same = _version_of(known) == _version_of(answer)
        with self.lock:
            self.changes = 0 if same else self.changes + 1
        if same and answer.status == _RANGE and answer.total == self.total:
            return
        answer.response.close()
        if self.changes >= CHANGES:
            raise DownloadError(f"{shown_url(answer.url)}: the file changed while it was fetched; run again")
        reason = f"HTTP {answer.status} with {answer.total} bytes where {self.total} of the file were expected"
        self.remote.deprioritize(answer.url, reason if same else "HTTP 206 with another ETag: the file changed")
        raise TransientError(reason)

    def fail(self, error: BaseException) -> None:
        """Make all connections stop; the first failure is the one reported."""
        with self.lock:
            self.error = self.error or error
        self.remote.stop()


def fetch_stretches(
    remote: Remote,
    stretches: Sequence[Stretch],
    total: int,
    part: Path,
    *,
    identity: str,
    progress: Progress,
    first: ResponseHead | None = None,
) -> None:
    """Fetch `stretches` (start, stop; ascending, disjoint) of a file of `total` bytes to their places in `part`.

    Args:
        remote: The file; its hosts must honour Range.
        stretches: What to fetch.
        total: The whole file's size, which every host must confirm.
        part: Where to; a `.journal` lies beside it. Both are the caller's to remove.
        identity: What the bytes are; an earlier part is continued only if its identity is equal.
        progress: Stage `annotations`, in bytes; what an earlier run fetched counts as done.
        first: What a host said of the file before, where nothing but that tells one version from another: answers that
            say something else are not used then.

    Raises:
        DownloadError: No host could deliver; what arrived stays for the next run.
    """
    have = _resume(part, total, identity)
    missing = [gap for stretch in stretches for gap in _gaps(stretch, have)]
    wanted = _size_of(stretches)
    job = _Job(remote, total, part, progress, first, missing, wanted, wanted - _size_of(missing))
    progress("annotations", job.done, wanted)
    # Daemons: after Ctrl-C the process must not wait for a silent host.
    threads = _start_all(job, remote.connections if missing else 0)
    try:
        for thread in threads:
            while thread.is_alive():
                thread.join(0.2)
    except BaseException as error:
        job.fail(error)
        raise
    if job.error:
        raise job.error


def _start_all(job: _Job, wanted: int) -> list[threading.Thread]:
    threads: list[threading.Thread] = []
    for _ in range(wanted):
        try:
            threads.append(start_thread(_work, job, name="yolobg-segment"))
        except YolobgError:
            # Fewer fetch all of it as well.
            if not threads:
                raise
            break
    return threads


def _version_of(answer: ResponseHead) -> str:
    return f"{answer.validators.get('ETag')} {answer.response.headers.get('Content-Encoding')}"


def _work(job: _Job) -> None:
    try:
        with job.part.open("r+b", buffering=0) as out:
            while piece := job.take():
                _fetch_piece(job, out, *piece)
    except BaseException as error:  # noqa: BLE001  # handed to the thread that waits
        job.fail(error)


def _fetch_piece(job: _Job, out: io.FileIO, start: int, stop: int) -> None:
    silent = 0
    while start < stop and not job.error:
        before = start
        try:
            for reached in _receive(job, out, start, stop):
                start = reached
        except TransientError as error:
            silent = 0 if start - before >= ENOUGH else silent + 1
            if silent >= ATTEMPTS:
                raise DownloadError(job.remote.failure_summary()) from error
            if silent:
                job.remote.pause(backoff_s(silent, first_s=FIRST_WAIT_S, cap_s=MAX_WAIT_S))


def _receive(job: _Job, out: io.FileIO, start: int, stop: int) -> Iterator[int]:
    """Fetch from `start` towards `stop` in one request; yields how far it is after each write."""
    answer = job.remote.get({"Range": f"bytes={start}-{stop - 1}"})
    job.check(answer)
    noted = at = start
    out.seek(start)
    try:
        for chunk in job.remote.body(answer):
            data = chunk[: stop - at]
            step("write", job.part)
            out.write(data)
            at += len(data)
            job.count(len(data))
            if at - noted >= JOURNAL_EVERY:
                job.note(noted, at)
                noted = at
            yield at
            if job.error:
                return
    finally:
        if at > noted:
            job.note(noted, at)
    if at < stop:
        job.remote.deprioritize(answer.url, "the connection was cut")
        raise TransientError("the connection was cut")


# ---------------------------------------------------------------- what is already there


def _resume(part: Path, total: int, identity: str) -> list[Stretch]:
    """Merge what an earlier run has noted, and restart the journal with it."""
    journal = part.with_suffix(".journal")
    have: list[Stretch] = []
    with contextlib.suppress(OSError):
        lines = journal.read_bytes().split(b"\n")
        if part.stat().st_size == total and lines[0] == identity.encode():
            have = _merge(_parse_lines(lines[1:-1]))  # the last line has no end: it was cut by a kill, or is empty
    if not have:
        step("create", part)
        with part.open("wb") as handle:
            handle.truncate(total)
    text = "".join(f"{start} {stop}\n" for start, stop in have)
    write_bytes(journal, f"{identity}\n{text}".encode())
    return have


def _parse_lines(lines: Sequence[bytes]) -> Iterator[Stretch]:
    for line in lines:
        numbers = line.split()
        if len(numbers) == 2 and all(number.isdigit() and len(number) < _DIGITS for number in numbers):  # noqa: PLR2004  # start and stop
            yield int(numbers[0]), int(numbers[1])


def _merge(pieces: Iterator[Stretch]) -> list[Stretch]:
    merged: list[Stretch] = []
    for start, stop in sorted(pieces):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], stop))
        elif start < stop:
            merged.append((start, stop))
    return merged


def _gaps(stretch: Stretch, have: Sequence[Stretch]) -> Iterator[Stretch]:
    at, end = stretch
    for start, stop in have:
        if at < start < end:
            yield at, start
        if start < end:
            at = max(at, stop)
    if at < end:
        yield at, end


def _size_of(stretches: Sequence[Stretch]) -> int:
    return sum(stop - start for start, stop in stretches)
