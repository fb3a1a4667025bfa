"""`yolobg classes`."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from yolobg.cli.options import PATH, json_option, names_of, request_options
from yolobg.cli.output import command, show, stderr_console
from yolobg.errors import UsageError
from yolobg.flow.options import SourceOptions

__all__ = ["classes"]

# The rest of a source's options says how images come in, which means nothing here.
_OPTIONS = SourceOptions.__annotations__.keys() - {"link", "seed", "jobs", "prefer", "unmapped"}


@command(example="yolobg classes --names pedestrian,cars,no_helmet")
@click.argument("data_yaml", metavar="[DATA_YAML]", type=PATH, required=False)
@click.option("--names", metavar="A,B,C", help="Class names instead of a dataset.")
@request_options(only=_OPTIONS)
@click.option("--all", "all_", is_flag=True, help="Show categories' own names in the table too.")
@click.option("--save", metavar="FILE", type=PATH, help="Write the answers as an editable --map-file.")
@json_option
def classes(
    data_yaml: Path | None, *, names: str | None, options: SourceOptions, all_: bool, save: Path | None, json_: bool
) -> None:
    """Show what each class name excludes, and why.

    Categories' own names are listed in one line; the table has what you should check.

    DATA_YAML is the data.yaml, or the folder that holds one, whose class names are shown.
    """
    from yolobg.api import classes as look
    from yolobg.cli.progress import bars
    from yolobg.cli.text import classes_text
    from yolobg.matching.map_file import save_map

    if (data_yaml is None) == (names is None):
        raise UsageError("give either DATA_YAML or --names a,b,c")
    with bars(stderr_console()) as progress:
        report = look(data_yaml, names=None if names is None else names_of([names]), progress=progress, **options)
    if save is not None:
        save_map(report.classes, save)
    show(report, partial(classes_text, everything=all_), json_=json_)
