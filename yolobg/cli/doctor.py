"""`yolobg doctor`: what may be wrong on this machine, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from yolobg.cli.options import json_option
from yolobg.cli.output import command, show, stderr_console

if TYPE_CHECKING:
    from rich.console import RenderableType

    from yolobg.results import Health

__all__ = ["doctor"]


@command(example="yolobg doctor --offline")
@click.option("--offline", is_flag=True, help="Ask no hosts.")
@json_option
def doctor(*, offline: bool, json_: bool) -> None:
    """Check versions, the cache, the disk, Ultralytics and the hosts.

    Nothing is fetched or changed. The exit code is 1 where something is wrong.
    """
    from yolobg.doctor import examine

    console = stderr_console()
    health = examine(offline=offline, say=lambda line: console.print(line, soft_wrap=True))
    show(health, _text, json_=json_)
    if not health.ok:
        raise click.exceptions.Exit(1)


def _text(health: Health) -> RenderableType:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    from yolobg.cli.text import LONGEST_PATH, clean

    table = Table(box=None, show_header=False)
    table.add_column("")
    table.add_column("", no_wrap=True)
    table.add_column("", overflow="fold")
    for check in health.checks:
        table.add_row("ok" if check.ok else "!", check.about, clean(check.text, LONGEST_PATH))
        if check.remedy:
            table.add_row("", "", Text(f"→ {clean(check.remedy, LONGEST_PATH)}", style="yellow"))
    wrong = sum(not check.ok for check in health.checks)
    last = "Nothing is wrong." if health.ok else f"{wrong} {'check needs' if wrong == 1 else 'checks need'} attention."
    return Group(table, Text(last, style="bold"))
