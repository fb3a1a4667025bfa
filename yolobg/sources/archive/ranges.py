"""Stretches of a remote file, fetched over several connections at once and resumable after a kill at any byte.

The bytes lie at their own places in a `.part` file as long as the remote one, with holes for the rest. A `.journal`
beside it names what has arrived; a line is written only after its bytes were. The two are used again when the journal's
first line says that they belong to the same file, so nothing is trusted that the caller's checksum would not confirm.
"""

from __future__ import annotations

import contextlib
import queue
import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from yolobg.files import discard, step, write_bytes
from yolobg.model import Progress
from yolobg.net.request import Fault
from yolobg.net.tries import Tries
from yolobg.net.turns import Crew
from yolobg.sources.archive.remote import RANGE, Answer, Remote

__all__ = ["Stretch", "discard_part", "fetch_stretches"]

Stretch = tuple[int, int]
MIN_PIECE = 256 << 10
MAX_PIECE = 8 << 20
# At most so many bytes of a connection are fetched twice after a kill. A request that brings less before it breaks
# counts as failed: a host that cuts after each byte must not be asked a million times.
NOTE_EVERY = 64 << 10
# A line without an end was cut by a kill.
_NOTED = re.compile(rb"^([0-9]{1,18}) ([0-9]{1,18})\n", re.MULTILINE)
_LOOK_S = 0.2


@dataclass(slots=True)
class _Piece:
    """Bytes that one connection fetches; `start` moves as they arrive."""

    start: int
    stop: int
    tries: Tries


@dataclass(slots=True)
class _Download:
    """The state of a download, which its connections share; `over` gets an entry for each piece that is done."""

    remote: Remote
    total: int
    part: Path
    progress: Progress
    first: Answer | None
    wanted: int
    done: int
    is_over: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)
    over: queue.SimpleQueue[BaseException | None] = field(default_factory=queue.SimpleQueue)

    def run(self, missing: Sequence[Stretch]) -> None:
        """Fetch what is missing."""
        pieces = [_Piece(*cut, self.remote.tries()) for cut in _cut(missing, self.remote.limits.ceiling)]
        crew = Crew(self._turn, self.remote.pace, name="yolobg-segment")
        try:
            for piece in pieces:
                crew.submit(piece)
            self._wait(len(pieces))
        except BaseException:
            # After an error each connection ends with its next bytes; only Ctrl-C must not wait for a silent host.
            crew.close(lambda: None if self.is_over else self.remote.close())
            raise
        crew.close(lambda: None)

    def _wait(self, pieces: int) -> None:
        """Wait until so many pieces are done, or raise the error that ended one."""
        while pieces:
            with contextlib.suppress(queue.Empty):  # wakes now and then for Ctrl-C, which Windows holds back meanwhile
                error = self.over.get(timeout=_LOOK_S)
                if error is not None:
                    raise error
                pieces -= 1

    def _turn(self, piece: _Piece) -> float | None:
        """One request for a piece, in a thread of the crew."""
        asked_for = {"Range": f"bytes={piece.start}-{piece.stop - 1}"}
        try:
            # A connection may have broken after the last byte.
            if piece.start < piece.stop and not self.is_over:
                got = self.remote.turn(piece.tries, asked_for, partial(self._receive, piece))
                if isinstance(got, float):
                    return got
            self.over.put(None)
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits
            self.is_over = True
            self.over.put(error)
        return None

    def _receive(self, piece: _Piece, answer: Answer) -> None:
        """Write an answer's body to its place in the part file; what came before a fault is noted down."""
        self._check(answer)
        noted = piece.start
        try:
            with self.part.open("r+b", buffering=0) as out:
                out.seek(piece.start)
                for chunk in answer.response.pieces():
                    data = chunk[: piece.stop - piece.start]
                    step("write", self.part)
                    out.write(data)
                    piece.start += len(data)
                    self._count(len(data))
                    if piece.start - noted >= NOTE_EVERY:
                        self._note(noted, piece.start)
                        noted = piece.start
                        piece.tries.advanced(answer.host)
                    if self.is_over:
                        return
        finally:
            if piece.start > noted:
                self._note(noted, piece.start)
        if piece.start < piece.stop:
            raise Fault("bad", "the connection was cut")

    def _check(self, answer: Answer) -> None:
        if answer.status != RANGE or answer.total != self.total:
            said = f"HTTP {answer.status} with {answer.total} bytes where {self.total} of the file were expected"
            raise Fault("bad", said)
        # Another host may name the same version otherwise.
        first = self.first
        if first is not None and first.host is answer.host and _version_of(first) != _version_of(answer):
            raise Fault("bad", "HTTP 206 with another ETag: the file changed while it was fetched")

    def _note(self, start: int, stop: int) -> None:
        """Note down bytes that are in the part file."""
        journal = self.part.with_suffix(".journal")
        step("write", journal)
        with self.lock, journal.open("ab") as handle:
            handle.write(f"{start} {stop}\n".encode())

    def _count(self, size: int) -> None:
        with self.lock:
            self.done += size
            self.progress("annotations", self.done, self.wanted)


def fetch_stretches(
    remote: Remote,
    stretches: Sequence[Stretch],
    total: int,
    part: Path,
    *,
    identity: str,
    progress: Progress,
    first: Answer | None = None,
) -> None:
    """Fetch `stretches` (start, stop; ascending, disjoint) of a file of `total` bytes to their places in `part`.

    Args:
        remote: The file; its hosts must honour Range.
        stretches: What to fetch.
        total: The whole file's size, which every host must confirm.
        part: Where to; a `.journal` lies beside it; `discard_part` removes both.
        identity: What the bytes are; an earlier part is continued only if its identity is equal.
        progress: Stage `annotations`, in bytes; what an earlier run fetched counts as done.
        first: What a host said of the file before, where nothing but that tells one version from another: answers that
            say something else are not used then.

    Raises:
        DownloadError: No host could deliver; what arrived stays for the next run.
    """
    have = _resume(part, total, identity)
    missing = [gap for stretch in stretches for gap in _gaps(stretch, have)]
    wanted, left = (sum(stop - start for start, stop in several) for several in (stretches, missing))
    progress("annotations", wanted - left, wanted)
    if missing:
        _Download(remote, total, part, progress, first, wanted, wanted - left).run(missing)


def discard_part(part: Path) -> None:
    """Remove a part and its journal."""
    discard(part, part.with_suffix(".journal"))


def _version_of(answer: Answer) -> tuple[str | None, str | None]:
    return answer.validators.get("ETag"), answer.response.headers.get("Content-Encoding")


def _cut(missing: Sequence[Stretch], connections: int) -> Iterator[Stretch]:
    """Pieces: large at first, small towards the end so that no connection is left working alone."""
    left = sum(stop - start for start, stop in missing)
    for start, stop in missing:
        at = start
        while at < stop:
            size = min(MAX_PIECE, max(MIN_PIECE, left // (2 * connections)))
            end = at + size if stop - at > size + MIN_PIECE // 2 else stop
            yield at, end
            left -= end - at
            at = end


def _resume(part: Path, total: int, identity: str) -> list[Stretch]:
    """What an earlier run has noted, ascending; the journal is started again with it."""
    journal = part.with_suffix(".journal")
    have: list[Stretch] = []
    with contextlib.suppress(OSError):
        first, _, rest = journal.read_bytes().partition(b"\n")
        if part.stat().st_size == total and first == identity.encode():
            have = sorted((int(start), int(stop)) for start, stop in _NOTED.findall(rest))
    if not have:
        step("create", part)
        with part.open("wb") as handle:
            handle.truncate(total)
    text = "".join(f"{start} {stop}\n" for start, stop in have)
    write_bytes(journal, f"{identity}\n{text}".encode())
    return have


def _gaps(stretch: Stretch, have: Sequence[Stretch]) -> Iterator[Stretch]:
    """What of a stretch is not there, where `have` is ascending."""
    at, end = stretch
    for start, stop in (*have, (end, end)):
        if at < min(start, end):
            yield at, min(start, end)
        at = max(at, stop)
