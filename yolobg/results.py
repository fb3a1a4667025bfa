"""What the commands answer: the frozen dataclasses whose field names are the keys of `--json`, schema 1."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from yolobg.mining_results import Mined, MiningReport
from yolobg.model import SCHEMA, ClassMatch, Contamination, Counts, Failed, FileEntry, LabelProblem
from yolobg.wording import counted, in_words, one_line

if TYPE_CHECKING:
    from yolobg.convert_results import ConvertReport
    from yolobg.evaluation_results import Evaluation


@dataclass(frozen=True, slots=True)
class DatasetInfo:
    """Where the dataset lies. `images_dir` and `labels_dir` are where new files go.

    `original` is the data.yaml that this one was made from, only if `augment --to` made it.
    """

    data_yaml: str
    root: str
    split: str
    images_dir: str
    labels_dir: str
    original: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """What was asked for: `ratio` (0-1) or `count`, and how many images that needs on top of those there."""

    ratio: float | None
    count: int | None
    needed: int


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Why images of the source are not eligible; each image counts once, under the first reason that holds.

    `evidence` counts those in which evidence finds a class, `unverified` those that nobody verified to be free of every
    class, where only such were asked for, and `repeated` those that are byte for byte another one of the source, which
    is known of images that were looked at.
    """

    class_: int
    caption: int
    license: int
    in_dataset: int
    unusable: int
    evidence: int = 0
    unverified: int = 0
    repeated: int = 0


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """The source and what remained of it.

    `non_commercial` counts the chosen images under an NC licence; None where no licences are recorded.
    """

    name: str
    images: int
    eligible: int
    left_out: LeftOut
    non_commercial: int | None = None
    expected_contamination: Contamination | None = None


@dataclass(frozen=True, slots=True)
class Planned:
    """One image that a run would bring in: its URL or path, the id of its licence, and why it was chosen."""

    source_id: int
    url: str
    license: int | None
    why: str


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
class SplitPart:
    """What one split of a stand-alone download has and gets: `before` + `needed` = `after`, in images."""

    split: str
    images_dir: str
    labels_dir: str
    before: int
    needed: int
    after: int


@dataclass(frozen=True, slots=True)
class SplitState:
    """What is in one split; `counts` is None where it cannot be read, and `problem` says why."""

    split: str
    counts: Counts | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class KeptBackground:
    """A background that `remove` or `--recheck` left where it is, and why."""

    image: str
    reason: str


@dataclass(frozen=True, slots=True)
class StaleBackground:
    """A background that yolobg added and that does not meet today's classes or options, with the reason."""

    image: str
    source: str
    source_id: int
    reason: str


@dataclass(frozen=True, slots=True)
class Unchecked:
    """Backgrounds that may no longer qualify: how many, from which source, and why that is not known.

    `classes` are the dataset's when they were chosen, `added` those that are new.
    """

    count: int
    source: str
    classes: tuple[str, ...]
    added: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Stale:
    """Backgrounds of the split that no longer qualify, since a class was added or something else was ruled out.

    Attributes:
        images: Those that are there.
        unchecked: Those of which it is not known.
        replaced: Those that `--recheck` took out, or would in a dry run; others have taken their places.
        kept: Those that `--recheck` left, since a person has labelled or changed them.
    """

    images: tuple[StaleBackground, ...] = ()
    unchecked: tuple[Unchecked, ...] = ()
    replaced: tuple[str, ...] = ()
    kept: tuple[KeptBackground, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """What `augment` found, decided and did; `--json` prints exactly this.

    In a dry run `added` is empty and nothing was written; `planned` then lists the images that the run would take, in
    its order, and `failed` those before them whose file is not there or begins like no image. `status` gives the same
    shape: there `before` and `after` are both what is in the split now, and `added` holds the backgrounds that yolobg
    added in earlier runs.

    Attributes:
        mined: How a model helped to choose, only with `hard`.
        proposed: How many images were staged to be looked at before they come in.
        parts: Each split's part, only from `download` with `val`; the rest of the report is then about all of them.
        files: Every image of the split, only from `status` when asked for.
        stale: The backgrounds that were added earlier and no longer qualify.
        problems: The corrupt label files of the split, as far as the command looked at them.
        interrupted: Whether an earlier run was cut off; the next `augment` or `remove` finishes it.
        page: The page to look at: `.yolobg/report.html`, where this run wrote one or an earlier one lies there; in a
            dry run that of the plan, where it was asked for.
        splits: Every split of the data.yaml, only from `status` when asked for.
        trimmed: The backgrounds of ours that `--trim` took out, or would in a dry run; only where it was asked for.
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
    page: str | None = None
    mined: Mined | None = None
    parts: tuple[SplitPart, ...] = ()
    files: tuple[FileEntry, ...] | None = None
    stale: Stale = Stale()
    planned: tuple[Planned, ...] = ()
    trimmed: tuple[str, ...] | None = None
    splits: tuple[SplitState, ...] = ()
    proposed: int = 0
    schema: int = SCHEMA

    def __repr__(self) -> str:
        return one_line("Report", "dry run" if self.dry_run else "", *self.figures())

    def figures(self) -> tuple[str, ...]:
        """What a run did or would do, and what the split then is, each in a few words."""
        status = self.target.ratio is None and self.target.count is None and not self.dry_run
        did = f"would add={self.target.needed:,}" if self.dry_run else f"added={len(self.added):,}"
        there = f"{self.before.backgrounds:,} -> " if self.dry_run else ""
        every = self.after.labelled + self.after.backgrounds
        return (
            "" if status else did,
            f"backgrounds={there}{self.after.backgrounds:,} of {every:,} {self.dataset.split} images",
            f"{self.after.ratio * 100:.1f} %",
            f"added by yolobg={self.after.ours:,}" if status else "",
            f"corrupt={self.after.corrupt:,}" if self.after.corrupt else "",
            f"failed={len(self.failed):,}" if self.failed else "",
            f"removed={out:,}" if (out := len(self.trimmed or self.stale.replaced)) else "",
            f"warnings={len(self.warnings):,}" if self.warnings else "",
        )

    def _repr_html_(self) -> str | None:
        """The figures, the bar, the classes and some pictures, for a notebook; no address is opened."""
        from yolobg.html.notebook import render_result  # noqa: PLC0415 - for notebooks alone

        root = Path(self.dataset.root)
        images: list[tuple[str, str | Path]] = [(one.image, root / one.image) for one in self.added]
        images += [(f"{one.source_id}: {one.why}", one.url) for one in self.planned]
        return render_result(
            "report_notebook.html",
            line=in_words("Dry run" if self.dry_run else "", *self.figures()),
            warnings=self.warnings,
            classes=self.classes,
            images=images,
            images_in_all=len(images),
            before=self.before,
            after=self.after,
            now="then" if self.dry_run else "now",
            page=self.page,
        )


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that `doctor` looked at; `remedy` says what to do where it is not `ok`."""

    about: str
    ok: bool
    text: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Health:
    """What `doctor` found; `ok` where every finding is."""

    ok: bool
    checks: tuple[Check, ...]
    schema: int = SCHEMA


@dataclass(frozen=True, slots=True)
class RemovedDataYaml:
    """The data.yaml that `augment --to` wrote, and why `remove` left it where it is; no reason where it went."""

    path: str
    kept: str = ""


@dataclass(frozen=True, slots=True)
class RemoveReport:
    """What `remove` took back. `gone` were missing already; a dry run only tells what would be done.

    `others` tells of each other data.yaml of this root how many backgrounds were added for it, which stay. `data_yaml`
    is there only if `augment --to` wrote that file and all splits were asked for. `proposed` counts the images dropped
    that waited for a review.
    """

    dry_run: bool
    root: str
    removed: tuple[str, ...]
    gone: tuple[str, ...]
    kept: tuple[KeptBackground, ...]
    others: dict[str, int] = field(default_factory=dict)
    data_yaml: RemovedDataYaml | None = None
    proposed: int = 0
    schema: int = SCHEMA

    def __repr__(self) -> str:
        return one_line("RemoveReport", "dry run" if self.dry_run else "", *self._figures())

    def _figures(self) -> tuple[str, ...]:
        parts = {"gone before": len(self.gone), "kept": len(self.kept), "of other data.yaml": sum(self.others.values())}
        verb = "would remove" if self.dry_run else "removed"
        return (f"{verb}={len(self.removed):,}", *(f"{name}={number:,}" for name, number in parts.items() if number))

    def _repr_html_(self) -> str | None:
        """The figures and what was kept, for a notebook."""
        from yolobg.html.notebook import render_result  # noqa: PLC0415 - for notebooks alone

        line = in_words("Dry run" if self.dry_run else "", *self._figures())
        return render_result("remove_notebook.html", line=line, warnings=(), kept=self.kept)


@dataclass(frozen=True, slots=True)
class ClassesReport:
    """What `classes` found: each name's match, and what all of them together leave of the source.

    `source` is None where the cache folder cannot be written. `classes` is empty where the source has no
    names for its classes, so that any object rules an image out.
    """

    classes: tuple[ClassMatch, ...]
    excluded: tuple[str, ...]
    source: SourceInfo | None
    warnings: tuple[str, ...] = ()
    schema: int = SCHEMA

    def __repr__(self) -> str:
        return one_line("ClassesReport", *self._figures())

    def _figures(self) -> tuple[str, ...]:
        open_ = sum(match.status in ("opaque", "unknown") for match in self.classes)
        source = self.source
        return (
            f"classes={len(self.classes):,}",
            f"unresolved={open_:,}" if open_ else "",
            f"excluded={counted(len(self.excluded), 'category')}",
            f"eligible={source.eligible:,} of {source.images:,} images of {source.name}" if source else "",
            f"warnings={len(self.warnings):,}" if self.warnings else "",
        )

    def _repr_html_(self) -> str | None:
        """The table of classes, for a notebook."""
        from yolobg.html.notebook import render_result  # noqa: PLC0415 - for notebooks alone

        return render_result(
            "classes_notebook.html",
            line=in_words(*self._figures()),
            warnings=self.warnings,
            classes=self.classes,
        )


def to_builtins(
    report: Report | RemoveReport | ClassesReport | ConvertReport | Evaluation | Health | MiningReport,
) -> dict[str, Any]:
    """A report as `--json` prints it: plain lists and dicts, `schema` first, keys as in the contract."""
    built: dict[str, Any] = msgspec.to_builtins(report)
    if isinstance(report, Report):
        # These are shown on request only.
        shown = {
            "parts": bool(report.parts),
            "files": report.files is not None,
            "mined": report.mined is not None,
            "planned": report.dry_run,
            "trimmed": report.trimmed is not None,
            "splits": bool(report.splits),
            "proposed": report.proposed > 0,
        }
        for name in (name for name, wanted in shown.items() if not wanted):
            del built[name]
        if report.dataset.original is None:
            del built["dataset"]["original"]
    if isinstance(report, RemoveReport) and report.data_yaml is None:
        del built["data_yaml"]
    if "predict_on" in built and built["predict_on"] is None:
        del built["predict_on"]
    source = built.get("source")
    if isinstance(source, dict) and "left_out" in source:
        # `class` is no name for a Python attribute.
        source["left_out"] = {"class": source["left_out"].pop("class_"), **source["left_out"]}
    return {"schema": built.pop("schema"), **built}
