"""The folder beside a conversion's target in which it is written, and the one that a killed conversion left there."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import stat
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from yolobg.errors import MergeError
from yolobg.files import flush_folder, step

__all__ = ["beside", "publish"]

_HALF = 16


@contextlib.contextmanager
def beside(target: Path) -> Iterator[Path]:
    """A hidden folder beside the target; whatever happens, it is gone afterwards.

    A process that is killed leaves it. The next conversion to the same target removes it: whoever works in such a
    folder holds the lock beside it, which ends with the process. Where locks are not available nothing is removed.

    Raises:
        MergeError: It cannot be written.
    """
    staging = target.with_name(f".yolobg-{_mark(target)}{uuid.uuid4().hex[:_HALF]}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _sweep(target)
        lock = FileLock(staging.with_suffix(".lock"))
        with contextlib.suppress(OSError, NotImplementedError):
            step("lock", Path(lock.lock_file))
            lock.acquire(timeout=0)
        step("mkdir", staging)
        staging.mkdir()
    except OSError as error:
        raise MergeError(f"{target.parent}: cannot be written: {error.strerror or error}") from error
    try:
        yield staging
    except OSError as error:
        raise MergeError(f"{error.filename or target}: {error.strerror or error}; nothing was left behind") from error
    finally:
        _remove(staging, lock)


def publish(staging: Path, target: Path) -> None:
    """Give the folder its name.

    Raises:
        OSError: Something has come to be at the target; it is untouched.
    """
    if target.exists():
        # Empty, or it was refused; a folder that filled up meanwhile makes this fail and nothing is lost.
        step("rmdir", target)
        target.rmdir()
    step("rename", target)
    staging.rename(target)
    try:
        flush_folder(target.parent)
    except OSError as error:
        raise MergeError(
            f"{target}: is complete, but the disk did not confirm it: {error.strerror or error}; check the disk"
        ) from error


def _mark(target: Path) -> str:
    """What names such a folder as one for this target."""
    return hashlib.sha256(target.name.encode("utf-8", "surrogatepass")).hexdigest()[:_HALF]


def _sweep(target: Path) -> None:
    """Remove what conversions to this target left whose processes are gone."""
    for file in target.parent.glob(f".yolobg-{_mark(target)}{'[0-9a-f]' * _HALF}.lock"):
        # Held by one that is at work, gone meanwhile, or no locks here.
        with contextlib.suppress(Timeout, OSError, NotImplementedError):
            there = file.lstat()
            # Taking a lock empties its file, and some versions of filelock follow links.
            if stat.S_ISREG(there.st_mode) and there.st_nlink == 1:
                lock = FileLock(file)
                lock.acquire(timeout=0)
                _remove(file.with_suffix(".part"), lock)


def _remove(staging: Path, lock: FileLock) -> None:
    """Remove a folder and its lock, the lock last: without it nobody would look for the folder."""
    step("rmtree", staging)
    shutil.rmtree(staging, ignore_errors=True)
    file = Path(lock.lock_file)
    # An open file cannot be deleted on Windows; elsewhere it has to be deleted while it is held.
    if sys.platform == "win32":
        lock.release()
    with contextlib.suppress(OSError):
        if not staging.exists():
            step("unlink", file)
            file.unlink(missing_ok=True)
    lock.release()
