"""Our matching is COCO's, flag by flag, and our AP is COCO's, on generated images."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
import pytest
from evaluating import generated
from numpy.typing import NDArray
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from yolobg.evaluation import coco_ap as adapter
from yolobg.evaluation.bootstrap import ones
from yolobg.evaluation.curves import make_run
from yolobg.evaluation.matching import match
from yolobg.evaluation.truth import Truth
from yolobg.scoring.detections import Detections

IMAGES = 10_000
CLASSES = 3


@pytest.fixture(scope="module")
def made() -> tuple[Truth, Detections]:
    return generated(IMAGES, classes=CLASSES)


def coco_eval(truth: Truth, found: Detections) -> COCOeval:
    """The original tool on the same objects and detections, through its own loader."""
    objects, results = COCO(), COCO()
    images = [{"id": place, "width": 100, "height": 100} for place in range(len(truth.images))]
    categories = [{"id": number, "name": str(number)} for number in range(CLASSES)]
    for side, rows in ((objects, truth), (results, found)):
        listed = [
            {"id": at + 1, "image_id": int(i), "category_id": int(c), "bbox": b.tolist(), "area": float(b[2] * b[3]),
             "iscrowd": 0}
            for at, (i, c, b) in enumerate(zip(rows.image, rows.category, rows.box, strict=True))
        ]  # fmt: skip
        side.dataset = {"images": images, "categories": categories, "annotations": listed}
        if rows is found:
            for record, score in zip(listed, found.score.tolist(), strict=True):
                record["score"] = score
        side.createIndex()
    tool = COCOeval(objects, results, iouType="bbox")
    tool.params.areaRng, tool.params.areaRngLbl, tool.params.maxDets = [[0, 1e10]], ["all"], [100]
    tool.evaluate()
    return tool


@pytest.fixture(scope="module")
def authority(made: tuple[Truth, Detections]) -> COCOeval:
    return coco_eval(*made)


def flags_of(tool: COCOeval, detections: int) -> NDArray[np.bool_]:
    """`dtMatches` at IoU 0.5 by detection."""
    flags = np.zeros(detections, dtype=np.bool_)
    seen = 0
    for image in filter(None, tool.evalImgs):
        for number, matched in zip(image["dtIds"], image["dtMatches"][0], strict=True):
            flags[number - 1] = matched > 0
            seen += 1
    assert seen == detections
    return flags


def test_match__equals_dt_matches_of_pycocotools(made: tuple[Truth, Detections], authority: COCOeval) -> None:
    truth, found = made
    ours, theirs = match(truth, found), flags_of(authority, len(found.image))
    assert len(found.image) > 50_000
    assert 0.1 < theirs.mean() < 0.9
    assert np.array_equal(ours, theirs)


def test_material__has_ties_and_overlaps_of_exactly_one_half(made: tuple[Truth, Detections]) -> None:
    """The cases in which two rules that differ would show it."""
    truth, found = made
    exact = match(truth, found) != match(truth, found, iou=0.5 + 1e-9)
    assert exact.sum() > 50
    same = (np.diff(found.image) == 0) & (np.diff(found.category) == 0) & (np.diff(found.score) == 0)
    assert same.sum() > 50


@pytest.mark.parametrize("tool", ["pycocotools", "faster-coco-eval"])
def test_ap__equals_that_of_pycocotools(
    made: tuple[Truth, Detections], authority: COCOeval, tool: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    if tool == "faster-coco-eval" and importlib.util.find_spec("faster_coco_eval") is None:
        pytest.skip("faster-coco-eval is not installed")
    truth, found = made
    authority.accumulate()
    precision: Any = authority.eval["precision"]
    capsys.readouterr()
    monkeypatch.setattr(adapter, "coco_tool", lambda: tool)
    assert adapter.coco_ap(truth, found) == pytest.approx((precision[0].mean(), precision.mean()), abs=1e-9)
    assert capsys.readouterr().out == "", "a library prints nothing"


def test_ap50_of_a_run__is_that_of_pycocotools(made: tuple[Truth, Detections]) -> None:
    """The bootstrap computes it on weighted samples; on the sample as it is, both must agree."""
    truth, found = made
    run = make_run(truth, found, backgrounds=1, classes=CLASSES)
    assert run.ap50(ones(run)[0])[0] == pytest.approx(adapter.coco_ap(truth, found)[0], abs=1e-9)


def test_ap50_of_a_run__in_a_resample_is_that_of_the_images_drawn() -> None:
    truth, found = generated(40, classes=CLASSES, seed=3)
    run = make_run(truth, found, backgrounds=1, classes=CLASSES)
    random = np.random.default_rng(1)
    for _ in range(20):
        drawn = random.integers(0, 40, 40)
        weights = np.bincount(drawn, minlength=40)[None, :].astype(np.int64)
        assert run.ap50(weights)[0] == pytest.approx(adapter.coco_ap(*copied(truth, found, drawn))[0], abs=1e-9)


def copied(truth: Truth, found: Detections, drawn: NDArray[np.int64]) -> tuple[Truth, Detections]:
    """The images that were drawn, as images of their own."""
    rows = [(at, np.flatnonzero(truth.image == image)) for at, image in enumerate(sorted(drawn))]
    hits = [(at, np.flatnonzero(found.image == image)) for at, image in enumerate(sorted(drawn))]
    objects, detections = np.concatenate([r for _, r in rows]), np.concatenate([r for _, r in hits])
    places = np.concatenate([np.full(len(r), at) for at, r in rows])
    homes = np.concatenate([np.full(len(r), at) for at, r in hits])
    return (
        Truth(truth.images, truth.sizes, places, truth.category[objects], truth.box[objects]),
        Detections(homes, found.category[detections], found.box[detections], found.score[detections]),
    )
