"""yolobg adds background (negative) images to an existing YOLO dataset, safely.

The functions here are the commands of the command line: same names, same meanings, keyword options, frozen
dataclasses back. They print nothing and raise only `YolobgError`s on purpose.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from yolobg.classes.matcher import match_classes
    from yolobg.errors import YolobgError
    from yolobg.pipeline import augment, carry_out, classes, plan, remove, status

__version__ = "0.1.0"

# Loaded on first use: importing yolobg in a training script costs nothing.
_HOMES = {
    "YolobgError": "yolobg.errors",
    "augment": "yolobg.pipeline",
    "carry_out": "yolobg.pipeline",
    "classes": "yolobg.pipeline",
    "match_classes": "yolobg.classes.matcher",
    "plan": "yolobg.pipeline",
    "remove": "yolobg.pipeline",
    "status": "yolobg.pipeline",
}

__all__ = ["YolobgError", "__version__", "augment", "carry_out", "classes", "match_classes", "plan", "remove", "status"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'yolobg' has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - importing yolobg must stay free

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
