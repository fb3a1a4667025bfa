"""A lock file that has no second name.

A copy of a dataset by hard links (`cp -al`, rsnapshot) shares the lock file with the original. Taking the lock empties
its file, which may be the user's under its other name; and each of the two is to be held for itself.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import Timeout

from yolobg.changes.lock_fallback import NO_LOCKS
from yolobg.files import create_empty, discard, opened, step, temporary_name

__all__ = ["stand_alone", "watched"]

_LOOK_S = 0.05


def stand_alone(lock: Path, until: float) -> None:
    """Put a new file in the place of one that has further names, which keep the old one.

    Whoever holds the lock by the old file is waited for; whoever waits for it finds that it is not current any more.

    Args:
        lock: The lock file; it need not be there.
        until: A time of `time.monotonic`.

    Raises:
        Timeout: It is held still.
        OSError: It cannot be looked at or replaced.
    """
    while _has_more_names(lock):
        if _replace(lock):
            return
        if time.monotonic() >= until:
            raise Timeout(str(lock))
        time.sleep(_LOOK_S)


@contextlib.contextmanager
def watched(lock: Path) -> Iterator[Callable[[], bool]]:
    """Make the lock file if there is none; gives what tells whether the same file is still under its name.

    Whoever takes the lock in between has taken that of this file: one that was deleted does not come back, and none
    gets its number while it is open here.

    Raises:
        OSError: It cannot be opened.
    """
    if sys.platform == "win32":
        # There a file that is open, as that of a lock is, can be neither deleted nor replaced.
        yield lambda: True
        return
    with opened(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK) as handle:
        yield lambda: _is_under(lock, os.fstat(handle))


def _is_under(path: Path, file: os.stat_result) -> bool:
    try:
        return os.path.samestat(file, path.lstat())
    except OSError:
        return False


def _has_more_names(lock: Path) -> bool:
    try:
        return lock.lstat().st_nlink > 1
    except FileNotFoundError:
        return False


def _replace(lock: Path) -> bool:
    """Replace the file while nobody holds it; False where a process does, or it has changed just now."""
    part = temporary_name(lock)
    try:
        with _held(lock) as old:
            if old is None or not os.path.samestat(old, lock.lstat()):
                return False
            create_empty(part, {})
            step("rename", lock)
            part.replace(lock)
    except FileNotFoundError:
        return False
    except PermissionError:
        if sys.platform == "win32":
            return False  # a file that is open there cannot be replaced
        raise
    finally:
        if os.path.lexists(part):
            discard(part)
    return True


@contextlib.contextmanager
def _held(lock: Path) -> Iterator[os.stat_result | None]:
    """Hold the file without writing to it; gives its status, or None where another process holds it."""
    if sys.platform == "win32":
        # There it shows when the file is to be replaced.
        yield lock.lstat()
        return
    with opened(lock, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK) as handle:
        yield os.fstat(handle) if _take(handle) else None


def _take(handle: int) -> bool:
    import fcntl  # noqa: PLC0415 - there is none on Windows

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        # Where there are no locks, nobody has one.
        return error.errno in NO_LOCKS
    return True
