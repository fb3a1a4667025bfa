"""When each catalog in the cache was last used, and which may be forgotten because nothing has used them for long.

    used/{key}-{digest}.json    the day of the last use; and of the first doubt, see below

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

from yolobg.files import make_real_folder, read_ordinary, step, write_bytes
from yolobg.sources.catalog.store import Store, note_in

__all__ = ["UNUSED_DAYS", "clear_unused", "forget_unused", "last_use", "note_use"]

UNUSED_DAYS = 90
_FOLDER = "used"
_NAME = re.compile(r".+-([0-9a-f]{16}-[0-9a-f]{16})\.sqlite", re.DOTALL)
_POOL = re.compile(r"(?:coco-)?[0-9a-f]{16}\.json")
_LARGEST_BYTES = 1 << 12
_DAY_S = 86_400


class _Use(msgspec.Struct, frozen=True):
    """Days since 1970: of the last use, and when the catalog first seemed unused for long (0 for never)."""

    day: int
    doubted: int = 0


def note_use(store: Store, catalog: Path) -> None:
    """Note that a catalog is used today; a cache that can only be read stays as it is."""
    today = _today()
    if _read(store, catalog) != _Use(today):
        _write(store, catalog, _Use(today))


def last_use(store: Store, catalog: Path) -> float:
    """When a catalog was last used, in seconds since 1970, exact to the day."""
    return float(_use_of(store, catalog, _today()).day * _DAY_S)


def clear_unused(store: Store) -> int:
    """Remove the catalogs that nothing has used for `UNUSED_DAYS`; returns the bytes that were freed."""
    today = _today()
    gone = [entry.path for entry in store.entries() if today - _use_of(store, entry.path, today).day >= UNUSED_DAYS]
    return sum(_forget(store, catalog) for catalog in gone)


def forget_unused(store: Store, keep: Path) -> None:
    """Remove the catalogs that have been unused for long, now that a new one, `keep`, takes room."""
    today = _today()
    for entry in store.entries():
        use = _use_of(store, entry.path, today)
        if entry.path == keep or today - use.day < UNUSED_DAYS:
            continue
        if 0 < use.doubted < today:
            _forget(store, entry.path)
        else:
            _write(store, entry.path, _Use(use.day, today))


def _today() -> int:
    return int(time.time() // _DAY_S)


def _use_of(store: Store, catalog: Path, today: int) -> _Use:
    """What is noted; for a catalog of which nothing is, when it was made. No day lies ahead."""
    use = _read(store, catalog)
    if use is None:
        try:
            use = _Use(int(catalog.stat().st_mtime // _DAY_S))
        except OSError:
            use = _Use(today)
    return _Use(min(use.day, today), use.doubted)


def _place(store: Store, catalog: Path) -> Path | None:
    match = _NAME.fullmatch(catalog.name)
    return store.root / _FOLDER / f"{match[1]}.json" if match else None


def _read(store: Store, catalog: Path) -> _Use | None:
    place = _place(store, catalog)
    try:
        return msgspec.json.decode(read_ordinary(place, _LARGEST_BYTES), type=_Use) if place else None
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _write(store: Store, catalog: Path, use: _Use) -> None:
    place = _place(store, catalog)
    if place is None:
        return
    with contextlib.suppress(OSError):
        make_real_folder(place.parent)
        write_bytes(place, msgspec.json.encode(use))


def _forget(store: Store, catalog: Path) -> int:
    """Remove a catalog with all that tells of it, and the catalog last, since it says what is left to be done."""
    notes = [file for file in store.sources.glob("*.json") if (note := note_in(file)) and note.catalog == catalog.name]
    pools = [Path(note.source) for note in map(note_in, notes) if note]
    lists = [pool for pool in pools if pool.parent == store.root / "pools" and _POOL.fullmatch(pool.name)]
    place = _place(store, catalog)
    if place is None or catalog.is_symlink():
        return 0
    with contextlib.suppress(OSError):  # Windows refuses while a process reads it
        size = catalog.stat().st_size
        for path in (*lists, *notes, place, catalog):
            step("unlink", path)
            path.unlink(missing_ok=True)
        return size
    return 0
