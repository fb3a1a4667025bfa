"""Difference hashes of pictures, by which near-duplicates are found: a picture saved again, resized, or a frame later.

Each picture is 9 x 8 grey levels; a bit says whether a level is lower than the next to its right (dHash, N. Krawetz
2013). Two pictures whose 64 bits differ in at most 4 places are near-duplicates; COCO has none among 528 images drawn.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["NEAR_BITS", "NearHashes", "are_near", "picture_hash"]

NEAR_BITS = 4
"""So many of the 64 bits may differ between near-duplicates."""

_WIDTH, _HEIGHT = 9, 8
_PIXEL_LIMIT = 100_000_000
# One part more than bits may differ: of two near-duplicates, one part at least is equal.
_PARTS = ((0, 13), (13, 13), (26, 13), (39, 13), (52, 12))
# Reduced to 8 bits, these lose what they show.
_DEEP = ("I", "F")


def picture_hash(path: Path) -> int | None:
    """The difference hash of a picture, upright as its EXIF says; None where Pillow cannot read it."""
    from PIL import Image, ImageOps  # noqa: PLC0415 - not every run looks at pictures

    try:
        with Image.open(path) as image:
            if image.width * image.height > _PIXEL_LIMIT or image.mode.startswith(_DEEP):
                return None
            image.draft("L", (_WIDTH * 8, _HEIGHT * 8))
            grey = ImageOps.exif_transpose(image).convert("L")
            levels = grey.resize((_WIDTH, _HEIGHT), Image.Resampling.LANCZOS, reducing_gap=2.0).tobytes()
    # Pillow warns of odd files, and a caller may have made warnings errors.
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError, ArithmeticError, Warning):
        return None
    bits = 0
    for place, level in enumerate(levels):
        if place % _WIDTH:
            bits = bits << 1 | (levels[place - 1] < level)
    return bits


def are_near(one: int, other: int) -> bool:
    """Whether the pictures of two hashes are near-duplicates."""
    return (one ^ other).bit_count() <= NEAR_BITS


class NearHashes:
    """Hashes among which near-duplicates are looked up, without comparing with each."""

    def __init__(self) -> None:
        self._by_part: list[dict[int, set[int]]] = [{} for _ in _PARTS]

    def add(self, one: int) -> None:
        """Take in a hash."""
        for (start, length), known in zip(_PARTS, self._by_part, strict=True):
            known.setdefault(one >> start & (1 << length) - 1, set()).add(one)

    def __bool__(self) -> bool:
        """Whether there is any hash."""
        return bool(self._by_part[0])

    def has_near(self, one: int) -> bool:
        """Whether a hash is here that differs in at most `NEAR_BITS` bits."""
        return any(
            are_near(one, other)
            for (start, length), known in zip(_PARTS, self._by_part, strict=True)
            for other in known.get(one >> start & (1 << length) - 1, ())
        )
