"""Writes `.yolobg/report.html`: gathers what is known, makes the small pictures, publishes the page in one step."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

from yolobg.dataset.manifest import Manifest
from yolobg.files import write_bytes
from yolobg.model import ClassMatch, Counts, DataYaml, Progress
from yolobg.report import SourceInfo
from yolobg.review import report_path
from yolobg.review.cards import Card, Catalogs, cards_of
from yolobg.review.report_page import Facts, Thumb, report_html
from yolobg.review.thumbs import shrink
from yolobg.threads import Pool

__all__ = ["BUDGET_BYTES", "write_report"]

BUDGET_BYTES = 9_300_000
"""What all small pictures of a report may take together, a tenth more at most; as text they take a third more."""

# Longer edge of a picture to the mean bytes of a COCO photograph at quality 68, with some room.
_BYTES_AT_EDGE = {320: 13_600, 256: 8_900, 208: 6_500, 168: 4_600, 136: 3_400, 112: 2_500, 80: 1_500, 56: 0}
QUALITY = 68
SLACK = 0.1
MOST_PICTURES = 5000
WORKERS = 4


def write_report(
    root: Path,
    data: DataYaml,
    manifest: Manifest,
    folders: tuple[Path, ...],
    *,
    splits: Mapping[str, Counts],
    classes: Sequence[ClassMatch] = (),
    source: SourceInfo | None = None,
    new: Collection[str] = (),
    warnings: Sequence[str] = (),
    progress: Progress,
) -> Path:
    """Write the report of a dataset; it appears whole or not at all. The caller holds the dataset's lock.

    Args:
        root: The dataset root; its `.yolobg` folder is there.
        data: The dataset.
        manifest: What yolobg added.
        folders: The folders of the dataset's splits.
        splits: What is in each split now.
        classes: What each class name excludes.
        source: What was left of the source.
        new: Images (as the manifest writes them) that the last run added.
        warnings: For a person to read.
        progress: Told about the stage `report`, in pictures.

    Raises:
        OSError: It cannot be written.
    """
    entries = sorted(manifest.entries, key=lambda entry: entry.added, reverse=True)
    with Catalogs() as catalogs:
        cards = cards_of(entries, manifest, root, folders, catalogs)
    facts = Facts(
        name=data.file.resolve().parent.name or str(data.file),
        data_yaml=str(data.file.absolute()),
        written=datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        splits=splits,
        classes=tuple(classes),
        source=source,
        cards=tuple(cards),
        new=frozenset(new),
        warnings=tuple(warnings),
    )
    with _pictures(cards, progress) as pictures:
        page = report_html(facts, lambda _card: next(pictures, None))
    path = report_path(root)
    write_bytes(path, page.encode("utf-8"))
    return path


@contextmanager
def _pictures(cards: Sequence[Card], progress: Progress) -> Iterator[Iterator[Thumb | None]]:
    """The small pictures in the order of the cards; they are made ahead while the page is written."""
    shown = cards[:MOST_PICTURES]
    edges = [edge for edge, size in _BYTES_AT_EDGE.items() if size * len(shown) <= BUDGET_BYTES]

    def told(pictures: Iterator[Thumb | None]) -> Iterator[Thumb | None]:
        spent = 0
        for done, picture in enumerate(pictures, 1):
            allowed = BUDGET_BYTES * (done / len(shown) + SLACK) - spent
            smaller = iter(edges[1:])
            while picture and len(picture.jpeg) > allowed and (edge := next(smaller, None)):
                picture = _shrunk(shown[done - 1], edge)  # noqa: PLW2901 - the same picture, smaller
            progress("report", done, len(shown))
            spent += len(picture.jpeg) if picture else 0
            yield picture

    # Pillow works outside Python's lock, so threads do make it faster.
    with Pool(max_workers=WORKERS) as pool:
        yield told(pool.map(lambda card: _shrunk(card, edges[0]), shown))


def _shrunk(card: Card, edge_px: int) -> Thumb | None:
    try:
        return Thumb(*shrink(card.path, edge_px=edge_px, quality=QUALITY))
    except OSError:
        return None
