"""The map file. PROVISIONAL, by the founder: the owner of classes/ replaces it."""

from __future__ import annotations

import json
from collections.abc import Sequence

from yolobg.errors import UsageError
from yolobg.model import ClassMatch

__all__ = ["map_text", "parse_map"]


def parse_map(raw: object, *, source: str) -> dict[str, tuple[str, ...]]:
    """Class name to category names; empty for none."""
    if not isinstance(raw, dict):
        raise UsageError(f"{source}: expected a mapping of class names to categories")
    return {
        str(k): () if v in (None, "none") else tuple(v if isinstance(v, list) else [str(v)]) for k, v in raw.items()
    }


def map_text(matches: Sequence[ClassMatch]) -> str:
    """The matches as YAML."""
    return "".join(
        f"{json.dumps(m.name)}: {json.dumps([e.coco for e in (*m.exclude, *m.maybe)] or 'none')}\n" for m in matches
    )
