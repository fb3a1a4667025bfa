"""`yolobg train`: top the dataset up, then hand over to Ultralytics' own command in this process."""

from __future__ import annotations

import contextlib
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from yolobg.cli.options import (
    AnnotationsOption,
    CountOption,
    DataYamlArgument,
    ExcludeOption,
    ImagesOption,
    IntoOption,
    JobsOption,
    LeanOption,
    LicenseOption,
    LinkOption,
    MapFileOption,
    MapOption,
    NoCaptionsOption,
    QuietOption,
    RatioOption,
    SeedOption,
    SourceOption,
    UnlabelledOption,
    UnmappedOption,
    YesOption,
    parse_jobs,
    told_map,
)
from yolobg.cli.output import answer, show, stderr_console
from yolobg.cli.process import plain_signals
from yolobg.errors import UnresolvedClassError, UsageError, YolobgError

if TYPE_CHECKING:
    from yolobg.flow import options as request

__all__ = ["register", "train"]


_ArgumentsArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="[-- ARGUMENTS]", help="What `yolo train` is given besides data=.", show_default=False),
]
_OnErrorOption = Annotated[
    Literal["warn", "raise"],
    typer.Option("--on-error", help="Train all the same where backgrounds cannot be had, or stop."),
]
_EvictOption = Annotated[
    bool, typer.Option("--evict", help="Take all backgrounds that yolobg added out of it again afterwards.")
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(train)


@answer
def train(
    data_yaml: DataYamlArgument,
    arguments: _ArgumentsArgument = None,
    *,
    ratio: RatioOption = None,
    count: CountOption = None,
    into: IntoOption = None,
    source: SourceOption = "coco2017",
    unlabelled: UnlabelledOption = False,
    annotations: AnnotationsOption = None,
    images: ImagesOption = None,
    map_: MapOption = None,
    map_file: MapFileOption = None,
    exclude: ExcludeOption = None,
    license_: LicenseOption = "any",
    link: LinkOption = "copy",
    seed: SeedOption = 0,
    jobs: JobsOption = "auto",
    unmapped: UnmappedOption = "stop",
    lean: LeanOption = False,
    no_captions: NoCaptionsOption = False,
    on_error: _OnErrorOption = "warn",
    evict: _EvictOption = False,
    yes: YesOption = False,
    quiet: QuietOption = False,
) -> None:
    """Add background images, then train with Ultralytics: yolobg train data.yaml --ratio 0.1 -- model=yolo11n.pt."""
    from yolobg.dataset.data_yaml import find_data_yaml
    from yolobg.flow.options import Options

    given = list(arguments or ())
    _check(given)
    file = find_data_yaml(data_yaml.expanduser())
    options = Options(
        ratio=ratio, count=count, into=into, source=source, unlabelled=unlabelled, annotations=annotations,
        images=images or (),
        exclude=exclude or (), license=license_, link=link, seed=seed, jobs=parse_jobs(jobs), unmapped=unmapped,
        lean=lean, captions=not no_captions,
    )  # fmt: skip
    told = told_map(map_, map_file)
    _add_if_possible(file, options, told, may_ask=not (yes or quiet), quiet=quiet, on_error=on_error)
    _hand_over(file, given, evict=evict, quiet=quiet)


def _add_if_possible(
    file: Path,
    options: request.Options,
    told: Mapping[str, tuple[str, ...]],
    *,
    may_ask: bool,
    quiet: bool,
    on_error: Literal["warn", "raise"],
) -> None:
    try:
        _add(file, options, told, may_ask=may_ask, quiet=quiet)
    except (UsageError, UnresolvedClassError):
        raise
    except (YolobgError, OSError) as error:
        if on_error == "raise":
            raise
        typer.echo(f"yolobg: warning: {error}\nyolobg: warning: training with what is there", err=True)
        _tell_stale(file)


def _tell_stale(file: Path) -> None:
    """Warn of earlier backgrounds that no longer qualify: they are trained on as well."""
    from yolobg.api import status
    from yolobg.cli.text import clean
    from yolobg.flow.stale import stale_warnings

    with contextlib.suppress(YolobgError, OSError):
        for line in stale_warnings(status(file).stale, file):
            typer.echo(f"yolobg: warning: {clean(line)}", err=True)


def _check(arguments: Sequence[str]) -> None:
    """Refuse what must not be said twice, and an environment without Ultralytics, before anything is changed."""
    from importlib.util import find_spec

    if any(argument.lstrip("-").partition("=")[0] == "data" for argument in arguments):
        raise UsageError("data= is named twice: DATA_YAML is handed to Ultralytics; leave data= out after --")
    if find_spec("ultralytics") is None:
        raise UsageError("Ultralytics is not installed in this environment: pip install ultralytics")


def _add(
    file: Path, options: request.Options, told: Mapping[str, tuple[str, ...]], *, may_ask: bool, quiet: bool
) -> None:
    from yolobg.api import carry_out
    from yolobg.cli.progress import bars
    from yolobg.cli.questions import plan_with_answers
    from yolobg.cli.text import augment_text
    from yolobg.ultralytics.wait_for_lock import when_free

    console = stderr_console()
    decided = plan_with_answers(file, options, told, console=console, may_ask=may_ask, quiet=quiet)
    with bars(console, wanted=not quiet) as progress:
        report = when_free(
            lambda: carry_out(decided, progress=progress), lambda line: typer.echo(f"yolobg: {line}", err=True)
        )
    show(report, augment_text, json_=False, quiet=quiet)


def _hand_over(file: Path, arguments: list[str], *, evict: bool, quiet: bool) -> None:
    """Become `yolo train`: its messages, its exit code; our backgrounds go when it ends, however that is."""
    # Ultralytics keeps sys.argv when it is imported. The dataset comes last, for a cfg= replaces what stands before it.
    sys.argv = ["yolo", "train", *arguments, f"data={file}"]
    plain_signals()
    try:
        from ultralytics.cfg import entrypoint

        entrypoint()
    except OSError:
        # Its own trouble keeps its traceback; `answer` would tell it as if it were ours.
        traceback.print_exc()
        raise SystemExit(1) from None
    finally:
        if evict:
            _take_back(file, quiet=quiet)


def _take_back(file: Path, *, quiet: bool) -> None:
    from yolobg.api import remove
    from yolobg.cli.text import remove_text

    report: Any = remove(file, split="train")
    show(report, remove_text, json_=False, quiet=quiet)
