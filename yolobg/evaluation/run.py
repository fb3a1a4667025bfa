"""`evaluate` as a whole: options → images → detections → figures → what may be said."""

from __future__ import annotations

import contextlib
import platform
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from yolobg.dataset.dataset import Dataset, open_dataset
from yolobg.errors import AnnotationsError, UsageError
from yolobg.evaluation.backgrounds import FEW, NAMED, Backgrounds, bring, foreseen, hold_out
from yolobg.evaluation.bootstrap import Draws
from yolobg.evaluation.by_category import by_category
from yolobg.evaluation.coco_ap import coco_tool
from yolobg.evaluation.doubts import doubts
from yolobg.evaluation.figures import Side, SideName, compare_sides
from yolobg.evaluation.matching import IOU
from yolobg.evaluation.names import model_names
from yolobg.evaluation.options import EvaluateOptions, command_line
from yolobg.evaluation.power import power_to_show
from yolobg.evaluation.truth import Truth, read_truth
from yolobg.evaluation.verdict import verdict_of, verdict_words
from yolobg.evaluation.worst import WorstImages
from yolobg.evaluation_results import Evaluation, Power
from yolobg.files import hash_file
from yolobg.flow.held_out import HeldOut, choose_held_out
from yolobg.flow.held_out_images import not_here
from yolobg.flow.seen import Seen
from yolobg.model import ClassMatch, Progress, no_progress
from yolobg.report.evaluation_write import check_output, with_page
from yolobg.scoring.detections import Scored
from yolobg.scoring.models import MODEL_SUFFIXES, score_images
from yolobg.scoring.predictions import ImageIndex, read_predictions
from yolobg.sources.cache_folder import SCORES, cache_folder
from yolobg.version import __version__

__all__ = ["EvaluationPlan", "plan_evaluation"]


@dataclass(frozen=True)
class EvaluationPlan:
    """What an evaluation is about; nothing is fetched or scored yet.

    Attributes:
        dataset: The dataset.
        options: What is asked for.
        truth: The labelled images.
        seen: What the dataset has or had.
        held: Which images of a source may be used; None where the backgrounds are the user's own.
        backgrounds: The backgrounds; of a source, those that come first.
        to_fetch: How many of them are not on this machine yet.
    """

    dataset: Dataset
    options: EvaluateOptions
    truth: Truth
    seen: Seen
    held: HeldOut | None
    backgrounds: Backgrounds
    to_fetch: int

    @property
    def power(self) -> Power:
        """What the backgrounds and objects can show."""
        return power_to_show(len(self.backgrounds.images), len(self.truth.image))

    @property
    def matches(self) -> tuple[ClassMatch, ...]:
        """What each class name excludes in the source."""
        return self.held.judged.matches if self.held else ()

    def measure(self, *, progress: Progress = no_progress) -> Evaluation:
        """Measure one side, or two and their difference; fetches the backgrounds that are not here yet.

        Args:
            progress: Called with how far each stage is.

        Raises:
            YolobgError: The backgrounds cannot be fetched, or the predictions cannot be used.
        """
        dataset, options, truth, held = self.dataset, self.options, self.truth, self.backgrounds
        if self.held is not None and not options.dry_run:
            held = bring(self.held, self.seen, options.request, count=options.images, progress=progress)
        if not options.measures:
            return _without_figures(dataset, options, truth, held)
        names = model_names(file for _, files in _given(options) for file in files)
        scored_by = partial(_scored, dataset=dataset, options=options, truth=truth, held=held, progress=progress)
        sides = [
            Side.of(
                name,
                [replace(scored_by(file), name=names[file]) for file in files],
                truth,
                backgrounds=len(held.images),
                classes=len(dataset.data.names),
            )
            for name, files in _given(options)
            if files
        ]
        found = _evaluation(dataset, options, truth, held, sides, progress)
        return with_page(found, dataset.root, options.output, progress=progress) if options.report else found


def plan_evaluation(
    data_yaml: str | Path,
    options: EvaluateOptions,
    *,
    before_asking: Callable[[Power], None] | None = None,
    progress: Progress = no_progress,
) -> EvaluationPlan:
    """Find out what would be measured on; fetches no image.

    Args:
        data_yaml: The dataset's data.yaml, or a folder that holds one.
        options: What is asked for.
        before_asking: Told what as many backgrounds as asked for can show, before anything is fetched of a source.
        progress: Called with how far each stage is.

    Raises:
        YolobgError: The dataset or the backgrounds cannot be used, or a class name is not understood.
    """
    if options.output is not None:
        check_output(options.output)
    if options.measures:
        _check_runs(options)
    dataset = open_dataset(data_yaml)
    truth = read_truth(dataset.data, options.split, progress=progress)
    seen = Seen(dataset)
    count, request = options.images, options.request
    if not options.from_source:
        held_out = hold_out(seen, options.backgrounds, count=count, seed=options.seed, progress=progress)
        return EvaluationPlan(dataset, options, truth, seen, None, held_out, 0)
    if before_asking:
        before_asking(power_to_show(count, len(truth.image)))
    source = NAMED[str(options.backgrounds)]
    held = choose_held_out(dataset.data, request, seen, source=source, least=min(FEW, count), progress=progress)
    first = foreseen(held, seen, count=count)
    return EvaluationPlan(dataset, options, truth, seen, held, first, not_here(first.images))


def _given(options: EvaluateOptions) -> list[tuple[SideName, tuple[Path, ...]]]:
    return [("before", options.before), ("after", options.after)]


def _check_runs(options: EvaluateOptions) -> None:
    """Stop where a run is given twice on a side: it would count as a training run of its own."""
    for name, files in _given(options):
        found: dict[str, Path] = {}
        for file in files if len(files) > 1 else ():
            # What cannot be read is said where it is read.
            with contextlib.suppress(OSError):
                digest = hash_file(file)
                if digest in found:
                    raise UsageError(
                        f"--{name}: {found[digest]} and {file} have the same content; give each training run once"
                    )
                found[digest] = file


def _index(truth: Truth, held: Backgrounds) -> ImageIndex:
    first = len(truth.images)
    return ImageIndex([*truth.images, *held.images], {number: first + at for number, at in held.ids.items()})


def _scored(
    file: Path, *, dataset: Dataset, options: EvaluateOptions, truth: Truth, held: Backgrounds, progress: Progress
) -> Scored:
    names = dataset.data.names
    if file.suffix.lower() in MODEL_SUFFIXES:
        return score_images(
            file,
            [*truth.images, *held.images],
            names,
            cache=cache_folder() / SCORES,
            imgsz=options.imgsz,
            device=options.device,
            batch=options.batch,
            progress=progress,
        )
    scored = read_predictions(file, _index(truth, held), classes=len(names), categories=options.categories)
    if len(scored.detections.image) and int(scored.detections.image.min()) >= len(truth.images):
        raise AnnotationsError(
            f"{file}: none of its predictions is about an image of the split '{options.split}'; predict on the images "
            "that --dry-run lists"
        )
    return scored


def _warnings(truth: Truth, held: Backgrounds, sides: Sequence[Side]) -> tuple[str, ...]:
    found = [*truth.warnings, *held.warnings]
    for run in (run for side in sides for run in side.scored):
        found += run.warnings
        if not np.any(run.detections.image >= len(truth.images)):
            found.append(
                f"{run.file}: no prediction on any of the {len(held.images):,} backgrounds; was the model run on them? "
                "--dry-run lists the images to predict on"
            )
    return tuple(dict.fromkeys(found))


def _evaluation(
    dataset: Dataset,
    options: EvaluateOptions,
    truth: Truth,
    held: Backgrounds,
    sides: Sequence[Side],
    progress: Progress,
) -> Evaluation:
    draws = Draws(options.bootstrap, options.seed)
    found = compare_sides(sides, truth, held.images, conf=options.conf, draws=draws, progress=progress)
    recall = found.difference.mean_recall_at_false_alarm_rate if found.difference else None
    ap50 = found.difference.ap50 if found.difference else None
    doubted = doubts(sides)
    verdict = verdict_of(recall, ap50, before=len(options.before), after=len(options.after), doubts=doubted)
    worst = WorstImages(sides, held.images, dataset.data.names, first=len(truth.images), confidence=min(options.conf))
    return replace(
        _without_figures(dataset, options, truth, held),
        dry_run=False,
        models=found.models,
        difference=found.difference,
        verdict=verdict,
        words=verdict_words(verdict, recall, ap50, doubted),
        equal_recall=found.equal_recall,
        pair_tests=found.pair_tests,
        by_category=by_category(sides, held.contents, options.conf[0]) if held.contents else None,
        curves=found.curves,
        worst=worst.worst(),
        differ=worst.differ(),
        versions=_versions(run.run_by for side in sides for run in side.scored),
        warnings=_warnings(truth, held, sides),
        predict_on=None,
    )


def _versions(run_by: Iterable[tuple[str, str] | None] = ()) -> dict[str, str]:
    from importlib.metadata import version  # noqa: PLC0415 - slow to import, and for this alone

    return {
        "yolobg": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        coco_tool(): version(coco_tool()),
        **dict(filter(None, run_by)),
    }


def _without_figures(dataset: Dataset, options: EvaluateOptions, truth: Truth, held: Backgrounds) -> Evaluation:
    return Evaluation(
        dry_run=True,
        data_yaml=str(dataset.data.file),
        split=options.split,
        images=len(truth.images),
        objects=len(truth.image),
        backgrounds=held.info,
        floor=held.floor,
        power=power_to_show(len(held.images), len(truth.image)),
        settings={"seed": options.seed, "bootstrap": options.bootstrap, "iou": IOU},
        versions=_versions(),
        command=command_line(dataset.data.file, options),
        warnings=(*truth.warnings, *held.warnings),
        predict_on=(*truth.images, *held.images),
    )
