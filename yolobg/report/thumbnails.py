"""Pictures made small with Pillow, always as JPEG: what is shown is pixels, never a file as it came."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image, ImageOps

__all__ = ["PIXEL_LIMIT", "open_small", "shrink"]

PIXEL_LIMIT = 100_000_000
"""Pixels above which a picture is not decoded; COCO's largest has 0.4 million."""

BACKDROP = (128, 128, 128)


def open_small(path: Path, edge_px: int) -> Image.Image:
    """A picture in RGB whose longer edge is at most `edge_px`, upright as its EXIF says.

    Raises:
        OSError: It cannot be read, is no picture, or has more than `PIXEL_LIMIT` pixels.
    """
    try:
        with Image.open(path) as image:
            if image.width * image.height > PIXEL_LIMIT:
                raise OSError(f"{path}: {image.width} x {image.height} pixels are too many")
            # A JPEG is decoded at 1/2, 1/4 or 1/8 where that is enough: several times faster. Both edges must be right,
            # since Pillow goes no smaller than what it is given in either.
            image.draft("RGB", _fitted(image.size, edge_px))
            upright = ImageOps.exif_transpose(image)
            upright.thumbnail((edge_px, edge_px), Image.Resampling.LANCZOS, reducing_gap=2.0)
            return _opaque(upright)
    # Pillow warns of odd files, and a caller may have made warnings errors. The filters are the caller's: they belong
    # to the whole process, and this runs in threads.
    except (ValueError, SyntaxError, EOFError, Image.DecompressionBombError, ArithmeticError, Warning) as error:
        raise OSError(f"{path}: {error}") from error


def _fitted(size: tuple[int, int], edge_px: int) -> tuple[int, int]:
    longest = max(size)
    width, height = (max(1, side * edge_px // longest) for side in size)
    return (width, height) if longest > edge_px else size


def _opaque(image: Image.Image) -> Image.Image:
    if image.mode == "RGB":
        return image.copy()
    if "A" in image.mode or "transparency" in image.info:
        rgba = image.convert("RGBA")
        backdrop = Image.new("RGBA", rgba.size, (*BACKDROP, 255))
        return Image.alpha_composite(backdrop, rgba).convert("RGB")
    return image.convert("RGB")


def shrink(path: Path, *, edge_px: int, quality: int) -> tuple[bytes, int, int]:
    """A small JPEG of a picture, with its width and height in pixels; carries none of the original's metadata.

    Raises:
        OSError: As `open_small`.
    """
    small = open_small(path, edge_px)
    out = io.BytesIO()
    small.save(out, "JPEG", quality=quality)
    return out.getvalue(), small.width, small.height
