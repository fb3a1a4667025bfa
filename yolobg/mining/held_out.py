"""COCO's val2017 is what false alarms are measured on, so a model must not choose images from it to be trained on."""

from __future__ import annotations

from pathlib import PurePosixPath
from urllib.parse import urlsplit

from yolobg.errors import UsageError
from yolobg.model import ImageRecord, Origin

__all__ = ["check_origin", "is_held_out"]

_HELD_OUT = "val2017"


def check_origin(origin: Origin) -> None:
    """Refuse a source all of whose images are held out.

    Raises:
        UsageError: They are.
    """
    for place in (*(folder.as_posix() for folder in origin.folders), *origin.bases):
        if PurePosixPath(urlsplit(place).path).name.casefold() == _HELD_OUT:
            raise UsageError(
                f"{place}: --hard chooses nothing from COCO's val2017, since `yolobg evaluate` measures on it; give "
                "train2017 or your own images"
            )


def is_held_out(record: ImageRecord) -> bool:
    """Whether an image is one of val2017, by its address or by the folders in its name."""
    folders = (
        *PurePosixPath(urlsplit(record.coco_url).path).parts,
        *PurePosixPath(record.file_name.replace("\\", "/")).parts[:-1],
    )
    return _HELD_OUT in (folder.casefold() for folder in folders)
