"""A lock for file systems that know none: a file that only one process can create.

A killed process leaves it behind. One of this machine is seen to be gone; for one of another machine a person must say.
filelock has such a lock as well. There the file of a process that was killed before it wrote who it is blocks for ever.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import platform
import stat
import sys
import time
import uuid
from pathlib import Path

from yolobg.errors import LockedError
from yolobg.files import opened, read_ordinary, step

__all__ = ["NO_LOCKS", "LockByName"]

# What a file system answers that has no locks, or whose server of locks is down.
NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL})
_LOOK_S = 0.1
_LARGEST_BYTES = 1 << 12
# A holder says who it is in the moment after it has created the file; one that was killed in between never does.
_UNWRITTEN_S = 5.0


class LockByName:
    """See the module.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def acquire(self, until: float) -> None:
        """Create the file, waiting for whoever has it.

        Args:
            until: A time of `time.monotonic`.

        Raises:
            LockedError: It is there still.
            OSError: The folder cannot be written, or is gone.
        """
        while not self._create():
            if self._is_stale():
                self._break()
            elif time.monotonic() > until:
                raise LockedError(
                    f"{self._path.parent.parent}: another yolobg is running here ({self._told()}); wait for it to end. "
                    f"This file system has no locks: if it was killed, delete {self._path} and run again"
                )
            else:
                time.sleep(_LOOK_S)

    def release(self) -> None:
        """Take the file away."""
        with contextlib.suppress(OSError):
            step("unlink", self._path)
            self._path.unlink(missing_ok=True)

    def _create(self) -> bool:
        step("create", self._path)
        try:
            with opened(self._path, os.O_CREAT | os.O_EXCL | os.O_WRONLY) as handle:
                step("write", self._path)
                os.write(handle, json.dumps({"pid": os.getpid(), "host": platform.node()}).encode())
        except FileExistsError:
            return False
        return True

    def _read(self, path: Path) -> tuple[int, str] | None:
        try:
            holder = json.loads(read_ordinary(path, _LARGEST_BYTES))
            return int(holder["pid"]), str(holder["host"])[:80]
        except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
            return None

    def _told(self) -> str:
        holder = self._read(self._path)
        return "process unknown" if holder is None else f"process {holder[0]} on {holder[1]!r}"

    def _is_stale(self, path: Path | None = None) -> bool:
        path = path or self._path
        holder = self._read(path)
        return _is_gone(holder) or (holder is None and _is_unwritten(path))

    def _break(self) -> None:
        """Take away what a process that is gone has left; by another name first, since another may do so as well."""
        aside = self._path.with_name(f".yolobg-{uuid.uuid4().hex}.part")
        with contextlib.suppress(OSError):
            step("rename", self._path)
            self._path.rename(aside)
            if not self._is_stale(aside):
                aside.rename(self._path)
            aside.unlink(missing_ok=True)


def _is_unwritten(path: Path) -> bool:
    try:
        made = path.stat()
    except OSError:
        return False
    return stat.S_ISREG(made.st_mode) and made.st_size == 0 and time.time() - made.st_mtime > _UNWRITTEN_S


def _is_gone(holder: tuple[int, str] | None) -> bool:
    # Windows ends a process that is asked this way, and has locks.
    if holder is None or holder[0] <= 0 or holder[1] != platform.node() or sys.platform == "win32":
        return False
    try:
        os.kill(holder[0], 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return False
