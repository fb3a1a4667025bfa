"""One yolobg at a time on one dataset.

The lock saves work and keeps manifests from crossing; that no file of the user is replaced does not rest on it (some
network file systems grant a lock to everybody).
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

from filelock import FileLock, Timeout

from yolobg.dataset.manifest import FOLDER
from yolobg.errors import LockedError, MergeError
from yolobg.files import sweep_parts

__all__ = ["hold"]

WAIT_S = 10.0


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
        with contextlib.suppress(OSError):
            holder.write_text(json.dumps(_me()), encoding="utf-8")
        yield folder
    finally:
        holder.unlink(missing_ok=True)
        lock.release()
        _tidy(folder)


def _acquire(folder: Path, wait_s: float) -> FileLock:
    lock = FileLock(folder / "lock")
    while True:
        _make(folder)
        try:
            lock.acquire(timeout=wait_s)
        except Timeout as error:
            raise LockedError(
                f"{folder.parent}: another yolobg is at work here ({_holder(folder)}); wait for it to end and run again"
            ) from error
        except OSError as error:
            # The holder before us may have tidied the folder away between our mkdir and our open.
            if isinstance(error, FileNotFoundError) and not folder.exists():
                continue
            raise MergeError(f"{folder}: cannot be written: {error.strerror}; nothing was changed") from error
        # A lock on a file that the holder before us has since deleted excludes nobody: take it anew.
        if os.path.lexists(folder / "lock"):
            return lock
        lock.release()


def _make(folder: Path) -> None:
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise MergeError(
            f"{folder}: cannot be made: {error.strerror}. yolobg stages and records its work there; make the dataset's "
            "folder writable, or use a copy of the dataset. Nothing was changed."
        ) from error
    if folder.is_symlink() or not folder.is_dir():
        raise MergeError(
            f"{folder}: is a link or no folder, so yolobg will not write through it; remove it and run again"
        )


def _me() -> dict[str, str | int]:
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    return {"pid": os.getpid(), "host": platform.node(), "since": now}


def _holder(folder: Path) -> str:
    try:
        told = json.loads((folder / "holder.json").read_text(encoding="utf-8"))
        return f"process {int(told['pid'])} on {str(told['host'])[:80]!r} since {str(told['since'])[:40]}"
    except (OSError, ValueError, KeyError, TypeError):
        return "it did not say which"


def _tidy(folder: Path) -> None:
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if names <= {"lock"}:
        # Somebody may take the lock right now; then the file is theirs to delete and the folder is not empty.
        with contextlib.suppress(OSError):
            (folder / "lock").unlink(missing_ok=True)
            folder.rmdir()
