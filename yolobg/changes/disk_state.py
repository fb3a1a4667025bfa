"""What lies at the paths of a manifest entry, and what follows from it; shared by merge, recovery and removal."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import shutil
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from yolobg.changes.manifest import FOLDER, absolute, manifest_path, relative, write_manifest
from yolobg.changes.records import Entry, Manifest, Pending
from yolobg.errors import MergeError
from yolobg.files import (
    can_move,
    flush_folder,
    hash_file,
    make_real_folder,
    read_ordinary,
    staged_path,
    step,
    write_bytes,
)
from yolobg.threads import Pool

__all__ = [
    "Action",
    "ImageThere",
    "LabelThere",
    "check_writable",
    "clear_staging",
    "decide",
    "drop_empty_staging",
    "flush_folders",
    "flush_staged",
    "home_of",
    "homes_of",
    "identity",
    "image_words",
    "label_words",
    "look_image",
    "look_label",
    "looks_staged",
    "remove_folders",
    "staging_folder",
    "staging_left",
    "unlink",
    "write_or_drop",
]

Action = Literal["done", "publish", "drop", "conflict"]
ImageThere = Literal["absent", "ours", "other"]
LabelThere = Literal["absent", "blank", "filled"]
LABEL_READ_LIMIT_BYTES = 1 << 20
_NO_PATH = (errno.ELOOP, errno.ENAMETOOLONG)
_LINKED = (
    ", as `dvc add` leaves one, and yolobg deletes only links that it made. Put the file back in its place "
    "(`dvc unprotect` does) and run remove again"
)
# In our folder as long as a trial may be on disk: where that is, whatever data.yaml names by then.
_TRIAL = "trial"
_PATH_LIMIT_BYTES = 1 << 16
_FLUSHES = 16
_REVIEW = re.compile(r"review(-[0-9a-f]{12})?\.json")


def decide(*, image: ImageThere, label: LabelThere, staged: bool) -> Action:
    """What to do for one entry of an intent, given what lies at its two paths and whether its image is staged."""
    if label == "filled" or image == "other":
        return "conflict"
    if image == "ours":
        return "done"
    return "publish" if staged else "drop"


def look_image(image: Path, entry: Entry) -> ImageThere:
    """Whether the entry's image is there, and is the very content that was added."""
    try:
        there = image.stat()
        # A pipe or a device would be read for ever.
        if not stat.S_ISREG(there.st_mode) or there.st_size != entry.bytes:
            return "other"
        if image.is_symlink() == (entry.link == "symlink") and hash_file(image) == entry.sha256:
            return "ours"
    except (FileNotFoundError, NotADirectoryError):
        if not image.is_symlink():
            return "absent"
        # A symlink whose target is gone is still the link that was made, if it leads where that one led.
        return "ours" if entry.link == "symlink" and _leads_to(image, entry.url) else "other"
    except OSError as error:
        if error.errno not in _NO_PATH:
            raise
    return "other"


def _leads_to(link: Path, place: str) -> bool:
    return str(link.readlink()).removeprefix("\\\\?\\") == place


def looks_staged(staged: Path, entry: Entry) -> bool:
    """Whether an image lies in staging that was verified there, judged by kind and size, without reading it again."""
    try:
        there = staged.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    if entry.link == "symlink":
        return stat.S_ISLNK(there.st_mode) and _leads_to(staged, entry.url)
    return stat.S_ISREG(there.st_mode) and there.st_size == entry.bytes


def look_label(label: Path) -> LabelThere:
    """Whether a label file is there and says anything; what is no plain file says something."""
    if not os.path.lexists(label):
        return "absent"
    if label.is_symlink() or not label.is_file():
        return "filled"
    with label.open("rb") as handle:
        start = handle.read(LABEL_READ_LIMIT_BYTES)
        return "filled" if start.strip() or handle.read(1) else "blank"


def label_words(label: Path) -> str:
    """What keeps us from taking a label that `look_label` calls filled for one that nobody has touched."""
    if label.is_symlink():
        return f"its label file is a link now{_LINKED}"
    if not label.is_file():
        return "its label file is now a folder, or something else that is not a regular file"
    return "its label file is no longer empty: someone has labelled it"


def image_words(image: Path, entry: Entry) -> str:
    """The same for an image that `look_image` calls another."""
    try:
        return _words(image, entry)
    except OSError as error:
        if error.errno not in _NO_PATH:
            raise
        return "its path is not valid"


def _words(image: Path, entry: Entry) -> str:
    if image.is_symlink() and entry.link != "symlink":
        return f"it is a link now{_LINKED}"
    if entry.link == "symlink" and image.is_file() and not image.is_symlink():
        return "it is a file now, and yolobg made a link there"
    if image.exists() and not image.is_file():
        return "it is now a folder, or something else that is not a regular file"
    return "its content is not what yolobg added"


def check_writable(place: Path) -> None:
    """Say before anything is fetched what the merge would say after it; of a list file its folder counts too.

    Raises:
        MergeError: It cannot be written.
    """
    if place.is_file() and not os.access(place, os.W_OK):
        raise MergeError(f"{place}: cannot be written, and new images have to be listed there; nothing was changed")
    folder = place.resolve().parent if place.is_file() else place
    while not folder.exists():
        folder = folder.parent
    if not os.access(folder, os.W_OK | os.X_OK):
        raise MergeError(f"{folder}: cannot be written, and new files have to go there; nothing was changed")


def identity(folder: Path) -> tuple[int, int]:
    """What tells a folder from every other, whatever its name is, links followed."""
    there = folder.stat()
    return there.st_dev, there.st_ino


def unlink(path: Path) -> None:
    """Remove one file; nothing happens where it is gone."""
    step("unlink", path)
    path.unlink(missing_ok=True)


def homes_of(entries: Iterable[Entry], root: Path) -> dict[str, Path]:
    """The folders of the entries' images and labels, by what the manifest writes before the last slash."""
    # No Path for each entry: they come by the hundred thousand, out of few folders.
    return {home: absolute(home, root) for home in sorted({home_of(p) for e in entries for p in (e.image, e.label)})}


def home_of(path: str) -> str:
    """The folder part of a path as the manifest writes it."""
    return os.path.dirname(path)  # noqa: PTH120 - by the hundred thousand


def flush_folders(entries: Iterable[Entry], root: Path) -> None:
    """Make the names of the entries' images and labels, or their absence, durable."""
    for folder in homes_of(entries, root).values():
        if folder.is_dir():
            flush_folder(folder)


def flush_staged(pending: Pending, root: Path) -> None:
    """Make staged content durable before it becomes visible; links hold content that is durable already."""
    staging = absolute(pending.staging, root)

    def flush(entries: Sequence[Entry]) -> None:
        for entry in entries:
            staged = staged_path(staging, entry.source_id)
            handle = os.open(staged, os.O_RDWR | getattr(os, "O_BINARY", 0))
            try:
                step("fsync", staged)
                os.fsync(handle)
            finally:
                os.close(handle)

    copies = [entry for entry in pending.entries if entry.link == "copy"]
    # File systems gather parallel flushes into few journal commits; a few files for each hand-over, which costs too.
    if len(copies) <= _FLUSHES:
        flush(copies)
        return
    with Pool(max_workers=16) as pool:
        for _ in pool.map(flush, (copies[start : start + _FLUSHES] for start in range(0, len(copies), _FLUSHES))):
            pass


def remove_folders(root: Path, folders: Sequence[str]) -> None:
    """Remove folders that were made for us, innermost first, where nothing else is in them."""
    for folder in reversed(folders):
        with contextlib.suppress(OSError):
            step("rmdir", absolute(folder, root))
            absolute(folder, root).rmdir()


def staging_folder(root: Path, images_dir: Path) -> Path:
    """The nearest folder to the dataset root from which files can be moved to `images_dir`; found out by trying.

    It is not made here. The caller holds the dataset's lock.

    Raises:
        MergeError: There is none.
    """
    try:
        _drop_trial(root)
        name = relative(images_dir / _trial_name(root), root)
        write_bytes(root / FOLDER / _TRIAL, os.fsencode(name))
        place = _nearest(root, images_dir)
        _drop_trial(root)
    except OSError as error:
        raise _unreachable(images_dir, error) from error
    except MergeError:
        with contextlib.suppress(OSError):
            _drop_trial(root)
        raise
    return place


def _drop_trial(root: Path) -> None:
    """Remove the empty file that a killed try left, wherever that was, and the record of it."""
    mark = root / FOLDER / _TRIAL
    try:
        name = os.fsdecode(read_ordinary(mark, _PATH_LIMIT_BYTES))
    except FileNotFoundError:
        return
    except OSError:
        name = ""
    trial = absolute(name, root)
    # Somebody may have edited the record, so only what no user can miss is removed.
    if re.fullmatch(r"\.yolobg-[0-9a-f]{6}", trial.name) and ".." not in trial.parts and "\0" not in name:
        owns = [base / FOLDER for base in (root, trial.parent.parent, trial.parent)]
        for folder in (trial.parent, *(own for own in owns if not own.is_symlink())):
            if _is_empty_file(folder / trial.name):
                unlink(folder / trial.name)
        for own in owns[1:]:
            with contextlib.suppress(OSError):
                step("rmdir", own)
                own.rmdir()
    unlink(mark)


def _is_empty_file(path: Path) -> bool:
    try:
        there = path.lstat()
    except OSError:
        return False
    return stat.S_ISREG(there.st_mode) and there.st_size == 0


def _nearest(root: Path, images_dir: Path) -> Path:
    for home in (root, images_dir.parent):
        try:
            if _reaches(home / FOLDER, images_dir, root):
                return home / FOLDER / "staging"
        except OSError as error:
            # Somebody else's folder above the images may be closed to us. Any other trouble would meet the merge too.
            if home == root or error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ELOOP):
                raise _unreachable(images_dir, error) from error
    # Nothing can be moved into it from outside; a trainer's glob does not enter dot-folders.
    return images_dir / FOLDER / "staging"


def _reaches(own: Path, images_dir: Path, root: Path) -> bool:
    trial = _trial_name(root)
    try:
        make_real_folder(own)
        return can_move(own / trial, images_dir / trial)
    finally:
        # It goes if it is empty: one that a killed run has left as well.
        with contextlib.suppress(OSError):
            step("rmdir", own)
            own.rmdir()


def _unreachable(images_dir: Path, error: OSError) -> MergeError:
    place = error.filename2 or error.filename or images_dir
    # The reason last: of a long text, as of two long paths, the middle is left out.
    return MergeError(
        f"{place}: new images have to go to {images_dir}, and that is not possible; nothing was changed: "
        f"{error.strerror or error}"
    )


def _trial_name(root: Path) -> str:
    """The name of the empty file that is moved to find out: always the same, so that a killed try is found again.

    No longer than the names of new images, which may just fit into the longest path.
    """
    return f".yolobg-{hashlib.sha256(os.fsencode(root)).hexdigest()[:6]}"


def staging_left(root: Path, homes: Iterable[Path]) -> tuple[Path, ...]:
    """The staging folders in which runs on this dataset may have left something; also removes what a killed try left.

    Args:
        root: The dataset root, held by the caller's lock.
        homes: Folders of images; what is no folder is passed over.
    """
    _drop_trial(root)
    found = [root / FOLDER / "staging"]
    for home in dict.fromkeys(home for home in homes if home.is_dir()):
        owns = [base / FOLDER for base in (root, home.parent, home) if not (base / FOLDER).is_symlink()]
        found += [own / "staging" for own in owns if own != root / FOLDER and _is_bare(own)]
    return tuple(dict.fromkeys(found))


def _is_bare(own: Path) -> bool:
    """Whether a `.yolobg` holds nothing but staged images: one with a lock or a record belongs to another dataset."""
    try:
        return {path.name for path in own.iterdir()} <= {"staging"}
    except OSError:
        return False


def clear_staging(staging: Path) -> None:
    """Remove a staging folder, or a source's part of it, with all in it, and the parents that are empty then."""
    homes = [folder for folder in (staging.parent, staging.parent.parent) if folder.name == FOLDER]
    if not homes or ".." in staging.parts or any(f.is_symlink() for f in (staging, staging.parent, *homes)):
        return
    with contextlib.suppress(OSError):
        step("rmtree", staging)
        shutil.rmtree(staging, ignore_errors=True)
    for folder in (staging, *staging.parents):
        if folder == homes[0].parent:
            return
        with contextlib.suppress(OSError):
            step("rmdir", folder)
            folder.rmdir()


def drop_empty_staging(staging: Path) -> None:
    """Remove what a killed run has emptied of a staging folder; what it has fetched stays for the next."""
    if staging.is_symlink() or staging.parent.is_symlink():
        return
    for folder in (*staging.glob("*"), staging, staging.parent):
        if folder.is_dir():
            with contextlib.suppress(OSError):
                step("rmdir", folder)
                folder.rmdir()


def write_or_drop(root: Path, manifest: Manifest) -> None:
    """Write the manifest, or remove it and all that is made from it when there is nothing left to record."""
    if manifest.entries or manifest.pending or manifest.edits:
        write_manifest(root, manifest)
        return
    own = manifest_path(root).parent
    # The manifest last: as long as it is there, the next run comes by here again.
    for file in (own / "ATTRIBUTION.csv", own / "report.html", *sorted(own.glob("review*.json"))):
        if _REVIEW.fullmatch(file.name) or not file.name.startswith("review"):
            unlink(file)
    unlink(manifest_path(root))
