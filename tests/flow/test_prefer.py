"""`--prefer` changes which candidates come first and nothing else: no excluded image, an exact count, a fixed seed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from command_line import run, source
from hypothesis import given
from hypothesis import strategies as st
from real_datasets import CocoReal, make_dataset
from sample_records import held

import yolobg
from yolobg.changes.manifest import read_manifest
from yolobg.errors import UsageError
from yolobg.flow.options import Request
from yolobg.flow.past_runs import request_again
from yolobg.flow.preference import Liked, liked_first
from yolobg.flow.selection import rank_images
from yolobg.matching.look_alikes import look_alikes
from yolobg.review.session import Session


def options(sample: Path, **more: Any) -> dict[str, Any]:
    folder = sample / "source"
    return {"annotations": folder / "annotations/instances_sample.json", "images": [folder / "images"], **more}


def captions(sample: Path) -> dict[int, str]:
    rows = json.loads((sample / "source/annotations/captions_sample.json").read_text())["annotations"]
    found: dict[int, str] = {}
    for row in rows:
        found[row["image_id"]] = f"{found.get(row['image_id'], '')} {row['caption'].lower()}"
    return found


def set_classes(data: Path, *names: str) -> None:
    text = (data / "data.yaml").read_text()
    listed = "".join(f"\n  {number}: {name}" for number, name in enumerate(names))
    (data / "data.yaml").write_text(f"{text[: text.index('names:')]}names:{listed}\n")


def planned(sample: Path, **more: Any) -> list[int]:
    return [one.source_id for one in yolobg.plan(sample / "dataset", **options(sample, **more)).report.planned]


# ---------------------------------------------------------------- look-alikes


@pytest.mark.parametrize("classes", [("dog",), ("raccoon",), ("Pedestrian", "cars", "traffic_light", "dog")], ids=str)
@pytest.mark.parametrize("count", [1, 4, 7])
def test_lookalikes__half_of_the_images_hold_one_and_none_is_excluded(
    sample: Path, classes: tuple[str, ...], count: int
) -> None:
    set_classes(sample / "dataset", *classes)
    random = yolobg.plan(sample / "dataset", **options(sample, count=count))
    plan = yolobg.plan(sample / "dataset", **options(sample, count=count, prefer="lookalikes"))
    assert random.choice
    assert plan.choice
    assert set(plan.choice.ranked) == set(random.choice.ranked), "another order of the same candidates"
    chosen = plan.report.planned
    assert len(chosen) == count
    excluded = {e.coco for match in plan.choice.matches for e in (*match.exclude, *match.maybe)}
    alike = frozenset[str]().union(*map(look_alikes, plan.choice.matches)) - excluded
    liked = [one for one in chosen if alike & held(sample)[one.source_id]]
    assert len(liked) * 2 >= count
    assert [one for one in chosen if one.why.startswith("look-alike: ")] == liked
    assert not any(held(sample)[one.source_id] & excluded for one in chosen)
    assert "experimental" in " ".join(plan.warnings)
    assert plan.report == yolobg.plan(sample / "dataset", **options(sample, count=count, prefer="lookalikes")).report


def test_lookalikes__on_real_records_none_is_excluded(tmp_path: Path, coco_real: Path) -> None:
    real = CocoReal(coco_real)
    data = make_dataset(tmp_path / "data", real, ("dog", "cat"))
    report = yolobg.augment(data, ratio=0.3, prefer="lookalikes", annotations=real.annotations, images=[real.images])
    assert len(report.added) == report.target.needed
    assert all(real.holds[one.source_id].isdisjoint({"dog", "cat"}) for one in report.added)


def test_lookalikes__the_figure_is_that_of_the_choice(sample: Path) -> None:
    def figure(**more: Any) -> float:
        source = yolobg.plan(sample / "dataset", **options(sample, count=4, **more)).report.source
        assert source
        assert source.expected_contamination
        return source.expected_contamination.point

    assert figure(prefer="lookalikes") > figure()
    assert figure(prefer="boat|bird") == figure()


@pytest.mark.parametrize("name", ["pothole", "smoke"])
def test_lookalikes__none_known_is_said_and_the_choice_is_random(sample: Path, name: str) -> None:
    set_classes(sample / "dataset", name)
    plan = yolobg.plan(sample / "dataset", **options(sample, count=4, prefer="lookalikes"))
    assert f"none is known here for {name}" in " ".join(plan.warnings)
    assert "all images are random" in " ".join(plan.warnings)
    assert [one.source_id for one in plan.report.planned] == planned(sample, count=4)
    assert {one.why for one in plan.report.planned} == {"random, seed 0"}


# ---------------------------------------------------------------- words


def test_words__images_whose_captions_have_them_come_first(sample: Path) -> None:
    said = captions(sample)
    plan = yolobg.plan(sample / "dataset", **options(sample, count=6, prefer="boat|bird"))
    assert plan.choice
    with_words = [i for i in plan.choice.ranked if "boat" in said.get(i, "") or "bird" in said.get(i, "")]
    assert with_words
    assert list(plan.choice.ranked[: len(with_words)]) == with_words
    number = min(6, len(with_words))
    assert f"{number} of 6 images have a caption" in " ".join(plan.warnings)
    assert [one.why == "a caption has boat or bird" for one in plan.report.planned] == [True] * number + [False] * (
        6 - number
    )
    excluded = {e.coco for match in plan.choice.matches for e in (*match.exclude, *match.maybe)}
    assert not any(held(sample)[one.source_id] & excluded for one in plan.report.planned)


def test_words__of_an_excluded_class_let_none_of_its_images_in(sample: Path) -> None:
    """Captions that name a class are a veto, whatever is preferred."""
    plan = yolobg.plan(sample / "dataset", **options(sample, count=5, prefer="dog|person|man|car"))
    plain = yolobg.plan(sample / "dataset", **options(sample, count=5))
    assert plan.choice
    assert plain.choice
    assert set(plan.choice.ranked) == set(plain.choice.ranked)
    assert "0 of 5 images have a caption" in " ".join(plan.warnings)


@pytest.mark.parametrize("words", ['"', "a AND b", "NEAR(x)", "*", "x*", "é|Straße", "-", "a'b|c", "{x}: y", "x" * 500])
def test_words__of_any_kind_are_text(sample: Path, words: str) -> None:
    if not any(map(str.isalnum, words)):
        with pytest.raises(UsageError, match="--prefer"):
            Request(prefer=words)
        return
    assert len(planned(sample, count=3, prefer=words)) == 3


@pytest.mark.parametrize("words", ["", "|", "a|", " ", "a|!", "|".join("ab" * 60), 5], ids=str)
def test_words__that_are_none_are_refused(words: Any) -> None:
    with pytest.raises(UsageError, match="--prefer"):
        Request(prefer=words)


@pytest.mark.parametrize("written", ["lookalikes", "Lookalikes", "LOOKALIKES "])
def test_lookalikes__may_be_written_in_any_case(written: str) -> None:
    assert Request(prefer=written) == Request(prefer="lookalikes")


def test_words__without_captions_are_refused(sample: Path) -> None:
    (sample / "source/annotations/captions_sample.json").unlink()
    told = run("augment", sample / "dataset", *source(sample), "--prefer", "boat")
    assert told.returncode == 2
    assert "the source has none here" in told.stderr
    assert not (sample / "dataset/.yolobg").exists()


# ---------------------------------------------------------------- what stays as it was


def test_prefer__is_recorded_and_a_replacement_obeys_it(sample: Path) -> None:
    data = sample / "dataset"
    follows = planned(sample, count=3, prefer="boat|bird")
    report = yolobg.augment(data, **options(sample, count=2, prefer="boat|bird"))
    (run_,) = read_manifest(data).runs
    assert request_again(run_).prefer == "boat|bird"
    session = Session(data)
    numbers = [item.number for item in session.items.values() if item.card.image == report.added[0].image]
    session.act("reject", numbers, "any")
    session.begin_apply()
    session.apply(replace=True)
    assert {added.source_id for added in yolobg.status(data).added} == set(follows[1:])
    assert {run.options.get("prefer") for run in read_manifest(data).runs} == {"boat|bird"}


def test_prefer__more_of_it_keeps_what_was_there(sample: Path) -> None:
    data = sample / "dataset"
    whole = planned(sample, count=8, prefer="lookalikes")
    for count in (2, 4, 8):
        yolobg.augment(data, **options(sample, count=count, prefer="lookalikes"))
    assert len(yolobg.status(data).added) == 8
    assert len({added.source_id for added in yolobg.status(data).added} & set(whole)) >= 7


IDS = st.lists(st.integers(0, 10**6), unique=True, max_size=60)


@given(ids=IDS, liked=st.sets(st.integers(0, 10**6)), every=st.integers(1, 5), seed=st.integers(0, 9))
def test_order__is_a_permutation_with_its_half_in_front(
    ids: Sequence[int], liked: set[int], every: int, seed: int
) -> None:
    ranked = rank_images(ids, seed=seed)
    wanted = liked | set(ids[::every])
    order = liked_first(ranked, Liked("lookalikes", frozenset(wanted), ("cat",)))
    assert sorted(order) == sorted(ranked)
    there = sum(image_id in wanted for image_id in ranked)
    for length in range(len(order) + 1):
        front = sum(image_id in wanted for image_id in order[:length])
        assert front >= min(there, (length + 1) // 2)
