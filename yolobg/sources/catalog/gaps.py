"""Whole numbers in few bytes: the packing of ascending places and ids."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

__all__ = ["decode_gaps", "encode_gaps"]

_MORE = 0x80
_SHORT = _MORE**2


def encode_gaps(gaps: Iterable[int]) -> bytes:
    """Whole numbers from 0 as bytes of seven bits each, the lowest first; the eighth says that more follow."""
    short = _short()
    return b"".join([short[gap] if gap < _SHORT else _encoded(gap) for gap in gaps])


@lru_cache(maxsize=1)
def _short() -> tuple[bytes, ...]:
    """What the numbers below `_SHORT` are as bytes: millions of gaps are looked up in it."""
    return tuple(map(_encoded, range(_SHORT)))


def _encoded(number: int) -> bytes:
    rest, encoded = number, bytearray()
    while rest >= _MORE:
        encoded.append(rest % _MORE + _MORE)
        rest //= _MORE
    encoded.append(rest)
    return bytes(encoded)


def decode_gaps(encoded: bytes) -> Iterator[int]:
    """The whole numbers that `encode_gaps` was given."""
    shift = gap = 0
    for byte in encoded:
        gap += (byte % _MORE) << shift
        if byte >= _MORE:
            shift += 7
            continue
        yield gap
        shift = gap = 0
