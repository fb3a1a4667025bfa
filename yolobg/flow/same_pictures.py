"""Whether a record of a source is a picture that came before: by its content where it lies here, else by its address.

An id, a file name or the name of a source proves nothing: two exports of one tool share all three.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from yolobg.files import hash_file
from yolobg.flow.duplicates import Recorded
from yolobg.images.frame_names import is_frame_place, parse
from yolobg.images.jpeg_png import BadImageError
from yolobg.images.local import LocalFolders
from yolobg.model import ImageRecord, Origin
from yolobg.net.addresses import LONGEST_SHOWN, bare_url, image_url, shown_url
from yolobg.safe_names import safe_parts
from yolobg.threads import Pool

__all__ = ["same_pictures"]

_WORKERS = 4


def same_pictures(
    records: Iterable[ImageRecord], recorded: Mapping[int, Collection[Recorded]], origin: Origin, *, catalog: str
) -> set[int]:
    """The ids of the records that are certainly one of the recorded pictures of that id.

    A frame of a video is the same if a frame of that id came before. Another record whose file lies in a folder of the
    origin is compared by size and SHA-256. One that has to be fetched is the same if its whole address is, or if the
    annotations are the same, byte for byte, and it would be fetched from an address of that source. For all others that
    cannot be known before they are fetched.

    Args:
        records: Records of the source.
        recorded: What is known, by id.
        origin: Where the images of the source are.
        catalog: The key of the source's catalog.

    Raises:
        YolobgError: This machine has no thread for it.
    """
    folders = LocalFolders(origin, Path())

    def look(record: ImageRecord) -> bool:
        pictures = recorded.get(record.id, ())
        if origin.frames and parse(record.file_name):
            # Its id is made of the content of the video and the time.
            return any(is_frame_place(picture.url) for picture in pictures)
        here = _is_here(record, pictures, folders)
        return any(_is_there(record, picture, origin.bases, catalog) for picture in pictures) if here is None else here

    listed = list(records)
    # Hashing lets other threads run.
    with Pool(max_workers=_WORKERS) as pool:
        return {record.id for record, same in zip(listed, pool.map(look, listed), strict=True) if same}


def _is_here(record: ImageRecord, pictures: Collection[Recorded], folders: LocalFolders) -> bool | None:
    """Whether its file has the content of one of the pictures; None where no folder has its file."""
    try:
        path = folders.find(record)
        if path is None:
            return None
        size = path.stat().st_size
        digests = {picture.sha256 for picture in pictures if picture.size_bytes in (None, size)}
        return bool(digests) and hash_file(path) in digests
    except (BadImageError, OSError):
        return False


def _is_there(record: ImageRecord, picture: Recorded, bases: tuple[str, ...], catalog: str) -> bool:
    if picture.catalog and picture.catalog == catalog and set(picture.places) & set(map(bare_url, bases)):
        return True
    parts = safe_parts(record.file_name)
    # As it is recorded; what was cut off says nothing.
    addresses = {shown_url(image_url(base, parts)) for base in bases} if parts else set()
    return picture.url in {address for address in addresses if len(address) < LONGEST_SHOWN}
