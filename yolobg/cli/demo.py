"""`yolobg demo`."""

from __future__ import annotations

from pathlib import Path

import click

from yolobg.cli.options import PATH
from yolobg.cli.output import command, print_result, stderr_console

__all__ = ["demo"]


@command(example="yolobg demo try_yolobg")
@click.argument("folder", metavar="[DIR]", type=PATH, required=False)
def demo(folder: Path | None) -> None:
    """Try it offline on a sample dataset and source.

    DIR is a new or empty folder; a temporary one is created if it is left out.
    """
    import tempfile

    from yolobg.api import run_demo
    from yolobg.cli.demo_text import demo_text
    from yolobg.cli.progress import bars
    from yolobg.cli.text import augment_text

    place = folder or Path(tempfile.mkdtemp(prefix="yolobg-demo-"))
    with bars(stderr_console()) as progress:
        material, report = run_demo(place, progress=progress)
    print_result(augment_text(report), demo_text(material, report))
