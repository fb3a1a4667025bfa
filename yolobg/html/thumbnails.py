"""Pictures made small with Pillow, always as JPEG: what is shown is pixels, never a file as it came."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup
from PIL import Image, ImageDraw, ImageOps

__all__ = ["PIXEL_LIMIT", "SHOWN_BY_BROWSERS", "Box", "Picture", "embed", "open_small", "shrink"]

PIXEL_LIMIT = 100_000_000
"""Pixels above which a picture is not decoded; COCO's largest has 0.4 million."""

SHOWN_BY_BROWSERS = frozenset({".avif", ".bmp", ".jpeg", ".jpg", ".png", ".webp"})
"""Suffixes of what every browser shows straight from the disk."""

BACKDROP = (128, 128, 128)


@dataclass(frozen=True, slots=True)
class Picture:
    """What a page shows of an image.

    Attributes:
        address: A `data:` address, or where a browser that has opened the page finds the image.
        width: In pixels; None for an image on disk.
        height: As `width`.
        large: Where a browser that has opened the page finds the image itself; None where it cannot show it.
    """

    address: str
    width: int | None = None
    height: int | None = None
    large: str | None = None


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


Box = tuple[float, float, float, float]

# EXIF orientations that swap width and height.
_ORIENTATION, _TURNED = 0x0112, (5, 6, 7, 8)
_LINES = ((255, 255, 255), (214, 40, 40))


def shrink(path: Path, *, edge_px: int, quality: int, box: Box | None = None) -> tuple[bytes, int, int]:
    """A small JPEG of a picture, with its width and height in pixels; carries none of the original's metadata.

    Args:
        path: The picture.
        edge_px: As for `open_small`.
        quality: Of the JPEG.
        box: Left, top, right and bottom of a frame to draw, in pixels of the upright original.

    Raises:
        OSError: As `open_small`.
    """
    small = open_small(path, edge_px)
    if box is not None:
        _frame(small, box, _upright_size(path))
    out = io.BytesIO()
    small.save(out, "JPEG", quality=quality)
    return out.getvalue(), small.width, small.height


def embed(path: Path, *, edge_px: int, quality: int, large: str | None = None) -> Picture | None:
    """A small JPEG of a picture in a `data:` address; None where it cannot be read. `large` is as of `Picture`."""
    try:
        jpeg, width, height = shrink(path, edge_px=edge_px, quality=quality)
    except OSError:
        return None
    # Marked as safe, since looking through a megabyte of base64 takes as long as making it.
    data = Markup(base64.b64encode(jpeg).decode("ascii"))  # noqa: S704 - letters, digits, `+/=`
    return Picture(Markup("data:image/jpeg;base64,") + data, width, height, large)


def _upright_size(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        turned = image.getexif().get(_ORIENTATION) in _TURNED
        return (image.height, image.width) if turned else image.size


def _frame(small: Image.Image, box: Box, full: tuple[int, int]) -> None:
    """Draw a frame, light outside and dark inside, so that it shows on anything; what lies outside is cut off."""
    scales = [new / old for new, old in zip(small.size, full, strict=True)]
    across = sorted(min(max(side * scales[0], 0), small.width - 1) for side in (box[0], box[2]))
    down = sorted(min(max(side * scales[1], 0), small.height - 1) for side in (box[1], box[3]))
    draw = ImageDraw.Draw(small)
    for number, colour in enumerate(_LINES):
        inner = 2 * number
        if across[1] - across[0] > 2 * inner and down[1] - down[0] > 2 * inner:
            corners = (across[0] + inner, down[0] + inner, across[1] - inner, down[1] - inner)
            draw.rectangle(corners, outline=colour, width=2)
