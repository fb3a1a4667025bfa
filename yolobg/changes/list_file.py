"""Append lines to a list file and take exactly those out again.

The one place where a file of the user changes. A reader sees the old list or the new, and the file keeps owner, mode,
attributes and further names.
"""

from __future__ import annotations

import codecs
import os
import stat
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from yolobg.changes.manifest_checks import names_image
from yolobg.changes.records import ListEdit
from yolobg.errors import DatasetError
from yolobg.files import append_bytes, shorten, write_bytes

__all__ = ["append", "edit_for", "named_in", "read_lines", "take_out"]


def read_lines(file: Path) -> tuple[str, ...]:
    """The lines of a list file without line ends and without a BOM.

    Raises:
        DatasetError: It cannot be read as UTF-8 text.
    """
    try:
        return tuple(file.read_bytes().decode("utf-8-sig").splitlines())
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{file}: cannot be read as a list of images in UTF-8: {error}") from error


def edit_for(file: Path, name: str, lines: Mapping[str, str]) -> ListEdit:
    """The edit that appends `lines` (entry image to line) to `file`, called `name` in the manifest."""
    raw = file.read_bytes()
    ended = not raw or raw.endswith((b"\n", b"\r"))
    return ListEdit(file=name, lines=dict(lines), newline_added=not ended, size=len(raw))


def append(file: Path, edit: ListEdit) -> None:
    """Append the edit's lines in the file's own line ends; lines that are there already are not repeated."""
    # A list that is a link is changed where it really lies; replacing the link would cut it off.
    real = file.resolve()
    raw = real.read_bytes()
    lines = [line.encode("utf-8") for line in edit.lines.values()]
    size = max(0, edit.size)
    whole, begun = _block(raw[:size], lines, edit), raw[size:]
    if begun and begun != whole and whole.startswith(begun):
        # A write in place that was cut short.
        shorten(real, size)
        raw = raw[:size]
    there = set(raw.splitlines())
    block = _block(raw, [line for line in lines if line not in there], edit)
    if not block:
        return
    if _in_place(real):
        append_bytes(real, block)
    else:
        write_bytes(real, raw + block)


def _block(raw: bytes, lines: Sequence[bytes], edit: ListEdit) -> bytes:
    """What has to stand behind `raw` for these lines."""
    end = _line_end(raw)
    if edit.newline_added and lines:
        return end + end.join(lines)
    return b"".join(line + end for line in lines)


def take_out(
    file: Path, edits: Sequence[ListEdit], root: Path, images: Collection[str], *, exactly: bool = False
) -> None:
    """Take the lines of images out of a list file; a list file that is gone is left alone.

    A line that has been rewritten since goes too when it still names the image. Other lines are kept byte for byte.

    Args:
        file: The list file.
        edits: What was appended to it.
        root: The dataset root that the images are relative to.
        images: The entries' images that go.
        exactly: Only lines that are, byte for byte, those that were appended.
    """
    real = file.resolve()
    if not images or not real.is_file():
        return
    edit_of = {image: edit for edit in edits for image in edit.lines if image in images}
    finder = _Finder(real, edit_of, root, () if exactly else images)
    raw = real.read_bytes()
    mark = codecs.BOM_UTF8 if raw.startswith(codecs.BOM_UTF8) else b""
    begun = 0 if exactly else max((_begun(raw, edit) for edit in edits), default=0)
    lines = raw[: len(raw) - begun].removeprefix(mark).splitlines(keepends=True)
    found = [finder.image_of(line.rstrip(b"\r\n")) for line in lines]
    if not begun and all(image is None for image in found):
        return
    text = mark + b"".join(line for line, image in zip(lines, found, strict=True) if image is None)
    last = edit_of.get(found[-1]) if found and found[-1] is not None else None
    if last is not None and last.newline_added:
        text = text.removesuffix(_line_end(raw))
    # Only a cut is done at one stroke; what stands behind our lines cannot be moved up without a moment in between.
    if raw.startswith(text) and _in_place(real):
        shorten(real, len(text))
    else:
        write_bytes(real, text)


def _begun(raw: bytes, edit: ListEdit) -> int:
    """How many bytes at the end of a list are no whole line, since the write of the edit was cut short."""
    size = max(0, edit.size)
    lines = [line.encode("utf-8") for line in edit.lines.values()]
    rest, end = raw[size:], _line_end(raw[:size])
    if not _block(raw[:size], lines, edit).startswith(rest):
        return 0
    for line in lines:
        whole = end + line if edit.newline_added else line + end
        if not rest.startswith(whole):
            # Without its line end a line may be as some editor left it.
            return 0 if rest.startswith(line) else len(rest)
        rest = rest.removeprefix(whole)
    return 0


def named_in(file: Path, images: Collection[str], root: Path) -> set[str]:
    """Those of our images that a list file names."""
    try:
        raw = file.read_bytes()
    except OSError:
        return set()
    finder = _Finder(file.resolve(), {}, root, images)
    found = {finder.image_of(line) for line in raw.removeprefix(codecs.BOM_UTF8).splitlines()}
    return {image for image in found if image is not None}


class _Finder:
    """Tells which of our images a line of a list file names.

    Args:
        file: The list file, links followed.
        edit_of: Image to the edit that appended its line; such a line counts as it stands.
        root: The dataset root.
        images: The images whose path counts however it is written.
    """

    def __init__(self, file: Path, edit_of: Mapping[str, ListEdit], root: Path, images: Collection[str]) -> None:
        # A line that names something else is not ours, whatever a manifest says.
        pairs = ((image, edit.lines[image]) for image, edit in edit_of.items())
        self._lines = {line.encode("utf-8"): image for image, line in pairs if names_image(line, image, root)}
        self._real: dict[str, str] = {}
        self._beside = (str(file.parent),)
        # A relative line means the current folder, and mostly it is written for the dataset's root.
        self._relative = tuple(dict.fromkeys((str(root), str(Path.cwd()))))
        self._paths = {path: image for image in images for path in self._spellings(os.path.join(root, image))}  # noqa: PTH118 - by the hundred thousand

    def image_of(self, line: bytes) -> str | None:
        """The image that a line (without its line end) names; None where that is none of ours."""
        if line in self._lines:
            return self._lines[line]
        # Only our names can be meant, so most lines need no further look.
        if b"bg_" not in line or b"\0" in line or not self._paths:
            return None
        path = line.decode("utf-8", "replace")
        bases = self._beside if path.startswith("./") else self._relative
        tries = (name for base in bases for name in self._spellings(os.path.join(base, path)))  # noqa: PTH118
        return next((self._paths[name] for name in tries if name in self._paths), None)

    def _spellings(self, path: str) -> Iterator[str]:
        """A path without detours, and the same with the links of its folder followed."""
        path = os.path.normpath(path)
        yield path
        folder, name = os.path.split(path)
        if folder not in self._real:
            self._real[folder] = os.path.realpath(folder)
        yield os.path.join(self._real[folder], name)  # noqa: PTH118


def _line_end(raw: bytes) -> bytes:
    return next((end for end in (b"\r\n", b"\n", b"\r") if end in raw), b"\n")


def _in_place(file: Path) -> bool:
    """Whether replacing the file would take something from it that a new one cannot be given."""
    there = file.stat()
    if not os.access(file, os.W_OK):
        return False
    if there.st_nlink > 1:
        return not _has_linked_copy(file, there)
    if sys.platform != "linux":
        # There nothing copies an access control list to another file.
        return True
    mine = there.st_uid == os.geteuid() and there.st_gid in (os.getegid(), *os.getgroups())
    return not mine and os.geteuid() != 0


def _has_linked_copy(file: Path, there: os.stat_result) -> bool:
    """Whether the folder was copied by hard links (`cp -al`): then the copy is a backup and must not change with it.

    It was where other names of the list lie elsewhere and other files beside it have second names as well.
    """
    names, others = 0, False
    with os.scandir(file.parent) as beside:
        for one in beside:
            status = os.lstat(one.path)
            if os.path.samestat(status, there):
                names += 1
            elif stat.S_ISREG(status.st_mode) and status.st_nlink > 1:
                others = True
    return others and names < there.st_nlink
