"""What is known of each background, gathered from the manifest and the catalogs for the report and the review."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from yolobg.changes.credits import Credit, credit_of
from yolobg.changes.manifest import absolute, run_key
from yolobg.changes.manifest_checks import check_entry, lies_inside
from yolobg.changes.records import Entry, Manifest, Run
from yolobg.dataset.dataset import Dataset
from yolobg.errors import YolobgError
from yolobg.files import staged_path
from yolobg.sources.catalog.catalog import Catalog
from yolobg.sources.catalog.open import find_catalog
from yolobg.sources.location import COCO2017, AnnotationSource, parse_source
from yolobg.sources.open_images import PARTS

__all__ = ["Card", "Catalogs", "cards_of"]


@dataclass(frozen=True, slots=True)
class Card:
    """One background as a person sees it.

    Attributes:
        image: As the manifest writes it.
        path: The file.
        split: Its split.
        entry: The manifest's entry; None for a background that was there before us.
        contains: The categories that the source annotates in it; None where the source cannot be asked.
        captions: Its captions, where the source has any.
        commercial: Whether its licence allows commercial use; None where that is not known.
    """

    image: str
    path: Path
    split: str
    entry: Entry | None
    contains: tuple[str, ...] | None = None
    captions: tuple[str, ...] = ()
    commercial: bool | None = None

    @property
    def title(self) -> str:
        """Short and to the point: the source and the number there, or the file's name."""
        return f"{self.entry.source} {self.entry.source_id}" if self.entry else self.path.name

    @property
    def credit(self) -> Credit:
        """Whom or what to name for it; without a name for a background that was there before us."""
        return credit_of(self.entry.author, self.entry.flickr_url) if self.entry else credit_of("", "")


class Catalogs:
    """The catalogs of the sources that a manifest names; each is opened once and none is ever downloaded.

    A context manager, for use from one thread.
    """

    def __init__(self) -> None:
        self._open: dict[tuple[str, str | None], Catalog | None] = {}

    def __enter__(self) -> Catalogs:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for catalog in self._open.values():
            if catalog is not None:
                catalog.close()
        self._open.clear()

    def of(self, entry: Entry, run: Run | None) -> Catalog | None:
        """The catalog of the entry's source, or None where it is not at hand."""
        annotations = run.options.get("annotations") if run else None
        named = {COCO2017.name: COCO2017, **PARTS}.get(entry.source)
        if annotations is None and named is None:
            return None
        key = (entry.source, annotations)
        if key not in self._open:
            self._open[key] = _find(named if annotations is None else parse_source(annotations, name=entry.source))
        return self._open[key]


def _find(source: AnnotationSource | None) -> Catalog | None:
    try:
        return find_catalog(source) if source else None
    except YolobgError:
        return None


def cards_of(
    entries: Sequence[Entry], manifest: Manifest, dataset: Dataset, catalogs: Catalogs, *, staging: Path | None = None
) -> list[Card]:
    """A card for each entry whose image is there; one that yolobg cannot have added is left out, and so not shown.

    In staging, one whose file was lost has a card too: it stops the others until somebody rejects it.

    Args:
        entries: The entries.
        manifest: Has their runs.
        dataset: Their dataset.
        catalogs: Those of their sources.
        staging: The folder in which the images lie; None where each is in its place.
    """

    def place(entry: Entry) -> Path:
        return absolute(entry.image, root) if staging is None else staged_path(staging, entry.source_id)

    root, runs = dataset.root, {run_key(run): run for run in manifest.runs}
    groups: dict[tuple[str, str, str, str], list[Entry]] = {}
    inside: dict[Path, bool] = {}

    def is_inside(folder: Path, of: Dataset) -> bool:
        if folder not in inside:
            inside[folder] = lies_inside(folder, of)
        return inside[folder]

    for entry in entries:
        if not check_entry(entry, dataset, is_inside=is_inside) and (staging is not None or place(entry).is_file()):
            groups.setdefault(run_key(entry), []).append(entry)
    cards: list[Card] = []
    for key, group in groups.items():
        catalog = catalogs.of(group[0], runs.get(key))
        try:
            cards += _described(group, place, catalog)
        except YolobgError:
            cards += _described(group, place, None)
    order = {entry.image: place for place, entry in enumerate(entries)}
    return sorted(cards, key=lambda card: order[card.image])


def _described(group: list[Entry], place: Callable[[Entry], Path], catalog: Catalog | None) -> list[Card]:
    told = catalog.describe([entry.source_id for entry in group]) if catalog else {}
    commercial = {row.id: row.commercial for row in catalog.licenses} if catalog else {}
    cards = []
    for entry in group:
        contains, captions = told.get(entry.source_id, (None, ()))
        allowed = commercial.get(entry.license) if entry.license is not None else None
        cards.append(Card(entry.image, place(entry), entry.split, entry, contains, captions, allowed))
    return cards
