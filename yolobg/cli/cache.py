"""`yolobg cache`: where the catalogs lie, build one, delete them."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import click

from yolobg.cli.options import PATH
from yolobg.cli.output import HELP_NAMES, command, print_result, stderr_console
from yolobg.sources.location import OPEN_IMAGES_NAMES
from yolobg.wording import agreeing, counted

if TYPE_CHECKING:
    from yolobg.sources.catalog.catalog import Catalog

__all__ = ["cache"]


@click.group(context_settings=HELP_NAMES)
def cache() -> None:
    """List, build and clear what yolobg keeps between runs."""


@command(name="path")
def cache_path() -> None:
    """Print where the catalogs are, and to standard error how large each is and when it was last used."""
    from yolobg.cli.text import clean
    from yolobg.flow.held_out_images import held_out_size
    from yolobg.scoring.stored import scores_size
    from yolobg.sources.cache_folder import SCORES, cache_folder
    from yolobg.sources.catalog.open import cache_entries, last_use

    click.echo(cache_folder())
    entries = cache_entries()
    for entry in entries:
        day = datetime.fromtimestamp(last_use(entry), timezone.utc).date()
        told = f"{entry.size_bytes / 1e6:>10,.1f} MB  last used {day}  {clean(entry.source or entry.name, 200)}"
        click.echo(told, err=True)
    scores = scores_size(cache_folder() / SCORES)
    if scores:
        click.echo(f"{scores / 1e6:>10,.1f} MB  what models found in images, for `yolobg evaluate`", err=True)
    images = held_out_size()
    if images:
        click.echo(f"{images / 1e6:>10,.1f} MB  images that models are measured on, for `yolobg evaluate`", err=True)
    total = scores + images + sum(entry.size_bytes for entry in entries)
    click.echo(f"{total / 1e6:>10,.1f} MB in total", err=True)


@command(name="build", example="yolobg cache build --from annotations_trainval2017.zip")
@click.option(
    "--from", "from_", metavar="FOLDER_OR_ZIP", type=PATH, help="COCO's annotations, or Open Images' lists, on disk."
)
def cache_build(*, from_: Path | None) -> None:
    """Build the catalog of COCO 2017 now, or that of Open Images from its lists in a folder."""
    from yolobg.cli.progress import bars
    from yolobg.cli.text import clean
    from yolobg.sources.catalog.index_check import index_differences
    from yolobg.sources.catalog.open import build_from, open_catalog
    from yolobg.sources.location import COCO2017

    told, differences = list[str](), ""
    with bars(stderr_console()) as progress:
        for source in (COCO2017,) if from_ is None else build_from(from_, progress=progress):
            with open_catalog(source, progress=progress) as catalog:
                ready = f"{_size(catalog)} ready"
                told.append(ready if source == COCO2017 else f"{source.name}: {ready} for --source {source.name}")
                differences = index_differences(catalog) if source == COCO2017 else ""
    for line in told:
        print_result(line)
    if differences:
        click.echo(
            f"yolobg: warning: the index that --fast uses differs from these annotations: {clean(differences)}; please "
            "report this",
            err=True,
        )


@command(name="add", example="yolobg cache add lvis")
@click.argument("what", type=click.Choice(["lvis", *OPEN_IMAGES_NAMES]))
def cache_add(*, what: str) -> None:
    """Fetch LVIS v1 (415 MB) for `--evidence lvis`, or the lists of Open Images for `--source`.

    Those of `openimages` are 26 MB, those of `openimages-train` 1,015 MB.

    A download that was cut off continues.
    """
    from yolobg.cli.progress import bars
    from yolobg.sources.catalog.open import add_lvis, open_catalog
    from yolobg.sources.open_images import PARTS

    if what in PARTS:
        with bars(stderr_console()) as progress, open_catalog(PARTS[what], progress=progress) as catalog:
            told = f"{_size(catalog)} ready for --source {what}"
        print_result(f"{what}: {told}")
        return
    with bars(stderr_console()) as progress:
        files = add_lvis(progress=progress)
    images, categories = sum(len(file.names) for file in files), max(len(file.categories) for file in files)
    print_result(f"{what}: {images:,} images in {categories:,} categories are ready for --evidence {what}")


@command(name="clear", example="yolobg cache clear --unused")
@click.option("--unused", is_flag=True, help="Only those not used for 90 days.")
def cache_clear(*, unused: bool) -> None:
    """Delete the catalogs, the images that models are measured on, and what models found in images."""
    from yolobg.flow.held_out_images import clear_held_out
    from yolobg.scoring.stored import clear_scores
    from yolobg.sources.cache_folder import SCORES, cache_folder
    from yolobg.sources.catalog.open import clear_cache, clear_unused

    freed = clear_unused() if unused else clear_cache() + clear_scores(cache_folder() / SCORES) + clear_held_out()
    print_result(f"freed {freed / 1e6:,.1f} MB")


for each in (cache_path, cache_build, cache_add, cache_clear):
    cache.add_command(each)


def _size(catalog: Catalog) -> str:
    images, categories = catalog.images, len(catalog.categories)
    return f"{counted(images, 'image')} in {counted(categories, 'category')} {agreeing(images, 'are')}"
