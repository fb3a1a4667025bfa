"""The table of what each class excludes, or a list of it where the window is too narrow for a table."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from yolobg.wording import NAME_JOINTS

__all__ = ["ClassRow", "ClassTexts"]

# As on the pages, and at blanks.
_JOINTS = re.compile(rf"(?<=\s)(?=\S)|{NAME_JOINTS}")
_LEAST = 72
"""Columns that the table needs to be read with ease."""

ClassRow = tuple[str, str, str, str, str, str]
"""Class (empty where it is that of the row above), excludes, relation, confidence, images and why."""


class ClassTexts:
    """Texts that are fit for a terminal, in rows."""

    def __init__(self, rows: Sequence[ClassRow]) -> None:
        self._rows = rows

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        """A table, or in a narrow window a list."""
        if options.max_width >= _LEAST:
            yield self._table()
            return
        yield Text("Classes", style="bold")
        for name, excludes, relation, confidence, images, why in self._rows:
            said = f"{excludes}: {relation} {confidence}, {images} images" if images else f"{excludes} ({relation})"
            for indent, text in ((1, _Name(name) if name else None), (3, Text(said)), (5, Text(why) if why else None)):
                if text is not None:
                    yield Padding(text, (0, 0, 0, indent), expand=False)

    def _table(self) -> Table:
        table = Table(title="Classes", title_justify="left", title_style="bold", box=None)
        for name in ("class", "excludes", "relation", "conf.", "images", "why"):
            table.add_column(name, justify="right" if name in ("conf.", "images") else "left", overflow="fold")
        for row in self._rows:
            table.add_row(_Name(row[0]), *row[1:])
        return table


class _Name:
    """A name that is broken between its words; a word that is too wide is folded."""

    def __init__(self, name: str) -> None:
        self._words = _JOINTS.split(name)

    def __rich_measure__(self, _console: Console, options: ConsoleOptions) -> Measurement:
        """Between its widest word and all of it, in cells."""
        cells = [cell_len(word) for word in self._words]
        return Measurement(max(cells), sum(cells)).with_maximum(options.max_width)

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        """As many words a line as fit."""
        lines = [""]
        for word in self._words:
            if lines[-1] and cell_len((lines[-1] + word).rstrip()) > options.max_width:
                lines.append("")
            lines[-1] += word
        yield Text("\n".join(line.rstrip() for line in lines), overflow="fold")
