"""Carry out a plan with `--to`: make the derived dataset first, then work on it as on any other."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from yolobg.changes.derived_files import drop_derived, drop_folders, make_folders, write
from yolobg.changes.lock import hold
from yolobg.dataset.dataset import Dataset, open_dataset
from yolobg.flow.derived import Derived, derive

__all__ = ["in_derived"]

T = TypeVar("T")


def in_derived(derived: Derived, work: Callable[[Dataset], T]) -> T:
    """Write the derived dataset's data.yaml and do the work on it; if that fails, a new one is taken back.

    Args:
        derived: What has to be written.
        work: Called with the dataset while it is held.

    Raises:
        YolobgError: It cannot be written, or what `work` raises.
    """
    made = make_folders(derived.folder)
    try:
        with hold(derived.folder):
            # Another process may have come first; what it made is not ours to take back.
            derived = derive(derived.original, derived.folder, derived.split, made=made)
            try:
                if derived.content is not None:
                    write(derived.folder, derived.splits, derived.content)
                return work(open_dataset(derived.file))
            except BaseException:
                if derived.is_new:
                    drop_derived(derived.folder)
                raise
    except BaseException:
        drop_folders(derived.folder, made)
        raise
