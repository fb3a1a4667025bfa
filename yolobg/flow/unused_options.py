"""Options that a run has no use for, because nothing is to be added: they are checked nevertheless.

A mistyped source or class must not pass as "nothing to do", to fail on the day on which images are missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from yolobg.changes.records import Manifest
from yolobg.errors import UsageError
from yolobg.flow.candidates import source_of
from yolobg.flow.criteria import further_categories
from yolobg.flow.evidence import find_evidence
from yolobg.flow.options import Request, stored_options
from yolobg.matching.matcher import match_classes
from yolobg.model import Category, DataYaml, Progress
from yolobg.sources.catalog.catalog import parse_license
from yolobg.sources.catalog.open import find_catalog
from yolobg.sources.open_images import official_categories
from yolobg.sources.resolve import Source

__all__ = ["check_unused"]

# What a run may be asked for without another source or other images being meant.
_TARGET = frozenset(("ratio", "count", "recheck", "to", "trim", "report", "jobs", "split", "into", "link", "seed"))


def check_unused(request: Request, data: DataYaml, manifest: Manifest, progress: Progress) -> None:
    """Check the options about the source and the classes of a run that will not use them.

    What an earlier run has used is not looked at again: its source may be gone since, and is not needed. Nothing is
    fetched: of an address, only the form is checked.

    Raises:
        YolobgError: One of them would stop a run that has something to add.
    """
    asked = _about_source(stored_options(request))
    if any(asked == _about_source(run.options) for run in manifest.runs):
        return
    source = source_of(request)
    find_evidence(request.evidence, progress=progress)
    catalog = None if _is_address(source) else find_catalog(source.annotations, progress=progress)
    if catalog is not None:
        with catalog:
            _check_words(request, data, source, catalog.categories)
            parse_license(request.license, catalog.licenses)
    elif source.annotations.official:
        _check_words(request, data, source, official_categories(source.annotations))
        _check_license_form(request.license)
    else:
        _check_keys(request, data)


def _about_source(options: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in options.items() if name not in _TARGET}


def _is_address(source: Source) -> bool:
    return source.annotations.remote and not source.annotations.official


def _check_words(request: Request, data: DataYaml, source: Source, categories: Sequence[Category]) -> None:
    """The words of `--map` and `--exclude`, against the dataset's classes and the source's categories."""
    if source.plain:
        return
    if request.map:
        match_classes(data.names, user_map=request.map, categories=categories, readings=data.readings)
    further_categories(request.exclude, categories)


def _check_keys(request: Request, data: DataYaml) -> None:
    """The class names of `--map`, where the source's categories are not known."""
    match_classes(data.names, user_map=dict.fromkeys(request.map, ()), readings=data.readings)


def _check_license_form(text: str) -> None:
    parts = [part.strip() for part in text.split(",")]
    if text.strip().lower() not in ("any", "commercial") and not all(part.isdecimal() for part in parts):
        raise UsageError(f"--license {text}: expected any, commercial, or licence ids with commas between, as 4,5")
