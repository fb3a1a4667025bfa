"""Fewer backgrounds than there are: what to do is told, `--trim` takes out what is too many of ours, exactly."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest
from command_line import run, source
from merging import tree, visible

import yolobg
from yolobg.changes.manifest import read_manifest, write_manifest
from yolobg.changes.records import Found, Mining
from yolobg.errors import UsageError
from yolobg.flow.options import Request
from yolobg.flow.selection import backgrounds_needed

LABELLED = 18


def options(sample: Path, **more: Any) -> dict[str, Any]:
    folder = sample / "source"
    return {"annotations": folder / "annotations/instances_sample.json", "images": [folder / "images"], **more}


def pictures(data: Path) -> list[str]:
    return sorted(path.name for path in (data / "images/train").iterdir() if path.name.startswith("bg_"))


def own_backgrounds(data: Path, number: int) -> None:
    """Backgrounds of the user's own, with an empty label file or without."""
    image = next((data / "images/train").glob("*.jpg"))
    for place in range(number):
        shutil.copyfile(image, data / f"images/train/own{place}.jpg")
        if place % 2:
            (data / f"labels/train/own{place}.txt").write_text("")


@pytest.mark.parametrize("kept", [0, 1, 4])
def test_trim__takes_out_the_last_chosen_and_ends_as_if_never_more_had_been_asked_for(sample: Path, kept: int) -> None:
    few, many = sample / "few", sample / "dataset"
    shutil.copytree(many, few)
    before = tree(many)
    yolobg.augment(few, **options(sample, count=kept))
    yolobg.augment(many, **options(sample, count=3))
    yolobg.augment(many, **options(sample, count=6))
    report = yolobg.augment(many, count=kept, trim=True)
    assert pictures(many) == pictures(few)
    assert visible(many) == visible(few)
    assert (report.after.backgrounds, report.after.ours, len(report.trimmed or ())) == (kept, kept, 6 - kept)
    assert yolobg.augment(many, count=kept, trim=True).trimmed == ()
    # Undone by asking for more again: the same images come back.
    yolobg.augment(few, **options(sample, count=6))
    yolobg.augment(many, **options(sample, count=6))
    assert pictures(many) == pictures(few)
    yolobg.remove(many)
    assert tree(many) == before


def test_trim__of_a_run_with_a_model_takes_out_first_what_it_found_least_in(sample: Path) -> None:
    data = sample / "dataset"
    yolobg.augment(data, **options(sample, count=2))
    report = yolobg.augment(data, **options(sample, count=6))
    manifest = read_manifest(data)
    scores = dict(zip((added.source_id for added in report.added), (0.9, 0.0, 0.3, 0.0), strict=True))
    found = tuple(Found(source_id, score) for source_id, score in scores.items())
    mining = Mining("m.onnx", "0" * 64, 640, 0.25, scored=20, fired=2, near=0, found=found)
    run = msgspec.structs.replace(manifest.runs[-1], mining=mining)
    write_manifest(data, msgspec.structs.replace(manifest, runs=(*manifest.runs[:-1], run)))
    images = [added.image for added in report.added]
    dry = yolobg.plan(data, count=0, trim=True).report.trimmed
    assert dry
    assert dry[:4] == (images[3], images[1], images[2], images[0])
    assert set(yolobg.augment(data, count=3, trim=True).trimmed or ()) == set(dry[:3])


@pytest.mark.parametrize("layout", ["folder", "list"])
def test_trim__never_touches_what_is_not_a_background_of_ours(sample: Path, layout: str) -> None:
    data = sample / "dataset"
    own_backgrounds(data, 3)
    if layout == "list":
        lines = sorted(f"./images/train/{path.name}" for path in (data / "images/train").iterdir())
        (data / "train.txt").write_text("\n".join(lines))
        yaml = (data / "data.yaml").read_text()
        (data / "data.yaml").write_text(yaml.replace("train: images/train", "train: train.txt"))
    before = visible(data)
    yolobg.augment(data, **options(sample, count=3 + 4))
    labelled, changed = pictures(data)[0], pictures(data)[1]
    (data / f"labels/train/{Path(labelled).stem}.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    (data / f"images/train/{changed}").write_bytes(b"mine now")
    report = yolobg.augment(data, count=0, trim=True)
    # Of four of ours one is labelled now, so it is no background; one was changed; two go.
    assert len(report.trimmed or ()) == 2
    assert report.after.backgrounds == 3 + 1
    assert pictures(data) == [labelled, changed]
    assert "4 of those beyond it stay" in " ".join(report.warnings)
    if layout == "folder":
        assert before.items() <= visible(data).items()
    else:
        assert (data / "train.txt").read_text().startswith((before["train.txt"] or b"").decode())


def test_trim__touches_nothing_that_was_added_for_another_data_yaml_or_split(sample: Path) -> None:
    data = sample / "dataset"
    shutil.copyfile(data / "data.yaml", data / "other.yaml")
    yolobg.augment(data / "other.yaml", **options(sample, count=2))
    yolobg.augment(data / "data.yaml", **options(sample, count=5))
    yolobg.augment(data / "data.yaml", split="val", **options(sample, count=2))
    of_val = visible(data).keys()
    report = yolobg.augment(data / "data.yaml", count=0, trim=True)
    assert len(report.trimmed or ()) == 3
    assert report.after.backgrounds == 2
    assert {name for name in of_val if "/val/" in name} <= visible(data).keys()
    assert yolobg.status(data / "data.yaml", split="val").after.ours == 2


@pytest.mark.parametrize("target", [{"ratio": 0.05}, {"ratio": "0.2"}, {"count": 1}, {"ratio": 0}], ids=str)
def test_trim__keeps_the_number_that_augment_would_reach(sample: Path, target: dict[str, Any]) -> None:
    data = sample / "dataset"
    yolobg.augment(data, **options(sample, count=7))
    wanted = backgrounds_needed(LABELLED, 0, ratio=target.get("ratio"), count=target.get("count"))
    assert yolobg.augment(data, trim=True, **target).after.backgrounds == wanted


def test_trim__adds_where_there_are_too_few(sample: Path) -> None:
    report = yolobg.augment(sample / "dataset", trim=True, **options(sample, count=4))
    assert (len(report.added), report.trimmed) == (4, ())


def test_trim__dry_run_names_them_and_changes_nothing(sample: Path) -> None:
    data = sample / "dataset"
    yolobg.augment(data, **options(sample, count=5))
    before = tree(data)
    dry = json.loads(run("augment", data, "--count", "2", "--trim", "--dry-run", "--json").stdout)
    assert tree(data) == before
    told = run("augment", data, "--count", "2", "--trim")
    assert "Removed 3 backgrounds beyond what was asked for from train: 2 of 20 images" in told.stdout
    gone = {name for name in before if name.startswith("images/")} - tree(data).keys()
    assert gone == set(dry["trimmed"])
    assert dry["after"]["backgrounds"] == 2


def test_lower__says_what_to_do_and_changes_nothing(sample: Path) -> None:
    data = (sample / "dataset").rename(sample / "my data")
    yolobg.augment(data, **options(sample, count=4))
    before = tree(data)
    told = run("augment", data / "data.yaml", "--ratio", "0.05", *source(sample), COLUMNS="400")
    assert told.returncode == 0
    assert "4 backgrounds are there, and --ratio 0.05 means 1." in told.stdout
    assert f'yolobg augment "{data / "data.yaml"}" --ratio 0.05 --split train --trim' in told.stdout
    assert tree(data) == before
    assert run("augment", data / "data.yaml", "--ratio", "0.05", "--split", "train", "--trim").returncode == 0
    assert len(pictures(data)) == 1


def test_lower__of_backgrounds_of_the_user_says_that_none_is_taken_out(sample: Path) -> None:
    own_backgrounds(sample / "dataset", 4)
    report = yolobg.augment(sample / "dataset", **options(sample, ratio=0.05))
    assert "yolobg added none of them" in " ".join(report.warnings)
    assert yolobg.augment(sample / "dataset", ratio=0.05, trim=True).trimmed == ()


@pytest.mark.parametrize(
    ("own", "asked", "words"),
    [
        (14, {}, "14 backgrounds are there (43.8% of the images; Ultralytics recommends 0 to 10 %"),
        (14, {"count": 15}, "43.8% of the images of train are backgrounds already. Ultralytics recommends 0 to 10 %"),
        (14, {"ratio": 0.43}, "43.8% of the images of train are backgrounds already. Ultralytics recommends"),
        (4, {"count": 5}, None),
        (4, {}, None),
    ],
)
def test_augment__says_once_why_very_many_are_too_many(
    sample: Path, own: int, asked: dict[str, float], words: str | None
) -> None:
    own_backgrounds(sample / "dataset", own)
    planned = yolobg.plan(sample / "dataset", **options(sample, **asked)).report
    for report in (planned, yolobg.augment(sample / "dataset", **options(sample, **asked))):
        told = [line for line in report.warnings if "Ultralytics recommends" in line]
        assert len(told) == (words is not None)
        assert words is None or words in told[0]


def test_options__trim_and_recheck_exclude_each_other() -> None:
    with pytest.raises(UsageError, match="--trim"):
        Request(trim=True, recheck=True)


# ---------------------------------------------------------------- what `status` says


@pytest.mark.parametrize(
    ("ours", "own", "words"),
    [
        (2, 0, ()),
        (0, 2, ()),
        (0, 3, ("14.3% of the images of train are backgrounds. Ultralytics recommends 0 to 10 %",)),
        (3, 0, ("14.3%", "Ultralytics")),
        (1, 1, ("more than the last run was asked for", "--count 1 --split train --trim")),
        (2, 3, ("more than the last run was asked for. Ultralytics", "--trim")),
    ],
)
def test_status__warns_of_more_than_was_asked_for_or_is_recommended(
    sample: Path, ours: int, own: int, words: tuple[str, ...]
) -> None:
    data = sample / "dataset"
    if ours:
        yolobg.augment(data, **options(sample, count=ours))
    own_backgrounds(data, own)
    warnings = [line for line in yolobg.status(data).warnings if "are backgrounds" in line]
    assert len(warnings) == bool(words)
    assert all(word in warnings[0] for word in words)


def test_status__rounding_up_is_no_surplus(sample: Path) -> None:
    """2 of 20 are wanted for 10 % of 18 labelled images; 0.101 means 3, which is 14 %: what was asked for."""
    data = sample / "dataset"
    yolobg.augment(data, **options(sample, ratio=0.101))
    assert "was asked for" not in " ".join(yolobg.status(data).warnings)


@pytest.mark.parametrize("option", ["--hard", "--scores"])
def test_trim__with_a_model_is_refused_for_what_it_is_where_nobody_is_at_a_terminal(option: str, sample: Path) -> None:
    done = run("augment", sample / "dataset", *source(sample), option, sample, "--count", "1", "--trim")
    assert done.returncode == 2, done.stderr
    assert f"{option} can't be combined with --trim" in " ".join(done.stderr.split())
    assert "terminal" not in done.stderr
