"""Where the files of a source are, and whether they are there, before anything is promised or changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from yolobg.errors import DownloadError
from yolobg.images.jpeg_png import BadImageError
from yolobg.images.local import LocalFolders
from yolobg.model import Failed, ImageRecord, Origin
from yolobg.net.addresses import bare_url, image_url
from yolobg.safe_names import safe_parts
from yolobg.wording import counted

__all__ = ["check_there", "places_of"]

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
            f"{counted(needed, 'background', 'are')} needed, and only {found:,} of {found + len(absent):,} eligible "
            "images have a "
            f"file ({'; '.join(map(str, absent[:_SHOWN]))}). Nothing was added."
        )


def _is_there(folders: LocalFolders, record: ImageRecord) -> bool:
    try:
        return folders.find(record) is not None
    except BadImageError:
        # It is there; why it must not be used is told when it comes to that.
        return True


def places_of(records: Iterable[ImageRecord], origin: Origin) -> Iterator[str]:
    """Where each image is had from first: its file on this machine, else its address without what may be a secret."""
    folders = LocalFolders(origin.folders, Path(), origin.link)
    for record in records:
        parts = safe_parts(record.file_name) or ()
        if origin.folders and (path := _file_of(folders, record)) is not None:
            yield str(path)
        elif origin.bases:
            yield bare_url(image_url(origin.bases[0], parts))
        else:
            yield str(origin.folders[0].joinpath(*parts)) if origin.folders else record.file_name


def _file_of(folders: LocalFolders, record: ImageRecord) -> Path | None:
    try:
        return folders.find(record)
    except BadImageError:
        return None
