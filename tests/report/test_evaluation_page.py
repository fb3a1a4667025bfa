"""The page of an evaluation: one file with every number, that needs nothing and lets nothing out of its texts."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import re
import shutil
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest
from command_line import run
from evaluating import found_in, write_dataset, write_images, write_predictions
from killing import KillServer, Ran, kills, quick_folder
from merging import tree
from pages import Seen, check_nothing_comes_or_goes, check_tables_scroll, enlarged, shown
from reviewing import HOSTILE

import yolobg
from yolobg.changes.lock import hold
from yolobg.errors import UsageError
from yolobg.evaluation_results import ByCategory, CategoryRow, Evaluation, Share
from yolobg.html.chart import recall_chart
from yolobg.html.thumbnails import Picture
from yolobg.model import Contamination
from yolobg.report import evaluation_write
from yolobg.report.evaluation_page import evaluation_html
from yolobg.report.evaluation_write import with_page
from yolobg.results import to_builtins

VAL = 20
FRAMES = 120


@dataclasses.dataclass(frozen=True)
class Material:
    """A dataset, backgrounds, and predictions of two runs a side."""

    data: Path
    frames: Path
    before: tuple[Path, ...]
    after: tuple[Path, ...]

    def evaluate(self, **options: Any) -> Evaluation:
        given = {"before": self.before, "after": self.after, "backgrounds": self.frames, "bootstrap": 100, **options}
        return yolobg.evaluate(self.data, **given)

    @property
    def words(self) -> list[str | Path]:
        models = [("--before", file) for file in self.before] + [("--after", file) for file in self.after]
        flags = [word for pair in models for word in pair]
        return ["evaluate", self.data, *flags, "--backgrounds", self.frames, "--bootstrap", "100"]


def predicted(shift: float, number: int) -> list[dict[str, Any]]:
    found = [found_in(f"v{at}.png", 0.3 + 0.6 * at / VAL + 0.001 * number) for at in range(VAL)]
    found += [found_in(f"b{at}.png", max(0.001, 0.05 + 0.85 * at / FRAMES - shift * at / 9)) for at in range(FRAMES)]
    return [*found, found_in(f"b{FRAMES - 1}.png", 0.4, category=1), found_in("v0.png", 0, category=1)]


def make(root: Path, *, classes: tuple[str, ...] = ("raccoon", "kangaroo"), frames: str = "frames") -> Material:
    root.mkdir(exist_ok=True)
    write_images(root / frames, [f"b{number}.png" for number in range(FRAMES)], first=30_000)
    files = [
        [write_predictions(root / f"{side}{number}.json", predicted(shift, number)) for number in range(2)]
        for side, shift in (("plain", 0.0), ("with", 0.02))
    ]
    data = write_dataset(root / "animals", val=VAL, classes=classes)
    return Material(data, root / frames, tuple(files[0]), tuple(files[1]))


@pytest.fixture
def material(tmp_path: Path) -> Material:
    return make(tmp_path / "m")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    return make(tmp_path_factory.mktemp("found")).evaluate(report=False)


def page_of(found: Evaluation, **pictures: Picture | None) -> str:
    return evaluation_html(found, pictures, written="2026-01-02 03:04 UTC")


def text_of(seen: Seen) -> str:
    return re.sub(r"\s+", " ", "".join(seen.text))


def pages_in(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.html"))


# ---------------------------------------------------------------- what it shows


def test_page__is_written_beside_the_dataset_and_nothing_else_is(material: Material) -> None:
    before = tree(material.data.parent)
    found = material.evaluate()
    (page,) = pages_in(material.data.parent / ".yolobg/evaluate")
    assert found.page == str(page)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d\.html", page.name)
    left = {name: content for name, content in tree(material.data.parent).items() if not name.startswith(".yolobg")}
    assert left == before
    assert {path.name for path in (material.data.parent / ".yolobg").iterdir()} <= {"evaluate", "lock"}
    again = material.evaluate()
    assert again.page != found.page
    assert len(pages_in(page.parent)) == 2, "a page is never replaced"
    assert again == found


def test_page__has_every_part(material: Material) -> None:
    found = material.evaluate()
    assert found.page is not None
    seen = check_nothing_comes_or_goes(Path(found.page).read_text("utf-8"))
    text = text_of(seen)
    before, after = found.models
    assert found.difference is not None
    assert found.difference.mean_recall_at_false_alarm_rate is not None
    for wanted in (
        "Did the backgrounds help?",
        found.words,
        *(f"{value:.1%}" for model in found.models for value in model.recall_at_false_alarm_rate.values()),
        f"{before.mean_recall_at_false_alarm_rate:.1%}",
        f"{after.ap50_95:.1%}",
        f"{found.difference.ap50.point * 100:+.1f}".replace("-", "−"),
        "20 labelled images of the split val, 20 objects",
        f"{FRAMES} held-out backgrounds",
        "at this setting only",
        "McNemar",
        "What was held out, and why",
        "plain0",
        "with1",
        *(one.sha256 for model in found.models for one in model.each),
        f"numpy {found.versions['numpy']}",
        "seed 0, bootstrap 100, iou 0.5",
    ):
        assert wanted in text, wanted
    check_tables_scroll(seen)
    images = shown(seen)
    assert len(images) == 36
    large = [Path(url2pathname(urlsplit(address).path)) for address in enlarged(seen)]
    assert large[0] == material.frames / "b119.png"
    assert len(large) == 36
    assert all(path.is_file() for path in large)
    assert all((image["src"] or "").startswith("data:image/jpeg;base64,") for image in images)
    assert images[0]["alt"] == "b119.png; before 0.89: raccoon, kangaroo"
    rects = [attributes for tag, attributes in seen.tags if tag == "rect" and "over" in (attributes["class"] or "")]
    assert {"over before", "over after"} <= {attributes["class"] for attributes in rects}
    assert {(a["x"], a["y"], a["width"], a["height"]) for a in rects} == {("30.0", "30.0", "40.0", "40.0")}


def test_page__has_the_command_that_gives_it(material: Material) -> None:
    found = material.evaluate(seed=7, conf=(0.3,), images=50)
    assert found.command[:3] == ("yolobg", "evaluate", str(material.data))
    again = run(*found.command[1:], "--no-report", "--json")
    assert again.returncode == 0, again.stderr
    told = json.loads(again.stdout)
    mine = json.loads(json.dumps(to_builtins(found)))
    assert {**told, "command": 0, "page": 0} == {**mine, "command": 0, "page": 0}


def test_curve__has_a_title_a_description_and_the_same_numbers(found: Evaluation) -> None:
    page = page_of(found)
    seen = Seen(page)
    (chart,) = (attributes for tag, attributes in seen.tags if tag == "svg" and attributes.get("role") == "img")
    assert chart["class"] == "curve"
    assert "<title>Recall against image false-alarm rate</title>" in page
    described = page[page.index("<desc>") : page.index("</desc>")]
    for model in found.models:
        for value in model.recall_at_false_alarm_rate.values():
            assert f"{value:.1%}" in described
    numbers = text_of(Seen(page[page.index("The same as numbers") : page.index("</details>")]))
    for curve in found.curves:
        for values in (curve.recall, curve.low, curve.high):
            assert all(f"{value:.1%}" in numbers or f"{value:.2%}" in numbers for value in values)


def test_chart__goes_up_and_to_the_right(found: Evaluation) -> None:
    chart = recall_chart(found.curves, found.models)
    assert [one.label for one in chart.series] == ["before (2 runs)", "after (2 runs)"]
    for one, curve in zip(chart.series, found.curves, strict=True):
        points = [tuple(map(float, point.split(","))) for point in one.line.split()]
        assert len(points) == len(curve.recall)
        assert points[0][0] == chart.left
        assert points[-1][0] == chart.right
        assert [x for x, _ in points] == sorted(x for x, _ in points)
        heights = [round(chart.bottom - recall * (chart.bottom - chart.top), 1) for recall in curve.recall]
        assert [y for _, y in points] == pytest.approx(heights, abs=0.11)
        assert all(chart.left <= x <= chart.right and chart.top <= y <= chart.bottom for x, y in one.marks)
    assert [tick.label for tick in chart.ticks if not tick.minor] == ["100%", "10%", "1%"]


@pytest.mark.parametrize("backgrounds", [1, 24, 5000])
def test_chart__of_few_and_many_backgrounds(found: Evaluation, backgrounds: int) -> None:
    curve = dataclasses.replace(
        found.curves[0], false_alarm_rate=(1 / backgrounds, 1.0), recall=(0.0, 1.0), low=(0.0, 0.9), high=(0.2, 1.0)
    )
    chart = recall_chart([curve], found.models[:1])
    places = [float(value) for point in chart.series[0].band.split() for value in point.split(",")]
    assert all(0 <= value <= chart.width for value in places)
    assert chart.ticks


def test_one_side__has_no_words_of_comparison(material: Material) -> None:
    found = material.evaluate(after=())
    assert found.page is not None
    text = text_of(check_nothing_comes_or_goes(Path(found.page).read_text("utf-8")))
    assert "False alarms on backgrounds" in text
    for word in ("difference, points", "help", "McNemar", "after minus", "Worst after"):
        assert word not in text, word
    assert f"{found.models[0].ap50:.1%}" in text


def test_few_backgrounds__the_page_says_that_they_are_too_few(material: Material) -> None:
    found = material.evaluate(images=10)
    assert found.page is not None
    text = text_of(check_nothing_comes_or_goes(Path(found.page).read_text("utf-8")))
    assert "Too few backgrounds: at least 25 are needed." in text
    assert "10 backgrounds are few" in text


def test_floor_and_contents__are_shown_where_they_are_known(found: Evaluation) -> None:
    assert "Floor" not in page_of(found)
    rows = (
        CategoryRow("animal", "supercategory", 60, Share(0.5, 0.4, 0.6), Share(0.25, 0.2, 0.3)),
        CategoryRow("bear", "category", 40, Share(0.75, 0.7, 0.8), Share(0.125, 0.1, 0.15)),
    )
    known = dataclasses.replace(
        found, floor=Contamination(0.003, 0.001, 0.006, 0.01), by_category=ByCategory(0.25, 30, rows)
    )
    text = text_of(check_nothing_comes_or_goes(page_of(known)))
    assert "0.3% (0.1% to 0.6%) of them may show one of your classes" in text
    assert "animal (all)6050.0% [40.0%, 60.0%]25.0% [20.0%, 30.0%]" in text
    assert "bear4075.0%" in text


def test_held_out__says_in_words_what_was_left_out_and_how_many_more_there_were(material: Material) -> None:
    shutil.copy(material.data.parent / "images/train/a.png", material.frames / "in_training.png")
    shutil.copy(material.frames / "b0.png", material.frames / "twice.png")
    (material.frames / "b1.txt").write_text("0 0.5 0.5 0.1 0.1\n", "utf-8")
    held = material.evaluate(report=False).backgrounds
    assert held.left_out == {"labelled": 1, "in_dataset": 1, "repeated": 1}
    found = material.evaluate(images=60)
    assert found.page is not None
    text = text_of(check_nothing_comes_or_goes(Path(found.page).read_text("utf-8")))
    assert "60 of the 122 images of" in text
    assert f"{122 - 60 - sum(found.backgrounds.left_out.values())} more were not looked at" in text
    whole = page_of(dataclasses.replace(found, backgrounds=held))
    for words in ("have objects: in their label file", "are or were in the dataset", "have the content of another one"):
        assert words in whole
    other = dataclasses.replace(held, left_out={"not_fetched": 3, "in_train2017": 4, "so_far_unknown": 5})
    whole = page_of(dataclasses.replace(found, backgrounds=other))
    for words in ("could not be fetched", "are in COCO train2017", "so far unknown"):
        assert words in whole


def test_pictures__that_are_elsewhere_are_told(tmp_path: Path, material: Material) -> None:
    listed = tmp_path / "list.json"
    listed.write_text(json.dumps([f"elsewhere/b{number}.png" for number in range(FRAMES)]), "utf-8")
    found = material.evaluate(backgrounds=listed)
    assert found.page is not None
    assert {one.size for one in found.worst} == {None}
    seen = check_nothing_comes_or_goes(Path(found.page).read_text("utf-8"))
    assert not [tag for tag, _ in seen.tags if tag == "img"]
    assert "This picture cannot be shown." in text_of(seen)


# ---------------------------------------------------------------- nothing comes or goes


def renamed(found: Evaluation, text: str) -> Evaluation:
    """An evaluation all of whose texts are `text`."""

    def change(value: Any) -> Any:
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return dataclasses.replace(
                value,
                **{
                    field.name: change(getattr(value, field.name))
                    for field in dataclasses.fields(value)
                    if field.name not in ("side", "verdict", "schema", "kind")
                },
            )
        if isinstance(value, tuple):
            return tuple(map(change, value))
        if isinstance(value, dict):
            return {key: change(one) for key, one in value.items()}
        return text if isinstance(value, str) else value

    changed = change(dataclasses.replace(found, warnings=("w",)))
    assert isinstance(changed, Evaluation)
    return changed


@pytest.mark.parametrize(
    "text", [HOSTILE, '" onmouseover="x" a="', "</style><script>x</script>", "javascript:x", "</desc></svg><b>", "]]>"]
)
def test_page__hostile_texts_stay_texts(found: Evaluation, text: str) -> None:
    picture = Picture("data:image/jpeg;base64,AAAA", 1, 1)
    honest, seen = (
        check_nothing_comes_or_goes(page_of(renamed(found, one), **{one: picture})) for one in ("plain", text)
    )
    assert [tag for tag, _ in seen.tags] == [tag for tag, _ in honest.tags], "the text made or broke an element"
    assert "".join(seen.text).count(text) >= 10
    notebook = Seen(html_of(renamed(found, text)))
    assert [tag for tag, _ in notebook.tags] == [tag for tag, _ in Seen(html_of(renamed(found, "plain"))).tags]


def test_page__of_names_from_strangers(tmp_path: Path) -> None:
    """A class name with markup, and paths that HTML, a shell and a browser read otherwise."""
    folder = "fr&mes '#1%20<b>" if sys.platform != "win32" else "fr&mes '#1%20"
    material = make(tmp_path / "m", classes=(f"'{HOSTILE}'", "kangaroo"), frames=folder)
    found = material.evaluate()
    assert found.page is not None
    text = text_of(check_nothing_comes_or_goes(Path(found.page).read_text("utf-8")))
    assert HOSTILE in text
    assert folder in text


def test_page__is_the_same_for_the_same_figures(found: Evaluation) -> None:
    assert page_of(found) == page_of(dataclasses.replace(found))


# ---------------------------------------------------------------- a notebook


def html_of(found: Evaluation) -> str:
    shown = found._repr_html_()
    assert shown is not None
    return shown


def test_notebook__shows_the_table_and_the_curve(found: Evaluation) -> None:
    shown = html_of(found)
    seen = Seen(shown)
    tags = [tag for tag, _ in seen.tags]
    assert tags.count("table") == 1
    assert tags.count("svg") == 1
    assert not {"script", "style", "img", "a", "link"} & set(tags)
    text = text_of(seen)
    assert found.words in text
    for model in found.models:
        assert all(f"{value:.1%}" in text for value in model.recall_at_false_alarm_rate.values())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "On these weights"),
        ({"after": ()}, "mean recall at equal false-alarm rates"),
        ({"images": 10}, "Too few backgrounds"),
        ({"images": 10, "after": ()}, "too few backgrounds"),
        ({"dry_run": True}, "140 images to predict on"),
    ],
)
def test_notebook__any_evaluation_has_a_short_repr_and_can_be_shown(
    material: Material, options: dict[str, Any], said: str
) -> None:
    found = material.evaluate(report=False, **options)
    assert said in repr(found)
    assert repr(found).startswith(f"<Evaluation of {material.data}: ")
    assert len(repr(found)) < 400 + len(str(material.data))
    assert Seen(html_of(found)).tags


# ---------------------------------------------------------------- where it is written


def test_output__is_another_folder(material: Material, tmp_path: Path) -> None:
    before = tree(material.data.parent)
    found = material.evaluate(output=tmp_path / "new/reports")
    (page,) = pages_in(tmp_path / "new/reports")
    assert found.page == str(page)
    assert list((tmp_path / "new/reports").iterdir()) == [page]
    assert tree(material.data.parent) == before


def test_output__that_cannot_be_a_folder_is_refused_before_the_work(
    material: Material, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr("yolobg.evaluation.run.open_dataset", lambda *_: pytest.fail("work began"))
    for place in ("file", "file/below"):
        with pytest.raises(UsageError, match="is a file; give a folder"):
            material.evaluate(output=tmp_path / place)
    with pytest.raises(UsageError, match="--no-report"):
        material.evaluate(output=tmp_path, report=False)


def test_no_report__and_a_dry_run_write_nothing(material: Material) -> None:
    before = tree(material.data.parent)
    assert material.evaluate(report=False).page is None
    assert material.evaluate(dry_run=True).page is None
    done = run(*material.words, "--no-report")
    assert done.returncode == 0, done.stderr
    assert "Look at" not in done.stdout
    assert tree(material.data.parent) == before


def test_command__says_where_the_page_is(material: Material, tmp_path: Path) -> None:
    done = run(*material.words)
    assert done.returncode == 0, done.stderr
    (page,) = pages_in(material.data.parent / ".yolobg/evaluate")
    assert f"Look at   {page}" in done.stdout
    told = json.loads(run(*material.words, "--json", "--output", tmp_path / "out").stdout)
    assert told["page"] == str(pages_in(tmp_path / "out")[0])
    assert told["worst"][0]["boxes"][0].keys() == {"side", "run", "category", "score", "box"}


@pytest.mark.parametrize("error", [errno.EROFS, errno.ENOSPC], ids=["read-only", "full"])
def test_disk__that_refuses_any_step_is_said_and_nothing_is_half_written(
    found: Evaluation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    root = tmp_path / "data"
    root.mkdir()
    steps: list[str] = []

    def fail_at(number: int) -> None:
        def on_step(what: str, path: Path) -> None:
            steps.append(what)
            if len(steps) == number:
                raise OSError(error, os.strerror(error), str(path))

        steps.clear()
        monkeypatch.setattr("yolobg.files.on_step", on_step)

    fail_at(0)
    assert with_page(found, root, None).page is not None
    outcomes = set()
    for number in range(1, len(steps) + 1):
        shutil.rmtree(root / ".yolobg")
        fail_at(number)
        told = with_page(found, root, None)
        pages = list(root.rglob("*.html"))
        assert all(page.read_text("utf-8").endswith("</main></body></html>") for page in pages)
        assert told.page is not None or os.strerror(error) in told.warnings[-1]
        assert told.page is not None or "--output DIR writes it elsewhere" in told.warnings[-1]
        assert dataclasses.replace(told, warnings=found.warnings) == found, "the figures are there"
        monkeypatch.setattr("yolobg.files.on_step", lambda *_: None)
        with hold(root):
            pass
        assert not list(root.rglob("*.part"))
        (root / ".yolobg").mkdir(exist_ok=True)
        outcomes.add(told.page is not None)
    assert outcomes == {True, False}


@pytest.mark.parametrize(
    "what",
    [
        "a file at .yolobg",
        *(pytest.param(one, marks=pytest.mark.slow) for one in ("a file at evaluate", "a link at evaluate")),
    ],
)
def test_place__that_cannot_be_written_is_a_warning_and_is_left_alone(
    material: Material, tmp_path: Path, what: str
) -> None:
    own = material.data.parent / ".yolobg"
    if what == "a file at .yolobg":
        own.write_text("mine", "utf-8")
    elif what == "a file at evaluate":
        own.mkdir()
        (own / "evaluate").write_text("mine", "utf-8")
    else:
        own.mkdir()
        (tmp_path / "elsewhere").mkdir()
        try:
            (own / "evaluate").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
        except OSError:
            pytest.skip("needs symbolic links")
    done = run(*material.words)
    assert done.returncode == 0, done.stderr
    assert "the page could not be written" in " ".join(done.stderr.split())
    assert "Recall at equal" in " ".join(done.stdout.split())
    assert not list(tmp_path.rglob("*.html"))
    assert not list(tmp_path.rglob(".yolobg-*"))


def test_dataset__that_another_yolobg_holds_is_told(material: Material, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation_write, "hold", lambda root: hold(root, wait_s=0.1))
    with hold(material.data.parent):
        found = material.evaluate()
    assert found.page is None
    assert "another yolobg is running here" in found.warnings[-1]


def test_pages__of_the_same_second_have_names_of_their_own(
    material: Material, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
            return datetime(2026, 1, 2, 3, 4, 5, tzinfo=tz or timezone.utc)

    monkeypatch.setattr(evaluation_write, "datetime", Clock)
    for _ in range(3):
        material.evaluate(output=tmp_path / "out")
    names = [page.name for page in pages_in(tmp_path / "out")]
    assert names == ["2026-01-02_03-04-05-2.html", "2026-01-02_03-04-05-3.html", "2026-01-02_03-04-05.html"]
    first, *others = (page.read_bytes() for page in pages_in(tmp_path / "out"))
    assert all(other == first for other in others)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
def test_kill__at_every_point_leaves_a_whole_page_or_none(tmp_path: Path) -> None:
    with KillServer() as server, quick_folder(tmp_path) as scratch:
        material = make(scratch / "m")
        root = material.data.parent
        before = tree(root)

        def run_killed(point: int) -> Ran:
            shutil.rmtree(root / ".yolobg", ignore_errors=True)
            return server.run(*material.words, kill_at=point, watch=[root])

        ends = set()
        for _, ran in kills(run_killed):
            assert {name: content for name, content in tree(root).items() if not name.startswith(".yolobg")} == before
            pages = pages_in(root / ".yolobg/evaluate")
            assert all(page.read_text("utf-8").endswith("</main></body></html>") for page in pages), ran.points[-1]
            ends.add(len(pages))
            # The next command cleans up.
            yolobg.remove(material.data)
            # The lock file stays with some versions of filelock.
            left = {path.name for path in (root / ".yolobg").glob("**/*")} - {"lock"}
            assert left == ({"evaluate", *(page.name for page in pages)} if pages else set()), ran.points[-1]
        assert ends == {0, 1}


def test_remove__keeps_the_pages(material: Material) -> None:
    found = material.evaluate()
    assert found.page is not None
    yolobg.remove(material.data)
    assert Path(found.page).is_file()
    yolobg.status(material.data, split="val")
