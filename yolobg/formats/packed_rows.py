"""Lists of a hundred thousand paths that take some twenty bytes an image: kept compressed, in blocks."""

from __future__ import annotations

import itertools
import marshal
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, NamedTuple, TypeVar

__all__ = ["Packed", "pack_rows"]

_Row = TypeVar("_Row", bound=NamedTuple)
_BLOCK = 256
_QUICK = 1


class Packed(Generic[_Row]):
    """Rows that can be gone through as often as need be; made by `pack_rows`."""

    def __init__(self, make: Callable[[Iterable[Any]], _Row], blocks: list[bytes], size: int) -> None:
        self._make = make
        self._blocks = blocks
        self._size = size

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[_Row]:
        for block in self._blocks:
            # Bytes of our own making, never from a file.
            yield from map(self._make, marshal.loads(zlib.decompress(block)))  # noqa: S302


def pack_rows(kind: type[_Row], rows: Iterable[_Row]) -> Packed[_Row]:
    """Keep rows in ascending order, each once.

    Rows that come in order are never held together; where they do not, they are all held once, to be sorted.

    Args:
        kind: The rows' type: a named tuple of texts, numbers and booleans.
        rows: The rows.
    """
    make: Callable[[Iterable[Any]], _Row] = kind._make
    size, blocks, ordered = 0, [], True
    last: tuple[Any, ...] | None = None
    stream = iter(rows)
    while block := [tuple(row) for row in itertools.islice(stream, _BLOCK)]:
        kept = [row for before, row in zip([last, *block], block, strict=False) if row != before]
        ordered = ordered and all(a <= b for a, b in itertools.pairwise(block)) and (last is None or last <= block[0])
        last = block[-1]
        size += len(kept)
        blocks.append(zlib.compress(marshal.dumps(kept), _QUICK))
    packed = Packed(make, blocks, size)
    return packed if ordered else pack_rows(kind, sorted(set(packed)))
