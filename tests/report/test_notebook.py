"""Results in a notebook: a line of `repr`, and HTML that is bounded, escaped, and never an error."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from image_server import ImageServer
from pages import Seen
from PIL import Image
from reviewing import HOSTILE, add_backgrounds, make_sample, source_of

import yolobg
from yolobg.html.notebook import MOST_PICTURES, MOST_ROWS
from yolobg.model import ClassMatch, Contamination, Exclusion
from yolobg.results import Added, LeftOut, Planned, SourceInfo

PICTURE_BYTES = 80_000
"""What all pictures may take up, at the worst."""

REST_BYTES = 120_000
"""What all but the pictures may take up, at the worst."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_sample(tmp_path_factory.mktemp("notebook") / "s")


@pytest.fixture(scope="module")
def report(data: Path) -> yolobg.Report:
    return add_backgrounds(data, 14)


def html_of(result: Any) -> str:
    shown = result._repr_html_()
    assert isinstance(shown, str)
    return shown


def pictures_of(shown: str) -> list[str]:
    return [attributes["src"] or "" for tag, attributes in Seen(shown).tags if tag == "img"]


def test_repr__is_a_line_with_counts(tmp_path: Path) -> None:
    data = make_sample(tmp_path / "s")
    source = source_of(data)
    said = [
        yolobg.plan(data, count=2, **source),
        yolobg.plan(data, count=2, **source).report,
        yolobg.augment(data, count=2, **source),
        yolobg.status(data),
        yolobg.classes(data, **source),
        yolobg.convert(data, tmp_path / "coco", to="coco"),
        yolobg.remove(data, dry_run=True),
        yolobg.remove(data),
    ]
    assert [repr(result) for result in said] == [
        "Plan(would add=2, backgrounds=0 -> 2 of 20 train images, 10.0 %)",
        "Report(dry run, would add=2, backgrounds=0 -> 2 of 20 train images, 10.0 %)",
        "Report(added=2, backgrounds=2 of 20 train images, 10.0 %)",
        "Report(backgrounds=2 of 20 train images, 10.0 %, added by yolobg=2)",
        "ClassesReport(classes=4, excluded=5 categories, eligible=28 of 60 images of instances_sample)",
        "ConvertReport(yolo -> coco, images=24, backgrounds=2, boxes=38)",
        "RemoveReport(dry run, would remove=2)",
        "RemoveReport(removed=2)",
    ]
    for result in said:
        assert Seen(html_of(result)).tags


def test_repr__of_odd_names_stays_a_line(report: yolobg.Report) -> None:
    odd = dataclasses.replace(report, dataset=dataclasses.replace(report.dataset, split="tr\nain\x1b[2J\u202e"))
    assert repr(odd).isprintable()


def test_report__shows_the_bar_the_classes_and_the_first_pictures(report: yolobg.Report) -> None:
    shown = html_of(report)
    seen = Seen(shown)
    text = " ".join("".join(seen.text).split())
    tags = [tag for tag, _ in seen.tags]
    assert tags.count("svg") == 2
    assert tags.count("table") == 1
    assert not {"script", "link", "a", "iframe"} & set(tags)
    assert "Added 14, backgrounds 14 of 32 train images, 43.8 %" in text
    assert all(match.name in text for match in report.classes)
    assert f"{MOST_PICTURES} of 14 images" in text
    addresses = pictures_of(shown)
    assert len(addresses) == MOST_PICTURES
    assert all(address.startswith("data:image/jpeg;base64,") for address in addresses)


def test_plan__shows_pictures_of_a_source_on_this_machine(tmp_path: Path) -> None:
    data = make_sample(tmp_path / "s")
    assert len(pictures_of(html_of(yolobg.plan(data, count=3, **source_of(data))))) == 3


def test_report__opens_no_address(report: yolobg.Report) -> None:
    with ImageServer({}) as server:
        planned = tuple(Planned(number, f"{server.url}/{number}.jpg", 4, "random") for number in range(3))
        shown = html_of(dataclasses.replace(report, dry_run=True, added=(), planned=planned))
        assert server.log == []
    assert pictures_of(shown) == []
    assert "http" not in shown


@pytest.mark.parametrize("harm", [Path.unlink, lambda path: path.write_bytes(b"\xff\xd8\xff no picture")])
def test_report__a_picture_that_cannot_be_read_is_left_out(tmp_path: Path, harm: Callable[[Path], object]) -> None:
    data = make_sample(tmp_path / "s")
    report = add_backgrounds(data, 3)
    harm(data / report.added[0].image)
    assert len(pictures_of(html_of(report))) == 2


def test_report__of_a_disk_that_is_gone_tries_a_few_pictures(
    report: yolobg.Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[Path] = []
    monkeypatch.setattr("yolobg.html.notebook.embed", lambda path, **_size: tried.append(path))
    gone = dataclasses.replace(report, added=report.added * 500)
    assert pictures_of(html_of(gone)) == []
    assert len(tried) == 50


def worst(folder: Path, text: str) -> yolobg.Report:
    """More of everything than is shown, long texts, and pictures that no JPEG makes small."""
    noise = random.Random(0)
    for number in range(MOST_PICTURES + 3):
        image = Image.frombytes("RGB", (300, 300), noise.randbytes(300 * 300 * 3))
        image.save(folder / f"{number}.png")
    doubt = Contamination(0.02, 0.01, 0.05, 0.03)
    exclusion = Exclusion(text, "same", 1.0, text, text, 5)
    some = yolobg.status(folder)
    return dataclasses.replace(
        some,
        target=dataclasses.replace(some.target, ratio=0.5),
        classes=tuple(ClassMatch(n, text, "mapped", (exclusion,) * 40, captions=3) for n in range(1203)),
        source=SourceInfo(text, 100, 50, LeftOut(10, 10, 10, 10, 10), 1, doubt),
        added=tuple(Added(f"{n % (MOST_PICTURES + 3)}.png", "l", n, text, 4, text, "0", 1) for n in range(5000)),
        warnings=(text,) * 100,
        page=text,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "images/train").mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(tmp_path / "images/train/a.png")
    (tmp_path / "data.yaml").write_text("train: images/train\nval: images/train\nnames: [a]\n", encoding="utf-8")
    return tmp_path


def test_report__at_its_largest_is_bounded(folder: Path) -> None:
    shown = html_of(worst(folder, "x" * 100_000))
    addresses = pictures_of(shown)
    assert len(addresses) == MOST_PICTURES
    pictures = sum(map(len, addresses))
    assert pictures <= PICTURE_BYTES
    assert len(shown) - pictures <= REST_BYTES
    assert "and 1,201 more classes" in shown
    assert shown.count("<tr>") == 1 + MOST_ROWS
    assert shown.count("excludes more than is shown here") == 2


@pytest.mark.parametrize("text", [HOSTILE, '" onmouseover="x" a="', "</style><script>x</script>", "]]>", "\udcff"])
def test_report__hostile_texts_stay_texts(folder: Path, text: str) -> None:
    tags, honest = ([tag for tag, _ in Seen(html_of(worst(folder, one))).tags] for one in (text, "plain"))
    assert tags == honest


def test_report__that_cannot_be_drawn_is_a_line(report: yolobg.Report, monkeypatch: pytest.MonkeyPatch) -> None:
    """The boundary to Jinja2 fails; what a notebook then shows is the `repr`."""

    def fail(_name: str) -> None:
        raise OSError("no such file")

    monkeypatch.setattr("yolobg.html.notebook.template", fail)
    assert report._repr_html_() is None
    assert repr(report).startswith("Report(")
