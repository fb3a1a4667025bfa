"""A contact sheet: all backgrounds of yolobg in one picture, for people without a browser."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from yolobg.errors import UsageError
from yolobg.files import replace_when_done
from yolobg.html.thumbnails import open_small
from yolobg.model import Progress
from yolobg.report.cards import Card

__all__ = ["FORMATS", "draw_sheet"]

FORMATS = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG"}
MOST_IMAGES = 2000
WIDTH_PX = 2400
CELLS_PX = (300, 240, 200, 160, 120)
LONGEST_PX = 30_000
"""JPEG allows 65,535; viewers get slow long before."""
TEXT_PX, GAP_PX = 34, 8
PAPER, INK, SOFT, EMPTY = (251, 250, 247), (29, 33, 37), (86, 94, 102), (220, 217, 209)


def draw_sheet(cards: Sequence[Card], path: Path, *, title: str, progress: Progress) -> None:
    """Draw the first 2,000 backgrounds into one picture, each with its number and what is in it; whole or not at all.

    Args:
        cards: The backgrounds.
        path: Where to; its suffix says the format. A file that is there is replaced.
        title: The line above.
        progress: Told about the stage `report`, in pictures.

    Raises:
        UsageError: The suffix is none of `FORMATS`, or the file cannot be written.
    """
    kind = FORMATS.get(path.suffix.lower())
    if kind is None:
        raise UsageError(f"--image {path}: give a file that ends in {', '.join(FORMATS)}")
    shown = cards[:MOST_IMAGES]
    sheet = _empty_sheet(len(shown), title if len(shown) == len(cards) else f"{title} (the first {len(shown):,})")
    draw, small_font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    cell, columns = _layout(len(shown))
    for place, card in enumerate(shown):
        x = GAP_PX + place % columns * (cell + GAP_PX)
        y = 60 + place // columns * (cell * 3 // 4 + TEXT_PX + GAP_PX)
        _draw_card(sheet, draw, small_font, card, (x, y), cell)
        progress("report", place + 1, len(shown))
    try:
        with replace_when_done(path) as part:
            sheet.save(part, kind, quality=85)
    except OSError as error:
        raise UsageError(f"--image {path}: cannot be written: {error.strerror or error}") from error


def _layout(number: int) -> tuple[int, int]:
    """Width of a cell in pixels and how many lie side by side: as large as the sheet's greatest length allows."""
    for cell in CELLS_PX:
        columns = (WIDTH_PX - GAP_PX) // (cell + GAP_PX)
        if math.ceil(number / columns) * (cell * 3 // 4 + TEXT_PX + GAP_PX) <= LONGEST_PX:
            return cell, columns
    return CELLS_PX[-1], (WIDTH_PX - GAP_PX) // (CELLS_PX[-1] + GAP_PX)


def _empty_sheet(number: int, title: str) -> Image.Image:
    cell, columns = _layout(number)
    rows = max(math.ceil(number / columns), 1)
    sheet = Image.new("RGB", (WIDTH_PX, 60 + rows * (cell * 3 // 4 + TEXT_PX + GAP_PX)), PAPER)
    ImageDraw.Draw(sheet).text((GAP_PX, 14), _plain(title), fill=INK, font=ImageFont.load_default(26))
    return sheet


def _draw_card(
    sheet: Image.Image,
    draw: ImageDraw.ImageDraw,
    font: ImageFont.ImageFont | ImageFont.FreeTypeFont,
    card: Card,
    corner: tuple[int, int],
    cell: int,
) -> None:
    x, y = corner
    height = cell * 3 // 4
    draw.rectangle((x, y, x + cell - 1, y + height - 1), fill=EMPTY)
    try:
        small = open_small(card.path, cell)
    except OSError:
        draw.text((x + 6, y + 6), "cannot be shown", fill=SOFT, font=font)
    else:
        small.thumbnail((cell, height), Image.Resampling.LANCZOS)
        sheet.paste(small, (x + (cell - small.width) // 2, y + (height - small.height) // 2))
    seen = ", ".join(card.contains) if card.contains is not None else ""
    draw.text((x, y + height + 1), _fit(draw, _plain(card.title), font, cell), fill=INK, font=font)
    draw.text((x, y + height + 17), _fit(draw, _plain(seen), font, cell), fill=SOFT, font=font)


def _plain(text: str) -> str:
    """The text in the letters that the built-in font has, on one line."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:200])


def _fit(
    draw: ImageDraw.ImageDraw, text: str, font: ImageFont.ImageFont | ImageFont.FreeTypeFont, width_px: int
) -> str:
    if draw.textlength(text, font=font) <= width_px:
        return text
    while text and draw.textlength(f"{text}...", font=font) > width_px:
        text = text[:-1]
    return f"{text}..."
