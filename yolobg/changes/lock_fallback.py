"""A lock for file systems that know none: filelock's lock by a file that only one process can create.

A killed process leaves the file behind. filelock sees that one of this machine is gone; for one of another machine a
person must say.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
from pathlib import Path

from filelock import SoftFileLock

from yolobg.files import opened, read_ordinary, step

__all__ = ["NO_LOCKS", "lock_by_name"]

# What a file system answers that has no locks, or whose server of locks is down.
NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL})
_LOOK_S = 0.1
# A holder says who it is in the moment after it has created the file; one that was killed in between never does.
_UNWRITTEN_S = 5.0
# What is no record of a holder: filelock takes such a file away, its version 4 once it has seen it so for two seconds.
_NOBODY = b"nobody\n"
_NOBODYS_S = 3.0
# Binary: Windows would write a line end of its own, and what is compared with `_NOBODY` would be another content.
_READ_AND_WRITE = os.O_RDWR | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


def lock_by_name(marker: Path, until: float) -> SoftFileLock:
    """Take the lock, waiting for whoever has it.

    Args:
        marker: The file; whoever calls has seen that it is no link, pipe or folder, which filelock would take away.
        until: A time of `time.monotonic`.

    Raises:
        Timeout: Somebody has it still, or a process of another machine has left it.
        OSError: The folder cannot be written, or is gone.
    """
    _fill_unwritten(marker)
    # What a process left that is gone is taken away by the first look, so it takes a second one.
    least_s = _NOBODYS_S if _is_nobodys(marker) else 3 * _LOOK_S
    lock = SoftFileLock(marker)
    step("lock", marker)
    lock.acquire(timeout=max(least_s, until - time.monotonic()), poll_interval=_LOOK_S)
    return lock


def _fill_unwritten(marker: Path) -> None:
    """Write into an empty file that its process will not fill any more, since filelock 4 waits for that for ever.

    It is not removed: another process may do the same at this moment, and have created its own file by then. Whatever
    is written goes into the old one.
    """
    with contextlib.suppress(OSError):
        if _is_unwritten(marker.lstat()):
            with opened(marker, _READ_AND_WRITE) as handle:
                if _is_unwritten(os.fstat(handle)):
                    step("write", marker)
                    os.write(handle, _NOBODY)


def _is_unwritten(made: os.stat_result) -> bool:
    return stat.S_ISREG(made.st_mode) and made.st_size == 0 and time.time() - made.st_mtime > _UNWRITTEN_S


def _is_nobodys(marker: Path) -> bool:
    try:
        return read_ordinary(marker, len(_NOBODY)) == _NOBODY
    except OSError:
        return False
