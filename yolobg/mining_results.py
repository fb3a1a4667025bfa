"""What a model that helps to choose found, and what `mine` gives back: fields of `--json`."""

from __future__ import annotations

from dataclasses import dataclass

from yolobg.model import SCHEMA

__all__ = ["Mined", "MinedImage", "MiningReport"]


@dataclass(frozen=True, slots=True)
class MinedImage:
    """What the model found in an image that `--hard` chose.

    `score` (0-1) is its highest confidence in a class of the dataset, `category` that class, `box` left, top, right and
    bottom in pixels. `rank` counts the images that were chosen because they fire; None for one of the random half.
    """

    source_id: int
    score: float
    category: str
    box: tuple[float, float, float, float]
    rank: int | None


@dataclass(frozen=True, slots=True)
class Mined:
    """How a model helped to choose.

    Attributes:
        model: The file name of the model.
        sha256: Of its content.
        imgsz: Side in pixels that images were resized to for it.
        min_score: The confidence (0-1) from which a detection counts: an image with one fires.
        scored: How many images of the source it looked at.
        fired: How many of them fire.
        near_duplicates: How many were left out as near-duplicates of one in the dataset or of a chosen one.
        round: The number of this run with a model in the split, starting at 1.
        reviewed: Whether a person looked at the images before they came in.
        images: What it found in each image that was chosen.
    """

    model: str
    sha256: str
    imgsz: int
    min_score: float
    scored: int
    fired: int
    near_duplicates: int
    round: int
    reviewed: bool
    images: tuple[MinedImage, ...]


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
