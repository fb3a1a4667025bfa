"""Which of the images that a model has looked at are chosen: a pure function of what it found and of their order.

Half are those that it fires on most, half are drawn from those that it does not fire on: the ranking of one model is
half noise (of two seeds' top 25 images, 11 to 15 are the same), and hard images alone shift the confidences most.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from yolobg.images.picture_hash import NearHashes

__all__ = ["Looked", "Picked", "hard_needed", "pick", "pool_size", "prefix_needed"]

_POOL_EACH, _POOL_MOST = 20, 5000


@dataclass(frozen=True, slots=True)
class Looked:
    """A candidate that the model has looked at.

    Attributes:
        source_id: Its id in the source.
        sha256: Of its content.
        picture: Its difference hash; None where it has none.
        score: The highest confidence (0-1) in a class of the dataset; 0 for none.
        category: That class's id; None for none.
        box: Left, top, right and bottom of what was found, in pixels.
    """

    source_id: int
    sha256: str
    picture: int | None
    score: float = 0.0
    category: int | None = None
    box: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Picked:
    """What is chosen.

    Attributes:
        hard: Images that fire, the highest score first.
        others: Images that do not fire, in their order; where those are too few, also further ones that fire.
        near: How many were passed over as near-duplicates of a chosen one.
    """

    hard: tuple[Looked, ...]
    others: tuple[Looked, ...]
    near: int

    @property
    def all(self) -> tuple[Looked, ...]:
        """All of them, those that fire first."""
        return self.hard + self.others


def hard_needed(needed: int, share: float) -> int:
    """How many of the images are to be ones that fire; the share is the decimal that a person wrote."""
    return math.ceil(Fraction(str(share)) * needed)


def pool_size(needed: int, asked: int | None) -> int:
    """How many images the model looks at, at most; never fewer than are needed."""
    return max(needed, min(_POOL_EACH * needed, _POOL_MOST) if asked is None else asked)


def pick(looked: Iterable[Looked], *, needed: int, hard: int, min_score: float) -> Picked:
    """Choose images; none is a near-duplicate of another.

    Args:
        looked: In the order of the candidates, which is random.
        needed: How many.
        hard: How many of them are to be ones that fire.
        min_score: The confidence (0-1) from which an image fires.
    """
    rows = list(looked)
    # Sorting is stable, so equal scores stay in the order of the candidates.
    firing = sorted((row for row in rows if row.score >= min_score), key=lambda row: -row.score)
    taken = _Taken()
    best = taken.first(firing, hard)
    quiet = taken.first((row for row in rows if row.score < min_score), needed - len(best))
    # Where nearly all fire, those that fire less make up the number.
    more = taken.first(firing, needed - len(best) - len(quiet))
    return Picked(tuple(best), tuple(quiet + more), taken.near)


class _Taken:
    def __init__(self) -> None:
        self.near = 0
        self._hashes = NearHashes()
        self._contents: set[str] = set()
        self._passed: set[int] = set()

    def first(self, rows: Iterable[Looked], most: int) -> list[Looked]:
        """The first that are no near-duplicates of one taken before."""
        taken: list[Looked] = []
        for row in rows:
            if len(taken) >= most:
                break
            if row.source_id in self._passed:
                continue
            self._passed.add(row.source_id)
            if row.sha256 in self._contents or (row.picture is not None and self._hashes.has_near(row.picture)):
                self.near += 1
                continue
            self._contents.add(row.sha256)
            if row.picture is not None:
                self._hashes.add(row.picture)
            taken.append(row)
        return taken


def prefix_needed(rows: Sequence[Looked], *, needed: int, hard: int, min_score: float, most: int) -> int | None:
    """How many of the first candidates the choice is made from; None where more have to be looked at.

    Until as many that differ fire as are needed, so that there is a choice among them, or `most` have been looked at;
    then until the number is complete. A property of the order alone: how the work was cut into batches does not matter.

    Args:
        rows: In the order of the candidates.
        needed: As for `pick`.
        hard: As for `pick`.
        min_score: As for `pick`.
        most: The size of the pool.
    """
    fired = size = 0
    taken = _Taken()
    for row in rows[:most]:
        if fired >= needed:
            break
        size += 1
        fired += row.score >= min_score and bool(taken.first([row], 1))
    if size < most and fired < needed:
        return None
    while (lacking := needed - len(pick(rows[:size], needed=needed, hard=hard, min_score=min_score).all)) > 0:
        if size + lacking > len(rows):
            return None
        size += lacking
    return size
