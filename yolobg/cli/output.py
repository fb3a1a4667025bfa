"""What every command shares: how it is made, errors to exit codes, the console, JSON or text."""

from __future__ import annotations

import contextlib
import functools
import logging
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, ParamSpec

import click

from yolobg.cli.process import INTERRUPTED, INTERRUPTED_MESSAGE, check_current_folder
from yolobg.errors import UsageError, YolobgError
from yolobg.python_keywords import answering_commands

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from yolobg.convert_results import ConvertReport
    from yolobg.evaluation_results import Evaluation
    from yolobg.mining_results import MiningReport
    from yolobg.results import ClassesReport, Health, RemoveReport, Report

__all__ = ["HELP_NAMES", "command", "is_attended", "log_everything", "print_result", "show", "stderr_console"]

_log = logging.getLogger(__name__)

_QUIET = "yolobg.quiet"
HELP_NAMES = {"help_option_names": ["-h", "--help"]}

P = ParamSpec("P")


def command(*, example: str = "", name: str | None = None) -> Callable[[Callable[..., None]], click.Command]:
    """Make a command of a function whose options are set by decorators below this one.

    Args:
        example: A line that works, shown at the end of the help.
        name: What it is called; the function's own name if None.
    """

    def decorate(function: Callable[..., None]) -> click.Command:
        made = click.command(
            name or function.__name__,
            context_settings=HELP_NAMES,
            epilog=f"\b\nExample:\n  {example}" if example else None,
        )
        return _with_talk(made(_answer(function)))

    return decorate


def _with_talk(made: click.Command) -> click.Command:
    """Give a command the options for more and fewer messages that it does not declare itself."""
    own = {parameter.name for parameter in made.params}
    options = (
        click.Option(
            ["--quiet", "-q"], is_flag=True, expose_value=False, callback=_be_quiet, help="Print errors only."
        ),
        click.Option(
            ["--verbose", "-v"], is_flag=True, expose_value=False, callback=_be_verbose, help="Print debug messages."
        ),
    )
    made.params += [option for option in options if option.name not in own]
    return made


def _be_quiet(context: click.Context, _option: click.Parameter, wanted: bool) -> None:  # noqa: FBT001 - click calls it so
    context.meta[_QUIET] = wanted


def _be_verbose(_context: click.Context, _option: click.Parameter, wanted: bool) -> None:  # noqa: FBT001 - as above
    log_everything(wanted=wanted)


def _is_quiet() -> bool:
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.meta.get(_QUIET))


def _answer(function: Callable[P, None]) -> Callable[P, None]:
    """Turn the error tree into messages and exit codes; anything else is a bug and keeps its traceback.

    A disk that dies or a table of files that is full can show at any read, so the system's own errors are no bugs.
    """

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            check_current_folder()
            with answering_commands():
                function(*args, **kwargs)
        except (YolobgError, OSError, RuntimeError, KeyboardInterrupt) as error:
            answer = _answer_to(error)
            if answer is None:
                raise
            _log.debug("%s", answer[1], exc_info=True)
            _print_error(answer[1])
            raise click.exceptions.Exit(answer[0]) from error

    return wrapped


def _answer_to(error: BaseException) -> tuple[int, str] | None:
    """The exit code and the message for an error; None for a bug, and where nobody listens any more."""
    if isinstance(error, YolobgError):
        return error.exit_code, f"error: {error}"
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        return INTERRUPTED, INTERRUPTED_MESSAGE
    if isinstance(error, RuntimeError):
        # What pathlib says of `~` where HOME is not set and the user has no entry.
        message = "error: ~ means your home folder, which is not known (HOME is not set); write the full path"
        return (UsageError.exit_code, message) if "home directory" in str(error) else None
    if isinstance(error, OSError) and error.strerror is not None and not isinstance(error, BrokenPipeError):
        place = error.filename2 or error.filename or "this machine"
        message = f"error: {place}: {error.strerror}; the dataset is valid. Fix this and run again to continue"
        return YolobgError.exit_code, message
    return None


def _print_error(message: str) -> None:
    from yolobg.cli.text import clean

    lines = "\n".join(clean(line, 2000) for line in message.splitlines())
    # Where nobody can read it, the exit code still says it.
    with contextlib.suppress(OSError):
        click.echo(f"yolobg: {lines}", err=True)


def log_everything(*, wanted: bool) -> None:
    """Print debug messages of every module, for `--verbose`."""
    if not wanted:
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Clean("%(name)s: %(message)s"))
    logging.basicConfig(level=logging.DEBUG, handlers=[handler])
    # The HTTP library logs whole addresses, and with them whatever signature they carry; locks are taken all the time.
    for library in ("urllib3", "filelock", "PIL"):
        logging.getLogger(library).setLevel(logging.INFO)


class _Clean(logging.Formatter):
    """Names and paths from outside must not drive the terminal."""

    def format(self, record: logging.LogRecord) -> str:
        from yolobg.cli.text import clean

        return "\n".join(clean(line, 2000) for line in super().format(record).split("\n"))


def is_attended() -> bool:
    """Whether a person reads what is told and can answer."""
    return stderr_console().is_terminal and sys.stdin is not None and sys.stdin.isatty()


def stderr_console() -> Console:
    """The console for progress and questions; it honours NO_COLOR and draws no colour into a pipe."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, emoji=False, markup=False, quiet=stderr and _is_quiet())


def show(
    report: Report | RemoveReport | ClassesReport | ConvertReport | Evaluation | Health | MiningReport,
    text: Callable[[Any], RenderableType],
    *,
    json_: bool,
    quiet: bool = False,
) -> None:
    """Print a report to stdout, as JSON or as text; with `quiet` no text."""
    if json_:
        import json

        from yolobg.results import to_builtins

        # ASCII, since a pipe's encoding is not known; one newline at the end for line tools.
        _write(json.dumps(to_builtins(report), indent=2) + "\n")
    elif not quiet:
        print_result(text(report))


def print_result(*parts: RenderableType) -> None:
    """Print what a command was asked for to stdout, in colours on a terminal.

    Raises:
        YolobgError: It cannot be written, for example because the disk is full.
    """
    if _is_quiet():
        return
    from rich.console import Group

    console = _console(stderr=False)
    # Rich itself ends the process with a code of its own where the reader has gone.
    with _stdout_errors(), console.capture() as captured:
        for part in parts:
            # Lines that must stay whole, paths and commands, may be longer than the window. Grouped, since rich joins
            # bare texts into a new one that wraps.
            console.print(Group(part), crop=False)
    _write(captured.get())


def _write(text: str) -> None:
    with _stdout_errors():
        click.echo(text, nl=False)
        sys.stdout.flush()


@contextlib.contextmanager
def _stdout_errors() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise YolobgError(f"standard output: cannot be written: {error.strerror}; the work is done") from error
