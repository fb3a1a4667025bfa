"""Read label files by the hundred thousand and judge each one."""

from __future__ import annotations

import errno
import io
import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from yolobg.dataset.folder_listing import Folders
from yolobg.dataset.label_rules import LabelVerdict
from yolobg.errors import DatasetError
from yolobg.threads import Pool

__all__ = ["LARGEST_LABEL_BYTES", "judge_labels"]

# Measured on 2 cores, 20,000 labels: with a cold cache two readers halve the time and more gain nothing; with a warm
# cache two cost nothing and four cost half as much again.
_READERS = 2
_CHUNK_FILES = 500
_CHUNK_BYTES = 1 << 16
# A hundred thousand polygons of ten points. Judging one takes up to thirty times its size.
LARGEST_LABEL_BYTES = 16 << 20
_READ_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_MISSING = LabelVerdict("missing")
# What is this process's trouble and not the file's.
_OURS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})


def judge_labels(
    labels: Sequence[str], folders: Folders, check: Callable[[bytes], LabelVerdict]
) -> Iterator[LabelVerdict]:
    """What each label file holds, in order. Files are looked at one by one, and none that is larger than 16 MiB.

    Args:
        labels: Absolute paths.
        folders: Knows which of them are there.
        check: Judges the content of one.

    Raises:
        DatasetError: It cannot be found out whether one of them is there, or this process can open no more files.
    """
    few = len(labels) <= _CHUNK_FILES
    read = _read_here if few else _read

    def judge(chunk: Sequence[str]) -> list[LabelVerdict]:
        return [_judge(label, check, read) if label else _MISSING for label in chunk]

    chunks = (
        [label if folders.has_label(label) else "" for label in labels[start : start + _CHUNK_FILES]]
        for start in range(0, len(labels), _CHUNK_FILES)
    )
    if few:
        yield from itertools.chain.from_iterable(map(judge, chunks))
        return
    with Pool(_READERS) as pool:
        try:
            yield from itertools.chain.from_iterable(pool.map(judge, chunks))
        finally:
            # Who stops listening must not wait for the rest.
            pool.shutdown(wait=False, cancel_futures=True)


def _judge(label: str, check: Callable[[bytes], LabelVerdict], read: Callable[[str], bytes]) -> LabelVerdict:
    try:
        return check(read(label))
    except OSError as error:
        # That says nothing of the label: taken for corrupt, it would not count, and too few backgrounds would be added.
        if error.errno in _OURS:
            raise DatasetError(
                f"{label}: cannot be read: {error.strerror}; raise the limit of open files (ulimit -n) and run again"
            ) from error
        return LabelVerdict("corrupt", None, f"cannot be read: {error.strerror or error}")


def _read(path: str) -> bytes:
    # Bare descriptors: making a file object costs more than reading a label does.
    handle = os.open(path, _READ_FLAGS)
    try:
        return _whole(partial(os.read, handle))
    finally:
        os.close(handle)


def _read_here(path: str) -> bytes:
    # For the caller's own thread, which an interrupt reaches at any line: a file object that is dropped is closed.
    with io.FileIO(path) as file:
        return _whole(file.read)


def _whole(read: Callable[[int], bytes | None]) -> bytes:
    content = read(_CHUNK_BYTES) or b""
    if len(content) < _CHUNK_BYTES:
        return content
    parts = [content]
    while chunk := read(_CHUNK_BYTES):
        parts.append(chunk)
        if sum(map(len, parts)) > LARGEST_LABEL_BYTES:
            raise OSError(f"larger than {LARGEST_LABEL_BYTES >> 20} MiB")
    return b"".join(parts)
