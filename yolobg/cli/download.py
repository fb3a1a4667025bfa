"""`yolobg download`: backgrounds in a folder of their own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from yolobg.cli.options import PATH, dry_run_option, json_option, names_of, quiet_option, request_options
from yolobg.cli.output import command, show, stderr_console
from yolobg.flow.options import SourceOptions

if TYPE_CHECKING:
    from rich.console import RenderableType

    from yolobg.results import Report

__all__ = ["download", "download_text"]


@command(example="yolobg download --exclude person,car --count 1000 --output backgrounds")
@click.option(
    "--exclude",
    metavar="CLASS[,CLASS]",
    multiple=True,
    required=True,
    help="A class that no image may contain. Repeatable.",
)
@click.option("--count", metavar="N", type=int, required=True, help="Number of images in the folder afterwards.")
@click.option(
    "--output", "-o", metavar="DIR", type=PATH, required=True, help="A new folder, or that of an earlier download."
)
@click.option(
    "--val", metavar="SHARE", default="0", show_default=True,
    help="Share (0-1) that goes to images/val; 0 for one flat folder.",
)  # fmt: skip
@request_options(only=SourceOptions.__annotations__)
@dry_run_option
@json_option
@quiet_option
def download(
    *,
    exclude: tuple[str, ...],
    count: int,
    output: Path,
    val: str,
    options: SourceOptions,
    dry_run: bool,
    json_: bool,
    quiet: bool,
) -> None:
    """Put background images and blank labels into a folder."""
    from yolobg.api import download as fetch
    from yolobg.cli.progress import bars, fetch_notes

    with bars(stderr_console(), wanted=not quiet, notes=fetch_notes(options)) as progress:
        report = fetch(
            output, exclude=names_of(exclude), count=count, val=val, dry_run=dry_run, progress=progress, **options
        )
    show(report, download_text, json_=json_, quiet=quiet)


def download_text(report: Report) -> RenderableType:
    """What `download` does, for a person: as `augment`, and the part of each split where there are two."""
    from rich.console import Group
    from rich.table import Table

    from yolobg.cli.text import augment_text, clean

    if not report.parts:
        return augment_text(report)
    table = Table(title="Splits", title_justify="left", title_style="bold", box=None)
    for heading in ("", "before", "to add" if report.dry_run else "added", "would be" if report.dry_run else "after"):
        table.add_column(heading, justify="right" if heading else "left")
    table.add_column("folder", overflow="fold")
    for part in report.parts:
        counts = (f"{number:,}" for number in (part.before, part.needed, part.after))
        table.add_row(clean(part.split), *counts, clean(part.images_dir, 4096))
    return Group(augment_text(report), table)
