"""`augment --recheck` replaces what no longer qualifies: new ones first, the count exact, kept what a person did."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from command_line import run
from format_data import picture
from killing import KillServer, Ran, kills, quick_folder
from merging import tree
from stale_data import HELD, ids, make_dataset, name_classes, persons, write_source

import yolobg
from yolobg.changes.manifest import read_manifest
from yolobg.errors import DownloadError, PoolError
from yolobg.results import Stale
from yolobg.sources.catalog.open import clear_cache

RECHECK = """
import sys, yolobg
yolobg.augment(sys.argv[2], recheck=True, annotations=sys.argv[3], images=sys.argv[4])
"""


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return make_dataset(tmp_path / "data")


@pytest.fixture
def source(tmp_path: Path) -> dict[str, Any]:
    return write_source(tmp_path / "source", HELD)


def backgrounds(dataset: Path) -> int:
    return yolobg.status(dataset).after.backgrounds


def test_stale_in_the_original__is_told_for_what_was_derived_from_it(
    dataset: Path, tmp_path: Path, source: dict[str, Any]
) -> None:
    """The derived data.yaml trains on them too; the original stays as it is until its own recheck."""
    yolobg.augment(dataset, count=12, **source)
    out = tmp_path / "out"
    yolobg.augment(dataset, count=14, to=out, **source)
    assert "no longer qualif" not in " ".join(yolobg.status(out).warnings)
    name_classes(dataset, "dog", "person")
    before = tree(dataset)
    done = yolobg.augment(dataset, count=14, to=out, recheck=True, **source)
    for told in (done.warnings, yolobg.status(out).warnings, yolobg.plan(out, count=14).report.warnings):
        assert f"{len(persons(dataset))} backgrounds added by yolobg no longer qualify" in " ".join(told)
        assert f"yolobg augment {dataset / 'data.yaml'} --recheck" in " ".join(told)
    assert tree(dataset) == before
    yolobg.augment(dataset, recheck=True, **source)
    assert "no longer qualif" not in " ".join(yolobg.status(out).warnings)


def test_recheck__replaces_them_and_the_count_is_exact(dataset: Path, source: dict[str, Any]) -> None:
    pristine = tree(dataset)
    yolobg.augment(dataset, count=12, **source)
    wrong, good = persons(dataset), ids(dataset) - persons(dataset)
    name_classes(dataset, "dog", "person")
    report = yolobg.augment(dataset, recheck=True, **source)
    assert len(report.added) == len(report.stale.replaced) == len(wrong)
    assert (report.before.backgrounds, report.after.backgrounds, report.stale.images) == (12, 12, ())
    assert good < ids(dataset)
    assert not any(HELD.get(number) for number in ids(dataset))
    assert "no longer qualif" not in (dataset / ".yolobg/report.html").read_text("utf-8")
    # From now on they rest on today's classes, so that neither source nor catalog is asked again.
    shutil.rmtree(source["annotations"].parent.parent)
    clear_cache()
    assert yolobg.status(dataset).stale == Stale()
    assert read_manifest(dataset).replacing is None
    name_classes(dataset, "dog")
    yolobg.remove(dataset)
    assert tree(dataset) == pristine


def test_recheck__twice_changes_nothing(dataset: Path, source: dict[str, Any]) -> None:
    yolobg.augment(dataset, count=12, **source)
    name_classes(dataset, "dog", "person")
    yolobg.augment(dataset, recheck=True, **source)
    page = dataset / ".yolobg/report.html"
    page.unlink()
    before = tree(dataset)
    report = yolobg.augment(dataset, recheck=True, report=False, **source)
    assert (report.added, report.stale) == ((), Stale())
    assert tree(dataset) == before


def test_recheck__where_nothing_is_wrong_is_remembered(dataset: Path, source: dict[str, Any]) -> None:
    yolobg.augment(dataset, count=12, **source)
    name_classes(dataset, "dog", "car")
    report = yolobg.augment(dataset, recheck=True, **source)
    assert (report.added, report.stale, backgrounds(dataset)) == ((), Stale(), 12)
    shutil.rmtree(source["annotations"].parent.parent)
    clear_cache()
    assert yolobg.status(dataset).stale == Stale()


def test_recheck__dry_run_tells_and_touches_nothing(dataset: Path, source: dict[str, Any]) -> None:
    yolobg.augment(dataset, count=12, **source)
    wrong = persons(dataset)
    name_classes(dataset, "dog", "person")
    before = tree(dataset)
    report = yolobg.plan(dataset, recheck=True, **source).report
    assert (report.target.needed, len(report.stale.replaced), report.after.backgrounds) == (len(wrong), len(wrong), 12)
    assert {one.source_id for one in report.stale.images} == wrong
    command = ["augment", dataset, "--recheck", "--dry-run", "-y", "--annotations", source["annotations"]]
    done = run(*command, "--images", source["images"][0])
    assert done.returncode == 0, done.stderr
    said = " ".join(done.stdout.split())
    assert f"Would remove {len(wrong)} backgrounds that no longer qualify from train and would add {len(wrong)}" in said
    assert "(contains person)" in said
    assert tree(dataset) == before
    command.remove("--dry-run")
    for quiet, told in (
        ([], f"Recheck   {len(wrong)} of 12 backgrounds added by yolobg go, {len(wrong)} others"),
        (["-q"], ""),
    ):
        done = run(*command, "--images", source["images"][0], *quiet)
        assert done.returncode == 0, done.stderr
        assert done.stderr.startswith(told)
        assert quiet == [] or not done.stderr


@pytest.mark.parametrize(("options", "after"), [({"count": 15}, 15), ({"ratio": 0.6}, 15), ({"count": 3}, None)])
def test_recheck__with_a_target(dataset: Path, source: dict[str, Any], options: Any, after: int | None) -> None:
    """Reached exactly; but what qualifies is never taken out for its sake."""
    yolobg.augment(dataset, count=12, **source)
    good = ids(dataset) - persons(dataset)
    assert len(good) > 3
    name_classes(dataset, "dog", "person")
    report = yolobg.augment(dataset, recheck=True, **options, **source)
    assert report.after.backgrounds == backgrounds(dataset) == (after or len(good))
    assert good <= ids(dataset)
    assert not persons(dataset)


def test_recheck__keeps_what_a_person_labelled_or_replaced(dataset: Path, source: dict[str, Any]) -> None:
    yolobg.augment(dataset, count=12, **source)
    wrong = [entry for entry in read_manifest(dataset).entries if entry.source_id in persons(dataset)]
    labelled, replaced, *others = wrong
    (dataset / labelled.label).write_text("1 0.5 0.5 0.1 0.1\n")
    picture(dataset / replaced.image, 4711)
    name_classes(dataset, "dog", "person")
    report = yolobg.augment(dataset, recheck=True, **source)
    assert set(report.stale.replaced) == {entry.image for entry in others}
    assert {kept.image for kept in report.stale.kept} == {labelled.image, replaced.image}
    assert any("someone has labelled it" in line for line in report.warnings)
    assert all((dataset / entry.image).is_file() for entry in (labelled, replaced))
    # One of the twelve is labelled now.
    assert report.after.backgrounds == 11


def test_recheck__with_too_few_others_takes_nothing_out(dataset: Path, source: dict[str, Any]) -> None:
    yolobg.augment(dataset, count=30, **source)
    name_classes(dataset, "dog", "person")
    before = tree(dataset)
    with pytest.raises(PoolError, match="--count"):
        yolobg.augment(dataset, recheck=True, **source)
    assert tree(dataset) == before
    left = sum(not HELD.get(number) for number in range(40))
    yolobg.augment(dataset, recheck=True, count=left, **source)
    assert backgrounds(dataset) == left
    assert not any(HELD.get(number) == ("person",) for number in ids(dataset))


def test_recheck__that_fails_in_the_merge_forgets_what_it_meant_to_reach(dataset: Path, source: dict[str, Any]) -> None:
    """The images that would come in are damaged, which shows only when they are read."""
    yolobg.augment(dataset, count=12, **source)
    name_classes(dataset, "dog", "person")
    there = {f"{number}.jpg" for number in ids(dataset)}
    for image in source["images"][0].iterdir():
        if image.name not in there:
            image.write_bytes(b"no picture")
    before = read_manifest(dataset)
    with pytest.raises(DownloadError):
        yolobg.augment(dataset, recheck=True, **source)
    assert read_manifest(dataset) == before


def test_recheck__whose_source_is_gone_says_so(dataset: Path, source: dict[str, Any], tmp_path: Path) -> None:
    """What another source gave is replaced nevertheless."""
    yolobg.augment(dataset, count=6, **source)
    other = write_source(tmp_path / "other", dict.fromkeys(range(0, 40, 3), ("person",)))
    clear_cache()
    yolobg.augment(dataset, count=12, report=False, **other)
    shutil.rmtree(source["annotations"].parent.parent)
    clear_cache()
    name_classes(dataset, "dog", "person")
    report = yolobg.augment(dataset, recheck=True, **other)
    (unchecked,) = report.stale.unchecked
    assert (unchecked.count, unchecked.added) == (6, ("person",))
    assert any("6 backgrounds" in line and unchecked.reason in line for line in report.warnings)
    assert report.after.backgrounds == 12


def test_recheck__whose_source_was_moved_to_where_todays_options_say(
    dataset: Path, source: dict[str, Any], tmp_path: Path
) -> None:
    yolobg.augment(dataset, count=12, **source)
    (tmp_path / "source").rename(tmp_path / "moved")
    clear_cache()
    name_classes(dataset, "dog", "person")
    wrong = persons(dataset)
    moved = tmp_path / "moved/annotations/instances_s.json"
    report = yolobg.augment(dataset, recheck=True, annotations=moved, images=(tmp_path / "moved/images",))
    assert (len(report.stale.replaced), report.stale.unchecked, report.after.backgrounds) == (len(wrong), (), 12)
    assert not persons(dataset)


def test_recheck__from_a_folder(dataset: Path, tmp_path: Path) -> None:
    pool = make_dataset(tmp_path / "pool")
    for number in range(12):
        picture(pool / f"images/train/{number}.jpg", number)
        (pool / f"labels/train/{number}.txt").write_text("1 0.5 0.5 0.1 0.1\n" if number % 2 else "")
    name_classes(pool, "dog", "person")
    yolobg.augment(dataset, source=str(pool), count=10)
    name_classes(dataset, "dog", "person")
    wrong = yolobg.status(dataset).stale.images
    assert len(wrong) >= 4
    report = yolobg.augment(dataset, source=str(pool), recheck=True, count=6)
    assert set(report.stale.replaced) == {one.image for one in wrong}
    assert {(dataset / entry.image).read_bytes() for entry in read_manifest(dataset).entries} == {
        (pool / f"images/train/{number}.jpg").read_bytes() for number in range(0, 12, 2)
    }


def test_recheck__todays_options_decide_and_that_is_said(dataset: Path, source: dict[str, Any]) -> None:
    yolobg.augment(dataset, count=8, **source)
    assert {entry.license for entry in read_manifest(dataset).entries} == {1, 2}
    for asked in ("1", "any"):
        report = yolobg.augment(dataset, recheck=True, license=asked, **source)
        assert any("the current ones decide" in line for line in report.warnings)
        assert {run.options.get("license", "any") for run in read_manifest(dataset).runs} == {asked}
        assert {entry.license for entry in read_manifest(dataset).entries} == {1}
        assert report.after.backgrounds == 8
    assert yolobg.augment(dataset, recheck=True, **source).warnings == ()


# ---------------------------------------------------------------- kills


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.skipif(sys.platform == "win32", reason="kills itself by a signal")
def test_recheck__killed_at_any_point_ends_exact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before and after the new ones are in; the same recheck afterwards comes to the same end."""
    with KillServer() as server, quick_folder(tmp_path) as scratch:
        monkeypatch.setenv("YOLOBG_CACHE_DIR", str(scratch / "cache"))
        base = make_dataset(scratch / "base")
        pristine = tree(base)
        source = write_source(scratch / "source", HELD)
        yolobg.augment(base, count=5, **source)
        data = scratch / "killed"
        total = len(persons(base))
        assert 0 < total < 5
        name_classes(base, "dog", "person")

        def run(point: int) -> Ran:
            shutil.rmtree(data, ignore_errors=True)
            shutil.copytree(base, data)
            return server.run(
                "-c", RECHECK, data, source["annotations"], source["images"][0], kill_at=point, watch=(data,)
            )

        assert not run(0).lone, "changes without a step of their own"
        for _point, _ran in kills(run):
            assert backgrounds(data) >= 5
            yolobg.augment(data, recheck=True, **source)
            assert backgrounds(data) == 5
            assert not persons(data)
            assert read_manifest(data).replacing is None
            name_classes(data, "dog")
            yolobg.remove(data)
            assert tree(data) == pristine


def test_recheck__of_one_data_yaml_leaves_the_backgrounds_of_its_sibling(dataset: Path, source: dict[str, Any]) -> None:
    lines = sorted(f"./images/train/{path.name}\n" for path in (dataset / "images/train").iterdir())
    folds = []
    for fold in (0, 1):
        (dataset / f"fold{fold}.txt").write_text("".join(lines[fold::2]))
        folds.append(dataset / f"fold{fold}.yaml")
        folds[-1].write_text(f"path: {dataset}\ntrain: fold{fold}.txt\nval: fold{fold}.txt\nnames: [dog]\n")
        yolobg.augment(folds[-1], count=8, **source)
    before = {entry.image: entry for entry in read_manifest(dataset).entries}
    theirs = {image for image, entry in before.items() if entry.data == "fold1.yaml"}
    listed = (dataset / "fold1.txt").read_bytes()
    folds[0].write_text(folds[0].read_text().replace("[dog]", "[dog, person]"))
    report = yolobg.augment(folds[0], recheck=True, **source)
    assert report.stale.replaced
    assert not theirs & set(report.stale.replaced)
    assert (report.before.backgrounds, report.after.backgrounds) == (8, 8)
    assert (dataset / "fold1.txt").read_bytes() == listed
    after = {entry.image: entry for entry in read_manifest(dataset).entries}
    assert {image: after.get(image) for image in theirs} == {image: before[image] for image in theirs}
    # An image that is in both lists is left to the run that it was added by.
    shared = next(line for line in listed.decode().splitlines(keepends=True) if "bg_" in line)
    with (dataset / "fold0.txt").open("a") as file:
        file.write(shared)
    folds[0].write_text(folds[0].read_text().replace("person]", "person, bench, car]"))
    kept = yolobg.plan(folds[0], recheck=True, **source).report.stale.kept
    held = HELD.get(before[shared.strip().removeprefix("./")].source_id, ())
    assert [one.reason for one in kept if "fold1.yaml" in one.reason] == (
        ["it was added for fold1.yaml; run `augment --recheck` with that data.yaml"] if held else []
    )


def test_recheck__of_a_folder_that_was_said_to_be_unlabelled(dataset: Path, tmp_path: Path) -> None:
    for number in range(6):
        (tmp_path / "pool").mkdir(exist_ok=True)
        picture(tmp_path / f"pool/{number}.jpg", 500 + number)
    (tmp_path / "pool/boxes.csv").write_text("image,xmin,class\n0.jpg,3,dog\n")
    yolobg.augment(dataset, count=4, source=str(tmp_path / "pool"), unlabelled=True)
    name_classes(dataset, "dog", "person")
    assert yolobg.status(dataset).stale == Stale()
