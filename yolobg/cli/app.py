"""Arguments in; tables, progress, questions and exit codes out. The only room that prints, asks or exits.

Text goes to stderr, data (`--json`) to stdout. Heavy rooms are imported by the command that needs them, so that
`--help` is quick.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from yolobg.cli.cache import cache_app
from yolobg.cli.convert import register as register_formats
from yolobg.cli.options import (
    AnnotationsOption,
    CountOption,
    DataYamlArgument,
    DryRunOption,
    ExcludeOption,
    ImagesOption,
    IntoOption,
    JobsOption,
    JsonOption,
    LeanOption,
    LicenseOption,
    LinkOption,
    MapFileOption,
    MapOption,
    NoCaptionsOption,
    NoReportOption,
    QuietOption,
    RatioOption,
    RecheckOption,
    SeedOption,
    SourceOption,
    UnlabelledOption,
    UnmappedOption,
    VerboseOption,
    YesOption,
    parse_jobs,
    told_map,
)
from yolobg.cli.output import answer, log_everything, show, stderr_console
from yolobg.cli.review import register as register_review
from yolobg.cli.train import register as register_train
from yolobg.errors import UsageError
from yolobg.version import __version__

if TYPE_CHECKING:
    from yolobg.flow import options as request
    from yolobg.results import Report

__all__ = ["app"]

app = typer.Typer(
    name="yolobg",
    help="Add background (negative) images to an existing YOLO dataset, safely.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(cache_app, name="cache")
register_formats(app)
register_train(app)
register_review(app)


@app.callback(invoke_without_command=True)
def _root(
    *,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.", is_eager=True)] = False,
) -> None:
    if version:
        typer.echo(f"yolobg {__version__}")
        raise typer.Exit


@app.command()
@answer
def augment(
    data_yaml: DataYamlArgument,
    *,
    ratio: RatioOption = None,
    count: CountOption = None,
    split: Annotated[str, typer.Option("--split", help="The split that takes them.")] = "train",
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
    recheck: RecheckOption = False,
    no_report: NoReportOption = False,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    json_: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Add background images up to a ratio or a count."""
    from yolobg.cli.text import augment_text
    from yolobg.flow.options import Options

    log_everything(wanted=verbose)
    options = Options(
        ratio=ratio, count=count, split=split, into=into, source=source, unlabelled=unlabelled, annotations=annotations,
        images=images or (), exclude=exclude or (), license=license_, link=link, seed=seed, jobs=parse_jobs(jobs),
        unmapped=unmapped, lean=lean, captions=not no_captions, recheck=recheck, report=not no_report,
    )  # fmt: skip
    may_ask = not (yes or json_ or quiet)
    report = _augment(data_yaml, options, told_map(map_, map_file), may_ask=may_ask, dry_run=dry_run, quiet=quiet)
    show(report, augment_text, json_=json_, quiet=quiet)


def _augment(
    data_yaml: Path,
    options: request.Options,
    told: Mapping[str, tuple[str, ...]],
    *,
    may_ask: bool,
    dry_run: bool,
    quiet: bool,
) -> Report:
    from yolobg.cli.progress import bars
    from yolobg.cli.questions import plan_with_answers

    console = stderr_console()
    decided = plan_with_answers(data_yaml, options, told, console=console, may_ask=may_ask, quiet=quiet)
    if dry_run:
        return decided.report
    from yolobg.api import carry_out

    with bars(console, wanted=not quiet) as progress:
        return carry_out(decided, progress=progress)


@app.command()
@answer
def status(
    data_yaml: DataYamlArgument,
    *,
    split: Annotated[str, typer.Option("--split", help="The split to look at.")] = "train",
    files: Annotated[bool, typer.Option("--files", help="List every image with its label file and state.")] = False,
    json_: JsonOption = False,
) -> None:
    """Show labelled images, backgrounds and their ratio."""
    from yolobg.api import status as look
    from yolobg.cli.progress import bars
    from yolobg.cli.text import status_text

    with bars(stderr_console()) as progress:
        report = look(data_yaml, split=split, files=files, progress=progress)
    show(report, status_text, json_=json_)


@app.command()
@answer
def remove(
    data_yaml: DataYamlArgument,
    *,
    split: Annotated[str | None, typer.Option("--split", help="Only this split.", show_default="all")] = None,
    dry_run: DryRunOption = False,
    json_: JsonOption = False,
) -> None:
    """Take back exactly what yolobg added.

    When nothing of it is left, the folder is byte for byte as before: what a review rejected is forgotten, and your own
    images that it put away are back in their places.
    """
    from yolobg.api import remove as take_back
    from yolobg.cli.text import remove_text

    show(take_back(data_yaml, split=split, dry_run=dry_run), remove_text, json_=json_)


@app.command()
@answer
def classes(
    data_yaml: Annotated[
        Path | None, typer.Argument(metavar="[DATA_YAML]", help="The dataset whose class names are meant.")
    ] = None,
    *,
    names: Annotated[
        str | None, typer.Option("--names", metavar="A,B,C", help="Class names instead of a dataset.")
    ] = None,
    source: SourceOption = "coco2017",
    unlabelled: UnlabelledOption = False,
    annotations: AnnotationsOption = None,
    images: ImagesOption = None,
    map_: MapOption = None,
    map_file: MapFileOption = None,
    license_: LicenseOption = "any",
    lean: LeanOption = False,
    no_captions: NoCaptionsOption = False,
    save: Annotated[
        Path | None, typer.Option("--save", metavar="MAP_YAML", help="Write the answers as an editable --map-file.")
    ] = None,
    json_: JsonOption = False,
) -> None:
    """Show what each class name excludes, and why."""
    from yolobg.api import classes as look
    from yolobg.cli.progress import bars
    from yolobg.cli.text import classes_text
    from yolobg.matching.map_file import save_map

    if (data_yaml is None) == (names is None):
        raise UsageError("give either DATA_YAML or --names a,b,c")
    with bars(stderr_console()) as progress:
        report = look(
            data_yaml, names=[n.strip() for n in names.split(",")] if names is not None else None, source=source,
            unlabelled=unlabelled, annotations=annotations, images=images or (), map=told_map(map_, map_file),
            license=license_, lean=lean, captions=not no_captions, progress=progress,
        )  # fmt: skip
    if save is not None:
        save_map(report.classes, save)
    show(report, classes_text, json_=json_)


@app.command()
@answer
def demo(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="A new or empty folder.", show_default="a temporary one")
    ] = None,
) -> None:
    """Try it offline on a sample dataset and source."""
    import tempfile

    from yolobg.api import run_demo
    from yolobg.cli.progress import bars
    from yolobg.cli.text import augment_text, demo_text

    place = folder or Path(tempfile.mkdtemp(prefix="yolobg-demo-"))
    with bars(stderr_console()) as progress:
        material, report = run_demo(place, progress=progress)
    stderr_console().print(augment_text(report), crop=False)
    stderr_console().print(demo_text(material, report), crop=False)
