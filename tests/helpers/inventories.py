"""Shared by tests: POSIX, choose, make."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from yolobg.dataset.data_yaml import read_data_yaml
from yolobg.dataset.inventory import Destination, choose_destination, scan_split
from yolobg.model import DataYaml

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="POSIX only")


def make(
    root: Path, train: str = "images/train", *, images: Sequence[str] = (), labels: dict[str, str] | None = None
) -> DataYaml:
    """A dataset whose images are empty files: the scan never opens them."""
    root.mkdir(exist_ok=True)
    for name in images:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")
    for name, content in (labels or {}).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content, encoding="utf-8")
    (root / "data.yaml").write_text(f"names: [cat, dog]\ntrain: {train}\nval:\n", encoding="utf-8")
    return read_data_yaml(root, cwd=root)


def choose(data: DataYaml, into: str | None = None) -> Destination:
    cwd = data.file.parent
    return choose_destination(data, scan_split(data, "train", cwd=cwd), into=Path(into) if into else None, cwd=cwd)
