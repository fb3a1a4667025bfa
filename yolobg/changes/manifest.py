"""The record of what yolobg added: `.yolobg/manifest.json` below the dataset root.

Owns the records and their safe reading and writing; `manifest_form` has the form on disk. What a manifest
says is not trusted: `check_entry` tells whether an entry can be something that yolobg added.
"""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

import msgspec

from yolobg.changes.credits import credit_lines
from yolobg.changes.manifest_form import from_stored, stored
from yolobg.changes.records import RECORD_LIMIT_BYTES, VERSION, Entry, Manifest, Run, read_records
from yolobg.dataset.inventory import count_files
from yolobg.errors import MergeError
from yolobg.files import write_pieces
from yolobg.model import (
    Counts,
    Inventory,
)

__all__ = [
    "EVALUATIONS",
    "FOLDER",
    "absolute",
    "check_recordable",
    "check_room",
    "counts_of",
    "manifest_path",
    "read_manifest",
    "relative",
    "report_path",
    "run_key",
    "run_of",
    "with_needed_runs",
    "write_manifest",
]

FOLDER = ".yolobg"
EVALUATIONS = "evaluate"
"""The folder in it for the pages of `evaluate`."""
_MEMORY_LIMIT_BYTES = 2 << 30
_LEAST_BYTES = 80  # of an entry: the digest of its content does not repeat


def manifest_path(root: Path) -> Path:
    """Where the manifest of the dataset at `root` lies."""
    return root / FOLDER / "manifest.json"


def relative(path: str | Path, root: Path) -> str:
    """A path as the manifest writes it: below the root relative with `/`, else absolute."""
    try:
        return PurePosixPath(*Path(path).relative_to(root).parts).as_posix()
    except ValueError:
        return str(path)


def absolute(path: str, root: Path) -> Path:
    """The inverse of `relative`."""
    return root / path


def read_manifest(root: Path) -> Manifest:
    """The manifest of the dataset at `root`; an empty one where there is none.

    Raises:
        DatasetError: It is there but cannot be read, is damaged, or was written by a newer yolobg.
    """
    return read_records(
        manifest_path(root),
        lambda raw: from_stored(raw, Manifest, Entry, memory_bytes=2 * _MEMORY_LIMIT_BYTES),
        version=VERSION,
        missing=Manifest(),
        what="a manifest of yolobg",
        damaged="Restore it from a backup: without it yolobg cannot know which files it added, so it changes nothing "
        "here.",
    )


def write_manifest(root: Path, manifest: Manifest) -> None:
    """Replace the credits file and the manifest; each appears whole or not at all."""
    path = manifest_path(root)
    manifest = msgspec.structs.replace(manifest, root=str(root) if _lies_outside(manifest) else "")
    # Credits first: as long as the manifest has the intent in it, a killed run is finished and comes by here again.
    if manifest.pending is None:
        write_pieces(path.with_name("ATTRIBUTION.csv"), credit_lines(manifest.entries))
    write_pieces(path, stored(manifest, memory_bytes=2 * _MEMORY_LIMIT_BYTES))


def _lies_outside(manifest: Manifest) -> bool:
    """Whether a path of the manifest is not below the root."""
    edits = (*manifest.edits, *([manifest.pending.edit] if manifest.pending and manifest.pending.edit else []))
    paths = (*(e.image for e in manifest.known), *(edit.file for edit in edits), *manifest.folders)
    return any(os.path.isabs(path) for path in paths)  # noqa: PTH117 - by the hundred thousand


def check_room(root: Path, manifest: Manifest, needed: int) -> None:
    """Say before anything is fetched that `needed` more entries are more than a manifest can hold.

    Raises:
        MergeError: They are.
    """
    if (len(manifest.known) + needed) * _LEAST_BYTES > RECORD_LIMIT_BYTES:
        raise _too_large(root, len(manifest.known) + needed)


def check_recordable(root: Path, manifest: Manifest) -> None:
    """Say before anything is written that a manifest could not be read again.

    Raises:
        MergeError: It could not.
    """
    size = 0
    try:
        for piece in stored(manifest, memory_bytes=_MEMORY_LIMIT_BYTES):
            size += len(piece)
            if size > RECORD_LIMIT_BYTES:
                break
    except UnicodeEncodeError as error:
        raise MergeError(
            f"{manifest_path(root)}: the path {error.object[:200]!r} is not UTF-8 text, so it cannot be recorded; "
            "nothing was changed. Rename the folder or file whose name is not"
        ) from error
    except msgspec.ValidationError:
        size = RECORD_LIMIT_BYTES + 1
    if size > RECORD_LIMIT_BYTES:
        raise _too_large(root, len(manifest.known))


def _too_large(root: Path, entries: int) -> MergeError:
    return MergeError(
        f"{manifest_path(root)}: a record of {entries:,} backgrounds would be larger than the "
        f"{RECORD_LIMIT_BYTES >> 20:,} MiB that yolobg keeps; nothing was changed. Ask for a smaller --ratio or --count"
    )


def run_of(entry: Entry, manifest: Manifest) -> Run | None:
    """The run that added an entry; None where it was not recorded."""
    same = [run for run in manifest.runs if run_key(run) == run_key(entry)]
    return same[-1] if same else None


def run_key(of: Entry | Run) -> tuple[str, str, str, str]:
    """What an entry has in common with the run that added it."""
    return of.added, of.split, of.source, of.data


def with_needed_runs(manifest: Manifest) -> Manifest:
    """The manifest less the runs of which no image is left."""
    needed = set(map(run_key, manifest.entries))
    return msgspec.structs.replace(manifest, runs=tuple(run for run in manifest.runs if run_key(run) in needed))


def without(manifest: Manifest, entries: set[Entry]) -> Manifest:
    """The manifest less some entries and with nothing pending."""
    return msgspec.structs.replace(
        manifest, entries=tuple(e for e in manifest.entries if e not in entries), pending=None
    )


def counts_of(inventory: Inventory, manifest: Manifest, root: Path) -> Counts:
    """The counts of a split, with those that the manifest says are ours."""
    return count_files(inventory, frozenset(str(absolute(entry.image, root)) for entry in manifest.known))


def report_path(root: Path) -> Path:
    """Where the report of the dataset at `root` lies."""
    return root / FOLDER / "report.html"
