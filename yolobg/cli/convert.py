"""`yolobg convert` and `yolobg download`: formats, and backgrounds in a folder of their own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from yolobg.cli.options import (
    JsonOption,
    QuietOption,
)
from yolobg.cli.output import answer, show, stderr_console
from yolobg.errors import UsageError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from yolobg.results import ConvertReport
from yolobg.cli.download import download
from yolobg.cli.options import _names

__all__ = ["convert", "register"]


def register(app: typer.Typer) -> None:
    """Add the two commands."""
    app.command()(download)
    app.command()(convert)


def _list_formats(wanted: bool) -> None:  # noqa: FBT001 - typer's callbacks are called so
    if not wanted:
        return
    from yolobg.formats.registry import all_formats

    for name, format_ in all_formats().items():
        held = [word for word, holds in (
            ("polygons", format_.polygons), ("masks", format_.masks), ("key points", format_.key_points),
            ("crowd regions", format_.crowds), ("class ids", format_.classes),
        ) if holds]  # fmt: skip
        through = "" if format_.own else "; through datumaro"
        typer.echo(f"{name:<24} boxes, {', '.join(held)}{through}".replace("boxes, ;", "boxes;"))
    raise typer.Exit


# What is to become of what the target's format cannot hold.
_PolygonsOption = Annotated[
    Literal["keep", "to-boxes", "parts"],
    typer.Option("--polygons", help="Outlines as they are, as boxes, or each ring as an object."),
]
_KeyPointsOption = Annotated[
    Literal["keep", "drop"], typer.Option("--key-points", help="Key points where they cannot be held.")
]
_CrowdsOption = Annotated[
    Literal["keep", "drop"], typer.Option("--crowds", help="Crowd regions where they cannot be held.")
]
_ClassOrderOption = Annotated[
    Literal["keep", "lose"], typer.Option("--class-order", help="Class ids where they cannot be held.")
]

_SkipCorruptOption = Annotated[
    bool, typer.Option("--skip-corrupt", help="Leave out images with corrupt labels rather than stop.")
]


@answer
def convert(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="The dataset: folder, data.yaml or annotations.")],
    target: Annotated[Path, typer.Argument(metavar="TARGET", help="A new or empty folder.")],
    *,
    to: Annotated[str, typer.Option("--to", metavar="FORMAT", help="The format to write.")],
    from_: Annotated[
        str | None, typer.Option("--from", metavar="FORMAT", help="The source's format.", show_default="detected")
    ] = None,
    images: Annotated[
        Literal["copy", "hard", "symlink", "none"], typer.Option("--images", help="How the images come in.")
    ] = "copy",
    classes: Annotated[
        list[str] | None, typer.Option("--classes", metavar="NAME[,NAME]", help="Keep only these. Repeatable.")
    ] = None,
    polygons: _PolygonsOption = "keep",
    key_points: _KeyPointsOption = "keep",
    crowds: _CrowdsOption = "keep",
    class_order: _ClassOrderOption = "keep",
    split: Annotated[
        list[str] | None, typer.Option("--split", metavar="OLD=NEW", help="Call a split something else. Repeatable.")
    ] = None,
    skip_corrupt: _SkipCorruptOption = False,
    formats: Annotated[  # answered before the command is run
        bool, typer.Option("--formats", help="List the formats.", is_eager=True, callback=_list_formats)
    ] = False,
    json_: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Write a dataset in another format, counted before and after."""
    from yolobg.cli.progress import bars
    from yolobg.formats.convert import convert as rewrite

    with bars(stderr_console(), wanted=not quiet) as progress:
        report = rewrite(
            source, target, to=to, from_=from_, images=images, classes=_names(classes or []), polygons=polygons,
            key_points=key_points, crowds=crowds, class_order=class_order, splits=_pairs(split or []),
            skip_corrupt=skip_corrupt, progress=progress,
        )  # fmt: skip
    show(report, convert_text, json_=json_, quiet=quiet)


def convert_text(report: ConvertReport) -> RenderableType:
    """What `convert` did, for a person: counts before and after, and all that changed."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    from yolobg.cli.text import clean

    table = Table(box=None)
    for heading in ("", report.source_format, report.target_format):
        table.add_column(heading, justify="right" if heading else "left")
    names = ("images", "backgrounds", "boxes", "polygons", "masks", "key_points", "crowds")
    for name in names:
        before, after = getattr(report.before, name), getattr(report.after, name)
        if before or after or name in ("images", "backgrounds"):
            table.add_row(name.replace("_", " "), f"{before:,}", f"{after:,}")
    table.add_row("classes", f"{len(report.before.classes):,}", f"{len(report.after.classes):,}")
    table.add_row("splits", _splits(report.before.splits), _splits(report.after.splits))
    lines = [Text(f"warning: {clean(warning)}", style="yellow") for warning in report.warnings]
    lines += [Text(f"Changed   {clean(change)}") for change in report.changes]
    if report.renamed:
        first = report.renamed[0]
        lines.append(Text(f"Renamed   {len(report.renamed):,} images, e.g. {clean(first.name)} to {clean(first.to)}"))
    lines.append(Text(f"Exact to  {report.deviation:.1g} of the image's size"))
    return Group(*lines, table, Text(f"Converted to {report.target_format}: {clean(report.target)}", style="bold"))


def _splits(splits: dict[str, int]) -> str:
    from yolobg.cli.text import clean

    return ", ".join(f"{clean(name)} {count:,}" for name, count in splits.items())


def _pairs(options: Sequence[str]) -> dict[str, str]:
    pairs = [option.partition("=") for option in options]
    wrong = next((option for option, (old, _, new) in zip(options, pairs, strict=True) if not (old and new)), None)
    if wrong is not None:
        raise UsageError(f"--split {wrong}: expected OLD=NEW, for example valid=val")
    return {old.strip(): new.strip() for old, _, new in pairs}
