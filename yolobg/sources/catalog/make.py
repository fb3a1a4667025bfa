"""The slow way to a catalog: get the source's files, read them, build, note down what was found, and publish."""

from __future__ import annotations

import contextlib
import gc
import logging
import shutil
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

from yolobg.errors import AnnotationsError, DownloadError, YolobgError
from yolobg.files import discard, refuse_links, step
from yolobg.model import Progress
from yolobg.sources.annotations.evidence import read_evidence
from yolobg.sources.annotations.local_files import JsonFiles, locate, unpack_local
from yolobg.sources.annotations.read import begin_instances, read_captions
from yolobg.sources.archive.unpack import require_space
from yolobg.sources.catalog.build import build_catalog
from yolobg.sources.catalog.build_index import build_index
from yolobg.sources.catalog.evidence_file import build_evidence
from yolobg.sources.catalog.notes import SourceNote, Stamp, is_settled, stamp
from yolobg.sources.catalog.shipped_index import index_key, load_index
from yolobg.sources.catalog.store import Store, content_key, evidence_key
from yolobg.sources.catalog.use import forget_unused, note_use
from yolobg.sources.location import COCO2017_VAL, AnnotationSource, captions_name, split_member

__all__ = ["excludes", "make", "make_from"]

_log = logging.getLogger(__name__)
LOCK_TIMEOUT_S = 900.0
_HAVE_THEM = "`yolobg cache build --from PLACE` annotations that you have already"
_WAYS_ON = (
    "Without COCO's annotations: --fast uses the index that ships with yolobg, --source FOLDER images of your own, and "
    f"{_HAVE_THEM}"
)
_WAYS_ON_LVIS = (
    "Only --evidence lvis needs it. If you can get the file in another way, --evidence FILE reads it (.zip or .json)"
)
_WAYS_ON_HELD_OUT = f"Without COCO's annotations: --backgrounds FOLDER uses images of your own, and {_HAVE_THEM}"


def make(store: Store, source: AnnotationSource, progress: Progress, *, ready: Callable[[], Path | None]) -> Path:
    """Make the catalog of a source, or find that another process has made it meanwhile.

    Args:
        store: The cache.
        source: Where the annotations are.
        progress: As for `open_catalog`.
        ready: Looks again whether the work is done, once the lock is held.

    Returns:
        The catalog file.
    """
    store.prepare()
    with _lock(store, source) as alone:
        if alone and (path := ready()):
            return path
        with _work_folder(store, source) as folder:
            if source.shipped:
                return _make_shipped(store, source, folder, progress)
            if source.open_images:
                from yolobg.sources.catalog.make_open_images import make_open_images  # noqa: PLC0415  # requests, for it alone

                with _no_collector(), _disk_errors(folder):
                    return make_open_images(store, source, folder, store.parts(source) if alone else folder, progress)
            if source.remote:
                return _make_remote(store, source, folder, store.parts(source) if alone else folder, progress)
            return _make_local(store, source, folder, progress)


def make_from(store: Store, place: Path, source: AnnotationSource, progress: Progress) -> Path:
    """Make the catalog of an official source from files on disk, which must be its own, byte for byte."""
    store.prepare()
    if source.open_images:
        from yolobg.sources.catalog.make_open_images import make_open_images_from  # noqa: PLC0415  # as in `make`

        with _lock(store, source), _work_folder(store, source) as folder:
            return make_open_images_from(store, source, place, folder, progress)
    _, member = split_member(source.instances)
    wanted = str(member).rpartition("/")[2]
    local = replace(source, instances=_find_official(place, wanted), captions="", official=False)
    with _lock(store, source), _work_folder(store, source) as folder:
        files = unpack_local(local, folder, progress=progress)
        _verify(files, source, place)
        path = _build(store, source, files, folder, lambda: SourceNote(source.instances), progress)
    note_use(store, path)
    return path


def _make_local(store: Store, source: AnnotationSource, folder: Path, progress: Progress) -> Path:
    before, absent = _look(source)
    files = unpack_local(source, folder, progress=progress)

    def note() -> SourceNote:
        if _look(source)[0] != before:
            raise AnnotationsError(f"{source.instances}: the file changed while it was read; run the command again")
        return SourceNote(source.instances, before, absent, is_settled(before))

    return _build(store, source, files, folder, note, progress)


def _make_remote(store: Store, source: AnnotationSource, folder: Path, parts: Path, progress: Progress) -> Path:
    from yolobg.sources.annotations.remote_files import UnchangedError, fetch_source, local_files  # noqa: PLC0415  # requests

    stamps = tuple(stamp(path) for path in local_files(source))
    before, note = _made_before(store, source)
    known = note.validators if note and note.stamps == stamps else {}
    try:
        files, validators = fetch_source(source, folder, parts, known, progress)
    except UnchangedError:
        if before is None:
            raise
        _drop_parts(parts)
        return before
    except DownloadError as error:
        if before is None and source.official:
            raise DownloadError(f"{error}. {_ways_on(source)}") from error
        if before is None:
            raise
        _log.warning("%s. The catalog made from it before is used", error)
        return before
    fetched = SourceNote(source.instances, stamps, (), is_settled(stamps), validators)
    path = _build(store, source, files, folder, lambda: fetched, progress)
    _drop_parts(parts)
    return path


def _made_before(store: Store, source: AnnotationSource) -> tuple[Path, SourceNote] | tuple[None, None]:
    """The catalog that was made of a place the last time, with what it notes of it."""
    for path, note in sorted(store.notes(source), key=lambda found: -found[1].turn):
        with contextlib.suppress(OSError):
            if store.is_whole(path):
                return path, note
    return None, None


def _ways_on(source: AnnotationSource) -> str:
    """What a person can do without the files of an official source."""
    if source.evidence:
        return _WAYS_ON_LVIS
    return _WAYS_ON_HELD_OUT if source.name == COCO2017_VAL.name else _WAYS_ON


def _drop_parts(parts: Path) -> None:
    with contextlib.suppress(OSError):
        step("rmdir", parts)
        parts.rmdir()


def _look(source: AnnotationSource) -> tuple[tuple[Stamp, ...], tuple[str, ...]]:
    """Stamps of the files of a local source, and the captions files that are not there."""
    instances, captions = locate(source)
    names = dict.fromkeys([instances.path] + ([captions.path] if captions else []))
    try:
        stamps = tuple(stamp(path) for path in names)
    except OSError as error:
        raise AnnotationsError(f"{error.filename}: cannot read the annotations: {error.strerror or error}") from error
    beside = captions_name(instances.path.name)
    if captions or source.captions is None or instances.member or not beside:
        return stamps, ()
    place = instances.path.parent.absolute() / beside
    return stamps, (str(place), f"{place}.gz")


def _build(
    store: Store,
    source: AnnotationSource,
    files: JsonFiles,
    folder: Path,
    note: Callable[[], SourceNote],
    progress: Progress,
) -> Path:
    # Knowing the key takes a while, and without any catalog there is nothing to look for with it.
    key = partial(_key, source, files)
    if store.files() and (path := store.find(key(), anew=True)):
        _empty(folder)
        return _share(store, source, path, folder, note())
    sizes = [file.path.stat().st_size for file in (files.instances, files.captions) if file]
    require_space(folder, sum(sizes) // 2, "the catalog")
    built = _new_file(folder)
    if source.evidence:
        with _no_collector(), _disk_errors(folder):
            build_evidence(built, read_evidence(files.instances.path), progress=progress)
        return _publish(store, source, built, key(), note())
    with _no_collector(), _disk_errors(folder):
        read = begin_instances(files.instances.path)
        captions = read_captions(files.captions.path, read.images) if files.captions else None
        build_catalog(built, read, captions, progress=progress)
    return _publish(store, source, built, key(), note())


def _share(store: Store, source: AnnotationSource, found: Path, folder: Path, note: SourceNote) -> Path:
    """Note a place in the catalog of its content: in a copy that replaces it, since a catalog never changes.

    Where there is no room for one, the catalog does as it is, and the next run finds it in the same way.
    """
    name, key, _ = found.stem.rsplit("-", 2)
    copy = _new_file(folder)
    with contextlib.suppress(YolobgError), _alone(store, key), store.writing():
        found = store.find(key) or found  # another process may have replaced it while the lock was waited for
        step("create", copy)
        shutil.copyfile(found, copy)
        return store.publish(copy, name, key, source, note)
    _empty(folder)
    return found


def _make_shipped(store: Store, source: AnnotationSource, folder: Path, progress: Progress) -> Path:
    """The catalog of the index that ships with yolobg: under a second, and no network."""
    built = _new_file(folder)
    with _disk_errors(folder):
        build_index(built, load_index(), progress=progress)
    return _publish(store, source, built, index_key(), None)


def _new_file(folder: Path) -> Path:
    return folder / f"{uuid.uuid4().hex}.sqlite"


@contextlib.contextmanager
def _disk_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise YolobgError(
            f"{folder}: cannot write the catalog: {error}; free some space, or set YOLOBG_CACHE_DIR to a larger disk"
        ) from error


def _publish(store: Store, source: AnnotationSource, built: Path, key: str, note: SourceNote | None) -> Path:
    _empty(built.parent, but=built)
    with _alone(store, key):
        path = store.publish(built, source.name, key, source, note)
    forget_unused(store, path)
    return path


def _empty(folder: Path, *, but: Path | None = None) -> None:
    """Remove what was unpacked once it has served: when a catalog is there, no later run looks for leftovers."""
    for path in folder.iterdir():
        if path != but:
            discard(path)  # what is left goes with the folder


def _key(source: AnnotationSource, files: JsonFiles) -> str:
    if source.evidence:
        pinned = [pin.sha256 for pin in source.pins.values() if pin.sha256]
        return evidence_key(pinned[0] if pinned else files.instances.sha256)
    return content_key(files.instances.sha256, files.captions.sha256 if files.captions else None)


@contextlib.contextmanager
def _no_collector() -> Iterator[None]:
    """Millions of small objects and no cycles: the collector would only search them again and again."""
    was_on = gc.isenabled()
    try:
        gc.disable()
        yield
    finally:
        if was_on:
            gc.enable()


def _find_official(place: Path, wanted: str) -> str:
    for folder in (place, place / "annotations"):
        if (folder / wanted).is_file():
            return str(folder / wanted)
    for archive in (
        place,
        place / "annotations_trainval2017.zip",
        place / "annotations" / "annotations_trainval2017.zip",
    ):
        if archive.is_file():
            return f"{archive}!annotations/{wanted}" if archive.suffix.lower() == ".zip" else str(archive)
    raise AnnotationsError(
        f"{place}: contains neither {wanted}, annotations/{wanted} nor annotations_trainval2017.zip; "
        "give the folder or zip of COCO's annotations"
    )


def _verify(files: JsonFiles, source: AnnotationSource, place: Path) -> None:
    found = [("instances", files.instances), ("captions", files.captions)]
    for (name, pin), (kind, file) in zip(source.pins.items(), found, strict=False):
        if file is None:
            raise AnnotationsError(f"{place}: has no {name.rpartition('/')[2]} beside the {found[0][0]} file")
        if file.path.stat().st_size != pin.size_bytes or pin.sha256 not in (None, file.sha256):
            raise AnnotationsError(
                f"{place}: {name.rpartition('/')[2]} is not the official {kind} file (SHA-256 {file.sha256}, expected "
                f"{pin.sha256}); get it again, or use it as a source of its own with --annotations"
            )


@contextlib.contextmanager
def _lock(store: Store, source: AnnotationSource) -> Iterator[bool]:
    """Hold the source's lock if it can be taken; says whether it could. Nothing but saved work rests on it.

    What a killed run has left of its work goes then, as long as nobody else can be at it.
    """
    with _held(store.locks / f"{store.source_id(source)}.lock") as lock:
        if lock is not None and excludes(lock):
            store.sweep_work(source)
        yield lock is not None


@contextlib.contextmanager
def _alone(store: Store, key: str) -> Iterator[None]:
    """Keep those out who publish the same content for another place, so that each sees what the other has noted.

    Where that cannot be, both catalogs stay until one more place is noted: that takes much room, and does no harm.
    """
    with _held(store.locks / f"{key}.lock"):
        yield


@contextlib.contextmanager
def _held(place: Path) -> Iterator[BaseFileLock | None]:
    """A lock that is held for the length of the block; None where it cannot be taken."""
    lock = FileLock(place)
    try:
        # Taking a lock empties its file, and some versions of filelock follow links.
        refuse_links([place])
        step("lock", Path(lock.lock_file))
        lock.acquire(timeout=LOCK_TIMEOUT_S)
    except (Timeout, OSError, NotImplementedError):
        yield None
        return
    try:
        yield lock
    finally:
        lock.release()


def excludes(lock: BaseFileLock) -> bool:
    """Whether a lock that is held keeps others out: some network file systems grant it to everybody."""
    other = type(lock)(lock.lock_file)
    try:
        other.acquire(timeout=0)
    except (Timeout, OSError, NotImplementedError) as error:
        return isinstance(error, Timeout)
    other.release()
    return False


@contextlib.contextmanager
def _work_folder(store: Store, source: AnnotationSource) -> Iterator[Path]:
    """A folder of one's own for unpacked files and the catalog in the making; gone afterwards."""
    folder = store.work / f"{store.source_id(source)}{uuid.uuid4().hex[:16]}"
    with store.writing():
        step("mkdir", folder)
        folder.mkdir(parents=True, exist_ok=True)
    try:
        yield folder
    finally:
        with contextlib.suppress(OSError):
            step("rmtree", folder)
            shutil.rmtree(folder, ignore_errors=True)
