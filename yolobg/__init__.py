"""yolobg adds background (negative) images to an existing YOLO dataset, safely.

The functions here are the commands of the command line: same names, same meanings, keyword options, frozen
dataclasses back. They print nothing and raise only `YolobgError`s on purpose.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from yolobg.version import __version__

if TYPE_CHECKING:
    from yolobg.classes.matcher import match_classes
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
    from yolobg.execution import carry_out
    from yolobg.formats.convert import convert
    from yolobg.pipeline import augment, classes, plan, remove, status
    from yolobg.planning import Plan
    from yolobg.report import ClassesReport, ConvertReport, RemoveReport, Report
    from yolobg.request import Options
    from yolobg.standalone import download

# Loaded on first use: importing yolobg in a training script costs nothing.
_HOMES = {
    "AnnotationsError": "yolobg.errors",
    "ClassesReport": "yolobg.report",
    "ConvertReport": "yolobg.report",
    "DatasetError": "yolobg.errors",
    "DownloadError": "yolobg.errors",
    "LockedError": "yolobg.errors",
    "MergeError": "yolobg.errors",
    "NoAnswerError": "yolobg.errors",
    "Options": "yolobg.request",
    "Plan": "yolobg.planning",
    "PoolError": "yolobg.errors",
    "RemoveReport": "yolobg.report",
    "Report": "yolobg.report",
    "UnresolvedClassError": "yolobg.errors",
    "UsageError": "yolobg.errors",
    "YolobgError": "yolobg.errors",
    "augment": "yolobg.pipeline",
    "carry_out": "yolobg.execution",
    "classes": "yolobg.pipeline",
    "convert": "yolobg.formats.convert",
    "download": "yolobg.standalone",
    "match_classes": "yolobg.classes.matcher",
    "plan": "yolobg.pipeline",
    "remove": "yolobg.pipeline",
    "status": "yolobg.pipeline",
}

__all__ = [
    "AnnotationsError",
    "ClassesReport",
    "ConvertReport",
    "DatasetError",
    "DownloadError",
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
    "match_classes",
    "plan",
    "remove",
    "status",
]


class _Package(ModuleType):
    """This package, less one habit: importing a sub-package would put it in the place of the function of its name."""

    def __setattr__(self, name: str, value: object) -> None:
        # `yolobg.classes` and `yolobg.download` are functions to users; the rooms are found by their full names.
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'yolobg' has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - importing yolobg must stay free

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
