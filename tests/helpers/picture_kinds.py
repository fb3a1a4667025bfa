"""Small pictures of every kind that people keep, for the table of what a trainer reads. Needs Pillow alone."""

from __future__ import annotations

import base64
import io
import itertools
import random
import struct
import zlib
from collections.abc import Iterator
from typing import Any

from PIL import Image, features

WIDTH, HEIGHT = 32, 24
UNSIGNED, SIGNED, REAL = 1, 2, 3
# Pillow writes none: `picture()` at quality 20, by pillow-heif 1.4.
HEIC = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAXxtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAACJpbG9jAA"
    "AAAERAAAEAAQAAAAABoAABAAAAAAAAAK0AAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABodmMxAAAAAA5waXRtAAAAAAABAAAA/GlwcnAA"
    "AADcaXBjbwAAAHVodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQApQgEBA3AAAAMAkA"
    "AAAwAAAwAeoCCBBZbqrprm4CGgwIAAAAyAAAADAIRiAAEABkQBwXPBiQAAABNjb2xybmNseAABAA0ABoAAAAAUaXNwZQAAAAAAAABAAAAAQAAA"
    "AChjbGFwAAAAIAAAAAEAAAAYAAAAAf///+AAAAAC////2AAAAAIAAAAQcGl4aQAAAAADCAgIAAAAGGlwbWEAAAAAAAAAAQABBYECAwWEAAAAtW"
    "1kYXQAAACpKAGvC0h6zQXA9rP6ZP/orSA0S8IjGNpk957stbkISyVA6/iTEtT+7C/5RHlvrnTPoltYBbUhnaCPl5jLtH9/GEsSrR+eY7H3jnjg"
    "F0zL4wBozDyaJKsBerhUO64nBoGgx+RKqc6wUWw5t0gWQT9k97Rq4UbWkafd5FwzKHmNOncMiRRmPSQIlVbbPsV2K0Gc5ewMGCC1rkvoDS50ri"
    "RprSQv93+D4aOE7A=="
)


def kinds() -> Iterator[tuple[str, str, bytes]]:
    """A name, a suffix and the content of each kind that this Pillow can make."""
    yield from _plain()
    yield from _jpegs()
    yield from _called_otherwise()
    yield from _tiffs_by_pillow()
    yield from _tiffs_by_hand()
    yield from _bitmaps()


def picture(mode: str = "RGB") -> Image.Image:
    noise = random.Random(mode)
    image = Image.new("RGB", (8, 6))
    image.putdata([tuple(noise.randrange(256) for _ in range(3)) for _ in range(48)])
    return image.resize((WIDTH, HEIGHT), Image.Resampling.NEAREST).convert(mode)


def saved(image: Image.Image, kind: str, **how: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **how)
    return out.getvalue()


def _plain() -> Iterator[tuple[str, str, bytes]]:
    for mode in ("RGB", "L", "RGBA", "LA", "P", "1", "I;16"):
        image = picture("I") if mode == "I;16" else picture(mode)
        yield f"png_{mode}", ".png", saved(image if mode != "I;16" else image.convert("I;16"), "PNG")
    yield "png_animated", ".png", saved(picture(), "PNG", save_all=True, append_images=[picture("L").convert("RGB")])
    for mode in ("RGB", "RGBA"):
        yield f"webp_{mode}", ".webp", saved(picture(mode), "WEBP")
        yield f"webp_lossless_{mode}", ".webp", saved(picture(mode), "WEBP", lossless=True)
    yield "webp_animated", ".webp", saved(picture(), "WEBP", save_all=True, append_images=[picture("L").convert("RGB")])
    for mode in ("RGB", "L", "RGBA", "LA"):
        yield f"jp2_{mode}", ".jp2", saved(picture(mode), "JPEG2000")
    yield "jp2_bare", ".jp2", saved(picture(), "JPEG2000", no_jp2=True)
    yield "jp2_I;16", ".jp2", saved(picture("I").convert("I;16"), "JPEG2000")
    if features.check("avif"):
        for mode in ("RGB", "RGBA", "L"):
            yield f"avif_{mode}", ".avif", saved(picture(mode), "AVIF")
        yield "avif_animated", ".avif", saved(picture(), "AVIF", save_all=True, append_images=[picture()])
    yield "heic", ".heic", HEIC
    yield "heic_called_heif", ".heif", HEIC
    yield "heic_called_avif", ".avif", HEIC
    yield "heic_called_jpg", ".jpg", HEIC
    yield "gif", ".gif", saved(picture("P"), "GIF")


def _jpegs() -> Iterator[tuple[str, str, bytes]]:
    plain = saved(picture(), "JPEG")
    for mode in ("RGB", "L", "CMYK"):
        yield f"jpeg_{mode}", ".jpg", saved(picture(mode), "JPEG")
    yield "jpeg_progressive", ".jpg", saved(picture(), "JPEG", progressive=True)
    yield "mpo", ".mpo", saved(picture(), "MPO", save_all=True, append_images=[picture()])
    yield "mpo_of_one", ".mpo", plain
    yield "mpo_called_jpg", ".jpg", saved(picture(), "MPO", save_all=True, append_images=[picture()])
    for name, more in (
        ("zeros", b"\0" * 40),
        ("line_end", b"\n"),
        ("text", b"SEFT of a phone"),
        ("mark", b"x\xff\xd9"),
    ):
        yield f"jpeg_then_{name}", ".jpg", plain + more
    yield "jpeg_then_zip", ".jpg", plain + b"PK\x03\x04" + b"\0" * 30
    yield "jpeg_cut", ".jpg", plain[:-40]
    yield "jpeg_without_end_mark", ".jpg", plain[:-2]
    lossless = bytearray(plain)
    lossless[plain.index(b"\xff\xc0") + 1] = 0xC3
    yield "jpeg_lossless", ".jpg", bytes(lossless)
    twelve_bits = bytearray(plain)
    twelve_bits[plain.index(b"\xff\xc0") + 1] = 0xC1
    twelve_bits[plain.index(b"\xff\xc0") + 4] = 12
    yield "jpeg_12_bits", ".jpg", bytes(twelve_bits)
    for kind, suffix in (("PNG", ".png"), ("WEBP", ".webp"), ("BMP", ".bmp"), ("TIFF", ".tif")):
        yield f"{suffix[1:]}_then_text", suffix, saved(picture(), kind) + b"and more"
        yield f"{suffix[1:]}_cut", suffix, saved(picture(), kind)[:-30]


def _called_otherwise() -> Iterator[tuple[str, str, bytes]]:
    contents = {
        "jpeg": saved(picture(), "JPEG"),
        "png": saved(picture(), "PNG"),
        "webp": saved(picture(), "WEBP"),
        "bmp": saved(picture(), "BMP"),
        "tiff": saved(picture(), "TIFF"),
        "jp2": saved(picture(), "JPEG2000"),
        "gif": saved(picture("P"), "GIF"),
    }
    if features.check("avif"):
        contents["avif"] = saved(picture(), "AVIF")
    for kind, content in contents.items():
        for suffix in (".jpg", ".png", ".webp", ".bmp", ".tif", ".jp2", ".avif", ".heic", ".mpo", ".dng"):
            if suffix[1:] not in (kind, kind[:3]):
                yield f"{kind}_called_{suffix[1:]}", suffix, content


def _tiffs_by_pillow() -> Iterator[tuple[str, str, bytes]]:
    known = {
        "none": None,
        "lzw": "tiff_lzw",
        "deflate": "tiff_deflate",
        "adobe_deflate": "tiff_adobe_deflate",
        "packbits": "packbits",
        "jpeg": "jpeg",
        "zstd": "zstd",
        "lzma": "lzma",
    }
    for name, compression in known.items():
        for mode in ("RGB", "L", "RGBA"):
            try:
                yield f"tiff_{name}_{mode}", ".tif", saved(picture(mode), "TIFF", compression=compression)
            except (OSError, ValueError, RuntimeError):
                continue
    for name in ("group3", "group4", "tiff_ccitt", "packbits"):
        yield f"tiff_{name}_1", ".tif", saved(picture("1"), "TIFF", compression=name)
    for mode in ("1", "P", "CMYK", "YCbCr", "LAB", "LA", "I;16", "I", "F"):
        yield f"tiff_{mode}", ".tif", saved(picture("I").convert(mode) if mode in ("I;16", "F") else _in(mode), "TIFF")
    yield "tiff_pages", ".tif", saved(picture(), "TIFF", save_all=True, append_images=[picture("L").convert("RGB")])
    yield "tiff_big", ".tif", saved(picture(), "TIFF", big_tiff=True)
    yield "tiff_turned", ".tif", saved(picture(), "TIFF", tiffinfo={274: 6})


def _in(mode: str) -> Image.Image:
    if mode == "LAB":
        return Image.merge("LAB", picture().split())
    return picture(mode)


def _tiffs_by_depth() -> Iterator[tuple[str, str, bytes]]:
    for letter, sample_format, depths in (
        ("u", UNSIGNED, (1, 2, 4, 8, 10, 12, 14, 16, 24, 32, 64)),
        ("i", SIGNED, (8, 16, 32, 64)),
        ("f", REAL, (16, 24, 32, 64)),
    ):
        for bits, samples in itertools.product(depths, (1, 3)):
            yield f"tiff_{letter}{bits}x{samples}", ".tif", tiff(bits, samples, sample_format)
    for bits, samples in itertools.product((8, 16), (2, 4, 5, 8)):
        yield f"tiff_u{bits}x{samples}", ".tif", tiff(bits, samples, UNSIGNED)
    yield "tiff_f32x4", ".tif", tiff(32, 4, REAL)


def _tiffs_by_hand() -> Iterator[tuple[str, str, bytes]]:
    yield from _tiffs_by_depth()
    yield "tiff_planar", ".tif", tiff(8, 3, UNSIGNED, planar=2)
    yield "tiff_planar_u16", ".tif", tiff(16, 3, UNSIGNED, planar=2)
    yield "tiff_planar_f32", ".tif", tiff(32, 3, REAL, planar=2)
    yield "tiff_white_is_zero", ".tif", tiff(8, 1, UNSIGNED, photometric=0)
    yield "tiff_white_is_zero_u16", ".tif", tiff(16, 1, UNSIGNED, photometric=0)
    yield "tiff_big_endian", ".tif", tiff(8, 3, UNSIGNED, order=">")
    yield "tiff_big_endian_u16", ".tif", tiff(16, 3, UNSIGNED, order=">")
    yield "tiff_big_endian_f32", ".tif", tiff(32, 1, REAL, order=">")
    yield "tiff_cfa", ".tif", tiff(16, 1, UNSIGNED, photometric=32803)
    yield "tiff_cfa_8", ".tif", tiff(8, 1, UNSIGNED, photometric=32803)
    yield "tiff_cfa_called_dng", ".dng", tiff(16, 1, UNSIGNED, photometric=32803)
    yield "tiff_linear_raw", ".dng", tiff(16, 3, UNSIGNED, photometric=34892)
    yield "tiff_tiled", ".tif", tiff(8, 3, UNSIGNED, tile=(16, 16))
    yield "tiff_tiled_deflate", ".tif", tiff(8, 3, UNSIGNED, tile=(16, 16), compression=8)
    yield "tiff_tiled_32", ".tif", tiff(8, 3, UNSIGNED, tile=(32, 32))
    yield "tiff_tiled_48", ".tif", tiff(8, 1, UNSIGNED, tile=(48, 16))
    yield "tiff_tiled_u16", ".tif", tiff(16, 3, UNSIGNED, tile=(16, 16))
    yield "tiff_tiled_f32", ".tif", tiff(32, 1, REAL, tile=(16, 16))
    yield "tiff_deflate_f32", ".tif", tiff(32, 1, REAL, compression=8)
    yield "tiff_cmyk_u16", ".tif", tiff(16, 4, UNSIGNED, photometric=5)
    yield "tiff_cmyk_u8", ".tif", tiff(8, 4, UNSIGNED, photometric=5)
    yield "tiff_ycbcr_1", ".tif", tiff(8, 1, UNSIGNED, photometric=6)
    yield "tiff_lab_planar", ".tif", tiff(8, 3, UNSIGNED, photometric=8, planar=2)
    yield "tiff_lab", ".tif", tiff(8, 3, UNSIGNED, photometric=8)
    yield "tiff_predictor_2", ".tif", tiff(8, 3, UNSIGNED, compression=8, predictor=2)
    yield "tiff_predictor_3_f32", ".tif", tiff(32, 1, REAL, compression=8, predictor=3)
    for compression in (50000, 34925, 34712, 34887, 50001, 34892, 6, 7, 32809, 33003):
        yield f"tiff_compression_{compression}", ".tif", tiff(8, 3, UNSIGNED, compression=compression)


def tiff(
    bits: int,
    samples: int,
    sample_format: int,
    *,
    order: str = "<",
    photometric: int | None = None,
    planar: int = 1,
    compression: int = 1,
    predictor: int = 1,
    tile: tuple[int, int] | None = None,
) -> bytes:
    """A TIFF of these properties, of one strip (or one for each plane) or in tiles.

    Data of a compression other than none (1) and deflate (8) is left as it is, so that only its name is right.
    """
    shown = min(samples, 3) if samples not in (2,) else 1
    photometric = photometric if photometric is not None else (2 if shown == 3 else 1)
    wide, high = tile or (WIDTH, HEIGHT)
    per_plane = samples if planar == 1 else 1
    size = high * ((wide * per_plane * bits + 7) // 8)
    pieces = (samples if planar == 2 else 1) * (((WIDTH + wide - 1) // wide) * ((HEIGHT + high - 1) // high))
    data = _samples(size, bits, sample_format, order)
    if compression == 8:
        data = zlib.compress(data)
    tags: list[tuple[int, str, tuple[int, ...]]] = [
        (256, "H", (WIDTH,)),
        (257, "H", (HEIGHT,)),
        (258, "H", (bits,) * samples),
        (259, "H", (compression,)),
        (262, "H", (photometric,)),
        (277, "H", (samples,)),
        (284, "H", (planar,)),
        (339, "H", (sample_format,) * samples),
    ]
    if samples > shown and photometric != 5:
        tags.append((338, "H", (2,) + (0,) * (samples - shown - 1)))
    if predictor != 1:
        tags.append((317, "H", (predictor,)))
    if photometric == 32803:
        tags += [(33421, "H", (2, 2)), (33422, "B", (0, 1, 1, 2))]
    offsets, counts, extra = (
        (324, 325, [(322, "H", (wide,)), (323, "H", (high,))])
        if tile
        else (
            273,
            279,
            [(278, "H", (HEIGHT,))],
        )
    )
    tags += extra
    tags += [(offsets, "I", tuple(8 + i * len(data) for i in range(pieces))), (counts, "I", (len(data),) * pieces)]
    return _with_directory(order, data * pieces, sorted(tags))


def _samples(size: int, bits: int, sample_format: int, order: str) -> bytes:
    noise = random.Random(bits)
    if sample_format == 3 and bits in (32, 64, 16):
        code = {16: "e", 32: "f", 64: "d"}[bits]
        count = size // (bits // 8)
        return struct.pack(f"{order}{count}{code}", *(noise.random() for _ in range(count)))
    return noise.randbytes(size)


def _with_directory(order: str, data: bytes, tags: list[tuple[int, str, tuple[int, ...]]]) -> bytes:
    types = {"B": 1, "H": 3, "I": 4}
    if len(data) % 2:
        data += b"\0"
    start = 8 + len(data)
    beyond = start + 2 + 12 * len(tags) + 4
    entries, overflow = b"", b""
    for tag, code, values in tags:
        number = types[code]
        packed = struct.pack(f"{order}{len(values)}{code}", *values)
        if len(packed) > 4:
            place = struct.pack(f"{order}I", beyond + len(overflow))
            overflow += packed + b"\0" * (len(packed) % 2)
        else:
            place = packed.ljust(4, b"\0")
        entries += struct.pack(f"{order}HHI", tag, number, len(values)) + place
    mark = b"II" if order == "<" else b"MM"
    directory = struct.pack(f"{order}H", len(tags)) + entries + struct.pack(f"{order}I", 0) + overflow
    return mark + struct.pack(f"{order}HI", 42, start) + data + directory


def _bitmaps() -> Iterator[tuple[str, str, bytes]]:
    for mode in ("RGB", "L", "P", "1", "RGBA"):
        yield f"bmp_{mode}", ".bmp", saved(picture(mode), "BMP")
    yield "bmp_16", ".bmp", bmp(16, 0)
    yield "bmp_16_masks", ".bmp", bmp(16, 3, struct.pack("<III", 0xF800, 0x07E0, 0x001F))
    yield "bmp_32", ".bmp", bmp(32, 0)
    yield "bmp_rle8", ".bmp", bmp(8, 1, b"\0\0\0\0" * 256, (bytes([WIDTH, 7]) + b"\0\0") * HEIGHT + b"\0\1")
    yield "bmp_rle4", ".bmp", bmp(4, 2, b"\0\0\0\0" * 16, (bytes([WIDTH, 7]) + b"\0\0") * HEIGHT + b"\0\1")
    yield "bmp_4", ".bmp", bmp(4, 0, b"\1\2\3\0" * 16)
    yield "bmp_jpeg", ".bmp", bmp(0, 4, b"", saved(picture(), "JPEG"))


def bmp(bits: int, compression: int, palette: bytes = b"", body: bytes | None = None) -> bytes:
    row = (WIDTH * bits + 31) // 32 * 4
    body = random.Random(bits).randbytes(row * HEIGHT) if body is None else body
    start = 14 + 40 + len(palette)
    colours = len(palette) // 4 if compression != 3 else 0
    header = struct.pack("<IiiHHIIiiII", 40, WIDTH, HEIGHT, 1, bits, compression, len(body), 2835, 2835, colours, 0)
    return b"BM" + struct.pack("<IHHI", start + len(body), 0, 0, start) + header + palette + body
