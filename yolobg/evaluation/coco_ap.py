"""AP by the field's own tool: faster-coco-eval where it is installed (Ultralytics calls it), else pycocotools."""

from __future__ import annotations

from importlib.util import find_spec
from types import FunctionType
from typing import Any

import numpy as np

from yolobg.evaluation.truth import Truth
from yolobg.scoring.detections import Detections

__all__ = ["coco_ap", "coco_tool"]

_ALL_AREAS = [[0, 1e5**2]]


def coco_tool() -> str:
    """The name of the package whose COCOeval is used."""
    return "faster-coco-eval" if find_spec("faster_coco_eval") else "pycocotools"


def coco_ap(truth: Truth, found: Detections) -> tuple[float, float]:
    """AP at IoU 0.5, and its mean over 0.5 to 0.95, on the labelled images, by `COCOeval` with its own settings.

    Args:
        truth: The labelled images.
        found: What the model found; detections in images beyond `truth.images` are left out.
    """
    images = [
        {"id": place + 1, "width": width, "height": height, "file_name": str(place)}
        for place, (width, height) in enumerate(truth.sizes)
    ]
    categories = [{"id": int(number), "name": str(number)} for number in np.unique(truth.category)]
    objects = _records(truth.image, truth.category, truth.box)
    rows = np.flatnonzero((found.image < len(images)) & np.isin(found.category, np.unique(truth.category)))
    results = _records(found.image[rows], found.category[rows], found.box[rows])
    for record, score in zip(results, found.score[rows].tolist(), strict=True):
        record["score"] = score
    precision = _precision([{"images": images, "categories": categories, "annotations": a} for a in (objects, results)])
    # Axes: IoU, recall, class, area, number of detections; -1 where a class has no object.
    most = precision[..., 0, -1]
    return float(_mean(most[0])), float(_mean(most))


def _mean(values: Any) -> float:
    counted = values[values > -1]
    return float(counted.mean()) if counted.size else 0.0


def _records(image: Any, category: Any, box: Any) -> list[dict[str, Any]]:
    """Annotations as COCO has them; ids begin at 1, since COCOeval takes a match with 0 for none."""
    return [
        {"id": at + 1, "image_id": i + 1, "category_id": c, "bbox": b, "area": b[2] * b[3], "iscrowd": 0}
        for at, (i, c, b) in enumerate(zip(image.tolist(), category.tolist(), box.tolist(), strict=True))
    ]


def _precision(sides: list[dict[str, Any]]) -> Any:
    """`eval["precision"]` for the objects and the results."""
    if coco_tool() == "faster-coco-eval":
        from faster_coco_eval import COCO  # noqa: PLC0415 - where it is installed
        from faster_coco_eval import COCOeval_faster as COCOeval  # noqa: PLC0415 - as above

        quiet = _as_it_is
    else:
        from pycocotools.coco import COCO  # noqa: PLC0415 - only where the other is not
        from pycocotools.cocoeval import COCOeval  # noqa: PLC0415 - as above

        quiet = _quiet
    made = [COCO(), COCO()]
    for side, dataset in zip(made, sides, strict=True):
        side.dataset = dataset
        quiet(COCO.createIndex)(side)
    tool = COCOeval(*made, iouType="bbox")
    tool.params.areaRng, tool.params.areaRngLbl = _ALL_AREAS, ["all"]
    quiet(COCOeval.evaluate)(tool)
    quiet(COCOeval.accumulate)(tool)
    return tool.eval["precision"]


def _as_it_is(function: Any) -> Any:
    return function


def _quiet(function: Any) -> Any:
    """The same function without its prints; to turn away the process's standard output would affect other threads."""
    namespace = {**function.__globals__, "print": _ignore}
    return FunctionType(function.__code__, namespace, function.__name__, function.__defaults__)


def _ignore(*_: object, **__: object) -> None:
    return None
