"""Masks by run lengths: the same as pycocotools and Pillow say, and what is no mask is refused."""

from __future__ import annotations

import io
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageOps
from pycocotools import mask as coco_mask

from yolobg.formats.run_lengths import area_of, box_of, join_rings, read_mask, rings_of, turned_mask

# pycocotools with the newest numpy.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
Pixels = NDArray[np.uint8]


@st.composite
def pictures(draw: st.DrawFn) -> Pixels:
    height, width = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    cells = draw(st.lists(st.booleans(), min_size=height * width, max_size=height * width))
    pixels = np.array(cells, np.uint8).reshape(height, width)
    return np.kron(pixels, np.ones((draw(st.integers(1, 3)), draw(st.integers(1, 3))), np.uint8))


def numbers(pixels: Pixels) -> dict[str, Any]:
    lengths = [(value, len(list(group))) for value, group in itertools.groupby(pixels.flatten(order="F").tolist())]
    counts = [0] * bool(lengths[0][0]) + [length for _, length in lengths]
    return {"size": list(pixels.shape), "counts": counts}


def text(pixels: Pixels) -> dict[str, Any]:
    mask = coco_mask.encode(np.asfortranarray(pixels))
    return {"size": [int(side) for side in mask["size"]], "counts": mask["counts"].decode()}


def filled(rings: Sequence[Sequence[float]], height: int, width: int) -> Pixels:
    """The pixels whose centres lie in one of the rings by the even-odd rule."""
    total = np.zeros((height, width), np.uint8)
    for ring in rings:
        inside = np.zeros((height, width), np.uint8)
        points = [(x * width, y * height) for x, y in zip(ring[::2], ring[1::2], strict=True)]
        for (x1, y1), (x2, y2) in zip(points, [*points[1:], points[0]], strict=True):
            for row in range(height):
                if (y1 > row + 0.5) != (y2 > row + 0.5):
                    crossing = x1 + (row + 0.5 - y1) * (x2 - x1) / (y2 - y1)
                    inside[row, : max(0, int(np.ceil(crossing - 0.5)))] ^= 1
        total |= inside
    return total


@given(pixels=pictures())
def test_read_mask__numbers_and_text_are_the_same_as_pycocotools_says(pixels: Pixels) -> None:
    runs = read_mask(numbers(pixels))
    assert runs == read_mask(text(pixels))
    assert area_of(runs) == pixels.sum()
    height, width = pixels.shape
    if not pixels.any():
        with pytest.raises(ValueError, match="mask is empty"):
            box_of(runs)
        return
    x, y, w, h = box_of(runs)
    box = [(x - w / 2) * width, (y - h / 2) * height, w * width, h * height]
    assert box == pytest.approx(coco_mask.toBbox(text(pixels)).tolist())


@given(pixels=pictures())
def test_rings_of__enclose_the_same_pixels_also_in_one_ring(pixels: Pixels) -> None:
    rings = rings_of(read_mask(numbers(pixels)))
    assert (filled(rings, *pixels.shape) == pixels).all()
    if rings:
        assert (filled([join_rings(rings)], *pixels.shape) == pixels).all()


@pytest.mark.parametrize("hole", [False, True])
def test_rings_of__pycocotools_and_pillow_fill_the_same(hole: bool) -> None:
    rows, columns = np.mgrid[:120, :160]
    pixels = ((columns - 70) ** 2 + (rows - 60) ** 2 < 50**2).astype(np.uint8)
    pixels |= ((columns - 145) ** 2 + (rows - 20) ** 2 < 10**2).astype(np.uint8)
    if hole:
        pixels &= 1 - ((columns - 70) ** 2 + (rows - 60) ** 2 < 20**2).astype(np.uint8)
    rings = rings_of(read_mask(text(pixels)))
    assert len(rings) == (1 if hole else 2)
    in_pixels = [[v * (120 if i % 2 else 160) for i, v in enumerate(ring)] for ring in rings]
    drawn = coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(in_pixels, 120, 160)))
    assert (drawn == pixels).all()


@given(pixels=pictures(), orientation=st.integers(2, 8))
def test_turned_mask__as_pillow_turns_the_picture(pixels: Pixels, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    Image.fromarray(pixels * 255).save(file, "PNG", exif=exif)
    meant = np.array(ImageOps.exif_transpose(Image.open(file))) // 255
    assert read_mask(turned_mask(text(pixels), orientation)) == read_mask(text(meant))


@pytest.mark.parametrize(
    ("mask", "why"),
    [
        (None, "no size"),
        ([[1, 2, 3, 4, 5, 6]], "no size"),
        ({"counts": [4]}, "no size"),
        ({"size": [2], "counts": [4]}, "no size"),
        ({"size": ["2", 2], "counts": [4]}, "no size"),
        ({"size": [0, 2], "counts": []}, "expected 1 to"),
        ({"size": [1, 10**12], "counts": [10**12]}, "expected 1 to"),
        ({"size": [2, 2]}, "no counts"),
        ({"size": [2, 2], "counts": [2.0, 2.0]}, "no counts"),
        ({"size": [2, 2], "counts": [5, -1]}, "no counts"),
        ({"size": [2, 2], "counts": [3]}, "do not add up"),
        ({"size": [2, 2], "counts": []}, "do not add up"),
        ({"size": [2, 2], "counts": "~" * 100_000}, "none of pycocotools"),
        ({"size": [2, 2], "counts": "é"}, "none of pycocotools"),
        ({"size": [2, 2], "counts": "O"}, "no counts"),
    ],
)
def test_read_mask__what_is_no_mask_is_refused_with_the_reason(mask: object, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_mask(mask)
