"""Decide where the new files of a split go: where a trainer finds each with its own label, and finds it once.

Reads only.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from yolobg.dataset.folder_listing import is_relative, read_list, relative_lines
from yolobg.dataset.layout import label_path, list_line, parse_list
from yolobg.errors import DatasetError, MergeError
from yolobg.model import DataYaml, Inventory

__all__ = ["Destination", "check_unmoved", "choose_destination", "destination_in"]


@dataclass(frozen=True, slots=True)
class Destination:
    """Where the new files of a split go. Both folders are absolute and hold no `..`.

    Attributes:
        images_dir: The folder of the images.
        labels_dir: The folder in which a trainer seeks their labels; it need not exist yet.
        list_file: The list file that must name them, where the split is one.
        real: Where the two folders and the list file led when that was decided, links followed.
    """

    images_dir: Path
    labels_dir: Path
    list_file: Path | None = None
    real: tuple[str, ...] = field(default=(), compare=False)


def check_unmoved(destination: Destination) -> None:
    """Make sure that new files still go where they were meant to go: a plan may be old when it is carried out.

    Raises:
        MergeError: A folder on the way, or the list file, leads somewhere else now.
    """
    places = _places(destination)
    for place, before, now in zip(places, destination.real, _real(places), strict=True):
        if before != now:
            raise MergeError(
                f"{place}: pointed to {before} when the run was planned and now points to {now}; nothing was "
                "changed. Run again if that is intended"
            )


def _places(destination: Destination) -> tuple[Path, ...]:
    listed = [destination.list_file] if destination.list_file else []
    return (destination.images_dir, destination.labels_dir, *listed)


def _real(places: Iterable[Path]) -> tuple[str, ...]:
    return tuple(map(os.path.realpath, places))


def choose_destination(
    data: DataYaml, inventory: Inventory, *, into: Path | None = None, cwd: Path | None = None
) -> Destination:
    """Decide where new files belong: in the first folder of the split, or beside most of the images of a list file.

    What the split lists twice, as such or below another of its folders, is passed over: a new file there would count
    and train twice.

    Args:
        data: The dataset.
        inventory: The scan of the split.
        into: The user's wish: one of the split's folders, or a folder below one; relative to `cwd` or to the root.
        cwd: What relative paths refer to; default the process's current folder.

    Raises:
        DatasetError: `into` is no folder of the split or is listed more than once, or there is no folder that could be
            meant.
    """
    chosen = _choose(data, inventory, into, (cwd or Path()).absolute())
    return replace(chosen, real=_real(_places(chosen)))


def destination_in(folder: Path) -> Destination:
    """The destination whose images go into that folder, which need not exist yet."""
    chosen = _in(folder)
    return replace(chosen, real=_real(_places(chosen)))


def _in(folder: Path) -> Destination:
    return Destination(folder, Path(label_path(str(folder / "x.jpg"))).parent)


def _choose(data: DataYaml, inventory: Inventory, into: Path | None, here: Path) -> Destination:
    folders = [Path(entry) for entry in inventory.entries if os.path.isdir(entry)]  # noqa: PTH112
    if data.derived:
        folders = _own_folders(data, data.derived.original, folders, inventory.split)
    if folders:
        wish = None if into is None else _wished_folder(into, folders, (here, data.root), inventory.split)
        return _in(_listed_once(inventory, folders if wish is None else [wish], folders, f"{data.file}"))
    uses = Counter(inventory.entries)
    list_file = next((entry for entry in uses if uses[entry] == 1), None)
    if list_file is None:
        raise DatasetError(
            f"{data.file}: key '{inventory.split}' names {inventory.entries[0]} more than once, so a new line in it "
            "would count and train as often; name it once"
        )
    folder = _folder_of_list(inventory, list_file, data.root, into, here)
    existing = read_list(list_file).strip().splitlines()
    line = list_line(str(folder / "x.jpg"), existing_lines=existing, list_file=list_file, cwd=str(here))
    label = label_path(parse_list(line, list_file=list_file)[0])
    return Destination(folder, (here / label).parent, Path(list_file))


def _own_folders(data: DataYaml, original: Path, folders: list[Path], split: str) -> list[Path]:
    """The one of the folders that is not the original's: that beside the data.yaml that was made from it."""
    # Here and below: a script that imports the Ultralytics hook does not load YAML.
    from yolobg.dataset.derived import own_folder, own_splits  # noqa: PLC0415

    home = data.root.resolve()
    # A copy of that data.yaml may lie in the original's folder.
    copied = not own_splits(data, home) or _is_of(home, split, original)
    own = [] if copied else [folder for folder in folders if folder == own_folder(home, split)]
    if not own:
        raise DatasetError(
            f"{data.file}: key '{split}' has no folder of its own beside this file, and those of {original} are left "
            f"as they are; run `yolobg augment {original} --to {'DIR' if copied else home} --split {split}`"
            f"{', or use the data.yaml that it wrote to DIR before' if copied else ''}"
        )
    return own


def _is_of(home: Path, split: str, original: Path) -> bool:
    """Whether a folder is that of the original, or holds one of its image folders."""
    from yolobg.dataset.data_yaml import read_data_yaml  # noqa: PLC0415 - as above
    from yolobg.dataset.derived import own_folder  # noqa: PLC0415 - as above

    try:
        there = read_data_yaml(original)
    except DatasetError:
        return home == original.parent.resolve()
    own = str(own_folder(home, split))
    return home in (original.parent.resolve(), there.root) or any(own in entries for entries in there.splits.values())


def _listed_once(inventory: Inventory, wanted: list[Path], folders: list[Path], file: str) -> Path:
    """The first of the wanted folders in which the split finds a new file once."""
    spellings = _spellings(inventory)
    overlaps = []
    for folder in wanted:
        spelled = {str(folder), *spellings.get(os.path.realpath(folder), ())}
        listing = [entry for entry in folders for name in spelled if _lists(str(entry), name)]
        if len(listing) == 1:
            return folder
        overlaps.append(f"{folder} is listed by {' and by '.join(map(str, listing))}")
    raise DatasetError(
        f"{file}: key '{inventory.split}' lists a folder more than once, so a new file in it would count and train as "
        f"often: {'; '.join(dict.fromkeys(overlaps))}. Take one of these out of data.yaml, or name a folder of the "
        "split that is listed once with --into"
    )


def _spellings(inventory: Inventory) -> dict[str, set[str]]:
    """The paths under which the scan met each real folder; a link makes a second one."""
    found: dict[str, set[str]] = {}
    for name in {os.path.split(entry.image)[0] for entry in inventory.files}:
        # Only list files have other spellings, and they do not bring new files in.
        if os.path.normpath(name) == name:
            found.setdefault(os.path.realpath(name), set()).add(name)
    return found


def _lists(entry: str, folder: str) -> bool:
    """Whether listing `entry` comes through a folder of that path; what is hidden is not entered."""
    if folder == entry:
        return True
    start = entry.rstrip(os.sep) + os.sep
    return folder.startswith(start) and f"{os.sep}." not in os.sep + folder[len(start) :]


def _folder_of_list(inventory: Inventory, list_file: str, root: Path, into: Path | None, here: Path) -> Path:
    """The wished one of the folders that hold the images of a list, else the one that holds most of them.

    An image that is not there says nothing about where images are, so what is corrupt does not count.
    """
    counts = Counter(os.path.split(entry.image)[0] for entry in inventory.files if entry.state != "corrupt")
    folders = Counter[Path]()
    for name, images in counts.items():
        folders[_plain(Path(name), root.resolve())] += images
    if not folders:
        raise DatasetError(_nothing_usable(inventory, list_file, here))
    if into is not None:
        return _wished_folder(into, list(folders), (here, root), inventory.split)
    return max(folders, key=lambda folder: folders[folder])


def _nothing_usable(inventory: Inventory, list_file: str, here: Path) -> str:
    first = inventory.files[0].image
    why = "has a corrupt label" if os.path.isfile(first) else "does not exist"  # noqa: PTH113
    lines = read_list(list_file).splitlines()
    hint = ""
    if os.sep == "/" and any("\\" in line for line in lines):
        hint = "; its lines have backslashes, which separate folders on Windows only: write / instead"
    elif any(map(is_relative, lines)):
        hint = f"; {relative_lines(str(here))}"
    return (
        f"{list_file}: new images go beside those it names, and none of these {len(inventory.files)} can be used: the "
        f"first, {first}, {why}; fix the list{hint}"
    )


def _plain(folder: Path, root: Path) -> Path:
    """The same folder without `..`, and as a path below the root where it lies there.

    Other links stay: a trainer seeks labels by the text of a path, and that of a link may be the one that has `images`.
    """
    climbs = [i for i, part in enumerate(folder.parts) if part == ".."]
    if climbs:
        end = climbs[-1] + 1
        folder = Path(*folder.parts[:end]).resolve().joinpath(*folder.parts[end:])
    for above in (folder, *folder.parents):
        if above == root:
            break
        if above.exists() and root.exists() and above.samefile(root):
            return root / folder.relative_to(above)
    return folder


def _wished_folder(into: Path, folders: list[Path], bases: tuple[Path, ...], split: str) -> Path:
    for base in bases:
        wish = (base / into).resolve()
        for folder in folders:
            home = folder.resolve()
            if wish == home or home in wish.parents:
                below = wish.relative_to(home)
                if wish.is_dir() and not any(part.startswith(".") for part in below.parts):
                    return folder / below
    names = ", ".join(str(folder) for folder in folders[:5])
    raise DatasetError(
        f"--into {into}: not a folder of the split '{split}'; it must be one of these or below one: {names}"
    )
