"""The error tree; every error carries the exit code of the command-line contract.

YolobgError                 1   anything else that a user can correct
├── UsageError              2   options that contradict each other or make no sense
├── DatasetError            3   the dataset, its data.yaml or its manifest cannot be used
├── AnnotationsError        3   the COCO-format source cannot be used
├── NoAnswerError           4   the request cannot be met
│   ├── UnresolvedClassError    a class name could not be resolved
│   └── PoolError               fewer eligible images than needed
├── DownloadError           5   the images or the archive could not be fetched
└── MergeError              6   the dataset could not be changed
    └── LockedError             another yolobg has locked the dataset

A message says what, which path or key, what was expected and what to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from yolobg.model import ClassMatch

__all__ = [
    "AnnotationsError",
    "DatasetError",
    "DownloadError",
    "LockedError",
    "MergeError",
    "NoAnswerError",
    "PoolError",
    "UnresolvedClassError",
    "UsageError",
    "YolobgError",
]


class YolobgError(Exception):
    """Root of everything yolobg raises on purpose."""

    exit_code: ClassVar[int] = 1


class UsageError(YolobgError):
    """The options contradict each other or make no sense."""

    exit_code = 2


class DatasetError(YolobgError):
    """The user's dataset, its data.yaml or its manifest cannot be used."""

    exit_code = 3


class AnnotationsError(YolobgError):
    """The source (COCO-format annotations, archive, folder) cannot be used."""

    exit_code = 3


class NoAnswerError(YolobgError):
    """The request cannot be met."""

    exit_code = 4


class UnresolvedClassError(NoAnswerError):
    """Some class names could not be resolved, so no image may be chosen.

    Attributes:
        matches: The matches that stopped the run (status `opaque` or `unknown`).
    """

    def __init__(self, message: str, matches: tuple[ClassMatch, ...] = ()) -> None:
        super().__init__(message)
        self.matches = matches


class PoolError(NoAnswerError):
    """Fewer eligible images than needed."""


class DownloadError(YolobgError):
    """Images or annotations could not be fetched."""

    exit_code = 5


class MergeError(YolobgError):
    """The dataset could not be changed. It is valid; the message says whether anything was left unfinished."""

    exit_code = 6


class LockedError(MergeError):
    """Another yolobg process has locked this dataset."""
