"""`yolobg convert`: a dataset in another format, counted before and after."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

from yolobg.cli.options import PATH, json_option, names_of, quiet_option
from yolobg.cli.output import command, show, stderr_console
from yolobg.errors import UsageError
from yolobg.wording import counted

if TYPE_CHECKING:
    from rich.console import RenderableType

    from yolobg.convert_results import ConvertReport
    from yolobg.formats.place_images import Images
    from yolobg.formats.transform import Crowds, Polygons

__all__ = ["convert", "convert_text"]

F = TypeVar("F", bound=Callable[..., Any])


def _list_formats(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:  # noqa: FBT001 - click calls it so
    if not wanted:
        return
    from yolobg.formats.registry import all_formats

    for name, format_ in all_formats().items():
        held = [word for word, holds in (
            ("polygons", format_.polygons), ("masks", format_.masks), ("key points", format_.key_points),
            ("crowd regions", format_.crowds), ("class ids", format_.classes),
        ) if holds]  # fmt: skip
        through = "" if format_.own else "; through datumaro"
        click.echo(f"{name:<24} boxes, {', '.join(held)}{through}".replace("boxes, ;", "boxes;"))
    ctx.exit()


def _what_to_do(name: str, choices: tuple[str, ...], help_: str) -> Callable[[F], F]:
    return click.option(name, type=click.Choice(choices), default="keep", show_default=True, help=help_)


@command(example="yolobg convert data.yaml dataset_coco --to coco")
@click.argument("source", metavar="SOURCE", type=PATH)
@click.argument("target", metavar="TARGET", type=PATH)
@click.option("--to", metavar="FORMAT", required=True, help="The format to write.")
@click.option("--from", "from_", metavar="FORMAT", show_default="detected", help="The source's format.")
@click.option(
    "--images", metavar="HOW|DIR", multiple=True, show_default="copy",
    help="How to place the images: copy, hard, symlink or none; or the folder that they lie in. Repeatable.",
)  # fmt: skip
@click.option("--classes", metavar="NAME[,NAME]", multiple=True, help="Keep only these. Repeatable.")
@_what_to_do(
    "--polygons",
    ("keep", "to-boxes", "parts", "outline"),
    "Keep outlines and masks, convert them to boxes, make each ring an object, or draw masks as outlines.",
)
@_what_to_do("--key-points", ("keep", "drop"), "What to do if the format can't keep key points.")
@_what_to_do("--crowds", ("keep", "drop", "as-objects"), "Keep crowd regions, leave them out, or make each an object.")
@_what_to_do("--class-order", ("keep", "lose"), "What to do if the format can't keep class ids.")
@click.option("--split", metavar="OLD=NEW", multiple=True, help="Rename a split. Repeatable.")
@click.option("--drop-unused", is_flag=True, help="Leave out classes without an object.")
@click.option("--skip-corrupt", is_flag=True, help="Leave out images with corrupt labels instead of stopping.")
@click.option(
    "--formats", is_flag=True, is_eager=True, expose_value=False, callback=_list_formats, help="List the formats."
)
@json_option
@quiet_option
def convert(
    source: Path,
    target: Path,
    *,
    to: str,
    from_: str | None,
    images: tuple[str, ...],
    classes: tuple[str, ...],
    polygons: Polygons,
    key_points: Literal["keep", "drop"],
    crowds: Crowds,
    class_order: Literal["keep", "lose"],
    split: tuple[str, ...],
    drop_unused: bool,
    skip_corrupt: bool,
    json_: bool,
    quiet: bool,
) -> None:
    """Write a dataset in another format, counted before and after.

    SOURCE is the dataset's folder, data.yaml or annotations file; TARGET is a new or empty folder.
    """
    from yolobg.cli.progress import bars
    from yolobg.formats.convert import convert as rewrite

    how, folders = _images(images)
    with bars(stderr_console(), wanted=not quiet) as progress:
        report = rewrite(
            source, target, to=to, from_=from_, images=how, classes=names_of(classes), polygons=polygons,
            key_points=key_points, crowds=crowds, class_order=class_order, splits=_pairs(split),
            drop_unused=drop_unused, images_in=folders, skip_corrupt=skip_corrupt, progress=progress,
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
        lines.append(
            Text(f"Renamed   {counted(len(report.renamed), 'image')}, e.g. {clean(first.name)} to {clean(first.to)}")
        )
    lines.append(Text(f"Exact to  {report.deviation:.1g} of the image's size"))
    return Group(*lines, table, Text(f"Converted to {report.target_format}: {clean(report.target)}", style="bold"))


def _splits(splits: dict[str, int]) -> str:
    from yolobg.cli.text import clean

    return ", ".join(f"{clean(name)} {count:,}" for name, count in splits.items())


def _images(options: Sequence[str]) -> tuple[Images, tuple[str, ...]]:
    """How to place the images, and the folders that they lie in."""
    ways: tuple[Images, ...] = ("copy", "hard", "symlink", "none")
    asked = [way for way in ways if way in options]
    if len(asked) > 1:
        raise UsageError(f"--images {asked[0]} and --images {asked[1]}: choose one; the other may be a folder")
    return asked[0] if asked else "copy", tuple(option for option in options if option not in ways)


def _pairs(options: Sequence[str]) -> dict[str, str]:
    pairs = [option.partition("=") for option in options]
    wrong = next((option for option, (old, _, new) in zip(options, pairs, strict=True) if not (old and new)), None)
    if wrong is not None:
        raise UsageError(f"--split {wrong}: expected OLD=NEW, for example valid=val")
    return {old.strip(): new.strip() for old, _, new in pairs}
