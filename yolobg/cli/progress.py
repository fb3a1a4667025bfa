"""Progress bars on a terminal, nothing in a pipe."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from yolobg.model import Progress as ProgressFunction
from yolobg.model import no_progress
from yolobg.wording import amount

if TYPE_CHECKING:
    from rich.console import Console

    from yolobg.flow.options import Options, SourceOptions

__all__ = ["bars", "fetch_notes"]


class _Amount(ProgressColumn):
    """Done, total and rate, in bytes or in pieces as the stage counts."""

    def render(self, task: Task) -> Text:
        stage = task.description
        rate = f"  {amount(task.speed, stage)}/s" if task.speed else ""
        total = f" of {amount(task.total, stage)}" if task.total is not None else ""
        return Text(f"{amount(task.completed, stage)}{total}{rate}", style="progress.download")


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
    """What to say beside the bar while the annotations of a named source are fetched: its cost, and the way without."""
    from yolobg.sources.location import COCO2017, OPEN_IMAGES_NAMES

    if options.get("annotations") is None and options.get("source") in OPEN_IMAGES_NAMES:
        from yolobg.sources.open_images import PARTS, lists_mb

        part = PARTS[options["source"]]
        return {"annotations": f"Fetching the lists of {part.name}, once ({lists_mb(part)})."}
    own = options.get("annotations") is not None or options.get("source", COCO2017.name) != COCO2017.name
    if own or options.get("fast") or options.get("license", "any").strip().lower() != "any":
        return {}
    return {"annotations": "Fetching COCO's annotations, once (165 MB). --fast starts at once without them."}
