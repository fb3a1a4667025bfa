"""The record of what yolobg added: `.yolobg/manifest.json` below the dataset root.

Owns the records and their safe reading and writing; `manifest_form` has the form on disk. What a manifest
says is not trusted: `check_entry` tells whether an entry can be something that yolobg added.
"""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath
from typing import Literal

import msgspec

from yolobg.dataset.basis import Basis
from yolobg.dataset.credits import credit_lines
from yolobg.dataset.layout import is_image, label_path, source_slug
from yolobg.dataset.manifest_form import from_stored, stored
from yolobg.errors import DatasetError, MergeError
from yolobg.files import read_ordinary, write_pieces
from yolobg.model import Link

__all__ = [
    "FOLDER",
    "SIZE_LIMIT_BYTES",
    "Entry",
    "ListEdit",
    "Manifest",
    "Pending",
    "Replacing",
    "Run",
    "absolute",
    "check_entry",
    "check_recordable",
    "check_room",
    "manifest_path",
    "read_manifest",
    "relative",
    "run_key",
    "run_of",
    "with_needed_runs",
    "write_manifest",
]

FOLDER = ".yolobg"
VERSION = 2
# A million entries are 100 to 250 MB. A run that would record more is refused; taking back must always fit.
RECORD_LIMIT_BYTES = 512 << 20
SIZE_LIMIT_BYTES = 2 * RECORD_LIMIT_BYTES
_MEMORY_LIMIT_BYTES = 2 << 30
_LEAST_BYTES = 80  # of an entry: the digest of its content does not repeat
_OUR_NAME = re.compile(r"[A-Za-z0-9._-]+")


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One background that yolobg added. Paths are relative to the root with `/`, absolute where they lie elsewhere.

    `data` is the data.yaml that it was added for, links followed; several may share a root. In a copy of a dataset it
    is the manifest of the original where the image is the original's.
    """

    image: str
    label: str
    split: str
    source: str
    source_id: int
    sha256: str
    bytes: int
    url: str = ""
    license: int | None = None
    license_name: str = ""
    license_url: str = ""
    flickr_url: str = ""
    link: Link = "copy"
    added: str = ""
    seed: int = 0
    data: str = ""


class ListEdit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Lines appended to a list file: `image` of an entry to its line.

    `newline_added` tells that the last line had no line end before; `size` is how many bytes the file had.
    """

    file: str
    lines: dict[str, str]
    newline_added: bool = False
    size: int = 0


class Run(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a run was asked for, so that one of its images can later be replaced by the next that obeys the same.

    `added`, `split`, `source` and `data` are those of its entries. Paths are absolute; the others are as in `Request`,
    but for `folder`, the folder that was the source, and `basis`, what the choice rested on.
    """

    added: str
    split: str
    source: str
    annotations: str | None = None
    images: tuple[str, ...] = ()
    into: str | None = None
    map: dict[str, tuple[str, ...]] = {}
    exclude: tuple[str, ...] = ()
    license: str = "any"
    link: Link = "copy"
    seed: int = 0
    jobs: int | None = None
    unmapped: Literal["stop", "none"] = "stop"
    lean: bool = False
    captions: bool = True
    folder: str | None = None
    unlabelled: bool = False
    basis: Basis | None = None
    data: str = ""


class Replacing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A replacement that has begun: the images that leave, and how many backgrounds their split has afterwards."""

    split: str
    backgrounds: int
    images: tuple[str, ...]


class Pending(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The intent of a run, written before its first visible step and taken out after its last.

    Attributes:
        kind: Whether the entries are being added or removed.
        entries: What the run is about.
        edit: The lines that the run appends, when the split is a list file.
        folders: Folders the run has to create, outermost first.
        staging: Where the staged images lie; entry number N is `{source_id}.staged`.
        run: What was asked for, when entries are being added.
    """

    kind: Literal["add", "remove"]
    entries: tuple[Entry, ...]
    edit: ListEdit | None = None
    folders: tuple[str, ...] = ()
    staging: str = ""
    run: Run | None = None


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything yolobg added to the datasets of one root and has not taken back.

    `root` is where the root lay when this was written; told only where something lies outside it.
    """

    version: int = VERSION
    entries: tuple[Entry, ...] = ()
    edits: tuple[ListEdit, ...] = ()
    folders: tuple[str, ...] = ()
    pending: Pending | None = None
    runs: tuple[Run, ...] = ()
    replacing: Replacing | None = None
    root: str = ""

    @property
    def known(self) -> tuple[Entry, ...]:
        """Entries that may be on disk: those merged, and those of a run that was interrupted."""
        return self.entries + (self.pending.entries if self.pending and self.pending.kind == "add" else ())


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
    path = manifest_path(root)
    try:
        raw = read_ordinary(path, SIZE_LIMIT_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        return Manifest()
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        told = msgspec.json.decode(raw)
        del raw
        if not isinstance(told, dict):
            raise msgspec.ValidationError("expected an object")
        _check_version(path, told.get("version"))
        return from_stored(told, Manifest, Entry, memory_bytes=2 * _MEMORY_LIMIT_BYTES)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise DatasetError(
            f"{path}: not a manifest of yolobg ({error}). Restore it from a backup: without it yolobg cannot know "
            "which files it added, so it changes nothing here."
        ) from error


def _check_version(path: Path, version: object) -> None:
    if isinstance(version, int) and version != VERSION:
        todo = "use a newer yolobg" if version > VERSION else "run `yolobg remove` of the older yolobg that wrote it"
        raise DatasetError(f"{path}: version {version}, this yolobg knows version {VERSION}; {todo}")


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


def check_entry(entry: Entry, root: Path, folders: tuple[Path, ...]) -> str | None:
    """Why an entry cannot be something that yolobg added here, or None when it can.

    Args:
        entry: An entry of a manifest, possibly edited by somebody.
        root: The dataset root.
        folders: The folders of the dataset's splits; new images lie in or below one of them.
    """
    image, label = absolute(entry.image, root), absolute(entry.label, root)
    start = f"bg_{source_slug(entry.source)}_"
    if not image.name.startswith(start) or not is_image(image.name) or not _OUR_NAME.fullmatch(image.name):
        return "its name is not one that yolobg gives"
    if ".." in image.parts:
        return "it lies outside the folders of this dataset"
    # Beside its image where a trainer finds no /images/ in the path as a list file writes it.
    if label not in (Path(label_path(str(image))), image.with_suffix(".txt")):
        return "its label is not the label of its image"
    try:
        home = image.parent.resolve()
        inside = any(home == folder or folder in home.parents for folder in (f.resolve() for f in folders))
    except (OSError, RuntimeError, ValueError):
        return "its path makes no sense"
    return None if inside else "it lies outside the folders of this dataset"


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
