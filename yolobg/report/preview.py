"""The page of a plan: the first images that it would add, with thumbnails, written before anything is added.

It lies in the cache folder, since a plan writes nothing into the dataset.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from yolobg.changes.credits import Credit, credit_of
from yolobg.errors import YolobgError
from yolobg.files import make_real_folder, write_bytes
from yolobg.flow.candidates import Choice
from yolobg.flow.planning import Plan
from yolobg.flow.preview import fetch_first
from yolobg.html.pages import render_page
from yolobg.html.thumbnails import Picture, embed
from yolobg.model import License, Progress, Staged, no_progress
from yolobg.report.page import expected_words
from yolobg.report.write import EDGE_PX, QUALITY, WORKERS
from yolobg.safe_names import safe_name
from yolobg.sources.cache_folder import PLANS, cache_folder
from yolobg.sources.catalog.open import open_catalog
from yolobg.threads import Pool
from yolobg.version import __version__

__all__ = ["MOST_SHOWN", "write_preview"]

MOST_SHOWN = 300
"""So many pictures a page holds: about 6 MB."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An image that would be added, as a person sees it."""

    title: str
    contains: tuple[str, ...]
    captions: tuple[str, ...]
    license: License | None
    credit: Credit
    why: str
    picture: Picture | None


def write_preview(plan: Plan, *, progress: Progress = no_progress) -> Path:
    """Fetch the first images of a plan and write the page that shows them; nothing in the dataset changes.

    Args:
        plan: The plan.
        progress: Called with how far each stage is.

    Returns:
        The page, in the cache folder; one for each dataset and split, which is replaced by the next.

    Raises:
        YolobgError: The images cannot be fetched, or the page cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix="yolobg-plan-") as folder:
        fetched = fetch_first(plan, Path(folder), most=MOST_SHOWN, progress=progress)
        candidates = _candidates(plan.choice, fetched.staged, progress) if plan.choice else ()
    report = plan.report
    page = render_page(
        "plan.html",
        "tokens.css",
        "report.css",
        report=report,
        candidates=candidates,
        failed=fetched.failed,
        expected=expected_words(report.source, report.target.needed),
        written=datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        version=__version__,
    )
    place = _place(plan)
    try:
        make_real_folder(place.parent)
        write_bytes(place, page.encode("utf-8"))
    except OSError as error:
        raise YolobgError(f"{place}: cannot be written: {error.strerror or error}; set YOLOBG_CACHE_DIR") from error
    return place


def _place(plan: Plan) -> Path:
    data = plan.dataset.data
    key = hashlib.sha256(f"{data.file.resolve()}\n{plan.request.split}".encode("utf-8", "surrogatepass")).hexdigest()
    return cache_folder() / PLANS / f"{safe_name(data.file.resolve().parent.name or 'dataset')}-{key[:12]}.html"


def _candidates(choice: Choice, staged: Sequence[Staged], progress: Progress) -> tuple[Candidate, ...]:
    ids = [one.record.id for one in staged]
    why: Mapping[int, str] = {one.source_id: one.why for one in choice.planned}
    with open_catalog(choice.source.annotations) as catalog:
        known = catalog.describe(ids)
    with Pool(max_workers=WORKERS) as pool:
        pictures = []
        for picture in pool.map(_picture, staged):
            pictures.append(picture)
            progress("report", len(pictures), len(staged))
    found = []
    for one, picture in zip(staged, pictures, strict=True):
        contains, captions = known.get(one.record.id, ((), ()))
        licence = choice.licenses.get(one.record.license) if one.record.license is not None else None
        found.append(
            Candidate(
                title=f"{choice.source.name} {one.record.id}",
                contains=contains,
                captions=captions,
                license=licence,
                credit=credit_of(one.record.author, one.record.flickr_url),
                why=why.get(one.record.id, "in place of one that cannot be used"),
                picture=picture,
            )
        )
    return tuple(found)


def _picture(staged: Staged) -> Picture | None:
    return embed(Path(staged.path), edge_px=EDGE_PX, quality=QUALITY)
