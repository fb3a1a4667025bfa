"""`yolobg train`: top the dataset up, then hand over to Ultralytics' own command in this process."""

from __future__ import annotations

import contextlib
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from yolobg.cli.options import data_yaml_argument, quiet_option, request_options, yes_option
from yolobg.cli.output import command, show, stderr_console
from yolobg.cli.process import plain_signals
from yolobg.errors import UnresolvedClassError, UsageError, YolobgError

if TYPE_CHECKING:
    from yolobg.flow.options import Options

__all__ = ["train"]


@command(example="yolobg train data.yaml --ratio 0.1 -- model=yolo11n.pt epochs=100")
@data_yaml_argument
@click.argument("arguments", metavar="[-- ARGUMENTS]...", nargs=-1)
@request_options(without=("split", "to", "recheck", "report", "hard", "hard_share", "min_score", "pool", "scores"))
@click.option(
    "--on-error", type=click.Choice(("warn", "raise")), default="warn", show_default=True,
    help="If backgrounds can't be added: warn and train, or stop.",
)  # fmt: skip
@click.option(
    "--evict", is_flag=True, help="When training ends, remove every background that yolobg has added to train."
)
@yes_option
@quiet_option
def train(
    data_yaml: Path,
    arguments: tuple[str, ...],
    *,
    options: Options,
    on_error: Literal["warn", "raise"],
    evict: bool,
    yes: bool,
    quiet: bool,
) -> None:
    """Add background images, then train with Ultralytics.

    DATA_YAML is the dataset's data.yaml, or a folder that holds one. What follows -- is given to `yolo train`.
    """
    from yolobg.dataset.data_yaml import check_is_in, find_data_yaml

    _check(arguments)
    file = find_data_yaml(data_yaml.expanduser())
    check_is_in(data_yaml.expanduser(), file)
    try:
        _add(file, options, may_ask=not (yes or quiet), quiet=quiet)
    except (UsageError, UnresolvedClassError):
        raise
    except (YolobgError, OSError) as error:
        if on_error == "raise":
            raise
        click.echo(f"yolobg: warning: {error}\nyolobg: warning: training on the dataset as it is", err=True)
        _tell_stale(file)
    _hand_over(file, list(arguments), evict=evict, quiet=quiet)


def _tell_stale(file: Path) -> None:
    """Warn of earlier backgrounds that no longer qualify: they are trained on as well."""
    from yolobg.api import status
    from yolobg.cli.text import clean
    from yolobg.flow.stale import stale_warnings

    with contextlib.suppress(YolobgError, OSError):
        for line in stale_warnings(status(file).stale, file):
            click.echo(f"yolobg: warning: {clean(line)}", err=True)


def _check(arguments: Sequence[str]) -> None:
    """Refuse what must not be said twice, and an environment without Ultralytics, before anything is changed."""
    from importlib.util import find_spec

    if any(argument.lstrip("-").partition("=")[0] == "data" for argument in arguments):
        raise UsageError("data= is given twice: DATA_YAML is handed to Ultralytics; leave data= out after --")
    if find_spec("ultralytics") is None:
        raise UsageError("Ultralytics is not installed in this environment: pip install ultralytics")


def _add(file: Path, options: Options, *, may_ask: bool, quiet: bool) -> None:
    from yolobg.api import carry_out
    from yolobg.cli.progress import bars
    from yolobg.cli.questions import plan_with_answers
    from yolobg.cli.text import augment_text
    from yolobg.ultralytics.wait_for_lock import retry_while_locked

    console = stderr_console()
    decided = plan_with_answers(file, options, console=console, may_ask=may_ask, quiet=quiet)
    with bars(console, wanted=not quiet) as progress:
        report = retry_while_locked(
            lambda: carry_out(decided, progress=progress), lambda line: click.echo(f"yolobg: {line}", err=True)
        )
    show(report, augment_text, json_=False, quiet=quiet)


def _hand_over(file: Path, arguments: list[str], *, evict: bool, quiet: bool) -> None:
    """Become `yolo train`: its messages, its exit code; our backgrounds go when it ends, however that is."""
    # Ultralytics keeps sys.argv when it is imported. The dataset comes last, for a cfg= replaces what stands before it.
    sys.argv = ["yolo", "train", *arguments, f"data={file}"]
    plain_signals()
    try:
        from ultralytics.cfg import entrypoint

        _watch_fraction(arguments)
        entrypoint()
    except OSError:
        # Its own trouble keeps its traceback; ours would print it as an error of yolobg's.
        traceback.print_exc()
        raise SystemExit(1) from None
    finally:
        if evict:
            _take_back(file, quiet=quiet)


def _watch_fraction(arguments: Sequence[str]) -> None:
    """Have what `fraction` leaves of the backgrounds told when the training begins; others stay as they are."""
    if not any(argument.lstrip("-").startswith(("fraction", "cfg")) for argument in arguments):
        return
    from ultralytics.utils import callbacks

    from yolobg.ultralytics import EVENT
    from yolobg.ultralytics.fraction import tell_part_of

    callbacks.default_callbacks[EVENT].append(tell_part_of)


def _take_back(file: Path, *, quiet: bool) -> None:
    from yolobg.api import remove
    from yolobg.cli.text import remove_text

    report: Any = remove(file, split="train")
    show(report, remove_text, json_=False, quiet=quiet)
