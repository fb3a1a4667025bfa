"""What the annotations of the sample's source say."""

from __future__ import annotations

import json
from pathlib import Path

__all__ = ["held"]


def held(sample: Path) -> dict[int, set[str]]:
    """Image id to the names of what it holds."""
    records = json.loads((sample / "source/annotations/instances_sample.json").read_text())
    names = {row["id"]: row["name"] for row in records["categories"]}
    found: dict[int, set[str]] = {row["id"]: set() for row in records["images"]}
    for row in records["annotations"]:
        found[row["image_id"]].add(names[row["category_id"]])
    return found
