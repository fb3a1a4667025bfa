"""What `mine` gives back: the fields of its `--json`."""

from __future__ import annotations

from dataclasses import dataclass

from yolobg.model import SCHEMA

__all__ = ["MiningReport"]


@dataclass(frozen=True, slots=True)
class MiningReport:
    """How far the scoring of a folder of shards is.

    Attributes:
        folder: The folder.
        images: How many images are in all of its shards.
        shards: How many shards it has.
        scored: How many of these have scores.
    """

    folder: str
    images: int
    shards: int
    scored: int
    schema: int = SCHEMA
