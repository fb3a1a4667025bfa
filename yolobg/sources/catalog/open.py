"""Finds the catalog of a source in the user's cache folder, or makes it.

The fast way costs a row of the catalog, one small JSON file and a few `stat` calls. Everything slower (reading,
unpacking, fetching, building) lies in `make`, which is imported only then.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path

from yolobg.errors import AnnotationsError
from yolobg.files import discard
from yolobg.model import Progress, no_progress
from yolobg.sources.cache_folder import cache_folder
from yolobg.sources.catalog import use as catalog_use
from yolobg.sources.catalog.catalog import Catalog
from yolobg.sources.catalog.evidence_file import EvidenceFile
from yolobg.sources.catalog.notes import SourceNote, stamp
from yolobg.sources.catalog.shipped_index import index_key
from yolobg.sources.catalog.store import CacheEntry, Store, official_key
from yolobg.sources.catalog.use import note_use
from yolobg.sources.location import COCO2017, COCO2017_INDEX, COCO2017_VAL, LVIS, AnnotationSource, parse_source
from yolobg.sources.open_images import PARTS, lists_on_disk

__all__ = [
    "CacheEntry",
    "add_lvis",
    "build_from",
    "cache_entries",
    "cache_folder",
    "clear_cache",
    "clear_unused",
    "find_by_key",
    "find_catalog",
    "find_lvis",
    "is_ready",
    "last_use",
    "open_catalog",
    "open_evidence",
    "open_index",
]


def open_catalog(source: AnnotationSource = COCO2017, *, progress: Progress = no_progress) -> Catalog:
    """Open the catalog of a source; make it first if it is not in the cache or the source has changed.

    A local source is known by the content of its files, and an unchanged file is not read again. An address is asked
    whether it changed; if it cannot be reached, the catalog made from it before is used. The official files never
    change, so nobody is asked. A catalog that turns out to be damaged is rebuilt, once.

    Args:
        source: Where the annotations are.
        progress: Stages `annotations` (bytes fetched), `unpack` (bytes), `catalog` (images and captions).

    Raises:
        AnnotationsError: The files are not usable COCO annotations.
        DownloadError: They cannot be fetched, and nothing is in the cache.
        YolobgError: The cache folder cannot be written or is too full.
    """
    store = Store(cache_folder())
    path = _ready(store, source) or _make(store, source, progress)
    note_use(store, path)

    def rebuild() -> Path:
        discard(path)
        return _make(store, source, progress)

    return Catalog(path, rebuild=rebuild)


def find_catalog(source: AnnotationSource = COCO2017, *, progress: Progress = no_progress) -> Catalog | None:
    """Like `open_catalog`, but None rather than fetch an official source that has not been fetched yet."""
    if source.official and not is_ready(source):
        return None
    return open_catalog(source, progress=progress)


def is_ready(source: AnnotationSource) -> bool:
    """Whether a source has a catalog in the cache that nothing needs to be fetched for."""
    return _ready(Store(cache_folder()), source) is not None


def open_index() -> Catalog:
    """The catalog of COCO train2017 that needs no network: the objects of each image, without captions and licences.

    Raises:
        YolobgError: The cache folder cannot be written or is too full.
    """
    return open_catalog(COCO2017_INDEX)


def open_evidence(place: str | Path, *, progress: Progress = no_progress) -> EvidenceFile:
    """What a COCO-format file says about the images of other sources; it is read once and kept in the cache.

    Args:
        place: `.json`, `.json.gz`, `.zip`, a folder, or `file.zip!member.json`.
        progress: As for `open_catalog`.

    Raises:
        AnnotationsError: The file is not usable.
        YolobgError: The cache folder cannot be written or is too full.
    """
    return _evidence(replace(parse_source(str(place), captions=None), evidence=True), progress)


def find_lvis() -> tuple[EvidenceFile, ...]:
    """LVIS' two files, where `add_lvis` has brought them; else nothing."""
    store = Store(cache_folder())
    if not all(_ready(store, source) for source in LVIS):
        return ()
    return tuple(_evidence(source, no_progress) for source in LVIS)


def add_lvis(*, progress: Progress = no_progress) -> tuple[EvidenceFile, ...]:
    """Fetch LVIS v1 (415 MB), which `find_lvis` finds from now on; what is there already is not fetched again.

    Raises:
        DownloadError: It cannot be fetched; a later call continues where this one stopped.
        YolobgError: The cache folder cannot be written or is too full.
    """
    return tuple(_evidence(source, progress) for source in LVIS)


def _evidence(source: AnnotationSource, progress: Progress) -> EvidenceFile:
    store = Store(cache_folder())
    path = _ready(store, source) or _make(store, source, progress)
    note_use(store, path)
    try:
        return EvidenceFile(path)
    except AnnotationsError:
        discard(path)
    return EvidenceFile(_make(store, source, progress))


def find_by_key(key: str) -> Catalog | None:
    """The catalog in the cache that was made from files of that content, wherever those are now; or None."""
    path = Store(cache_folder()).find(key) if key.isalnum() else None
    return Catalog(path) if path else None


def build_from(place: Path, *, progress: Progress = no_progress) -> tuple[AnnotationSource, ...]:
    """Make the catalog of COCO 2017, or of Open Images, from a folder or zip that the user has, without the network.

    That of val2017, which `evaluate` measures on, is made too if its files are there.

    Args:
        place: A folder that holds (or is) `annotations/`, or COCO's `annotations_trainval2017.zip`; or a folder with
            the lists of Open Images.
        progress: As for `open_catalog`.

    Returns:
        The sources that `open_catalog` finds from now on, but for val2017.

    Raises:
        AnnotationsError: The files are not there, not usable, or not the official ones.
        YolobgError: The cache folder cannot be written or is too full.
    """
    from yolobg.sources.catalog import make as catalog_make  # noqa: PLC0415  # see the module's docstring

    store = Store(cache_folder())
    lists = tuple(part for part in PARTS.values() if lists_on_disk(part, place))
    for part in lists:
        catalog_make.make_from(store, place, part, progress)
    try:
        catalog_make.make_from(store, place, COCO2017, progress)
    except AnnotationsError:
        if lists:
            return lists
        raise
    with contextlib.suppress(AnnotationsError):
        catalog_make.make_from(store, place, COCO2017_VAL, progress)
    return (*lists, COCO2017)


def cache_entries() -> tuple[CacheEntry, ...]:
    """The catalogs in the cache, by name."""
    return Store(cache_folder()).entries()


def clear_cache() -> int:
    """Remove all catalogs, notes and unfinished work, and no other file; returns the bytes that were freed."""
    return Store(cache_folder()).clear()


def clear_unused() -> int:
    """Remove the catalogs that nothing has used for 90 days; returns the bytes that were freed."""
    return catalog_use.clear_unused(Store(cache_folder()))


def last_use(entry: CacheEntry) -> float:
    """When a catalog in the cache was last used, in seconds since 1970, exact to the day."""
    return catalog_use.last_use(Store(cache_folder()), entry.path)


def _make(store: Store, source: AnnotationSource, progress: Progress) -> Path:
    from yolobg.sources.catalog import make as catalog_make  # noqa: PLC0415  # see the module's docstring

    return catalog_make.make(store, source, progress, ready=lambda: _ready(store, source))


def _ready(store: Store, source: AnnotationSource) -> Path | None:
    """The catalog of a source that is known to be unchanged, without reading it or asking anybody."""
    key = index_key() if source.shipped else official_key(source)
    if key:  # of what never changes, it is known beforehand, whoever brought the files
        return store.find(key)
    if source.remote and not source.official:
        return None
    for path, note in store.notes(source):
        with contextlib.suppress(OSError):
            if (source.official or _unchanged(note)) and store.is_whole(path):
                return path
    return None


def _unchanged(note: SourceNote) -> bool:
    if not note.settled or any(Path(name).exists() for name in note.absent):
        return False
    with contextlib.suppress(OSError):
        return all(stamp(Path(old[0])) == old for old in note.stamps)
    return False
