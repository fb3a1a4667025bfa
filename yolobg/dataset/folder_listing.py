"""What is on the disk, asked for in whole folders: one listing instead of one question for each file.

The walk gives what Ultralytics' recursive glob gives; nothing here knows about labels or classes.
"""

from __future__ import annotations

import errno
import os
import re
import unicodedata
from collections.abc import Iterator

from yolobg.dataset.layout import is_image
from yolobg.errors import DatasetError
from yolobg.files import open_ordinary

__all__ = ["LARGEST_LIST_BYTES", "Folders", "Walk", "is_relative", "read_list", "relative_lines"]

# Ten million images with paths of a hundred characters.
LARGEST_LIST_BYTES = 1 << 30
_PIECE_BYTES = 1 << 20
# What links may add: folders that are listed once more by another path, and the images in them. Far more than anybody
# means, and few enough to be listed.
MOST_REPEATED_FOLDERS = 100_000
MOST_REPEATED_IMAGES = 10_000_000
# Hidden folders of programs, which hold nothing that a person keeps about images.
_PROGRAMS = frozenset({".cache", ".git", ".hg", ".svn", ".venv", ".yolobg"})
_LINE_END = re.compile(rb"[\r\n]")


def read_list(file: str) -> str:
    """The text of a list file.

    Raises:
        DatasetError: It cannot be read as UTF-8 text.
    """
    try:
        return b"".join(_pieces(file)).decode("utf-8-sig")
    except OSError as error:
        raise DatasetError(f"{file}: the list file cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise DatasetError(
            f"{file}: not a list file: expected UTF-8 text with one image path on each line, and "
            f"{where_not_text(error)}; a split must be a folder, a list file, or a list of those"
        ) from error


def where_not_text(error: UnicodeDecodeError) -> str:
    """Which line and byte of it, both from 1, is not UTF-8 text."""
    before = error.object[: error.start]
    line, byte = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
    return f"line {line} is none (byte {byte} of it is 0x{error.object[error.start]:02X})"


def _pieces(file: str) -> Iterator[bytes]:
    """The content piece by piece; ends with an error where it cannot be a list, before that takes any memory."""
    with open_ordinary(file, LARGEST_LIST_BYTES) as handle:
        while piece := handle.read(_PIECE_BYTES):
            if len(piece) == _PIECE_BYTES and not _LINE_END.search(piece):
                raise OSError(errno.EFBIG, f"it has {_PIECE_BYTES >> 20} MiB without a line end")
            yield piece


def is_relative(line: str) -> bool:
    """Whether a line of a list file means a place below the current folder."""
    return not line.startswith("./") and not os.path.isabs(line)  # noqa: PTH117 - plain strings, by the hundred thousand


def relative_lines(cwd: str) -> str:
    """What to know of such lines, for a message; `cwd` is the folder that was tried."""
    return (
        "lines that begin with neither './' nor the root of a disk are relative to the current folder, for a trainer "
        f"too: looked in {cwd}"
    )


class Walk:
    """The images below folders, as Ultralytics lists them.

    Names that start with a dot are passed over, folders and files alike. Links to folders are followed, also several
    to the same one; a folder inside itself is not, which Ultralytics does until the system's limit on links.

    Args:
        others: Whether files that are no images are listed too, those in hidden folders included: a person may keep
            annotations there.

    Attributes:
        images: Paths in no particular order; whatever has an image's name is there, also a folder.
        unusable: Of these, the ones that are no file, with the reason.
        others: The other files, where they are asked for.
        closed: Folders that could not be read.
        warnings: Folders that could not be read or were not followed.
    """

    def __init__(self, *, others: bool = False) -> None:
        self._wants_others = others
        self.others: list[str] = []
        self.closed: list[str] = []
        self.images: list[str] = []
        self.unusable: dict[str, str] = {}
        self.warnings: list[str] = []
        self._listed: set[tuple[int, int]] = set()
        self._repeated_folders = self._repeated_images = 0

    def add(self, folder: str) -> None:
        """List `folder` and everything below it.

        Raises:
            DatasetError: Links lead to the same folders again and again: each level of a lattice doubles the paths.
        """
        waiting: list[tuple[str, frozenset[tuple[int, int]]]] = [(folder, frozenset())]
        while waiting:
            path, above = waiting.pop()
            try:
                status = os.stat(path)  # noqa: PTH116 - plain strings, by the hundred thousand
                identity = (status.st_dev, status.st_ino)
                if identity in above:
                    self.warnings.append(f"{path}: links back to a folder above it; not followed")
                    continue
                had = len(self.images)
                below = self._list(path)
                if identity in self._listed:
                    self._count_repeated(folder, path, len(self.images) - had)
                self._listed.add(identity)
            except OSError as error:
                self.closed.append(path)
                self.warnings.append(f"{path}: cannot be read and was skipped: {error.strerror or error}")
                continue
            waiting += [(child, above | {identity}) for child in below]

    def _count_repeated(self, folder: str, path: str, images: int) -> None:
        self._repeated_folders += 1
        self._repeated_images += images
        if self._repeated_folders > MOST_REPEATED_FOLDERS or self._repeated_images > MOST_REPEATED_IMAGES:
            raise DatasetError(
                f"{folder}: links in it lead to the same folders again and again (for example {path}): more than "
                f"{MOST_REPEATED_FOLDERS:,} folders or {MOST_REPEATED_IMAGES:,} images by other paths. A trainer would "
                "list each path; remove the links that are not intended"
            )

    def _list(self, folder: str) -> list[str]:
        """Take the images of one folder; returns its sub-folders."""
        start = folder.rstrip(os.sep) + os.sep
        below: list[str] = []
        with os.scandir(folder) as entries:
            for entry in entries:
                name = entry.name
                if name[0] == ".":
                    self._list_hidden(entry, start)
                    continue
                image = is_image(name) and "." in name
                if entry.is_dir():
                    below.append(start + name)
                    if image:
                        self.unusable[start + name] = "is a folder"
                elif image and not entry.is_file():
                    self.unusable[start + name] = "is a broken link or not a regular file"
                if image:
                    self.images.append(start + name)
                elif self._wants_others and entry.is_file():
                    self.others.append(start + name)
        return below

    def _list_hidden(self, entry: os.DirEntry[str], start: str) -> None:
        """Take the other files of a hidden folder and of all below it."""
        if not self._wants_others or entry.name in _PROGRAMS or not entry.is_dir():
            return
        for here, below, files in os.walk(
            start + entry.name, onerror=lambda error: self.closed.append(str(error.filename))
        ):
            below[:] = [name for name in below if name not in _PROGRAMS]
            self.others += [os.path.join(here, name) for name in files if name[0] != "." and not is_image(name)]  # noqa: PTH118


class Folders:
    """Remembers which files folders hold, so that a hundred thousand questions cost one listing."""

    def __init__(self) -> None:
        self._names: dict[str, frozenset[str]] = {}
        self._below: dict[str, tuple[str, ...]] = {}
        self._folded: dict[str, frozenset[str]] = {}
        self._closed: set[str] = set()

    def has_file(self, path: str) -> bool:
        """Whether a file (or a link to one) is at an absolute `path`, on the file system's own terms of equal names.

        What cannot be looked at is not there, as for Ultralytics.
        """
        folder, _, name = path.rpartition(os.sep)
        names = self.files(folder)
        if name in names:
            return True
        asks = folder in self._closed or (bool(names) and self._alike(folder, name))
        return asks and os.path.isfile(path)  # noqa: PTH113

    def files(self, folder: str) -> frozenset[str]:
        """The names of the files (and of links to files) in a folder; none where it cannot be listed."""
        names = self._names.get(folder)
        if names is None:
            names = self._names[folder] = self._list(folder)
        return names

    def subfolders(self, folder: str) -> tuple[str, ...]:
        """The names of the folders in a folder, without links and without those that begin with a dot."""
        self.files(folder)
        return self._below.get(folder, ())

    def has_label(self, path: str) -> bool:
        """Whether a label file is at `path`, like `has_file`.

        Raises:
            DatasetError: That cannot be found out. Ultralytics takes such a label for a missing one and trains on its
                image as background, which nobody means.
        """
        if self.has_file(path):
            return True
        if path.rpartition(os.sep)[0] in self._closed:
            try:
                os.stat(path)  # noqa: PTH116 - plain strings in this class
            except (FileNotFoundError, NotADirectoryError):
                return False
            except OSError as error:
                raise DatasetError(
                    f"{path}: cannot check whether this label exists: {error.strerror or error}; a trainer would "
                    "treat its image as a background. Give yourself permission to read its folder"
                ) from error
        return False

    def _list(self, folder: str) -> frozenset[str]:
        try:
            # With the separator, for a drive or the root is none without it.
            with os.scandir(folder + os.sep) as entries:
                files: list[os.DirEntry[str]] = []
                others: list[os.DirEntry[str]] = []
                for entry in entries:
                    (files if entry.is_file() else others).append(entry)
                below = (entry.name for entry in others if entry.is_dir(follow_symlinks=False))
                self._below[folder] = tuple(sorted(name for name in below if name[0] != "."))
                return frozenset(entry.name for entry in files)
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return frozenset()
        except OSError as error:
            if error.errno not in (errno.ENAMETOOLONG, errno.ELOOP):
                self._closed.add(folder)
            return frozenset()

    def _alike(self, folder: str, name: str) -> bool:
        """Whether a file system that folds case or normalises names could mean a file of this folder by `name`."""
        folded = self._folded.get(folder)
        if folded is None:
            folded = self._folded[folder] = frozenset(map(_fold, self._names[folder]))
        return _fold(name) in folded


def _fold(name: str) -> str:
    return name.lower() if name.isascii() else unicodedata.normalize("NFC", name).casefold()
