"""What lies under an image's name and is none: by its first bytes, with what to do about it.

Pages that a server sent instead, pointers whose file was never fetched, formats that trainers do not read.
"""

from __future__ import annotations

__all__ = ["what_instead"]

_UTF_8_MARK = b"\xef\xbb\xbf"
_UTF_16 = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_HTML = "it is an HTML page: what a server sent instead of the image"
# How texts begin, in lower case.
_TEXTS = (
    ("<!doctype html", _HTML),
    ("<html", _HTML),
    ("<head", _HTML),
    ("<body", _HTML),
    ("<script", _HTML),
    ("<!--", _HTML),
    ("version https://git-lfs.github.com/", "it is a Git LFS pointer: run git lfs pull"),
    ("version https://hawser.github.com/", "it is a Git LFS pointer: run git lfs pull"),
    ("/annex/objects/", "it is a git-annex pointer: run git annex get"),
    ("<svg", "it is an SVG drawing, which trainers do not read: save it as PNG"),
    ("<?xml", "it is XML text, which trainers do not read"),
    ("<error", "it is an XML error of a server"),
    ("{", "it is JSON text"),
)
_BINARIES = (
    (b"GIF8", "a GIF"),
    (b"\xff\x0a", "a JPEG XL"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL"),
    (b"8BPS", "a Photoshop file"),
    (b"%PDF", "a PDF"),
    (b"PK\3\4", "a zip archive"),
    (b"\x1f\x8b", "a gzip file"),
    (b"\0\5\x16\7", "what macOS keeps beside a file (AppleDouble)"),
)


def what_instead(head: bytes) -> str:
    """What a file is that people have under an image's name by mistake; nothing where that is not known.

    Args:
        head: Its first bytes, of which none of the formats that trainers read begins so.
    """
    if encoding := _UTF_16.get(head[:2]):
        text = head[2:].decode(encoding, "ignore")
    else:
        text = head.removeprefix(_UTF_8_MARK).decode("utf-8", "ignore")
    text = text.lstrip().lower()
    for start, what in _TEXTS:
        if text.startswith(start):
            return what
    for mark, what in _BINARIES:
        if head.startswith(mark):
            return f"it is {what}, which trainers do not read"
    return "" if head.strip(b"\0") else "it begins with zero bytes: a copy or download that was cut off"
