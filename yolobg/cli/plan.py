"""`yolobg plan`: what a run would take, as a file that can be edited and carried out later."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from yolobg.cli.augment import looked_at
from yolobg.cli.options import (
    PATH,
    data_yaml_argument,
    json_option,
    quiet_option,
    request_options,
    yes_option,
)
from yolobg.cli.output import command, print_result, show, stderr_console
from yolobg.errors import UsageError

if TYPE_CHECKING:
    from yolobg.flow.options import Options

__all__ = ["plan"]


@command(example="yolobg plan data.yaml --save plan.json")
@data_yaml_argument
@request_options(without={"recheck"})
@click.option("--save", metavar="FILE", type=PATH, help="Write the plan as JSON, for `yolobg augment --plan FILE`.")
@click.option(
    "--report", "preview", is_flag=True, help="Fetch the first images and write a page of them; nothing is added."
)
@yes_option
@json_option
@quiet_option
def plan(
    data_yaml: Path,
    *,
    options: Options,
    save: Path | None,
    preview: bool,
    yes: bool,
    json_: bool,
    quiet: bool,
) -> None:
    """Show which images augment would add, and save them as a plan to edit and carry out.

    In the plan, a line of `images` is an image. Take out the lines of those that you do not want: the others are added.

    DATA_YAML is the dataset's data.yaml, or a folder that holds one.
    """
    from yolobg.cli.plan_text import planned_text, saved_text
    from yolobg.cli.questions import plan_with_answers

    if save is not None and os.path.lexists(save):
        raise UsageError(f"--save {save}: exists already; yolobg replaces no file, so choose another name")
    may_ask = not (yes or json_ or quiet)
    decided = plan_with_answers(data_yaml, options, console=stderr_console(), may_ask=may_ask, quiet=quiet)
    if save is not None:
        decided.save(save)
    show(looked_at(decided, preview=preview, quiet=quiet), planned_text, json_=json_, quiet=quiet)
    if save is not None and not (json_ or quiet):
        print_result(saved_text(str(save)))
