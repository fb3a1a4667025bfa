"""What a manifest may ask for. It lies in the dataset and may come from a stranger, so its word alone moves nothing.

Recovery and removal act only where every path that the manifest names is one that yolobg itself could have written
there: list files that data.yaml names, label folders of its images, a staging folder of our own form.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from yolobg.changes.manifest import FOLDER, absolute, manifest_path
from yolobg.changes.records import Entry, ListEdit, Pending
from yolobg.dataset.dataset import Dataset
from yolobg.dataset.layout import is_image, label_path, source_slug
from yolobg.errors import MergeError

__all__ = [
    "check_edit",
    "check_entry",
    "check_pending",
    "is_label_folder",
    "is_staging",
    "lies_in_root",
    "lies_inside",
    "may_clean",
    "names_image",
]

_SOURCE_PART = re.compile(r"[0-9a-f]{16}")


def check_pending(pending: Pending, dataset: Dataset, *, made_for: str = "") -> None:
    """Refuse an intent that no run of yolobg on this dataset can have left.

    Args:
        pending: The intent.
        dataset: The dataset; its homes are also those of the data.yaml that the run was made for.
        made_for: The data.yaml of that run, where it is another than that of this command.

    Raises:
        MergeError: It names something else; the message says what.
    """
    root, strange = dataset.root, _strange(pending, dataset)
    if strange and made_for:
        raise MergeError(
            f"{manifest_path(root)}: a run for {absolute(made_for, root)} was interrupted. It names {strange}, so it "
            "cannot be finished from here. Run augment or remove with that data.yaml first."
        )
    if strange:
        raise MergeError(
            f"{manifest_path(root)}: an interrupted run names {strange}. Something other than yolobg changed the "
            "manifest, so yolobg will not act on it."
        )


def _strange(pending: Pending, dataset: Dataset) -> str | None:
    """What an intent names that yolobg cannot have meant, and why; None where there is no such thing."""
    # What is only taken away is proved by its content, so it may lie wherever in the root data.yaml once said.
    place = dataset.also(dataset.root) if pending.kind == "remove" else dataset
    for entry in pending.entries:
        if why := check_entry(entry, place):
            return f"{entry.image!r}, but {why}"
    if pending.kind == "remove":
        return None
    for folder in pending.folders:
        if not is_label_folder(folder, dataset):
            return f"the folder {folder!r}, but it is not a label folder of this dataset"
    if not is_staging(pending.staging, dataset):
        return f"images staged in {pending.staging!r}, but yolobg stages none there"
    return _strange_lines(pending, pending.edit, dataset) if pending.edit else None


def lies_in_root(pending: Pending, dataset: Dataset) -> bool:
    """Whether an interrupted merge was meant for a folder in the root that data.yaml does not name any more.

    It cannot be finished, for nobody would train on it; but what it brought in can be taken back.
    """
    wider = dataset.also(dataset.root)
    strange = any(check_entry(entry, dataset) for entry in pending.entries)
    return strange and not any(check_entry(entry, wider) for entry in pending.entries)


def _strange_lines(pending: Pending, edit: ListEdit, dataset: Dataset) -> str | None:
    if why := check_edit(edit, dataset):
        return f"lines of {edit.file!r}, but {why}"
    if set(edit.lines) != {entry.image for entry in pending.entries}:
        return f"lines of {edit.file!r}, but not those of its images"
    for image, line in edit.lines.items():
        if not names_image(line, image, dataset.root):
            return f"the line {line!r} of {edit.file!r}, but it does not name {image!r}"
    return None


def check_edit(edit: ListEdit, dataset: Dataset) -> str | None:
    """Why yolobg cannot have appended lines to that file, or None when it can; a file that is gone is no danger."""
    try:
        file = absolute(edit.file, dataset.root).resolve()
        if not file.exists():
            return None
        known = {home.resolve() for home in dataset.homes if home.is_file()}
    except (OSError, RuntimeError, ValueError):
        return "its path is not valid"
    return None if file in known else "it is not a list file of this dataset"


def may_clean(edit: ListEdit, root: Path) -> bool:
    """Whether our very lines may be taken out of a file that no data.yaml names as a list file (any more).

    Those are lines that name images of ours, so that nothing else of a file in the dataset can be lost.
    """
    try:
        file, home = absolute(edit.file, root).resolve(), root.resolve()
        return file.is_file() and home in file.parents and home / FOLDER not in file.parents
    except (OSError, RuntimeError, ValueError):
        return False


def names_image(line: str, image: str, root: Path) -> bool:
    """Whether a line of a list file is one that yolobg writes for an image: its path, whole or from some folder on."""
    if len(line.splitlines()) != 1 or line != line.strip():
        return False
    said = Path(line.removeprefix("./"))
    whole = absolute(image, root)
    if said.is_absolute():
        return said == whole
    return ".." not in said.parts and bool(said.parts) and whole.parts[-len(said.parts) :] == said.parts


def is_label_folder(folder: str, dataset: Dataset) -> bool:
    """Whether yolobg may have made that folder: one that holds, or leads to, the labels of a folder of images.

    Never one that leads to images, and none that is reached through a link which no trainer follows to a label.
    """
    wanted = absolute(folder, dataset.root)
    try:
        return any(_leads_to_labels(wanted, home) for home in dataset.homes if home.is_dir())
    except (OSError, RuntimeError, ValueError):
        return False


def _leads_to_labels(folder: Path, home: Path) -> bool:
    labels = Path(label_path(str(home / "x.jpg"))).parent
    if folder in (home, *home.parents):
        return False
    if folder in (labels, *labels.parents):
        return True
    return labels in folder.parents and folder.resolve().is_relative_to(labels.resolve())


def is_staging(place: str, dataset: Dataset) -> bool:
    """Whether yolobg stages images in that folder: `.yolobg/staging`, or a source's part of it, without links.

    It lies in the dataset root, or in, below or beside a folder of images (where those are on another disk).
    """
    folder = absolute(place, dataset.root)
    part = folder if folder.name == "staging" else folder.parent
    own = part.parent
    if ".." in folder.parts or (part.name, own.name) != ("staging", FOLDER):
        return False
    if folder != part and not _SOURCE_PART.fullmatch(folder.name):
        return False
    try:
        if any(link.is_symlink() for link in (own, part, folder)):
            return False
        base = own.parent.resolve()
        known = [home.resolve() for home in dataset.homes if home.is_dir()]
    except (OSError, RuntimeError, ValueError):
        return False
    return base == dataset.root.resolve() or any(base in (home, home.parent) or home in base.parents for home in known)


_OUR_NAME = re.compile(r"[A-Za-z0-9._-]+")


def lies_inside(folder: Path, dataset: Dataset) -> bool:
    """Whether a folder is one of the dataset's homes, or below one, links followed.

    Raises:
        OSError, RuntimeError, ValueError: It is no valid path.
    """
    place = folder.resolve()
    return any(place == home or home in place.parents for home in map(Path.resolve, dataset.homes))


def check_entry(
    entry: Entry, dataset: Dataset, *, is_inside: Callable[[Path, Dataset], bool] = lies_inside
) -> str | None:
    """Why an entry cannot be something that yolobg added here, or None when it can.

    Args:
        entry: An entry of a manifest, possibly edited.
        dataset: The dataset; new images lie in or below one of its homes.
        is_inside: `lies_inside`; one that remembers its answers serves a caller that only shows what is there.
    """
    image, label = absolute(entry.image, dataset.root), absolute(entry.label, dataset.root)
    start = f"bg_{source_slug(entry.source)}_"
    if not image.name.startswith(start) or not is_image(image.name) or not _OUR_NAME.fullmatch(image.name):
        return "its name is not one that yolobg gives"
    if ".." in image.parts:
        return "it lies outside the folders of this dataset"
    # Beside its image where a trainer finds no /images/ in the path as a list file writes it.
    trained = label_path(str(image))
    if str(label) != trained and label not in (Path(trained), image.with_suffix(".txt")):
        return "its label is not the label of its image"
    try:
        inside = is_inside(image.parent, dataset)
    except (OSError, RuntimeError, ValueError):
        return "its path is not valid"
    return None if inside else "it lies outside the folders of this dataset"
