"""The one table of image formats: how each is known by its first bytes, what reads it, and what trainers cannot read.

Ultralytics 8.4.190 is the measure: its scan opens an image with Pillow, its training decodes it with OpenCV (AVIF and
HEIF with Pillow again, by their suffix). Both go by the content, so the suffix only has to be one that it lists.
`tests/images/test_kinds.py` compares the table with its readers.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

from yolobg.images.jpeg_png import BadImageError, Data
from yolobg.images.no_picture import what_instead

__all__ = ["HEAD_BYTES", "KINDS", "Kind", "check_start", "check_tiff", "heif_reader", "kind_of"]

# Enough for what is written before `<html>`, and for all brands of HEIF and AVIF.
HEAD_BYTES = 512
_HEIF_BRANDS = frozenset({b"heic", b"heix", b"hevc", b"heim", b"heis", b"hevm", b"hevs", b"mif1", b"msf1"})


@dataclass(frozen=True, slots=True)
class Kind:
    """An image format.

    Attributes:
        name: What people call it.
        pillow: Pillow's names of it; no other decoder of Pillow sees such bytes.
        starts: Whether a file that begins with these bytes is of this format.
        suffixes: The only suffixes under which trainers read it; empty where any of theirs will do.
    """

    name: str
    pillow: tuple[str, ...]
    starts: Callable[[bytes], bool]
    suffixes: frozenset[str] = frozenset()


def _begins(*marks: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(marks)


def _brands(head: bytes) -> frozenset[bytes]:
    """The brands of an ISO media file, the major one and those it is compatible with."""
    if head[4:8] != b"ftyp":
        return frozenset()
    size = min(int.from_bytes(head[:4], "big"), len(head))
    return frozenset({head[8:12], *(head[at : at + 4] for at in range(16, size - 3, 4))})


def _is_avif(head: bytes) -> bool:
    return bool(_brands(head) & {b"avif", b"avis"})


KINDS: tuple[Kind, ...] = (
    Kind("JPEG", ("JPEG", "MPO"), _begins(b"\xff\xd8")),
    Kind("PNG", ("PNG",), _begins(b"\x89PNG\r\n\x1a\n")),
    Kind("WebP", ("WEBP",), lambda head: head[:4] == b"RIFF" and head[8:12] == b"WEBP"),
    Kind("TIFF", ("TIFF",), _begins(b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")),
    Kind("BMP", ("BMP",), _begins(b"BM")),
    Kind("JPEG 2000", ("JPEG2000",), _begins(b"\0\0\0\x0cjP  \r\n\x87\n", b"\xffO\xffQ")),
    Kind("AVIF", ("AVIF",), _is_avif),
    Kind("HEIF", ("HEIF",), lambda head: bool(_brands(head) & _HEIF_BRANDS), frozenset({".heic", ".heif", ".avif"})),
)


def kind_of(data: Data, suffix: str) -> Kind:
    """The format of a content, by its first bytes.

    Args:
        data: The content; its first bytes are enough.
        suffix: The suffix of its name, lower case, one that trainers list.

    Raises:
        BadImageError: It is none that trainers read, or not under this suffix.
    """
    head = bytes(data[:HEAD_BYTES])
    kind = next((kind for kind in KINDS if kind.starts(head)), None)
    if kind is None:
        raise BadImageError(what_instead(head) or f"its content is none of the formats that trainers read ({_known()})")
    if kind.suffixes and suffix not in kind.suffixes:
        raise BadImageError(f"it is {kind.name}, which trainers read only if its name ends in .heic or .heif")
    return kind


def check_start(head: bytes, suffix: str) -> None:
    """Check what the first bytes of a file can show: whether it is of a format that trainers read, and that we read.

    Args:
        head: The first `HEAD_BYTES` of it, or all where it has less.
        suffix: The suffix of its name, lower case, one that trainers list.

    Raises:
        BadImageError: It cannot be such an image; the message is the reason.
    """
    if not head:
        raise BadImageError("it is empty")
    if kind_of(head, suffix).name == "HEIF":
        heif_reader()


def _known() -> str:
    return ", ".join(kind.name for kind in KINDS)


# ---------------------------------------------------------------- TIFF

_PHOTOMETRIC, _CMYK, _YCBCR, _LAB = 262, 5, 6, 8
_BITS, _COMPRESSION, _SAMPLES, _TILE_WIDTH, _TILE_LENGTH, _PLANAR = 258, 259, 277, 322, 323, 284
_TIFF_COMPRESSIONS = {
    1: "none",
    2: "CCITT",
    3: "CCITT group 3",
    4: "CCITT group 4",
    5: "LZW",
    7: "JPEG",
    8: "Deflate",
    32773: "PackBits",
    32946: "Deflate",
}
_OTHERS = {6: "old JPEG", 32809: "ThunderScan", 34887: "LERC", 34925: "LZMA", 50000: "ZSTD", 50001: "WebP"}
_TIFF_BITS = frozenset({1, 8, 16})
_MOST_SAMPLES = 4
_COLOURS = 3
# OpenCV fails on uncompressed tiles of other sizes.
_TILE_STEP_BYTES = 1024


def check_tiff(tags: Mapping[int, Any]) -> None:
    """Check that OpenCV decodes a TIFF, which refuses many that Pillow opens: the training would end there.

    Args:
        tags: The tags of its first picture.

    Raises:
        BadImageError: It does not; the message is the reason.
    """
    compression = _number(tags.get(_COMPRESSION, 1))
    if compression not in _TIFF_COMPRESSIONS:
        name = _OTHERS.get(compression, f"number {compression}")
        raise BadImageError(
            f"it is a TIFF compressed with {name}, which trainers cannot decode; save it with LZW or none"
        )
    bits = tags.get(_BITS, (1,))
    depths = set(bits) if isinstance(bits, tuple) else {bits}
    samples = _number(tags.get(_SAMPLES, 1))
    if len(depths) != 1 or not depths <= _TIFF_BITS:
        shown = " and ".join(map(str, sorted(depths)))
        raise BadImageError(
            f"it is a TIFF with {shown} bits a channel, of which trainers decode only 1, 8 and 16; save it with 8"
        )
    if samples > _MOST_SAMPLES:
        raise BadImageError(f"it is a TIFF with {samples} channels, of which trainers decode at most {_MOST_SAMPLES}")
    if colours := _closed_colours(tags, depths, samples):
        raise BadImageError(f"it is a TIFF in {colours}, which trainers cannot decode; save it as RGB with 8 bits")
    if compression == 1 and _TILE_WIDTH in tags:
        channels = 1 if _number(tags.get(_PLANAR, 1)) != 1 else samples
        row = (_number(tags[_TILE_WIDTH]) * channels * depths.pop() + 7) // 8
        if row * _number(tags.get(_TILE_LENGTH, 0)) % _TILE_STEP_BYTES:
            raise BadImageError(
                "it is a TIFF with small uncompressed tiles, which trainers cannot decode; save it again"
            )


def _closed_colours(tags: Mapping[int, Any], depths: Collection[int], samples: int) -> str:
    """The colours of a TIFF that OpenCV does not decode; empty where it does."""
    colours = _number(tags.get(_PHOTOMETRIC, -1))
    if colours == _CMYK and 16 in depths:  # noqa: PLR2004 - bits
        return "CMYK with 16 bits a channel"
    if colours == _YCBCR and samples < _COLOURS:
        return f"YCbCr with {samples} of its 3 channels"
    if colours == _LAB and _number(tags.get(_PLANAR, 1)) != 1:
        return "Lab with a plane for each channel"
    return ""


def _number(value: Any) -> int:
    first = value[0] if isinstance(value, tuple) and value else value
    return first if isinstance(first, int) else -1


# ---------------------------------------------------------------- HEIF


def heif_reader() -> Callable[..., Any]:
    """What opens HEIF: Pillow does not, and trainers install pi-heif for it. Nothing is registered in Pillow.

    Raises:
        BadImageError: Neither pi-heif nor pillow-heif is installed.
    """
    with suppress(ImportError):
        import pi_heif  # noqa: PLC0415 - only where a HEIF is met; it is not among what yolobg needs

        return cast("Callable[..., Any]", pi_heif.open_heif)
    with suppress(ImportError):
        import pillow_heif  # noqa: PLC0415

        return cast("Callable[..., Any]", pillow_heif.open_heif)
    raise BadImageError("it is HEIF, which needs the package pi-heif, for trainers too: pip install pi-heif")
