"""`yolobg cache`: where the catalogs lie, build one, delete them."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated

import typer

from yolobg.cli.output import answer, stderr_console

__all__ = ["cache_app"]

cache_app = typer.Typer(
    help="The catalogs that yolobg keeps between runs.", no_args_is_help=True, rich_markup_mode=None
)


@cache_app.command("path")
@answer
def cache_path() -> None:
    """Print where the catalogs lie, and to standard error how large each is and when it was last used."""
    from yolobg.cli.text import clean
    from yolobg.sources.catalog.open import cache_entries, cache_folder, last_use

    typer.echo(cache_folder())
    entries = cache_entries()
    for entry in entries:
        day = datetime.fromtimestamp(last_use(entry), timezone.utc).date()
        told = f"{entry.size_bytes / 1e6:>10,.1f} MB  last used {day}  {clean(entry.source or entry.name, 200)}"
        typer.echo(told, err=True)
    typer.echo(f"{sum(entry.size_bytes for entry in entries) / 1e6:>10,.1f} MB in all", err=True)


@cache_app.command("build")
@answer
def cache_build(
    *,
    from_: Annotated[
        Path | None, typer.Option("--from", metavar="FOLDER_OR_ZIP", help="COCO's annotations on disk.")
    ] = None,
) -> None:
    """Build the catalog of COCO 2017 now."""
    from yolobg.cli.progress import bars
    from yolobg.sources.catalog.open import build_from, open_catalog

    with bars(stderr_console()) as progress:
        if from_ is not None:
            build_from(from_, progress=progress)
        with open_catalog(progress=progress) as catalog:
            told = f"{catalog.images:,} images in {len(catalog.categories)} categories are ready"
    stderr_console().print(told)


@cache_app.command("clear")
@answer
def cache_clear(
    *, unused: Annotated[bool, typer.Option("--unused", help="Only those that nothing has used for 90 days.")] = False
) -> None:
    """Delete the catalogs."""
    from yolobg.sources.catalog.open import clear_cache, clear_unused

    freed = clear_unused() if unused else clear_cache()
    stderr_console().print(f"freed {freed / 1e6:,.1f} MB", markup=False, highlight=False)
