"""`evaluate` as a whole: options → images → detections → figures → what may be said."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from yolobg.dataset.dataset import Dataset, open_dataset
from yolobg.errors import AnnotationsError
from yolobg.evaluation.backgrounds import Backgrounds, hold_out
from yolobg.evaluation.bootstrap import Draws
from yolobg.evaluation.by_category import by_category
from yolobg.evaluation.coco_ap import coco_tool
from yolobg.evaluation.figures import Side, SideName, compare
from yolobg.evaluation.matching import IOU
from yolobg.evaluation.options import EvaluateOptions, command_line
from yolobg.evaluation.power import power_to_show
from yolobg.evaluation.truth import Truth, read_truth
from yolobg.evaluation.verdict import judge, words
from yolobg.evaluation.worst import WorstImages
from yolobg.evaluation_results import Evaluation
from yolobg.model import Progress, no_progress
from yolobg.report.evaluation_write import check_output, with_page
from yolobg.scoring.detections import Scored
from yolobg.scoring.models import MODEL_SUFFIXES, score_images
from yolobg.scoring.predictions import ImageIndex, read_predictions
from yolobg.sources.cache_folder import SCORES, cache_folder
from yolobg.version import __version__

__all__ = ["evaluate_models"]


def evaluate_models(data_yaml: str | Path, options: EvaluateOptions, *, progress: Progress = no_progress) -> Evaluation:
    """Measure one side, or two and their difference.

    Args:
        data_yaml: The dataset's data.yaml, or a folder that holds one.
        options: What is asked for.
        progress: Called with how far each stage is.

    Raises:
        YolobgError: The dataset, the backgrounds or the predictions cannot be used.
    """
    if options.output is not None:
        check_output(options.output)
    dataset = open_dataset(data_yaml)
    truth = read_truth(dataset.data, options.split, progress=progress)
    held = hold_out(dataset, options.backgrounds or "", count=options.images, seed=options.seed, progress=progress)
    if options.dry_run:
        return _without_figures(dataset, options, truth, held)
    scored_by = partial(_scored, dataset=dataset, options=options, truth=truth, held=held, progress=progress)
    sides = [
        Side.of(
            name,
            [scored_by(file) for file in files],
            truth,
            backgrounds=len(held.images),
            classes=len(dataset.data.names),
        )
        for name, files in _given(options)
        if files
    ]
    found = _evaluation(dataset, options, truth, held, sides, progress)
    return with_page(found, dataset.root, options.output, progress=progress) if options.report else found


def _given(options: EvaluateOptions) -> list[tuple[SideName, tuple[Path, ...]]]:
    return [("before", options.before), ("after", options.after)]


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
    found = compare(sides, truth, held.images, conf=options.conf, draws=draws, progress=progress)
    recall = found.difference.mean_recall_at_false_alarm_rate if found.difference else None
    ap50 = found.difference.ap50 if found.difference else None
    verdict = judge(recall, ap50, before=len(options.before), after=len(options.after))
    worst = WorstImages(sides, held.images, dataset.data.names, first=len(truth.images), confidence=min(options.conf))
    return Evaluation(
        dry_run=False,
        data_yaml=str(dataset.data.file),
        split=options.split,
        images=len(truth.images),
        objects=len(truth.image),
        backgrounds=held.info,
        floor=held.floor,
        power=power_to_show(len(held.images), len(truth.image)),
        models=found.models,
        difference=found.difference,
        verdict=verdict,
        words=words(verdict, recall, ap50),
        equal_recall=found.equal_recall,
        pair_tests=found.pair_tests,
        by_category=by_category(sides, held.contents, options.conf[0]) if held.contents else None,
        curves=found.curves,
        worst=worst.worst(),
        differ=worst.differ(),
        settings=_settings(options),
        versions=_versions(),
        command=command_line(dataset.data.file, options),
        warnings=_warnings(truth, held, sides),
    )


def _settings(options: EvaluateOptions) -> dict[str, float]:
    return {"seed": options.seed, "bootstrap": options.bootstrap, "iou": IOU}


def _versions() -> dict[str, str]:
    from importlib.metadata import version  # noqa: PLC0415 - slow to import, and for this alone

    return {
        "yolobg": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        coco_tool(): version(coco_tool()),
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
        models=(),
        difference=None,
        verdict=None,
        words="",
        equal_recall=None,
        pair_tests=(),
        by_category=None,
        curves=(),
        worst=(),
        differ=(),
        settings=_settings(options),
        versions=_versions(),
        command=command_line(dataset.data.file, options),
        warnings=(*truth.warnings, *held.warnings),
        predict_on=(*truth.images, *held.images),
    )
