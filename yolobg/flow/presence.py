"""Which files of a source can be used, before anything is promised or changed: they are there and begin like images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from yolobg.dataset.name_differences import nearly_called
from yolobg.errors import DownloadError
from yolobg.images.check import image_suffix
from yolobg.images.jpeg_png import BadImageError
from yolobg.images.kinds import HEAD_BYTES, check_start
from yolobg.images.local import LocalFolders
from yolobg.images.video_files import reader_of
from yolobg.model import Failed, ImageRecord, Origin
from yolobg.net.addresses import bare_url, image_url
from yolobg.safe_names import safe_parts
from yolobg.wording import agreeing, counted

__all__ = ["first_usable", "places_of"]

_SHOWN = 2


def first_usable(
    records: Iterable[ImageRecord], origin: Origin, needed: int
) -> tuple[tuple[ImageRecord, ...], tuple[Failed, ...]]:
    """The first images that a run would take, where all of them must lie in folders of this machine.

    Of each the first bytes are read, in one small read, and no more files are looked at than that takes. A damaged
    image that begins well is found when it comes in.

    Args:
        records: What may come in, in the order in which it is tried.
        origin: Where the files are; nothing is looked at where some may be fetched.
        needed: How many are needed.

    Returns:
        The first that can be used, and those before them that cannot, with the reason.

    Raises:
        DownloadError: There are too few; the message names a file and the reason.
    """
    found, failed = list[ImageRecord](), list[Failed]()
    folders = LocalFolders(origin, Path()) if origin.folders and not origin.bases else None
    for record in records:
        if len(found) == needed:
            break
        if folders is None or not (why := _why_not(folders, record)):
            found.append(record)
        else:
            failed.append(Failed(record.id, why, 0, record.file_name))
    if len(found) < needed and failed:
        near = nearly_called(failed[0].file_name, map(str, origin.folders))
        raise DownloadError(
            f"{counted(needed, 'background', 'are')} needed, and only {len(found):,} of "
            f"{counted(len(found) + len(failed), 'eligible image')} {agreeing(len(found), 'have')} a file that can be "
            f"used ({'; '.join(map(str, failed[:_SHOWN]))}{f'; but {near}' if near else ''}). Nothing was added."
        )
    return tuple(found), tuple(failed)


def _why_not(folders: LocalFolders, record: ImageRecord) -> str:
    """Why the file of a record cannot be used, by its place and first bytes; nothing where it may be."""
    try:
        path = folders.find(record)
        if path is None:
            return folders.why_absent(record)
        if folders.is_frame(record):
            reader_of(path)
            return ""
        with path.open("rb", buffering=0) as file:
            check_start(file.read(HEAD_BYTES), image_suffix(record.file_name) or "")
    except BadImageError as error:
        return str(error)
    except OSError as error:
        return f"it cannot be read: {error.strerror or error}"
    return ""


def places_of(records: Iterable[ImageRecord], origin: Origin) -> Iterator[str]:
    """Where each image is had from first: its file on this machine, else its address without what may be a secret."""
    folders = LocalFolders(origin, Path())
    for record in records:
        parts = safe_parts(record.file_name) or ()
        if origin.folders and (path := _file_of(folders, record)) is not None:
            yield folders.place_of(record, path)
        elif origin.bases:
            yield bare_url(image_url(origin.bases[0], parts))
        else:
            yield str(origin.folders[0].joinpath(*parts)) if origin.folders else record.file_name


def _file_of(folders: LocalFolders, record: ImageRecord) -> Path | None:
    try:
        return folders.find(record)
    except BadImageError:
        return None
