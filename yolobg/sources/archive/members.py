"""Annotation files from the network: members of a remote zip without the rest of it, or a plain file.

Of a zip only the central directory and the packed bytes of the members needed are fetched, where the server honours
Range; else the whole file. Either way every member must agree with the directory's size and CRC-32, and an official one
with its pinned size and SHA-256 too. The zip itself is never kept.
"""

from __future__ import annotations

import contextlib
import io
import json
import zipfile
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from yolobg.errors import AnnotationsError, DownloadError
from yolobg.model import Progress, no_progress
from yolobg.net.retries import backoff_s
from yolobg.sources.archive.ranges import Stretch, fetch_stretches
from yolobg.sources.archive.remote import GoneError, Remote, ResponseHead, TransientError
from yolobg.sources.archive.request import FIRST_WAIT_S, MAX_WAIT_S
from yolobg.sources.archive.unpack import JsonFile, inflate, require_space
from yolobg.sources.archive.whole_file import (
    TRIES,
    WHOLE,
    UnchangedError,
    ask,
    fetch_file,
    fetch_whole,
    remove_part,
)
from yolobg.sources.archive.zip_limits import DAMAGE, check_ratio, open_zip
from yolobg.sources.location import Pin

__all__ = [
    "Fetched",
    "GoneError",
    "Remote",
    "Stretches",
    "UnchangedError",
    "fetch_file",
    "fetch_members",
]

# The directory of COCO's zip has a few hundred bytes; a zip with many members may need more than the first try.
TAILS = (64 << 10, 1 << 20, 16 << 20)
_RANGE = 206
_DAMAGE = (*DAMAGE, FileNotFoundError)


class _OtherFileError(Exception):
    """A host has something, but not the file expected."""


@dataclass(frozen=True, slots=True)
class _Tail:
    total: int
    start: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Fetched:
    """Plain files by member name, and what the server said of the file they came from."""

    files: Mapping[str, JsonFile]
    validators: Mapping[str, str]


def fetch_members(
    remote: Remote,
    choose: Callable[[Sequence[str]], Sequence[str]],
    folder: Path,
    *,
    parts: Path | None = None,
    pins: Mapping[str, Pin] | None = None,
    known: Mapping[str, str] | None = None,
    progress: Progress = no_progress,
) -> Fetched:
    """Fetch some members of a zip that one or more hosts have, and unpack them into `folder`.

    Args:
        remote: The zip.
        choose: Picks members from the names in the zip.
        folder: For the result.
        parts: For the `.part` that a later call continues; None is `folder`.
        pins: What members must be; a host whose zip has others is passed over.
        known: Validators of an earlier answer.
        progress: Stages `annotations` (bytes fetched) and `unpack` (bytes).

    Raises:
        UnchangedError: The zip is still the one that `known` describes.
        DownloadError: No host delivers it; the message names each and what it answered.
        AnnotationsError: It does not hold the members needed.
        YolobgError: The disk has too little room.
    """
    with contextlib.closing(remote):
        return _fetch_members(remote, choose, folder, (parts or folder) / "archive.part", pins or {}, known, progress)


def _fetch_members(
    remote: Remote,
    choose: Callable[[Sequence[str]], Sequence[str]],
    folder: Path,
    part: Path,
    pins: Mapping[str, Pin],
    known: Mapping[str, str] | None,
    progress: Progress,
) -> Fetched:
    doubted, whole = set[str](), part.with_name("whole.part")
    while True:
        answer, is_directory_good = ask(remote, {"Range": f"bytes=-{TAILS[0]}"}, known), False
        try:
            with _open_tail(remote, answer, whole, progress) as (archive, tail):
                infos = _choose(archive, choose, pins)
                needed = [] if tail is None else _stretches(archive, infos, tail)
            is_directory_good = True
            _check_space(folder, infos, needed)
            held = whole if tail is None else part
            files = _extract(remote, infos, tail, needed, held, folder, progress)
            _check_digests(files, pins)
        except (_OtherFileError, AnnotationsError, *_DAMAGE) as error:
            remove_part(whole)
            if is_directory_good:  # else the part of an earlier run is not to blame
                remove_part(part)
            # Once may be a bad transfer, or a part that was noted down but never reached the disk before a power cut.
            if answer.url in doubted or (is_directory_good and isinstance(error, _OtherFileError)):
                if isinstance(error, AnnotationsError):
                    raise
                remote.exclude(answer.url, f"not the file expected: {error}")
            doubted.add(answer.url)
        else:
            remove_part(part)
            remove_part(whole)
            return Fetched(files, answer.validators)


@contextlib.contextmanager
def _open_tail(
    remote: Remote, answer: ResponseHead, whole: Path, progress: Progress
) -> Iterator[tuple[zipfile.ZipFile, _Tail | None]]:
    """Open the zip's directory from its last bytes; where there is no Range, fetch the whole zip into `whole`."""
    if answer.status == WHOLE:
        fetch_whole(remote, answer, whole, progress)
        with open_zip(whole) as archive:
            yield archive, None
        return
    for size in TAILS:
        if size != TAILS[0]:
            answer = remote.get({"Range": f"bytes=-{size}"})
        data = _read_all(remote, answer, size)
        tail = _Tail(answer.total or 0, answer.start, data)
        with contextlib.suppress(EOFError):
            with zipfile.ZipFile(Stretches(tail.total, [(tail.start, data)], None)) as archive:
                yield archive, tail
            return
    raise _OtherFileError(f"its directory is longer than {TAILS[-1]} bytes")


def _read_all(remote: Remote, answer: ResponseHead, size: int) -> bytes:
    for tried in range(1, TRIES + 1):
        with contextlib.suppress(TransientError):
            data = b"".join(remote.body(answer))
            if answer.status == _RANGE and answer.total == answer.start + len(data):
                return data
            remote.deprioritize(answer.url, f"HTTP {answer.status} with other bytes than the last {size} requested")
        if tried < TRIES:
            remote.pause(backoff_s(tried, first_s=FIRST_WAIT_S, cap_s=MAX_WAIT_S))
            answer = remote.get({"Range": f"bytes=-{size}"})
    raise DownloadError(remote.failure_summary())


def _choose(
    archive: zipfile.ZipFile, choose: Callable[[Sequence[str]], Sequence[str]], pins: Mapping[str, Pin]
) -> list[zipfile.ZipInfo]:
    names = archive.namelist()
    if missing := set(pins).difference(names):
        raise _OtherFileError(f"it lacks {', '.join(sorted(missing))}")
    infos = [archive.getinfo(name) for name in choose(names)]
    for info in infos:
        if not 0 <= info.header_offset < archive.start_dir:
            raise zipfile.BadZipFile(f"{info.filename} is not in it")
        check_ratio(info, info.filename)
        pin = pins.get(info.filename)
        if pin and (info.file_size != pin.size_bytes or pin.crc32 not in (None, info.CRC)):
            raise _OtherFileError(f"its {info.filename} is not the official one ({info.file_size} bytes)")
    return infos


def _stretches(archive: zipfile.ZipFile, infos: Sequence[zipfile.ZipInfo], tail: _Tail) -> list[Stretch]:
    """Where the members lie: from each local header to the next one, or to the directory."""
    ends = sorted({info.header_offset for info in archive.infolist()} | {archive.start_dir})
    starts = sorted(info.header_offset for info in infos if info.header_offset < tail.start)
    return [(start, ends[bisect_right(ends, start)]) for start in starts]


def _check_space(folder: Path, infos: Sequence[zipfile.ZipInfo], needed: Sequence[Stretch]) -> None:
    packed = sum(stop - start for start, stop in needed)
    require_space(folder, packed + sum(info.file_size for info in infos), "fetching and unpacking the annotations")


def _extract(
    remote: Remote,
    infos: Sequence[zipfile.ZipInfo],
    tail: _Tail | None,
    needed: Sequence[Stretch],
    part: Path,
    folder: Path,
    progress: Progress,
) -> dict[str, JsonFile]:
    if tail is None:
        with open_zip(part) as archive:
            return _inflate(archive, infos, folder, progress)
    if needed:
        # What the directory says is the same on every mirror and changes with the content, unlike an ETag.
        identity = json.dumps([tail.total, [[i.filename, i.header_offset, i.compress_size, i.CRC] for i in infos]])
        fetch_stretches(remote, needed, tail.total, part, identity=identity, progress=progress)
    with contextlib.ExitStack() as stack:
        local = (stack.enter_context(part.open("rb")), needed) if needed else None
        view = Stretches(tail.total, [(tail.start, tail.data)], local)
        archive = stack.enter_context(zipfile.ZipFile(io.BufferedReader(view, 1 << 20)))
        return _inflate(archive, infos, folder, progress)


def _inflate(
    archive: zipfile.ZipFile, infos: Sequence[zipfile.ZipInfo], folder: Path, progress: Progress
) -> dict[str, JsonFile]:
    files = {}
    for number, info in enumerate(infos):
        # zipfile compares size and CRC-32 with the directory when the last byte is read.
        with archive.open(info) as stream:
            files[info.filename] = inflate(
                stream,
                folder / f"member{number}.json",
                info.file_size,
                info.filename,
                progress,
                total=info.file_size,
            )
    return files


def _check_digests(files: Mapping[str, JsonFile], pins: Mapping[str, Pin]) -> None:
    for name, file in files.items():
        pin = pins.get(name)
        if pin and pin.sha256 not in (None, file.sha256):
            raise _OtherFileError(f"its {name} has SHA-256 {file.sha256}, the official one {pin.sha256}")


class Stretches(io.RawIOBase):
    """A read-only view of the whole remote file, of which only some stretches are here.

    Args:
        total: The file's size.
        pieces: (start, bytes) held in memory, looked at first.
        part: The part file, if any, with its stretches.
    """

    def __init__(
        self, total: int, pieces: Sequence[tuple[int, bytes]], part: tuple[io.BufferedReader, Sequence[Stretch]] | None
    ) -> None:
        super().__init__()
        self._total, self._pieces, self._part, self._at = total, pieces, part, 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go somewhere; nothing is fetched.

        Raises:
            ValueError: The place lies before the file, as damaged directories have it.
        """
        at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._total}[whence]
        if at < 0:
            raise ValueError(f"no byte {at}")
        self._at = at
        return at

    def tell(self) -> int:
        """Where reading goes on."""
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read what is here; 0 at the end of the file.

        Raises:
            EOFError: These bytes were not fetched.
        """
        data = self._look(len(buffer)) if self._at < self._total else b""
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def _look(self, size: int) -> bytes:
        for start, data in self._pieces:
            if start <= self._at < start + len(data):
                return data[self._at - start : self._at - start + size]
        before = 0
        for start, stop in self._part[1] if self._part else ():
            if self._part and start <= self._at < stop:
                self._part[0].seek(before + self._at - start)
                return self._part[0].read(min(size, stop - self._at))
            before += stop - start
        raise EOFError(f"byte {self._at} of the archive was not fetched")
