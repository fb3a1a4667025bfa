"""Annotation files from the network: members of a remote zip without the rest of it, or a plain file.

Of a zip only the central directory and the packed bytes of the members needed are fetched, where the server honours
Range; else the whole file. Either way every member must agree with the directory's size and CRC-32, and an official one
with its pinned size and SHA-256 too. The zip itself is never kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import uuid
import zipfile
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from yolobg.errors import AnnotationsError
from yolobg.files import discard, hash_file, step
from yolobg.model import Progress, no_progress
from yolobg.net.addresses import shown_url
from yolobg.net.request import Fault, content_md5
from yolobg.sources.archive.ranges import discard_part, fetch_stretches
from yolobg.sources.archive.remote import NOT_MODIFIED, RANGE, Answer, GoneError, Remote
from yolobg.sources.archive.unpack import DAMAGE, JsonFile, check_ratio, inflate, open_zip, require_space
from yolobg.sources.location import Pin

__all__ = ["GoneError", "Remote", "UnchangedError", "fetch_file", "fetch_members"]

# The directory of COCO's zip has a few hundred bytes; a zip with many members may need more than the first try.
TAILS = (64 << 10, 1 << 20, 16 << 20)
# How often a plain file that comes damaged is fetched.
COPIES = 3


class UnchangedError(Exception):
    """The server says that the file is still the one that the validators describe."""


class _End(io.BytesIO):
    """The last bytes of a file of `total` bytes, to be read at their own places; `EOFError` before them."""

    def __init__(self, data: bytes, total: int) -> None:
        super().__init__(data)
        self.start, self.total = total - len(data), total

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self.tell(), io.SEEK_END: self.total}[whence]
        if at < self.start:
            raise EOFError(f"byte {at} of the archive was not fetched")
        return super().seek(at - self.start) + self.start

    def tell(self) -> int:
        return super().tell() + self.start


def fetch_members(
    remote: Remote,
    choose: Callable[[Sequence[str]], Sequence[str]],
    folder: Path,
    *,
    parts: Path | None = None,
    pins: Mapping[str, Pin] | None = None,
    known: Mapping[str, str] | None = None,
    progress: Progress = no_progress,
) -> tuple[dict[str, JsonFile], Mapping[str, str]]:
    """Fetch some members of a zip that one or more hosts have, and unpack them into `folder`.

    Args:
        remote: The zip.
        choose: Picks members from the names in the zip.
        folder: For the result.
        parts: For the `.part` that a later call continues; None is `folder`.
        pins: What members must be; a host whose zip has others is passed over.
        known: Validators of an earlier answer.
        progress: Stages `annotations` (bytes fetched) and `unpack` (bytes).

    Returns:
        The files by their members' names, and what the server said of the zip.

    Raises:
        UnchangedError: The zip is still the one that `known` describes.
        DownloadError: No host delivers it; the message names each and what it answered.
        AnnotationsError: It does not hold the members needed.
        YolobgError: The disk has too little room.
    """
    pins, part = pins or {}, (parts or folder) / "archive.part"
    whole = part.with_name("whole.part")
    with contextlib.closing(remote):
        while True:
            answer, end = _begin(remote, TAILS[0], known, whole, progress)
            infos: Sequence[zipfile.ZipInfo] = ()
            try:
                archive, end = _directory(remote, end, whole)
                infos = _choose(archive, choose, pins)
                # Where a file system keeps no holes, the part takes as much room as the zip.
                room = sum(info.file_size for info in infos) + (end.total if end else 0)
                require_space(folder, room, "fetching and unpacking the annotations")
                if end:
                    _fetch(remote, archive, end, infos, part, progress)
                files = _unpack(part if end else whole, infos, folder, pins, progress)
            except (Fault, AnnotationsError, FileNotFoundError, *DAMAGE) as error:
                discard(whole)
                if infos:  # else the part of an earlier run is not to blame
                    discard_part(part)
                # Once may be a bad transfer, or a part that was noted down but never reached the disk in a power cut.
                if answer.host in remote.doubted and isinstance(error, AnnotationsError):
                    raise
                remote.doubt(answer.host, f"not the file expected: {error}")
            else:
                discard(whole)
                discard_part(part)
                return files, answer.validators


def fetch_file(
    remote: Remote,
    folder: Path,
    *,
    parts: Path | None = None,
    known: Mapping[str, str] | None = None,
    progress: Progress = no_progress,
) -> tuple[Path, Mapping[str, str]]:
    """Fetch a whole file into `folder`, resuming what an earlier call began in `parts` (None is `folder`).

    Returns:
        Its path, and what the server said of it.

    Raises:
        UnchangedError: The file is still the one that `known` describes.
        GoneError: There is no such file.
        DownloadError: It cannot be fetched.
        YolobgError: The disk has too little room.
    """
    name = hashlib.sha256(remote.urls[0].encode()).hexdigest()[:16]
    part, done = (parts or folder) / f"{name}.part", folder / f"{name}.json"
    seen = set[str | None]()
    with contextlib.closing(remote):
        while True:
            answer, _ = _begin(remote, 0, known, part, progress)
            if answer.status == RANGE:
                total = answer.total or 0
                require_space(part.parent, total, f"fetching {shown_url(remote.urls[0])}")
                # Without a validator nothing says that a later answer is about the same bytes: nothing is continued.
                proof = answer.validators or {"run": uuid.uuid4().hex}
                identity = json.dumps([total, sorted(proof.items())])
                fetch_stretches(remote, [(0, total)], total, part, identity=identity, progress=progress, first=answer)
            promised = content_md5(answer.response.headers)
            found = hash_file(part, "md5") if promised else None
            # The same content twice is no damage: there are servers whose ETags only look like an MD5.
            if found == promised or found in seen:
                step("rename", done)
                part.replace(done)
                discard_part(part)
                return done, answer.validators
            seen.add(found)
            discard_part(part)
            damage = "damaged on the way: its MD5 is not what the server's ETag says"
            remote.doubt(answer.host, damage, copies=COPIES)


def _begin(
    remote: Remote, tail: int, known: Mapping[str, str] | None, whole: Path, progress: Progress
) -> tuple[Answer, _End | None]:
    """Ask for the last `tail` bytes of a file, which may be none, unless it is the one that `known` describes.

    Where there is no Range, the whole file is in `whole` afterwards.
    """
    conditions = {}
    if known and "ETag" in known:
        conditions["If-None-Match"] = known["ETag"]
    elif known and "Last-Modified" in known:
        conditions["If-Modified-Since"] = known["Last-Modified"]

    def take(answer: Answer) -> tuple[Answer, _End | None]:
        if answer.status == NOT_MODIFIED or (conditions and answer.validators == known):
            raise UnchangedError
        if answer.status == RANGE:
            return answer, _take_end(answer) if tail else None
        _take_whole(answer, whole, progress)
        return answer, None

    return remote.fetch({"Range": f"bytes=-{tail}" if tail else "bytes=0-0", **conditions}, take)


def _take_whole(answer: Answer, part: Path, progress: Progress) -> None:
    """Write a whole file to disk; a broken transfer can only begin again."""
    if answer.total is not None:
        require_space(part.parent, answer.total, "fetching the archive")
    step("create", part)
    done = 0
    with part.open("wb") as out:
        for chunk in answer.response.pieces():
            step("write", part)
            out.write(chunk)
            done += len(chunk)
            progress("annotations", done, answer.total)
    if answer.total not in (None, done):
        raise Fault("bad", f"HTTP {answer.status} with {done} of {answer.total} bytes")


def _take_end(answer: Answer) -> _End:
    if answer.status == RANGE:
        data = bytearray()
        for piece in answer.response.pieces():
            data += piece
            if len(data) > TAILS[-1]:
                raise Fault("bad", f"HTTP {answer.status} with more bytes than were requested")
        if answer.total == answer.start + len(data):
            return _End(bytes(data), answer.total)
    raise Fault("bad", f"HTTP {answer.status} with other bytes than the last ones, which were requested")


def _directory(remote: Remote, end: _End | None, whole: Path) -> tuple[zipfile.ZipFile, _End | None]:
    """What a zip's directory says, and the last bytes of the zip that hold it, unless all of it is in `whole`."""
    if end is None:
        with open_zip(whole) as archive:
            return archive, None
    for size in TAILS:
        if size != TAILS[0]:
            end = remote.fetch({"Range": f"bytes=-{size}"}, _take_end)
        with contextlib.suppress(EOFError), zipfile.ZipFile(end) as archive:
            return archive, end
    raise Fault("bad", f"its directory is longer than {TAILS[-1]} bytes")


def _choose(
    archive: zipfile.ZipFile, choose: Callable[[Sequence[str]], Sequence[str]], pins: Mapping[str, Pin]
) -> list[zipfile.ZipInfo]:
    names = archive.namelist()
    if missing := set(pins).difference(names):
        raise Fault("bad", f"it lacks {', '.join(sorted(missing))}")
    infos = [archive.getinfo(name) for name in choose(names)]
    for info in infos:
        if not 0 <= info.header_offset < archive.start_dir:
            raise zipfile.BadZipFile(f"{info.filename} is not in it")
        check_ratio(info, info.filename)
        pin = pins.get(info.filename)
        if pin and (info.file_size != pin.size_bytes or pin.crc32 not in (None, info.CRC)):
            raise Fault("bad", f"its {info.filename} is not the official one ({info.file_size} bytes)")
    return infos


def _fetch(
    remote: Remote,
    archive: zipfile.ZipFile,
    end: _End,
    infos: Sequence[zipfile.ZipInfo],
    part: Path,
    progress: Progress,
) -> None:
    """Fetch what is missing of a zip to its place in `part`."""
    # From each local header to the next one, or to the directory.
    ends = sorted({info.header_offset for info in archive.infolist()} | {archive.start_dir})
    starts = sorted(info.header_offset for info in infos)
    stretches = [(at, ends[bisect_right(ends, at)]) for at in starts if at < end.start]
    # What the directory says is the same on every mirror and changes with the content, unlike an ETag.
    identity = json.dumps([end.total, [[i.filename, i.header_offset, i.compress_size, i.CRC] for i in infos]])
    fetch_stretches(remote, stretches, end.total, part, identity=identity, progress=progress)
    with part.open("r+b") as out:
        step("write", part)
        out.seek(end.start)
        out.write(end.getbuffer())


def _unpack(
    part: Path, infos: Sequence[zipfile.ZipInfo], folder: Path, pins: Mapping[str, Pin], progress: Progress
) -> dict[str, JsonFile]:
    files = {}
    with open_zip(part) as archive:
        for number, info in enumerate(infos):
            name, size, pin = info.filename, info.file_size, pins.get(info.filename)
            # zipfile compares size and CRC-32 with the directory when the last byte is read.
            with archive.open(info) as stream:
                files[name] = inflate(stream, folder / f"member{number}.json", size, name, progress, total=size)
            if pin and pin.sha256 not in (None, files[name].sha256):
                raise Fault("bad", f"its {name} has SHA-256 {files[name].sha256}, the official one {pin.sha256}")
    return files
