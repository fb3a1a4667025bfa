"""What a run was asked for, written down and read again, so that its images can be checked or replaced."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from yolobg.changes.records import Basis, Entry, Mining, Run
from yolobg.flow.options import Request, request_of, stored_options
from yolobg.mining_results import Mined, MinedImage
from yolobg.results import Added
from yolobg.sources.resolve import Source

__all__ = ["added_of", "mined_of", "names_source_of", "request_again", "run_record"]


def run_record(
    request: Request,
    source: Source,
    images_dir: Path,
    *,
    added: str,
    data: str,
    basis: Basis | None = None,
    mining: Mining | None = None,
    alike: Mapping[str, tuple[int, ...]] = MappingProxyType({}),
) -> Run:
    """The record of a run.

    Args:
        request: What was asked.
        source: What it meant.
        images_dir: The folder that took the images.
        added: The time that the run's entries carry.
        data: The name of the data.yaml that they carry.
        basis: What the choice rested on.
        mining: The model that helped to choose.
        alike: Each look-alike to the ids of the images with it, where such were preferred.
    """
    options = stored_options(request)
    if request.into is not None:
        options["into"] = str(images_dir)
    return Run(
        added=added,
        split=request.split,
        source=source.name,
        options=options,
        basis=basis,
        data=data,
        mining=mining,
        alike=dict(alike),
        # Nobody has: what a review brings in says so later.
        reviewed=False if source.origin.frames else None,
    )


def names_source_of(request: Request, run: Run) -> bool:
    """Whether a request names the source of a run, by the place of its annotations or images."""
    asked = stored_options(request)
    return all(asked.get(name) == run.options.get(name) for name in ("annotations", "source"))


def request_again(run: Run, *, count: int | None = None) -> Request:
    """The request of an earlier run with another target: `count` backgrounds in the split afterwards.

    The model of a run with `--hard` is left out: it says nothing about which images qualify, and the file may be gone.

    Raises:
        UsageError: The record was edited and holds values that no run can have.
    """
    without = Request()
    of_model = {name: getattr(without, name) for name in ("hard", "hard_share", "min_score", "pool", "scores")}
    return request_of(run.options, count=count, report=False, recheck=False, **of_model)


def mined_of(mining: Mining | None) -> Mined | None:
    """How a model helped to choose, as the reports show it."""
    if mining is None:
        return None
    return Mined(
        model=mining.model,
        sha256=mining.sha256,
        imgsz=mining.imgsz,
        min_score=mining.min_score,
        scored=mining.scored,
        fired=mining.fired,
        near_duplicates=mining.near,
        round=mining.round,
        reviewed=mining.reviewed,
        images=tuple(
            MinedImage(one.source_id, one.score, one.category, one.box, one.rank or None) for one in mining.found
        ),
    )


def added_of(entry: Entry) -> Added:
    """A manifest entry as the reports show it."""
    return Added(
        image=entry.image,
        label=entry.label,
        source_id=entry.source_id,
        url=entry.url,
        license=entry.license,
        flickr_url=entry.flickr_url,
        sha256=entry.sha256,
        bytes=entry.bytes,
    )
