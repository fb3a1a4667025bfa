"""The files of the score cache, without the arrays in them: usable where numpy is not installed.

A folder holds a file for each batch, written whole or not at all, so a killed run loses at most a batch and two runs at
once do no harm. A damaged file is deleted, and what was in it is worked out again.
"""

from __future__ import annotations

import contextlib
import hashlib
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from yolobg.files import read_ordinary, write_bytes

__all__ = ["SUFFIX", "clear_scores", "read_batches", "scores_size", "write_batch"]

SUFFIX = ".scores"

_DIGEST_BYTES = 32
_LARGEST_BYTES = 1 << 30

T = TypeVar("T")


def write_batch(folder: Path, batch: Any) -> None:
    """Store a batch in one atomic step.

    Raises:
        OSError: The cache folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    data = msgspec.msgpack.encode(batch)
    write_bytes(folder / f"{uuid.uuid4().hex}{SUFFIX}", hashlib.sha256(data).digest() + data)


def read_batches(folder: Path, type_: type[T]) -> Iterator[T]:
    """The batches that are stored; damaged ones are deleted."""
    for file in sorted(folder.glob(f"*{SUFFIX}")):
        try:
            content = read_ordinary(file, _LARGEST_BYTES)
            digest, data = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
            if hashlib.sha256(data).digest() != digest:
                raise msgspec.ValidationError("damaged")
            yield msgspec.msgpack.decode(data, type=type_)
        except (OSError, msgspec.MsgspecError):
            with contextlib.suppress(OSError):
                file.unlink(missing_ok=True)


def scores_size(folder: Path) -> int:
    """The bytes that stored scores take."""
    return sum(file.stat().st_size for file in folder.glob(f"*/*{SUFFIX}"))


def clear_scores(folder: Path) -> int:
    """Remove all stored scores and no other file; returns the bytes that were freed.

    Raises:
        OSError: One cannot be removed.
    """
    freed = 0
    for file in list(folder.glob(f"*/*{SUFFIX}")):
        freed += file.stat().st_size
        file.unlink(missing_ok=True)
    for place in [*folder.glob("*"), folder]:
        # Where another file lies in it, the folder stays.
        with contextlib.suppress(OSError):
            place.rmdir()
    return freed
