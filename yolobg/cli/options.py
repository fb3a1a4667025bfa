"""The options that several commands share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from yolobg.errors import UsageError

if TYPE_CHECKING:
    pass


DataYamlArgument = Annotated[
    Path, typer.Argument(metavar="DATA_YAML", help="The dataset's data.yaml, or a folder that holds one.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print data as JSON to stdout.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]
MapOption = Annotated[
    list[str] | None,
    typer.Option("--map", metavar="NAME=CLASS[,CLASS]", help="What a class name stands for, or NAME=none. Repeatable."),
]
MapFileOption = Annotated[
    Path | None, typer.Option("--map-file", help="YAML file with such answers, as `yolobg classes --save` writes it.")
]
SourceOption = Annotated[str, typer.Option("--source", help="Named source of backgrounds, or a folder of images.")]
UnlabelledOption = Annotated[
    bool,
    typer.Option(
        "--unlabelled",
        help="The images of the --source folder hold none of your classes, whatever records lie there that are not "
        "understood.",
    ),
]
AnnotationsOption = Annotated[
    str | None,
    typer.Option(
        "--annotations",
        metavar="FILE_OR_URL",
        help="COCO-format instances file instead: .json, .json.gz, file.zip or file.zip!member.json.",
    ),
]
ImagesOption = Annotated[
    list[str] | None,
    typer.Option("--images", metavar="DIR_OR_URL", help="Where its images are; folders are tried first. Repeatable."),
]
LeanOption = Annotated[bool, typer.Option("--lean", help="Keep images of classes that a name only may stand for.")]
NoCaptionsOption = Annotated[
    bool, typer.Option("--no-captions", help="Do not leave out images whose captions name a class.")
]
LicenseOption = Annotated[
    str, typer.Option("--license", metavar="any|commercial|ID,…", help="Which licences the images may have.")
]

RatioOption = Annotated[
    str | None,
    typer.Option("--ratio", help="Share (0-1) of backgrounds in the split afterwards.", show_default="0.10"),
]
CountOption = Annotated[int | None, typer.Option("--count", help="Number of backgrounds afterwards, instead.")]
IntoOption = Annotated[Path | None, typer.Option("--into", help="Which folder of the split takes the files.")]
ExcludeOption = Annotated[
    list[str] | None, typer.Option("--exclude", metavar="CLASS", help="Leave out this class too. Repeatable.")
]
LinkOption = Annotated[Literal["copy", "hard", "symlink"], typer.Option("--link", help="How local images come in.")]
SeedOption = Annotated[int, typer.Option("--seed", help="Which of the eligible images are chosen.")]
JobsOption = Annotated[str, typer.Option("--jobs", metavar="auto|N", help="Parallel downloads.")]
UnmappedOption = Annotated[
    Literal["stop", "none"], typer.Option("--unmapped", help="What to do about a name nothing resolves.")
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")]
RecheckOption = Annotated[
    bool,
    typer.Option("--recheck", help="Replace backgrounds that do not meet today's class names and options any more."),
]
NoReportOption = Annotated[
    bool, typer.Option("--no-report", help="Do not write the page to look at (.yolobg/report.html).")
]
VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="Log what the rooms do.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing.")]


def told_map(map_: list[str] | None, map_file: Path | None) -> dict[str, tuple[str, ...]]:
    """What the user says that class names stand for; the command line wins over the file."""
    from yolobg.flow.options import parse_map_options
    from yolobg.matching.map_file import read_map

    return {**(read_map(map_file) if map_file else {}), **parse_map_options(map_ or [])}


def parse_jobs(jobs: str) -> int | None:
    """`auto` or a number, for `--jobs`.

    Raises:
        UsageError: It is neither.
    """
    if jobs == "auto":
        return None
    if not jobs.isdecimal():
        raise UsageError(f"--jobs {jobs}: give a number or auto")
    return int(jobs)


def _names(options: Sequence[str]) -> list[str]:
    return [name.strip() for option in options for name in option.split(",") if name.strip()]
