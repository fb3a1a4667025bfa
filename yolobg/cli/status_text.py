"""What `status` shows: the split, all splits, and what is to know of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from yolobg.cli.text import LONGEST_PATH, SHOWN_PROBLEMS, RatioBar, both_readings, clean, warning_lines, whole
from yolobg.results import Report, SplitState
from yolobg.wording import counted, percent

__all__ = ["status_text"]


def status_text(report: Report) -> RenderableType:
    """What is in a split."""
    counts = report.after
    table = Table(title=f"Split {clean(report.dataset.split)}", title_justify="left", title_style="bold", box=None)
    table.add_column("")
    table.add_column("images", justify="right")
    rows = [
        ("all", counts.images),
        ("labelled", counts.labelled),
        ("backgrounds", counts.backgrounds),
        ("  without a label file", counts.missing),
        ("  with an empty one", counts.empty),
        ("  added by yolobg", counts.ours),
        ("corrupt labels (not trained on)", counts.corrupt),
    ]
    for name, number in rows:
        table.add_row(name, f"{number:,}")
    told = Text(both_readings(counts), style="bold")
    return Group(
        *warning_lines(report.warnings), table, told, RatioBar(counts), *_splits(report.splits), *_status_notes(report)
    )


def _status_notes(report: Report) -> Iterator[RenderableType]:
    for problem in report.problems[:SHOWN_PROBLEMS]:
        line = f":{problem.line}" if problem.line is not None else ""
        yield Text(f"! {clean(problem.label)}{line}: {clean(problem.reason)}", style="yellow")
    more = len(report.problems) - SHOWN_PROBLEMS
    if more > 0:
        yield Text(f"! and {counted(more, 'more corrupt label')} (--json lists all)", style="yellow")
    if report.dataset.original:
        yield whole(f"Made from {clean(report.dataset.original, LONGEST_PATH)}, which is left as it is")
    if report.interrupted:
        yield Text("! An earlier run was interrupted; the next augment or remove finishes it.", style="yellow")
    if report.files is not None:
        for file in report.files:
            yield whole(f"{file.state:8} {clean(file.image, LONGEST_PATH)} -> {clean(file.label, LONGEST_PATH)}")


def _splits(states: Sequence[SplitState]) -> Iterator[RenderableType]:
    """All splits in one table, where there are several."""
    if len(states) < 2:  # noqa: PLR2004
        return
    table = Table(title="All splits", title_justify="left", title_style="bold", box=None)
    for name in ("split", "images", "labelled", "backgrounds", "added by yolobg", "corrupt", "share"):
        table.add_column(name, justify="left" if name == "split" else "right")
    for state in states:
        if (counts := state.counts) is None:
            table.add_row(clean(state.split), "–")
            continue
        numbers = (counts.images, counts.labelled, counts.backgrounds, counts.ours, counts.corrupt)
        table.add_row(clean(state.split), *(f"{number:,}" for number in numbers), percent(counts.ratio))
    yield table
    yield from warning_lines([state.problem for state in states if state.problem])
