"""What every command shares: errors to exit codes, the console, JSON or text."""

from __future__ import annotations

import functools
import logging
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ParamSpec

import typer

from yolobg.cli_process import INTERRUPTED, check_current_folder
from yolobg.errors import YolobgError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from yolobg.report import ClassesReport, ConvertReport, RemoveReport, Report

__all__ = ["answer", "show", "stderr_console"]

_log = logging.getLogger(__name__)

P = ParamSpec("P")


def answer(command: Callable[P, None]) -> Callable[P, None]:
    """Turn the error tree into messages and exit codes; anything else is a bug and keeps its traceback.

    A disk that dies or a table of files that is full can show at any read, so the system's own errors are no bugs.
    """

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            check_current_folder()
            command(*args, **kwargs)
        except YolobgError as error:
            _tell(str(error))
            raise typer.Exit(error.exit_code) from error
        except BrokenPipeError:
            raise
        except OSError as error:
            if error.strerror is None:
                raise
            _log.debug("the system refused", exc_info=True)
            place = error.filename2 or error.filename or "this machine"
            _tell(f"{place}: {error.strerror}; the dataset is valid. Mend this and run again to continue")
            raise typer.Exit(YolobgError.exit_code) from error
        except (KeyboardInterrupt, typer.Abort) as error:
            typer.echo(
                "yolobg: interrupted; the dataset is valid and what was fetched is kept, run again to continue",
                err=True,
            )
            raise typer.Exit(INTERRUPTED) from error

    return wrapped


def _tell(message: str) -> None:
    from yolobg.cli_text import clean

    lines = "\n".join(clean(line, 2000) for line in message.splitlines())
    typer.echo(f"yolobg: error: {lines}", err=True)


def stderr_console() -> Console:
    """The console for text; it honours NO_COLOR and draws no colour into a pipe."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, emoji=False, markup=False)


def show(
    report: Report | RemoveReport | ClassesReport | ConvertReport,
    text: Callable[[Any], RenderableType],
    *,
    json_: bool,
    quiet: bool = False,
) -> None:
    """Print a report: as JSON to stdout, or as text to stderr, or not at all."""
    if json_:
        import json

        from yolobg.report import to_builtins

        # ASCII, since a pipe's encoding is not known; one newline at the end for line tools.
        text_ = json.dumps(to_builtins(report), indent=2)
        try:
            typer.echo(text_)
            sys.stdout.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise YolobgError(f"standard output: cannot be written: {error.strerror}; the work is done") from error
    elif not quiet:
        # Lines that must stay whole, paths and commands, may be longer than the window.
        stderr_console().print(text(report), crop=False)
