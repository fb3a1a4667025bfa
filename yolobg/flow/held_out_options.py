"""The options of `augment` that `evaluate` takes too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypedDict

from yolobg.flow.option_values import CocoObject
from yolobg.flow.options import Unmapped

__all__ = ["HeldOutOptions"]


class HeldOutOptions(TypedDict, total=False):
    """The fields of `Request` that say which images of COCO models are measured on, and how they are fetched."""

    annotations: str | Path | CocoObject | None
    map: Mapping[str, Sequence[str]]
    exclude: Sequence[str]
    jobs: int | None
    unmapped: Unmapped
    lean: bool
    captions: bool
    evidence: Sequence[str | Path]
    verified: bool
