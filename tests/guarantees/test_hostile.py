"""A source from a stranger, through the whole command: names that climb, addresses that lead inside, bombs, escapes.

Nothing outside the dataset and the cache is written, read into the dataset or asked for; what comes in is a picture
under a plain name; and no text of a stranger drives the terminal, the page or the JSON.
"""

from __future__ import annotations

import gzip
import html.parser
import io
import json
import os
import re
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pytest
import tally
from command_line import run
from hostile import SPLIT, World, make_world, picture, write_source
from image_server import ImageServer
from PIL import Image

import yolobg
from yolobg.errors import DownloadError, UsageError, YolobgError
from yolobg.images.check import check_image
from yolobg.images.jpeg_png import BadImageError
from yolobg.model import ImageRecord
from yolobg.net.addresses import is_private, redirect_fault

pytestmark = pytest.mark.slow
PLAIN_NAME = re.compile(r"bg_instances_pool_[A-Za-z0-9._-]+\.(jpg|png)")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A dataset without backgrounds, and the world around it, which must be the same afterwards."""
    made = make_world(tmp_path / "world")
    monkeypatch.setenv("YOLOBG_CACHE_DIR", str(made.top / "cache"))
    return made


def added(world: World) -> set[str]:
    """What came into the dataset; whatever it is, it must lie under a plain name, and be a whole picture."""
    images = [path for path in (world.dataset / SPLIT).iterdir() if not re.fullmatch(r"a\d+\.jpg", path.name)]
    for image in images:
        assert PLAIN_NAME.fullmatch(image.name), image
        assert image.is_file()
        assert not image.is_symlink()
        with Image.open(image) as opened:
            opened.load()
        label = world.dataset / "labels/train" / f"{image.stem}.txt"
        assert label.read_bytes() == b""
    assert len(list((world.dataset / "labels/train").iterdir())) == len(images) + 12
    return {image.name for image in images}


# ---------------------------------------------------------------- names

NAMES = (
    "../secret.jpg", "../victim/photos/holiday.jpg", "../../victim/photos/holiday.jpg", "x/../../victim/photos/h.jpg",
    "..\\victim\\photos\\holiday.jpg", "{victim}/photos/holiday.jpg", "/etc/passwd", "//host/share/a.jpg",
    "\\\\host\\share\\a.jpg", "\\\\?\\C:\\a.jpg", "\\\\.\\pipe\\a.jpg", "C:\\Windows\\a.jpg", "C:a.jpg", "c:/a.jpg",
    "file:///etc/passwd", "http://127.0.0.1/a.jpg", "~/a.jpg", "~root/a.jpg", "$HOME/a.jpg", "%2e%2e/a.jpg",
    "%2e%2e%2fvictim%2fphotos%2fholiday.jpg", "..%5cvictim%5ca.jpg", "..;/a.jpg", "a.jpg\x00.png", "\x00", "a\nb.jpg",
    "a\r\nHost: evil\r\n.jpg", "a\x1b[2Jb.jpg", "a\x9b2Jb.jpg", "a\u202egpj.exe", "\u2066a.jpg", "a\u2215b.jpg",
    "..\u2044..\u2044a.jpg", "\uff0e\uff0e\uff0fa.jpg", "CON.jpg", "con", "NUL.jpg", "aux.jpg.jpg", "LPT1.png",
    "com9.jpg",
    "CONIN$.jpg", "a.jpg.", "a.jpg ", " .jpg", ". .jpg", "a.jpg...", "a.jpg:stream", "a.jpg::$DATA", "a*.jpg", "a?.jpg",
    "a|b.jpg", "<a>.jpg", '"a".jpg', "x" * 10_000 + ".jpg", "x/" * 5_000 + "a.jpg", "\U0001f4a9" * 80 + ".jpg", "",
    ".", "..", "/", "\\", ".jpg", ".bashrc", "a.exe", "a.html", "a.svg", "a.gif", "a", "-rf.jpg", "--help.jpg",
    "café.jpg", "cafe\u0301.jpg", "im0001.jpg", "im0001.JPG", "IM0001.jpg", "sub/im0001.jpg", "a.jpg?x=../..",
    "a.jpg#../..", "a.jpg&b", "a;b.jpg", "`id`.jpg", "$(id).jpg", "=cmd|' /C calc'!A0.jpg", "@SUM(1).jpg",
    "\ufeff.jpg", "\u200b.jpg",
)  # fmt: skip


def hostile_names(world: World) -> list[dict[str, object]]:
    return [
        {"id": 1000 + number, "file_name": name.format(victim=world.victim) if "victim}" in name else name,
         "width": 64, "height": 48, "coco_url": "file:///etc/passwd", "flickr_url": "javascript:alert(1)"}
        for number, name in enumerate(NAMES)
    ]  # fmt: skip


def plant_names(world: World) -> None:
    """A good picture wherever a name could lead to, so that only the rules keep it out."""
    for place in ("victim/photos/holiday.jpg", "secret.jpg", "victim/a.jpg", "a.jpg", "victim/photos/h.jpg"):
        picture(7).save(world.top / place)


def test_names__through_a_local_folder_lead_nowhere_else(world: World) -> None:
    plant_names(world)
    instances = write_source(world.source, 6, extra=hostile_names(world))
    before = world.outside()
    with pytest.raises(YolobgError, match="40 backgrounds are needed, and only 5 of 45"):
        yolobg.augment(world.dataset, count=40, annotations=instances, images=[world.source], report=False)
    assert not added(world)
    assert len(yolobg.augment(world.dataset, count=5, annotations=instances, images=[world.source]).added) == 5
    # im0001.jpg is named three times, and nobody can tell which of its records is right; the other names are had.
    assert len(added(world)) == 5
    assert world.outside() == before
    yolobg.remove(world.dataset)
    assert not added(world)
    tally.tried("hostile inputs", 3 * len(NAMES))


def test_names__that_can_be_had_get_plain_ones(world: World) -> None:
    """Names that this system allows and others do not: their pictures come in under names that are safe everywhere."""
    held = ["café.jpg", "-rf.jpg", "a;b.jpg", "$(id).jpg", "a\u202egpj.jpg", "\u200b.jpg", "=1.jpg",
            "%2e%2e%2fx.jpg", "sub/../im.jpg", "sub/deep.jpg", "~root.jpg"]  # fmt: skip
    held = [name for name in held if ".." not in name]
    folder = world.top / "more"
    (folder / "sub").mkdir(parents=True)
    records = []
    for number, name in enumerate(held):
        picture(number).save(folder / name)
        records.append({"id": number, "file_name": name, "width": 64, "height": 48})
    instances = write_source(folder, 0, extra=records)
    report = yolobg.augment(world.dataset, count=len(held), annotations=instances, images=[folder], report=False)
    assert len(report.added) == len(added(world)) == len(held)
    assert len({name.casefold() for name in added(world)}) == len(held)
    tally.tried("hostile inputs", len(held))


@pytest.mark.sample
def test_names__through_a_server_ask_only_below_the_base(world: World) -> None:
    instances = write_source(world.source, 6, extra=hostile_names(world))
    good = {f"/base/im{number:04}.jpg": (world.source / f"im{number:04}.jpg").read_bytes() for number in range(1, 7)}
    before = world.outside()
    with ImageServer(good) as server:
        report = yolobg.augment(
            world.dataset, count=5, annotations=instances, images=[f"{server.url}/base"], report=False
        )
        asked = [request.path for request in server.log]
    assert len(report.added) == len(added(world)) == 5
    assert asked
    for path in asked:
        assert path.startswith("/base/")
        assert ".." not in path.split("/")
        assert not re.search(r"[\x00-\x1f\x7f-\x9f]", path)
    assert world.outside() == before
    tally.tried("hostile inputs", len(NAMES))


# ---------------------------------------------------------------- addresses


@pytest.mark.parametrize(
    "place",
    [
        "file:///etc/passwd", "FILE:///etc", "ftp://192.0.2.1/x", "gopher://192.0.2.1/", "data://text/plain,x",
        "http://user@192.0.2.1/", "https://user:secret@images.example/x", "http:///x", "https://", "s3://bucket/x",
        "http://images.example/x#y", "jar:http://images.example!/", "javascript://x/%0aalert(1)", "http://[::1",
        "\\\\host\\x", "smb://host/share",
    ],
)  # fmt: skip
def test_addresses__of_another_kind_are_refused(world: World, place: str) -> None:
    before = world.outside()
    with pytest.raises(YolobgError) as told:
        yolobg.augment(
            world.dataset, count=2, annotations=world.source / "instances_pool.json", images=[place], report=False
        )
    assert told.value.exit_code in (2, 5)
    assert "secret" not in str(told.value)
    if not place.startswith("http"):
        with pytest.raises(YolobgError):
            yolobg.augment(world.dataset, count=2, annotations=place, images=[world.source], report=False)
    assert not added(world)
    assert world.outside() == before
    tally.tried("hostile inputs", 2)


INSIDE = [
    "http://127.0.0.1:{port}/secret.jpg", "http://localhost:{port}/secret.jpg", "http://LOCALHOST.:{port}/secret.jpg",
    "http://[::1]:{port}/secret.jpg", "http://[::ffff:127.0.0.1]:{port}/secret.jpg", "//127.0.0.1:{port}/secret.jpg",
    "http://2130706433:{port}/secret.jpg", "http://0x7f000001:{port}/secret.jpg", "http://0177.0.0.1:{port}/secret.jpg",
    "http://127.1:{port}/secret.jpg", "http://0:{port}/secret.jpg", "http://0.0.0.0:{port}/secret.jpg",
    "http://[::]:{port}/secret.jpg", "http://[64:ff9b::7f00:1]:{port}/secret.jpg", "http://[2002:7f00:1::]/secret.jpg",
    "http://169.254.169.254/latest/meta-data/x.jpg", "http://[fe80::1]/x.jpg", "http://[fd00::1]/x.jpg",
    "http://10.0.0.1/x.jpg", "http://192.168.0.1/x.jpg", "http://172.16.0.1/x.jpg", "http://100.64.0.1/x.jpg",
    "http://metadata.google.internal/x.jpg", "http://printer.local/x.jpg", "file:///etc/passwd", "file://localhost/etc",
    "ftp://images.example/x.jpg", "gopher://127.0.0.1:{port}/_x", "http://user:pw@images.example/x.jpg", "http://",
    "http://[", "javascript:alert(1)", "data:image/jpeg;base64,AAAA",
]  # fmt: skip


@pytest.mark.parametrize("targets", [INSIDE[0::3], INSIDE[1::3], INSIDE[2::3]])
def test_redirects__from_a_public_host_lead_to_no_private_one(
    world: World, monkeypatch: pytest.MonkeyPatch, targets: list[str]
) -> None:
    """The server is the proxy of a public host, so that the test has one; a redirect inside would reach the other."""
    count = len(targets)
    instances = write_source(world.source, count + 3)
    base = "http://images.example/base/"
    content = {f"{base}im{n:04}.jpg": (world.source / f"im{n:04}.jpg").read_bytes() for n in range(1, count + 4)}
    with ImageServer({"/secret.jpg": content[f"{base}im0001.jpg"]}) as inside, ImageServer(content) as public:
        for number, target in enumerate(targets, start=1):
            public.always[f"{base}im{number:04}.jpg"] = f"redirect:{target.format(port=inside.port)}"
        monkeypatch.setenv("HTTP_PROXY", public.url)
        options: dict[str, Any] = {"annotations": instances, "images": [base.rstrip("/")], "report": False}
        report = yolobg.augment(world.dataset, count=3, **options)
        with pytest.raises(DownloadError, match="redirects"):
            yolobg.augment(world.dataset, count=4, **options)
        assert not inside.log
        assert all(request.path.startswith(base) for request in public.log)
    assert {entry.source_id for entry in report.added} == {count + 1, count + 2, count + 3}
    tally.tried("hostile inputs", count)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.0.0.1.", "127.1", "0x7f.1", "2130706433", "0", "::1", "::", "::ffff:10.0.0.1", "::127.0.0.1",
        "64:ff9b::a00:1", "2002:a00:1::", "fe80::1%25eth0", "fd00::1", "100.64.0.1", "localhost", "a.localhost.",
        "127\u30020\u30020\u30021", "\u2460\u2461\u2466.\u24ea.\u24ea.\u2460", "\uff11\uff12\uff17.0.0.1",
    ],
)  # fmt: skip
@pytest.mark.sample
def test_private_hosts__are_known_however_they_are_written(host: str) -> None:
    assert is_private(host)
    assert redirect_fault("https://images.example/x", f"https://[{host}]/x" if ":" in host else f"https://{host}/x")


@pytest.mark.parametrize("host", ["images.example", "8.8.8.8", "2606:4700::1", "64:ff9b::808:808", "10.example", "x.y"])
def test_private_hosts__others_are_not(host: str) -> None:
    assert not is_private(host)


# ---------------------------------------------------------------- bombs and what is no picture


def png(width: int, height: int) -> bytes:
    """A PNG header of that size with next to no data behind it."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(b"\x00" * 1000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def jpeg(number: int = 0, size: tuple[int, int] = (64, 48), **options: Any) -> bytes:
    out = io.BytesIO()
    picture(number, size).save(out, "JPEG", **options)
    return out.getvalue()


def resized(content: bytes, width: int, height: int) -> bytes:
    """A JPEG whose frame header claims another size."""
    place = content.index(b"\xff\xc0") + 5
    return content[:place] + struct.pack(">HH", height, width) + content[place + 4 :]


def many_scans(count: int) -> bytes:
    """A progressive JPEG whose last scan is said over and over: few bytes, each a pass over the whole picture."""
    content = jpeg(progressive=True, size=(640, 480))
    last = content.rindex(b"\xff\xda")
    return content[:last] + content[last:-2] * count + b"\xff\xd9"


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("x.py", "print('run me')")
    return out.getvalue()


def saved(kind: str, size: tuple[int, int] = (64, 48)) -> bytes:
    out = io.BytesIO()
    picture(3, size).save(out, kind)
    return out.getvalue()


BOMBS: dict[str, tuple[str, bytes]] = {
    "60000 x 60000 JPEG": ("a.jpg", resized(jpeg(), 60_000, 60_000)),
    "65535 x 65535 JPEG": ("a.jpg", resized(jpeg(), 65_535, 65_535)),
    "60000 x 60000 PNG": ("a.png", png(60_000, 60_000)),
    "2^31 PNG": ("a.png", png(2**31 - 1, 2**31 - 1)),
    "narrow PNG": ("a.png", png(2**31 - 1, 1)),
    "0 x 0 JPEG": ("a.jpg", resized(jpeg(), 0, 0)),
    "1 x 1": ("a.jpg", jpeg(size=(1, 1))),
    "10000 scans": ("a.jpg", many_scans(10_000)),
    "GIF as JPEG": ("a.jpg", saved("GIF")),
    "GIF": ("a.gif", saved("GIF")),
    "EPS as TIFF": ("a.tif", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 48\n(%pipe%id) (w) file\n"),
    "HTML": ("a.jpg", b"<html><script>alert(1)</script></html>"),
    "SVG": ("a.jpg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"),
    "JPEG + ZIP": ("a.jpg", jpeg() + zipped()),
    "JPEG + HTML": ("a.jpg", jpeg() + b"<script>alert(1)</script>"),
    "JPEG + data that ends like one": ("a.jpg", jpeg() + b"MZ" * 5000 + b"\xff\xd9"),
    "ZIP": ("a.jpg", zipped()),
    "PNG + data": ("a.png", saved("PNG") + b"PK\x03\x04"),
    "a shell script": ("a.jpg", b"#!/bin/sh\nid\n"),
    "a program": ("a.jpg", b"\x7fELF" + bytes(1000)),
    "nothing": ("a.jpg", b""),
    "start and end": ("a.jpg", b"\xff\xd8\xff\xd9"),
    "blanks": ("a.jpg", b"\xff\xd8" + b"\xff" * 1_000_000 + b"\xff\xd9"),
    "BMP of 30000 x 30000": ("a.bmp", saved("BMP")[:18] + struct.pack("<ii", 30_000, 30_000) + saved("BMP")[26:]),
}


TAILS = ("JPEG + ZIP", "JPEG + HTML", "JPEG + data that ends like one", "PNG + data")


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.parametrize("depth", ["structure", "decode"])
def test_bombs__are_refused_at_once(name: str, depth: Any) -> None:
    file_name, content = BOMBS[name]
    with pytest.raises(BadImageError):
        check_image(content, ImageRecord(1, file_name, 0, 0), depth=depth)
    # Decoding any of the large ones would take minutes or all memory.
    tally.tried("hostile inputs")


def test_bombs__a_compressed_picture_of_a_format_without_structure_is_not_decoded() -> None:
    """Its size is looked at first: a TIFF of a megabyte can have more pixels than memory has room for."""
    out = io.BytesIO()
    Image.new("1", (20_000, 6_000)).save(out, "TIFF", compression="group4")
    assert len(out.getvalue()) < 1_000_000
    with pytest.raises(BadImageError, match=r"more than the|cannot be decoded"):
        check_image(out.getvalue(), ImageRecord(1, "a.tif", 0, 0), depth="structure")


def test_pictures__with_ordinary_scans_and_tails_are_taken() -> None:
    """The rules above refuse no picture that cameras and editors write."""
    for content in (jpeg(), jpeg(progressive=True), many_scans(20), jpeg(optimize=True, comment=b"<script>")):
        check_image(content, ImageRecord(1, "a.jpg", 0, 0), depth="decode")


@pytest.mark.sample
def test_bombs__through_the_whole_command_are_replaced(world: World) -> None:
    bombs = [bomb for name, bomb in BOMBS.items() if name not in TAILS]
    names = {number: f"bomb{number}{Path(name).suffix}" for number, (name, _) in enumerate(bombs, start=1)}
    instances = write_source(world.source, len(names) + 4, names=names)
    for number, (_, content) in enumerate(bombs, start=1):
        (world.source / names[number]).write_bytes(content)
    report = yolobg.augment(world.dataset, count=4, annotations=instances, images=[world.source], report=False)
    assert {entry.source_id for entry in report.added} == set(range(len(names) + 1, len(names) + 5))
    assert len(added(world)) == 4
    tally.tried("hostile inputs", len(bombs))


@pytest.mark.parametrize("link", ["copy", "hard", "symlink"])
@pytest.mark.parametrize("name", TAILS)
def test_tails__of_local_images_are_left_out_or_the_image_is_replaced(world: World, name: str, link: Any) -> None:
    """The user's own picture may go on after its end; only the picture comes in, and a link would bring all of it."""
    file_name, content = BOMBS[name]
    instances = write_source(world.source, 2, names={1: f"tail{Path(file_name).suffix}"})
    (world.source / f"tail{Path(file_name).suffix}").write_bytes(content)
    count = 2 if link == "copy" else 1
    options: dict[str, Any] = {"annotations": instances, "images": [world.source], "report": False, "link": link}
    report = yolobg.augment(world.dataset, count=count, **options)
    came = {entry.source_id: (world.dataset / entry.image).read_bytes() for entry in report.added}
    assert set(came) == ({1, 2} if link == "copy" else {2})
    if link == "copy":
        assert content.startswith(came[1])
        assert len(came[1]) < len(content)
        check_image(came[1], ImageRecord(1, file_name, 0, 0), depth="decode")
    tally.tried("hostile inputs")


def bomb_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("annotations/instances_x.json", b" " * 300_000_000)


def bomb_gzip(path: Path) -> None:
    with gzip.open(path, "wb", compresslevel=9) as out:
        for _ in range(300):
            out.write(b" " * 1_000_000)


def climbing_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("../../victim/instances_evil.json", "/victim/instances_evil.json", "..\\instances_evil.json"):
            archive.writestr(name, '{"images": [], "annotations": [], "categories": []}')


def lying_zip(path: Path) -> None:
    """The directory says that the member is small; what is packed is not."""
    bomb_zip(path)
    raw = path.read_bytes()
    path.write_bytes(raw.replace(struct.pack("<I", 300_000_000), struct.pack("<I", 1000)))


@pytest.mark.parametrize("make", [bomb_zip, bomb_gzip, climbing_zip, lying_zip])
def test_archives__that_are_bombs_or_climb_are_refused(world: World, make: Any) -> None:
    path = world.source / ("evil.zip" if "zip" in make.__name__ and make is not bomb_gzip else "evil.json.gz")
    make(path)
    before = world.outside()
    with pytest.raises(YolobgError) as told:
        yolobg.augment(world.dataset, count=1, annotations=path, images=[world.source], report=False)
    assert told.value.exit_code in (3, 4)
    assert world.outside() == before
    assert sum(file.stat().st_size for file in (world.top / "cache").rglob("*") if file.is_file()) < 1 << 20
    tally.tried("hostile inputs")


# ---------------------------------------------------------------- texts

ESCAPES = "\x1b]0;owned\x07\x1b[2J\x1b[31m\x9b31m\u202eevil\u2066"
MARKUP = '<script>alert(1)</script><img src=x onerror=alert(1)>"\'><a href="javascript:alert(1)">'
EVIL = f"{MARKUP}{ESCAPES}[bold red]x[/bold red]\n=cmd()"
STRAY = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def command(world: World, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run(*arguments, cwd=world.top, COLUMNS="200")


class Page(html.parser.HTMLParser):
    """Collects what in a page could run or load something."""

    def __init__(self) -> None:
        super().__init__()
        self.live: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            text = (value or "").strip().lower()
            ours = text.startswith(("data:image/jpeg", "http")) or re.fullmatch(r"\.\./[\w./%-]+", text)
            if name.startswith("on") or (name in ("src", "href") and not ours):
                self.live.append(f"{tag} {name}={text[:60]}")


def hostile_texts(world: World) -> Path:
    """A source whose every text is hostile, and a dataset with a hostile class name."""
    licenses = [{"id": 1, "name": EVIL, "url": "javascript:alert(1)"}, {"id": 2, "name": "=1+1", "url": "@x"}]
    extra = [
        {"id": 500 + n, "file_name": f"x{n}.jpg", "width": 64, "height": 48, "license": 1 + n % 2,
         "flickr_url": "javascript:alert(1)" if n % 2 else f"http://x/{MARKUP}"}
        for n in range(4)
    ]  # fmt: skip
    instances = write_source(world.source, 0, extra=extra, licenses=licenses)
    told = json.loads(instances.read_text())
    told["categories"] = [{"id": 1, "name": EVIL}, {"id": 2, "name": "person"}]
    instances.write_text(json.dumps(told))
    captions = [{"id": n, "image_id": 500 + n, "caption": EVIL} for n in range(4)]
    (world.source / "captions_pool.json").write_text(json.dumps({"images": extra, "annotations": captions}))
    for n in range(4):
        picture(n).save(world.source / f"x{n}.jpg")
    names = json.dumps([EVIL, "person"])
    (world.dataset / "data.yaml").write_text(f"train: {SPLIT}\nval: {SPLIT}\nnames: {names}\n")
    return instances


@pytest.mark.sample
def test_texts__of_strangers_drive_neither_terminal_nor_page_nor_json(world: World) -> None:
    instances = hostile_texts(world)
    free = ["--unmapped", "none", "--no-captions"]
    data, source = str(world.dataset), ["--annotations", str(instances), "--images", str(world.source)]
    for arguments in (
        ["classes", data, *source],
        ["augment", data, *source, "--count", "2", *free, "--dry-run"],
        ["augment", data, *source, "--count", "3", *free, "-v"],
        ["status", data, "--files"],
        ["augment", data, *source, "--count", "99", *free],
        ["augment", data, *source, "--count", "4", "--exclude", EVIL],
        ["augment", data, "--source", EVIL, "--count", "4"],
        ["augment", f"{data}/{MARKUP}{ESCAPES}", "--count", "4"],
    ):
        run = command(world, *arguments)
        assert not STRAY.search(run.stdout + run.stderr), (arguments, run.stderr)
        assert "Traceback" not in run.stderr, run.stderr
        tally.tried("hostile inputs")
    run = command(world, "augment", data, *source, "--count", "4", *free, "--json")
    told = json.loads(run.stdout)
    assert run.stdout.isascii()
    assert told["after"]["backgrounds"] == 4
    assert told["classes"][0]["name"] == EVIL
    page = Page()
    text = (world.dataset / ".yolobg/report.html").read_text(encoding="utf-8")
    page.feed(text)
    assert not page.live
    assert "script" not in page.tags
    assert not STRAY.search(text)
    assert page.tags <= {
        "html", "head", "meta", "title", "style", "body", "main", "header", "section", "h1", "h2", "p", "code", "div",
        "span", "table", "thead", "tbody", "tr", "th", "td", "ul", "li", "i", "b", "figure", "img", "figcaption", "a",
        "details", "summary", "pre", "h3", "svg", "rect", "wbr", "button", "kbd",
        "footer", "br", "strong", "em", "small", "dl", "dt", "dd", "caption", "abbr",
    }, page.tags  # fmt: skip
    credits_ = (world.dataset / ".yolobg/ATTRIBUTION.csv").read_text(encoding="utf-8")
    assert not STRAY.search(credits_.replace("\r\n", "\n"))
    assert not re.search(r"(^|,)[=@+]", credits_, re.MULTILINE)


def test_paths__that_hold_escapes_are_shown_without_them(world: World) -> None:
    if sys.platform == "win32":
        pytest.skip("the system allows no such names")
    odd = world.top / f"ds\x1b[31m{'<b>'}\u202e"
    (world.dataset).rename(odd)
    (odd / SPLIT / "odd\x1b]0;x\x07\x9b.jpg").write_bytes(jpeg())
    (odd / "labels/train/odd\x1b]0;x\x07\x9b.txt").write_text("not a label\n")
    run = command(world, "status", str(odd), "--files")
    assert run.returncode == 0
    assert not STRAY.search(run.stdout + run.stderr)
    run = command(world, "status", str(odd), "--files", "--json")
    assert json.loads(run.stdout)["dataset"]["root"] == str(odd.resolve())
    assert run.stdout.isascii()
    odd.rename(world.dataset)


def test_paths__that_are_no_text_stay_valid_json(world: World) -> None:
    if sys.platform != "linux":
        pytest.skip("other systems' file names are text")
    raw = os.fsencode(world.dataset / SPLIT) + b"/\xff\xfe.jpg"
    Path(os.fsdecode(raw)).write_bytes(jpeg())
    for arguments in (["status", "--files", "--json"], ["status", "--files"], ["status", "--json"]):
        run = command(world, arguments[0], str(world.dataset), *arguments[1:])
        assert run.returncode == 0, run.stderr
        if "--json" in arguments:
            json.loads(run.stdout)
        assert not STRAY.search(run.stderr)


def test_usage__an_unknown_source_is_told_in_one_line(world: World) -> None:
    with pytest.raises(UsageError):
        yolobg.augment(world.dataset, count=1, source="no/such\x00folder")
