"""What a review rejected is taken into account later: near-duplicates of it, and look-alikes that show a class."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from command_line import run, source
from merging import tree
from sample_records import held
from stale_data import COUNT, ids, make_dataset, write_source
from videos import pattern

import yolobg
from yolobg.changes.manifest import read_manifest
from yolobg.changes.rejections import BAD_PICTURE, OTHER_REASON, Rejection, read_rejections
from yolobg.changes.review_state import State, write_state
from yolobg.errors import PoolError
from yolobg.flow.near import NEAR_REJECTED
from yolobg.flow.rejected import Reviewed, is_too_often, tally, what_reviews_say
from yolobg.review.session import Session

# ---------------------------------------------------------------- the rule


@pytest.mark.parametrize(
    ("rejected", "looked", "too_often"),
    [
        (0, 0, False), (0, 1, False), (0, 1000, False),
        # One image alone never decides.
        (1, 1, False), (1, 2, False), (1, 100, False),
        (2, 2, True), (2, 3, True), (2, 4, False), (2, 8, False),
        (3, 7, True), (3, 8, True), (3, 9, False),
        (10, 100, False), (15, 100, False), (16, 100, True),
        # So many that their coefficients fit no float.
        (1000, 10_000, False), (1100, 10_000, True), (10_000, 10_000, True),
    ],
)  # fmt: skip
def test_rule__is_the_lower_bound_of_a_tenth(rejected: int, looked: int, too_often: bool) -> None:
    assert is_too_often(rejected, looked) is too_often


def rejection(number: int, reason: str, *alike: str) -> Rejection:
    return Rejection("s", number, f"{number}.jpg", "train", f"{number:064}", reason, "", alike=alike)


def test_tally__counts_what_shows_a_class_and_all_that_was_looked_at() -> None:
    rejected = [
        rejection(1, "shows dog", "cat", "cow"),
        rejection(2, "shows one of the classes", "cat"),
        rejection(3, BAD_PICTURE, "cat"),
        rejection(4, OTHER_REASON, "cow"),
        rejection(5, "shows dog"),
    ]
    found = tally(rejected, [("cat",), ("cat", "bear"), ()])
    assert found == (Reviewed("bear", 0, 1), Reviewed("cat", 2, 5), Reviewed("cow", 1, 2))


# ---------------------------------------------------------------- near-duplicates


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return make_dataset(tmp_path / "data")


@pytest.fixture
def pool(tmp_path: Path) -> dict[str, Any]:
    """COUNT pictures that differ, of which 1 and 2 are copies of 0 that were saved again."""
    options = write_source(tmp_path / "source", {})
    for number in range(COUNT):
        pattern(number).save(tmp_path / f"source/images/{number}.jpg", quality=95)
    for number, quality in ((1, 60), (2, 40)):
        pattern(0).save(tmp_path / f"source/images/{number}.jpg", quality=quality)
    return options


def reject(data: Path, images: Sequence[str], reason: str = "any", *, replace: bool = True) -> None:
    """Look at everything, and reject some."""
    session = Session(data)
    numbers = {item.card.image: item.number for item in session.items.values()}
    session.act("accept", list(numbers.values()), "")
    session.act("reject", [numbers[image] for image in images], reason)
    session.begin_apply(session.generation)
    session.apply(replace=replace)


def image_of(data: Path, source_id: int) -> str:
    return next(entry.image for entry in read_manifest(data).entries if entry.source_id == source_id)


def test_recheck__takes_out_near_duplicates_of_a_rejected_image(dataset: Path, pool: dict[str, Any]) -> None:
    yolobg.augment(dataset, count=COUNT - 4, seed=3, **pool)
    assert {0, 1, 2} <= ids(dataset), "of a seed with which all three come in"
    before = ids(dataset)
    reject(dataset, [image_of(dataset, 1)])
    assert read_rejections(dataset).ours[0].picture
    assert {0, 2} < ids(dataset)
    shown = tree(dataset)
    planned = yolobg.plan(dataset, recheck=True, **pool).report
    assert {one.source_id: one.reason for one in planned.stale.images} == {0: NEAR_REJECTED, 2: NEAR_REJECTED}
    assert f"2 backgrounds are {NEAR_REJECTED}" in planned.warnings
    assert planned.target.needed == 2
    assert tree(dataset) == shown
    done = yolobg.augment(dataset, recheck=True, **pool)
    assert len(done.stale.replaced) == len(done.added) == 2
    assert done.after.backgrounds == COUNT - 4
    assert ids(dataset).isdisjoint({0, 1, 2})
    assert before - {0, 1, 2} < ids(dataset)
    again = yolobg.augment(dataset, recheck=True, **pool)
    assert (again.added, again.stale.images) == ((), ())


@pytest.mark.parametrize(
    ("reason", "left", "said"),
    [
        ("any", COUNT - 3, f"2 near-duplicates were left out .*{NEAR_REJECTED}"),
        ("picture", COUNT - 1, "only 0 of the source's 40"),
    ],
)
def test_augment__brings_in_no_near_duplicate_of_what_shows_a_class(
    dataset: Path, pool: dict[str, Any], reason: str, left: int, said: str
) -> None:
    """Nor in the place of the rejected image itself; a bad picture says nothing of others."""
    first = yolobg.plan(dataset, count=COUNT, **pool).report.planned
    at = next(place for place, one in enumerate(first, 1) if one.source_id in (0, 1, 2))
    yolobg.augment(dataset, count=at, **pool)
    reject(dataset, [image_of(dataset, first[at - 1].source_id)], reason)
    assert len(ids(dataset)) == at
    report = yolobg.augment(dataset, count=left, **pool)
    assert report.after.backgrounds == left
    assert len(ids(dataset) & {0, 1, 2}) == left - (COUNT - 3)
    with pytest.raises(PoolError, match=said):
        yolobg.augment(dataset, count=left + 1, **pool)


def test_apply__never_puts_a_near_duplicate_in_the_place_of_what_shows_a_class(
    dataset: Path, pool: dict[str, Any], tmp_path: Path
) -> None:
    """The next candidate shows the same scene, so the one after it comes in."""
    order = [one.source_id for one in yolobg.plan(dataset, count=COUNT, **pool).report.planned]
    at = next(place for place in range(1, COUNT) if {0, 1, 2}.isdisjoint(order[place : place + 3]))
    wrong, near, next_best = order[at : at + 3]
    pattern(wrong).save(tmp_path / f"source/images/{near}.jpg", quality=60)
    yolobg.augment(dataset, count=at + 1, **pool)
    reject(dataset, [image_of(dataset, wrong)])
    assert ids(dataset) == {*order[:at], next_best}


def test_rejection__of_an_earlier_version_is_read(dataset: Path, pool: dict[str, Any]) -> None:
    yolobg.augment(dataset, count=5, **pool)
    reject(dataset, [read_manifest(dataset).entries[0].image])
    file = dataset / ".yolobg/rejected.json"
    told = json.loads(file.read_text())
    for one in told["ours"]:
        del one["picture"], one["alike"]
    file.write_text(json.dumps(told))
    (one,) = read_rejections(dataset).ours
    assert (one.picture, one.alike) == ("", ())
    assert yolobg.augment(dataset, recheck=True, **pool).stale.images == ()


# ---------------------------------------------------------------- look-alikes


def test_lookalikes__that_were_rejected_too_often_go_and_none_comes_in(sample: Path) -> None:
    data, what = sample / "dataset", held(sample)
    options: dict[str, Any] = {
        "annotations": sample / "source/annotations/instances_sample.json",
        "images": [sample / "source/images"],
    }
    yolobg.augment(data, count=8, prefer="lookalikes", **options)
    (made,) = read_manifest(data).runs
    sheep = [entry for entry in read_manifest(data).entries if "sheep" in what[entry.source_id]]
    assert set(made.alike["sheep"]) == {entry.source_id for entry in sheep}
    assert len(sheep) >= 4
    reject(data, [entry.image for entry in sheep[:2]], "class-0", replace=False)
    left = len(sheep) - 2
    assert {one.alike for one in read_rejections(data).ours} >= {("sheep",)}
    told = f"2 of {len(sheep)} reviewed images with sheep were rejected for showing a class"
    if not is_too_often(2, len(sheep)):
        assert yolobg.plan(data, recheck=True, **options).report.stale.images == ()
        reject(data, [sheep[2].image], "any", replace=False)
        left, told = left - 1, told.replace("2 of", "3 of", 1)
    shown = tree(data)
    command: tuple[str | Path, ...] = ("augment", data, "--recheck", *source(sample), "--yes")
    dry = " ".join(run(*command, "--dry-run", COLUMNS="400").stdout.split())
    assert f"{told}, so no image with it comes in; of those that are there {left} go" in dry
    assert tree(data) == shown
    done = run(*command, COLUMNS="400")
    assert done.returncode == 0, done.stderr
    assert f"Recheck {left} of {8 - len(sheep) + left} backgrounds" in " ".join(done.stderr.split())
    assert told in done.stderr
    assert yolobg.status(data).after.backgrounds == 8 - len(sheep) + left
    assert not any("sheep" in what[number] for number in ids(data))
    # Where look-alikes are preferred again, it is none of them, which is said.
    more = yolobg.augment(data, count=10, prefer="lookalikes", **options)
    assert any("with sheep were rejected" in warning and "--recheck" in warning for warning in more.warnings)
    assert not any("sheep" in what[number] for number in ids(data))
    # A random choice says nothing of look-alikes.
    plans = [yolobg.plan(data, count=11, prefer=prefer, **options).report for prefer in ("lookalikes", None)]
    assert [any("with sheep were rejected" in one for one in plan.warnings) for plan in plans] == [True, False]
    liked, random = (plan.source.eligible for plan in plans if plan.source)
    assert liked < random


def test_lookalikes__count_as_reviewed_only_where_somebody_looked_and_has_not_marked_them(sample: Path) -> None:
    data = sample / "dataset"
    options: dict[str, Any] = {
        "annotations": sample / "source/annotations/instances_sample.json",
        "images": [sample / "source/images"],
    }
    yolobg.augment(data, count=8, prefer="lookalikes", **options)
    what = held(sample)
    sheep = [entry.image for entry in read_manifest(data).entries if "sheep" in what[entry.source_id]]
    reject(data, sheep[:2], "class-0", replace=False)
    dataset, manifest = yolobg.plan(data, count=8, **options).dataset, read_manifest(data)

    def reviewed(*looked: str, marked: Sequence[str] = ()) -> Sequence[Reviewed]:
        write_state(data, State(looked=looked, rejected=dict.fromkeys(marked, "class-0")))
        return [one for one in what_reviews_say(dataset, manifest) if one.category == "sheep"]

    assert reviewed() == [Reviewed("sheep", 2, 2)], "the others are there, and nobody has looked at them"
    assert reviewed(sheep[2]) == [Reviewed("sheep", 2, 3)]
    assert reviewed(sheep[2], sheep[3], marked=[sheep[3]]) == [Reviewed("sheep", 2, 3)], "not decided yet"
