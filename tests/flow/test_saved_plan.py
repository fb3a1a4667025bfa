"""A plan shows what a run takes, can be saved, edited and carried out, and lets in nothing that a run would not."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from command_line import run, source
from image_server import ImageServer
from machine import make_world
from merging import tree
from PIL import Image

import yolobg
from yolobg import Plan
from yolobg.errors import DatasetError, DownloadError, PoolError, UsageError, YolobgError

COUNT = 5


@pytest.fixture
def server(sample: Path) -> ImageServer:
    return ImageServer({f"/all/{p.name}": p.read_bytes() for p in (sample / "source/images").iterdir()})


def options(sample: Path, images: str | Path | None = None) -> dict[str, Any]:
    folder = sample / "source"
    return {
        "annotations": folder / "annotations/instances_sample.json",
        "images": [images or folder / "images"],
        "count": COUNT,
    }


def save(sample: Path, **more: Any) -> Path:
    place = sample / "plan.json"
    yolobg.plan(sample / "dataset", **options(sample), **more).save(place)
    return place


def edit(place: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    plan = json.loads(place.read_text())
    change(plan)
    place.write_text(json.dumps(plan))
    return place


def ids(report: yolobg.Report) -> list[int]:
    return [added.source_id for added in report.added]


# ---------------------------------------------------------------- what would be taken


@pytest.mark.parametrize("from_host", [False, True], ids=["folder", "host"])
def test_dry_run__lists_what_the_run_takes_in_its_order(sample: Path, server: ImageServer, from_host: bool) -> None:
    with server:
        images = f"{server.url}/all" if from_host else None
        given: tuple[str | Path, ...] = (
            "augment",
            sample / "dataset",
            *source(sample, images),
            "--count",
            str(COUNT),
            "--json",
        )
        dry = json.loads(run(*given, "--dry-run").stdout)
        assert not server.log, "nothing is fetched to say what would be"
        done = json.loads(run(*given).stdout)
    assert "planned" not in done
    assert [set(one) for one in dry["planned"]] == [{"source_id", "url", "license", "why"}] * COUNT
    assert [(one["source_id"], one["url"], one["license"]) for one in dry["planned"]] == [
        (one["source_id"], one["url"], one["license"]) for one in done["added"]
    ]
    assert {one["why"] for one in dry["planned"]} == {"random, seed 0"}


@pytest.mark.parametrize("val", ["0", "0.4"])
def test_download__dry_run_lists_what_it_takes_for_all_splits(sample: Path, val: str) -> None:
    given = ("download", "--exclude", "dog", *source(sample), "--count", "7", "--val", val, "--json")
    out = ("--output", sample / "out")
    dry = json.loads(run(*given, *out, "--dry-run").stdout)
    done = json.loads(run(*given, *out).stdout)
    assert [one["source_id"] for one in dry["planned"]] == [one["source_id"] for one in done["added"]]
    assert len(dry["planned"]) == 7


def test_dry_run__shows_the_first_few_and_how_to_see_all(sample: Path) -> None:
    given: tuple[str | Path, ...] = ("augment", sample / "dataset", *source(sample), "--dry-run", "--count")
    told = run(*given, "9", COLUMNS="300").stdout
    planned = yolobg.plan(sample / "dataset", **(options(sample) | {"count": 9})).report.planned
    assert [one.url in told for one in planned] == [True] * 5 + [False] * 4
    assert "and 4 more" in told
    assert "--save plan.json" in told
    assert "Would take" not in run(*given, "0").stdout


def test_plan__says_no_secret_of_an_address(sample: Path) -> None:
    plan = yolobg.plan(sample / "dataset", **options(sample, "https://example.org/all?sig=hush9"))
    plan.save(sample / "plan.json")
    assert "hush9" not in (sample / "plan.json").read_text()
    assert plan.report.planned[0].url.startswith("https://example.org/all/")


# ---------------------------------------------------------------- carried out


def test_saved__adds_what_the_plan_says(sample: Path) -> None:
    other = Path(shutil.copytree(sample / "dataset", sample / "other"))
    place, before = save(sample), tree(sample / "dataset")
    told = run("augment", "--plan", place, "--json")
    assert told.returncode == 0, told.stderr
    report = json.loads(told.stdout)
    direct = yolobg.augment(other, **options(sample))
    assert [one["source_id"] for one in report["added"]] == ids(direct)
    assert report["warnings"] == list(direct.warnings)
    again = run("augment", "--plan", place, "--json")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["added"] == []
    yolobg.remove(sample / "dataset")
    assert tree(sample / "dataset") == before


@pytest.mark.parametrize("gone", [{0}, {COUNT - 1}, {1, 3}, set(range(COUNT))], ids=str)
def test_edited__adds_the_lines_that_are_left(sample: Path, gone: set[int]) -> None:
    place = save(sample)
    lines = place.read_text().splitlines(keepends=True)
    first = next(number for number, line in enumerate(lines) if "source_id" in line)
    planned = [one["source_id"] for one in json.loads("".join(lines))["images"]]
    # As in an editor: whole lines, whatever comma is left at the end.
    place.write_text("".join(line for number, line in enumerate(lines) if number - first not in gone))
    report = yolobg.carry_out(Plan.load(place))
    assert ids(report) == [number for row, number in enumerate(planned) if row not in gone]
    assert report.after.backgrounds == COUNT - len(gone) == yolobg.status(sample / "dataset").after.ours


def test_edited__what_cannot_be_fetched_is_replaced_by_no_image_that_was_taken_out(
    sample: Path, server: ImageServer
) -> None:
    plan = yolobg.plan(sample / "dataset", **options(sample, "https://example.org/all"))
    plan.save(sample / "plan.json")
    planned = [one.source_id for one in plan.report.planned]
    follows = (plan.choice.ranked if plan.choice else ())[COUNT]
    place = edit(sample / "plan.json", lambda saved: saved["images"].pop(2))
    with server:
        server.always[f"/all/{planned[1]:012}.jpg"] = "missing"
        report = yolobg.carry_out(Plan.load(place, images=[f"{server.url}/all"]))
    assert ids(report) == [planned[0], planned[3], planned[4], follows]
    assert [failed.source_id for failed in report.failed] == [planned[1]]
    assert "1 image of the plan could not be used" in " ".join(report.warnings)


def test_saved__of_a_dataset_that_was_moved(sample: Path) -> None:
    place = save(sample)
    (sample / "dataset").rename(sample / "elsewhere")
    with pytest.raises(DatasetError, match=r"data\.yaml"):
        Plan.load(place)
    told = run("augment", sample / "elsewhere", "--plan", place, "--json")
    assert told.returncode == 0, told.stderr
    assert len(json.loads(told.stdout)["added"]) == COUNT


def test_saved__keeps_the_answers_about_class_names(sample: Path) -> None:
    data = sample / "dataset/data.yaml"
    data.write_text(data.read_text().replace("dog", "qwrtz"))
    place = save(sample, map={"qwrtz": ["dog"]})
    report = yolobg.carry_out(Plan.load(place))
    assert len(report.added) == COUNT
    assert [e.coco for match in report.classes if match.name == "qwrtz" for e in match.exclude] == ["dog"]


def test_save__replaces_no_file(sample: Path) -> None:
    data = sample / "dataset/data.yaml"
    before = tree(sample)
    told = run("plan", sample / "dataset", *source(sample), "--save", data)
    assert (told.returncode, told.stdout) == (2, "")
    assert "exists already" in told.stderr
    with pytest.raises(UsageError, match="exists already"):
        yolobg.plan(data, **options(sample)).save(data)
    assert tree(sample) == before


def test_save__refuses_what_takes_backgrounds_out(sample: Path) -> None:
    with pytest.raises(UsageError, match="takes backgrounds out"):
        save(sample, recheck=True)


@pytest.mark.parametrize(
    "option",
    [
        ("--ratio", "0.2"),
        *(
            pytest.param(option, marks=pytest.mark.slow)
            for option in (("--seed", "0"), ("--map-file", "map.yaml"), ("--lean",), ("--exclude", "cat"))
        ),
    ],
    ids=lambda option: option[0],
)
def test_command__a_plan_has_its_own_options(sample: Path, option: tuple[str, ...]) -> None:
    place = save(sample)
    (sample / "map.yaml").write_text("lorry: truck\n")
    told = run("augment", "--plan", place, *option, cwd=sample)
    assert told.returncode == 2
    assert option[0] in told.stderr


@pytest.mark.slow
def test_command__a_plan_goes_with_options_of_the_machine(sample: Path) -> None:
    place = save(sample)
    assert run("augment").returncode == 2
    assert run("augment", "--plan", place, "--jobs", "2", "--no-report").returncode == 0
    assert not (sample / "dataset/.yolobg/report.html").exists()


def test_edited__with_more_lines_than_asked_for_takes_none_out_again(sample: Path) -> None:
    place = save(sample, trim=True)
    plan = yolobg.plan(sample / "dataset", **options(sample))
    more = (plan.choice.ranked if plan.choice else ())[COUNT + 1]
    edit(place, lambda saved: saved["images"].append({"source_id": more}))
    assert len(yolobg.carry_out(Plan.load(place)).added) == COUNT + 1
    there = tree(sample / "dataset")
    again = yolobg.carry_out(Plan.load(place))
    assert (again.added, again.trimmed or (), again.after.backgrounds) == ((), (), COUNT + 1)
    assert tree(sample / "dataset") == there


def for_another_data_yaml(sample: Path, _place: Path) -> None:
    data = sample / "dataset"
    shutil.copytree(data / "images/val", data / "images/more")
    shutil.copytree(data / "labels/val", data / "labels/more")
    (data / "other.yaml").write_text((data / "data.yaml").read_text().replace("images/train", "images/more"))
    yolobg.augment(data / "other.yaml", **options(sample))


def deleted_since(_sample: Path, place: Path) -> None:
    first = yolobg.carry_out(Plan.load(place)).added[0]
    root = place.parent / "dataset"
    (root / first.image).unlink()
    (root / first.label).unlink()


@pytest.mark.parametrize("change", [for_another_data_yaml, deleted_since])
def test_saved__what_is_not_in_the_split_does_not_count_as_brought_in(
    sample: Path, change: Callable[[Path, Path], None]
) -> None:
    place = save(sample)
    change(sample, place)
    before = tree(sample)
    with pytest.raises(YolobgError, match="Nothing was added"):
        yolobg.carry_out(Plan.load(place))
    assert tree(sample) == before


def test_saved__other_pictures_under_the_same_ids_do_not_count_as_brought_in(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    given: dict[str, Any] = {"annotations": world.instances, "images": [world.images]}
    yolobg.augment(world.root, count=3, **given)
    for image in world.images.iterdir():
        with Image.open(image) as picture:
            picture.convert("RGB").rotate(180).save(image)
    world.instances.write_bytes(world.instances.read_bytes() + b"\n")
    plan = yolobg.plan(world.root, count=12, **given)
    assert {one.source_id for one in plan.report.planned} & {one.source_id for one in yolobg.status(world.root).added}
    plan.save(tmp_path / "plan.json")
    report = yolobg.carry_out(Plan.load(tmp_path / "plan.json"))
    assert (len(report.added), report.after.backgrounds) == (9, 12)


# ---------------------------------------------------------------- refused


def new_class(sample: Path) -> None:
    data = sample / "dataset/data.yaml"
    data.write_text(data.read_text().replace("dog", "cat"))


def one_more_image(sample: Path) -> None:
    train = sample / "dataset/images/train"
    shutil.copyfile(next(train.glob("*.jpg")), train / "new.jpg")


def one_renamed(sample: Path) -> None:
    image = next((sample / "dataset/images/train").glob("*.jpg"))
    image.rename(image.with_name("renamed.jpg"))
    label = sample / f"dataset/labels/train/{image.stem}.txt"
    label.rename(label.with_name("renamed.txt"))


def one_unlabelled(sample: Path) -> None:
    next((sample / "dataset/labels/train").glob("*.txt")).write_text("")


def other_records(sample: Path) -> None:
    file = sample / "source/annotations/instances_sample.json"
    records = json.loads(file.read_text())
    records["annotations"].pop()
    file.write_text(json.dumps(records))


def other_picture(sample: Path) -> None:
    planned = json.loads((sample / "plan.json").read_text())["images"][0]
    Path(planned["url"]).write_bytes(Path(planned["url"]).read_bytes() + b"\0")


def other_run(sample: Path) -> None:
    yolobg.augment(sample / "dataset", **(options(sample) | {"seed": 5, "count": 1}))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (new_class, ("new: cat", "gone: dog")),
        pytest.param(one_more_image, ("19 images", "it had 18"), marks=pytest.mark.slow),
        pytest.param(one_renamed, ("some are others",), marks=pytest.mark.slow),
        pytest.param(one_unlabelled, ("with 1 background",), marks=pytest.mark.slow),
        pytest.param(other_records, ("its records are not what they were",), marks=pytest.mark.slow),
        (other_picture, ("is not the file that it was",)),
        pytest.param(other_run, ("19 images with 1 background",), marks=pytest.mark.slow),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_saved__is_refused_once_something_has_changed(
    sample: Path, change: Callable[[Path], None], words: tuple[str, ...]
) -> None:
    place = save(sample)
    change(sample)
    before = tree(sample)
    told = run("augment", "--plan", place)
    assert told.returncode == 3, told.stderr
    assert told.stdout == ""
    assert "has changed since the plan was made" in told.stderr
    assert all(word in told.stderr for word in words), told.stderr
    assert tree(sample) == before


def put_first(saved: dict[str, Any], number: int) -> None:
    """The plan's first line names another image of the source."""
    saved["images"][0].update(source_id=number, bytes=None)


def test_edited__no_line_lets_in_what_no_run_would(sample: Path) -> None:
    """Every image of the source as a line: it comes in only if it is a candidate."""
    place = save(sample)
    original = place.read_text()
    plan = yolobg.plan(sample / "dataset", **options(sample))
    candidates = set(plan.choice.ranked if plan.choice else ())
    records = json.loads((sample / "source/annotations/instances_sample.json").read_text())
    assert len(candidates) < len(records["images"])
    for row in (*records["images"], {"id": 10**15}, {"id": -1}):
        place.write_text(original)
        edit(place, partial(put_first, number=row["id"]))
        planned = [one["source_id"] for one in json.loads(place.read_text())["images"]]
        if row["id"] in candidates and len(set(planned)) == COUNT:
            assert [one.source_id for one in Plan.load(place).report.planned] == planned
            continue
        with pytest.raises(PoolError, match="Nothing was added"):
            Plan.load(place)
    assert not (sample / "dataset/.yolobg").exists()


def test_edited__the_reason_names_what_the_image_contains(sample: Path) -> None:
    place = save(sample)
    records = json.loads((sample / "source/annotations/instances_sample.json").read_text())
    dog = next(row["id"] for row in records["categories"] if row["name"] == "dog")
    held = next(row["image_id"] for row in records["annotations"] if row["category_id"] == dog)
    edit(place, lambda saved: saved["images"][0].update(source_id=held, bytes=None))
    told = run("augment", "--plan", place)
    assert told.returncode == 4
    assert f"{held} (contains " in told.stderr
    assert "dog" in told.stderr


def some_in_the_default_run(cases: dict[str, Any], *names: str) -> list[Any]:
    """All cases as parameters, those that are named marked as samples."""
    return [
        pytest.param(case, id=name, marks=pytest.mark.sample if name in names else ()) for name, case in cases.items()
    ]


DEEP = 200_000
HOSTILE: dict[str, bytes] = {
    "empty": b"",
    "a list": b"[]",
    "null": b"null",
    "no version": b"{}",
    "another version": b'{"yolobg_plan": 2}',
    "a version as text": b'{"yolobg_plan": "1"}',
    "a huge version": b'{"yolobg_plan": 1' + b"0" * 5000 + b"}",
    "nothing else": b'{"yolobg_plan": 1}',
    "deep lists": b'{"yolobg_plan": 1, "options": {"a": ' + b"[" * DEEP + b"]" * DEEP + b"}}",
    "deep, cut": b'{"x": ' + b'{"x":' * DEEP,
    "not UTF-8": b'{"yolobg_plan": 1, "options": {"split": "\xff\xfe"}}',
    "NUL": b"\0" * 100,
    "binary": bytes(range(256)) * 10,
    "a manifest": b'{"version": 2, "entries": []}',
    "a report": b'{"schema": 1, "dry_run": true, "planned": []}',
}


# Each is a command of its own; a few of them in the default run.
@pytest.mark.slow
@pytest.mark.parametrize("content", some_in_the_default_run(HOSTILE, "binary"))
def test_hostile__ends_in_one_message(sample: Path, content: bytes) -> None:
    place = sample / "plan.json"
    place.write_bytes(content)
    check_one_message(sample, place)


EDITS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "an id as text": lambda plan: plan["images"][0].update(source_id="1269"),
    "an id as a float": lambda plan: plan["images"][0].update(source_id=1.5),
    "a huge id": lambda plan: plan["images"][0].update(source_id=10**400),
    "no id": lambda plan: plan["images"][0].pop("source_id"),
    "a line that is no object": lambda plan: plan["images"].append(7),
    "images as an object": lambda plan: plan.update(images={}),
    "another key": lambda plan: plan.update(run="rm"),
    "no dataset": lambda plan: plan.update(dataset=None),
    "names as a text": lambda plan: plan["dataset"].update(names="abc"),
    "another split": lambda plan: plan["dataset"].update(split="val"),
    "a data.yaml elsewhere": lambda plan: plan["dataset"].update(data_yaml="/nowhere\x1b[2J/data.yaml"),
    "a data.yaml with NUL": lambda plan: plan["dataset"].update(data_yaml="a\0b"),
    "another digest": lambda plan: plan["dataset"].update(content=""),
    "no source": lambda plan: plan.update(source=None),
    "another source": lambda plan: plan["source"].update(name="coco2017"),
    "another catalog": lambda plan: plan["source"].update(catalog=""),
    "options as a list": lambda plan: plan.update(options=[]),
    "an unknown option": lambda plan: plan["options"].update(delete=True),
    "an option of a wrong type": lambda plan: plan["options"].update(seed="x"),
    "an option out of range": lambda plan: plan["options"].update(count=-1),
    "a split that is not there": lambda plan: plan["options"].update(split="test"),
    "recheck": lambda plan: plan["options"].update(recheck=True),
    "a folder elsewhere": lambda plan: plan["options"].update(into="/tmp"),
    "a place that is none": lambda plan: plan["options"].update(images=["file:///etc"]),
    "the same line twice": lambda plan: plan["images"].append(plan["images"][0]),
    "a size": lambda plan: plan["images"][0].update(bytes=1),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("change", some_in_the_default_run(EDITS, "another digest"))
def test_edited__wrongly_ends_in_one_message(sample: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    check_one_message(sample, edit(save(sample), change))


def check_one_message(sample: Path, place: Path) -> None:
    before = tree(sample)
    told = run("augment", "--plan", place)
    assert told.returncode in (2, 3, 4), told.stderr
    assert told.stdout == ""
    assert told.stderr.startswith("yolobg: error: ")
    assert len(told.stderr) < 4000
    assert "Traceback" not in told.stderr
    assert "\x1b" not in told.stderr
    assert tree(sample) == before
    with pytest.raises(YolobgError):
        Plan.load(place)


def test_hostile__no_ordinary_file_is_read(sample: Path) -> None:
    huge = sample / "huge.json"
    with huge.open("wb") as file:
        file.truncate(1 << 30)
    places = [huge, sample, sample / "nowhere.json"]
    if hasattr(os, "mkfifo"):
        os.mkfifo(sample / "pipe")
        places.append(sample / "pipe")
    for place in places:
        with pytest.raises(UsageError, match="not a plan"):
            Plan.load(place)


def test_carried_out_later__is_checked_once_more(sample: Path) -> None:
    """The dataset may change between the look and the run: the plan is made again, under the lock, as it was saved."""
    loaded = Plan.load(save(sample))
    other_run(sample)
    before = tree(sample / "dataset")
    with pytest.raises(DatasetError, match="has changed since the plan"):
        yolobg.carry_out(loaded)
    assert tree(sample / "dataset") == before


def test_source_that_is_gone__is_told(sample: Path) -> None:
    place = save(sample)
    shutil.rmtree(sample / "source/images")
    with pytest.raises((UsageError, DownloadError)):
        Plan.load(place)
