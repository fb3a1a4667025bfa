"""What a catalog says of the places that it was made from: a row for each in its table `place`.

Places with equal files share one catalog. A catalog never changes, since its name has the digest by which damage is
found; so a place is noted in the file that is being built, or in a copy of the one that is there (`Store.publish`).
A place that holds other files now is noted in another catalog, with a higher `turn`; the former row means nothing then.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from yolobg.files import step
from yolobg.sources.catalog.sqlite_file import uri_of

__all__ = ["SourceNote", "Stamp", "decode_note", "is_settled", "notes_in", "put_notes", "stamp"]

_LARGEST_NOTE_BYTES = 1 << 20
# A file changed twice within one tick of its clock looks unchanged (FAT ticks in 2 s), so younger stamps prove nothing.
_TICK_NS = 2_000_000_000

Stamp = tuple[str, int, int, int]


class SourceNote(msgspec.Struct, frozen=True):
    """What was true of a source when its catalog was made or found again.

    Attributes:
        source: Its files, for a person.
        stamps: How the source's local files looked.
        absent: Captions files that were looked for and not there.
        settled: The stamps are old enough to prove that nothing changed.
        validators: Address to what the server said of it (`ETag`, `Last-Modified`, length).
        turn: Of the catalogs that note the same place, the one with the highest number is that of the place.
    """

    source: str
    stamps: tuple[Stamp, ...] = ()
    absent: tuple[str, ...] = ()
    settled: bool = False
    validators: Mapping[str, Mapping[str, str]] = {}
    turn: int = 0


def stamp(path: Path) -> Stamp:
    """Path, size, modification time in ns and inode: a cheap "unchanged".

    Raises:
        OSError: The file is gone.
    """
    status = path.stat()
    # Not resolve(): a link that is pointed elsewhere changes inode and times, and its name should stay the user's.
    return (os.path.abspath(path), status.st_size, status.st_mtime_ns, status.st_ino)  # noqa: PTH100 - see above


def is_settled(stamps: tuple[Stamp, ...]) -> bool:
    """Whether the files' times are old enough that a later change would show."""
    return all(time.time_ns() - modified > _TICK_NS for _, _, modified, _ in stamps)


def notes_in(catalog: Path, place: str | None = None) -> dict[str, SourceNote]:
    """The notes in a catalog by place, or that of one place alone; none where the file is damaged or has none."""
    found: dict[str, SourceNote] = {}
    with contextlib.suppress(sqlite3.Error), contextlib.ExitStack() as stack:
        # As in `CatalogFile`: nobody writes to it, so no lock is needed.
        address = f"{uri_of(catalog)}?mode=ro&immutable=1"
        connection = stack.enter_context(contextlib.closing(sqlite3.connect(address, uri=True)))
        sql = "SELECT id, note FROM place WHERE id = coalesce(?, id) AND length(note) <= ?"
        for name, text in connection.execute(sql, (place, _LARGEST_NOTE_BYTES)):
            if (note := decode_note(text)) is not None:
                found[str(name)] = note
    return found


def decode_note(text: str | bytes) -> SourceNote | None:
    """The note in a row; None where it makes no sense."""
    try:
        return msgspec.json.decode(text, type=SourceNote)
    except (msgspec.MsgspecError, TypeError, UnicodeDecodeError, RecursionError):
        return None


def put_notes(built: Path, notes: Mapping[str, SourceNote]) -> None:
    """Note places in a file that is not in its place yet; those that it notes already stay.

    Raises:
        sqlite3.Error: It cannot be written.
    """
    if notes.items() <= notes_in(built).items():
        return
    step("create", built)
    with contextlib.closing(sqlite3.connect(built, isolation_level=None)) as connection:
        # A kill leaves a temporary file that nobody reads, so nothing here needs a journal or a sync.
        connection.executescript(
            "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; BEGIN;"
            "CREATE TABLE IF NOT EXISTS place (id TEXT PRIMARY KEY, note TEXT NOT NULL) WITHOUT ROWID;"
        )
        rows = ((name, msgspec.json.encode(note).decode()) for name, note in sorted(notes.items()))
        connection.executemany("INSERT OR REPLACE INTO place VALUES (?, ?)", rows)
        step("commit", built)
        connection.execute("COMMIT")
