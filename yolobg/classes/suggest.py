"""The names nearest to one that nothing resolved: by spelling only."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from yolobg.classes.text import key

SUGGESTIONS = 3


def nearest(name: str, choices: Sequence[str], *, count: int = SUGGESTIONS) -> tuple[str, ...]:
    """Return up to `count` of `choices` whose spelling is nearest to `name`, best first; equal ones in given order."""
    wanted = key(name)
    scored = [
        (difflib.SequenceMatcher(None, key(choice), wanted, autojunk=False).ratio(), choice) for choice in choices
    ]
    close = sorted(((score, choice) for score, choice in scored if score > 0), key=lambda pair: -pair[0])
    return tuple(choice for _, choice in close[:count])
