"""What can be said of a source without fetching its annotations.

A dry run on COCO goes by the index that ships; the classes of a source are known even where no image can be counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from yolobg.errors import AnnotationsError
from yolobg.flow.candidates import source_of
from yolobg.flow.options import CAPTIONS, Options, Request
from yolobg.matching.matcher import excluded_categories, match_classes
from yolobg.model import Reading
from yolobg.results import ClassesReport, Report
from yolobg.sources.catalog.open import find_catalog, is_ready
from yolobg.sources.open_images import OPEN_IMAGES_TRAIN, lists_mb, official_categories
from yolobg.sources.resolve import FAST_WARNING, Source

__all__ = ["offline_options", "offline_report", "refuse_to_fetch", "uncounted", "without_lists"]

_NOT_CHECKED = (
    "dry run without COCO's annotations, which the run itself fetches first (165 MB, once; --fast does without them): "
    "counted by the index that ships with yolobg, so captions{licences} were not checked and a few images fewer may be "
    "eligible"
)


def offline_options(options: Options) -> Options | None:
    """The same options by the index that ships with yolobg; None where nothing would have to be fetched, or must be.

    Args:
        options: Those of a dry run.

    Raises:
        UsageError: An option is out of range or contradicts another.
        AnnotationsError: Nothing can be said without lists that are too large for a dry run to fetch.
    """
    request = Request(**options)
    source = source_of(request).annotations
    refuse_to_fetch(request)
    if not source.official or source.open_images or request.recheck:
        return None
    catalog = find_catalog(source)
    if catalog is not None:
        catalog.close()
        return None
    evidence = [place for place in request.evidence if place != CAPTIONS]
    return options | Options(fast=True, license="any", evidence=evidence)


def refuse_to_fetch(request: Request) -> None:
    """Say what the run would fetch first, where that is too large for a dry run.

    Raises:
        AnnotationsError: It would fetch it, and nothing can be said without.
    """
    source = source_of(request).annotations
    if source == OPEN_IMAGES_TRAIN and not is_ready(source):
        raise AnnotationsError(
            f"{source.name}: its lists are not in the cache, so a dry run cannot say what would be added. The run "
            f"itself fetches them first ({lists_mb(source)}, once); so does `yolobg cache add {source.name}`"
        )


def offline_report(report: Report, options: Options) -> Report:
    """The report of such a dry run, with what it could not check in place of what --fast does not.

    Args:
        report: Of the plan made with what `offline_options` gave.
        options: What was asked for.
    """
    if report.source is None:
        return report
    licences = "" if options.get("license", "any").strip().lower() == "any" else f" and {options['license']} licences"
    warnings = tuple(warning for warning in report.warnings if warning != FAST_WARNING)
    return replace(report, warnings=(_NOT_CHECKED.format(licences=licences), *warnings))


def without_lists(source: Source) -> str:
    """What to say of a part of Open Images whose lists are not in the cache."""
    name = source.annotations.name
    return (
        f"images are not counted: the lists of {name} are not in the cache; `yolobg cache add {name}` fetches them, "
        f"{lists_mb(source.annotations)}"
    )


def uncounted(
    source: Source,
    names: Sequence[str] | Mapping[int, str],
    request: Request,
    readings: Mapping[int, Sequence[Reading]] | None,
    warnings: tuple[str, ...],
) -> ClassesReport:
    """What class names exclude in an official source whose images cannot be counted.

    Args:
        source: The source.
        names: As for `match_classes`.
        request: The options.
        readings: As for `match_classes`.
        warnings: Why they cannot be counted, and what else to say.
    """
    known = official_categories(source.annotations)
    matches = match_classes(names, user_map=request.map, categories=known, readings=readings)
    return ClassesReport(matches, tuple(sorted(excluded_categories(matches, lean=request.lean))), None, warnings)
