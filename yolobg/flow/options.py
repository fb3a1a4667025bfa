"""What a user asks of `augment`: the options of the command line as one checked value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypedDict

from yolobg.errors import UsageError
from yolobg.flow.selection import backgrounds_needed
from yolobg.model import Link, Progress, no_progress

__all__ = ["DEFAULT_RATIO", "Options", "Request", "parse_map_options"]

DEFAULT_RATIO = 0.10
MOST_JOBS = 256
LARGEST = 2**63


class Options(TypedDict, total=False):
    """The keyword options of `augment` and `plan`; every one can be left out.

    Attributes:
        ratio: Share (0-1) of backgrounds in the split afterwards; 0.10 when neither ratio nor count is given.
        count: Number of backgrounds in the split afterwards, instead of a ratio.
        split: Which split to add to.
        into: The folder that takes the files, where the split has several.
        source: The named source.
        annotations: A COCO-format instances file, as a path or address, instead of a named source.
        unlabelled: The images of the folder `source` hold none of the classes, whatever records lie beside them that
            were not understood; without it such records stop the run.
        images: Folders or base addresses that hold the source's images.
        map: Class name to the categories it stands for; an empty sequence for none.
        exclude: Further categories to leave out.
        license: `any`, `commercial`, or licence ids with commas between.
        link: How a local image comes into the dataset.
        seed: Which of the eligible images are chosen.
        jobs: Parallel downloads; None adapts.
        unmapped: What to do about a name that nothing resolves.
        lean: Keep images of the categories that a name only may stand for.
        captions: Leave out images whose captions name a class.
        recheck: Replace backgrounds of earlier runs that do not meet today's class names and options. Without ratio or
            count the split has as many backgrounds afterwards as before.
        report: Write `.yolobg/report.html`, a page to look at, after images were added.
        progress: Told how far each stage is.
    """

    ratio: float | str | None
    count: int | None
    split: str
    into: str | Path | None
    source: str
    annotations: str | Path | None
    unlabelled: bool
    images: Sequence[str | Path]
    map: Mapping[str, Sequence[str]]
    exclude: Sequence[str]
    license: str
    link: Link
    seed: int
    jobs: int | None
    unmapped: Literal["stop", "none"]
    lean: bool
    captions: bool
    recheck: bool
    report: bool
    progress: Progress


@dataclass(frozen=True)
class Request:
    """The options with their defaults, checked; the fields are described at `Options`.

    Raises:
        UsageError: An option is out of range or contradicts another.
    """

    ratio: float | str | None = None
    count: int | None = None
    split: str = "train"
    into: str | Path | None = None
    source: str = "coco2017"
    annotations: str | Path | None = None
    images: Sequence[str | Path] = ()
    map: Mapping[str, Sequence[str]] = field(default_factory=dict)
    exclude: Sequence[str] = ()
    license: str = "any"
    link: Link = "copy"
    seed: int = 0
    jobs: int | None = None
    unmapped: Literal["stop", "none"] = "stop"
    lean: bool = False
    captions: bool = True
    unlabelled: bool = False
    recheck: bool = False
    report: bool = True
    progress: Progress = no_progress

    def __post_init__(self) -> None:
        """Check each option as far as it can be checked without the dataset."""
        for name in ("count", "seed", "jobs"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or abs(value) > LARGEST):
                raise UsageError(f"{name}: {value!r} is not a whole number, or too large")
        if self.count is None and self.ratio is None and not self.recheck:
            object.__setattr__(self, "ratio", DEFAULT_RATIO)
        if self.has_target:
            # Asked here for the sake of its errors: a wrong target should be told before the dataset is read.
            backgrounds_needed(0, 0, ratio=self.ratio, count=self.count)
        if self.jobs is not None and not 1 <= self.jobs <= MOST_JOBS:
            raise UsageError(
                f"jobs: {self.jobs} is out of range; give 1 to {MOST_JOBS}, or leave it out to let it adapt"
            )
        _check_choice("link", self.link, ("copy", "hard", "symlink"))
        _check_choice("unmapped", self.unmapped, ("stop", "none"))
        # A single text is a sequence of letters, which is never what was meant.
        for name in ("images", "exclude"):
            if isinstance(getattr(self, name), (str, Path)):
                object.__setattr__(self, name, (getattr(self, name),))

    @property
    def has_target(self) -> bool:
        """Whether a ratio or a count is asked for; without one, `recheck` keeps the number there is."""
        return self.count is not None or self.ratio is not None


def _check_choice(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise UsageError(f"{name}: {value!r} is not one of {', '.join(allowed)}")


def parse_map_options(options: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """`NAME=CLASS[,CLASS]` and `NAME=none` as a map; a name may itself hold `=`.

    Raises:
        UsageError: An option has no `=`, or nothing on one side of it.
    """
    told: dict[str, tuple[str, ...]] = {}
    for option in options:
        name, equals, value = option.rpartition("=")
        classes = tuple(part.strip() for part in value.split(",") if part.strip())
        if not equals or not name.strip() or not classes:
            raise UsageError(f"--map {option}: expected NAME=CLASS, NAME=CLASS,CLASS or NAME=none")
        told[name.strip()] = () if [c.casefold() for c in classes] == ["none"] else classes
    return told
