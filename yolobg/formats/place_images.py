"""Files into the new dataset, and nowhere else.

Whatever a writer asks for, a file is made below the root, in real folders that were made here, under a name that
`safe_names` has nothing to change in; and nothing that exists is replaced. Images are copied, linked or left; their
bytes are never touched.
"""

from __future__ import annotations

import errno
import itertools
import os
import shutil
import stat
import sys
from collections import deque
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Literal, TextIO

from yolobg.errors import DatasetError, MergeError, UsageError
from yolobg.files import open_ordinary
from yolobg.formats.contents import Item
from yolobg.safe_names import is_safe
from yolobg.threads import Pool

__all__ = ["Images", "Placer"]

Images = Literal["copy", "hard", "symlink", "none"]

# Copying waits for the disk; more than two gain nothing on two cores.
_COPIERS = 2
_AHEAD = 64
_PIECE_BYTES = 1 << 20


class Placer:
    """Makes the files that a writer wants; images are copied beside its work, by threads, until `finish`.

    As a context it stops at the block's end, so that nothing is written any more to what may be removed then.

    Attributes:
        mode: `copy`; `hard` and `symlink` link to the source's files; `none` writes annotations only.
    """

    def __init__(self, root: Path, mode: Images = "copy") -> None:
        self.mode = mode
        self._root = str(root)
        status = root.lstat()
        self._identity = (status.st_dev, status.st_ino)
        self._known: dict[str, tuple[str, ...]] = {}
        self._pool = Pool(_COPIERS)
        self._under_way: deque[Future[None]] = deque()

    def __enter__(self) -> Placer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def put(self, item: Item, destination: str) -> None:
        """Bring an item's image to `destination`, which must be free.

        Raises:
            DatasetError: The image, or one before it, is not at hand or cannot be read.
            UsageError: The file system cannot link it.
            MergeError: The target cannot be written, or this is no place in it.
        """
        if self.mode == "none":
            return
        if item.image is None:
            why = f": {item.sought}" if item.sought else ""
            raise DatasetError(
                f"{item.split}/{item.name}: its image is missing{why}; name the folder with --images DIR, or pass "
                "--images none to convert the annotations only"
            )
        self._home(destination)
        if self.mode != "copy":
            self._bring(item.image, destination)
            return
        if len(self._under_way) >= _AHEAD:
            self._under_way.popleft().result()
        self._under_way.append(self._pool.submit(self._bring, item.image, destination))

    def finish(self) -> None:
        """Wait for the copies.

        Raises:
            DatasetError: An image cannot be read.
            MergeError: The target cannot be written.
        """
        while self._under_way:
            self._under_way.popleft().result()

    def open_text(self, file: str | Path) -> TextIO:
        """Open a new text file with the line ends of the formats, for its folder too; the caller closes it.

        Raises:
            MergeError: This is no place in the target.
            OSError: It is there already, or cannot be written.
        """
        self._home(str(file))
        return open(file, "x", encoding="utf-8", newline="\n")  # noqa: PTH123 - by the hundred thousand

    def open_binary(self, file: str | Path) -> BinaryIO:
        """The same for bytes, which can be read again as well."""
        self._home(str(file))
        return open(file, "x+b")  # noqa: PTH123 - like the one above

    def folder(self, folder: str | Path) -> None:
        """Make a folder, with those on the way to it.

        Raises:
            MergeError: This is no place in the target.
            OSError: It cannot be made.
        """
        self._check(str(folder), make=True)

    def _home(self, file: str) -> None:
        folder, name = os.path.split(file)
        if not is_safe(name):
            raise MergeError(f"{file}: yolobg writes no file of this name; nothing was left behind")
        self.folder(folder)

    def _ways(self, folder: str) -> tuple[str, ...]:
        """The folders from below the root down to this one.

        Raises:
            MergeError: It does not lie below the root, or not under a safe name.
        """
        if (known := self._known.get(folder)) is not None:
            return known
        path = folder.replace("/", os.sep)
        inner = path[len(self._root) :].replace(os.sep, "/")
        if not path.startswith(self._root) or (inner and not (inner[0] == "/" and is_safe(inner[1:]))):
            raise MergeError(f"{folder}: lies outside {self._root}, so yolobg writes nothing there")
        ways = itertools.accumulate([self._root, *inner.split("/")[1:]], lambda above, part: f"{above}{os.sep}{part}")
        self._known[folder] = tuple(ways)[1:]
        return self._known[folder]

    def _check(self, folder: str, *, make: bool = False) -> None:
        """See that a folder is still the one that was made here: no link, and below no link.

        Args:
            folder: The folder.
            make: Whether to make what is missing.

        Raises:
            MergeError: It is another.
            OSError: It is missing, or cannot be made.
        """
        status = os.lstat(self._root)
        elsewhere = (status.st_dev, status.st_ino) != self._identity
        for path in () if elsewhere else self._ways(folder):
            try:
                elsewhere = _leads_elsewhere(path)
            except FileNotFoundError:
                if not make:
                    raise
                os.mkdir(path)  # noqa: PTH102 - plain strings, by the hundred thousand
            if elsewhere:
                break
        if elsewhere:
            raise MergeError(
                f"{folder}: a link or another folder was put in its place while yolobg was running; nothing was "
                "written through it, run again"
            )

    def _bring(self, image: str, destination: str) -> None:
        self._check(os.path.dirname(destination))  # noqa: PTH120
        try:
            if self.mode == "copy":
                _copy(image, destination)
            elif self.mode == "hard":
                os.link(os.path.realpath(image), destination)
            else:
                Path(destination).symlink_to(Path(image).resolve())
        except FileNotFoundError as error:
            raise DatasetError(f"{image}: does not exist any more") from error
        except OSError as error:
            if self.mode != "copy":
                across = " (another file system)" if error.errno == errno.EXDEV else ""
                raise UsageError(
                    f"--images {self.mode}: {image} cannot be linked: {error.strerror or error}{across}; use "
                    "--images copy"
                ) from error
            raise MergeError(f"{destination}: cannot be written from {image}: {error.strerror or error}") from error


def _copy(image: str, destination: str) -> None:
    with open_ordinary(image, sys.maxsize) as source, open(destination, "xb") as copy:  # noqa: PTH123
        # No more than the file has: to get room for a piece costs more than to copy a small image.
        size = os.fstat(source.fileno()).st_size
        shutil.copyfileobj(source, copy, min(size + 1, _PIECE_BYTES))


def _leads_elsewhere(folder: str) -> bool:
    """Whether a path is no folder but a link; on Windows a junction is one too."""
    status = os.lstat(folder)
    junction = getattr(stat, "IO_REPARSE_TAG_MOUNT_POINT", None)
    return not stat.S_ISDIR(status.st_mode) or (junction is not None and junction == _reparse_tag(status))


def _reparse_tag(status: os.stat_result) -> int:
    return getattr(status, "st_reparse_tag", 0)
