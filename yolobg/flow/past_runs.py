"""What a run was asked for, written down and read again, so that a rejected image can be replaced; what it added."""

from __future__ import annotations

import os
from pathlib import Path

from yolobg.changes.records import Basis, Entry, Run
from yolobg.flow.options import Request
from yolobg.model import Progress
from yolobg.net.addresses import bare_url
from yolobg.results import Added
from yolobg.sources.location import COCO2017, bare_source, is_url, split_member
from yolobg.sources.resolve import Source

__all__ = ["added_of", "names_source_of", "request_again", "run_record"]


def run_record(
    request: Request, source: Source, images_dir: Path, *, added: str, data: str, basis: Basis | None = None
) -> Run:
    """The record of a run, with every path absolute: it is read from other current folders.

    Of an address the user, password and query are left out: they may be secrets, and a dataset is passed on.

    Args:
        request: What was asked.
        source: What it meant.
        images_dir: The folder that took the images.
        added: The time that the run's entries carry.
        data: The name of the data.yaml that they carry.
        basis: What the choice rested on.
    """
    folder = _folder(request)
    return Run(
        added=added,
        split=request.split,
        source=source.name,
        annotations=_annotations(request),
        images=() if folder else tuple(str(place) for place in source.origin.folders) + _bases(request, source),
        into=str(images_dir) if request.into is not None else None,
        map={name: tuple(categories) for name, categories in request.map.items()},
        exclude=tuple(request.exclude),
        license=request.license,
        link=request.link,
        seed=request.seed,
        jobs=request.jobs,
        unmapped=request.unmapped,
        lean=request.lean,
        captions=request.captions,
        folder=folder,
        unlabelled=request.unlabelled,
        basis=basis,
        data=data,
    )


def names_source_of(request: Request, run: Run) -> bool:
    """Whether a request names the source of a run, by the place of its annotations or images."""
    return (_annotations(request), _folder(request)) == (run.annotations, run.folder)


def _annotations(request: Request) -> str | None:
    return _absolute(str(request.annotations)) if request.annotations is not None else None


def _folder(request: Request) -> str | None:
    """The folder that is the source; None for annotations and for the named source."""
    if request.annotations is not None or request.source == COCO2017.name:
        return None
    return os.path.abspath(Path(request.source).expanduser())  # noqa: PTH100 - as for annotations


def _bases(request: Request, source: Source) -> tuple[str, ...]:
    return tuple(map(bare_url, source.origin.bases)) if request.images else ()


def _absolute(annotations: str) -> str:
    if is_url(annotations):
        return bare_source(annotations)
    container, member = split_member(annotations)
    path = os.path.abspath(Path(container).expanduser())  # noqa: PTH100 - links stay as written: names come from them
    return f"{path}!{member}" if member else path


def request_again(run: Run, *, count: int, report: bool, progress: Progress) -> Request:
    """The request of an earlier run with another target: `count` backgrounds in the split afterwards.

    Raises:
        UsageError: The record was changed by somebody, and holds what cannot be asked.
    """
    return Request(
        count=count,
        split=run.split,
        into=run.into,
        source=run.folder or COCO2017.name,
        annotations=run.annotations,
        images=run.images,
        map=run.map,
        exclude=run.exclude,
        license=run.license,
        link=run.link,
        seed=run.seed,
        jobs=run.jobs,
        unmapped=run.unmapped,
        lean=run.lean,
        captions=run.captions,
        unlabelled=run.unlabelled,
        report=report,
        progress=progress,
    )


def added_of(entry: Entry) -> Added:
    """A manifest entry as the reports tell it."""
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
