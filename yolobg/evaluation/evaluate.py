"""`yolobg.evaluate` with its arguments; what needs the extra is imported when it is called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yolobg.calls import public
from yolobg.flow.held_out_options import HeldOutOptions
from yolobg.flow.option_texts import describe_options
from yolobg.model import Progress, no_progress
from yolobg.scoring.extra import check_extra

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from yolobg.evaluation.run import EvaluationPlan
    from yolobg.evaluation_results import Evaluation, Power

__all__ = ["evaluate", "plan_evaluation"]


@describe_options(only=HeldOutOptions.__annotations__)
@public
def evaluate(
    data_yaml: str | Path,
    *,
    before: str | Path | Sequence[str | Path] = (),
    after: str | Path | Sequence[str | Path] = (),
    backgrounds: str | Path = "coco-val2017",
    images_dir: str | Path | Sequence[str | Path] = (),
    split: str = "val",
    images: int = 1000,
    seed: int = 0,
    conf: Sequence[float] = (0.25, 0.5),
    bootstrap: int = 2000,
    categories: int | None = None,
    imgsz: int | None = None,
    device: str = "auto",
    batch: int = 8,
    dry_run: bool = False,
    report: bool = True,
    output: str | Path | None = None,
    fetch: bool = False,
    progress: Progress = no_progress,
    **options: Unpack[HeldOutOptions],
) -> Evaluation:
    """Measure what backgrounds changed: recall at equal image false-alarm rates, with an interval, and AP beside it.

    Needs the extra `evaluate` (numpy, pycocotools). Changes nothing in the dataset but for the page; the cache keeps
    the held-out images and what models found. Promises that no image of any split, of the manifest or of the rejected
    ones is among the backgrounds, none of COCO train2017 if they come from COCO, and the same figures for the same
    files and seed.

    Args:
        data_yaml: The dataset's data.yaml, or a folder that holds one.
        before: The model without the added backgrounds: .pt (run by your own Ultralytics), .onnx (extra `onnx`), or its
            predictions in COCO's results format (.json). Several are training runs (seeds) of it.
        after: The model with them, in the same way; nothing for the figures of one side.
        backgrounds: Held-out images without objects: `coco-val2017` or `openimages-val`, fetched when first needed; a
            folder, best with images from where the model will work; or a .json list.
        images_dir: Folders or addresses of the images of `coco-val2017` or of `annotations`.
        split: The split whose labelled images give recall and AP.
        images: How many of the backgrounds to use at most.
        seed: Which of the backgrounds, and which draws.
        conf: Confidences for the figures at fixed settings.
        bootstrap: How many draws the intervals rest on.
        categories: The number of the first class in the predictions, 0 or 1; None settles it by the numbers there.
        imgsz: Side in pixels to resize images to for a model; None for the model's own.
        device: What a model is run on: `auto`, `cpu` or what Ultralytics calls a device.
        batch: After how many images the scores are stored, so that an interrupted run goes on there.
        dry_run: Only list the images to predict on, in `predict_on`; no image is fetched.
        fetch: Only fetch the backgrounds and list the images to predict on.
        report: Whether to write a page, `.yolobg/evaluate/<time>.html` below the dataset's root. If that cannot be
            written, a warning says so.
        output: Another folder for the page; it is made if it is not there.
        progress: Called with how far each stage is; by default a bar in a notebook, and nothing elsewhere.
        **options: The options.

    Returns:
        The figures; the names of the fields are the keys of `--json`. In a notebook they show as a table and a curve.

    Raises:
        YolobgError: The extra is missing, or the dataset, the backgrounds or a model cannot be used.
    """
    return plan_evaluation(
        data_yaml, before=before, after=after, backgrounds=backgrounds, images_dir=images_dir, split=split,
        images=images, seed=seed, conf=conf, bootstrap=bootstrap, categories=categories, imgsz=imgsz, device=device,
        batch=batch, dry_run=dry_run, fetch=fetch, report=report, output=output, progress=progress, **options,
    ).measure(progress=progress)  # fmt: skip


def plan_evaluation(
    data_yaml: str | Path,
    *,
    before_asking: Callable[[Power], None] | None = None,
    progress: Progress = no_progress,
    **arguments: Any,
) -> EvaluationPlan:
    """Find out what `evaluate` would measure on, with its arguments; fetches no image.

    `before_asking` is told what as many backgrounds as asked for can show, before anything is fetched of a source.
    """
    check_extra()
    from yolobg.evaluation.options import options_of  # noqa: PLC0415 - needs numpy
    from yolobg.evaluation.run import plan_evaluation as make  # noqa: PLC0415 - needs numpy

    return make(data_yaml, options_of(**arguments), before_asking=before_asking, progress=progress)
