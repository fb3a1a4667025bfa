"""What `evaluate` answers: the frozen dataclasses whose field names are the keys of its `--json`, schema 1."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from yolobg.model import SCHEMA, ClassMatch, Contamination

__all__ = [
    "AtConfidence",
    "BackgroundSet",
    "ByCategory",
    "CategoryRow",
    "Change",
    "Curve",
    "Difference",
    "EqualRecall",
    "Estimate",
    "Evaluation",
    "FoundBox",
    "ModelFigures",
    "ModelRun",
    "PairTest",
    "Power",
    "Share",
    "Verdict",
    "WorstImage",
]

Verdict = Literal["shown", "not_shown", "single_runs", "one_side"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A difference with its 95 % interval from the paired bootstrap; shares, so 0.05 is five points."""

    point: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class AtConfidence:
    """What happens at one confidence setting: on the backgrounds, and on the split.

    Attributes:
        false_alarm_rate: Share of the backgrounds with a detection of at least this confidence.
        low: Lower end of its 95 % interval (Wilson).
        high: Upper end.
        false_alarms: How many backgrounds that are; the mean where there are several runs.
        backgrounds: Of how many.
        false_positives_per_image: Detections on backgrounds, per background.
        recall: Share of the split's objects that are found.
        precision: Share of the detections on the split's labelled images that find an object; None without one.
    """

    false_alarm_rate: float
    low: float
    high: float
    false_alarms: float
    backgrounds: int
    false_positives_per_image: float
    recall: float
    precision: float | None


@dataclass(frozen=True, slots=True)
class ModelRun:
    """One model file of a side, with its own figures; keys as in `ModelFigures`."""

    name: str
    file: str
    sha256: str
    recall_at_false_alarm_rate: dict[str, float]
    mean_recall_at_false_alarm_rate: float | None
    at_confidence: dict[str, AtConfidence]
    ap50: float
    ap50_95: float


@dataclass(frozen=True, slots=True)
class ModelFigures:
    """The figures of one side: means over its runs.

    Attributes:
        name: What to call it.
        side: Which side it is.
        runs: How many model files (seeds) it has.
        recall_at_false_alarm_rate: Image false-alarm rate to the recall at the lowest threshold that keeps to it.
        mean_recall_at_false_alarm_rate: The mean of these; None with too few backgrounds.
        at_confidence: Confidence to what happens there.
        ap50: COCO's AP at IoU 0.5 on the labelled images of the split.
        ap50_95: COCO's AP from IoU 0.5 to 0.95.
        false_alarm_rate_at_recall: Image false-alarm rate at the recall in `EqualRecall`.
        each: The figures of each run.
    """

    name: str
    side: Literal["before", "after"]
    runs: int
    recall_at_false_alarm_rate: dict[str, float]
    mean_recall_at_false_alarm_rate: float | None
    at_confidence: dict[str, AtConfidence]
    ap50: float
    ap50_95: float
    false_alarm_rate_at_recall: float
    each: tuple[ModelRun, ...]


@dataclass(frozen=True, slots=True)
class EqualRecall:
    """The recall at which false-alarm rates are compared: the lowest at confidence 0.25, less five points.

    `enough_objects` is false where the split has so few objects that the threshold is mostly chance. `difference` is
    after minus before; None without a second side.
    """

    recall: float
    enough_objects: bool
    difference: Estimate | None


@dataclass(frozen=True, slots=True)
class Difference:
    """After minus before. `mean_recall_at_false_alarm_rate` is None with too few backgrounds."""

    mean_recall_at_false_alarm_rate: Estimate | None
    ap50: Estimate


@dataclass(frozen=True, slots=True)
class PairTest:
    """One run before and one after on the same backgrounds at one confidence: McNemar's exact test.

    `only_before` and `only_after` count the backgrounds that only one of them flags; `p` is two-sided.
    """

    before: str
    after: str
    confidence: float
    only_before: int
    only_after: int
    p: float


@dataclass(frozen=True, slots=True)
class Curve:
    """Recall against image false-alarm rate, mean over the runs of a side, with the 95 % band."""

    side: Literal["before", "after"]
    false_alarm_rate: tuple[float, ...]
    recall: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class FoundBox:
    """A detection on a background: a false alarm.

    Attributes:
        side: Which side found it.
        run: The name of the run.
        category: The name of the class.
        score: Its confidence.
        box: Left, top, width and height in pixels of the image as its EXIF tag turns it.
    """

    side: Literal["before", "after"]
    run: str
    category: str
    score: float
    box: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class WorstImage:
    """A background that fires.

    Attributes:
        image: Its path.
        before: The highest score on it of the side before, mean over the runs.
        after: The same of the side after; None without one.
        size: Width and height in pixels, as its EXIF tag turns it; None if it is not on this machine.
        boxes: Of each run the detection with the highest score, and others from the lowest of the fixed confidences on,
            six a run at most.
    """

    image: str
    before: float
    after: float | None
    size: tuple[int, int] | None
    boxes: tuple[FoundBox, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """A share (0-1) before and after."""

    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Power:
    """The smallest changes that a comparison at one confidence setting would see; known before it is made.

    Attributes:
        backgrounds: With how many backgrounds.
        objects: With how many objects in the labelled images.
        share: In what share of the cases they would be seen.
        falls: Of the image false-alarm rate, from several rates; a rate from which even a fall to zero could be missed
            is not among them.
        rises: Of recall, in the same way.
    """

    backgrounds: int
    objects: int
    share: float
    falls: tuple[Change, ...]
    rises: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Share:
    """A share (0-1) with its 95 % interval (Wilson)."""

    rate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class CategoryRow:
    """The false-alarm rate on the backgrounds that contain something.

    Attributes:
        category: A category of the source, or one of COCO's supercategories.
        kind: Which of them.
        images: How many backgrounds contain it.
        before: The rate of the side before, mean over its runs.
        after: The rate of the side after; None without one.
    """

    category: str
    kind: Literal["category", "supercategory"]
    images: int
    before: Share
    after: Share | None


@dataclass(frozen=True, slots=True)
class ByCategory:
    """Image false-alarm rates by what the source says is in the images, at one confidence.

    Supercategories come first, then categories, each with the highest rate of the side before on top. What fewer than
    `fewest` backgrounds contain has no row.
    """

    confidence: float
    fewest: int
    rows: tuple[CategoryRow, ...]


@dataclass(frozen=True, slots=True)
class BackgroundSet:
    """The held-out backgrounds.

    Attributes:
        source: Where they come from.
        images: How many.
        found: Of how many.
        left_out: Reason to number of images that were left out.
        classes: What each class name of the dataset excludes there; empty for a folder or list.
    """

    source: str
    images: int
    found: int
    left_out: dict[str, int]
    classes: tuple[ClassMatch, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What `evaluate` measured; `--json` prints exactly this.

    Attributes:
        dry_run: Whether nothing was measured; then `predict_on` lists the images, and the figures are missing.
        data_yaml: The dataset.
        split: The split whose labelled images give recall and AP.
        images: How many labelled images it has.
        objects: How many objects.
        backgrounds: The held-out backgrounds.
        floor: Expected share of the backgrounds that show one of the dataset's classes after all, from human re-checks
            of COCO: a false-alarm rate below it means nothing. None where there is no figure, as for a folder.
        power: What so many backgrounds and objects can show.
        models: The figures of each side.
        difference: After minus before; None without a second side.
        verdict: What may be said; None in a dry run.
        words: The sentence for that; empty for one side.
        equal_recall: The comparison at equal recall; None in a dry run.
        pair_tests: Exact tests at fixed confidences, where both sides have as many runs.
        by_category: False-alarm rates by what the source says is in the backgrounds; None where it says nothing.
        curves: A curve a side.
        worst: Of each side, the twelve backgrounds with the highest scores, sorted by the higher one.
        differ: The twelve backgrounds on which the sides differ most; empty without a second side.
        settings: Seed, draws and intersection over union.
        versions: What computed it, and what ran the models.
        command: The command line that gives this evaluation, in words.
        warnings: For a person to read.
        predict_on: The images to predict on; in a dry run only.
        page: The page to look at, where one was written.
    """

    dry_run: bool
    data_yaml: str
    split: str
    images: int
    objects: int
    backgrounds: BackgroundSet
    floor: Contamination | None
    power: Power
    models: tuple[ModelFigures, ...] = ()
    difference: Difference | None = None
    verdict: Verdict | None = None
    words: str = ""
    equal_recall: EqualRecall | None = None
    pair_tests: tuple[PairTest, ...] = ()
    by_category: ByCategory | None = None
    curves: tuple[Curve, ...] = ()
    worst: tuple[WorstImage, ...] = ()
    differ: tuple[WorstImage, ...] = ()
    settings: dict[str, float]
    versions: dict[str, str]
    command: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    predict_on: tuple[str, ...] | None = None
    page: str | None = field(default=None, compare=False)
    schema: int = SCHEMA

    def __repr__(self) -> str:
        return f"<Evaluation of {self.data_yaml}: {self._in_short()}>"

    def _in_short(self) -> str:
        if self.predict_on is not None:
            return f"dry run, {len(self.predict_on):,} images to predict on"
        mean = self.models[0].mean_recall_at_false_alarm_rate
        if self.words or mean is None:
            return self.words or "too few backgrounds for recall at equal false-alarm rates"
        return f"mean recall at equal false-alarm rates {mean:.1%}"

    def _repr_html_(self) -> str | None:
        """The table and the curve, for a notebook."""
        from yolobg.html.chart import recall_chart  # noqa: PLC0415 - for notebooks alone
        from yolobg.html.notebook import render_result  # noqa: PLC0415 - as above

        return render_result("evaluation_notebook.html", found=self, chart=recall_chart)
