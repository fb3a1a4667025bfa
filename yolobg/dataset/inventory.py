"""Scan a split: which images it has, where their labels lie and what these hold, exactly as Ultralytics sees it.

Reads only, and never opens an image: what a trainer rejects for its pixels still counts here.
"""

from __future__ import annotations

import errno
import itertools
import os
from collections import Counter
from collections.abc import Collection, Container, Iterable, Iterator
from pathlib import Path

from yolobg.dataset.destination import Destination, choose_destination
from yolobg.dataset.folder_listing import Folders, Walk, is_relative, read_list, relative_lines
from yolobg.dataset.label_reader import judge_labels
from yolobg.dataset.label_rules import LabelVerdict, label_checker
from yolobg.dataset.layout import label_path, parse_list
from yolobg.dataset.path_hints import why_not_found
from yolobg.dataset.stray_labels import LabelFolders
from yolobg.errors import DatasetError
from yolobg.model import Counts, DataYaml, FileEntry, Inventory, LabelProblem, Progress, no_progress
from yolobg.wording import counted

__all__ = [
    "Destination",
    "SplitScan",
    "choose_destination",
    "count_files",
    "list_images",
    "list_readable",
    "scan_split",
]

_STRIDE = 2000
_AT_ONCE = 10_000
_LINE_SHOWN = 200


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
    scan = SplitScan(data, split, cwd=cwd, progress=progress)
    files = tuple(scan.files())
    return Inventory(split, scan.entries, files, tuple(scan.problems), tuple(scan.warnings))


class SplitScan:
    """A split that is scanned as its images are asked for, so that nobody has to hold all of them.

    Attributes:
        entries: The resolved folders and list files it is made of.
        problems: One for each corrupt label file.
        warnings: For a person to read.

    Both are complete once `files` is through.
    """

    def __init__(
        self, data: DataYaml, split: str, *, cwd: Path | None = None, progress: Progress = no_progress
    ) -> None:
        self.entries = _entries(data, split)
        self.problems: list[LabelProblem] = []
        self._here = str((cwd or Path()).absolute())
        self._listing = _Listing(self.entries, self._here, f"{data.file}: key '{split}'", data.warnings)
        if not self._listing.raw:
            raise DatasetError(
                f"{data.file}: key '{split}': no images in {', '.join(self.entries)[:300]}{_why_none(self.entries)}"
            )
        self._unusable = self._listing.unusable()
        self._check = label_checker(len(data.names), data.kpt_shape)
        self._progress = progress
        self.warnings = self._listing.walk.warnings + self._listing.hints(self._unusable)
        repeated = sum(one == other for one, other in itertools.pairwise(self._listing.raw))
        if repeated:
            self.warnings.append(
                f"{split}: {counted(repeated, 'image', 'are')} listed more than once; such images count and train as "
                "often"
            )

    def files(self) -> Iterator[FileEntry]:
        """Each image with its label's state, in the order and as often as `scan_split` promises."""
        total = len(self._listing.raw)
        label_folders = LabelFolders(self.entries, self._listing.folders, self._check)
        previous, verdict = "", LabelVerdict("missing")
        for number, (image, label, verdicts) in enumerate(self._with_verdicts()):
            if number % _STRIDE == 0:
                self._progress("scan", number, total)
            if label != previous:
                previous, verdict = label, next(verdicts)
                label_folders.note(image, label, is_there=verdict.state != "missing")
                if verdict.state == "corrupt":
                    self.problems.append(LabelProblem(label, verdict.line, verdict.reason))
            if self._unusable and image in self._unusable:
                self.problems.append(LabelProblem(label, None, f"its image {image} {self._unusable[image]}"))
                yield FileEntry(image, label, "corrupt")
            else:
                yield FileEntry(image, label, verdict.state)
        self.warnings += label_folders.warnings(self._pairs)
        self._progress("scan", total, total)

    def _pairs(self) -> Iterator[tuple[str, str]]:
        """Each image with its label."""
        for written, image in zip(self._listing.raw, self._listing.images, strict=True):
            yield image, os.path.join(self._here, label_path(written))  # noqa: PTH118

    def _with_verdicts(self) -> Iterator[tuple[str, str, Iterator[LabelVerdict]]]:
        """Each image, its label, and where the verdicts on new labels come from.

        Images that share a label (duplicates, a.jpg and a.png) lie side by side, so a label is read once.
        """
        listing, last = self._listing, ""
        for start in range(0, len(listing.raw), _AT_ONCE):
            # From the lines as they stand: a trainer replaces what is written there, not the absolute path.
            labels = list(map(label_path, listing.raw[start : start + _AT_ONCE]))
            if listing.has_lists:
                labels = [os.path.join(self._here, path) for path in labels]  # noqa: PTH118
            distinct = [label for label, _ in itertools.groupby([last, *labels])][1:]
            verdicts = judge_labels(distinct, listing.folders, self._check)
            images = listing.images[start : start + _AT_ONCE]
            yield from zip(images, labels, itertools.repeat(verdicts))
            last = labels[-1]


def list_images(entries: Iterable[str], *, cwd: Path | None = None) -> tuple[str, ...]:
    """The absolute paths of the images in folders and list files, sorted as written there, duplicates kept.

    Args:
        entries: Resolved folders and list files, as in `DataYaml.splits`.
        cwd: What relative lines of list files refer to; default the process's current folder.

    Raises:
        DatasetError: An entry does not exist or cannot be read.
    """
    return tuple(_Listing(tuple(entries), str((cwd or Path()).absolute()), "split").images)


def list_readable(
    entries: Iterable[str], *, what: str, cwd: Path | None = None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Like `list_images`, each entry for itself; returns the images, and what could not be read and was passed over.

    Args:
        entries: Resolved folders and list files, as in `DataYaml.splits`.
        what: What the entries are, for messages.
        cwd: What relative lines of list files refer to; default the process's current folder.
    """
    here = str((cwd or Path()).absolute())
    images: list[str] = []
    troubles: list[str] = []
    for entry in entries:
        try:
            listing = _Listing((entry,), here, what)
        except DatasetError as error:
            troubles.append(str(error))
        else:
            images += listing.images
            troubles += listing.walk.warnings
    return tuple(images), tuple(troubles)


class _Listing:
    """The images of a split: `raw` as written, which is what trainers sort and make labels from, `images` absolute."""

    def __init__(self, entries: tuple[str, ...], cwd: str, what: str, hints: tuple[str, ...] = ()) -> None:
        self._entries = entries
        self.walk = Walk()
        self.folders = Folders()
        self.has_lists = False
        listed: list[str] = []
        for entry in entries:
            if os.path.isdir(entry):  # noqa: PTH112 - plain strings in this class, by the hundred thousand
                self.walk.add(entry)
            elif os.path.isfile(entry):  # noqa: PTH113
                self.has_lists = True
                listed += parse_list(read_list(entry), list_file=entry)
            else:
                known = "".join(f"\n  {hint}" for hint in hints)
                raise DatasetError(f"{what}: '{entry}' does not exist; expected a folder or a list file{known}")
        self.raw = sorted(self.walk.images + listed)
        self.images = [os.path.join(cwd, path) for path in self.raw] if listed else self.raw  # noqa: PTH118
        self._listed = listed
        self._cwd = cwd

    def hints(self, unusable: Container[str]) -> list[str]:
        """What a person should know of relative lines whose images are not there."""
        gone = [path for path in set(self._listed) if os.path.join(self._cwd, path) in unusable]  # noqa: PTH118
        lists = ", ".join(entry for entry in self._entries if os.path.isfile(entry))  # noqa: PTH113
        odd = {one: path for path in sorted(gone, reverse=True) for one in why_not_found(path)}
        if odd:
            return [
                f"{lists}: lines such as {path} lead to no image{': it ' if what else ''}{what}, {why}"
                for (what, why), path in odd.items()
            ]
        lost = list(filter(is_relative, gone))
        if not lost:
            return []
        return [
            f"{lists}: {counted(len(lost), 'image', 'do')} not exist, for example {min(lost)}; "
            f"{relative_lines(self._cwd)}. Run "
            "from the intended folder"
        ]

    def unusable(self) -> dict[str, str]:
        """The images that are no file, with the reason."""
        bad = dict(self.walk.unusable)
        for path in {os.path.join(self._cwd, path) for path in self._listed}:  # noqa: PTH118
            if not self.folders.has_file(path):
                bad[path] = "does not exist or is not a file"
        return bad


def _why_none(entries: Iterable[str]) -> str:
    """What to add where no image is found: a folder that cannot be read, or a line that is no image."""
    for entry in entries:
        is_list = os.path.isfile(entry)  # noqa: PTH113
        if not is_list and not os.access(entry, os.R_OK | os.X_OK):
            return f": {os.strerror(errno.EACCES)} to read {entry}; fix its permissions"
        line = next(filter(str.strip, read_list(entry).splitlines()), "") if is_list else ""
        if line:
            return (
                f": line '{line[:_LINE_SHOWN]}' of {entry} names no image; expected one path on each line, without "
                "quotes, that ends in an image suffix such as .jpg, and nothing behind it"
            )
    return ""


def _entries(data: DataYaml, split: str) -> tuple[str, ...]:
    entries = data.splits.get(split)
    if not entries:
        there = ", ".join(data.splits) or "none"
        raise DatasetError(f"{data.file}: no split '{split}' (available: {there}); name one of those or add the key")
    return entries


def count_files(inventory: Inventory, ours: Collection[str] = ()) -> Counts:
    """Count a scanned split; see `Counts` for what adds up to what.

    Args:
        inventory: The scan.
        ours: Absolute label or image paths that the manifest records. Only what still is a background counts: one that
            a person has labelled since is theirs.
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
        ours=sum(
            entry.state in ("missing", "empty") and (entry.image in mine or entry.label in mine)
            for entry in inventory.files
        )
        if mine
        else 0,
        ratio=backgrounds / trained if trained else 0.0,
    )
