"""Append lines to a list file and take exactly those out again.

The one place where a file of the user changes: it is replaced as a whole, so a reader sees the old list or the new.
"""

from __future__ import annotations

import codecs
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from yolobg.dataset.manifest import ListEdit
from yolobg.dataset.trust import names_image
from yolobg.errors import DatasetError
from yolobg.files import write_bytes

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
    return ListEdit(file=name, lines=dict(lines), newline_added=not ended)


def append(file: Path, edit: ListEdit) -> None:
    """Append the edit's lines in the file's own line ends; lines that are there already are not repeated."""
    # A list that is a link is changed where it really lies; replacing the link would cut it off.
    real = file.resolve()
    raw = real.read_bytes()
    lines = [line.encode("utf-8") for line in edit.lines.values()]
    there = set(raw.splitlines())
    block = _block(raw, [line for line in lines if line not in there], edit)
    if not block:
        return
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

    A line that somebody has since rewritten goes too when it still names the image. Other lines are kept byte for byte.

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
    lines = raw.removeprefix(mark).splitlines(keepends=True)
    found = [finder.image_of(line.rstrip(b"\r\n")) for line in lines]
    if all(image is None for image in found):
        return
    text = mark + b"".join(line for line, image in zip(lines, found, strict=True) if image is None)
    last = edit_of.get(found[-1]) if found[-1] is not None else None
    if last is not None and last.newline_added:
        text = text.removesuffix(_line_end(raw))
    write_bytes(real, text)


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
        told = ((image, edit.lines[image]) for image, edit in edit_of.items())
        self._lines = {line.encode("utf-8"): image for image, line in told if names_image(line, image, root)}
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
