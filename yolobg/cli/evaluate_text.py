"""What a person reads of an evaluation: the table, the sentence, and the notes before them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from yolobg.cli.text import clean, page_line
from yolobg.evaluation_results import AtConfidence, Estimate, Evaluation, ModelFigures, Power
from yolobg.wording import counted, p_value, percent

__all__ = ["evaluation_notes", "evaluation_text", "power_text"]

COCO_VAL2017 = "coco-val2017"
COCO_IMAGE_MB = 0.163
"""Mean size of an image of val2017."""


def evaluation_notes(found: Evaluation) -> RenderableType:
    """What was measured on, and what to know about it."""
    held = found.backgrounds
    left_out = ", ".join(f"{number:,} {reason.replace('_', ' ')}" for reason, number in held.left_out.items() if number)
    return Group(
        *(Text(f"Warning: {clean(warning)}", style="yellow") for warning in found.warnings),
        Text(
            f"Split        {clean(found.split)}: {counted(found.images, 'labelled image')}, "
            f"{counted(found.objects, 'object')}"
        ),
        Text(
            f"Backgrounds  {clean(held.source)}: {held.images:,} of {held.found:,} images"
            + (f" (left out: {left_out})" if left_out else "")
        ),
        *_floor(found),
        *_better_set(found),
    )


def plan_text(source: str, images: int, *, dry_run: bool) -> RenderableType:
    """What is about to be fetched, or would be."""
    size = f" (about {images * COCO_IMAGE_MB:,.0f} MB)" if source == COCO_VAL2017 else ""
    what = f"{counted(images, 'image')} of {clean(source)}{size}"
    if dry_run:
        return Text(f"To fetch     {what}: --fetch fetches them and lists the images again")
    return Text(f"Fetching     {what}; Ctrl-C keeps what was fetched")


def _better_set(found: Evaluation) -> Iterator[RenderableType]:
    if found.backgrounds.source == COCO_VAL2017:
        yield Text("             Images from where the model will work are a better set: --backgrounds DIR")


def power_text(power: Power) -> RenderableType:
    """What so many images can show: the smallest changes that would be seen."""
    title = Text(
        f"What {counted(power.backgrounds, 'background')} and {counted(power.objects, 'object')} can show, in "
        f"{power.share * 100:.0f} of 100 cases at one confidence:"
    )
    rows = [
        ("false alarms fall from", "to", power.falls),
        ("recall rises from", "to", power.rises),
    ]
    table = Table(box=None, pad_edge=False, show_header=False)
    for first, second, changes in rows:
        if changes:
            table.add_row(first, *(percent(change.before) for change in changes))
            table.add_row(Text(second, justify="right"), *(percent(change.after) for change in changes))
    return Group(title, table if table.rows else Text("  no change, there are too few"))


def _floor(found: Evaluation) -> Iterator[RenderableType]:
    if found.floor:
        yield Text(
            f"Floor        {percent(found.floor.point)} [{percent(found.floor.low)}, {percent(found.floor.high)}] of "
            "them may show one of your classes after all: a false-alarm rate below that means nothing"
        )


def evaluation_text(found: Evaluation) -> RenderableType:
    """The figures of both sides, their difference, and what may be said."""
    return Group(*_parts(found))


def _parts(found: Evaluation) -> Iterator[RenderableType]:
    yield _headline(found)
    yield _beside(found)
    for confidence in found.models[0].at_confidence:
        yield Text(f"At confidence {confidence}: at this setting only", style="bold")
        yield _at_confidence(found, confidence)
        yield from _pair_tests(found, confidence)
    yield from _by_category(found)
    yield Text("In brackets: 95 % intervals.")
    if found.words:
        yield Text(found.words, style="bold")
    if found.page:
        yield page_line(found.page)


def _table(found: Evaluation, title: str, *, difference: bool) -> Table:
    # The title stands in the head, where it widens the first column instead of being folded.
    table = Table(box=None, pad_edge=False)
    table.add_column(Text(title), justify="left")
    for model in found.models:
        runs = "" if model.runs == 1 else f" ({model.runs} runs)"
        table.add_column(Text(f"{model.side}{runs}"), justify="right", no_wrap=True)
    if difference and found.difference:
        table.add_column("difference, points", justify="right", no_wrap=True)
    return table


def _headline(found: Evaluation) -> RenderableType:
    first = found.models[0]
    if first.mean_recall_at_false_alarm_rate is None:
        return Text("Too few backgrounds for recall at equal false-alarm rates; at least 25 are needed.")
    table = _table(found, "Recall at equal image false-alarm rates", difference=True)
    for rate in first.recall_at_false_alarm_rate:
        values = [percent(model.recall_at_false_alarm_rate[rate]) for model in found.models]
        table.add_row(f"{float(rate):.0%} of backgrounds flagged", *values)
    means = [percent(model.mean_recall_at_false_alarm_rate or 0) for model in found.models]
    change = found.difference and found.difference.mean_recall_at_false_alarm_rate
    table.add_row("mean", *means, *([_points(change)] if change else []), style="bold")
    return table


def _beside(found: Evaluation) -> RenderableType:
    table = _table(found, "At equal recall, and AP", difference=True)
    equal = found.equal_recall
    if equal is not None:
        few = "" if equal.enough_objects else ", few objects"
        rates = [percent(model.false_alarm_rate_at_recall) for model in found.models]
        change = [_points(equal.difference)] if equal.difference else []
        table.add_row(f"false alarms at recall {percent(equal.recall)}{few}", *rates, *change)
    ap50 = [_points(found.difference.ap50)] if found.difference else []
    table.add_row("AP50", *(percent(model.ap50) for model in found.models), *ap50)
    table.add_row("AP50-95", *(percent(model.ap50_95) for model in found.models))
    return table


def _at_confidence(found: Evaluation, confidence: str) -> RenderableType:
    table = _table(found, "", difference=False)
    rows: list[tuple[str, Callable[[AtConfidence], str]]] = [
        ("backgrounds flagged", lambda at: f"{at.false_alarms:.1f}".removesuffix(".0") + f" of {at.backgrounds:,}"),
        ("false-alarm rate", lambda at: f"{percent(at.false_alarm_rate)} [{percent(at.low)}, {percent(at.high)}]"),
        ("detections per background", lambda at: f"{at.false_positives_per_image:.3f}"),
        ("recall", lambda at: percent(at.recall)),
        ("precision", lambda at: "–" if at.precision is None else percent(at.precision)),
    ]
    for name, shown in rows:
        table.add_row(name, *(shown(_of(model, confidence)) for model in found.models))
    return table


def _pair_tests(found: Evaluation, confidence: str) -> Iterator[RenderableType]:
    for test in found.pair_tests:
        if f"{test.confidence:g}" == confidence:
            yield Text(
                f"Flagged by {clean(test.before, 40)} only: {test.only_before}, by {clean(test.after, 40)} only: "
                f"{test.only_after} (McNemar's exact test: p = {p_value(test.p)})"
            )


def _by_category(found: Evaluation) -> Iterator[RenderableType]:
    content = found.by_category
    if content is None or not content.rows:
        return
    table = Table(box=None, pad_edge=False)
    table.add_column(
        Text(f"False-alarm rate at confidence {content.confidence:g}, by what the source says is in the image")
    )
    table.add_column("images", justify="right", no_wrap=True)
    for model in found.models:
        table.add_column(model.side, justify="right", no_wrap=True)
    for row in content.rows:
        shares = [share for share in (row.before, row.after) if share]
        name = f"{clean(row.category)} (all)" if row.kind == "supercategory" else f"  {clean(row.category)}"
        table.add_row(name, f"{row.images:,}", *(percent(share.rate) for share in shares))
    yield table


def _of(model: ModelFigures, confidence: str) -> AtConfidence:
    return model.at_confidence[confidence]


def _points(change: Estimate) -> str:
    return f"{change.point * 100:+.1f} [{change.low * 100:+.1f}, {change.high * 100:+.1f}]"
