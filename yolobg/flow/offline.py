"""A dry run on COCO that fetches nothing: without its annotations in the cache, the index that ships has to do."""

from __future__ import annotations

from dataclasses import replace

from yolobg.flow.candidates import source_of
from yolobg.flow.options import CAPTIONS, Options, Request
from yolobg.results import Report
from yolobg.sources.catalog.open import find_catalog
from yolobg.sources.resolve import FAST_WARNING

__all__ = ["offline_options", "offline_report"]

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
    if not source.official or request.recheck:
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
