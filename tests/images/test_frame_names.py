"""How frames are called, and by what a video is known."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from videos import MP4_HEAD

from yolobg.dataset.layout import NAME_LIMIT, background_name, is_image
from yolobg.images.frame_names import (
    VIDEO_SUFFIXES,
    VideoIdentity,
    frame_id,
    frame_name,
    frame_place,
    is_frame_place,
    is_video,
    parse,
)
from yolobg.images.jpeg_png import BadImageError
from yolobg.images.video_files import identify, reader_of
from yolobg.safe_names import safe_parts

STEMS = st.text(st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1, max_size=60)


def test_name__says_video_and_time() -> None:
    assert frame_name("day 1/drive01.MP4", 12_500) == "day 1/drive01.MP4/drive01_000012500ms.jpg"


@given(stem=STEMS, suffix=st.sampled_from(sorted(VIDEO_SUFFIXES)), ms=st.integers(0, 10**11))
def test_name__is_read_again(stem: str, suffix: str, ms: int) -> None:
    video = f"sub/{stem}{suffix}"
    assert parse(frame_name(video, ms)) == (video, ms)


@pytest.mark.parametrize(
    "name",
    ["a.jpg", "a/b.jpg", "a.mp4/b.jpg", "a/b_000001000ms.jpg", "b_000001000ms.jpg", "a.mp4/b_1000ms.jpg",
     "a.mp4/b_000001000ms.png", ".mp4", "a.mp4"],
)  # fmt: skip
def test_name__of_no_frame(name: str) -> None:
    assert parse(name) is None


@pytest.mark.parametrize(
    "video",
    ["drive 01.mp4", "Straße/ü.MOV", "видео.mkv", "-rf.mp4", "%03d.mp4", "a.b.c.mp4", f"{'x' * 200}.mp4", "a#t=1.mp4"],
)
@pytest.mark.parametrize("source", ["s", "a-rather-long-name-of-a-folder-with-videos-of-a-summer"])
def test_name_in_the_dataset__is_safe_and_keeps_the_time(video: str, source: str) -> None:
    name = frame_name(video, 12_500)
    assert safe_parts(name) is not None
    made = background_name(source, name)
    assert "_000012500ms" in made
    assert len(made) <= NAME_LIMIT
    assert made.isascii()
    assert is_image(made)
    assert background_name(source, frame_name(f"other/{video}", 12_500)) != made, "two videos of one name"


def test_id__is_that_of_video_and_time() -> None:
    videos = [VideoIdentity(1, "a"), VideoIdentity(2, "a"), VideoIdentity(1, "b")]
    assert len({frame_id(video, ms) for video in videos for ms in range(100)}) == 300
    assert frame_id(videos[0], 5) == frame_id(VideoIdentity(1, "a"), 5)


def test_place__has_the_time_in_seconds() -> None:
    assert frame_place("/a b/c.mp4", 12_500) == "/a b/c.mp4#t=12.500"
    assert is_frame_place("/a b/c.mp4#t=12.500")
    assert not is_frame_place("/a b/c.jpg")


# ---------------------------------------------------------------- content

PACKET = b"\x47" + bytes(187)
CONTAINERS = {
    "mov": MP4_HEAD,
    "matroska": b"\x1a\x45\xdf\xa3" + bytes(64),
    "avi": b"RIFF\x00\x00\x00\x00AVI LIST" + bytes(64),
    "mpegts": PACKET * 10,
    "flv": b"FLV\x01\x05" + bytes(64),
    "asf": b"\x30\x26\xb2\x75\x8e\x66\xcf\x11" + bytes(64),
    "ogg": b"OggS" + bytes(64),
    "mpeg": b"\x00\x00\x01\xba" + bytes(64),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_look__knows_the_container(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.mp4").write_bytes(CONTAINERS[name])
    assert reader_of(tmp_path / "a.mp4") == name


def test_look__a_camera_s_stream_may_begin_within_a_packet(tmp_path: Path) -> None:
    (tmp_path / "a.mts").write_bytes(bytes(77) + (b"\x47" + bytes(191)) * 12)
    assert reader_of(tmp_path / "a.mts") == "mpegts"


REFUSED = {
    "empty": (b"", "it is empty"),
    "a web page": (b"<!DOCTYPE html><html><body>404</body></html>" * 20, "is text"),
    "a playlist": (b"#EXTM3U\n#EXTINF:9,\nhttp://127.0.0.1/secret.ts\n" * 20, "is text"),
    "a list for concat": (b"ffconcat version 1.0\nfile /etc/passwd\n" * 20, "is text"),
    "a stream description": (b"<?xml version='1.0'?><MPD><BaseURL>http://x/</BaseURL></MPD>" * 9, "is text"),
    "a session description": (b"v=0\no=- 0 0 IN IP4 127.0.0.1\n" * 9, "is text"),
    "letters G": (b"G" * 187, "is text"),
    "a picture": (b"\xff\xd8\xff\xe0" + bytes(200), "no video container"),
    "zeros": (bytes(4096), "no video container"),
    "a sound file": (b"RIFF\x00\x00\x00\x00WAVEfmt " + bytes(64), "no video container"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_look__refuses_what_is_no_video(tmp_path: Path, kind: str) -> None:
    content, why = REFUSED[kind]
    (tmp_path / "a.mp4").write_bytes(content)
    with pytest.raises(BadImageError, match=why):
        reader_of(tmp_path / "a.mp4")


# Windows' pipes have no place in a folder.
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_look__never_waits_for_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.mp4")
    with pytest.raises(BadImageError, match="not a regular file"):
        reader_of(tmp_path / "a.mp4")


def test_identity__is_that_of_the_content(tmp_path: Path) -> None:
    content = bytearray(os.urandom(3 << 20))
    (tmp_path / "a.mp4").write_bytes(content)
    first = identify(tmp_path / "a.mp4")
    (tmp_path / "a.mp4").rename(tmp_path / "b.mov")
    assert identify(tmp_path / "b.mov") == first
    content[-1] ^= 1
    (tmp_path / "b.mov").write_bytes(content)
    assert identify(tmp_path / "b.mov") != first
    assert identify(tmp_path / "b.mov").size_bytes == 3 << 20


def test_is_video__by_suffix_in_any_case() -> None:
    assert all(map(is_video, ("a.mp4", "A.MP4", "a.b.MoV", "x/y.mkv")))
    assert not any(map(is_video, ("a.jpg", "mp4", "a.mp4.part", "a.m3u8", "a.gif")))
