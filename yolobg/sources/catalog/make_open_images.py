"""The catalog of Open Images and what its labels say as evidence: both are made at once, from the same two lists."""

from __future__ import annotations

import uuid
from pathlib import Path

from yolobg.errors import DownloadError
from yolobg.model import Progress
from yolobg.sources.annotations.open_images import read_open_images
from yolobg.sources.annotations.remote_files import fetch_official
from yolobg.sources.catalog.build import build_catalog
from yolobg.sources.catalog.evidence_file import build_evidence
from yolobg.sources.catalog.store import Note, Store, official_key, stamp
from yolobg.sources.location import AnnotationSource
from yolobg.sources.open_images import OPEN_IMAGES, OPEN_IMAGES_LABELS, class_parents, image_bases, list_bases

__all__ = ["make_open_images"]


def make_open_images(store: Store, source: AnnotationSource, folder: Path, parts: Path, progress: Progress) -> Path:
    """Fetch the lists, which must be the pinned ones, and publish both files.

    Args:
        store: The cache.
        source: Which of the two is wanted.
        folder: A folder of one's own for files in the making.
        parts: Where half-fetched files are.
        progress: Stages `annotations` (bytes fetched) and `catalog` (images).

    Returns:
        The file that is wanted.

    Raises:
        DownloadError: A list cannot be fetched.
        AnnotationsError: A list is not usable.
    """
    try:
        labels, images = (
            fetch_official(name, pin, list_bases(), folder, parts, progress) for name, pin in source.pins.items()
        )
    except DownloadError as error:
        raise DownloadError(f"{error}. A mirror of Open Images' lists can be named in YOLOBG_OPENIMAGES_URL") from error
    read = read_open_images(labels, images, classes=class_parents(), base=image_bases()[-1])
    made = {}
    for one in (OPEN_IMAGES_LABELS, OPEN_IMAGES):
        built = folder / f"{uuid.uuid4().hex}.sqlite"
        if one.evidence:
            build_evidence(built, read.rows, progress=progress)
        else:
            build_catalog(built, read.instances, None, credits=read.credits, progress=progress)
        made[one.name] = path = store.publish(built, one.name, str(official_key(one)))
        store.sweep(path)
        store.write_note(one, Note(one.instances, path.name, stamp(path)))
    return made[source.name]
