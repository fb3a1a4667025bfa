"""What counts as the image of a record: marks, structure, size, suffix, bounds."""

from __future__ import annotations

import io
import random
import struct
import zlib

import pytest
from download_pictures import picture
from examples import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from yolobg.images.check import BadImageError, Depth, check_image, image_suffix
from yolobg.model import ImageRecord

SETTINGS = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=examples(200))


def record(name: str = "a.jpg", width: int = 64, height: int = 48) -> ImageRecord:
    return ImageRecord(1, name, width, height)


@pytest.mark.parametrize(
    ("kind", "mode", "name"),
    [
        ("JPEG", "RGB", "a.jpg"),
        ("JPEG", "L", "a.JPEG"),
        ("JPEG", "CMYK", "a.jpg"),
        ("PNG", "RGB", "a.png"),
        ("PNG", "RGBA", "a.PNG"),
        ("PNG", "L", "a.png"),
        ("PNG", "1", "a.png"),
        ("BMP", "RGB", "a.bmp"),
        ("TIFF", "RGB", "a.tif"),
        ("TIFF", "L", "a.tiff"),
        ("WEBP", "RGB", "a.webp"),
        ("JPEG2000", "RGB", "a.jp2"),
    ],
)
@pytest.mark.parametrize("depth", ["header", "structure", "decode"])
def test_check__whole_images_pass_and_cut_ones_do_not(kind: str, mode: str, name: str, depth: Depth) -> None:
    content = picture(1, 64, 48, kind, mode)
    check_image(content, record(name), depth=depth)
    check_image(content, record(name, 0, 0), depth=depth)
    with pytest.raises(BadImageError, match="64x48"):
        check_image(content, record(name, 65, 48), depth=depth)
    for cut in (0, 1, 10, len(content) // 2):
        with pytest.raises(BadImageError):
            check_image(content[:cut], record(name), depth=depth)


def test_check__progressive_and_multi_picture_jpegs() -> None:
    out = io.BytesIO()
    with Image.open(io.BytesIO(picture(1))) as image:
        image.save(out, "JPEG", progressive=True)
        check_image(out.getvalue(), record(), depth="decode")
        out = io.BytesIO()
        image.save(out, "MPO", save_all=True, append_images=[image.copy()])
    check_image(out.getvalue(), record(), depth="decode")
    check_image(out.getvalue(), record("a.mpo"), depth="decode")


@SETTINGS
@given(st.integers(0, 10**6))
def test_check__a_jpeg_cut_anywhere_is_refused(cut: int) -> None:
    content = picture(2)
    with pytest.raises(BadImageError):
        check_image(content[: cut % len(content)], record(), depth="structure")


@SETTINGS
@given(st.integers(0, 10**6), st.integers(1, 255), st.sampled_from(["JPEG", "PNG"]))
def test_check__damage_raises_nothing_but_our_own_error(at: int, flip: int, kind: str) -> None:
    content = bytearray(picture(3, 64, 48, kind))
    content[at % len(content)] ^= flip
    try:
        check_image(bytes(content), record("a.jpg" if kind == "JPEG" else "a.png"), depth="decode")
    except BadImageError:
        return
    assert kind == "JPEG", "every byte of a PNG lies under a CRC"


def chunk(kind: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")


@pytest.mark.parametrize("lenient", [False, True])
def test_check__damage_in_a_png_is_found_whatever_pillow_was_told_to_let_through(
    lenient: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`ImageFile.LOAD_TRUNCATED_IMAGES = True` is a common line of training scripts, and counts for the process."""
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", lenient)
    out = io.BytesIO()
    frames = [Image.effect_noise((64, 48), 80).convert("RGB") for _ in range(3)]
    frames[0].save(out, "PNG", save_all=True, append_images=frames[1:])
    content = out.getvalue()
    for whole in (content, content[:-12] + chunk(b"tEXt", b"a\0b") + content[-12:]):
        assert check_image(whole, record("a.png"), depth="structure") == len(whole)
        assert check_image(whole + b"PK\3\4", record("a.png"), depth="structure", may_go_on=True) == len(whole)
        for at in [*range(0, len(whole), 97), *range(len(whole) - 30, len(whole))]:
            damaged = bytearray(whole)
            damaged[at] ^= 1
            with pytest.raises(BadImageError):
                check_image(bytes(damaged), record("a.png"), depth="structure")
            with pytest.raises(BadImageError):
                check_image(whole[:at], record("a.png"), depth="structure")


@pytest.mark.parametrize("depth", ["header", "structure", "decode"])
def test_check__a_png_that_trainers_do_not_open_is_refused(depth: Depth) -> None:
    content = picture(1, 64, 48, "PNG")
    for bad in (content[:33] + content[-12:], content[:33] + chunk(b"\0\1\2\3", b"x") + content[33:]):
        with pytest.raises(Exception, match=r"(?s).*"), Image.open(io.BytesIO(bad)) as image:
            image.verify()
        with pytest.raises(BadImageError):
            check_image(bad, record("a.png"), depth=depth)


def packed(kind: bytes, size: int) -> bytes:
    """A chunk with that many bytes, deflated."""
    head = b"a\0\1\0\0\0" if kind == b"iTXt" else b"a\0\0"
    return chunk(kind, head + zlib.compress(bytes(size).replace(b"\0", b"x"), 9))


@pytest.mark.parametrize("depth", ["header", "structure", "decode"])
@pytest.mark.parametrize(
    ("chunks", "why"),
    [
        (packed(b"zTXt", 1 << 20), None),
        (packed(b"zTXt", (1 << 20) + 1), "(?i:decompressed data too large)"),
        (packed(b"iTXt", (1 << 20) + 1), "(?i:decompressed data too large)"),
        (packed(b"iCCP", (1 << 20) + 1), "(?i:decompressed data too large)"),
        (packed(b"iTXt", 1 << 20) * 64, None),
        (packed(b"iTXt", 1 << 20) * 65, "MAX_TEXT_MEMORY"),
        (chunk(b"tEXt", b"a\0" + b"x" * (2 << 20)), None),
        (chunk(b"pHYs", b"\0"), "pHYs"),
    ],
)
def test_check__chunks_of_a_png_that_trainers_do_not_take(chunks: bytes, why: str | None, depth: Depth) -> None:
    """All have their right CRC, and Pillow's `open` has the last word, as it has in Ultralytics' `verify_image`."""
    content = picture(1, 64, 48, "PNG")
    content = content[:33] + chunks + content[33:]
    if why is None:
        with Image.open(io.BytesIO(content)) as image:
            image.load()
        assert check_image(content, record("a.png"), depth=depth) == len(content)
        return
    with pytest.raises(Exception, match=r"(?s).*"):
        Image.open(io.BytesIO(content))
    with pytest.raises(BadImageError, match=f"it is PNG that cannot be .*{why}"):
        check_image(content, record("a.png"), depth=depth)


@SETTINGS
@given(st.binary(max_size=400), st.sampled_from([".jpg", ".png", ".webp", ".tif", ".bmp", ".jp2", ".avif", ".heic"]))
def test_check__any_bytes_are_refused_cleanly(content: bytes, suffix: str) -> None:
    for start in (b"", b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b"RIFF\x10\0\0\0WEBP", b"II*\0", b"BM"):
        with pytest.raises(BadImageError):
            check_image(start + content, record("a" + suffix), depth="decode")


def test_check__damage_within_coded_data_shows_where_it_breaks_the_markers() -> None:
    found = 0
    for seed in range(50):
        content = picture(4, 320, 240)
        noise = random.Random(seed)
        at = noise.randrange(700, len(content) - 3000)
        broken = content[:at] + noise.randbytes(2000) + content[at + 2000 :]
        try:
            check_image(broken, record(width=320, height=240), depth="structure")
        except BadImageError:
            found += 1
    assert found >= 48


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"<html></html>", "HTML page"),
        (picture(1) + b"\0", "end"),
        (picture(1) + b"junk\xff\xd9", "follows its end"),
        (picture(1, 9, 48), "10 px"),
    ],
)
def test_check__says_why(content: bytes, words: str) -> None:
    with pytest.raises(BadImageError, match=words):
        check_image(content, ImageRecord(1, "a.jpg", 0, 0), depth="structure")


def test_check__the_content_counts_and_the_suffix_must_be_a_trainer_s() -> None:
    check_image(picture(1), record("a.png"), depth="decode")
    check_image(picture(1, 64, 48, "PNG"), record("a.jpg"), depth="decode")
    with pytest.raises(BadImageError, match="suffix"):
        check_image(picture(1), record("a.gif"), depth="decode")


def bomb_png(side: int) -> bytes:
    """A PNG of side x side pixels in a few bytes of promise."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    rest = chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + rest


def bomb_jpeg(side: int) -> bytes:
    content = bytearray(picture(1))
    frame = content.index(b"\xff\xc0")
    content[frame + 5 : frame + 9] = struct.pack(">HH", side, side)
    return bytes(content)


@pytest.mark.parametrize(("content", "name"), [(bomb_png(60_000), "a.png"), (bomb_jpeg(60_000), "a.jpg")])
def test_check__decompression_bombs_are_refused_before_decoding(content: bytes, name: str) -> None:
    with pytest.raises(BadImageError, match="safe to decode"):
        check_image(content, record(name, 60_000, 60_000), depth="decode")


def test_check__a_turned_image_may_have_its_sides_swapped() -> None:
    out = io.BytesIO()
    with Image.open(io.BytesIO(picture(1))) as image:
        exif = Image.Exif()
        exif[0x0112] = 6
        image.save(out, "JPEG", exif=exif)
    check_image(out.getvalue(), record(width=48, height=64), depth="structure")
    with pytest.raises(BadImageError):
        check_image(picture(1), record(width=48, height=64), depth="structure")


def test_image_suffix() -> None:
    assert image_suffix("train2017/A.JPG") == ".jpg"
    assert image_suffix("x\\y.WebP") == ".webp"
    for name in ("a", "a.gif", "a.jpg/", ".jpg", "a.txt"):
        assert image_suffix(name) is None or name == "a.jpg/"
