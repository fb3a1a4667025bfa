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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from yolobg.errors import AnnotationsError
from yolobg.files import step
from yolobg.model import Progress, no_progress
from yolobg.sources.archive.ranges import Stretch, fetch_stretches
from yolobg.sources.archive.remote import GoneError, Remote, ResponseHead, TransientError
from yolobg.sources.archive.unpack import JsonFile, inflate, require_space
from yolobg.sources.archive.whole_file import (
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
    part = (parts or folder) / "archive.part"
    whole, doubted = part.with_name("whole.part"), set[str]()
    with contextlib.closing(remote):
        while True:
            answer, zip_ = ask(remote, {"Range": f"bytes=-{TAILS[0]}"}, known), None
            try:
                zip_ = _read_directory(
                    remote, answer, whole, progress, lambda opened: _choose(opened, choose, pins or {})
                )
                files = _bring(remote, zip_, part if zip_.end else whole, folder, progress)
                _check_digests(files, pins or {})
            except (_OtherFileError, AnnotationsError, *_DAMAGE) as error:
                remove_part(whole)
                if zip_:  # else the part of an earlier run is not to blame
                    remove_part(part)
                # Once may be a bad transfer, or a part that was noted down but never reached the disk in a power cut.
                if answer.url in doubted or (zip_ and isinstance(error, _OtherFileError)):
                    if isinstance(error, AnnotationsError):
                        raise
                    remote.exclude(answer.url, f"not the file expected: {error}")
                doubted.add(answer.url)
            else:
                remove_part(part)
                remove_part(whole)
                return Fetched(files, answer.validators)


class _End(io.BytesIO):
    """The last bytes of a file of `total` bytes, to be read at their own places.

    Raises:
        EOFError: When a place before them is looked for.
        ValueError: When that lies before the file, as damaged directories have it.
    """

    def __init__(self, data: bytes, total: int) -> None:
        super().__init__(data)
        self.start, self.total = total - len(data), total

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self.tell(), io.SEEK_END: self.total}[whence]
        if 0 <= at < self.start:
            raise EOFError(f"byte {at} of the archive was not fetched")
        return super().seek(at - self.start) + self.start

    def tell(self) -> int:
        return super().tell() + self.start


@dataclass(frozen=True, slots=True)
class _Zip:
    """The members wanted of a zip, where they lie, and its end; None where the whole zip is here."""

    infos: Sequence[zipfile.ZipInfo]
    stretches: Sequence[Stretch]
    end: _End | None


def _read_directory(
    remote: Remote,
    answer: ResponseHead,
    whole: Path,
    progress: Progress,
    choose: Callable[[zipfile.ZipFile], Sequence[zipfile.ZipInfo]],
) -> _Zip:
    """Read a zip's directory from its last bytes; where there is no Range, fetch the whole zip into `whole`."""
    if answer.status == WHOLE:
        fetch_whole(remote, answer, whole, progress)
        with open_zip(whole) as archive:
            return _Zip(choose(archive), (), None)
    for size in TAILS:
        if size != TAILS[0]:
            answer = remote.get({"Range": f"bytes=-{size}"})
        end = _read_end(remote, answer, size)
        with contextlib.suppress(EOFError), zipfile.ZipFile(end) as archive:
            infos = choose(archive)
            # From each local header to the next one, or to the directory.
            ends = sorted({info.header_offset for info in archive.infolist()} | {archive.start_dir})
            starts = sorted(info.header_offset for info in infos)
            return _Zip(infos, [(start, ends[bisect_right(ends, start)]) for start in starts if start < end.start], end)
    raise _OtherFileError(f"its directory is longer than {TAILS[-1]} bytes")


def _read_end(remote: Remote, answer: ResponseHead, size: int) -> _End:
    def take(answer: ResponseHead) -> _End:
        data = b"".join(remote.body(answer))
        if answer.status != _RANGE or answer.total != answer.start + len(data):
            remote.deprioritize(answer.url, f"HTTP {answer.status} with other bytes than the last {size} requested")
            raise TransientError("other bytes")
        return _End(data, answer.total)

    return remote.read(answer, {"Range": f"bytes=-{size}"}, take)


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


def _bring(remote: Remote, zip_: _Zip, part: Path, folder: Path, progress: Progress) -> dict[str, JsonFile]:
    """Fetch what is wanted of a zip to its place in `part`, and unpack it."""
    end, infos = zip_.end, zip_.infos
    # Where a file system keeps no holes, the part takes as much room as the zip.
    room = sum(info.file_size for info in infos) + (end.total if end else 0)
    require_space(folder, room, "fetching and unpacking the annotations")
    if end is not None:
        # What the directory says is the same on every mirror and changes with the content, unlike an ETag.
        identity = json.dumps([end.total, [[i.filename, i.header_offset, i.compress_size, i.CRC] for i in infos]])
        fetch_stretches(remote, zip_.stretches, end.total, part, identity=identity, progress=progress)
        with part.open("r+b") as out:
            step("write", part)
            out.seek(end.start)
            out.write(end.getbuffer())
    with open_zip(part) as archive:
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
