"""`yolobg status` and `yolobg remove`: what is there, and taking ours back."""

from __future__ import annotations

from pathlib import Path

import click

from yolobg.cli.options import data_yaml_argument, dry_run_option, json_option, verbose_option
from yolobg.cli.output import command, log_everything, print_result, show, stderr_console

__all__ = ["remove", "status"]


@command(example="yolobg status data.yaml --split val")
@data_yaml_argument
@click.option(
    "--split", metavar="NAME", show_default="train, and all in one table", help="Look at this split and no other."
)
@click.option("--files", is_flag=True, help="List every image with its label file and state.")
@json_option
@verbose_option
def status(data_yaml: Path, *, split: str | None, files: bool, json_: bool, verbose: bool) -> None:
    """Show labelled images, backgrounds and their ratio.

    With -v also where the value of each option of augment comes from.

    DATA_YAML is the dataset's data.yaml, or a folder that holds one.
    """
    from yolobg.api import status as look
    from yolobg.cli.progress import bars
    from yolobg.cli.status_text import status_text

    log_everything(wanted=verbose)
    with bars(stderr_console()) as progress:
        report = look(data_yaml, split=split or "train", files=files, all_splits=split is None, progress=progress)
    show(report, status_text, json_=json_)
    if verbose and not json_:
        from yolobg.cli.settings_text import settings_text
        from yolobg.flow.settings_file import values_now

        print_result(settings_text(values_now(data_yaml)))


@command(example="yolobg remove data.yaml --dry-run")
@data_yaml_argument
@click.option("--split", metavar="NAME", show_default="all", help="Only this split.")
@click.option("--proposed", is_flag=True, help="Only drop the images that wait for a review.")
@dry_run_option
@json_option
def remove(data_yaml: Path, *, split: str | None, proposed: bool, dry_run: bool, json_: bool) -> None:
    """Remove exactly what yolobg added.

    Once all of it is removed, the folder is byte for byte as before (but for the pages of `yolobg evaluate`),
    and rejections from reviews are forgotten.

    DATA_YAML is the dataset's data.yaml, or a folder that holds one.
    """
    from yolobg.api import remove as take_back
    from yolobg.cli.text import remove_text

    show(take_back(data_yaml, split=split, proposed=proposed, dry_run=dry_run), remove_text, json_=json_)
