"""Brings held-out images into the cache folder, each verified, and finds those that are there.

    backgrounds/{source}/{id}.jpg     whole images: renamed into place once they are verified
    backgrounds/{source}/incoming/    what is on its way; a later run takes over what a killed one has verified
    backgrounds/{source}/lock         so that two processes do not fetch the same images

Nothing rests on the lock: an image appears whole or not at all, and each is looked through again before it is used.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import shutil
import stat
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from filelock import FileLock, Timeout

from yolobg.errors import AnnotationsError, DownloadError
from yolobg.files import make_real_folder, refuse_links, step
from yolobg.flow.held_out import HeldOut, too_few_held_out
from yolobg.images import fetch_images
from yolobg.images.check import check_image, image_suffix
from yolobg.images.jpeg_png import BadImageError
from yolobg.images.staging import content_of, write_guard
from yolobg.model import Failed, ImageRecord, Progress, Staged, no_progress
from yolobg.sources.cache_folder import BACKGROUNDS, cache_folder
from yolobg.sources.catalog.open import open_catalog
from yolobg.sources.catalog.store import Store
from yolobg.threads import Pool
from yolobg.wording import counted

__all__ = ["HeldOutImages", "bring_held_out", "clear_held_out", "held_out_places", "held_out_size", "not_here"]

LOCK_TIMEOUT_S = 900.0
_WORKERS = 4
_STRIDE = 50
_SHOWN = 3
_IMAGE = re.compile(r"-?[0-9]{11,}\.[a-z0-9]+|lock")
_INCOMING = re.compile(r"-?[0-9]+\.(staged|part)")
_WAYS_ON = (
    "What was fetched is kept: run again to continue. Other ways: --images-dir FOLDER for images that you have "
    "already, --backgrounds FOLDER for images of your own"
)


@dataclass
class HeldOutImages:
    """The images that were brought: ids and paths in rank order, and what was left out on the way."""

    ids: list[int] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)
    failed: list[Failed] = field(default_factory=list)


def held_out_places(held: HeldOut, count: int) -> list[str]:
    """Where the first images are or will be; those that cannot be had are replaced by the next ones."""
    folder = _folder(held)
    with open_catalog(held.source.annotations) as catalog:
        return [str(_place(folder, record)) for record in catalog.records(held.ranked[:count])]


def not_here(places: Sequence[str]) -> int:
    """How many images are not at their places yet."""
    return sum(not Path(place).exists() for place in places)


def bring_held_out(
    held: HeldOut,
    count: int,
    *,
    least: int,
    why_not: Callable[[str], str | None],
    jobs: int | None = None,
    progress: Progress = no_progress,
) -> HeldOutImages:
    """Bring the first images that can be had, in rank order.

    Promises that each is whole and the one of its record, and that an interrupted run continues where it was.

    Args:
        held: What may be used.
        count: How many to bring; fewer where there are no more.
        least: With fewer, nothing can be measured.
        why_not: Told the path of each image in rank order; says why it must not be used, or None.
        jobs: As for `fetch_images`.
        progress: Told about the stages `check` and `download`, in images.

    Raises:
        DownloadError: Too few can be fetched.
        YolobgError: The cache cannot be written, or too few images are left.
    """
    brought = HeldOutImages()
    ranks = iter(held.ranked)
    with open_catalog(held.source.annotations) as catalog:
        while batch := list(islice(ranks, count - len(brought.ids))):
            for record, path in _bring(held, list(catalog.records(batch)), brought, jobs, progress):
                why = why_not(str(path))
                if why is None:
                    brought.ids.append(record.id)
                    brought.paths.append(str(path))
                else:
                    brought.left_out[why] = brought.left_out.get(why, 0) + 1
    if len(brought.ids) < least:
        raise _short(held, brought, least)
    return brought


def _short(held: HeldOut, brought: HeldOutImages, least: int) -> Exception:
    if not brought.failed:
        left_out = {**held.left_out}
        for why, number in brought.left_out.items():
            left_out[why] = left_out.get(why, 0) + number
        return too_few_held_out(held.source, least, len(brought.ids), held.images, left_out)
    reasons = "; ".join(map(str, brought.failed[:_SHOWN]))
    return DownloadError(
        f"{held.source.name}: only {counted(len(brought.ids), 'background')} could be fetched of the {least:,} that "
        "are needed, "
        f"{len(brought.failed):,} failed ({reasons}). {_WAYS_ON}"
    )


def _bring(
    held: HeldOut, records: Sequence[ImageRecord], brought: HeldOutImages, jobs: int | None, progress: Progress
) -> list[tuple[ImageRecord, Path]]:
    """Those of the records that are here afterwards, in their order; the others are added to `brought.failed`."""
    folder = _folder(held)
    there = _whole(folder, records, progress)
    if len(there) < len(records):
        with _incoming(folder) as incoming:
            # Another process may have fetched them while this one waited.
            there = _whole(folder, records, progress)
            missing = [record for record in records if record.id not in there]
            failed = _fetch(held, missing, incoming, jobs, progress, bare=not (there or brought.ids))
        brought.failed += failed
        there |= {record.id for record in missing} - {one.source_id for one in failed}
    return [(record, _place(folder, record)) for record in records if record.id in there]


def _fetch(
    held: HeldOut,
    missing: Sequence[ImageRecord],
    incoming: Path,
    jobs: int | None,
    progress: Progress,
    *,
    bare: bool,
) -> Sequence[Failed]:
    """Fetch images to their places; returns those that cannot be had. `bare` says that no other one is here."""

    def keep(staged: Staged) -> None:
        place = _place(incoming.parent, staged.record)
        with write_guard(incoming):
            step("rename", place)
            staged.path.replace(place)

    try:
        return fetch_images(
            missing,
            needed=len(missing),
            origin=held.source.origin,
            staging=incoming,
            jobs=jobs,
            accept=keep,
            progress=progress,
        ).failed
    except AnnotationsError as error:
        if bare:
            raise
        return [Failed(record.id, str(error), 0, record.file_name) for record in missing]
    except DownloadError as error:
        raise DownloadError(f"{error}. {_WAYS_ON}") from error


def _whole(folder: Path, records: Sequence[ImageRecord], progress: Progress) -> set[int]:
    """The ids of the records whose image is here and whole."""
    found: set[int] = set()
    with Pool(_WORKERS, thread_name_prefix="yolobg-check") as pool:
        whole = pool.map(lambda record: _is_whole(_place(folder, record), record), records)
        for number, (record, is_whole) in enumerate(zip(records, whole, strict=True)):
            if number % _STRIDE == 0:
                progress("check", number, len(records))
            if is_whole:
                found.add(record.id)
    return found


def _is_whole(path: Path, record: ImageRecord) -> bool:
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return False
        with content_of(path) as data:
            check_image(data, record, depth="structure")
    except (OSError, BadImageError):
        return False
    return True


def _folder(held: HeldOut) -> Path:
    """The folder of a source: an id means another picture in another one."""
    origin = held.source.origin
    name = held.source.name
    if not held.source.annotations.official:
        parts = (held.catalog, *map(str, origin.folders), *origin.bases)
        name = f"{name}-{hashlib.sha256(chr(10).join(parts).encode()).hexdigest()[:16]}"
    return cache_folder() / BACKGROUNDS / name


def _place(folder: Path, record: ImageRecord) -> Path:
    # As COCO names its files, which is what predictions name.
    return folder / f"{record.id:012d}{image_suffix(record.file_name) or '.jpg'}"


@contextlib.contextmanager
def _incoming(folder: Path) -> Iterator[Path]:
    """A folder to fetch into that no other process uses meanwhile."""
    incoming, lock = folder / "incoming", FileLock(folder / "lock")
    with Store(cache_folder()).writing():
        make_real_folder(folder.parent)
        make_real_folder(folder)
        refuse_links([folder / "lock"])
    try:
        step("lock", folder / "lock")
        lock.acquire(timeout=LOCK_TIMEOUT_S)
    except (Timeout, OSError, NotImplementedError):
        # Without locks, each process has a folder of its own.
        incoming = folder / f"incoming-{uuid.uuid4().hex}"
    try:
        with Store(cache_folder()).writing():
            make_real_folder(incoming)
        yield incoming
    finally:
        if incoming.name != "incoming":
            shutil.rmtree(incoming, ignore_errors=True)
        lock.release()


# ---------------------------------------------------------------- housekeeping


def held_out_size() -> int:
    """The bytes that held-out images take in the cache."""
    return sum(file.stat().st_size for file in _files())


def clear_held_out() -> int:
    """Remove all held-out images from the cache, and no other file; returns the bytes that were freed."""
    freed = 0
    for file in list(_files()):
        with contextlib.suppress(OSError):  # Windows refuses while a process reads it
            size = file.stat().st_size
            step("unlink", file)
            file.unlink()
            freed += size
    root = cache_folder() / BACKGROUNDS
    for folder in [*root.glob("*/incoming*"), *root.glob("*"), root]:
        # Where another file lies in it, the folder stays.
        with contextlib.suppress(OSError):
            folder.rmdir()
    return freed


def _files() -> Iterator[Path]:
    root = cache_folder() / BACKGROUNDS
    for pattern, names in (("*/*", _IMAGE), ("*/incoming*/*", _INCOMING)):
        for file in root.glob(pattern):
            if names.fullmatch(file.name) and file.is_file() and not file.is_symlink():
                yield file
