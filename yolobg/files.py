"""The few disk operations that everything safe is built from; each one is a step at which a kill does no harm.

All writes of yolobg that others can see go through here: a file appears whole or not at all, nothing that exists is
ever replaced unless the caller says so, and new files honour the umask (so no `tempfile`, which makes them 0600).
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import mmap
import os
import re
import shutil
import stat
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from yolobg.model import staged_name

__all__ = [
    "Made",
    "append_bytes",
    "can_move",
    "create_empty",
    "discard",
    "flush_folder",
    "hash_file",
    "is_text",
    "make_real_folder",
    "map_file",
    "open_ordinary",
    "opened",
    "publish_new",
    "read_ordinary",
    "refuse_links",
    "replace_when_done",
    "shorten",
    "staged_path",
    "step",
    "sweep_parts",
    "temporary_name",
    "write_bytes",
    "write_pieces",
]

_IN_PLACE = os.O_RDWR | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)

Made = dict[str, io.FileIO | None]
"""Files that this process has created, by path; see `create_empty`."""


def _ignore(_what: str, _path: Path) -> None:
    return None


# Tests put a function here that counts the steps or kills the process at one of them.
on_step: Callable[[str, Path], None] = _ignore


def step(what: str, path: Path) -> None:
    """Mark the point just before `what` (rename, write, fsync, unlink, commit ...) is done to `path`."""
    on_step(what, path)


def staged_path(staging: Path, source_id: int) -> Path:
    """Where a verified image lies until it is merged."""
    return staging / staged_name(source_id)


def temporary_name(destination: Path) -> Path:
    """A name beside `destination` that no trainer lists: hidden, unique for each writer, no image suffix."""
    # A fixed short stem, since destination names may already have the 255 bytes that file systems allow.
    return destination.with_name(f".yolobg-{uuid.uuid4().hex}.part")


def sweep_parts(folder: Path) -> None:
    """Remove temporary files that killed writers left in `folder`. Only for folders that the caller holds."""
    for part in folder.glob(".yolobg-*.part"):
        if re.fullmatch(r"\.yolobg-[0-9a-f]{32}\.part", part.name):
            step("unlink", part)
            part.unlink(missing_ok=True)


def flush_folder(folder: Path) -> None:
    """Make the names in `folder` durable. Windows cannot open folders and needs no such call."""
    if sys.platform == "win32":
        return
    step("fsync", folder)
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        # Some network file systems refuse to sync a folder; the rename itself is still atomic there.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
            raise
    finally:
        os.close(handle)


@contextlib.contextmanager
def opened(path: Path, flags: int) -> Iterator[int]:
    """The descriptor of a file that is opened for writing; closed after the block, wherever an interrupt falls."""
    # All of this happens in C, so no interrupt falls between opening and owning; a file that is dropped is closed.
    (file,) = map(io.FileIO, map(os.open, (path,), (flags,), (0o666,)), ("wb",))
    with file:
        yield file.fileno()


@contextlib.contextmanager
def replace_when_done(destination: Path) -> Iterator[Path]:
    """Yield a temporary path; when the block ends well, its content is flushed and becomes `destination`.

    A block that fails leaves `destination` as it was and nothing behind.
    """
    part = temporary_name(destination)
    try:
        yield part
        _finish(part, destination)
    except BaseException:
        discard(part)
        raise


def _finish(part: Path, destination: Path) -> None:
    with part.open("rb+") as handle:
        step("fsync", part)
        os.fsync(handle.fileno())
    step("rename", destination)
    _replace(part, destination)
    flush_folder(destination.parent)


def discard(*paths: Path) -> None:
    """Remove files where that can be done: Windows refuses while a process reads one. What is left is told nowhere."""
    for path in paths:
        with contextlib.suppress(OSError):
            step("unlink", path)
            path.unlink(missing_ok=True)


def _replace(part: Path, destination: Path) -> None:
    """Rename over `destination`. On Windows that fails while a virus scanner or a reader has the file open."""
    for wait_s in (0.05, 0.1, 0.2, 0.4, 0.8) if sys.platform == "win32" else ():
        try:
            part.replace(destination)
        except PermissionError:
            time.sleep(wait_s)
        else:
            return
    part.replace(destination)


def write_bytes(destination: Path, data: bytes) -> None:
    """Write `destination` whole or not at all, keeping mode, owner and attributes of a file that it replaces."""
    write_pieces(destination, (data,))


def write_pieces(destination: Path, pieces: Iterable[bytes]) -> None:
    """As `write_bytes`, with content that is made while it is written, so that memory never holds all of it."""
    part = temporary_name(destination)
    # No context manager: an interrupt on the way into its `__exit__` would leave the part where it is.
    try:
        step("write", part)
        with part.open("wb") as handle:
            for piece in pieces:
                handle.write(piece)
        _take_after(part, destination)
        _finish(part, destination)
    except BaseException:
        discard(part)
        raise


def _take_after(part: Path, former: Path) -> None:
    """Give a new file the owner, mode and extended attributes (with them the ACL) of the one that it replaces.

    What the system does not allow is left as it is for a new file.
    """
    try:
        there = former.lstat()
    except OSError:
        return
    if not stat.S_ISREG(there.st_mode):
        return
    # The owner first, since a change of owner takes bits off the mode.
    if sys.platform != "win32":
        for owner, group in ((-1, there.st_gid), (there.st_uid, -1)):
            with contextlib.suppress(OSError):
                os.chown(part, owner, group)
    with contextlib.suppress(OSError):
        shutil.copystat(former, part)
    with contextlib.suppress(OSError):
        # Its content is new, so its time must be.
        os.utime(part)


def append_bytes(path: Path, data: bytes) -> None:
    """Append to a file in one write, so that it keeps all that is its own, further names (hard links) included.

    Raises:
        OSError: It cannot be written; its content is as it was.
    """
    with opened(path, _IN_PLACE | os.O_APPEND) as handle:
        before = os.fstat(handle).st_size
        step("write", path)
        try:
            # A full disk takes a part before it gives an error.
            while data:
                data = data[os.write(handle, data) :]
            step("fsync", path)
            os.fsync(handle)
        except OSError:
            os.ftruncate(handle, before)
            raise


def shorten(path: Path, size_bytes: int) -> None:
    """Cut a file off after `size_bytes`; it keeps all that is its own, further names (hard links) included."""
    with opened(path, _IN_PLACE) as handle:
        step("write", path)
        os.ftruncate(handle, size_bytes)
        step("fsync", path)
        os.fsync(handle)


def create_empty(path: Path, made: Made) -> None:
    """Create a 0-byte file and note it in `made`; no interrupt can fall between the two.

    Args:
        path: The new file.
        made: Gets its path as text, only if this call created the file. A value that is not None is the file, which an
            interrupt has left open.

    Raises:
        FileExistsError: Something is already there; it is untouched.
    """
    step("create", path)
    name = str(path)
    # Python delivers interrupts between its instructions. One instruction calls `update`; the rest happens in C.
    made.update(zip((name,), map(io.FileIO, (name,), ("xb",)), strict=True))
    file = made[name]
    if file is not None:
        file.close()
    made[name] = None


def publish_new(staged: Path, destination: Path) -> None:
    """Give a staged file its final name in one atomic step, never replacing anything.

    A rename would replace a file that appeared in the meantime on POSIX, so a hard link is made and the old name
    removed; where links are not available (FAT, some network mounts) a rename after a check has to do.

    Raises:
        FileExistsError: Something is already at `destination`; it is untouched.
        OSError: No file can be moved from the one folder to the other, or the folder cannot be written.
    """
    step("link", destination)
    if staged.is_symlink():
        _rename_new(staged, destination)
        return
    try:
        os.link(staged, destination)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.ENOENT):
            raise
        _rename_new(staged, destination)
        return
    step("unlink", staged)
    staged.unlink()


def _rename_new(staged: Path, destination: Path) -> None:
    if os.path.lexists(destination):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(destination))
    staged.rename(destination)


def can_move(old: Path, new: Path) -> bool:
    """Whether a file that is made at `old` can be published as `new`, found out by doing so with an empty file.

    Only that tells: two mounts of one disk, two quotas or two subvolumes refuse it whatever device number they show.
    Nothing is at either path afterwards; what a killed try left there is removed first.

    Raises:
        OSError: It fails for another reason.
    """
    try:
        _remove(old, new)
        create_empty(old, {})
        publish_new(old, new)
    except OSError as error:
        if error.errno == errno.EXDEV:
            return False
        raise
    finally:
        discard(old, new)
    return True


def _remove(*paths: Path) -> None:
    for path in paths:
        if os.path.lexists(path):
            step("unlink", path)
            path.unlink(missing_ok=True)


def open_ordinary(path: Path | str, limit_bytes: int) -> BinaryIO:
    """Open a file for reading, links followed; what is no ordinary file is neither waited for nor read.

    Raises:
        OSError: It cannot be read, is a folder, a pipe or a device, or is larger than `limit_bytes`.
    """
    file = open(path, "rb", opener=_open_at_once)  # noqa: SIM115 - the caller closes it
    status = os.fstat(file.fileno())
    if stat.S_ISREG(status.st_mode) and status.st_size <= limit_bytes:
        return file
    file.close()
    if stat.S_ISREG(status.st_mode):
        raise OSError(errno.EFBIG, f"it is larger than {limit_bytes >> 20} MiB", str(path))
    raise OSError(errno.EINVAL, "it is not a regular file", str(path))


def _open_at_once(path: str, flags: int) -> int:
    # Opening a pipe that nobody writes to would wait for ever.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def read_ordinary(path: Path | str, limit_bytes: int) -> bytes:
    """The content of a file, opened by `open_ordinary`.

    Raises:
        OSError: As `open_ordinary`.
    """
    with open_ordinary(path, limit_bytes) as file:
        return file.read()


@contextlib.contextmanager
def map_file(path: Path) -> Iterator[bytes | mmap.mmap]:
    """Map a file into memory for the length of the block, or read it where that is not available.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as handle:
        try:
            view = mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError):  # an empty file, or a file system that cannot map
            yield handle.read()
            return
        try:
            yield view
        finally:
            with contextlib.suppress(BufferError):  # an error that is on its way refers to parts of it
                view.close()


def make_real_folder(folder: Path) -> None:
    """Make a folder where there is none; what is written into it later must not go through a link to somewhere else.

    Raises:
        OSError: It cannot be made, or is a link.
    """
    step("mkdir", folder)
    folder.mkdir(parents=True, exist_ok=True)
    refuse_links([folder])


def refuse_links(paths: Iterable[Path]) -> None:
    """Raise an OSError where one of the paths is a symbolic link."""
    for path in paths:
        if path.is_symlink():
            raise OSError(errno.ELOOP, "is a link, so yolobg will not write there; remove it and run again", str(path))


def is_text(path: str) -> bool:
    """Whether a path is text, and not bytes in some other encoding that the system lets through."""
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def hash_file(path: Path, kind: str = "sha256") -> str:
    """A digest of a file's content in hex; memory stays flat whatever its size. MD5 tells damage, not forgery."""
    digest = hashlib.new(kind, usedforsecurity=kind != "md5")
    with path.open("rb") as handle:
        while chunk := handle.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
