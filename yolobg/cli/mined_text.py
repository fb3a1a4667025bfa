"""What a person reads of the images that a model chose."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.text import Text

from yolobg.mining_results import Mined
from yolobg.wording import counted

__all__ = ["mined_parts"]

_EVIDENCE = (
    "No controlled study shows that such images do better than random ones with YOLOv8 and later. Where they were "
    "clearly better, they came from the place where the model is used (--source your_images)."
)


def mined_parts(mined: Mined, *, model: str, waits: bool) -> Iterator[RenderableType]:
    """How a model helped to choose, and what is known about choosing so.

    Args:
        mined: How it helped.
        model: Its name, cleaned for a terminal.
        waits: Whether the images wait for a review that opens next.
    """
    hard = sum(image.rank is not None for image in mined.images)
    fire = "fires" if mined.fired == 1 else "fire"
    near = f"; {counted(mined.near_duplicates, 'near-duplicate', 'were')} left out" if mined.near_duplicates else ""
    yield Text(
        f"{model} looked at {counted(mined.scored, 'image')}; {mined.fired:,} of them {fire} at {mined.min_score:g}"
        f"{near}. Chosen: {hard:,} of those that fire, {len(mined.images) - hard:,} at random."
    )
    yield Text(_EVIDENCE)
    if not mined.reviewed and not waits:
        yield Text("Nobody has looked at these images yet: look with `yolobg review`.")
