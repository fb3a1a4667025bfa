"""What every comparison gives back, and how it is shown."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Row", "format_table", "run_part"]


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison of one run.

    Attributes:
        what: What was done.
        ours: Our figure with its unit.
        peer: The peer's name and figure.
        ratio: How many times better ours is (1.0 is level).
        target: What was to be reached, or None.
        note: Anything a reader must know to judge it.
    """

    what: str
    ours: str
    peer: str
    ratio: float
    target: float | None
    note: str = ""


def format_table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table."""
    lines = ["| what | ours | peer | ratio | at least | note |", "| --- | --- | --- | ---: | ---: | --- |"]
    for row in rows:
        target = "" if row.target is None else f"{row.target:g} {'✓' if row.ratio >= row.target else '✗'}"
        lines.append(f"| {row.what} | {row.ours} | {row.peer} | {row.ratio:.2f} | {target} | {row.note} |")
    return "\n".join(lines)


def run_part(name: str) -> list[Row]:
    """The rows of `bench_NAME`; lies here because a process that is spawned does not import `__main__`."""
    rows: list[Row] = importlib.import_module(f"benchmarks.bench_{name}").run()
    return rows
