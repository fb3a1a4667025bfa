"""Scan a split: which images it has, where their labels lie and what these hold, exactly as Ultralytics sees it.

Reads only, and never opens an image: what a trainer rejects for its pixels still counts here. Also decides where new
files of a split belong.
"""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from yolobg.dataset.label_check import Verdict, label_checker
from yolobg.dataset.label_files import judge_labels
from yolobg.dataset.layout import label_path, list_line, parse_list
from yolobg.dataset.listing import Folders, Walk
from yolobg.errors import DatasetError
from yolobg.model import Counts, DataYaml, FileEntry, Inventory, LabelProblem, Progress, no_progress

__all__ = ["Destination", "choose_destination", "count_files", "list_images", "scan_split"]

_STRIDE = 2000


def scan_split(data: DataYaml, split: str, *, cwd: Path | None = None, progress: Progress = no_progress) -> Inventory:
    """List the images of a split and the state of each label.

    Promises Ultralytics' order and multiplicity: sorted by path as written, an image listed twice is there twice.
    An image that is a folder or does not exist is `corrupt`, as it is there. Paths are absolute.

    Args:
        data: The dataset.
        split: `train`, `val`, `test` or `minival`.
        cwd: What relative lines of list files refer to; default the process's current folder.
        progress: Told about the stage `scan`.

    Raises:
        DatasetError: The split is not in data.yaml, does not exist, cannot be read or has no images.
    """
    entries = _entries(data, split)
    here = str((cwd or Path()).absolute())
    listing = _Listing(entries, here, f"{data.file}: key '{split}'", data.warnings)
    raw = listing.raw
    if not raw:
        raise DatasetError(f"{data.file}: key '{split}': no images in {', '.join(entries)[:300]}")
    labels = list(map(label_path, raw))
    if listing.has_lists:
        labels = [os.path.join(here, path) for path in labels]  # noqa: PTH118
    files, problems = _judge_files(listing, labels, label_checker(len(data.names), data.kpt_shape), progress)
    warnings = list(listing.walk.warnings)
    repeated = len(raw) - len(set(raw))
    if repeated:
        warnings.append(f"{split}: {repeated} images are listed more than once; they count and train as often")
    return Inventory(split, entries, files, problems, tuple(warnings))


def list_images(entries: Iterable[str], *, cwd: Path | None = None) -> tuple[str, ...]:
    """The absolute paths of the images in folders and list files, sorted as written there, duplicates kept.

    Args:
        entries: Resolved folders and list files, as in `DataYaml.splits`.
        cwd: What relative lines of list files refer to; default the process's current folder.

    Raises:
        DatasetError: An entry does not exist or cannot be read.
    """
    return tuple(_Listing(tuple(entries), str((cwd or Path()).absolute()), "split").images)


class _Listing:
    """The images of a split: `raw` as written, which is what trainers sort and make labels from, `images` absolute."""

    def __init__(self, entries: tuple[str, ...], cwd: str, what: str, hints: tuple[str, ...] = ()) -> None:
        self.walk = Walk()
        self.folders = Folders()
        self.has_lists = False
        listed: list[str] = []
        for entry in entries:
            if os.path.isdir(entry):  # noqa: PTH112 - plain strings in this class, by the hundred thousand
                self.walk.add(entry)
            elif os.path.isfile(entry):  # noqa: PTH113
                self.has_lists = True
                listed += parse_list(_read_list(entry), list_file=entry)
            else:
                known = "".join(f"\n  {hint}" for hint in hints)
                raise DatasetError(f"{what}: '{entry}' does not exist; expected a folder or a list file{known}")
        self.raw = sorted(self.walk.images + listed)
        self.images = [os.path.join(cwd, path) for path in self.raw] if listed else self.raw  # noqa: PTH118
        self._listed = listed
        self._cwd = cwd

    def unusable(self) -> dict[str, str]:
        """The images that are no file, with the reason."""
        bad = dict(self.walk.unusable)
        for path in {os.path.join(self._cwd, path) for path in self._listed}:  # noqa: PTH118
            if not self.folders.has_file(path):
                bad[path] = "does not exist or is no file"
        return bad


def _entries(data: DataYaml, split: str) -> tuple[str, ...]:
    entries = data.splits.get(split)
    if not entries:
        there = ", ".join(data.splits) or "none"
        raise DatasetError(f"{data.file}: no split '{split}' (there: {there}); name one of those or add the key")
    return entries


def _read_list(file: str) -> str:
    try:
        return Path(file).read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise DatasetError(f"{file}: the list file cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise DatasetError(
            f"{file}: not a list file: expected UTF-8 text with one image path on each line; "
            f"a split must be a folder, a list file, or a list of those"
        ) from error


def _judge_files(
    listing: _Listing, labels: Sequence[str], check: Callable[[bytes], Verdict], progress: Progress
) -> tuple[tuple[FileEntry, ...], tuple[LabelProblem, ...]]:
    """Each image with its label's state; images that share a label (duplicates, a.jpg and a.png) lie side by side."""
    files: list[FileEntry] = []
    problems: list[LabelProblem] = []
    unusable = listing.unusable()
    total = len(labels)
    verdicts = judge_labels([label for label, _ in itertools.groupby(labels)], listing.folders, check)
    previous, verdict = None, Verdict("missing")
    for image, label in zip(listing.images, labels, strict=True):
        if label != previous:
            previous, verdict = label, next(verdicts)
            if verdict.state == "corrupt":
                problems.append(LabelProblem(label, verdict.line, verdict.reason))
        if len(files) % _STRIDE == 0:
            progress("scan", len(files), total)
        if unusable and image in unusable:
            problems.append(LabelProblem(label, None, f"its image {image} {unusable[image]}"))
            files.append(FileEntry(image, label, "corrupt"))
        else:
            files.append(FileEntry(image, label, verdict.state))
    progress("scan", total, total)
    return tuple(files), tuple(problems)


def count_files(inventory: Inventory, ours: Collection[str] = ()) -> Counts:
    """Count a scanned split; see `Counts` for what adds up to what.

    Args:
        inventory: The scan.
        ours: Absolute label or image paths that the manifest records and that are there.
    """
    states = Counter(entry.state for entry in inventory.files)
    mine = frozenset(ours)
    backgrounds = states["missing"] + states["empty"]
    trained = states["found"] + backgrounds
    return Counts(
        images=len(inventory.files),
        labelled=states["found"],
        backgrounds=backgrounds,
        missing=states["missing"],
        empty=states["empty"],
        corrupt=states["corrupt"],
        ours=sum(entry.image in mine or entry.label in mine for entry in inventory.files) if mine else 0,
        ratio=backgrounds / trained if trained else 0.0,
    )


# ---------------------------------------------------------------- where new files go


@dataclass(frozen=True, slots=True)
class Destination:
    """Where the new files of a split go.

    Attributes:
        images_dir: The folder of the images.
        labels_dir: The folder in which a trainer seeks their labels; it need not exist yet.
        list_file: The list file that must name them, where the split is one.
    """

    images_dir: Path
    labels_dir: Path
    list_file: Path | None = None


def choose_destination(
    data: DataYaml, inventory: Inventory, *, into: Path | None = None, cwd: Path | None = None
) -> Destination:
    """Decide where new files belong: in the first folder of the split, or beside most of the images of a list file.

    Args:
        data: The dataset.
        inventory: The scan of the split.
        into: The user's wish: one of the split's folders, or a folder below one; relative to `cwd` or to the root.
        cwd: What relative paths refer to; default the process's current folder.

    Raises:
        DatasetError: `into` is no folder of the split, or there is none that could be meant.
    """
    here = (cwd or Path()).absolute()
    folders = [Path(entry) for entry in inventory.entries if os.path.isdir(entry)]  # noqa: PTH112
    if folders:
        folder = folders[0] if into is None else _wished_folder(into, folders, (here, data.root), inventory.split)
        return Destination(folder, Path(label_path(str(folder / "x.jpg"))).parent)
    list_file = inventory.entries[0]
    counts = Counter(os.path.split(entry.image)[0] for entry in inventory.files)
    common = max(counts, key=lambda name: counts[name])
    if into is not None:
        common = str(_wished_folder(into, [Path(name) for name in counts], (here, data.root), inventory.split))
    if not os.path.isdir(common):  # noqa: PTH112
        raise DatasetError(
            f"{list_file}: most of its images should be in {common}, which does not exist; mend the list"
        )
    existing = _read_list(list_file).strip().splitlines()
    image = os.path.join(common, "x.jpg")  # noqa: PTH118
    line = list_line(image, existing_lines=existing, list_file=list_file, cwd=str(here))
    label = label_path(parse_list(line, list_file=list_file)[0])
    return Destination(Path(common), (here / label).parent, Path(list_file))


def _wished_folder(into: Path, folders: list[Path], bases: tuple[Path, ...], split: str) -> Path:
    for base in bases:
        wish = (base / into).resolve()
        for folder in folders:
            if wish == folder or folder in wish.parents:
                hidden = any(part.startswith(".") for part in wish.relative_to(folder).parts)
                if wish.is_dir() and not hidden:
                    return wish
    names = ", ".join(str(folder) for folder in folders[:5])
    raise DatasetError(
        f"--into {into}: not a folder of the split '{split}'; it must be one of these or below one: {names}"
    )
