"""What the review shows of images that a model chose: the score, the box in the picture, the surest ones first."""

from __future__ import annotations

import io
from pathlib import Path

import msgspec
import pytest
from PIL import Image
from reviewing import Client, add_backgrounds, make_sample, reviewing

from yolobg.changes.manifest import read_manifest, write_manifest
from yolobg.changes.records import Entry, Found, Mining
from yolobg.html.thumbnails import Box, shrink
from yolobg.review.session import Session


def choose(data: Path, scores: dict[int, float], *, box: Box = (10, 10, 60, 40)) -> tuple[Entry, ...]:
    """Have the manifest say that a model chose the images; returns the entries."""
    manifest = read_manifest(data)
    found = tuple(
        Found(entry.source_id, scores.get(place, 0.0), "dog" if place in scores else "", box)
        for place, entry in enumerate(manifest.entries)
    )
    mining = Mining("m.pt", "0" * 64, 64, 0.25, 20, len(scores), 0, found=found)
    (run,) = manifest.runs
    changed = msgspec.structs.replace(run, mining=mining)
    write_manifest(data, msgspec.structs.replace(manifest, runs=(changed,)))
    return manifest.entries


def test_items__say_what_was_found_and_the_surest_come_first(tmp_path: Path) -> None:
    data = make_sample(tmp_path / "s")
    add_backgrounds(data)
    entries = choose(data, {1: 0.5, 3: 0.85, 6: 0.97})
    items = Session(data).everything()["items"]
    images = [item["image"] for item in items if item["ours"]]
    first = [entries[6].image, entries[3].image]
    assert images == first + [entry.image for entry in entries if entry.image not in first]
    titles = {item["image"]: item["title"] for item in items}
    assert titles[entries[3].image].endswith(": dog 0.85")
    assert titles[entries[1].image].endswith(": dog 0.50")
    assert "dog" not in titles[entries[0].image]


def test_items__of_a_model_that_hardly_sees_anything_show_nothing_found(tmp_path: Path) -> None:
    """Else the half that was drawn at random is full of frames around nothing."""
    data = make_sample(tmp_path / "s")
    add_backgrounds(data)
    entries = choose(data, {0: 0.25, 1: 0.2499})
    session = Session(data)
    numbers = {item.card.image: number for number, item in session.items.items()}
    found = {item["image"]: item["found"] for item in session.everything()["items"]}
    for place, (words, box) in enumerate([("dog 0.25", (10, 10, 60, 40)), ("", None), ("", None)]):
        image = entries[place].image
        assert (found[image], session.box(numbers[image])) == (words, box)


def test_picture__has_the_box_drawn(tmp_path: Path) -> None:
    data = make_sample(tmp_path / "s")
    add_backgrounds(data)
    entries = choose(data, {0: 0.9})
    with reviewing(data) as (_, address):
        client = Client(address)
        client.enter()
        numbers = {item["image"]: item["number"] for item in client.everything()["items"]}
        for place, framed in ((0, True), (1, False)):
            status, _, content = client.get(f"picture/small/{numbers[entries[place].image]}")
            assert status == 200
            plain = shrink(data / entries[place].image, edge_px=480, quality=82)[0]
            assert (content != plain) is framed


@pytest.mark.parametrize(
    "box",
    [(-1e300, -5, 1e300, 5), (50, 40, 10, 10), (0, 0, 0, 0), (1e9, 1e9, 1e9, 1e9), (20.5, 20.5, 21, 21)],
)
def test_box__of_any_kind_does_no_harm(tmp_path: Path, box: Box) -> None:
    Image.new("RGB", (200, 100), (0, 90, 0)).save(tmp_path / "a.jpg")
    jpeg, width, height = shrink(tmp_path / "a.jpg", edge_px=100, quality=82, box=box)
    assert (width, height) == (100, 50)
    with Image.open(io.BytesIO(jpeg)) as image:
        assert image.size == (100, 50)


def test_box__is_drawn_where_it_is_in_the_upright_picture(tmp_path: Path) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.new("RGB", (200, 100)).save(tmp_path / "a.jpg", exif=turned)
    jpeg, *size = shrink(tmp_path / "a.jpg", edge_px=200, quality=95, box=(20, 120, 80, 180))
    assert size == [100, 200]
    with Image.open(io.BytesIO(jpeg)) as image:
        grey = image.convert("L")
        bright = [(x, y) for x in range(100) for y in range(200) if grey.getpixel((x, y)) > 150]  # type: ignore[operator]
    assert min(x for x, _ in bright) in range(18, 23)
    assert max(y for _, y in bright) in range(177, 184)
