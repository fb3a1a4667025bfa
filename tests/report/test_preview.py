"""The page of a plan shows what a run would add, before anything is added."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from command_line import run, source
from image_server import ImageServer
from merging import tree
from reviewing import HOSTILE

import yolobg
from yolobg.errors import DownloadError
from yolobg.report import preview as preview_module


def options(sample: Path, images: str | Path | None = None) -> dict[str, Any]:
    folder = sample / "source"
    return {"annotations": folder / "annotations/instances_sample.json", "images": [images or folder / "images"]}


def shown(page: str) -> list[int]:
    """The numbers of the images that a page shows, in its order."""
    return [int(number) for number in re.findall(r"<figcaption><b>\S+ (\d+)</b>", page)]


def test_preview__shows_what_the_run_adds_and_changes_nothing(sample: Path) -> None:
    before = tree(sample)
    given = (*source(sample), "--count", "6", "--json")
    told = run("augment", sample / "dataset", *given, "--dry-run", "--report")
    assert told.returncode == 0, told.stderr
    report = json.loads(told.stdout)
    assert tree(sample) == before
    place = Path(report["page"])
    assert sample not in place.parents
    page = place.read_text("utf-8")
    assert page.count("data:image/jpeg;base64,") == 6
    assert "Nothing has been added" in page
    done = json.loads(run("augment", sample / "dataset", *given).stdout)
    # The page of the plan and the report that is written once the images are in; not each image has captions.
    texts = json.loads((sample / "source/annotations/captions_sample.json").read_text("utf-8"))["annotations"]
    chosen = {one["source_id"] for one in done["added"]}
    captions = {number: sorted(one["caption"] for one in texts if one["image_id"] == number) for number in chosen}
    assert sum(map(bool, captions.values())) >= 4
    for shown_to_people in (page, (sample / "dataset/.yolobg/report.html").read_text("utf-8")):
        for said in filter(None, captions.values()):
            assert (
                f"<summary>{len(said)} captions</summary><ul><li>{'</li><li>'.join(said)}</li></ul>" in shown_to_people
            )
    assert shown(page) == [one["source_id"] for one in done["added"]] == [one["source_id"] for one in report["planned"]]


def test_preview__of_a_saved_plan_shows_the_lines_that_are_left(sample: Path) -> None:
    place = sample / "plan.json"
    told = run("plan", sample / "dataset", *source(sample), "--count", "4", "--save", place, "--report")
    assert told.returncode == 0, told.stderr
    page = next(line.split(None, 2)[2] for line in told.stdout.splitlines() if line.startswith("Look at"))
    plan = json.loads(place.read_text())
    assert shown(Path(page).read_text("utf-8")) == [one["source_id"] for one in plan["images"]]
    gone = plan["images"].pop(1)
    place.write_text(json.dumps(plan))
    assert run("augment", "--plan", place, "--dry-run", "--report").returncode == 0
    left = shown(Path(page).read_text("utf-8"))
    assert left == [one["source_id"] for one in plan["images"]]
    assert gone["source_id"] not in left


def test_preview__names_what_cannot_be_fetched_and_shows_what_comes_instead(sample: Path) -> None:
    with ImageServer({f"/all/{p.name}": p.read_bytes() for p in (sample / "source/images").iterdir()}) as server:
        plan = yolobg.plan(sample / "dataset", count=3, **options(sample, f"{server.url}/all"))
        first = plan.report.planned[0].source_id
        server.always[f"/all/{first:012}.jpg"] = "missing"
        page = yolobg.preview(plan).read_text("utf-8")
        report = yolobg.carry_out(plan)
    assert shown(page) == [added.source_id for added in report.added]
    assert f"{first:012}.jpg" in page.partition("Could not be used")[2]
    assert "in place of one that cannot be used" in page


@pytest.mark.slow
def test_preview__a_host_that_is_down_ends_in_an_error_and_no_page(sample: Path, private_places: Path) -> None:
    with ImageServer({}) as server:
        server.die()
        plan = yolobg.plan(sample / "dataset", **options(sample, f"{server.url}/all"))
        before = tree(sample)
        with pytest.raises(DownloadError):
            yolobg.preview(plan)
    assert tree(sample) == before
    assert not list(private_places.rglob("*.html"))


def test_preview__holds_a_bounded_number_of_pictures(sample: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preview_module, "MOST_SHOWN", 2)
    page = yolobg.preview(yolobg.plan(sample / "dataset", count=5, **options(sample))).read_text("utf-8")
    assert len(shown(page)) == 2
    assert "The first 2 of 5 images" in page


def test_preview__nothing_to_add_is_said(sample: Path) -> None:
    page = yolobg.preview(yolobg.plan(sample / "dataset", count=0, **options(sample))).read_text("utf-8")
    assert "as many backgrounds as were asked for" in page


@pytest.mark.parametrize("text", [HOSTILE, "javascript:alert(1)", "\x1b[2J\u202e"])
def test_preview__no_text_of_a_source_becomes_markup(sample: Path, text: str) -> None:
    file = sample / "source/annotations/instances_sample.json"
    records = json.loads(file.read_text())
    for row in records["licenses"]:
        row["name"], row["url"] = text, text
    for row in records["images"]:
        row["flickr_url"] = text
    file.write_text(json.dumps(records))
    page = yolobg.preview(yolobg.plan(sample / "dataset", count=2, **options(sample))).read_text("utf-8")
    rest = re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)
    assert "<script" not in rest.lower()
    assert not re.search(r"<[^>]*\son\w+=", rest)
    assert "javascript:" not in re.sub(r"<span>.*?</span>", "", rest).lower()
