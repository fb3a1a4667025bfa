"""The frozen dataclasses and protocols that all folders share.

Field names are the keys of `--json` (see `report.py` for its outer shape). Nothing here touches disk or network.
Paths that are counted in the hundreds of thousands are plain `str`; everything else is `pathlib.Path`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

SCHEMA = 1
"""The version of what `--json` prints."""

LabelState = Literal["found", "missing", "empty", "corrupt"]
Status = Literal["mapped", "none", "opaque", "unknown"]
Relation = Literal["same", "is_a", "superset", "part_or_worn", "overlap", "confusable", "user"]
Link = Literal["copy", "hard", "symlink"]

IMAGE_SUFFIXES = frozenset(
    (".avif", ".bmp", ".dng", ".heic", ".heif", ".jp2", ".jpeg", ".jpg", ".mpo", ".png", ".tif", ".tiff", ".webp")
)
"""The image suffixes that Ultralytics 8.4.190 lists, in any case (not gif, jfif or pfm). `images/kinds.py` decides what
content may lie behind one."""

# ---------------------------------------------------------------- the dataset


@dataclass(frozen=True, slots=True)
class Reading:
    """What a class name is if the file that holds it is in some encoding."""

    encoding: str
    name: str


@dataclass(frozen=True, slots=True)
class Derivation:
    """Where a data.yaml that `augment --to` wrote comes from; `made`: the folders created for it, outermost first."""

    original: Path
    made: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class DataYaml:
    """A data.yaml, read as Ultralytics reads it.

    Attributes:
        file: The yaml file as given (not resolved: a symlinked yaml lies in the link's folder).
        root: The folder that `path` means; splits are relative to it.
        names: Class id to class name, in ascending id order.
        splits: Split name to its resolved entries (folders or list files), without splits that are absent or null.
        warnings: What Ultralytics would trip over or silently do differently, for a person to read.
        kpt_shape: Number of key points and their dimensions in a pose dataset; label rows may then be that much longer.
        channels: How many channels its images have, as written there; not checked.
        readings: Class id to what its name was, in each likely encoding, where letters were left out of it: the file
            is not UTF-8.
        derived: Where it comes from, if `augment --to` wrote it: new files then go nowhere but below its root.
    """

    file: Path
    root: Path
    names: Mapping[int, str]
    splits: Mapping[str, tuple[str, ...]]
    warnings: tuple[str, ...] = ()
    kpt_shape: tuple[int, int] | None = None
    channels: object = 3
    readings: Mapping[int, tuple[Reading, ...]] = field(default_factory=dict)
    derived: Derivation | None = None


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One image of a split with the label file Ultralytics looks for, and what that label file holds."""

    image: str
    label: str
    state: LabelState


@dataclass(frozen=True, slots=True)
class LabelProblem:
    """Why a label file is corrupt: Ultralytics drops its image from training.

    Attributes:
        label: The label file.
        line: 1-based line number, or None when the file cannot be read or its image is no file.
        reason: What is wrong with it.
    """

    label: str
    line: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Counts:
    """How many images of a split are what.

    `images` = `labelled` + `backgrounds` + `corrupt`; `backgrounds` = `missing` + `empty`.
    `ratio` = backgrounds / (labelled + backgrounds): corrupt images are not trained on, so they do not count.
    `ours` are the backgrounds that yolobg added; one that a person has labelled since is no background.
    Duplicates count as often as they are listed, as in Ultralytics.
    """

    images: int
    labelled: int
    backgrounds: int
    missing: int
    empty: int
    corrupt: int
    ours: int
    ratio: float


@dataclass(frozen=True, slots=True)
class Inventory:
    """A scanned split.

    Attributes:
        split: Its name.
        entries: The resolved folders and list files it is made of.
        files: Every listed image, sorted by path as Ultralytics sorts, duplicates kept.
        problems: One for each corrupt label file.
        warnings: For a person to read.
    """

    split: str
    entries: tuple[str, ...]
    files: tuple[FileEntry, ...]
    problems: tuple[LabelProblem, ...] = ()
    warnings: tuple[str, ...] = ()


# ---------------------------------------------------------------- classes


@dataclass(frozen=True, slots=True)
class Contamination:
    """Expected share (0-1) of chosen images that contain the class anyway, with a 95 % interval.

    `arguable` is the share of cases about which human checkers differ; never part of `point`.
    """

    point: float
    low: float
    high: float
    arguable: float


@dataclass(frozen=True, slots=True)
class Exclusion:
    """One category whose images cannot be background for a class, and why.

    Attributes:
        coco: The category's name in the source.
        relation: How the class name stands to the category.
        confidence: 0-1; at least 0.5 excludes, 0.35 to 0.5 is "maybe".
        rule: The rule that answered, for example `exact`, `plural`, `alias`, `wordnet`.
        reason: One sentence a person can check.
        images: How many of the source's images hold the category (0 when unknown).
    """

    coco: str
    relation: Relation
    confidence: float
    rule: str
    reason: str
    images: int = 0


@dataclass(frozen=True, slots=True)
class ClassEvidence:
    """What evidence besides the source's own objects says of one class, in images.

    All are images that no object and no caption rules out.

    Attributes:
        verified: Of those that evidence does not rule out, how many somebody verified to be free of the class.
        unknown: The others of those; they are never called verified.
        vetoed: How many are left out because evidence finds the class, or what excludes it, in them.
    """

    verified: int
    unknown: int
    vetoed: int


@dataclass(frozen=True, slots=True)
class ClassMatch:
    """What one class name of the dataset excludes.

    Attributes:
        id: The class id in data.yaml.
        name: The class name as written there.
        status: `mapped`; `none` (a real word without a counterpart); `opaque` (says nothing); `unknown` (no such word).
        exclude: Categories with confidence of at least 0.5, best first.
        maybe: Categories with confidence from 0.35 to 0.5, best first.
        suggestions: Nearest category names, for `unknown` names.
        captions: Images left out only because a caption names the class, once the catalog was asked; else None.
        expected_contamination: The figure for this class; None where no category or carrier covers it.
        warnings: For a person to read.
        evidence: What evidence besides the source's own objects says of it; None where none was asked for.
    """

    id: int
    name: str
    status: Status
    exclude: tuple[Exclusion, ...] = ()
    maybe: tuple[Exclusion, ...] = ()
    suggestions: tuple[str, ...] = ()
    captions: int | None = None
    expected_contamination: Contamination | None = None
    warnings: tuple[str, ...] = ()
    evidence: ClassEvidence | None = None


@dataclass(frozen=True, slots=True)
class CaptionTerms:
    """The words whose mention in a caption vetoes an image for one class.

    Attributes:
        name: The class name in the dataset.
        terms: Written-out words and phrases, lower case (no stemmer behind them).
        but_not: Phrases that make a caption harmless (`hot dog` for `dog`), checked within the same caption.
    """

    name: str
    terms: tuple[str, ...]
    but_not: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """Which images of a source evidence speaks of, for one class of the dataset.

    Attributes:
        name: The class name; empty where it is about further excluded categories.
        present: The images that show the class, or a category that excludes it: a bit each, in the order of ids.
        absent: The images that somebody verified to be free of the class, likewise.
    """

    name: str
    present: int
    absent: int


# ---------------------------------------------------------------- the source


@dataclass(frozen=True, slots=True)
class Category:
    """A category of the source: `images` counts the images with at least one instance, crowd regions included."""

    id: int
    name: str
    images: int


@dataclass(frozen=True, slots=True)
class License:
    """A licence of the source's table; `commercial` is false for every licence with an NC part."""

    id: int
    name: str
    url: str
    commercial: bool


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """One image of the source; numbers are 0 and texts empty where the record does not say."""

    id: int
    file_name: str
    width: int
    height: int
    license: int | None = None
    coco_url: str = ""
    flickr_url: str = ""
    author: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the image files of a source are had from: folders first, then addresses, each in order.

    Attributes:
        name: The source's name, for example `coco2017`.
        folders: Local folders; COCO's own layouts (flat, `train2017/`, `images/train2017/`) are tried below each.
        bases: Addresses to which `file_name` is appended, without a trailing slash.
        link: How a local file comes into the dataset; `frames`: names may mean frames of videos in the folders.
    """

    name: str
    folders: tuple[Path, ...] = ()
    bases: tuple[str, ...] = ()
    link: Link = "copy"
    frames: bool = False


@dataclass(frozen=True, slots=True)
class Eligibility:
    """The catalog's answer: who may be a background, and how many were left out for which reason.

    Attributes:
        ids: Eligible image ids in ascending order.
        images: All images of the source.
        by_class: Left out because they hold an excluded category.
        by_caption: Of the rest, left out because a caption names a class.
        by_evidence: Of the rest, left out because evidence finds a class in them.
        unverified: Of the rest, left out because nobody verified them to be free of every class, where that is asked.
        by_license: Of the rest, left out by the licence filter.
        unusable: Of the rest, left out because the record cannot be used (too small, unsafe file name, no image).
        unusable_ids: Their ids.
        captions: Class name to the number of images that its caption terms alone would leave out.
        few_classes_share: Share (0-1) of the eligible images with at most two annotated categories.
        evidence: Class name to what evidence says of it.
    """

    ids: tuple[int, ...]
    images: int
    by_class: int
    by_caption: int
    by_license: int
    unusable: int
    captions: Mapping[str, int] = field(default_factory=dict)
    few_classes_share: float = 0.0
    unusable_ids: tuple[int, ...] = ()
    by_evidence: int = 0
    unverified: int = 0
    evidence: Mapping[str, ClassEvidence] = field(default_factory=dict)


def staged_name(source_id: int) -> str:
    """The name of a verified image until it is merged; trainers list no file of that suffix."""
    return f"{source_id}.staged"


@dataclass(frozen=True, slots=True)
class Staged:
    """A verified image that lies in staging, ready to be merged.

    Attributes:
        record: The source's record.
        folder: Where it is staged.
        size_bytes: Its size.
        sha256: Hex digest of its content.
        url: Where it came from: an address, or a path as given.
        before: Size and SHA-256 of the file it was taken from, where that has more than the image.
    """

    record: ImageRecord
    folder: Path
    size_bytes: int
    sha256: str
    url: str
    before: tuple[int, str] | None = None

    @property
    def path(self) -> Path:
        """The staged file."""
        return self.folder / staged_name(self.record.id)


@dataclass(frozen=True, slots=True)
class Failed:
    """An image that could not be fetched or used; another candidate took its place.

    Attributes:
        source_id: Its id in the source.
        reason: Why.
        attempts: How often it was tried.
        file_name: Its name in the source.
    """

    source_id: int
    reason: str
    attempts: int
    file_name: str = ""

    def __str__(self) -> str:
        """The name that a person knows it by, and the reason."""
        return f"{ascii(self.file_name)[1:-1] if self.file_name else f'image {self.source_id}'}: {self.reason}"


class Progress(Protocol):
    """Told how far a stage is; `total` is None where it is not known. Called from one thread at a time."""

    def __call__(self, stage: str, done: int, total: int | None, /) -> None:
        """Report that `done` of `total` units of `stage` are done."""


def no_progress(_stage: str, _done: int, _total: int | None, /) -> None:
    """Progress that is not shown."""
