"""The cache folder: which files lie there, what their names mean, and how they are checked and removed.

    catalogs/{name}-{key}-{digest}.sqlite   a source's catalog, or what a file of evidence says; `key` is made from the
                                            SHA-256 of the JSON files and the version, `digest` is the SHA-256 of the
                                            catalog file itself
    sources/{id}.json                       a note per source: how its files looked when last read, and its catalog
    work/                                   a folder per running build, and half-fetched files by source
    locks/{id}.lock                         so that two processes do not do the same work
    pools/{id}.json                         what is in a folder of the user's own images (`own_folder` writes it)
    pools/coco-{digest}.json                the records of a COCO object (`coco_object` writes it)
    used/{key}-{digest}.json                when a catalog was last used (`use`)

A note is a file of its own and no row of the catalog: places with equal files share one catalog, and a catalog never
changes, since its name has the digest by which damage is found.

Nothing rests on the locks: a catalog is written under a name of its own and moved into place whole, its final name says
what is in it, and a note is only a short cut that is checked against the files.
"""

from __future__ import annotations

import contextlib
import glob
import hashlib
import os
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from yolobg.errors import YolobgError
from yolobg.files import (
    hash_file,
    make_real_folder,
    read_ordinary,
    refuse_links,
    replace_when_done,
    step,
    sweep_parts,
    write_bytes,
)
from yolobg.sources.catalog.evidence_file import EVIDENCE_VERSION
from yolobg.sources.catalog.sqlite_file import VERSION
from yolobg.sources.location import AnnotationSource, bare_source

__all__ = [
    "CacheEntry",
    "SourceNote",
    "Stamp",
    "Store",
    "content_key",
    "evidence_key",
    "is_settled",
    "note_in",
    "official_key",
    "stamp",
]

_PARTS = ("catalogs", "sources", "work", "locks")
_KEY_DIGITS = 16
_HEX = f"[0-9a-f]{{{_KEY_DIGITS}}}"
_PART = r"\.yolobg-[0-9a-f]{32}\.part"
# Folder to the names of the files that we put there; `pools` is where lists of a user's own images are kept.
_OURS = {
    "catalogs": re.compile(rf".+-{_HEX}-{_HEX}\.sqlite|{_PART}", re.DOTALL),
    "sources": re.compile(rf"{_HEX}\.json|{_PART}"),
    "locks": re.compile(rf"{_HEX}\.lock"),
    "pools": re.compile(rf"(?:coco-)?{_HEX}\.json|{_PART}"),
    "used": re.compile(rf"{_HEX}-{_HEX}\.json|{_PART}"),
}
_WORK_FOLDER = re.compile(r"[0-9a-f]{16}|[0-9a-f]{32}")
_WORK_FILE = re.compile(r".+\.(?:json|unpacked|part|journal|sqlite|sqlite-journal)", re.DOTALL)
_STALE_S = 7 * 86_400
_LARGEST_NOTE_BYTES = 1 << 20
# A file changed twice within one tick of its clock looks unchanged (FAT ticks in 2 s), so younger stamps prove nothing.
_TICK_NS = 2_000_000_000

Stamp = tuple[str, int, int, int]


class SourceNote(msgspec.Struct, frozen=True):
    """What was true of a source when its catalog was last found.

    Attributes:
        source: Its files, for a person.
        catalog: File name in `catalogs/`.
        catalog_stamp: How that file looked when its digest was checked.
        stamps: How the source's local files looked.
        absent: Captions files that were looked for and not there.
        settled: The stamps are old enough to prove that nothing changed.
        validators: Address to what the server said of it (`ETag`, `Last-Modified`, length).
    """

    source: str
    catalog: str
    catalog_stamp: Stamp
    stamps: tuple[Stamp, ...] = ()
    absent: tuple[str, ...] = ()
    settled: bool = False
    validators: Mapping[str, Mapping[str, str]] = {}


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """One catalog in the cache: `source` is empty where no note names it."""

    name: str
    path: Path
    size_bytes: int
    source: str


def stamp(path: Path) -> Stamp:
    """Path, size, modification time in ns and inode: a cheap "unchanged".

    Raises:
        OSError: The file is gone.
    """
    status = path.stat()
    # Not resolve(): a link that is pointed elsewhere changes inode and times, and its name should stay the user's.
    return (os.path.abspath(path), status.st_size, status.st_mtime_ns, status.st_ino)  # noqa: PTH100


def is_settled(stamps: tuple[Stamp, ...]) -> bool:
    """Whether the files' times are old enough that a later change would show."""
    return all(time.time_ns() - modified > _TICK_NS for _, _, modified, _ in stamps)


def content_key(instances_sha256: str, captions_sha256: str | None) -> str:
    """The key of the catalog made from these files by this version of yolobg."""
    text = f"{VERSION} {instances_sha256} {captions_sha256 or '-'}"
    return hashlib.sha256(text.encode()).hexdigest()[:_KEY_DIGITS]


def evidence_key(sha256: str) -> str:
    """The key of what was read as evidence from a file, by this version of yolobg."""
    return hashlib.sha256(f"evidence {EVIDENCE_VERSION} {sha256}".encode()).hexdigest()[:_KEY_DIGITS]


def official_key(source: AnnotationSource) -> str | None:
    """The key of what is made from an official source's files, known beforehand; None where none is pinned."""
    digests = [pin.sha256 or pin.md5 for pin in source.pins.values()]
    if not digests or None in digests:
        return None
    first, second = str(digests[0]), digests[1] if len(digests) > 1 else None
    return evidence_key(first) if source.evidence else content_key(first, second)


class Store:
    """The cache folder at `root`.

    Raises:
        YolobgError: The folder cannot be created or written (from every method that does so).
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.catalogs, self.sources, self.work, self.locks = (root / part for part in _PARTS)

    def prepare(self) -> None:
        """Create the folders."""
        with self.writing():
            for part in _PARTS:
                make_real_folder(self.root / part)

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Turn the disk's errors into one that says which folder and what to do."""
        try:
            yield
        except OSError as error:
            raise YolobgError(
                f"{error.filename or self.root}: cannot write to the cache folder: {error.strerror or error}; "
                "set YOLOBG_CACHE_DIR to a folder that can be written and has room"
            ) from error

    # ------------------------------------------------------------ notes

    @staticmethod
    def source_id(source: AnnotationSource) -> str:
        """A short name for the place a source is at; relative paths mean the current folder."""
        here = "" if source.official else str(Path.cwd())
        place = (source.instances, source.captions, here, *(["evidence"] if source.evidence else []))
        return hashlib.sha256(repr(place).encode()).hexdigest()[:_KEY_DIGITS]

    def read_note(self, source: AnnotationSource) -> SourceNote | None:
        """The note on a source; None when there is none or it makes no sense."""
        return note_in(self.sources / f"{self.source_id(source)}.json")

    def write_note(self, source: AnnotationSource, note: SourceNote) -> None:
        """Replace the note on a source; a catalog that no note names any more is removed."""
        before = self.read_note(source)
        # Before the note, which alone tells of it: a kill in between would leave the catalog for good.
        if before and before.catalog != note.catalog and [n.catalog for n in self._notes()].count(before.catalog) == 1:
            with contextlib.suppress(OSError):  # Windows refuses while a process reads it
                step("unlink", self.catalogs / before.catalog)
                (self.catalogs / before.catalog).unlink()
        noted = msgspec.structs.replace(note, source=bare_source(note.source))
        with self.writing():
            make_real_folder(self.sources)
            write_bytes(self.sources / f"{self.source_id(source)}.json", msgspec.json.encode(noted))

    def _notes(self) -> list[SourceNote]:
        return [note for note in map(note_in, sorted(self.sources.glob("*.json"))) if note]

    def parts(self, source: AnnotationSource) -> Path:
        """The folder where what is half fetched of a source waits for the next run; made here."""
        folder = self.work / self.source_id(source)
        with self.writing():
            make_real_folder(folder)
            # What was begun there is continued, so none of it may be a link to something else.
            refuse_links(folder.iterdir())
        return folder

    def sweep_work(self, source: AnnotationSource) -> None:
        """Remove the folders of killed processes that worked on a source; the caller knows that nobody does now."""
        mark = self.source_id(source)
        sweep_parts(self.work / mark)
        for folder in _work_folders(self.work):
            if folder.name.startswith(mark) and folder.name != mark:
                _remove_ours(folder, _WORK_FILE)

    # ------------------------------------------------------------ catalogs

    def trusted(self, note: SourceNote) -> Path | None:
        """The note's catalog if it is as it was when its digest was checked."""
        path = self.catalogs / note.catalog
        with contextlib.suppress(OSError):
            if stamp(path) == note.catalog_stamp:
                return path
        return None

    def find(self, key: str) -> Path | None:
        """A catalog with that key whose content matches its digest; damaged ones are removed."""
        for path in sorted(self.catalogs.glob(f"*-{key}-*.sqlite")):
            with contextlib.suppress(OSError):
                if hash_file(path).startswith(path.stem.rpartition("-")[2]):
                    return path
                step("unlink", path)
                path.unlink()
        return None

    def publish(self, built: Path, name: str, key: str) -> Path:
        """Move a finished catalog into place and return its path; losing a race to an equal one is success."""
        with self.writing():
            final = self.catalogs / f"{name[:60]}-{key}-{hash_file(built)[:_KEY_DIGITS]}.sqlite"
            if final != self.find(key):
                with replace_when_done(final) as part:
                    step("rename", part)
                    built.replace(part)
            return final

    # ------------------------------------------------------------ housekeeping

    def entries(self) -> tuple[CacheEntry, ...]:
        """All catalogs, by name."""
        by_catalog = {note.catalog: note.source for note in self._notes()}
        return tuple(
            CacheEntry(p.stem.rsplit("-", 2)[0], p, p.stat().st_size, by_catalog.get(p.name, ""))
            for p in sorted(self.catalogs.glob("*-*-*.sqlite"))
            if p.is_file()
        )

    def clear(self) -> int:
        """Remove every file that has a name we give from the cache folder; returns the bytes that were freed.

        Whatever else the user keeps there stays, and so do the folders that hold it; links are left alone.
        """
        with self.writing():
            freed = sum(_remove_ours(self.root / part, names) for part, names in _OURS.items())
            freed += sum(_remove_ours(folder, _WORK_FILE) for folder in _work_folders(self.work))
            _remove_if_empty(self.work)
        return freed

    def sweep(self, keep: Path) -> None:
        """Remove work folders that a process left a week ago, and catalogs of the same source that `keep` replaces."""
        for folder in _work_folders(self.work):
            with contextlib.suppress(OSError):
                if time.time() - folder.stat().st_mtime > _STALE_S:
                    _remove_ours(folder, _WORK_FILE)
        name = keep.stem.rsplit("-", 1)[0]
        for other in self.catalogs.glob(f"{glob.escape(name)}-*.sqlite"):
            if other != keep and _OURS["catalogs"].fullmatch(other.name):
                with contextlib.suppress(OSError):  # Windows refuses while a process reads it
                    step("unlink", other)
                    other.unlink()


def _work_folders(work: Path) -> list[Path]:
    """The folders below `work/` that have a name we give."""
    if work.is_symlink() or not work.is_dir():
        return []
    return [p for p in work.iterdir() if _WORK_FOLDER.fullmatch(p.name) and p.is_dir() and not p.is_symlink()]


def _remove_ours(folder: Path, names: re.Pattern[str]) -> int:
    """Remove the ordinary files of a folder with such names, then the folder if it is empty; returns the bytes."""
    if folder.is_symlink() or not folder.is_dir():
        return 0
    freed = 0
    for path in folder.iterdir():
        if names.fullmatch(path.name) and path.is_file() and not path.is_symlink():
            with contextlib.suppress(OSError):  # Windows refuses while a process reads it
                size = path.stat().st_size
                step("unlink", path)
                path.unlink()
                freed += size
    _remove_if_empty(folder)
    return freed


def _remove_if_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):
        step("rmdir", folder)
        folder.rmdir()


def note_in(path: Path) -> SourceNote | None:
    """The note in a file; None where there is none or it makes no sense."""
    try:
        note = msgspec.json.decode(read_ordinary(path, _LARGEST_NOTE_BYTES), type=SourceNote)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return note if Path(note.catalog).name == note.catalog else None
