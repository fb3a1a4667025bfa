"""Draw docs/before_after.png from the sample data: the training images before `yolobg augment` and after it.

Usage: python tools/readme_picture.py [FILE]
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

import yolobg

REPOSITORY = Path(__file__).resolve().parents[1]
PICTURE = REPOSITORY / "docs/before_after.png"
COLUMNS, LABELLED, WIDTH, HEIGHT, GAP, HEAD = 4, 6, 144, 108, 8, 44
BOX, BACKGROUND, INK, FAINT, PAPER = "#e8590c", "#0b7a5c", "#1b1f24", "#9aa3ad", "#ffffff"
SIZE = (2 * COLUMNS * (WIDTH + GAP) + 5 * GAP, HEAD + 2 * (HEIGHT + GAP) + GAP)


def draw(images: Path, labels: Path, added: list[Path], ratio: float) -> Image.Image:
    """Both halves side by side: a few labelled images, and the same with the images that were added."""
    sheet = Image.new("RGB", SIZE, PAPER)
    pen = ImageDraw.Draw(sheet)
    labelled = [file for file in sorted(images.iterdir()) if file not in added]
    total = len(labelled) + len(added)
    halves = (
        f"before: {len(labelled)} labelled images",
        f"after: {len(added)} of {total} are backgrounds ({ratio:.0%})",
    )
    for half, title in enumerate(halves):
        left = GAP + half * (COLUMNS * (WIDTH + GAP) + 3 * GAP)
        pen.text((left, GAP), title, fill=INK, font=ImageFont.load_default(22))
        shown = labelled[:LABELLED] + (added if half else [])
        for place, file in enumerate(shown):
            # The backgrounds are the last column.
            column, row = (
                (place % (COLUMNS - 1), place // (COLUMNS - 1)) if place < LABELLED else (COLUMNS - 1, place - LABELLED)
            )
            corner = (left + column * (WIDTH + GAP), HEAD + row * (HEIGHT + GAP))
            _image(sheet, corner, file, labels / f"{file.stem}.txt")
        for row in range(0 if half else 2):
            corner = (left + (COLUMNS - 1) * (WIDTH + GAP), HEAD + row * (HEIGHT + GAP))
            pen.rectangle((*corner, corner[0] + WIDTH - 1, corner[1] + HEIGHT - 1), outline=FAINT)
    return sheet


def _image(sheet: Image.Image, corner: tuple[int, int], file: Path, label: Path) -> None:
    """One image with the boxes of its label file, or framed if that is empty."""
    with Image.open(file) as opened:
        sheet.paste(opened.convert("RGB").resize((WIDTH, HEIGHT)), corner)
    pen = ImageDraw.Draw(sheet)
    left, top = corner
    rows = [row.split() for row in label.read_text(encoding="utf-8").splitlines()]
    for _, x, y, width, height in rows:
        middle, centre, half, half_height = float(x), float(y), float(width) / 2, float(height) / 2
        box = (middle - half, centre - half_height, middle + half, centre + half_height)
        scaled = [
            start + share * size for start, share, size in zip((left, top) * 2, box, (WIDTH, HEIGHT) * 2, strict=True)
        ]
        pen.rectangle(scaled, outline=BOX, width=2)
    if not rows:
        pen.rectangle((left, top, left + WIDTH - 1, top + HEIGHT - 1), outline=BACKGROUND, width=4)
        pen.rectangle((left, top + HEIGHT - 22, left + WIDTH - 1, top + HEIGHT - 1), fill=BACKGROUND)
        pen.text((left + 6, top + HEIGHT - 20), "empty label file", fill=PAPER, font=ImageFont.load_default(14))


def picture() -> Image.Image:
    """The picture of a run on a copy of the sample data."""
    with tempfile.TemporaryDirectory() as folder:
        sample = Path(shutil.copytree(REPOSITORY / "sample_data", Path(folder).resolve() / "sample"))
        source = sample / "source"
        report = yolobg.augment(
            sample / "dataset/data.yaml", annotations=source / "annotations/instances_sample.json",
            images=[source / "images"],
        )  # fmt: skip
        images, labels = sample / "dataset/images/train", sample / "dataset/labels/train"
        added = sorted(images.glob("bg_*"))
        return draw(images, labels, added, report.after.ratio)


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURE
    picture().quantize(64).save(target, optimize=True)
