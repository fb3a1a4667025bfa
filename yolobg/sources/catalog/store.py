"""The cache folder: which files lie there, what their names mean, and how they are checked and removed.

    catalogs/{name}-{key}-{digest}.sqlite   a source's catalog, or what a file of evidence says; `key` is made from the
                                            SHA-256 of the JSON files and the version, `digest` is the SHA-256 of the
                                            catalog file itself. It says which places it was made from (`notes`)
    used/{key}-{digest}.json                when a catalog was last used, and that it is whole (`seen`)
    work/                                   a folder per running build, and half-fetched files by source
    locks/{id}.lock                         so that two processes do not do the same work
    pools/{id}.json                         what is in a folder of the user's own images (`own_folder` writes it)
    pools/coco-{digest}.json                the records of a COCO object (`coco_object` writes it)

Nothing rests on the locks: a catalog is written under a name of its own and moved into place whole, its final name says
what is in it, and what it says of a place is only a short cut that is checked against the files there.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from yolobg.errors import YolobgError
from yolobg.files import hash_file, make_real_folder, refuse_links, replace_when_done, step, sweep_parts
from yolobg.sources.catalog.evidence_file import EVIDENCE_VERSION
from yolobg.sources.catalog.notes import SourceNote, notes_in, put_notes, stamp
from yolobg.sources.catalog.seen import read_seen, seen_file
from yolobg.sources.catalog.sqlite_file import VERSION
from yolobg.sources.location import AnnotationSource, bare_source, is_url, split_member

__all__ = ["CacheEntry", "Store", "content_key", "evidence_key", "official_key"]

_PARTS = ("catalogs", "work", "locks")
_KEY_DIGITS = 16
_HEX = f"[0-9a-f]{{{_KEY_DIGITS}}}"
_PART = r"\.yolobg-[0-9a-f]{32}\.part"
# Folder to the names of the files that we put there; `pools` is where lists of a user's own images are kept.
_OURS = {
    "catalogs": re.compile(rf".+-{_HEX}-{_HEX}\.sqlite|{_PART}", re.DOTALL),
    "locks": re.compile(rf"{_HEX}\.lock"),
    "pools": re.compile(rf"(?:coco-)?{_HEX}\.json|{_PART}"),
    "used": re.compile(rf"{_HEX}-{_HEX}\.json|{_PART}"),
}
_WORK_FOLDER = re.compile(r"[0-9a-f]{16}|[0-9a-f]{32}")
_WORK_FILE = re.compile(r".+\.(?:json|unpacked|part|journal|sqlite|sqlite-journal)", re.DOTALL)
_STALE_S = 7 * 86_400


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """One catalog in the cache: `source` is empty where it notes no place."""

    name: str
    path: Path
    size_bytes: int
    source: str


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
        self.catalogs, self.work, self.locks = (root / part for part in _PARTS)

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
        except (OSError, sqlite3.Error) as error:
            place = getattr(error, "filename", None) or self.root
            raise YolobgError(
                f"{place}: cannot write to the cache folder: {getattr(error, 'strerror', None) or error}; "
                "set YOLOBG_CACHE_DIR to a folder that can be written and has room"
            ) from error

    # ------------------------------------------------------------ places

    @staticmethod
    def source_id(source: AnnotationSource) -> str:
        """A short name for the place a source is at; relative paths mean the current folder."""
        texts = (source.instances, source.captions)
        place = (*(texts if source.official else map(_absolute, texts)), *(["evidence"] if source.evidence else []))
        return hashlib.sha256(repr(place).encode()).hexdigest()[:_KEY_DIGITS]

    def notes(self, source: AnnotationSource) -> Iterator[tuple[Path, SourceNote]]:
        """The catalogs that note the place of a source, those first that are called like it."""
        place = self.source_id(source)
        for path in sorted(self.files(), key=lambda path: not path.name.startswith(f"{source.name[:60]}-")):
            if note := notes_in(path, place).get(place):
                yield path, note

    def noted(self) -> dict[Path, dict[str, SourceNote]]:
        """Each catalog with what it notes of the places whose files it is made from now."""
        found = {path: notes_in(path) for path in self.files()}
        last = {place: note.turn for place, note in sorted(_rows(found), key=lambda row: row[1].turn)}
        return {
            path: {place: note for place, note in notes.items() if note.turn == last[place]}
            for path, notes in found.items()
        }

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

    def files(self) -> list[Path]:
        """The catalogs, by name."""
        return [path for path in sorted(self.catalogs.glob("*-*-*.sqlite")) if path.is_file()]

    def is_whole(self, path: Path, *, anew: bool = False) -> bool:
        """Whether a catalog's content matches its digest, which is not worked out again for one that is as it was.

        Raises:
            OSError: It cannot be read.
        """
        seen = None if anew else read_seen(self.root, path)
        if seen is not None and seen.stamp == stamp(path):
            return True
        return hash_file(path).startswith(path.stem.rpartition("-")[2])

    def find(self, key: str, *, anew: bool = False) -> Path | None:
        """A catalog with that key that `is_whole`; damaged ones are removed."""
        for path in sorted(self.catalogs.glob(f"*-{key}-*.sqlite")):
            with contextlib.suppress(OSError):
                if self.is_whole(path, anew=anew):
                    return path
                step("unlink", path)
                path.unlink()
        return None

    def publish(self, built: Path, name: str, key: str, source: AnnotationSource, note: SourceNote | None) -> Path:
        """Move a finished catalog into place and return its path; losing a race to an equal one is success.

        Args:
            built: The file; what other catalogs of the same content note is noted in it as well.
            name: How it is called, for a person.
            key: The key of its content.
            source: The source at the place that is noted.
            note: What is noted of it; None for nothing.
        """
        with self.writing():
            put_notes(built, self._notes_for(key, source, note))
            final = self.catalogs / f"{name[:60]}-{key}-{hash_file(built)[:_KEY_DIGITS]}.sqlite"
            if not (final.exists() and self.is_whole(final, anew=True)):
                with replace_when_done(final) as part:
                    step("rename", part)
                    built.replace(part)
            return final

    def _notes_for(self, key: str, source: AnnotationSource, note: SourceNote | None) -> dict[str, SourceNote]:
        rows = {path: notes_in(path) for path in self.files() if _key_of(path) == key}
        notes = dict(sorted(_rows(rows), key=lambda row: row[1].turn))
        if note is not None:
            place = self.source_id(source)
            last = max((former.turn for _, former in self.notes(source)), default=0)
            note = msgspec.structs.replace(note, source=bare_source(note.source), turn=last)
            if notes.get(place) != note:
                notes[place] = msgspec.structs.replace(note, turn=last + 1)
        return notes

    # ------------------------------------------------------------ housekeeping

    def entries(self) -> tuple[CacheEntry, ...]:
        """All catalogs, by name."""
        return tuple(
            CacheEntry(
                path.stem.rsplit("-", 2)[0],
                path,
                path.stat().st_size,
                next((note.source for note in notes.values()), ""),
            )
            for path, notes in self.noted().items()
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
        """Remove work folders that a process left a week ago, and the catalogs that `keep` replaces.

        Those are of the same content, or of content that none of their places holds any more.
        """
        for folder in _work_folders(self.work):
            with contextlib.suppress(OSError):
                if time.time() - folder.stat().st_mtime > _STALE_S:
                    _remove_ours(folder, _WORK_FILE)
        noted = self.noted()
        kept = noted.pop(keep, {}).keys()
        for other, notes in noted.items():
            had_any = _key_of(other) == _key_of(keep) or notes_in(other)
            if had_any and notes.keys() <= kept and _OURS["catalogs"].fullmatch(other.name):
                with contextlib.suppress(OSError):  # Windows refuses while a process reads it
                    for path in filter(None, (seen_file(self.root, other), other)):
                        step("unlink", path)
                        path.unlink(missing_ok=True)


def _absolute(text: str | None) -> str | None:
    """A place whatever the current folder is."""
    if not text or is_url(text):
        return text
    container, member = split_member(text)
    return os.path.abspath(container) + (f"!{member}" if member else "")  # noqa: PTH100 - links are the user's own


def _key_of(catalog: Path) -> str:
    return catalog.stem.rsplit("-", 2)[-2]


def _rows(notes: dict[Path, dict[str, SourceNote]]) -> list[tuple[str, SourceNote]]:
    return [row for found in notes.values() for row in found.items()]


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
