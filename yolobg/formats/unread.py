"""What lies in a folder of images and looks like records of them that no reader has understood.

Such images may show anything, so they are no backgrounds until the user says so. Reading is bounded: names first, then
the beginning of those files whose name does not clear them.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from yolobg.dataset.folder_listing import Walk
from yolobg.formats.record_kinds import HARMLESS, FileVerdict, judge_file
from yolobg.formats.record_masks import OTHER_PICTURES, find_masks
from yolobg.formats.record_names import ImageNames, is_harmless

__all__ = ["Stray", "Unread", "find_unread"]

_MOST_FILES = 20_000
_ARRAYS = 100
_FOREIGN_FOLDERS = frozenset({"__macosx", "node_modules", "__pycache__", "@eadir"})


@dataclass(frozen=True, slots=True)
class Stray:
    """Records that were not understood: one file, with how many more of its folder and suffix there are."""

    file: str
    why: str
    more: int = 0


@dataclass(frozen=True, slots=True)
class Unread:
    """What was not understood.

    Attributes:
        strays: The records, one for each folder and suffix; a path is relative to the folder.
        masks: Pictures that mark what others show, as absolute paths.
        captions: A file with captions that nobody has looked at; empty where there is none.
    """

    strays: tuple[Stray, ...] = ()
    masks: tuple[str, ...] = ()
    captions: str = ""


def find_unread(
    walk: Walk, root: str, *, images: Sequence[str], understood: Collection[str], settled: Iterable[str] = ()
) -> Unread:
    """Look at everything in a folder that is neither an image nor understood.

    Args:
        walk: What is there, other files included.
        root: The folder, resolved.
        images: Those about which nothing was understood, as absolute paths.
        understood: Files that a reader has read, as absolute paths.
        settled: Images about which something was understood; records that are called like one of these are of no
            interest.
    """
    if not images:
        return Unread()
    names = ImageNames.of(images, os.sep)
    known = ImageNames.of(settled, os.sep)
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for path in walk.others:
        folder, _, file = path.rpartition(os.sep)
        if path in understood or is_harmless(file) or (known.own(file) and not names.own(file)):
            continue
        groups[folder, file.rpartition(".")[2].casefold()].append(path)
    strays = [Stray(_below(folder, root), "a folder that cannot be read") for folder in walk.closed]
    captions, may_open = "", iter(range(_MOST_FILES))
    for (folder, suffix), paths in sorted(groups.items()):
        if not _FOREIGN_FOLDERS.isdisjoint(re.split(r"[/\\]", folder[len(root) :].casefold())):
            continue
        stray, told = _look(sorted(paths), suffix, root, names, may_open)
        captions = captions or told
        strays += [stray] if stray else []
    pictures = [path for path in walk.others if path.casefold().endswith(OTHER_PICTURES)]
    masks = tuple(find_masks(walk.images + pictures, root))
    if masks:
        strays.append(Stray(_below(masks[0], root), "looks like a mask of another picture", len(masks) - 1))
    return Unread(tuple(strays), masks, captions)


def _look(
    paths: Sequence[str], suffix: str, root: str, names: ImageNames, may_open: Iterator[int]
) -> tuple[Stray | None, str]:
    """The first file of a kind that looks like records, and the first with captions."""
    captions = ""
    # Trainers put an array beside each image; those of one folder are of one kind.
    sample = paths if suffix != "npy" else paths[:: max(1, len(paths) // _ARRAYS)]
    for place, path in enumerate(sample):
        verdict = _judge(path, names, may_open)
        if verdict.why:
            return Stray(_below(path, root), verdict.why, len(sample) - place - 1), captions
        if verdict.captions and not captions:
            captions = _below(path, root)
    return None, captions


def _judge(path: str, names: ImageNames, may_open: Iterator[int]) -> FileVerdict:
    try:
        if not os.stat(path).st_size:  # noqa: PTH116 - plain strings, by the hundred thousand
            return HARMLESS
    except OSError as error:
        return FileVerdict(f"cannot be accessed: {error.strerror or error}")
    if next(may_open, None) is None:
        return FileVerdict(f"is one of more than {_MOST_FILES:,} files that may be records")
    return judge_file(path, names)


def _below(path: str, root: str) -> str:
    return path[len(root) :].lstrip(os.sep) if path.startswith(root) else path
