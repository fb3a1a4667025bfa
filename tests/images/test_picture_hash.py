"""Difference hashes: what is near and what is not, and the look-up against comparing with each."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from yolobg.images.picture_hash import NEAR_BITS, NearHashes, picture_hash


def scene(seed: int, size: tuple[int, int] = (160, 120)) -> Image.Image:
    """Something with large shapes, as photographs have them."""
    draw = random.Random(seed)
    small = Image.frombytes("RGB", (5, 4), draw.randbytes(5 * 4 * 3))
    return small.resize(size, Image.Resampling.BICUBIC)


def saved(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)  # type: ignore[arg-type]
    return path


def hash_of(path: Path) -> int:
    found = picture_hash(path)
    assert found is not None
    return found


SAME: dict[str, Callable[[Image.Image], Image.Image]] = {
    "resized": lambda image: image.resize((64, 48)),
    "larger": lambda image: image.resize((640, 480)),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.05),
    "grey": lambda image: image.convert("L"),
    "palette": lambda image: image.convert("P", palette=Image.Palette.ADAPTIVE, colors=256),
}


@pytest.mark.parametrize("change", SAME)
def test_hash__of_the_same_scene_is_near(tmp_path: Path, change: str) -> None:
    for seed in range(10):
        one = hash_of(saved(tmp_path / "a.png", scene(seed)))
        other = hash_of(saved(tmp_path / "b.png", SAME[change](scene(seed))))
        assert (one ^ other).bit_count() <= NEAR_BITS


@pytest.mark.parametrize("quality", [90, 50])
def test_hash__of_a_picture_saved_again_is_near_and_its_name_does_not_matter(tmp_path: Path, quality: int) -> None:
    for seed in range(10):
        one = hash_of(saved(tmp_path / "a.png", scene(seed)))
        other = hash_of(saved(tmp_path / "7.staged", scene(seed), format="JPEG", quality=quality))
        assert (one ^ other).bit_count() <= NEAR_BITS


def test_hash__of_other_scenes_is_far(tmp_path: Path) -> None:
    hashes = [hash_of(saved(tmp_path / "a.png", scene(seed))) for seed in range(60)]
    assert min((one ^ other).bit_count() for one in hashes for other in hashes if one != other) > NEAR_BITS
    assert len(set(hashes)) == 60


def test_hash__is_that_of_the_upright_picture(tmp_path: Path) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    rotated = scene(3).transpose(Image.Transpose.ROTATE_90)
    one = hash_of(saved(tmp_path / "a.jpg", scene(3)))
    assert (one ^ hash_of(saved(tmp_path / "b.jpg", rotated, exif=turned))).bit_count() <= NEAR_BITS
    assert (one ^ hash_of(saved(tmp_path / "c.jpg", rotated))).bit_count() > NEAR_BITS


def test_hash__what_cannot_be_read_has_none(tmp_path: Path) -> None:
    whole = io.BytesIO()
    scene(1).save(whole, "PNG")
    for name, content in (("a.jpg", b"no picture"), ("b.jpg", b""), ("c.png", whole.getvalue()[:60])):
        (tmp_path / name).write_bytes(content)
        assert picture_hash(tmp_path / name) is None
    assert picture_hash(tmp_path / "gone.jpg") is None
    deep = Image.new("I;16", (40, 30))
    deep.save(tmp_path / "deep.png")
    assert picture_hash(tmp_path / "deep.png") is None


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=30), st.sets(st.integers(0, 63), max_size=7))
@settings(max_examples=examples(200))
def test_near__is_what_comparing_with_each_says(hashes: list[int], flipped: set[int]) -> None:
    mask = sum(1 << bit for bit in flipped)
    near = NearHashes()
    for one in hashes:
        near.add(one)
    for asked in (*(one ^ mask for one in hashes), *(one ^ mask ^ 1 << 63 for one in hashes)):
        assert near.has_near(asked) is any((asked ^ other).bit_count() <= NEAR_BITS for other in hashes)
