"""Pure rules about paths: what is an image, where its label lies, what a line of a list file means, how we name files.

Everything here works on strings and never touches the disk. The rules are those of Ultralytics 8.4.190, which takes
paths apart as text: `label_path` and `parse_list` give its answers for either separator, so they can be tested for
Windows on any system.
"""

from __future__ import annotations

import functools
import hashlib
import ntpath
import os
import posixpath
import re
import unicodedata
from collections.abc import Sequence
from types import ModuleType

from yolobg.errors import DatasetError
from yolobg.model import IMAGE_SUFFIXES
from yolobg.safe_names import folded

__all__ = [
    "IMAGE_SUFFIXES",
    "NAME_LIMIT",
    "background_name",
    "coco_id",
    "file_stem",
    "is_image",
    "label_key",
    "label_path",
    "list_line",
    "parse_list",
    "public_id",
    "public_id_in",
    "source_slug",
]

NAME_LIMIT = 120
"""Most characters of a file name we make; encrypted home folders (eCryptfs) allow 143 bytes, others 255."""

_SLUG_LIMIT = 40
_UNSAFE_IN_SLUG = re.compile(r"[^A-Za-z0-9_-]+")
_UNSAFE_IN_STEM = re.compile(r"[^A-Za-z0-9._-]+")
_OURS = r"(?:bg_[A-Za-z0-9_-]+?_)?"
_ROBOFLOW = r"(?:_(?:jpg|jpeg|png)(?:\.rf\.[A-Za-z0-9_-]+)?)?"
_COCO_STEM = re.compile(
    _OURS + r"(?:COCO_(?:train|val|test)[0-9]{4}_)?"  # the 2014 and 2015 releases
    r"([0-9]{12})" + _ROBOFLOW
)
_OPEN_IMAGES_STEM = re.compile(_OURS + r"([0-9a-f]{16})" + _ROBOFLOW)


def is_image(path: str) -> bool:
    """Whether a trainer takes this path for an image, by its name alone."""
    return "." + path.rpartition(".")[2].lower() in IMAGE_SUFFIXES


def label_path(image: str, sep: str = os.sep) -> str:
    """The label file a trainer seeks for an image path.

    The last `/images/` becomes `/labels/` (exact case, a separator on both sides, so a relative path that starts with
    `images/` is left alone), and everything after the last dot becomes `txt`.
    """
    head, middle, tail = image.rpartition(f"{sep}images{sep}")
    swapped = f"{head}{sep}labels{sep}{tail}" if middle else image
    return swapped.rsplit(".", 1)[0] + ".txt"


def label_key(image: str, sep: str = os.sep) -> str:
    """What two images must not share: their label path, alike for file systems that fold case or normalise names."""
    return folded(label_path(image, sep))


def parse_list(text: str, *, list_file: str, sep: str = os.sep) -> tuple[str, ...]:
    """The image paths that a list file names, in its order, duplicates kept.

    A line that starts with `./` lies beside the list file. Any other line stays as it is, also a relative one: a
    trainer takes it relative to the current folder, and works out the label from the text as written. So join with the
    current folder only after `label_path`. Lines without an image suffix are left out; lines are not stripped.

    Args:
        text: The content, decoded as `utf-8-sig` (a byte-order mark is no part of the first line).
        list_file: The list file's own path, resolved.
        sep: The separator of the system the list is read on.
    """
    beside = _flavour(sep).dirname(list_file).rstrip(sep) + sep
    lines = text.strip().splitlines()
    paths = (beside + line[2:] if line.startswith("./") else line for line in lines)
    return tuple(path.replace("/", sep) for path in paths if is_image(path))


def list_line(image: str, *, existing_lines: Sequence[str], list_file: str, cwd: str, sep: str = os.sep) -> str:
    """A new line for a list file in the style of its other lines, without the line break.

    If every image line is of one kind (`./` beside the list file, relative to the current folder, or absolute) the new
    line is of that kind, provided that the image lies below that folder; else it is absolute. A list without image
    lines gets `./` if that can be.

    Args:
        image: Absolute path of the new image.
        existing_lines: The lines that are there.
        list_file: Absolute path of the list file.
        cwd: The current folder that relative lines refer to.
        sep: The separator of the system the list is read on.

    Raises:
        DatasetError: The path holds a character that ends a line or cannot be written as UTF-8.
    """
    if len(image.splitlines()) != 1 or image != image.encode("utf-8", "replace").decode("utf-8"):
        raise DatasetError(
            f"{list_file}: the image path {image!r} cannot be written to a list file, since it contains a line break "
            f"or is not valid text; rename its folder"
        )
    flavour = _flavour(sep)
    kinds = {_line_kind(line, flavour) for line in existing_lines if is_image(line)} or {"beside"}
    if kinds == {"beside"}:
        below = _below(image, flavour.dirname(list_file), sep)
        return image if below is None else f"./{below}"
    if kinds == {"relative"}:
        below = _below(image, cwd, sep)
        return image if below is None or below != below.lstrip() else below
    return image


def _flavour(sep: str) -> ModuleType:
    return ntpath if sep == "\\" else posixpath


def _line_kind(line: str, flavour: ModuleType) -> str:
    if line.startswith("./"):
        return "beside"
    return "absolute" if flavour.isabs(line) else "relative"


def _below(path: str, folder: str, sep: str) -> str | None:
    """`path` relative to `folder` with `/`, or None where it does not lie below it."""
    start = folder.rstrip(sep) + sep
    return path[len(start) :].replace(sep, "/") if path.startswith(start) else None


@functools.lru_cache
def source_slug(name: str) -> str:
    """A source's name made safe for file names: ASCII letters, digits, `_` and `-`, 1 to 40 characters.

    A name that loses all or much gets a short hash, so that two sources do not become one.
    """
    slug = _ascii(name, _UNSAFE_IN_SLUG)
    if not slug:
        return f"source-{_digest(name)}"
    return slug if len(slug) <= _SLUG_LIMIT else f"{slug[: _SLUG_LIMIT - 9]}-{_digest(name)}"


def background_name(source: str, file_name: str) -> str:
    """The name of a background in the dataset: `bg_{source}_{stem}{suffix}`.

    Promises one path component of plain ASCII, at most `NAME_LIMIT` characters, that ends in an image suffix and is no
    reserved name on any system, whatever `file_name` says (it comes from the internet). The same input gives the same
    name. Where the stem had to be changed, or folders were cut off, a short hash of all of `file_name` keeps different
    images apart; COCO's own names never need one.

    Args:
        source: The source's name.
        file_name: The record's file name, with or without folders.
    """
    last = re.split(r"[/\\]", file_name)[-1]
    stem, dot, ending = last.rpartition(".")
    suffix = f".{ending.lower()}"
    if not dot or suffix not in IMAGE_SUFFIXES:
        stem, suffix = last, ".jpg"
    start = f"bg_{source_slug(source)}_"
    safe = _ascii(stem, _UNSAFE_IN_STEM)
    room = NAME_LIMIT - len(start) - len(suffix)
    if safe and safe == stem and len(safe) <= room and (last == file_name or coco_id(stem) is not None):
        return f"{start}{safe}{suffix}"
    return f"{start}{safe[: room - 9] or 'image'}-{_digest(file_name)}{suffix}"


def coco_id(stem: str) -> int | None:
    """The COCO image id that a file's stem names, or None.

    Known are COCO's twelve digits, alone or after `COCO_train2014_`, in our own names, and as Roboflow exports them
    (`000000123456_jpg.rf.0123abcd`).
    """
    match = _COCO_STEM.fullmatch(stem)
    return int(match.group(1)) if match else None


def public_id(stem: str) -> int | None:
    """The number of an image of COCO or of Open Images that a file's stem names, or None.

    That of Open Images is its 16 hexadecimal digits, beyond all numbers of COCO. Names are read as by `coco_id`.
    """
    match = _OPEN_IMAGES_STEM.fullmatch(stem)
    return 10**12 + int(match.group(1), 16) if match else coco_id(stem)


def file_stem(name: str) -> str:
    """The stem of a file name with folders of any system; by the hundred thousand, which pathlib is too slow for."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return last.rpartition(".")[0] or last


def public_id_in(file_name: str) -> int | None:
    """The same for a file name, with or without folders."""
    return public_id(file_stem(file_name))


def _ascii(text: str, unsafe: re.Pattern[str]) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")
    return unsafe.sub("-", plain).strip("-.")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
