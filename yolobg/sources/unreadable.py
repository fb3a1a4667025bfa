"""A source folder whose records cannot be read or were not understood: when that stops the run, and what to do."""

from __future__ import annotations

import json
from pathlib import Path

from yolobg.errors import AnnotationsError, DatasetError
from yolobg.formats.coco_read import find_coco
from yolobg.formats.unread import Stray, Unread
from yolobg.wording import counted

__all__ = ["WAY_ON", "remarks", "stop_at_unread", "stop_at_unreadable"]

_SHOWN = 4

WAY_ON = "If these images contain none of your classes, pass --unlabelled: then all of them are used as backgrounds"
_NOT_PASSED_OVER = (
    "Correct it; --unlabelled does not pass over it, since other records of the folder may name one of your classes. "
    "If none does, move the file of the records out of the folder"
)


def stop_at_unreadable(folder: Path, own: str, why: DatasetError, *, unlabelled: bool) -> None:
    """Say that a folder cannot be read in its format; return where the user has said that this does not matter.

    Args:
        folder: The source folder.
        own: The format.
        why: What reading it ended with.
        unlabelled: Whether the user says that images without a known record show none of the classes.

    Raises:
        DatasetError: Always without `unlabelled`, and with it where other records may rule images out.
    """
    # Labels beside the images are seen without it.
    if not own.startswith("yolo") and not (own == "coco" and _is_cut_off(folder)):
        raise DatasetError(f"--source {folder}: {why}. {_NOT_PASSED_OVER}") from why
    if not unlabelled:
        raise DatasetError(f"--source {folder}: {why}. {WAY_ON}") from why


def _is_cut_off(folder: Path) -> bool:
    """Whether the folder's one COCO file is no JSON, so that no record in it can be read."""
    files = list(find_coco(folder).values())
    if len(files) != 1:
        return False
    try:
        json.loads(files[0].read_bytes())
    except (ValueError, RecursionError):
        return True
    except OSError:
        return False
    return False


def stop_at_unread(folder: Path, unread: Unread, *, unlabelled: bool) -> None:
    """Raise where there are records that nobody understood, unless the user has said what they mean."""
    if not unread.strays or unlabelled:
        return
    shown = "; ".join(_shown(stray) for stray in unread.strays[:_SHOWN])
    rest = f"; and {counted(len(unread.strays) - _SHOWN, 'more place')}" if len(unread.strays) > _SHOWN else ""
    raise AnnotationsError(
        f"--source {folder}: it contains what look like records of its images, and they were not understood, so any "
        f"image may show one of your classes: {shown}{rest}. Expected bare images, images/ with YOLO labels of the "
        "same names (.txt) in labels/, or a dataset in a format that `yolobg convert` reads. If it is in one of those, "
        "convert it first (yolobg convert, with --from); if it is a COCO file, name it (--annotations FILE --images "
        f"DIR); move away what is not a record. {WAY_ON}"
    )


def _shown(stray: Stray) -> str:
    return f"{stray.file} ({stray.why})" + (f" and {stray.more:,} more like it" if stray.more else "")


def remarks(folder: Path, unread: Unread) -> tuple[str, ...]:
    """What to know of what was not read, where the run goes on."""
    said = []
    if unread.strays:
        said.append(
            f"--source {folder}: as requested (--unlabelled), its images are used as backgrounds although it has "
            f"records that were not understood: {'; '.join(_shown(stray) for stray in unread.strays[:_SHOWN])}"
        )
    if unread.masks:
        said.append(
            f"--source {folder}: {counted(len(unread.masks), 'picture', 'look')} like masks of others; left out"
        )
    if unread.captions:
        said.append(
            f"--source {folder}: {unread.captions} contains captions, which were not read: an image whose caption "
            "names one of your classes may be added"
        )
    return tuple(said)
