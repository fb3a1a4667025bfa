"""`yolobg cache`: where the catalogs lie, build one, delete them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from yolobg.cli_base import answer, stderr_console

__all__ = ["cache_app"]

cache_app = typer.Typer(
    help="The catalogs that yolobg keeps between runs.", no_args_is_help=True, rich_markup_mode=None
)


@cache_app.command("path")
@answer
def cache_path() -> None:
    """Print where the catalogs lie."""
    from yolobg.coco.catalog_cache import cache_folder

    typer.echo(cache_folder())


@cache_app.command("build")
@answer
def cache_build(
    *,
    from_: Annotated[
        Path | None, typer.Option("--from", metavar="FOLDER_OR_ZIP", help="COCO's annotations on disk.")
    ] = None,
) -> None:
    """Build the catalog of COCO 2017 now."""
    from yolobg.cli_progress import bars
    from yolobg.coco.catalog_cache import build_from, open_catalog

    with bars(stderr_console()) as progress:
        if from_ is not None:
            build_from(from_, progress=progress)
        with open_catalog(progress=progress) as catalog:
            told = f"{catalog.images:,} images in {len(catalog.categories)} categories are ready"
    stderr_console().print(told)


@cache_app.command("clear")
@answer
def cache_clear() -> None:
    """Delete the catalogs."""
    from yolobg.coco.catalog_cache import clear_cache

    stderr_console().print(f"freed {clear_cache() / 1e6:,.1f} MB", markup=False, highlight=False)
