"""What a person reads of the images that a run would take."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from yolobg.cli.text import augment_text, clean, linked_path, quoted, whole
from yolobg.results import Report

__all__ = ["planned_text", "saved_text"]

SHOWN = 5


def planned_text(report: Report, *, by_model: bool = False) -> RenderableType:
    """What a run would do, with the first images that it would take and how to see all of them.

    Args:
        report: Of the dry run.
        by_model: Whether a model chooses the images, so that which they are is not known yet.
    """
    return Group(augment_text(report), *_planned_parts(report, by_model=by_model))


def _planned_parts(report: Report, *, by_model: bool) -> Iterator[RenderableType]:
    planned = report.planned
    if by_model and report.target.needed:
        yield whole(
            "Which     your model chooses while the run goes on; without --yes you look at them before they come in"
        )
    if not planned:
        return
    table = Table(title="Would take, in this order", title_justify="left", title_style="bold", box=None)
    table.add_column("image", overflow="fold")
    table.add_column("licence", justify="right")
    table.add_column("why")
    for one in planned[:SHOWN]:
        table.add_row(clean(one.url), "–" if one.license is None else str(one.license), clean(one.why))
    yield table
    if len(planned) > SHOWN:
        yield Text(f" and {len(planned) - SHOWN:,} more")
    if report.page:
        yield whole("Look at   ").append(linked_path(Text(clean(report.page, 4096)), report.page))
    else:
        yield Text("Look at   add --report for a page that shows them, before anything is added")
    # A plan can only be saved for a data.yaml that is there.
    if report.dataset.original is None or Path(report.dataset.data_yaml).is_file():
        yield whole(
            f"See all   yolobg plan {quoted(report.dataset.data_yaml)} --save plan.json (with the same options)"
        )


def saved_text(place: str) -> RenderableType:
    """Where the plan is, and what to do with it."""
    return whole(
        f"Plan      {clean(place, 4096)}\nEdit it   take out the lines of images that you do not want\n"
        f"Do it     yolobg augment --plan {quoted(place)}"
    )
