"""An evaluation as a page: a pure function from its figures to HTML that needs no network."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from yolobg.evaluation_results import Estimate, Evaluation, FoundBox, WorstImage
from yolobg.html.chart import difference_bar, recall_chart
from yolobg.html.pages import render_page
from yolobg.html.thumbnails import Picture

__all__ = ["evaluation_html"]

_IN_GRID = 12
_WHY_LEFT_OUT = {
    "labelled": "have objects: in their label file, or in the list",
    "with_an_excluded_class": "contain a category that one of your classes excludes",
    "named_in_a_caption": "have a caption that names one of your classes",
    "ruled_out_by_evidence": "contain one of your classes by further annotations",
    "not_verified": "are not verified to be without your classes",
    "unusable": "have a record that cannot be used",
    "in_dataset": "are or were in the dataset: in one of its splits, added by yolobg, or rejected in a review",
    "in_train2017": "are in COCO train2017, from which backgrounds are added",
    "unreadable": "cannot be read as images",
    "repeated": "have the content of another one",
    "not_fetched": "could not be fetched",
}


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of the table of differences; shares, `better` says in which direction."""

    name: str
    better: str
    before: float
    after: float
    change: Estimate | None


@dataclass(frozen=True, slots=True)
class _Grid:
    """Images to look at, under a title; `side` is whose boxes they show, empty for both."""

    title: str
    note: str
    side: str
    images: Sequence[WorstImage]


def evaluation_html(found: Evaluation, pictures: Mapping[str, Picture | None], *, written: str) -> str:
    """The page of an evaluation, whole.

    Args:
        found: What was measured.
        pictures: Image to its small picture; None where there is none to show.
        written: When, as a text.
    """
    rows = _differences(found)
    changes = [row.change for row in rows if row.change is not None]
    return render_page(
        "evaluation.html",
        "tokens.css",
        "report.css",
        "evaluation.css",
        found=found,
        name=Path(found.data_yaml).resolve().parent.name or found.data_yaml,
        data_yaml=str(Path(found.data_yaml).absolute()),
        written=written,
        chart=recall_chart(found.curves, found.models),
        rows=rows,
        scale=max((abs(end) for change in changes for end in (change.low, change.high)), default=0.0) or 0.01,
        difference_bar=difference_bar,
        grids=_grids(found),
        pictures=pictures,
        boxes=_boxes,
        confidence=_confidence(found),
        said=_said,
        file_of=_file_of,
        described=lambda image, side: _described(found, image, side),
        left_out=[
            (_WHY_LEFT_OUT.get(key, key.replace("_", " ")), number)
            for key, number in found.backgrounds.left_out.items()
            if number
        ],
        further=found.backgrounds.found - found.backgrounds.images - sum(found.backgrounds.left_out.values()),
        command=subprocess.list2cmdline(found.command) if os.name == "nt" else shlex.join(found.command),
    )


def _differences(found: Evaluation) -> list[_Row]:
    """What changed, each with whether more or less of it is better; nothing for one side."""
    if found.difference is None or found.equal_recall is None:
        return []
    before, after = found.models
    first, second = before.mean_recall_at_false_alarm_rate, after.mean_recall_at_false_alarm_rate
    rows = []
    if first is not None and second is not None:
        change = found.difference.mean_recall_at_false_alarm_rate
        rows.append(_Row("mean recall at equal false-alarm rates", "more is better", first, second, change))
    few = "" if found.equal_recall.enough_objects else "; few objects, so mostly chance"
    return [
        *rows,
        _Row(
            f"backgrounds flagged at recall {found.equal_recall.recall:.1%}",
            f"less is better{few}",
            before.false_alarm_rate_at_recall,
            after.false_alarm_rate_at_recall,
            found.equal_recall.difference,
        ),
        _Row("AP50", "more is better", before.ap50, after.ap50, found.difference.ap50),
        _Row("AP50-95", "more is better", before.ap50_95, after.ap50_95, None),
    ]


def _grids(found: Evaluation) -> list[_Grid]:
    two = len(found.models) > 1
    scores = "The score is the highest on the image"
    scores += ", mean over the runs." if any(model.runs > 1 for model in found.models) else "."
    before = sorted((one for one in found.worst if one.before > 0), key=lambda one: -one.before)
    grids = [_Grid(f"The worst images{', before' if two else ''}", scores, "before", before[:_IN_GRID])]
    if two:
        after = sorted((one for one in found.worst if one.after), key=lambda one: -(one.after or 0))
        note = f"Boxes of both sides; faint ones are below confidence {_confidence(found):g}."
        grids += [
            _Grid("The worst images, after", scores, "after", after[:_IN_GRID]),
            _Grid("Where the sides differ most", note, "", found.differ),
        ]
    return grids


def _confidence(found: Evaluation) -> float:
    return min(map(float, found.models[0].at_confidence))


def _boxes(image: WorstImage, side: str) -> list[tuple[FoundBox, tuple[float, float, float, float]]]:
    """The detections of a side, or of both, with what is inside the image of each; the strongest drawn last."""
    if image.size is None:
        return []
    width, height = image.size
    drawn = []
    for box in sorted(image.boxes, key=lambda box: box.score):
        left, top = max(box.box[0], 0.0), max(box.box[1], 0.0)
        right, bottom = min(box.box[0] + box.box[2], width), min(box.box[1] + box.box[3], height)
        if side in ("", box.side) and right > left and bottom > top:
            drawn.append((box, (round(left, 1), round(top, 1), round(right - left, 1), round(bottom - top, 1))))
    return drawn


def _file_of(image: WorstImage) -> str:
    return image.image.replace("\\", "/").split("/")[-1]


def _described(found: Evaluation, image: WorstImage, side: str) -> str:
    """What a picture's text is: its file, and what the side, or each, says of it."""
    sides = (model.side for model in found.models if side in ("", model.side))
    return "; ".join((_file_of(image), *(_said(image, one) for one in sides)))


def _said(image: WorstImage, side: str) -> str:
    """The score of a side, and what it takes the image for, the surest class first."""
    names = dict.fromkeys(box.category for box in sorted(image.boxes, key=lambda box: -box.score) if box.side == side)
    score = image.before if side == "before" else image.after
    return f"{side} {score or 0:.2f}: {', '.join(names)}" if names else f"{side}: nothing"
