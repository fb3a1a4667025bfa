"""Append lines to a list file and take exactly those out again.

The one place where a file of the user changes: it is replaced as a whole, so a reader sees the old list or the new.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path

import msgspec

from yolobg.dataset.manifest import ListEdit
from yolobg.dataset.trust import names_image
from yolobg.errors import DatasetError
from yolobg.files import write_bytes

__all__ = ["append", "edit_for", "read_lines", "take_out"]


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
    return ListEdit(file=name, lines=dict(lines), newline_added=bool(raw) and not raw.endswith((b"\n", b"\r")))


def append(file: Path, edit: ListEdit) -> None:
    """Append the edit's lines in the file's own line ends; lines that are there already are not repeated."""
    # A list that is a link is changed where it really lies; replacing the link would cut it off.
    real = file.resolve()
    raw = real.read_bytes()
    there = set(raw.splitlines())
    lines = [line.encode("utf-8") for line in edit.lines.values() if line.encode("utf-8") not in there]
    if not lines:
        return
    end = _line_end(raw)
    block = end + end.join(lines) if edit.newline_added else b"".join(line + end for line in lines)
    write_bytes(real, raw + block)


def take_out(file: Path, edit: ListEdit, root: Path, *, images: Collection[str] | None = None) -> ListEdit:
    """Take the edit's lines out again (only those of `images`, where given); returns what is left of the edit.

    A line that somebody has since rewritten goes too when it still names the image. Other lines are kept byte for byte;
    a list file that is gone is left alone.

    Args:
        file: The list file.
        edit: What was appended.
        root: The dataset root that the edit's images are relative to.
        images: The entries' images that go.
    """
    going = {image: line for image, line in edit.lines.items() if images is None or image in images}
    rest = {image: line for image, line in edit.lines.items() if image not in going}
    real = file.resolve()
    if going and real.is_file():
        # A line that names something else is not ours, whatever a manifest says.
        ours = {line.encode("utf-8") for image, line in going.items() if names_image(line, image, root)}
        paths = {os.path.normpath(root / image) for image in going}
        raw = real.read_bytes()
        lines = raw.splitlines(keepends=True)
        out = [_is_ours(line.rstrip(b"\r\n"), ours, paths, real.parent) for line in lines]
        text = b"".join(line for line, gone in zip(lines, out, strict=True) if not gone)
        if edit.newline_added and out[-1]:
            text = text.removesuffix(_line_end(raw))
        if any(out):
            write_bytes(real, text)
    return msgspec.structs.replace(edit, lines=rest)


def _line_end(raw: bytes) -> bytes:
    return next((end for end in (b"\r\n", b"\n", b"\r") if end in raw), b"\n")


def _is_ours(line: bytes, ours: Collection[bytes], paths: Collection[str], folder: Path) -> bool:
    if line in ours:
        return True
    # Only our names can be meant, so most lines need no further look.
    if b"bg_" not in line:
        return False
    path = line.decode("utf-8", "replace")
    return os.path.normpath(folder / path if path.startswith("./") else path) in paths
