"""The options of a dataset's next run as a table: their values, and where each comes from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rich.table import Table

from yolobg.cli.text import LONGEST_PATH, clean

__all__ = ["settings_text"]


def settings_text(values: Iterable[tuple[str, Any, Path | None]]) -> Table:
    """A row for each option.

    Args:
        values: Name, value, and the settings file that has it; None for a default.
    """
    table = Table(title="Options of the next run", title_justify="left", title_style="bold", box=None)
    for name in ("option", "value", "from"):
        table.add_column(name, overflow="fold")
    for name, value, file in values:
        table.add_row(name, _shown(value), clean(file, LONGEST_PATH) if file else "default")
    return table


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{clean(name)}={clean(','.join(held) or 'none')}" for name, held in value.items()) or "–"
    if isinstance(value, tuple):
        return ", ".join(clean(one, LONGEST_PATH) for one in value) or "–"
    return "–" if value is None else clean(value, LONGEST_PATH)
