"""TODO."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from yolobg.cli.options import (
    AnnotationsOption,
    DryRunOption,
    ImagesOption,
    JobsOption,
    JsonOption,
    LeanOption,
    LicenseOption,
    LinkOption,
    MapFileOption,
    MapOption,
    NoCaptionsOption,
    QuietOption,
    SeedOption,
    SourceOption,
    UnlabelledOption,
    UnmappedOption,
    parse_jobs,
    told_map,
)
from yolobg.cli.output import answer, show, stderr_console

if TYPE_CHECKING:
    from rich.console import RenderableType

    from yolobg.results import Report
from yolobg.cli.options import _names

__all__ = ["download"]


@answer
def download(
    *,
    exclude: Annotated[
        list[str], typer.Option("--exclude", metavar="CLASS[,CLASS]", help="What no image may hold. Repeatable.")
    ],
    count: Annotated[int, typer.Option("--count", help="Number of images in the folder afterwards.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="A new folder, or one of an earlier download.")],
    val: Annotated[
        str, typer.Option("--val", metavar="SHARE", help="Share (0-1) that goes to images/val; 0 for one flat folder.")
    ] = "0",
    source: SourceOption = "coco2017",
    unlabelled: UnlabelledOption = False,
    annotations: AnnotationsOption = None,
    images: ImagesOption = None,
    map_: MapOption = None,
    map_file: MapFileOption = None,
    license_: LicenseOption = "any",
    link: LinkOption = "copy",
    seed: SeedOption = 0,
    jobs: JobsOption = "auto",
    unmapped: UnmappedOption = "stop",
    lean: LeanOption = False,
    no_captions: NoCaptionsOption = False,
    dry_run: DryRunOption = False,
    json_: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Put background images and blank labels into a folder."""
    from yolobg.api import download as fetch
    from yolobg.cli.progress import bars
    from yolobg.flow.download_folder import DownloadOptions

    console = stderr_console()
    with bars(console, wanted=not quiet) as progress:
        options = DownloadOptions(
            source=source, unlabelled=unlabelled, annotations=annotations, images=images or (),
            map=told_map(map_, map_file),
            license=license_, link=link, seed=seed, jobs=parse_jobs(jobs), unmapped=unmapped, lean=lean,
            captions=not no_captions, progress=progress,
        )  # fmt: skip
        report = fetch(output, exclude=_names(exclude), count=count, val=val, dry_run=dry_run, **options)
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
