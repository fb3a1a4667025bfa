"""Whether a record of a source is a picture that came before: by its content where it lies here, else by its address.

An id, a file name or the name of a source proves nothing: two exports of one tool share all three.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from yolobg.dataset.known import Recorded
from yolobg.download.addresses import bare_url, image_url, safe_parts
from yolobg.download.local import LocalFolders
from yolobg.download.structure import BadImageError
from yolobg.files import hash_file
from yolobg.model import ImageRecord, Origin

__all__ = ["same_pictures"]

_WORKERS = 4


def same_pictures(
    records: Iterable[ImageRecord], recorded: Mapping[int, Collection[Recorded]], origin: Origin
) -> set[int]:
    """The ids of the records that are certainly one of the recorded pictures of that id.

    A record whose file lies in a folder of the origin is compared by size and SHA-256; one that has to be fetched, by
    its whole address. For all others that cannot be known before they are fetched.

    Args:
        records: Records of the source.
        recorded: What is known, by id.
        origin: Where the images of the source are.
    """
    folders = LocalFolders(origin.folders, Path(), origin.link)

    def look(record: ImageRecord) -> bool:
        return _is_one_of(record, recorded.get(record.id, ()), folders, origin.bases)

    listed = list(records)
    # Hashing lets other threads run.
    with ThreadPoolExecutor(max_workers=_WORKERS) as pool:
        return {record.id for record, same in zip(listed, pool.map(look, listed), strict=True) if same}


def _is_one_of(
    record: ImageRecord, pictures: Collection[Recorded], folders: LocalFolders, bases: tuple[str, ...]
) -> bool:
    try:
        path = folders.find(record)
        if path is not None:
            size = path.stat().st_size
            digests = {picture.sha256 for picture in pictures if picture.size_bytes in (None, size)}
            return bool(digests) and hash_file(path) in digests
    except (BadImageError, OSError):
        return False
    parts = safe_parts(record.file_name)
    addresses = {bare_url(image_url(base, parts)) for base in bases} if parts else set()
    return any(bare_url(picture.url) in addresses for picture in pictures)
