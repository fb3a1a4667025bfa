"""What the tests of proposed images share: a proposal, and a review of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from killing_data import THEIRS, Source

import yolobg
from yolobg.api import propose
from yolobg.results import Report
from yolobg.review.apply import Applied
from yolobg.review.session import Session

__all__ = ["MIN", "apply", "propose_some", "reviewed"]

MIN = 0.8


def propose_some(root: Path, source: Source, model: Path, needed: int = 6, **more: Any) -> Report:
    """Have a model choose images that then wait."""
    options = {"count": THEIRS + needed, "min_score": MIN, "images": [source.folder], **more}
    return propose(yolobg.plan(root, annotations=source.instances, hard=model, **options))


def reviewed(root: Path, reject: Mapping[int, str] | int = 0) -> Session:
    """A review with some images rejected: the first ones, or by id."""
    session = Session(root)
    items = list(session.items.values())
    chosen = items[:reject] if isinstance(reject, int) else [
        item for item in items if item.card.entry and item.card.entry.source_id in reject
    ]  # fmt: skip
    if chosen:
        session.act("reject", [item.number for item in chosen], "any")
    return session


def apply(session: Session) -> Applied:
    """Apply what was decided about the images that the session shows."""
    session.begin_apply(session.generation)
    return session.apply(replace=True)
