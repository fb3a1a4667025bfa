"""What the commands answer: the frozen dataclasses whose field names are the keys of `--json`, schema 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from yolobg.model import ClassMatch, Contamination, Counts, Failed, FileEntry, LabelProblem

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class DatasetInfo:
    """Where the dataset lies. `images_dir` and `labels_dir` are where new files go."""

    data_yaml: str
    root: str
    split: str
    images_dir: str
    labels_dir: str


@dataclass(frozen=True, slots=True)
class Target:
    """What was asked for: `ratio` (0-1) or `count`, and how many images that needs on top of those there."""

    ratio: float | None
    count: int | None
    needed: int


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Why images of the source are not eligible; each image counts once, under the first reason that holds."""

    class_: int
    caption: int
    license: int
    in_dataset: int
    unusable: int


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """The source and what remained of it. `non_commercial` counts the chosen images under an NC licence."""

    name: str
    images: int
    eligible: int
    left_out: LeftOut
    non_commercial: int = 0
    expected_contamination: Contamination | None = None


@dataclass(frozen=True, slots=True)
class Added:
    """One background in the dataset. Paths below the root are relative to it and use `/`; others are absolute."""

    image: str
    label: str
    source_id: int
    url: str
    license: int | None
    flickr_url: str
    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Report:
    """What `augment` found, decided and did; `--json` prints exactly this.

    In a dry run `added` is empty and nothing was written. `status` gives the same shape: there `before` and `after` are
    both what is in the split now, and `added` holds the backgrounds that yolobg added in earlier runs.

    Attributes:
        files: Every image of the split, only from `status` when asked for.
        problems: The corrupt label files of the split, as far as the command looked at them.
        interrupted: Whether an earlier run was cut off; the next `augment` or `remove` finishes it.
    """

    dry_run: bool
    dataset: DatasetInfo
    before: Counts
    target: Target
    classes: tuple[ClassMatch, ...]
    source: SourceInfo | None
    added: tuple[Added, ...]
    failed: tuple[Failed, ...]
    after: Counts
    manifest: str | None
    warnings: tuple[str, ...] = ()
    problems: tuple[LabelProblem, ...] = ()
    interrupted: bool = False
    files: tuple[FileEntry, ...] | None = None
    schema: int = SCHEMA


@dataclass(frozen=True, slots=True)
class KeptBackground:
    """A background that `remove` left where it is, and why."""

    image: str
    reason: str


@dataclass(frozen=True, slots=True)
class RemoveReport:
    """What `remove` took back. `gone` were missing already; a dry run only tells what would be done."""

    dry_run: bool
    root: str
    removed: tuple[str, ...]
    gone: tuple[str, ...]
    kept: tuple[KeptBackground, ...]
    schema: int = SCHEMA


@dataclass(frozen=True, slots=True)
class ClassesReport:
    """What `classes` found: each name's match, and what all of them together leave of the source.

    `source` is None where the catalog of the source has not been built yet.
    """

    classes: tuple[ClassMatch, ...]
    excluded: tuple[str, ...]
    source: SourceInfo | None
    schema: int = SCHEMA


def to_builtins(report: Report | RemoveReport | ClassesReport) -> dict[str, Any]:
    """A report as `--json` prints it: plain lists and dicts, `schema` first, keys as in the contract."""
    told: dict[str, Any] = msgspec.to_builtins(report)
    if isinstance(report, Report) and report.files is None:
        del told["files"]
    source = told.get("source")
    if source:
        # `class` is no name for a Python attribute.
        source["left_out"] = {"class": source["left_out"].pop("class_"), **source["left_out"]}
    return {"schema": told.pop("schema"), **told}
