"""`yolobg augment`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from yolobg.cli.options import (
    data_yaml_argument,
    dry_run_option,
    json_option,
    quiet_option,
    request_options,
    verbose_option,
    yes_option,
)
from yolobg.cli.output import command, log_everything, show, stderr_console

if TYPE_CHECKING:
    from yolobg.flow.options import Options
    from yolobg.results import Report

__all__ = ["augment"]


@command(example="yolobg augment data.yaml --ratio 0.1 --dry-run")
@data_yaml_argument
@request_options()
@dry_run_option
@yes_option
@json_option
@quiet_option
@verbose_option
def augment(
    data_yaml: Path, *, options: Options, dry_run: bool, yes: bool, json_: bool, quiet: bool, verbose: bool
) -> None:
    """Add background images up to a ratio or a count.

    DATA_YAML is the dataset's data.yaml, or a folder that holds one.
    """
    from yolobg.cli.text import augment_text

    log_everything(wanted=verbose)
    may_ask = not (yes or json_ or quiet)
    report = _augment(data_yaml, options, may_ask=may_ask, dry_run=dry_run, quiet=quiet)
    show(report, augment_text, json_=json_, quiet=quiet)


def _augment(data_yaml: Path, options: Options, *, may_ask: bool, dry_run: bool, quiet: bool) -> Report:
    from yolobg.api import carry_out
    from yolobg.cli.progress import bars
    from yolobg.cli.questions import plan_with_answers

    console = stderr_console()
    decided = plan_with_answers(data_yaml, options, console=console, may_ask=may_ask, quiet=quiet)
    if dry_run:
        return decided.report
    with bars(console, wanted=not quiet) as progress:
        return carry_out(decided, progress=progress)
