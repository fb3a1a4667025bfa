"""Progress bars on a terminal, nothing in a pipe."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from yolobg.model import Progress as ProgressFunction
from yolobg.model import no_progress

if TYPE_CHECKING:
    from rich.console import Console

    from yolobg.flow.options import Options, SourceOptions

__all__ = ["BYTE_STAGES", "bars", "fetch_notes"]

# Stages that count bytes; all others count things.
MEGABYTES_FROM = 100_000
BYTE_STAGES = frozenset({"archive", "annotations"})


class _Amount(ProgressColumn):
    """Done, total and rate, in bytes or in pieces as the stage counts."""

    def render(self, task: Task) -> Text:
        in_bytes = task.description in BYTE_STAGES
        rate = f"  {_number(task.speed, in_bytes=in_bytes)}/s" if task.speed else ""
        total = f" of {_number(task.total, in_bytes=in_bytes)}" if task.total is not None else ""
        return Text(f"{_number(task.completed, in_bytes=in_bytes)}{total}{rate}", style="progress.download")


def _number(value: float, *, in_bytes: bool) -> str:
    if not in_bytes:
        return f"{value:,.0f}"
    return f"{value / 1e6:,.1f} MB" if value >= MEGABYTES_FROM else f"{value / 1e3:,.0f} kB"


@contextlib.contextmanager
def bars(
    console: Console, *, wanted: bool = True, notes: Mapping[str, str] | None = None
) -> Iterator[ProgressFunction]:
    """Yield a progress function that draws one bar for each stage; it draws nothing where nobody can see it.

    Args:
        console: Where to draw.
        wanted: Whether to draw at all.
        notes: Stage to a line that is shown above its bar.
    """
    if not (wanted and console.is_terminal):
        yield no_progress
        return
    columns = (TextColumn("{task.description:>12}"), BarColumn(bar_width=24), _Amount(), TimeRemainingColumn())
    progress = Progress(*columns, console=console, transient=True)
    try:
        progress.start()
    except RuntimeError:
        # Bars are redrawn by a thread, and this machine starts no more of them.
        progress.stop()
        yield no_progress
        return
    with progress:
        tasks: dict[str, object] = {}

        def told(stage: str, done: int, total: int | None, /) -> None:
            if stage not in tasks:
                if notes and stage in notes:
                    progress.console.print(notes[stage], highlight=False)
                tasks[stage] = progress.add_task(stage, total=total)
            progress.update(tasks[stage], completed=done, total=total)  # type: ignore[arg-type]  # rich's TaskID is an int

        yield told


def fetch_notes(options: Options | SourceOptions) -> Mapping[str, str]:
    """What to say beside the bar while the annotations of COCO are fetched: that it goes without them."""
    from yolobg.sources.location import COCO2017

    own = options.get("annotations") is not None or options.get("source", COCO2017.name) != COCO2017.name
    if own or options.get("fast") or options.get("license", "any").strip().lower() != "any":
        return {}
    return {"annotations": "Fetching COCO's annotations, once (165 MB). --fast starts at once without them."}
