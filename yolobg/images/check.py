"""Whether bytes are the image that a record describes, and one that a trainer can read (design decision 11).

Reads, never writes. Pillow is loaded at the first image that needs it.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator
from typing import Literal

from yolobg.images.jpeg_png import BadImageError, Data, Structure, walk_jpeg, walk_png
from yolobg.images.kinds import Kind, check_tiff, heif_reader, kind_of
from yolobg.model import IMAGE_SUFFIXES, Failed, ImageRecord

__all__ = ["BadImageError", "Depth", "check_image", "image_suffix", "is_records_fault"]

Depth = Literal["header", "structure", "decode"]

_DISAGREES = ", but the record says "
MIN_SIDE_PX = 10
# Pillow's own bound against decompression bombs; above it Pillow warns, at twice it refuses.
MAX_PIXELS = 89_478_485


def image_suffix(file_name: str) -> str | None:
    """The lower-case suffix of a file name when it is one of an image that trainers read, else None."""
    stem, _, ending = file_name.replace("\\", "/").rpartition("/")[2].rpartition(".")
    suffix = f".{ending.lower()}"
    return suffix if stem and suffix in IMAGE_SUFFIXES else None


def check_image(data: Data, record: ImageRecord, *, depth: Depth, may_go_on: bool = False) -> int:
    """Check that the content is the whole image that the record describes.

    Always: a format that trainers read, start and end marks, header, size in pixels equal to the record's where it says
    one (or turned by EXIF), at least 10 px a side, no decompression bomb, convertible to RGB.

    Args:
        data: The whole content.
        record: What it should be.
        depth: How much more: `header` nothing (a digest has proven the rest); `structure` JPEG markers through all
            coded data and PNG CRCs; `decode` that and a decode, of a JPEG at 1/8 scale (which reads all coded data at
            half the cost). Formats without a structure of their own here (neither JPEG nor PNG) are always decoded.
        may_go_on: Whether something may follow the end of a JPEG or PNG. Trainers read past it, but write such a JPEG
            anew in its place, so what follows must be left out.

    Returns:
        How many bytes the image has: all, or less where something follows it.

    Raises:
        BadImageError: It is not; the message is the reason.
    """
    suffix = image_suffix(record.file_name)
    if suffix is None:
        raise BadImageError("its name has no image suffix that trainers read")
    if not data:
        raise BadImageError("it is empty")
    kind = kind_of(data, suffix)
    structure = _structure(data, kind, depth)
    if structure is not None:
        if structure.end != len(data) and not may_go_on:
            raise BadImageError(
                f"data follows its end, and a trainer may write such a {kind.name} anew in its place; save it again"
            )
        _check_size(structure.width, structure.height, record, data, kind)
    if depth == "decode" or structure is None:
        _decode(data, kind, lambda width, height: _check_size(width, height, record, data, kind))
    elif kind.name == "PNG":
        _open(data, kind)
    return structure.end if structure is not None else len(data)


def _structure(data: Data, kind: Kind, depth: Depth) -> Structure | None:
    if kind.name == "JPEG":
        return walk_jpeg(data, coded=depth != "header")
    return walk_png(data) if kind.name == "PNG" else None


def _check_size(width: int, height: int, record: ImageRecord, data: Data, kind: Kind) -> None:
    if min(width, height) < MIN_SIDE_PX:
        raise BadImageError(f"it is {width}x{height} px; trainers need at least {MIN_SIDE_PX} px a side")
    if width * height > MAX_PIXELS:
        raise BadImageError(f"it has {width}x{height} px, more than the {MAX_PIXELS:,} that are safe to decode")
    wanted = (record.width, record.height)
    if 0 in wanted or wanted == (width, height):
        return
    if wanted == (height, width) and _is_turned(data, kind):
        return
    raise BadImageError(f"it is {width}x{height} px{_DISAGREES}{record.width}x{record.height}")


def is_records_fault(failed: Failed) -> bool:
    """Whether an image failed for what its record says of it, so that neither a network nor a disk is to blame.

    Without any try: its name cannot be used. With one: its size is another.
    """
    return failed.attempts == 0 or _DISAGREES in failed.reason


# EXIF orientations that swap width and height.
_TURNED = frozenset({5, 6, 7, 8})
_ORIENTATION = 0x0112


def _decode(data: Data, kind: Kind, check_size: Callable[[int, int], None]) -> None:
    """Decode an image, once its size is known to be bearable.

    A JPEG is decoded at 1/8 scale: all coded data is read, at half the cost. Others are decoded in full and made RGB.

    Args:
        data: The whole content.
        kind: Its format; no other decoder sees it.
        check_size: Given width and height as stored, in pixels, before any pixel is decoded; raises if they are wrong.

    Raises:
        BadImageError: It is damaged, or this Pillow or a trainer cannot read it; or it is of a wrong size.
    """
    with _refused(kind, "decoded"):
        if kind.name == "HEIF":
            heif = heif_reader()(io.BytesIO(data))
            check_size(*heif.size)
            heif.to_pillow()
        else:
            _decode_by_pillow(data, kind, check_size)


def _open(data: Data, kind: Kind) -> None:
    """Have Pillow open a PNG, for which it reads all chunks before the pixels.

    It refuses some whose CRC is right: a text or a colour profile that inflates to more than 1 MB, texts of more than
    64 MB in all, a field that is too short. Ultralytics' `verify_image` opens each image so.
    """
    from PIL import Image  # noqa: PLC0415 - Pillow is loaded when first needed

    with _refused(kind, "opened"), Image.open(io.BytesIO(data), formats=kind.pillow):
        pass


@contextlib.contextmanager
def _refused(kind: Kind, what: str) -> Iterator[None]:
    try:
        yield
    except BadImageError:
        raise
    except Exception as error:  # a decoder may raise anything on hostile bytes, and each means the same
        raise BadImageError(f"it is {kind.name} that cannot be {what}: {_said(error)}") from error


def _decode_by_pillow(data: Data, kind: Kind, check_size: Callable[[int, int], None]) -> None:
    from PIL import Image  # noqa: PLC0415 - Pillow is loaded when first needed

    Image.init()
    known = [name for name in kind.pillow if name in Image.OPEN]
    if not known:
        raise BadImageError(f"this Pillow reads no {kind.name} files; install a newer one")
    with Image.open(io.BytesIO(data), formats=known) as image:
        check_size(*image.size)
        if image.format in ("JPEG", "MPO"):
            image.draft("RGB", (1, 1))
            image.load()
            return
        if image.format == "TIFF":
            check_tiff(dict(getattr(image, "tag_v2", {})))
        image.convert("RGB")


def _said(error: Exception) -> str:
    # Pillow names the object that holds the bytes, which says nothing to anybody.
    text = str(error)
    return "damaged, or of a kind that Pillow does not know" if "BytesIO" in text else text


def _is_turned(data: Data, kind: Kind) -> bool:
    """Whether EXIF says that width and height are to be swapped for showing."""
    from PIL import Image  # noqa: PLC0415

    try:
        with Image.open(io.BytesIO(data), formats=kind.pillow) as image:
            return image.getexif().get(_ORIENTATION) in _TURNED
    except Exception:  # noqa: BLE001 - a decoder may raise anything on damaged bytes; then it is not turned
        return False
