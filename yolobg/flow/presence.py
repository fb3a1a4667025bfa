"""Whether the files of a source are there, before anything is promised or changed."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from yolobg.errors import DownloadError
from yolobg.images.jpeg_png import BadImageError
from yolobg.images.local import LocalFolders
from yolobg.model import Failed, ImageRecord, Origin

__all__ = ["check_there"]

_SHOWN = 2


def check_there(records: Iterable[ImageRecord], origin: Origin, needed: int) -> None:
    """Check that enough files are there, where all of them must lie in folders of this machine.

    Only as many are looked for as are needed, and none is opened.

    Args:
        records: What may come in, in the order in which it is tried.
        origin: Where the files are; nothing is checked where some may be fetched.
        needed: How many files must be there.

    Raises:
        DownloadError: There are too few; the message names a file and where it was looked for.
    """
    if origin.bases or not origin.folders:
        return
    folders = LocalFolders(origin.folders, Path(), origin.link)
    found, absent = 0, list[Failed]()
    for record in records:
        if found == needed:
            return
        if _is_there(folders, record):
            found += 1
        else:
            absent.append(Failed(record.id, folders.why_absent(record), 0, record.file_name))
    if found < needed and absent:
        raise DownloadError(
            f"{needed:,} backgrounds are needed, and only {found:,} of {found + len(absent):,} eligible images have a "
            f"file ({'; '.join(map(str, absent[:_SHOWN]))}). Nothing was added."
        )


def _is_there(folders: LocalFolders, record: ImageRecord) -> bool:
    try:
        return folders.find(record) is not None
    except BadImageError:
        # It is there; why it must not be used is told when it comes to that.
        return True
