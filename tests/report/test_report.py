"""The report: one file that needs nothing, breaks nothing, and lets nothing out of its texts."""

from __future__ import annotations

import html
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from merging import tree
from pages import Seen, check_nothing_comes_or_goes, check_tables_scroll, enlarged, shown
from PIL import Image, ImageOps
from reviewing import HOSTILE, add_backgrounds, chosen, make_sample

import yolobg
from yolobg.changes.manifest import report_path
from yolobg.changes.records import Entry
from yolobg.errors import DatasetError, MergeError, UsageError
from yolobg.html.pages import is_web_address, template
from yolobg.html.thumbnails import Picture, open_small, shrink
from yolobg.model import ClassMatch, Contamination, Counts, Exclusion, no_progress
from yolobg.report.cards import Card
from yolobg.report.contact_sheet import draw_sheet
from yolobg.report.page import Facts, report_html
from yolobg.report.write import EMBEDDED, _on_disk, _small, draw_contact_sheet, rewrite_page
from yolobg.results import LeftOut, SourceInfo


def facts(text: str, *, cards: int = 1) -> Facts:
    """A report all of whose texts are `text`."""
    doubt = Contamination(0.02, 0.01, 0.05, 0.03)
    entry = Entry(
        f"images/train/bg_{text}.jpg", "l", "train", text, 7, "0" * 64, 1, license=4, license_name=text,
        license_url=text, flickr_url=text, added=text,
    )  # fmt: skip
    card = Card(entry.image, Path(text), text, entry, (text,), (text, text), commercial=False)
    exclusion = Exclusion(text, "same", 1.0, text, text, 5)
    match = ClassMatch(0, text, "mapped", (exclusion,), captions=3, expected_contamination=doubt, warnings=(text,))
    counts = Counts(12, 9, 3, 0, 3, 0, 2, 0.25)
    return Facts(
        text, text, text, {text: counts}, (match, ClassMatch(1, text, "none")),
        SourceInfo(text, 100, 50, LeftOut(10, 10, 10, 10, 10), 1, doubt), (card,) * cards, frozenset(), (text,),
    )  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        HOSTILE,
        '" onmouseover="x" a="',
        "</style><script>x</script>",
        "javascript:x",
        "data:text/html,x",
        "--><b>",
        "]]>",
    ],
)
def test_report__hostile_texts_stay_texts(text: str) -> None:
    honest, seen = (
        check_nothing_comes_or_goes(report_html(facts(one), iter([Picture("../x.jpg", 1, 1)])))
        for one in ("plain", text)
    )
    assert [tag for tag, _ in seen.tags] == [tag for tag, _ in honest.tags], "the text made or broke an element"
    assert "".join(seen.text).count(text) >= 10


@given(st.text(max_size=40))
def test_report__any_text_leaves_the_structure_alone(text: str) -> None:
    tags = [tag for tag, _ in check_nothing_comes_or_goes(report_html(facts(text), iter([None]))).tags]
    expected = [tag for tag, _ in Seen(report_html(facts("plain"), iter([None]))).tags]
    # A text that is an address is a link where others are none.
    assert [t for t in tags if t not in ("a", "span")] == [t for t in expected if t not in ("a", "span")]


@pytest.mark.parametrize("address", ["javascript:alert(1)", " javascript:alert(1)", "data:text/html,x", "//x", "", "x"])
def test_link__only_to_the_web(address: str) -> None:
    assert not is_web_address(address)
    assert is_web_address("https://example.org/")
    assert is_web_address("HTTP://example.org/")


def test_pictures__of_later_cards_are_read_from_the_dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("yolobg.report.write.EMBEDDED", 3)
    data = make_sample(tmp_path / "s")
    add_backgrounds(data, 8)
    page = report_path(data)
    seen = check_nothing_comes_or_goes(page.read_text(encoding="utf-8"))
    addresses = [attributes["src"] or "" for attributes in shown(seen)]
    assert [address.startswith("data:") for address in addresses] == [True] * 3 + [False] * 5
    found = [(page.parent / unquote(address)).resolve() for address in addresses[3:]]
    assert set(found) <= {(data / image).resolve() for image in chosen(data)}
    assert all(path.is_file() for path in found)
    # Each opens large from the dataset, whether its small picture is in the page or not.
    large = [(page.parent / unquote(address)).resolve() for address in enlarged(seen)]
    assert sorted(large) == sorted((data / image).resolve() for image in chosen(data))
    assert large[3:] == found
    assert "The first 3 pictures are in it" in "".join(seen.text)


@pytest.mark.parametrize(
    ("image", "address"),
    [
        ("images/train/bg_a.jpg", "../images/train/bg_a.jpg"),
        ("images/a b/#?/bg_%41é.PNG", "../images/a%20b/%23%3F/bg_%2541%C3%A9.PNG"),
        ("images/\udcff/bg_a.webp", "../images/%FF/bg_a.webp"),
        ("/elsewhere/a b/bg_a.jpg", "file:///elsewhere/a%20b/bg_a.jpg"),
        ("images/train/bg_a.tif", None),
        ("images/train/bg_a.dng", None),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="absolute paths and odd names of POSIX")
def test_picture_on_disk__has_an_address_that_means_that_file(image: str, address: str | None) -> None:
    picture = _on_disk(Card(image, Path("/data") / image, "train", None))
    assert (picture.address if picture else None) == address


def test_augment__writes_it_and_remove_takes_it_away(tmp_path: Path) -> None:
    data = make_sample(tmp_path / "s")
    pristine = tree(data)
    report = add_backgrounds(data, 8)
    path = report_path(data.resolve())
    assert report.page == str(path)
    page = path.read_text(encoding="utf-8")
    seen = check_nothing_comes_or_goes(page)
    assert len(shown(seen)) == 8
    assert len(enlarged(seen)) == 8
    check_tables_scroll(seen)
    header = page.partition("</header>")[0]
    assert f"<pre><code>yolobg review {data / 'data.yaml'}</code></pre>" in header.replace("<wbr>", "")
    for wanted in ("Pedestrian", "before", "How many may still be wrong", "Attribution", "8 of 26 images", "30.8%"):
        assert wanted in page, wanted
    for one in report.added:
        assert f"{one.source_id}" in page
    assert yolobg.status(data).page == str(path)
    yolobg.remove(data)
    assert tree(data) == pristine


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("no_hard_hat", ["no_", "hard_", "hat"]),
        ("HardHat", ["Hard", "Hat"]),
        ("PPE", ["PPE"]),
        ("/data/my set/v1.2/data.yaml", ["/", "data/", "my set/", "v1.2/", "data.", "yaml"]),
        ("10-kV-cable", ["10-", "kV-", "cable"]),
        ("<b>_&amp;", ["<b>_&amp;"]),
        ("__x__", ["__", "x__"]),
        ("", [""]),
    ],
)
def test_name__breaks_between_its_words_only(name: str, parts: list[str]) -> None:
    page = template("card_parts.html").environment.from_string("{{ name | in_parts }}").render(name=name)
    assert [html.unescape(part) for part in page.split("<wbr>")] == parts
    assert "".join(Seen(page).text) == name


def test_report__a_picture_that_browsers_do_not_show_does_not_open_large() -> None:
    page = report_html(facts("plain"), iter([Picture("data:image/jpeg;base64,", 1, 1)]))
    assert enlarged(check_nothing_comes_or_goes(page)) == []


def test_report__names_licence_and_photo_page_and_links_no_bare_image() -> None:
    entry = _entry(7)
    card = Card(entry.image, Path("x.jpg"), "train", entry, ("dog",), (), commercial=False)
    told = facts("plain")
    shown = Facts(told.name, "d", "now", told.splits, told.classes, told.source, (card,))
    links = [a["href"] for tag, a in check_nothing_comes_or_goes(report_html(shown, iter([None]))).tags if tag == "a"]
    # The licence of the table and that of the card, then the photo.
    assert links == [entry.license_url] * 2 + ["https://www.flickr.com/photo.gne?id=7718922324"]


def test_augment__a_second_run_marks_what_is_new_and_keeps_the_rest(tmp_path: Path) -> None:
    data = make_sample(tmp_path / "s")
    add_backgrounds(data, 3)
    page = report_path(data).read_text(encoding="utf-8")
    assert ">new<" not in page
    add_backgrounds(data, 5)
    page = report_path(data).read_text(encoding="utf-8")
    assert page.count(">new<") == 2
    assert len(shown(Seen(page))) == 5


def test_augment__no_report_writes_none(tmp_path: Path) -> None:
    data = make_sample(tmp_path / "s")
    report = add_backgrounds(data, 3, report=False)
    assert report.page is None
    assert not report_path(data).exists()
    assert rewrite_page(data) == report_path(data.resolve())
    assert len(shown(Seen(report_path(data).read_text(encoding="utf-8")))) == 3


def test_augment__a_report_that_cannot_be_written_is_a_warning(tmp_path: Path) -> None:
    data = make_sample(tmp_path / "s")
    (data / ".yolobg/report.html").mkdir(parents=True)
    report = add_backgrounds(data, 3)
    assert report.after.backgrounds == 3
    assert report.page is None
    assert any("report could not be written" in warning for warning in report.warnings)


def test_rewrite__tells_what_is_there_now(tmp_path: Path) -> None:
    data = make_sample(tmp_path / "s")
    with pytest.raises(DatasetError, match="nothing"):
        rewrite_page(data)
    assert not (data / ".yolobg").exists()
    add_backgrounds(data, 4)
    before = report_path(data).read_text(encoding="utf-8")
    (data / chosen(data)[0]).unlink()
    rewrite_page(data)
    after = report_path(data).read_text(encoding="utf-8")
    assert [len(shown(Seen(page))) for page in (before, after)] == [4, 3]
    assert "Pedestrian" in after
    (data / ".yolobg/report.html").unlink()
    (data / ".yolobg/report.html").mkdir()
    with pytest.raises(MergeError, match="report"):
        rewrite_page(data)


def test_report__a_picture_that_is_damaged_is_told(tmp_path: Path) -> None:
    data = make_sample(tmp_path / "s")
    add_backgrounds(data, 2)
    (data / chosen(data)[0]).write_bytes(b"\xff\xd8\xff no picture")
    rewrite_page(data)
    page = report_path(data).read_text(encoding="utf-8")
    assert len(shown(Seen(page))) == 1
    assert "cannot be shown" in page


def photographs(folder: Path, number: int) -> list[Path]:
    """Noisy pictures of COCO's size: harder to make small than any photograph."""
    folder.mkdir()
    paths = []
    for place in range(number):
        paths.append(folder / f"{place}.jpg")
        Image.effect_noise((640, 480), 40 + place).convert("RGB").save(paths[-1], quality=95)
    return paths


@pytest.mark.sweep
def test_report__a_thousand_images_stay_below_15_mb(tmp_path: Path) -> None:
    """Of pure noise, the worst there is; each of a few files stands for many cards."""
    paths = photographs(tmp_path / "noise", 5)
    caption = "A man and a woman are sitting on a bench next to a parked bicycle in front of a wall. "
    cards = [
        Card(
            f"images/train/bg_{n}.jpg", paths[n % 5], "train", _entry(n), ("person", "bench", "bicycle"), (caption,) * 5
        )
        for n in range(1000)
    ]
    pictures = [_small(card) for card in cards[:5]] * (EMBEDDED // 5) + [_on_disk(card) for card in cards[EMBEDDED:]]
    assert all(pictures)
    told = facts("plain")
    page = report_html(
        Facts(told.name, "d", "now", told.splits, told.classes, told.source, tuple(cards)), iter(pictures)
    )
    assert len(page.encode()) < 15_000_000


def _entry(number: int) -> Entry:
    return Entry(
        f"images/train/bg_{number}.jpg", "l", "train", "coco2017", number, "0" * 64, 1,
        license_name="Attribution-NonCommercial-ShareAlike License",
        license_url="http://creativecommons.org/licenses/by-nc-sa/2.0/",
        flickr_url=f"http://farm9.staticflickr.com/8428/7718922324_{number:010}_z.jpg",
        added="2026-01-01T00:00:00+00:00",
    )  # fmt: skip


# ---------------------------------------------------------------- pictures


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "RGBA", "CMYK", "LA", "1", "I;16"])
def test_shrink__any_picture_becomes_a_small_jpeg_without_its_metadata(tmp_path: Path, mode: str) -> None:
    path = tmp_path / f"a{'.jpg' if mode == 'CMYK' else '.png'}"
    Image.new(mode, (900, 300)).save(path)
    jpeg, width, height = shrink(path, edge_px=300, quality=70)
    assert jpeg.startswith(b"\xff\xd8")
    assert (width, height) == (300, 100)


def test_shrink__is_upright_and_drops_exif(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "secret place"
    Image.new("RGB", (400, 200)).save(tmp_path / "a.jpg", exif=exif)
    jpeg, width, height = shrink(tmp_path / "a.jpg", edge_px=100, quality=70)
    assert (width, height) == (50, 100)
    assert b"secret" not in jpeg


@pytest.mark.parametrize(
    ("size", "decoded"), [((640, 480), (320, 240)), ((480, 640), (240, 320)), ((300, 200), (300, 200))]
)
def test_shrink__decodes_no_more_of_a_jpeg_than_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], decoded: tuple[int, int]
) -> None:
    sizes: list[tuple[int, int]] = []

    def seen(image: Image.Image) -> Image.Image:
        sizes.append(image.size)
        return image

    monkeypatch.setattr(ImageOps, "exif_transpose", seen)
    Image.new("RGB", size).save(tmp_path / "a.jpg")
    assert shrink(tmp_path / "a.jpg", edge_px=320, quality=70)[1:] == decoded
    assert sizes == [decoded]


@pytest.mark.parametrize("content", [b"", b"\xff\xd8\xff", b"<html>", b"\x89PNG\r\n\x1a\n\0\0"])
def test_open__what_is_no_picture_is_an_os_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(OSError):  # noqa: PT011 - in the decoder's own words
        open_small(tmp_path / "a.jpg", 100)


# ---------------------------------------------------------------- the contact sheet


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".JPEG"])
def test_sheet__shows_every_background(tmp_path: Path, suffix: str) -> None:
    data = make_sample(tmp_path / "s")
    add_backgrounds(data, 8)
    before = tree(data)
    draw_contact_sheet(data, tmp_path / f"sheet{suffix}")
    with Image.open(tmp_path / f"sheet{suffix}") as sheet:
        colours = sheet.convert("RGB").getcolors(1 << 24)
        assert sheet.width == 2400
    assert colours
    assert len(colours) > 100
    assert tree(data) == before


@pytest.mark.sweep
def test_sheet__a_thousand_and_none(tmp_path: Path) -> None:
    (path,) = photographs(tmp_path / "noise", 1)
    cards = [Card(f"bg_{n}.jpg", path, "train", _entry(n), ("dog",), ()) for n in range(1000)]
    draw_sheet(cards, tmp_path / "a.jpg", title="\x1b[31mhostile\u202e 名前", progress=no_progress)
    with Image.open(tmp_path / "a.jpg") as sheet:
        assert max(sheet.size) <= 30_100
    draw_sheet([], tmp_path / "b.png", title="none", progress=no_progress)


def test_sheet__is_told_where_it_cannot_be(tmp_path: Path) -> None:
    data = make_sample(tmp_path / "s")
    with pytest.raises(DatasetError, match="nothing to draw"):
        draw_contact_sheet(data, tmp_path / "a.jpg")
    add_backgrounds(data, 1)
    for bad in ("a.gif", "a", "missing/a.jpg"):
        with pytest.raises(UsageError, match="--image"):
            draw_contact_sheet(data, tmp_path / bad)
    assert not list(tmp_path.glob(".yolobg-*"))
