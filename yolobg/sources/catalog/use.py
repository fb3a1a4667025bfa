"""When each catalog in the cache was last used, and which may be forgotten because nothing has used them for long.

A clock may be wrong. A day that lies ahead counts as today, and a catalog that seems unused is only doubted at first:
it goes when it still seems so on a later day. So a clock that jumps and is set right again costs nothing, and a catalog
that is in use has been used in between.
"""

from __future__ import annotations

import contextlib
import re
import time
from pathlib import Path

import msgspec

from yolobg.files import step
from yolobg.sources.catalog.notes import stamp
from yolobg.sources.catalog.seen import Seen, read_seen, seen_file, write_seen
from yolobg.sources.catalog.store import Store

__all__ = ["UNUSED_DAYS", "clear_unused", "forget_unused", "last_use", "note_use"]

UNUSED_DAYS = 90
_POOL = re.compile(r"(?:coco-)?[0-9a-f]{16}\.json")
_DAY_S = 86_400


def note_use(store: Store, catalog: Path) -> None:
    """Note that a catalog, which was found to be whole, is used today; a cache that can only be read stays as it is.

    The first time, what it replaces is removed before. The note tells that nothing of that is left to do.
    """
    today, looks = _today(), None
    with contextlib.suppress(OSError):
        looks = stamp(catalog)
    seen = read_seen(store.root, catalog)
    if looks is None or seen == Seen(today, 0, looks):
        return
    if seen is None or seen.stamp != looks:
        store.sweep(catalog)
    write_seen(store.root, catalog, Seen(today, 0, looks))


def last_use(store: Store, catalog: Path) -> float:
    """When a catalog was last used, in seconds since 1970, exact to the day."""
    return float(_use_of(store, catalog, _today()).day * _DAY_S)


def clear_unused(store: Store) -> int:
    """Remove the catalogs that nothing has used for `UNUSED_DAYS`; returns the bytes that were freed."""
    today = _today()
    gone = [catalog for catalog in store.files() if today - _use_of(store, catalog, today).day >= UNUSED_DAYS]
    return sum(_forget(store, catalog) for catalog in gone)


def forget_unused(store: Store, keep: Path) -> None:
    """Remove the catalogs that have been unused for long, now that a new one, `keep`, takes room."""
    today = _today()
    for catalog in store.files():
        use = _use_of(store, catalog, today)
        if catalog == keep or today - use.day < UNUSED_DAYS:
            continue
        if 0 < use.doubted < today:
            _forget(store, catalog)
        else:
            write_seen(store.root, catalog, msgspec.structs.replace(use, doubted=today))


def _today() -> int:
    return int(time.time() // _DAY_S)


def _use_of(store: Store, catalog: Path, today: int) -> Seen:
    """What is noted; for a catalog of which nothing is, when it was made. No day lies ahead."""
    use = read_seen(store.root, catalog)
    if use is None:
        try:
            use = Seen(int(catalog.stat().st_mtime // _DAY_S))
        except OSError:
            use = Seen(today)
    return msgspec.structs.replace(use, day=min(use.day, today))


def _forget(store: Store, catalog: Path) -> int:
    """Remove a catalog with all that tells of it, and the catalog last, since it says what is left to be done."""
    pools = [Path(note.source) for note in store.noted().get(catalog, {}).values()]
    lists = [pool for pool in pools if pool.parent == store.root / "pools" and _POOL.fullmatch(pool.name)]
    place = seen_file(store.root, catalog)
    if place is None or catalog.is_symlink():
        return 0
    with contextlib.suppress(OSError):  # Windows refuses while a process reads it
        size = catalog.stat().st_size
        for path in (*lists, place, catalog):
            step("unlink", path)
            path.unlink(missing_ok=True)
        return size
    return 0
