"""A value that is not the default for each option of a run, made from the type of its field."""

from __future__ import annotations

from dataclasses import Field, fields
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from yolobg.flow.options import HINTS, Request

# Those whose type allows more than the option does, or that a path or an address says more about.
NAMED: dict[str, Any] = {
    "source": "pool",
    "every": "500ms",
    "annotations": "source/instances_x.json",
    "images": ("pool", "https://example.org/images"),
    "map": {"lorry": ("truck", "car"), "pothole": ()},
    "license": "commercial",
    "evidence": ("captions", "source/e.json"),
}
# What only makes sense beside another.
NEEDED: dict[str, Any] = {"verified": {"evidence": ("source/e.json",)}}
# What contradicts another of them: a ratio excludes a count, a recheck excludes trimming, `fast` knows no licences,
# captions are on where they are evidence, and `to` has no folder of the split.
CONTRADICTING = ("ratio", "fast", "captions", "trim", "to")


def is_path(name: str) -> bool:
    """Whether an option is a path and nothing else."""
    return Path in get_args(HINTS[name]) and name not in NAMED


def _other(option: Field[Any]) -> Any:
    hint, parts = HINTS[option.name], get_args(HINTS[option.name])
    if option.name in NAMED:
        return NAMED[option.name]
    if get_origin(hint) is Literal:
        return parts[-1]
    if Path in parts:
        return f"places/{option.name}"
    if get_origin(hint) is not None and str in parts and type(None) not in parts:
        return (f"one {option.name}", f"another {option.name}")
    for kind, value in ((bool, not option.default), (int, 7), (float, 0.125), (str, f"another {option.name}")):
        if kind in (hint, *parts):
            return value
    # For whoever adds an option of a new type: no value that is made up would test it.
    raise NotImplementedError(f"{option.name}: name a value of it")


OTHER: dict[str, Any] = {option.name: _other(option) for option in fields(Request)}
TOGETHER = {name: value for name, value in OTHER.items() if name not in CONTRADICTING}
