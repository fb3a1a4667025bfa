"""What can be said of a source without fetching its annotations.

A dry run on COCO goes by the index that ships; the classes of a source are known even where no image can be counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from yolobg.flow.candidates import source_of
from yolobg.flow.options import CAPTIONS, Options, Request
from yolobg.matching.matcher import excluded_categories, match_classes
from yolobg.model import Reading
from yolobg.results import ClassesReport, Report
from yolobg.sources.catalog.open import find_catalog
from yolobg.sources.open_images import official_categories
from yolobg.sources.resolve import FAST_WARNING, Source

__all__ = ["NO_OPEN_IMAGES", "offline_options", "offline_report", "uncounted"]

NO_OPEN_IMAGES = (
    "images are not counted: Open Images' lists are not in the cache; `yolobg cache add openimages` fetches them, 26 MB"
)
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
    """
    request = Request(**options)
    source = source_of(request).annotations
    if not source.official or source.open_images or request.recheck:
        return None
    catalog = find_catalog(source)
    if catalog is not None:
        catalog.close()
        return None
    evidence = [place for place in request.evidence if place != CAPTIONS]
    return options | Options(fast=True, license="any", evidence=evidence)


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
