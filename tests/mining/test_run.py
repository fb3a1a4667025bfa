"""`--hard` as a whole: count and choice, what lies on the disk meanwhile, interruptions, rounds, what is recorded."""

from __future__ import annotations

import io
import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from download_pictures import QUICK
from image_server import ImageServer
from killing_data import Source, make_dataset, make_source
from merging import tree
from mining_data import BOX, FakeModel, score_of, use_model
from PIL import Image

import yolobg
from yolobg import files
from yolobg.changes.manifest import read_manifest
from yolobg.changes.records import Mining, Run
from yolobg.errors import DownloadError, PoolError, UsageError, YolobgError
from yolobg.images.picture_hash import NEAR_BITS, picture_hash
from yolobg.results import Report

THEIRS = 2
MIN = 0.9


@pytest.fixture
def root(tmp_path: Path) -> Path:
    make_dataset(tmp_path / "data", "folder")
    return tmp_path / "data"


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return make_source(tmp_path / "source", 240)


@pytest.fixture
def server(source: Source) -> Iterator[ImageServer]:
    with ImageServer({f"/x/{name}": content for name, content in source.images.items()}) as running:
        yield running


def options(source: Source, images: str | Path, model: Path, needed: int = 12, **more: Any) -> Any:
    return {
        "annotations": source.instances,
        "images": [images],
        "count": THEIRS + needed,
        "hard": model,
        "min_score": MIN,
        **more,
    }


def mining_of(root: Path, round_: int = 1) -> Mining:
    run: Run = read_manifest(root).runs[round_ - 1]
    assert run.mining is not None
    return run.mining


def chosen(report: Report) -> list[int]:
    return [one.source_id for one in report.added]


def ranking(
    root: Path, source: Source, *, needed: int = 12, there: int = THEIRS, pool: int | None = None, salt: str = ""
) -> list[int]:
    """The choice, worked out from all images of the source at once."""
    plan = yolobg.plan(root, annotations=source.instances, images=[source.folder], count=there + needed)
    assert plan.choice
    scores = {number: score_of(source.images[f"{number:012}.jpg"], salt) for number in plan.choice.ranked}
    looked: list[int] = []
    for number in plan.choice.ranked[: pool or 20 * needed]:
        if sum(scores[one] >= MIN for one in looked) < needed:
            looked.append(number)
    firing = sorted((one for one in looked if scores[one] >= MIN), key=lambda one: -scores[one])
    hard = firing[: -(-needed // 2)]
    return hard + [one for one in looked if scores[one] < MIN][: needed - len(hard)]


def test_hard__is_the_ranking_of_all_that_was_looked_at(
    root: Path, source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = ranking(root, source)
    model = use_model(monkeypatch, tmp_path, FakeModel())
    told: list[tuple[int, int | None]] = []
    report = yolobg.augment(
        root,
        progress=lambda stage, done, total: told.append((done, total)) if stage == "score" else None,
        **options(source, source.folder, model),
    )
    assert told
    assert {total for _, total in told} == {200}, "40 of 240 show a person; no more than there are can be looked at"
    assert chosen(report) == wanted
    assert report.after.backgrounds == THEIRS + 12
    persons = range(1, 241, 6)
    assert not set(chosen(report)) & set(persons), "an excluded class stays excluded, whatever the model says"
    mined = report.mined
    assert mined is not None
    firing = [image for image in mined.images if image.rank is not None]
    assert [image.rank for image in firing] == [1, 2, 3, 4, 5, 6]
    assert all(image.score >= MIN for image in firing)
    assert all(image.score < MIN for image in mined.images if image.rank is None)
    assert (mined.fired, mined.reviewed, mined.round) == (12, False, 1)
    for image in mined.images:
        content = source.images[f"{image.source_id:012}.jpg"]
        assert image.score == pytest.approx(score_of(content), abs=1e-6)
        assert (image.category, image.box) == ("person", BOX)


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 5))])
def test_hard__count_and_choice_are_exact_whatever_the_network_does(
    seed: int, root: Path, source: Source, server: ImageServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.share, server.seed, server.first_only = 0.2, seed, True
    server.kinds = ("unavailable", "reset", "truncate", "html", "damage", "empty")
    wanted = ranking(root, source)
    model = use_model(monkeypatch, tmp_path, FakeModel())
    report = yolobg.augment(root, **options(source, f"{server.url}/x", model))
    assert server.given.total() > 10
    assert chosen(report) == wanted
    assert report.after.backgrounds == THEIRS + 12


def test_hard__an_image_that_is_not_to_be_had_is_replaced(
    root: Path, source: Source, server: ImageServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ranking(root, source)[0]
    server.always[f"/x/{first:012}.jpg"] = "missing"
    model = use_model(monkeypatch, tmp_path, FakeModel())
    report = yolobg.augment(root, **options(source, f"{server.url}/x", model))
    assert len(report.added) == 12
    assert first not in chosen(report)
    assert [one.source_id for one in report.failed] == [first]


@pytest.mark.parametrize("needed", [2, 12, *(pytest.param(needed, marks=pytest.mark.slow) for needed in (1, 3, 5, 30))])
def test_hard__little_more_than_is_needed_lies_on_the_disk(
    needed: int, root: Path, source: Source, server: ImageServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = 0

    def look(_what: str, _path: Path) -> None:
        nonlocal most
        staging = root / ".yolobg/staging"
        most = max(most, sum(len(list(staging.glob(f"*/*.{kind}"))) for kind in ("staged", "part")))

    model = use_model(monkeypatch, tmp_path, FakeModel())
    monkeypatch.setattr(files, "on_step", look)
    report = yolobg.augment(root, **options(source, f"{server.url}/x", model, needed))
    assert len(report.added) == needed
    assert needed <= most <= max(needed + 2, needed * 1.3)
    assert not list(root.rglob("*.staged"))


@pytest.mark.parametrize("at", [40, *(pytest.param(at, marks=pytest.mark.slow) for at in (0, 3, 17, 61, 90))])
def test_hard__an_interrupted_run_looks_at_one_batch_again_and_ends_alike(
    at: int, root: Path, source: Source, server: ImageServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted, before = ranking(root, source), tree(root)
    batch = 12 // 4

    def stop(number: int) -> None:
        if number == at:
            raise KeyboardInterrupt

    broken = FakeModel(break_at=stop)
    model = use_model(monkeypatch, tmp_path, broken)
    with pytest.raises(KeyboardInterrupt):
        yolobg.augment(root, **options(source, f"{server.url}/x", model))
    assert {name for name in tree(root) if not name.startswith(".yolobg")} == set(before)
    whole = FakeModel()
    use_model(monkeypatch, tmp_path, whole)
    fetched = server.hits.total()
    report = yolobg.augment(root, **options(source, f"{server.url}/x", model))
    assert chosen(report) == wanted
    assert report.mined is not None
    looked = [Path(image).stem for image in broken.asked + whole.asked]
    assert len(looked) - len(set(looked)) <= batch
    assert len(set(looked)) <= report.mined.scored + batch
    # What was known is not fetched again to be looked at, only where it is chosen.
    assert server.hits.total() - fetched <= report.mined.scored - at + 12 + 3 * batch


def test_hard__the_same_again_adds_nothing_and_a_further_round_others(
    root: Path, source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = use_model(monkeypatch, tmp_path, FakeModel())
    first = yolobg.augment(root, **options(source, source.folder, model))
    again = yolobg.augment(root, **options(source, source.folder, model))
    assert again.added == ()
    wanted = ranking(root, source, needed=8, there=THEIRS + 12, salt="retrained")
    retrained = use_model(monkeypatch, tmp_path, FakeModel("retrained"), "retrained")
    second = yolobg.augment(root, **options(source, source.folder, retrained, needed=20))
    assert chosen(second) == wanted
    assert not set(chosen(second)) & set(chosen(first))
    assert (mining_of(root, 1).round, mining_of(root, 2).round) == (1, 2)
    assert mining_of(root, 1).sha256 != mining_of(root, 2).sha256


def test_hard__what_is_recorded(root: Path, source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = use_model(monkeypatch, tmp_path, FakeModel())
    before = tree(root)
    report = yolobg.augment(root, **options(source, source.folder, model))
    mining = mining_of(root)
    assert (mining.model, mining.sha256, mining.imgsz) == ("model.pt", files.hash_file(model), 64)
    assert (mining.min_score, mining.reviewed) == (MIN, False)
    assert [one.source_id for one in mining.found] == chosen(report)
    assert [one.rank for one in mining.found] == [1, 2, 3, 4, 5, 6, 0, 0, 0, 0, 0, 0]
    yolobg.remove(root)
    assert tree(root) == before


def scene(seed: int, quality: int) -> bytes:
    """A picture with large shapes; the quality changes its bytes and hardly what it shows."""
    out = io.BytesIO()
    draw = random.Random(seed)
    levels = bytes(draw.randrange(0, 100) + 150 * (draw.random() < 0.5) for _ in range(5 * 4))
    Image.frombytes("L", (5, 4), levels).resize((40, 30), Image.Resampling.BICUBIC).save(out, "JPEG", quality=quality)
    return out.getvalue()


@pytest.mark.parametrize("in_dataset", [False, True])
def test_hard__a_near_duplicate_planted_fifty_times_enters_once_or_not_at_all(
    in_dataset: bool, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_source(tmp_path / "source", 120)
    planted = [number for number in range(1, 121) if number % 6 != 1][:50]
    for place, number in enumerate(planted):
        (source.folder / f"{number:012}.jpg").write_bytes(scene(1, 40 + place))
    if in_dataset:
        (root / "images/train/im0.jpg").write_bytes(scene(1, 95))

    class Fires(FakeModel):
        def _look(self, path: str) -> Any:
            rows = super()._look(path)
            # The planted ones above all others.
            rows[0, 4] = 0.95 + 0.04 * rows[0, 4] if int(Path(path).stem) in planted else rows[0, 4] * 0.9
            return rows

    model = use_model(monkeypatch, tmp_path, Fires())
    report = yolobg.augment(root, **options(source, source.folder, model, needed=10, hard_share=1.0))
    assert len(report.added) == 10
    assert sum(number in planted for number in chosen(report)) == (0 if in_dataset else 1)
    hashes = [picture_hash(root / one.image) for one in report.added]
    pairs = [(a, b) for place, a in enumerate(hashes) for b in hashes[:place] if a is not None and b is not None]
    assert all((a ^ b).bit_count() > NEAR_BITS for a, b in pairs)
    assert report.mined is not None
    assert report.mined.near_duplicates >= 40


def test_hard__too_few_pictures_that_differ_is_said(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_source(tmp_path / "source", 30)
    for place, number in enumerate(range(1, 31)):
        (source.folder / f"{number:012}.jpg").write_bytes(scene(1, 40 + place))
    before = tree(root)
    model = use_model(monkeypatch, tmp_path, FakeModel())
    with pytest.raises(
        PoolError, match=r"only 1 image differs enough .* 5 backgrounds are needed; \d+ near-duplicates"
    ):
        yolobg.augment(root, **options(source, source.folder, model, needed=5))
    assert {name for name in tree(root) if not name.startswith(".yolobg")} == set(before)


def test_hard__one_picture_under_many_names_blames_no_file(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_source(tmp_path / "source", 30)
    for number in range(1, 31):
        (source.folder / f"{number:012}.jpg").write_bytes(scene(1, 60))
    model = use_model(monkeypatch, tmp_path, FakeModel())
    with pytest.raises(PoolError, match=r"only 1 eligible image .*; 24 more are the same as another one\. Ask for a"):
        yolobg.augment(root, **options(source, source.folder, model, needed=5))


def test_hard__what_the_model_cannot_read_is_left_out(
    root: Path, source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blind = ranking(root, source)[:2]

    class Blind(FakeModel):
        def _look(self, path: str) -> Any:
            return None if int(Path(path).stem) in blind else super()._look(path)

    model = use_model(monkeypatch, tmp_path, Blind())
    report = yolobg.augment(root, **options(source, source.folder, model))
    assert len(report.added) == 12
    assert not set(blind) & set(chosen(report))
    assert {one.source_id: one.reason for one in report.failed} == dict.fromkeys(blind, "the model cannot read it")


def test_hard__an_image_that_has_changed_since_it_was_looked_at_does_not_come_in(
    root: Path, source: Source, server: ImageServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ranking(root, source)[0]
    model = use_model(monkeypatch, tmp_path, FakeModel())
    at_the_end = options(source, f"{server.url}/x", model)
    yolobg.augment(root, **at_the_end)
    yolobg.remove(root)
    assert isinstance(server.files, dict)
    server.files[f"/x/{first:012}.jpg"] = source.images[f"{first + 1:012}.jpg"]
    report = yolobg.augment(root, **at_the_end)
    assert len(report.added) == 12
    assert first not in chosen(report)
    assert [(one.source_id, one.reason.split()[-1]) for one in report.failed] == [(first, "it")]


def test_hard__the_pool_bounds_what_is_looked_at_and_random_ones_make_up_the_number(
    root: Path, source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = ranking(root, source, pool=20)
    fake = FakeModel()
    model = use_model(monkeypatch, tmp_path, fake)
    report = yolobg.augment(root, **options(source, source.folder, model, pool=20))
    assert chosen(report) == wanted
    assert len(report.added) == 12
    assert report.mined is not None
    assert report.mined.scored == 20
    assert sum(image.rank is not None for image in report.mined.images) == min(6, report.mined.fired)
    assert len(fake.asked) <= 20 + 3


def test_hard__a_plan_names_no_images_and_is_not_saved(
    root: Path, source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = use_model(monkeypatch, tmp_path, FakeModel())
    plan = yolobg.plan(root, **options(source, source.folder, model))
    assert (plan.report.target.needed, plan.report.planned) == (12, ())
    with pytest.raises(UsageError, match="a plan with --hard cannot be saved"):
        plan.save(tmp_path / "plan.json")
    with pytest.raises(UsageError, match="--hard has no page of a plan"):
        yolobg.preview(plan)
    random_ones = yolobg.plan(root, annotations=source.instances, images=[source.folder], count=THEIRS + 12)
    random_ones.save(tmp_path / "plan.json")
    told = (tmp_path / "plan.json").read_text("utf-8")
    assert '"annotations"' in told
    edited = told.replace('"annotations"', f'"hard": "{model.as_posix()}", "annotations"', 1)
    (tmp_path / "plan.json").write_text(edited, "utf-8")
    with pytest.raises(UsageError, match="`hard` cannot be an option of a saved plan"):
        type(plan).load(tmp_path / "plan.json")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"hard": "gone.pt"}, "no such file"),
        ({"hard": "model.h5"}, "expected your trained model"),
        ({"hard_share": 0}, "hard_share: 0 is out of range"),
        ({"hard_share": 1.5}, r"hard_share: 1\.5 is out of range"),
        ({"min_score": -1}, "min_score: -1 is out of range"),
        ({"pool": 0}, "pool: 0 is out of range"),
        ({"recheck": True}, "--hard can't be combined with --recheck"),
        ({"prefer": "lookalikes"}, "--hard can't be combined with --prefer"),
        ({"trim": True}, "--hard can't be combined with --trim"),
        ({"hard": None, "min_score": 0.25, "pool": 50}, "--pool goes with --hard MODEL"),
        ({"hard": None}, "--min-score goes with --hard MODEL"),
    ],
)
def test_hard__wrong_options_are_refused(
    wrong: dict[str, Any], said: str, root: Path, source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = use_model(monkeypatch, tmp_path, FakeModel())
    (tmp_path / "model.h5").touch()
    monkeypatch.chdir(tmp_path)
    before = tree(root)
    with pytest.raises(UsageError, match=said):
        yolobg.augment(root, **options(source, source.folder, model, **wrong))
    assert tree(root) == before


def test_hard__a_model_with_the_sources_classes_is_understood_by_what_they_mean(
    root: Path, source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_yaml = root / "data.yaml"
    data_yaml.write_text(data_yaml.read_text("utf-8").replace("[person]", "[pedestrian]"), "utf-8")
    model = use_model(monkeypatch, tmp_path, FakeModel())
    report = yolobg.augment(root, **options(source, source.folder, model))
    assert report.mined is not None
    assert {image.category for image in report.mined.images} == {"pedestrian"}
    other = use_model(monkeypatch, tmp_path, FakeModel(names={0: "zebra"}), "other")
    with pytest.raises(UsageError, match=r"its classes \(zebra\) are not those of the dataset"):
        yolobg.augment(root, **options(source, source.folder, other, needed=14))


def test_hard__where_the_host_is_down_nothing_is_added_and_what_was_found_is_kept(
    root: Path, source: Source, server: ImageServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = ranking(root, source)

    def die(number: int) -> None:
        if number == 30:
            server.die()

    fake = FakeModel(break_at=die)
    model = use_model(monkeypatch, tmp_path, fake)
    monkeypatch.setattr("yolobg.images.fetch.Limits", lambda: QUICK)
    with pytest.raises(DownloadError):
        yolobg.augment(root, **options(source, f"{server.url}/x", model))
    server.revive()
    again = FakeModel()
    use_model(monkeypatch, tmp_path, again)
    report = yolobg.augment(root, **options(source, f"{server.url}/x", model))
    assert chosen(report) == wanted
    assert report.mined is not None
    assert len(fake.asked) + len(again.asked) <= report.mined.scored + 3 * 3


def test_hard__where_the_images_are_not_as_recorded_says_in_what(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Copies that somebody has made smaller: "a larger source" alone sends a person the wrong way."""
    source = make_source(tmp_path / "few", 60)
    records = json.loads(source.instances.read_text("utf-8"))
    for place, record in enumerate(records["images"]):
        # Where none matches, the run ends earlier.
        record["width"] += 100 if place % 20 else 0
    instances = tmp_path / "instances_larger.json"
    instances.write_text(json.dumps(records), "utf-8")
    model = use_model(monkeypatch, tmp_path, FakeModel())
    with pytest.raises(YolobgError, match=r"images do not match the records \(\S+\.jpg: .*, but the record says "):
        yolobg.augment(root, **{**options(source, source.folder, model), "annotations": instances})


STUDY = os.environ.get("YOLOBG_STUDY", "")


# Needs onnxruntime and OpenCV, which are installed where Ultralytics is asked.
@pytest.mark.ultralytics
@pytest.mark.timeout(600)
def test_hard__with_a_trained_model_on_real_images(tmp_path: Path) -> None:
    if not STUDY or not (Path(STUDY) / "models").is_dir():
        pytest.skip("YOLOBG_STUDY does not name a folder with models and images")
    pytest.importorskip("onnxruntime")
    pytest.importorskip("cv2")
    from yolobg.scoring.models import score_images  # noqa: PLC0415 - needs numpy

    study = Path(STUDY)
    make_dataset(tmp_path / "data", "folder")
    data_yaml = tmp_path / "data/data.yaml"
    data_yaml.write_text(data_yaml.read_text("utf-8").replace("[person]", "[raccoon, kangaroo]"), "utf-8")
    model, pool = study / "models/none_seed0.onnx", study / "coco/train2017"
    report = yolobg.augment(data_yaml, hard=model, source=str(pool), count=2 + 20, unmapped="none")
    assert len(report.added) == 20
    assert report.mined is not None
    images = [str(tmp_path / "data" / one.image) for one in report.added]
    found = score_images(model, images, {0: "raccoon", 1: "kangaroo"}, cache=tmp_path / "scores").detections
    for place, image in enumerate(report.mined.images):
        highest = max([0.0, *found.score[found.image == place].tolist()])
        assert image.score == pytest.approx(highest, abs=1e-6)
    assert sum(image.score >= 0.25 for image in report.mined.images) == 10
    assert json.loads((tmp_path / "data/.yolobg/manifest.json").read_text("utf-8"))["runs"][0]["mining"]["fired"] == 20
