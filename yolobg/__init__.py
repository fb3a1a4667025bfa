"""yolobg adds background (negative) images to an existing YOLO dataset, safely.

The functions here are the commands of the command line: same names, same meanings, keyword options, frozen
dataclasses back. They print nothing and raise only `YolobgError`s on purpose.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from yolobg.version import __version__

if TYPE_CHECKING:
    from yolobg.api import augment, carry_out, classes, download, plan, preview, remove, status
    from yolobg.convert_results import ConvertReport
    from yolobg.errors import (
        AnnotationsError,
        DatasetError,
        DownloadError,
        LockedError,
        MergeError,
        NoAnswerError,
        PoolError,
        UnresolvedClassError,
        UsageError,
        YolobgError,
    )
    from yolobg.evaluation.evaluate import evaluate
    from yolobg.evaluation_results import Evaluation
    from yolobg.flow.options import Options
    from yolobg.flow.planning import Plan
    from yolobg.flow.settings_file import settings
    from yolobg.formats.convert import convert
    from yolobg.matching.matcher import match_classes
    from yolobg.results import ClassesReport, RemoveReport, Report

# Loaded on first use: importing yolobg in a training script costs nothing.
_HOMES = {
    "AnnotationsError": "yolobg.errors",
    "ClassesReport": "yolobg.results",
    "ConvertReport": "yolobg.convert_results",
    "DatasetError": "yolobg.errors",
    "DownloadError": "yolobg.errors",
    "Evaluation": "yolobg.evaluation_results",
    "LockedError": "yolobg.errors",
    "MergeError": "yolobg.errors",
    "NoAnswerError": "yolobg.errors",
    "Options": "yolobg.flow.options",
    "Plan": "yolobg.flow.planning",
    "PoolError": "yolobg.errors",
    "RemoveReport": "yolobg.results",
    "Report": "yolobg.results",
    "UnresolvedClassError": "yolobg.errors",
    "UsageError": "yolobg.errors",
    "YolobgError": "yolobg.errors",
    "augment": "yolobg.api",
    "carry_out": "yolobg.api",
    "classes": "yolobg.api",
    "convert": "yolobg.formats.convert",
    "download": "yolobg.api",
    "evaluate": "yolobg.evaluation.evaluate",
    "match_classes": "yolobg.matching.matcher",
    "plan": "yolobg.api",
    "preview": "yolobg.api",
    "remove": "yolobg.api",
    "settings": "yolobg.flow.settings_file",
    "status": "yolobg.api",
}

__all__ = [
    "AnnotationsError",
    "ClassesReport",
    "ConvertReport",
    "DatasetError",
    "DownloadError",
    "Evaluation",
    "LockedError",
    "MergeError",
    "NoAnswerError",
    "Options",
    "Plan",
    "PoolError",
    "RemoveReport",
    "Report",
    "UnresolvedClassError",
    "UsageError",
    "YolobgError",
    "__version__",
    "augment",
    "carry_out",
    "classes",
    "convert",
    "download",
    "evaluate",
    "match_classes",
    "plan",
    "preview",
    "remove",
    "settings",
    "status",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'yolobg' has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - importing yolobg must stay free

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
