"""Decoding with Pillow: the one module here that loads it."""

from __future__ import annotations

import io
from collections.abc import Callable

from PIL import Image

from yolobg.download.structure import BadImageError, Data

__all__ = ["decode", "is_turned"]

# EXIF orientations that swap width and height.
_TURNED = frozenset({5, 6, 7, 8})
_ORIENTATION = 0x0112


def decode(data: Data, formats: tuple[str, ...], check_size: Callable[[int, int], None]) -> None:
    """Decode an image, once its size is known to be bearable.

    A JPEG is decoded at 1/8 scale: all coded data is read, at half the cost. Others are decoded in full and made RGB.

    Args:
        data: The whole content.
        formats: Pillow's names of the formats it may have; no other decoder sees it.
        check_size: Given width and height as stored, in pixels, before any pixel is decoded; raises if they are wrong.

    Raises:
        BadImageError: It is of none of these formats, damaged, or this Pillow cannot read them; or of a wrong size.
    """
    Image.init()
    known = [name for name in formats if name in Image.OPEN]
    if not known:
        raise BadImageError(f"this Pillow reads no {formats[0]} files")
    try:
        with Image.open(io.BytesIO(data), formats=known) as image:
            check_size(*image.size)
            if image.format in ("JPEG", "MPO"):
                image.draft("RGB", (1, 1))
                image.load()
            else:
                image.convert("RGB")
    except BadImageError:
        raise
    except Exception as error:  # a decoder may raise anything on hostile bytes, and each means the same
        raise BadImageError(f"it cannot be decoded: {error}") from error


def is_turned(data: Data) -> bool:
    """Whether EXIF says that width and height are to be swapped for showing."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            return image.getexif().get(_ORIENTATION) in _TURNED
    except Exception:  # noqa: BLE001 - a decoder may raise anything on damaged bytes; then it is not turned
        return False
