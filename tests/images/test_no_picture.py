"""What lies under an image's name and is none is told by its kind, with what to do."""

from __future__ import annotations

import pytest

from yolobg.images.check import BadImageError
from yolobg.images.kinds import HEAD_BYTES, check_start

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a21\nsize 12345\n"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "it is empty"),
        (POINTER, "run git lfs pull"),
        (POINTER.replace(b"\n", b"\r\n"), "run git lfs pull"),
        (b"/annex/objects/MD5E-s1--00.jpg\n", "git annex get"),
        (b"<!DOCTYPE html>", "HTML page"),
        (b"<!doctype HTML PUBLIC>", "HTML page"),
        (b"\xef\xbb\xbf\r\n  <html lang=de>", "HTML page"),
        ("<html>".encode("utf-16"), "HTML page"),
        (b"<!-- saved from url --><html>", "HTML page"),
        (b"\t" * 300 + b"<head>", "HTML page"),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "XML text"),
        (b"<Error><Code>NoSuchKey</Code></Error>", "XML error of a server"),
        (b'{"message": "Not Found"}', "JSON text"),
        (b"<svg xmlns='x'/>", "SVG drawing"),
        (b"GIF87a....", "a GIF"),
        (b"\xff\x0a....", "a JPEG XL"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL"),
        (b"8BPS\0\1", "a Photoshop file"),
        (b"%PDF-1.7", "a PDF"),
        (b"PK\3\4", "a zip archive"),
        (b"\x1f\x8b\x08", "a gzip file"),
        (b"\0\5\x16\7\0\2\0\0", "AppleDouble"),
        (bytes(HEAD_BYTES), "zero bytes"),
        (b"what is this", "none of the formats"),
        (b"\xff\xfe\0", "none of the formats"),
    ],
)
def test_check_start__says_what_it_is_instead(content: bytes, words: str) -> None:
    with pytest.raises(BadImageError, match=words):
        check_start(content[:HEAD_BYTES], ".jpg")


@pytest.mark.parametrize("content", [b"\xff\xd8\xff\xe0", b"BM<html>", b"RIFF\0\0\0\0WEBPVP8 "])
def test_check_start__takes_what_begins_like_an_image(content: bytes) -> None:
    check_start(content, ".jpg")
