"""What comes in is what trainers read, and the other way round: each kind of picture, by Ultralytics' own reader."""

from __future__ import annotations

import importlib.util
import io
import json
import warnings
from pathlib import Path

import pytest
import ultra
from download_pictures import picture as drawn
from picture_kinds import kinds
from PIL import Image

from yolobg.changes.records import Manifest
from yolobg.flow.duplicates import Known
from yolobg.images import fetch_images
from yolobg.images.check import BadImageError, check_image
from yolobg.images.kinds import KINDS, kind_of
from yolobg.model import ImageRecord, Link, Origin

HELPERS = Path(__file__).parents[1] / "helpers"
ANSWERS = json.loads((Path(__file__).parents[1] / "data" / "picture_kinds.json").read_text(encoding="utf-8"))
TRAINS = frozenset(ANSWERS["trains"])
KNOWN = TRAINS | frozenset(ANSWERS["ends the training or is dropped"])
# These train, and are refused with a reason: Pillow fails at one, and with tiles OpenCV's luck depends on what follows.
TOO_STRICT = frozenset({"tiff_YCbCr.tif", "tiff_tiled_u16.tif"})


@pytest.fixture(scope="module")
def pictures() -> dict[str, bytes]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's own, about modes that it will not write for ever
        return {name.replace(";", "") + suffix: content for name, suffix, content in kinds()}


def test_kinds__are_those_that_ultralytics_was_asked_about(pictures: dict[str, bytes]) -> None:
    """This Pillow may be unable to write some of them."""
    assert len(KNOWN) >= 250
    assert set(pictures) <= KNOWN
    assert len(pictures) >= 180


def test_check_image__takes_what_trains_and_nothing_else(pictures: dict[str, bytes]) -> None:
    Image.init()
    wrong = {}
    for name, content in pictures.items():
        if name.startswith("heic") and not any(map(importlib.util.find_spec, ("pi_heif", "pillow_heif"))):
            continue
        try:
            check_image(content, ImageRecord(1, name, 0, 0), depth="structure", may_go_on=True)
            reason = ""
        except BadImageError as error:
            reason = str(error)
        if bool(reason) == (name in TRAINS) and name not in TOO_STRICT:
            wrong[name] = reason
        assert "BytesIO" not in reason
    assert wrong == {}


@pytest.mark.ultralytics
def test_kinds__the_answers_are_those_of_the_installed_ultralytics(pictures: dict[str, bytes], tmp_path: Path) -> None:
    for name, content in pictures.items():
        (tmp_path / name).write_bytes(content)
    said = ultra.run(["-m", "picture_kinds_oracle", tmp_path], cwd=HELPERS)
    answers = json.loads(next(line for line in said.lines if line.startswith("ANSWERS "))[8:])
    # HEIC trains where pi-heif is installed, which Ultralytics does itself where there is a network.
    asked = {name: answer for name, answer in answers.items() if not name.startswith("heic")}
    assert {name for name, answer in asked.items() if answer["trains"]} == TRAINS & set(asked)
    assert {name for name, answer in asked.items() if answer["rewritten"]} == set(ANSWERS["rewritten"]) & set(asked)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("tiff_f32x1.tif", "32 bits a channel"),
        ("tiff_i32x1.tif", "32 bits a channel"),
        ("tiff_u12x1.tif", "12 bits a channel"),
        ("tiff_u8x5.tif", "5 channels"),
        ("tiff_zstd_RGB.tif", "compressed with ZSTD"),
        ("tiff_lzma_L.tif", "compressed with LZMA"),
        ("tiff_compression_34887.tif", "decoded|LERC"),
        ("tiff_cmyk_u16.tif", "CMYK with 16 bits"),
        ("tiff_ycbcr_1.tif", "YCbCr with 1 of its 3 channels"),
        ("tiff_lab_planar.tif", "Lab with a plane for each channel"),
        ("jpeg_12_bits.jpg", "12 bits"),
        ("jpeg_lossless.jpg", "lossless"),
        ("gif_called_jpg.jpg", "a GIF, which trainers do not read"),
        ("heic_called_jpg.jpg", r"ends in \.heic"),
    ],
)
def test_check_image__says_what_a_trainer_cannot_read(pictures: dict[str, bytes], name: str, words: str) -> None:
    if name not in pictures:
        pytest.skip("this Pillow does not write it")
    with pytest.raises(BadImageError, match=words):
        check_image(pictures[name], ImageRecord(1, name, 0, 0), depth="structure")


def test_check_image__heif_says_what_to_install(pictures: dict[str, bytes]) -> None:
    if any(map(importlib.util.find_spec, ("pi_heif", "pillow_heif"))):
        assert check_image(pictures["heic.heic"], ImageRecord(1, "a.heic", 32, 24), depth="decode")
        with pytest.raises(BadImageError, match="32x24"):
            check_image(pictures["heic.heic"], ImageRecord(1, "a.heic", 33, 24), depth="decode")
        return
    with pytest.raises(BadImageError, match="pip install pi-heif"):
        check_image(pictures["heic.heic"], ImageRecord(1, "a.heic", 0, 0), depth="structure")


def test_kind_of__no_two_formats_begin_alike(pictures: dict[str, bytes]) -> None:
    for name, content in pictures.items():
        assert sum(kind.starts(content[:64]) for kind in KINDS) <= 1 or name.startswith("avif"), name
    assert kind_of(pictures["png_RGB.png"], ".jpg").name == "PNG"


# ---------------------------------------------------------------- what follows the end


def bring(folder: Path, staging: Path, link: Link) -> tuple[list[bytes], list[str]]:
    pool = [ImageRecord(1, next(folder.iterdir()).name, 0, 0)]
    result = fetch_images(pool, needed=1, origin=Origin("x", folders=(folder,), link=link), staging=staging)
    return [one.path.read_bytes() for one in result.staged], [failed.reason for failed in result.failed]


@pytest.mark.parametrize("more", [b"\0" * 40, b"\n", b"SEFT", b"junk\xff\xd9", b"PK\x03\x04 a zip"])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "MPO"])
def test_local__what_follows_the_end_of_an_image_is_left_out_of_a_copy(tmp_path: Path, kind: str, more: bytes) -> None:
    """A trainer reads such a JPEG, and writes it anew in its place: then it would be ours no longer."""
    out = io.BytesIO()
    with Image.open(io.BytesIO(drawn(1))) as image:
        image.save(out, kind, **({"save_all": True, "append_images": [image.copy()]} if kind == "MPO" else {}))
    folder = tmp_path / "c"
    folder.mkdir()
    (folder / ("a.png" if kind == "PNG" else "a.jpg")).write_bytes(out.getvalue() + more)
    assert bring(folder, tmp_path / "s", "copy") == ([out.getvalue()], [])
    staged, reasons = bring(folder, tmp_path / "t", "hard")
    assert staged == []
    assert "--link copy" in reasons[0]


def test_known__an_image_of_the_dataset_is_known_by_all_its_bytes(tmp_path: Path) -> None:
    """The same file lies in the dataset, and its copy would be without what follows its end."""
    folder = tmp_path / "c"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(drawn(1) + b"\0\0")
    there = tmp_path / "there.jpg"
    there.write_bytes(drawn(1) + b"\0\0")
    known = Known([str(there)], Manifest())
    pool = [ImageRecord(1, "a.jpg", 0, 0)]
    result = fetch_images(
        pool, needed=1, origin=Origin("x", folders=(folder,)), staging=tmp_path / "s", accept=known.holds_content
    )
    assert "already in the dataset" in result.failed[0].reason
