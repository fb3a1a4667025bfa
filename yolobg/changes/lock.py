"""One yolobg at a time on one dataset.

The lock saves work and keeps manifests from crossing; that no file of the user is replaced does not rest on it (some
network file systems grant a lock to everybody).
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import stat
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

from yolobg.changes.lock_fallback import NO_LOCKS, lock_by_name
from yolobg.changes.lock_file import stand_alone, watched
from yolobg.changes.manifest import EVALUATIONS, FOLDER
from yolobg.errors import LockedError, MergeError
from yolobg.files import discard, read_ordinary, step, sweep_parts

__all__ = ["hold", "hold_review", "was_left"]

WAIT_S = 10.0
_LOCK, _REVIEW_LOCK = "lock", "review.lock"
HOLDER_LIMIT_BYTES = 1 << 16


@contextlib.contextmanager
def hold(root: Path, *, wait_s: float = WAIT_S) -> Iterator[Path]:
    """Hold the dataset at `root`; yields its `.yolobg` folder, which is gone again afterwards if nothing is in it.

    Raises:
        LockedError: Another yolobg held it for all of `wait_s` seconds; the message says which.
        MergeError: The folder cannot be made or written.
    """
    folder = root / FOLDER
    lock = _acquire(folder, wait_s)
    holder = folder / "holder.json"
    try:
        sweep_parts(folder)
        # Empty only where an `evaluate` was killed before its page was there.
        if (folder / EVALUATIONS).is_dir():
            _remove_empty(folder / EVALUATIONS)
        with contextlib.suppress(OSError):
            step("write", holder)
            # Always a new file, since what is there may be a link to a file of the user's.
            holder.unlink(missing_ok=True)
            with holder.open("x", encoding="utf-8") as file:
                file.write(json.dumps(_me()))
        yield folder
    finally:
        _let_go(lock, folder)


@contextlib.contextmanager
def hold_review(root: Path) -> Iterator[None]:
    """Be the only review of the dataset at `root`; other commands may hold the dataset meanwhile.

    A dataset that cannot be written can still be read: then nobody is kept out, and nothing can be decided.

    Raises:
        LockedError: Another review is open.
    """
    folder = root / FOLDER
    lock: BaseFileLock | None = None
    try:
        lock = _acquire(folder, 1.0, _REVIEW_LOCK)
    except LockedError as error:
        raise LockedError(
            f"{root}: a review of this dataset is open already; continue in its page, or end it there or with Ctrl-C "
            "first"
        ) from error
    except MergeError:
        pass
    try:
        yield
    finally:
        if lock is not None:
            _drop(lock, folder / _REVIEW_LOCK)
            # Whoever is at work here now tidies up as well.
            with contextlib.suppress(MergeError), hold(root, wait_s=0.0):
                pass


def was_left(root: Path) -> bool:
    """Whether the last to hold the dataset did not let go of it: it was killed, or is at work now."""
    return (root / FOLDER / "holder.json").exists()


def _acquire(folder: Path, wait_s: float, name: str = _LOCK) -> BaseFileLock:
    file, marker, until = folder / name, folder / f"{name}.held", time.monotonic() + wait_s
    by_name = ""
    lock = FileLock(file, fallback_to_soft=False)
    while True:
        _make(folder)
        _refuse_planted(file)
        try:
            stand_alone(file, until)
            step("lock", file)
            with watched(file) as is_same:
                if not _lock_natively(lock, max(0.0, until - time.monotonic())):
                    by_name = f". This file system has no locks: if it was killed, delete {marker} and run again"
                    _refuse_planted(marker)
                    return lock_by_name(marker, until)
                if is_same():
                    return lock
        except Timeout as error:
            raise LockedError(
                f"{folder.parent}: another yolobg is running here ({_holder(folder)}); wait for it to end and run again"
                f"{by_name}"
            ) from error
        except OSError as error:
            # The holder before us tidies the folder away, so between our mkdir and our open it may be gone.
            if isinstance(error, (FileNotFoundError, FileExistsError)) and time.monotonic() < until:
                continue
            raise MergeError(f"{folder}: cannot be written: {error.strerror}; nothing was changed") from error
        # A lock on a file that the holder before us has deleted excludes nobody: take it again.
        lock.release()


def _lock_natively(lock: FileLock, timeout_s: float) -> bool:
    """Take the lock; False where the file system has none."""
    try:
        lock.acquire(timeout=timeout_s)
    except NotImplementedError:  # what filelock raises where the file system has no locks
        return False
    except OSError as error:
        if error.errno in NO_LOCKS:
            return False
        raise
    return True


def _make(folder: Path) -> None:
    with contextlib.suppress(FileExistsError):
        try:
            step("mkdir", folder)
            folder.mkdir()
        except FileExistsError:
            raise
        except OSError as error:
            raise MergeError(
                f"{folder}: cannot be created: {error.strerror}. yolobg stages and records its work there; make the "
                "dataset's folder writable, or leave it as it is and put the backgrounds elsewhere: augment --to DIR. "
                "Nothing was changed."
            ) from error
    if folder.is_symlink() or folder.is_file():
        raise MergeError(f"{folder}: is a link or a file, so yolobg will not write there; remove it and run again")


def _refuse_planted(lock: Path) -> None:
    """Taking a lock empties its file, and some versions of filelock follow links."""
    try:
        there = lock.lstat()
    except OSError:
        return
    if not stat.S_ISREG(there.st_mode):
        raise MergeError(
            f"{lock}: is a link or not a regular file, so yolobg did not create it; remove it and run again"
        )


def _let_go(lock: BaseFileLock, folder: Path) -> None:
    """Release, and leave no trace if nothing is recorded; nothing here may hide the outcome of the work."""
    discard(folder / "holder.json")
    # Elsewhere than on Windows the file must be deleted while it is held, see `_acquire`.
    if sys.platform == "win32" or isinstance(lock, SoftFileLock):
        _release(lock)
        _tidy(folder)
    else:
        emptied = _tidy(folder)
        lock.release()
        # FUSE and NFS keep a deleted file under a hidden name until it is closed, and with it the folder.
        if emptied and folder.is_dir():
            _remove_empty(folder)


def _drop(lock: BaseFileLock, file: Path) -> None:
    """Release a lock and delete its file, in the order that the system wants."""
    if sys.platform == "win32" or isinstance(lock, SoftFileLock):
        _release(lock)
    discard(file)
    if sys.platform != "win32" and not isinstance(lock, SoftFileLock):
        lock.release()


def _release(lock: BaseFileLock) -> None:
    if isinstance(lock, SoftFileLock):
        step("unlink", Path(lock.lock_file))
    with contextlib.suppress(OSError):
        lock.release()


def _me() -> dict[str, str | int]:
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    return {"pid": os.getpid(), "host": platform.node(), "since": now}


def _holder(folder: Path) -> str:
    try:
        holder = json.loads(read_ordinary(folder / "holder.json", HOLDER_LIMIT_BYTES))
        return f"process {int(holder['pid'])} on {str(holder['host'])[:80]!r} since {str(holder['since'])[:40]}"
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return "process unknown"


def _tidy(folder: Path) -> bool:
    """Remove the folder if nothing is recorded in it; True where nothing but the folder itself may be left."""
    try:
        names = {path.name for path in folder.iterdir()}
        if not names <= {_LOCK, _REVIEW_LOCK} or (_REVIEW_LOCK in names and not _drop_left_review(folder)):
            return False
        step("unlink", folder / _LOCK)
        (folder / _LOCK).unlink(missing_ok=True)
    except OSError:
        return False
    _remove_empty(folder)
    return True


def _remove_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):
        step("rmdir", folder)
        folder.rmdir()


def _drop_left_review(folder: Path) -> bool:
    """Take away the lock of a review that was killed; False where a review is open."""
    lock = FileLock(folder / _REVIEW_LOCK, fallback_to_soft=False)
    try:
        stand_alone(folder / _REVIEW_LOCK, 0.0)
        if _lock_natively(lock, 0.0):
            _drop(lock, folder / _REVIEW_LOCK)
    except Timeout:
        return False
    return not (folder / _REVIEW_LOCK).exists()
