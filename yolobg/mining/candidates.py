"""The candidates of a run in their order: which have to be looked at still, and what is known of the others."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field

from yolobg.mining.choosing import Looked
from yolobg.model import ImageRecord

__all__ = ["Candidates", "Rows"]


@dataclass
class Rows:
    """What has been looked at, in the order of the candidates, wherever it was that the looking was done.

    Attributes:
        min_score: The confidence (0-1) from which an image fires.
    """

    min_score: float
    _rank: dict[int, int] = field(default_factory=dict)
    _rows: dict[int, Looked] = field(default_factory=dict)
    _open: set[int] = field(default_factory=set)
    _fired: int = 0

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def fired(self) -> int:
        """How many of all fire."""
        return self._fired

    def begin(self, source_id: int) -> None:
        """Note the next candidate; until it is added or left out, those after it do not count."""
        self._rank[source_id] = len(self._rank)
        self._open.add(source_id)

    def add(self, row: Looked) -> None:
        """Take in what was found in a candidate."""
        self._rows[row.source_id] = row
        self._fired += row.score >= self.min_score
        self._open.discard(row.source_id)

    def leave_out(self, source_id: int) -> None:
        """Do without a candidate."""
        row = self._rows.pop(source_id, None)
        self._fired -= row is not None and row.score >= self.min_score
        self._open.discard(source_id)

    def leave_out_others(self, kept: Collection[int]) -> None:
        """Do without all candidates that have begun and are not among these."""
        self._open.intersection_update(kept)

    def in_order(self) -> list[Looked]:
        """The rows up to the first candidate that has begun and is not settled."""
        end = min((self._rank[source_id] for source_id in self._open), default=len(self._rank))
        rows = [row for row in self._rows.values() if self._rank[row.source_id] < end]
        return sorted(rows, key=lambda row: self._rank[row.source_id])


class Candidates:
    """Gives the records that have to be fetched and looked at; pauses when enough is known, and goes on later.

    Args:
        records: All candidates, best first.
        take: Told each; whether it need not be fetched.
        is_enough: Whether to pause.
    """

    def __init__(
        self,
        records: Iterator[ImageRecord],
        take: Callable[[ImageRecord], bool],
        is_enough: Callable[[], bool],
    ) -> None:
        self._records, self._take, self._is_enough = records, take, is_enough
        self._next: ImageRecord | None = None

    def __iter__(self) -> Iterator[ImageRecord]:
        return self

    def __next__(self) -> ImageRecord:
        while True:
            record = self._next if self._next is not None else next(self._records)
            self._next = record
            if self._is_enough():
                raise StopIteration
            self._next = None
            if not self._take(record):
                return record
