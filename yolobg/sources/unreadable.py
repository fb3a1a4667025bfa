"""A source folder whose records cannot be read: when that stops the run, and what the user can do."""

from __future__ import annotations

import json
from pathlib import Path

from yolobg.errors import DatasetError
from yolobg.formats.coco_read import find_coco

__all__ = ["WAY_ON", "stop_at_unreadable"]

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
