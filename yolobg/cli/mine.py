"""`yolobg mine`: have a model look at many images, on one machine or several; `augment --scores` chooses from them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from yolobg.cli.options import PATH, json_option, quiet_option, request_options
from yolobg.cli.output import command, show, stderr_console
from yolobg.errors import UsageError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from yolobg.flow.options import Options
    from yolobg.mining_results import MiningReport

__all__ = ["mine"]

_NOT_HERE = ("into", "to", "recheck", "trim", "report", "scores", "hard_share", "min_score", "link")


@command(example="yolobg mine data.yaml --hard best.onnx --pool 50000 --plan scored; yolobg mine --work scored")
@click.argument("data_yaml", metavar="[DATA_YAML]", type=PATH, required=False)
@request_options(without=_NOT_HERE)
@click.option(
    "--plan", "folder", metavar="DIR", type=PATH, help="Write the images to look at, in shards, to this new folder."
)
@click.option("--shard-size", metavar="N", type=int, default=2000, show_default=True, help="Images of a shard.")
@click.option("--work", metavar="DIR", type=PATH, help="Look at the shards of this folder that have no scores yet.")
@click.option("--shard", metavar="I/N", help="With --work: only every N-th shard from the I-th on, in one process.")
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="With --work: processes of this machine, or actors of Ray.",
)
@click.option("--workers", metavar="N", type=click.IntRange(1, 1024), show_default="one a core", help="How many.")
@click.option("--address", metavar="ADDRESS", help="With --engine ray: the cluster; auto for the one of this machine.")
@json_option
@quiet_option
def mine(
    data_yaml: Path | None,
    *,
    options: Options,
    folder: Path | None,
    shard_size: int,
    work: Path | None,
    shard: str | None,
    engine: str,
    workers: int | None,
    address: str | None,
    json_: bool,
    quiet: bool,
) -> None:
    """Have your model look at many images, on several machines, for augment --scores.

    Run it twice: first with DATA_YAML --hard MODEL --plan DIR, then, on every machine, with --work DIR. An interrupted
    run continues. No image is kept.
    """
    from yolobg.cli.progress import bars
    from yolobg.scoring.extra import check_extra

    check_extra(("numpy",))
    check_extra(("pyarrow",), extra="scale")
    if (folder is None) == (work is None) or (data_yaml is None) != (folder is None):
        raise UsageError(
            "give DATA_YAML --hard MODEL --plan DIR to plan, or --work DIR to score; see yolobg mine --help"
        )
    from yolobg.mining.work import mine as score
    from yolobg.mining.work import plan_mining

    with bars(stderr_console(), wanted=not quiet) as progress:
        if folder is not None and data_yaml is not None:
            report = plan_mining(data_yaml, folder, shard_size=shard_size, progress=progress, **options)
        else:
            place = work or Path()
            report = score(place, shard=shard, engine=engine, workers=workers, address=address, progress=progress)
    show(report, _text, json_=json_, quiet=quiet)


def _text(report: MiningReport) -> RenderableType:
    from yolobg.cli.text import clean, quoted, whole
    from yolobg.wording import agreeing, counted

    done = report.scored == report.shards
    then = (
        f"yolobg augment DATA_YAML --scores {quoted(report.folder)}"
        if done
        else (f"yolobg mine --work {quoted(report.folder)}")
    )
    return whole(
        f"Folder    {clean(report.folder, 4096)}\nShards    {report.scored:,} of {report.shards:,} "
        f"{agreeing(report.scored, 'have')} scores ({counted(report.images, 'image')})\nNext      {then}"
    )
