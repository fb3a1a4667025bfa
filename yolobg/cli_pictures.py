"""Pictures for a terminal: the ratio as a bar, a path as a link; readable without colour and in a narrow window."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console, ConsoleOptions, RenderableType
from rich.style import Style
from rich.text import Text

from yolobg.model import Counts

__all__ = ["RatioBar", "linked_path"]

MOST_CELLS = 60
PIECES = (("labelled", "░", "."), ("backgrounds there before", "▒", "o"), ("added by yolobg", "█", "#"))


@dataclass(frozen=True, slots=True)
class RatioBar:
    """The images of a split as one bar; the pieces differ by their sign, not by colour alone."""

    counts: Counts

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        """Draw it as wide as the window allows, in ASCII where the terminal has no more."""
        counts = self.counts
        numbers = (counts.labelled, counts.backgrounds - counts.ours, counts.ours)
        if not sum(numbers):
            return
        signs = [piece[2 if options.ascii_only else 1] for piece in PIECES]
        cells = _cells(numbers, min(options.max_width, MOST_CELLS))
        styles = ("dim", "yellow", "green")
        yield Text.assemble(*((sign * n, style) for sign, n, style in zip(signs, cells, styles, strict=True)))
        words = [f"{sign} {name}" for sign, (name, _, _), n in zip(signs, PIECES, numbers, strict=True) if n]
        yield Text("  ".join(words))


def _cells(numbers: tuple[int, ...], width: int) -> list[int]:
    """Share out the cells of a bar by largest remainders; what is there gets one cell at least."""
    total = sum(numbers)
    exact = [width * number / total for number in numbers]
    cells = [max(int(share), 1) if number else 0 for share, number in zip(exact, numbers, strict=True)]
    order = sorted(range(len(numbers)), key=lambda place: exact[place] - cells[place], reverse=True)
    for place in order:
        if sum(cells) < width and numbers[place]:
            cells[place] += 1
    while sum(cells) > width:
        cells[cells.index(max(cells))] -= 1
    return cells


def linked_path(text: Text, path: str) -> Text:
    """The text as a link to a file, where the terminal can; the text itself stays as it is."""
    try:
        address = Path(path).absolute().as_uri()
    except ValueError:
        return text
    text.stylize(Style(link=address))
    return text
