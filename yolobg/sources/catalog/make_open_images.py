"""The catalog of a part of Open Images, from its two lists: labels and images."""

from __future__ import annotations

import contextlib
import hashlib
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path

from yolobg.errors import AnnotationsError, DownloadError
from yolobg.files import discard, hash_file, step
from yolobg.model import Progress
from yolobg.sources.annotations.open_images import read_open_images
from yolobg.sources.annotations.remote_files import fetch_official
from yolobg.sources.archive.unpack import require_space
from yolobg.sources.catalog.build_open_images import build_open_images
from yolobg.sources.catalog.notes import SourceNote
from yolobg.sources.catalog.store import Store, official_key
from yolobg.sources.catalog.use import note_use
from yolobg.sources.location import AnnotationSource, Pin
from yolobg.sources.open_images import class_parents, image_bases, list_bases, lists_on_disk

__all__ = ["make_open_images", "make_open_images_from"]


def make_open_images(store: Store, source: AnnotationSource, folder: Path, parts: Path, progress: Progress) -> Path:
    """Fetch the lists, which must be the pinned ones, and publish the catalog.

    Args:
        store: The cache.
        source: The part.
        folder: A folder of one's own for files in the making.
        parts: Where lists that are fetched, or half fetched, wait for the next run.
        progress: Stages `annotations` (bytes fetched) and `catalog` (images).

    Returns:
        The catalog file.

    Raises:
        DownloadError: A list cannot be fetched.
        AnnotationsError: A list is not usable.
        YolobgError: The disk has too little room.
    """
    lists = {name: parts / f"{hashlib.sha256(name.encode()).hexdigest()[:16]}.json" for name in source.pins}
    there = sum(path.stat().st_size for path in parts.iterdir() if path.is_file())
    size = sum(pin.size_bytes for pin in source.pins.values())
    # The catalog takes less than half of what its lists do.
    require_space(folder, size + size // 2 - min(there, size), f"the lists of {source.name} and their catalog")
    try:
        for name, pin in source.pins.items():
            _fetch(name, pin, lists[name], folder, parts, progress)
    except DownloadError as error:
        raise DownloadError(f"{error}. A mirror of Open Images' lists can be named in YOLOBG_OPENIMAGES_URL") from error
    try:
        return _publish(store, source, list(lists.values()), folder, progress)
    finally:
        _drop(lists.values(), parts)


def make_open_images_from(
    store: Store, source: AnnotationSource, place: Path, folder: Path, progress: Progress
) -> Path:
    """The same from lists on disk, which are left as they are and must be the pinned ones.

    Raises:
        AnnotationsError: A list is missing or another.
        YolobgError: The disk has too little room.
    """
    lists = lists_on_disk(source, place)
    missing = next((name for name in source.pins if name not in lists), None)
    if missing is not None:
        raise AnnotationsError(
            f"{place}: has no {missing.rpartition('/')[2]}, and the catalog of {source.name} needs it too; get it from "
            f"{list_bases()[-1]}/{missing}"
        )
    for name, path in lists.items():
        pin = source.pins[name]
        if (path.stat().st_size, hash_file(path, "md5")) != (pin.size_bytes, pin.md5):
            raise AnnotationsError(
                f"{path}: is not Open Images' own list, which has {pin.size_bytes:,} bytes and the MD5 {pin.md5}; get "
                f"it from {list_bases()[-1]}/{name}"
            )
    require_space(folder, sum(pin.size_bytes for pin in source.pins.values()) // 2, f"the catalog of {source.name}")
    return _publish(store, source, [lists[name] for name in source.pins], folder, progress)


def _publish(store: Store, source: AnnotationSource, lists: Sequence[Path], folder: Path, progress: Progress) -> Path:
    read = read_open_images(*lists, classes=class_parents())
    built = folder / f"{uuid.uuid4().hex}.sqlite"
    build_open_images(built, read, base=image_bases(source)[-1], progress=progress)
    path = store.publish(built, source.name, str(official_key(source)), source, SourceNote(source.instances))
    note_use(store, path)
    return path


def _fetch(name: str, pin: Pin, to: Path, folder: Path, parts: Path, progress: Progress) -> None:
    """Have a list at `to`: what an earlier run fetched whole is not fetched again."""
    if to.is_file() and (to.stat().st_size, hash_file(to, "md5")) == (pin.size_bytes, pin.md5):
        return
    path = fetch_official(name, pin, list_bases(), folder, parts, progress)
    step("rename", to)
    path.replace(to)


def _drop(lists: Iterable[Path], parts: Path) -> None:
    discard(*lists)  # what is left, `yolobg cache clear` removes
    with contextlib.suppress(OSError):
        step("rmdir", parts)
        parts.rmdir()
