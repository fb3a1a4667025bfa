"""Writes into staging: `{source_id}.part` while incomplete, `{source_id}.staged` when verified.

Neither name ends in an image suffix, so no trainer ever lists them. Files are always newly created (never through a
link that was planted) and honour the umask.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import mmap
import os
import re
import stat
import zlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from yolobg import files
from yolobg.errors import DownloadError
from yolobg.files import staged_path
from yolobg.images.check import Depth, check_image
from yolobg.images.jpeg_png import BadImageError, Data
from yolobg.model import Failed, ImageRecord, Staged

if TYPE_CHECKING:
    from hashlib import _Hash

__all__ = [
    "Incoming",
    "Outcome",
    "content_of",
    "create_new",
    "part_path",
    "remove_partial",
    "reuse",
    "write_all",
    "write_guard",
]

_SMALL_BYTES = 4 << 20
_WRITE_BYTES = 64 << 20


def part_path(staging: Path, source_id: int) -> Path:
    """Where an image lies while it is incomplete."""
    return staging / f"{source_id}.part"


def remove_partial(staging: Path) -> None:
    """Remove what a killed run left incomplete; the dataset's lock keeps others out of staging.

    Raises:
        DownloadError: Staging cannot be written.
    """
    with write_guard(staging):
        for path in staging.glob("*.part"):
            if re.fullmatch(r"-?[0-9]+", path.stem):
                files.step("unlink", path)
                path.unlink()


@contextlib.contextmanager
def write_guard(staging: Path) -> Iterator[None]:
    """Turn a failure to write into staging into an error that says what to do.

    Raises:
        DownloadError: The disk is full, the folder is read-only or the like; nothing else can be staged either.
        BadImageError: Too many files are open; that passes.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.EMFILE, errno.ENFILE):
            raise BadImageError("this machine is out of file handles") from error
        raise DownloadError(
            f"{staging}: cannot write here: {error.strerror or error}; free some space or fix the permissions, then "
            "run again (what was fetched so far is kept)"
        ) from error


@contextlib.contextmanager
def content_of(path: Path) -> Iterator[Data]:
    """A file's whole content; large files are mapped, so memory stays flat.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as handle:
        size = os.fstat(handle.fileno()).st_size
        if size <= _SMALL_BYTES:
            yield handle.read()
            return
        with mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            yield mapped


def reuse(staging: Path, record: ImageRecord, url: str) -> Staged | None:
    """Take over a file that an interrupted run has verified, after verifying it again with a decode.

    Returns None, and removes what lies there, when it is not that image.
    """
    path = staged_path(staging, record.id)
    with contextlib.suppress(OSError, BadImageError):
        if stat.S_ISREG(path.lstat().st_mode):
            with content_of(path) as data:
                check_image(data, record, depth="decode")
                return Staged(record, staging, len(data), hashlib.sha256(data).hexdigest(), url)
    with write_guard(staging):
        files.step("unlink", path)
        path.unlink(missing_ok=True)
    return None


@dataclass(slots=True)
class BodyInfo:
    """What an answer's headers say of its body.

    Attributes:
        url: Where it came from.
        md5: That of the content, where the server tells it.
        encoding: The content coding, lower case; empty for none.
    """

    url: str
    md5: str | None = None
    encoding: str = ""


class EtagMismatchError(BadImageError):
    """The content's MD5 is not what the ETag says. `sha256` is that of the content."""

    def __init__(self, sha256: str) -> None:
        super().__init__("its MD5 is not what the server's ETag says: damaged on the way")
        self.sha256 = sha256


class Incoming:
    """One body on its way to disk: written and hashed piece by piece, verified at the end.

    All methods block and are meant for a worker thread, one at a time. `discard` undoes everything; it is safe to call
    twice and after `finish`.
    """

    def __init__(self, staging: Path, record: ImageRecord, answer: BodyInfo, *, limit_bytes: int) -> None:
        self._staging, self._record, self._answer = staging, record, answer
        self._part = part_path(staging, record.id)
        self._unpack = _unpacker(answer.encoding, limit_bytes)
        self._md5: _Hash | None = hashlib.md5(usedforsecurity=False) if answer.md5 else None
        self._sha256 = hashlib.sha256()
        self._handle: int | None = None
        self._size = 0

    def add(self, piece: bytes | bytearray) -> None:
        """Write one piece.

        Raises:
            BadImageError: The content coding is damaged or unpacks to too much.
            DownloadError: It cannot be written.
        """
        self._write(self._take(piece))

    def finish(self, last: bytes | bytearray, *, known: Collection[str]) -> tuple[Staged, bool]:
        """Take the last piece, verify the whole, and give it its staged name.

        A body that came in one piece is verified before it is written: nothing bad reaches the disk.

        Args:
            last: The last piece, or the only one.
            known: SHA-256 of contents to take (after a decode) although the ETag says another MD5.

        Returns:
            The staged image, and whether the ETag's MD5 fitted.

        Raises:
            EtagMismatchError: It is not what the ETag says.
            BadImageError: It is not the image of the record.
            DownloadError: It cannot be written.
        """
        content = self._take(last)
        proven = self._md5 is not None and self._md5.hexdigest() == self._answer.md5
        if self._md5 is not None and not proven and self._sha256.hexdigest() not in known:
            raise EtagMismatchError(self._sha256.hexdigest())
        # What a content coding hid from the ETag is decoded like content without one.
        depth: Depth = "header" if proven and not self._answer.encoding else "decode"
        if self._handle is None:
            check_image(content, self._record, depth=depth)
            self._write(content)
        else:
            self._write(content)
            self._check_part(depth)
        return self._publish(), proven

    def _take(self, piece: bytes | bytearray) -> bytes | bytearray:
        if self._md5 is not None:
            self._md5.update(piece)
        content = self._unpack(piece)
        self._sha256.update(content)
        return content

    def _write(self, content: bytes | bytearray) -> None:
        with write_guard(self._staging):
            if self._handle is None:
                self._handle = create_new(self._part)
            files.step("write", self._part)
            write_all(self._handle, content)
        self._size += len(content)

    def _check_part(self, depth: Depth) -> None:
        try:
            with content_of(self._part) as data:
                check_image(data, self._record, depth=depth)
        except OSError as error:
            raise BadImageError(f"it cannot be read back: {error}") from error

    def _publish(self) -> Staged:
        target = staged_path(self._staging, self._record.id)
        self._close()
        with write_guard(self._staging):
            files.step("rename", target)
            self._part.replace(target)
        return Staged(self._record, self._staging, self._size, self._sha256.hexdigest(), self._answer.url)

    def _close(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def discard(self) -> None:
        """Remove what was written and not published."""
        if self._handle is not None:
            self._close()
            files.discard(self._part)


def write_all(handle: int, content: Data) -> None:
    """Write all of it, however little the system takes at a time."""
    with memoryview(content) as view:
        written = 0
        while written < len(view):
            written += os.write(handle, view[written : written + _WRITE_BYTES])


def create_new(path: Path) -> int:
    """Open a new file for writing; whatever lies under that name (a leftover, a planted link) is removed first."""
    files.step("create", path)
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        return os.open(path, flags, 0o666)
    except FileExistsError:
        files.step("unlink", path)
        path.unlink()
        return os.open(path, flags, 0o666)


def _unpacker(encoding: str, limit_bytes: int) -> Callable[[bytes | bytearray], bytes | bytearray]:
    """A function that undoes a content coding piece by piece, never to more than `limit_bytes` in all.

    Raises:
        BadImageError: The coding is another than gzip or deflate.
    """
    if encoding in ("", "identity"):
        return lambda piece: piece
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise BadImageError(f"it has a content encoding that was not requested ({encoding[:40]})")
    unpack = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    left = limit_bytes

    def take(piece: bytes | bytearray) -> bytes:
        nonlocal left
        try:
            content = unpack.decompress(piece, left + 1)
        except zlib.error as error:
            raise BadImageError(f"its {encoding} coding is damaged: {error}") from error
        left -= len(content)
        if left < 0:
            raise BadImageError(f"it unpacks to more than {limit_bytes:,} bytes")
        return content

    return take


Outcome = Staged | Failed | BaseException
