"""Look before you train: the report, the contact sheet and the review page. Reads the dataset; `apply` changes it."""

from __future__ import annotations

from pathlib import Path

from yolobg.dataset.manifest import FOLDER

__all__ = ["report_path"]


def report_path(root: Path) -> Path:
    """Where the report of the dataset at `root` lies."""
    return root / FOLDER / "report.html"
