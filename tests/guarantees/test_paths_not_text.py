"""Paths whose bytes are not UTF-8: what is recorded as text is refused in words, and the rest works."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Literal

import pytest
from format_data import make_yolo
from hostile import World, make_world, photograph

import yolobg
from yolobg.errors import MergeError, UsageError, YolobgError
from yolobg.formats.convert import convert
from yolobg.formats.registry import OWN

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="names that are no text are for Linux alone")
ODD = os.fsdecode(b"odd\xff\xe9")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("YOLOBG_CACHE_DIR", str(tmp_path / "cache"))
    return make_world(tmp_path / "world")


@pytest.mark.parametrize("link", ["copy", "hard", "symlink"])
@pytest.mark.parametrize("what", ["annotations", "images", "source", "a link to images", "a link to source"])
def test_source__whose_path_is_no_text_is_refused(world: World, what: str, link: str) -> None:
    odd = world.top / ODD
    shutil.copytree(world.source, odd)
    options: dict[str, object] = {"annotations": world.source / "instances_pool.json", "images": [world.source]}
    place = odd
    if what.startswith("a link"):
        place = world.top / "linked"
        place.symlink_to(odd)
    if what == "annotations":
        options["annotations"] = odd / "instances_pool.json"
    elif what.endswith("images"):
        options["images"] = [place]
    else:
        options = {"source": str(place)}
    before = photograph(world.top)
    with pytest.raises(UsageError, match="not UTF-8 text"):
        yolobg.augment(world.dataset, count=3, link=link, **options)  # type: ignore[arg-type]  # options of one case
    assert photograph(world.top) == before


def test_source_folder__leaves_out_images_whose_names_are_no_text(world: World) -> None:
    (world.source / "instances_pool.json").unlink()
    (world.source / "im0003.jpg").rename(world.source / f"{ODD}.jpg")
    report = yolobg.augment(world.dataset, count=13, source=str(world.source))
    assert len(report.added) == 13
    assert any("1 image was left out" in warning for warning in report.warnings)
    assert len(yolobg.remove(world.dataset).removed) == 13


def test_source_folder__of_such_images_alone_is_refused(world: World) -> None:
    for path in world.source.iterdir():
        path.rename(world.source / f"{ODD}{path.name}") if path.suffix == ".jpg" else path.unlink()
    with pytest.raises(UsageError, match="not UTF-8 text"):
        yolobg.augment(world.dataset, count=3, source=str(world.source))


def test_dataset__whose_path_is_no_text_works(world: World) -> None:
    odd = world.top / ODD
    world.dataset.rename(odd)
    before = photograph(odd)
    report = yolobg.augment(odd, count=3, annotations=world.source / "instances_pool.json", images=[world.source])
    assert len(report.added) == len(yolobg.status(odd).added) == 3
    assert len(yolobg.remove(odd).removed) == 3
    assert photograph(odd) == before


def test_split__that_really_lies_where_no_text_leads_is_refused(world: World) -> None:
    """Outside the root it would have to be recorded by its whole path."""
    for kind in ("images", "labels"):
        (world.top / ODD).mkdir(exist_ok=True)
        (world.dataset / kind).rename(world.top / ODD / kind)
        (world.dataset / kind).symlink_to(world.top / ODD / kind)
    before = photograph(world.top / ODD)
    images = {"annotations": world.source / "instances_pool.json", "images": [world.source]}
    with pytest.raises(MergeError, match="not UTF-8 text"):
        yolobg.augment(world.dataset, count=3, **images)  # type: ignore[arg-type]
    assert photograph(world.top / ODD) == before


@pytest.mark.parametrize("to", [*OWN])
@pytest.mark.parametrize("what", ["name", "folder", "dataset", "target"])
@pytest.mark.parametrize("images", ["copy", "hard", "none"])
def test_convert__carries_images_whose_names_are_no_text(
    tmp_path: Path, to: str, what: str, images: Literal["copy", "hard", "none"]
) -> None:
    truths = make_yolo(tmp_path / "source", polygons=False)
    source, target = tmp_path / "source", tmp_path / (ODD if what == "target" else "out")
    for kind, suffix in (("images", ".jpg"), ("labels", ".txt")):
        folder = source / kind / "train"
        if what == "name":
            (folder / f"a{suffix}").rename(folder / f"{ODD}{suffix}")
        elif what == "folder":
            (folder / "sub").rename(folder / ODD)
    if what == "dataset":
        source = source.rename(tmp_path / ODD)
    before = photograph(source)
    report = convert(source, target, to=to, images=images)
    assert (report.after.images, report.after.backgrounds) == (len(truths), 3)
    assert {change.name.encode("utf-8", "surrogateescape") for change in report.renamed} == {
        "name": {b"odd\xff\xe9.jpg"},
        "folder": {b"odd\xff\xe9/deep/c.jpg", b"odd\xff\xe9/newline only.png"},
    }.get(what, set()) | ({b"same.jpg"} if to == "voc" else set())
    assert all(path.name.isprintable() for path in target.rglob("*"))
    assert photograph(source) == before


def test_command__convert_shows_such_names_and_prints_them_as_json(tmp_path: Path) -> None:
    make_yolo(tmp_path / "source", polygons=False)
    (tmp_path / "source/images/train/a.jpg").rename(tmp_path / "source/images/train" / f"{ODD}.jpg")
    command: list[str | Path] = [sys.executable, "-m", "yolobg", "convert", tmp_path / "source", "--to", "coco"]
    plain, told = (
        subprocess.run([*command, tmp_path / f"out{i}", *more], capture_output=True, check=False, timeout=60)
        for i, more in enumerate(([], ["--json"]))
    )
    assert (plain.returncode, told.returncode) == (0, 0), plain.stderr + told.stderr
    assert [change["to"] for change in json.loads(told.stdout)["renamed"]] == ["odd__.jpg"]


def test_cache__whose_path_is_no_text_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YOLOBG_CACHE_DIR", str(world.top / ODD))
    with pytest.raises(YolobgError, match="YOLOBG_CACHE_DIR"):
        yolobg.plan(world.dataset, count=3, source=str(world.source))
    assert not (world.top / ODD).exists()
