"""Files of evidence for tests: what was found in each image, what was verified to be absent from it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any


def evidence(
    categories: Sequence[str],
    images: Mapping[str, tuple[Iterable[str], Iterable[str]]],
    partial: Mapping[str, Iterable[str]] | None = None,
) -> dict[str, Any]:
    """A COCO dict: file name → the categories found, and those verified to be absent; ids are not the source's."""
    number = {name: place for place, name in enumerate(categories, 1)}
    pairs = [(place, number[name]) for place, (found, _) in enumerate(images.values(), 1000) for name in found]
    return {
        "images": [
            {
                "id": place,
                "file_name": name,
                "neg_category_ids": [number[one] for one in absent],
                "not_exhaustive_category_ids": [number[one] for one in (partial or {}).get(name, ())],
            }
            for place, (name, (_, absent)) in enumerate(images.items(), 1000)
        ],
        "annotations": [{"id": n, "image_id": i, "category_id": c} for n, (i, c) in enumerate(pairs, 1)],
        "categories": [{"id": place, "name": name} for name, place in number.items()],
    }


def write_evidence(path: Path, *args: Any, **kwargs: Any) -> Path:
    """`evidence`, as a file."""
    path.write_text(json.dumps(evidence(*args, **kwargs)))
    return path
