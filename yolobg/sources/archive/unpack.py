"""Packed files of strangers → plain JSON files with their digests, within bounds of size, memory and disk space."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

from yolobg.errors import AnnotationsError, YolobgError
from yolobg.files import hash_file, step
from yolobg.model import Progress

try:
    from lzma import LZMAError
except ImportError:  # a Python that was built without it reads no such members
    LZMAError = zlib.error  # type: ignore[assignment,misc] # something to catch

__all__ = [
    "DAMAGE", "MAX_RATIO", "SLACK_BYTES", "JsonFile", "check_ratio", "damage_of", "inflate", "open_zip",
    "require_space",
]  # fmt: skip

# COCO's annotations shrink to a third or a quarter; the most repetitive real files do not reach a fiftieth.
MAX_RATIO = 200
SLACK_BYTES = 1 << 20
# COCO's directory has a few hundred bytes; every member that it names takes a kilobyte of memory.
_DIRECTORY_BYTES = 16 << 20
_CHUNK = 1 << 20

# What zipfile and gzip let out of a damaged file; ValueError may be a name that is not UTF-8, RuntimeError a password.
DAMAGE = (
    EOFError, RuntimeError, ValueError, LookupError, OverflowError, struct.error, zlib.error, LZMAError,
    zipfile.BadZipFile, gzip.BadGzipFile,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class JsonFile:
    """A plain JSON file; `digest` gives the SHA-256 of its content, waiting for it if need be."""

    path: Path
    digest: Callable[[], str]

    @property
    def sha256(self) -> str:
        """The SHA-256 of the content as a hex digest.

        Raises:
            AnnotationsError: The file is gone meanwhile.
        """
        with damage_of(str(self.path)):
            return self.digest()


def inflate(
    stream: IO[bytes] | io.BufferedIOBase,
    target: Path,
    limit_bytes: int,
    source: str,
    progress: Progress,
    *,
    total: int | None = None,
    pinned: bool = False,
) -> JsonFile:
    """Write a stream to `target`, hashing it on the way unless it is pinned.

    Args:
        stream: What is unpacked.
        target: Where it goes.
        limit_bytes: The most that it may hold.
        source: What it is, for a person.
        progress: Stage `unpack`, in bytes.
        total: How many bytes it will be, if that is known.
        pinned: The packed file was checked byte for byte, so that nobody is likely to ask for a digest of its content:
            it is worked out only then.

    Raises:
        AnnotationsError: The stream holds more than `limit_bytes`; no real annotation file does.
        YolobgError: The disk fills up.
    """
    digest, done = hashlib.sha256(), 0
    step("create", target)
    with target.open("wb") as out:
        while chunk := _read(stream):
            done += len(chunk)
            if done > limit_bytes:
                raise AnnotationsError(
                    f"{source}: inflates to more than {limit_bytes:,} bytes; this is no annotation file"
                )
            if done % (64 * _CHUNK) < _CHUNK:
                require_space(target.parent, _CHUNK, f"unpacking {source}")
            if not pinned:
                digest.update(chunk)
            step("write", target)
            out.write(chunk)
            progress("unpack", done, total)
    return JsonFile(target, partial(hash_file, target) if pinned else digest.hexdigest)


def _read(stream: IO[bytes] | io.BufferedIOBase) -> bytes:
    try:
        return stream.read(_CHUNK)
    except OSError as error:
        if error.errno is None:  # not the disk's but that of a decompressor
            raise zipfile.BadZipFile(str(error)) from error
        raise


def require_space(folder: Path, needed_bytes: int, what: str) -> None:
    """Check that the disk of `folder` has room before filling it.

    Raises:
        YolobgError: It has not.
    """
    free = shutil.disk_usage(folder).free
    if free < needed_bytes:
        raise YolobgError(
            f"{folder}: {what} needs {needed_bytes / 1e6:,.0f} MB, but only {free / 1e6:,.0f} MB are free; "
            "free some space, or set YOLOBG_CACHE_DIR to a folder on a larger disk"
        )


@contextlib.contextmanager
def damage_of(part: str) -> Iterator[None]:
    """Turn what a damaged, encrypted or unreadable file lets out into an `AnnotationsError` that names `part`."""
    try:
        yield
    except DAMAGE as error:
        raise AnnotationsError(f"{part}: the archive is damaged or encrypted: {error}; get it again") from error
    except OSError as error:
        raise AnnotationsError(f"{part}: cannot read the annotations: {error.strerror or error}") from error


def check_ratio(info: zipfile.ZipInfo, source: str) -> None:
    """Refuse a zip member that claims to inflate beyond reason.

    Raises:
        AnnotationsError: It claims to be more than 200 times its packed size.
    """
    if info.file_size > info.compress_size * MAX_RATIO + SLACK_BYTES:
        raise AnnotationsError(
            f"{source}: {info.compress_size:,} bytes that claim to inflate to {info.file_size:,}; "
            "this is no annotation file"
        )


class _Reads(io.BufferedReader):
    """Refuses a read that a directory of any size would ask for at once."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > _DIRECTORY_BYTES:
            raise zipfile.BadZipFile(f"its directory is longer than {_DIRECTORY_BYTES >> 20} MiB")
        return super().read(size)


@contextlib.contextmanager
def open_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a zip for reading, unless its directory would fill the memory.

    Raises:
        zipfile.BadZipFile: It is no zip, or its directory is out of all proportion; also what `DAMAGE` has.
    """
    with path.open("rb", buffering=0) as raw, _Reads(raw) as reads, zipfile.ZipFile(reads) as archive:
        yield archive
