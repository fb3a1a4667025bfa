"""Which content a source's images had when they were fetched to be looked at, so that a later run need not fetch again.

For sources on other machines only. Nothing comes in by this alone: what is chosen is fetched and its content compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from yolobg.scoring.stored import read_batches, write_batch

__all__ = ["LookedAt"]


class LookedAt:
    """The content (SHA-256) and the difference hash of images, by their id in one source.

    Args:
        folder: Where scores are kept, below the cache folder.
        source: A name for the source and the place of its images.
    """

    def __init__(self, folder: Path, source: str) -> None:
        self._folder = folder / f"source-{source}"
        self._known: dict[int, tuple[str, int | None]] = {}
        for batch in read_batches(self._folder, dict[int, tuple[str, int | None]]):
            self._known.update(batch)

    def get(self, source_id: int) -> tuple[str, int | None] | None:
        """SHA-256 and difference hash; None where the image was not fetched yet."""
        return self._known.get(source_id)

    def write(self, batch: Mapping[int, tuple[str, int | None]]) -> None:
        """Store a batch in one atomic step.

        Raises:
            OSError: The cache folder cannot be written.
        """
        new = {source_id: told for source_id, told in batch.items() if self._known.get(source_id) != told}
        if new:
            write_batch(self._folder, new)
            self._known.update(new)
