"""What `convert` gives back: the fields of its `--json`."""

from __future__ import annotations

from dataclasses import dataclass

from yolobg.model import SCHEMA
from yolobg.wording import in_words, one_line

__all__ = ["ConvertReport", "FormatCounts", "Renamed"]


@dataclass(frozen=True, slots=True)
class FormatCounts:
    """What a dataset holds, as `convert` counts it.

    `images` includes `backgrounds`, the images without an object; `boxes` and `polygons` are the objects, of which
    `key_points` have key points and `masks` a run-length mask beside the box. Crowd regions are no objects. `splits`
    maps a split to its images, `classes` an id to its name.
    """

    images: int
    backgrounds: int
    boxes: int
    polygons: int
    masks: int
    key_points: int
    crowds: int
    splits: dict[str, int]
    classes: dict[int, str]


@dataclass(frozen=True, slots=True)
class Renamed:
    """An image whose name the target format could not hold beside another one's."""

    split: str
    name: str
    to: str


@dataclass(frozen=True, slots=True)
class ConvertReport:
    """What `convert` read, did on purpose and wrote.

    Attributes:
        source: What was converted, and its format.
        target: Where it lies now, and its format.
        before: What the source holds.
        after: What was counted in the target, read back from disk.
        changes: What was changed because it was asked for, one sentence each.
        renamed: Images with a new name.
        deviation: The largest difference of a coordinate between the two, as a share (0-1) of the image's size.
        images: How the images came into the target.
    """

    source: str
    source_format: str
    target: str
    target_format: str
    before: FormatCounts
    after: FormatCounts
    changes: tuple[str, ...]
    renamed: tuple[Renamed, ...]
    deviation: float
    images: str
    warnings: tuple[str, ...] = ()
    schema: int = SCHEMA

    def __repr__(self) -> str:
        return one_line("ConvertReport", *self._figures())

    def _figures(self) -> tuple[str, ...]:
        return (
            f"{self.source_format} -> {self.target_format}",
            f"images={self.after.images:,}",
            f"backgrounds={self.after.backgrounds:,}",
            f"boxes={self.after.boxes:,}" if self.after.boxes else "",
            f"polygons={self.after.polygons:,}" if self.after.polygons else "",
            f"renamed={len(self.renamed):,}" if self.renamed else "",
            f"warnings={len(self.warnings):,}" if self.warnings else "",
        )

    def _repr_html_(self) -> str | None:
        """What was counted before and after, for a notebook."""
        from yolobg.html.notebook import render_result  # noqa: PLC0415 - for notebooks alone

        return render_result(
            "convert_notebook.html", line=in_words(*self._figures()), warnings=self.warnings, report=self
        )
