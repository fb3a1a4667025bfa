"""The file per catalog with the day of its last use, and how the catalog looked when its digest was last checked.

Neither can be in the catalog, which never changes: the first is another one every day, and the second is about the file
itself.
"""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import msgspec

from yolobg.files import make_real_folder, read_ordinary, write_bytes
from yolobg.sources.catalog.notes import Stamp

__all__ = ["Seen", "read_seen", "seen_file", "write_seen"]

_FOLDER = "used"
_NAME = re.compile(r".+-([0-9a-f]{16}-[0-9a-f]{16})\.sqlite", re.DOTALL)
_LARGEST_BYTES = 1 << 16


class Seen(msgspec.Struct, frozen=True):
    """What is noted of a catalog.

    Attributes:
        day: When it was last used, in days since 1970.
        doubted: When it first seemed unused for long, in the same days; 0 for never.
        stamp: How it looked when its digest was right and nothing was left to do of what comes with a new catalog.
    """

    day: int
    doubted: int = 0
    stamp: Stamp | None = None


def seen_file(root: Path, catalog: Path) -> Path | None:
    """Where this is noted of a catalog; None for a file whose name is not that of one."""
    match = _NAME.fullmatch(catalog.name)
    return root / _FOLDER / f"{match[1]}.json" if match else None


def read_seen(root: Path, catalog: Path) -> Seen | None:
    """What is noted of a catalog; None where there is nothing or it makes no sense."""
    place = seen_file(root, catalog)
    try:
        return msgspec.json.decode(read_ordinary(place, _LARGEST_BYTES), type=Seen) if place else None
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def write_seen(root: Path, catalog: Path, seen: Seen) -> None:
    """Note it; a cache that can only be read stays as it is."""
    place = seen_file(root, catalog)
    if place is None:
        return
    with contextlib.suppress(OSError):
        make_real_folder(place.parent)
        write_bytes(place, msgspec.json.encode(seen))
