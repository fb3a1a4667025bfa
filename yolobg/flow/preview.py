"""The first images of a plan, fetched into a folder of their own, to be looked at before anything is added."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from yolobg.flow.duplicates import Doubles
from yolobg.flow.planning import Plan
from yolobg.images import FetchResult, fetch_images
from yolobg.model import Progress
from yolobg.sources.catalog.open import open_catalog

__all__ = ["fetch_first"]


def fetch_first(plan: Plan, folder: Path, *, most: int, progress: Progress) -> FetchResult:
    """Fetch the first images that carrying out the plan would add; the dataset is only read.

    Args:
        plan: The plan.
        folder: An empty folder for them, outside the dataset.
        most: How many at most.
        progress: Called with how far it is.

    Raises:
        YolobgError: They cannot be fetched.
    """
    choice = plan.choice
    if choice is None:
        return FetchResult((), ())
    with open_catalog(choice.source.annotations) as catalog:
        return fetch_images(
            catalog.records(choice.ranked),
            needed=min(most, plan.target.needed),
            # Copies, so that nothing of the source is behind a link in a folder that is deleted.
            origin=replace(choice.source.origin, link="copy"),
            staging=folder,
            jobs=plan.request.jobs,
            accept=Doubles(choice.known).refuse,
            progress=progress,
        )
