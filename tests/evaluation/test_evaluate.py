"""`evaluate` from predictions: what it reports, what it promises of the backgrounds, what it refuses."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import run
from evaluating import found_in, stand_in_python, write_dataset, write_images, write_predictions
from merging import tree
from places import SAMPLE

import yolobg
from yolobg.errors import AnnotationsError, DatasetError, UsageError, YolobgError
from yolobg.evaluation.names import model_names

VAL = 20


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "animals", val=VAL)


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    """A folder of 20 backgrounds."""
    write_images(tmp_path / "frames", [f"f{number}.png" for number in range(20)], first=20_000)
    return tmp_path / "frames"


def positives(score: float = 0.9) -> list[dict[str, Any]]:
    """The object of each labelled image is found; the last one as well by the second class."""
    found = [found_in(f"v{number}.png", score) for number in range(VAL)]
    return [*found, found_in(f"v{VAL - 1}.png", 0.01, category=1)]


def alarms(score: float, count: int = 20) -> list[dict[str, Any]]:
    return [found_in(f"f{number}.png", score) for number in range(count)]


@pytest.fixture
def toy(tmp_path: Path) -> tuple[Path, Path]:
    """A model that fires on every background, below all that it finds; and one that fires on none above 0.01."""
    return (
        write_predictions(tmp_path / "noisy.json", positives() + alarms(0.6)),
        write_predictions(tmp_path / "quiet.json", positives() + alarms(0.01)),
    )


def test_names__of_runs_that_a_trainer_calls_alike_tell_them_apart(
    data: Path, frames: Path, toy: tuple[Path, Path], tmp_path: Path
) -> None:
    """Every run of Ultralytics is called `best`: "flagged by best only: 51, by best only: 11" says nothing."""
    files = [tmp_path / name / "weights/best.json" for name in ("plain", "mined")]
    for file, made in zip(files, toy, strict=True):
        file.parent.mkdir(parents=True)
        made.replace(file)
    found = yolobg.evaluate(data, before=files[0], after=files[1], backgrounds=frames, bootstrap=100, report=False)
    assert [run.name for model in found.models for run in model.each] == ["plain/weights/best", "mined/weights/best"]
    assert {(one.before, one.after) for one in found.pair_tests} == {("plain/weights/best", "mined/weights/best")}


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (["a/best.pt", "b/last.pt"], ["best", "last"]),
        (["a/w/best.pt", "b/w/best.pt", "c/other.pt"], ["a/w/best", "b/w/best", "other"]),
        (["a/1.best.pt", "a/2.best.pt"], ["1.best", "2.best"]),
        (["w/best.pt", "x/w/best.pt"], ["f/w/best", "x/w/best"]),
        (["a/best.pt", "a/best.onnx"], ["best.pt", "best.onnx"]),
    ],
)
def test_names__are_as_short_as_can_be(files: list[str], names: list[str]) -> None:
    root = Path("/f").absolute()
    found = model_names([root / file for file in files])
    assert [found[root / file] for file in files] == names


def test_toy__ap_is_blind_and_the_report_is_not(data: Path, frames: Path, toy: tuple[Path, Path]) -> None:
    found = yolobg.evaluate(data, before=[toy[0]], after=[toy[1]], backgrounds=frames, bootstrap=200)
    before, after = found.models
    assert before.ap50 == after.ap50 == pytest.approx(1.0)
    assert before.ap50_95 == after.ap50_95
    assert (before.at_confidence["0.25"].false_alarms, after.at_confidence["0.25"].false_alarms) == (20, 0)
    assert (before.at_confidence["0.5"].false_alarm_rate, after.at_confidence["0.5"].false_alarm_rate) == (1.0, 0.0)
    assert before.at_confidence["0.25"].recall == after.at_confidence["0.25"].recall == 1.0
    assert [test.only_before for test in found.pair_tests] == [20, 20]
    assert all(test.p < 1e-5 for test in found.pair_tests)
    assert found.verdict == "single_runs"


def test_json__has_the_keys_of_the_contract(data: Path, frames: Path, toy: tuple[Path, Path]) -> None:
    done = run("evaluate", data, "--before", toy[0], "--after", toy[1], "--backgrounds", frames, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert next(iter(told)) == "schema"
    assert told["schema"] == 1
    assert {model["side"]: model["runs"] for model in told["models"]} == {"before": 1, "after": 1}
    assert told["models"][0].keys() >= {
        "name", "side", "runs", "recall_at_false_alarm_rate", "mean_recall_at_false_alarm_rate", "at_confidence",
        "ap50", "ap50_95",
    }  # fmt: skip
    assert told["models"][0]["at_confidence"]["0.25"].keys() >= {
        "false_alarm_rate", "false_alarms", "backgrounds", "recall", "precision",
    }  # fmt: skip
    assert told["difference"].keys() == {"mean_recall_at_false_alarm_rate", "ap50"}
    assert told["difference"]["ap50"].keys() == {"point", "low", "high"}
    assert told["verdict"] == "single_runs"
    assert "predict_on" not in told
    assert [len(curve["recall"]) for curve in told["curves"]] == [len(told["curves"][0]["false_alarm_rate"])] * 2


def test_one_side__has_figures_and_no_words(data: Path, frames: Path, toy: tuple[Path, Path]) -> None:
    found = yolobg.evaluate(data, before=toy[0], backgrounds=frames, bootstrap=100)
    assert (found.verdict, found.words, found.difference) == ("one_side", "", None)
    assert len(found.models) == 1
    assert found.pair_tests == ()


def test_text__the_table_is_on_stdout_and_the_rest_is_not(data: Path, frames: Path, toy: tuple[Path, Path]) -> None:
    done = run("evaluate", data, "--before", toy[0], "--after", toy[1], "--backgrounds", frames)
    assert done.returncode == 0, done.stderr
    assert "backgrounds flagged" in done.stdout
    assert "at this setting only" in done.stdout
    assert "20 labelled images" in done.stderr
    assert "20 backgrounds are few" in done.stderr
    assert run("evaluate", data, "--before", toy[0], "--backgrounds", frames, "-q").stdout == ""


def many(tmp_path: Path, *, shift: float, runs: int) -> list[Path]:
    """Runs of a model: the objects found at rising scores, the backgrounds flagged at rising scores less a shift."""
    files = []
    for number in range(runs):
        found = [found_in(f"v{at}.png", 0.3 + 0.6 * at / VAL + 0.001 * number) for at in range(VAL)]
        found += [found_in(f"b{at}.png", max(0.001, 0.05 + 0.85 * at / 100 - shift)) for at in range(100)]
        files.append(
            write_predictions(tmp_path / f"{shift}-{number}.json", [*found, found_in("v0.png", 0, category=1)])
        )
    return files


@pytest.fixture
def hundred(tmp_path: Path) -> Path:
    write_images(tmp_path / "hundred", [f"b{number}.png" for number in range(100)], first=30_000)
    return tmp_path / "hundred"


def test_three_runs_a_side__a_difference_is_shown_and_its_reverse_is_not(
    data: Path, hundred: Path, tmp_path: Path
) -> None:
    worse, better = many(tmp_path, shift=0, runs=3), many(tmp_path, shift=0.05, runs=3)
    found = yolobg.evaluate(data, before=worse, after=better, backgrounds=hundred)
    assert found.difference is not None
    change = found.difference.mean_recall_at_false_alarm_rate
    assert change is not None
    assert change.low > 0
    assert found.verdict == "shown"
    assert found.words.startswith("Fewer false alarms at the same recall")
    reverse = yolobg.evaluate(data, before=better, after=worse, backgrounds=hundred)
    assert reverse.verdict == "not_shown"
    assert reverse.words.startswith("Not shown")


def test_a_run_given_twice__is_refused(data: Path, hundred: Path, tmp_path: Path) -> None:
    before, after = many(tmp_path, shift=0, runs=3), many(tmp_path, shift=0.05, runs=1)
    copied = Path(shutil.copy(after[0], tmp_path / "copy.json"))
    for runs in (after * 3, [after[0], copied]):
        with pytest.raises(UsageError, match=r"--after: .* have the same content") as caught:
            yolobg.evaluate(data, before=before, after=runs, backgrounds=hundred)
        assert str(runs[0]) in str(caught.value)
        assert str(runs[1]) in str(caught.value)
    same = yolobg.evaluate(data, before=before, after=before, backgrounds=hundred, bootstrap=100)
    assert same.verdict == "not_shown"
    assert all(f"{file.stem} is on both sides" in same.words for file in before)
    other = yolobg.evaluate(data, before=before[:1], after=before[1:2], backgrounds=hundred, bootstrap=100)
    assert "on both sides" not in other.words


def cut(files: list[Path], keep: Callable[[dict[str, Any]], bool]) -> list[Path]:
    """Predictions of which only some are kept."""
    return [
        write_predictions(
            file.with_name(f"cut-{file.name}"), [row for row in json.loads(file.read_text()) if keep(row)]
        )
        for file in files
    ]


def test_a_curve_that_is_cut_off__shows_nothing(data: Path, hundred: Path, tmp_path: Path) -> None:
    """Equal models, of which the one before leaves out all below 0.85: its recall ends there."""
    plain, again = many(tmp_path, shift=0, runs=3), many(tmp_path, shift=0.0005, runs=3)
    cut_off = cut(plain, lambda row: row["score"] >= 0.85 and not row["file_name"].startswith("b8"))
    for file in cut_off:
        rows = json.loads(file.read_text("utf-8"))
        write_predictions(file, [*rows, found_in("v0.png", 0.85, category=1)])
    found = yolobg.evaluate(data, before=cut_off, after=again, backgrounds=hundred)
    assert found.difference is not None
    change = found.difference.mean_recall_at_false_alarm_rate
    assert change is not None
    assert change.low > 0, "the figures alone would show it"
    assert found.verdict == "not_shown"
    assert "The curve of cut-0-0 is cut off at a score of 0.8" in found.words
    single = yolobg.evaluate(data, before=cut_off[0], after=again[0], backgrounds=hundred, bootstrap=100)
    assert single.verdict == "single_runs"
    assert "is cut off" in single.words


def test_no_prediction_on_any_of_many_backgrounds__shows_nothing(data: Path, tmp_path: Path) -> None:
    write_images(tmp_path / "many", [f"b{number}.png" for number in range(200)], first=30_000)
    before = many(tmp_path, shift=0, runs=3)
    after = cut(many(tmp_path, shift=0.05, runs=3), lambda row: row["file_name"].startswith("v"))
    found = yolobg.evaluate(data, before=before, after=after, backgrounds=tmp_path / "many")
    assert found.difference is not None
    change = found.difference.mean_recall_at_false_alarm_rate
    assert change is not None
    assert change.low > 0, "the figures alone would show it"
    assert found.verdict == "not_shown"
    assert "cut-0.05-0 has no prediction on any of the 200 backgrounds" in found.words


def test_means_of_runs__have_one_decimal(data: Path, frames: Path, tmp_path: Path) -> None:
    runs = [write_predictions(tmp_path / f"{n}.json", positives() + alarms(0.6, count=n)) for n in (1, 2, 4)]
    arguments = [word for file in runs for word in ("--before", file)]
    done = run("evaluate", data, *arguments, "--backgrounds", frames, "--bootstrap", "100")
    assert done.returncode == 0, done.stderr
    assert "2.3 of 20" in done.stdout
    (page,) = (data.parent / ".yolobg/evaluate").glob("*.html")
    assert "2.3 of 20" in page.read_text("utf-8")


def test_recall_at_false_alarm_rate__is_counted_by_hand(data: Path, hundred: Path, tmp_path: Path) -> None:
    """At 5 % the sixth background, with 0.05 + 0.85 * 94 / 100 = 0.849, sets the threshold: one object is above it."""
    found = yolobg.evaluate(data, before=many(tmp_path, shift=0, runs=1), backgrounds=hundred, bootstrap=100)
    assert found.models[0].recall_at_false_alarm_rate == {"0.05": 0.05, "0.1": 0.15, "0.2": 0.25}


def test_same_files__the_same_figures(data: Path, hundred: Path, tmp_path: Path) -> None:
    files = many(tmp_path, shift=0, runs=2), many(tmp_path, shift=0.1, runs=2)
    first, second = (yolobg.evaluate(data, before=files[0], after=files[1], backgrounds=hundred) for _ in range(2))
    assert first == second


# ---------------------------------------------------------------- the backgrounds


def test_backgrounds__never_an_image_of_a_split_or_one_with_objects(data: Path, frames: Path, tmp_path: Path) -> None:
    shutil.copy(data.parent / "images/train/a.png", frames / "other-name.png")
    shutil.copy(frames / "f0.png", frames / "twice.png")
    write_images(frames, ["labelled.png"], first=40_000)
    (frames / "labelled.txt").write_text("0 0.5 0.5 0.1 0.1\n", "utf-8")
    found = yolobg.evaluate(data, backgrounds=frames, dry_run=True)
    assert found.backgrounds.images == 20
    assert found.backgrounds.left_out == {"labelled": 1, "in_dataset": 1, "repeated": 1}
    assert found.predict_on is not None
    assert len(found.predict_on) == VAL + 20


def test_backgrounds__never_one_of_the_manifest_or_a_rejected_one(tmp_path: Path) -> None:
    sample = Path(shutil.copytree(SAMPLE, tmp_path / "sample"))
    source = sample / "source"
    added = yolobg.augment(
        sample / "dataset", annotations=source / "annotations/instances_sample.json", images=(source / "images",)
    ).added
    held = tmp_path / "held"
    held.mkdir()
    for number, one in enumerate(added):
        shutil.copy(sample / "dataset" / one.image, held / f"copy{number}.jpg")
    # Taken out by hand, so that only the manifest knows of the first.
    (sample / "dataset" / added[0].image).unlink()
    write_images(held, ["new.png"], first=50_000)
    found = yolobg.evaluate(sample / "dataset", backgrounds=held, dry_run=True)
    assert found.backgrounds.images == 1
    assert found.backgrounds.left_out["in_dataset"] == len(added)


def test_backgrounds__of_a_list_are_known_by_number_where_the_files_are_elsewhere(data: Path, tmp_path: Path) -> None:
    write_images(data.parent / "images/train", ["bg_coco2017_000000000139.png"], first=60_000)
    listed = tmp_path / "list.json"
    listed.write_text(json.dumps(["x/000000000139.jpg", "x/000000000285.jpg"]), "utf-8")
    found = yolobg.evaluate(data, backgrounds=listed, dry_run=True)
    assert found.predict_on is not None
    assert [Path(path).name for path in found.predict_on[VAL:]] == ["000000000285.jpg"]


def test_backgrounds__of_a_coco_file_are_its_images_without_annotations(data: Path, tmp_path: Path) -> None:
    listed = tmp_path / "instances.json"
    images = [{"id": 7, "file_name": "seven.jpg"}, {"id": 8, "file_name": "eight.jpg"}]
    listed.write_text(json.dumps({"images": images, "annotations": [{"image_id": 8, "id": 1}]}), "utf-8")
    by_id = write_predictions(tmp_path / "p.json", [*positives(), {**found_in("x.png", 0.7), "image_id": 7}])
    rows = json.loads(by_id.read_text("utf-8"))
    del rows[-1]["file_name"]
    by_id.write_text(json.dumps(rows), "utf-8")
    found = yolobg.evaluate(data, before=by_id, backgrounds=listed, bootstrap=100)
    assert found.backgrounds.left_out["labelled"] == 1
    assert found.models[0].at_confidence["0.5"].false_alarms == 1


def test_backgrounds__more_images_keep_those_chosen_before(data: Path, hundred: Path) -> None:
    few, more, other = (
        set(yolobg.evaluate(data, backgrounds=hundred, dry_run=True, images=n, seed=s).predict_on or ())
        for n, s in ((10, 0), (30, 0), (10, 1))
    )
    assert len(few) == VAL + 10
    assert few < more
    assert few != other


def test_dry_run__lists_what_to_predict_on_and_writes_nothing(data: Path, frames: Path) -> None:
    before = tree(data.parent)
    done = run("evaluate", data, "--backgrounds", frames, "--dry-run")
    assert done.returncode == 0, done.stderr
    paths = [Path(line) for line in done.stdout.splitlines()]
    assert len(paths) == VAL + 20
    assert all(path.is_file() for path in paths)
    assert tree(data.parent) == before


# ---------------------------------------------------------------- what is wrong is said


def warned(data: Path, frames: Path, file: Path) -> str:
    return " ".join(yolobg.evaluate(data, before=file, backgrounds=frames, bootstrap=100).warnings)


def test_warnings__predictions_that_cannot_show_false_alarms(data: Path, frames: Path, tmp_path: Path) -> None:
    assert "no prediction on any" in warned(data, frames, write_predictions(tmp_path / "a.json", positives()))
    cut = [*(found_in(f"v{at}.png", 0.9, category=at % 2) for at in range(VAL)), *alarms(0.3)]
    assert "lowest score is 0.300" in warned(data, frames, write_predictions(tmp_path / "b.json", cut))
    more = write_predictions(tmp_path / "c.json", [*positives(), *alarms(0.01), found_in("elsewhere.png", 0.5)])
    assert "1 prediction is about images that are not evaluated" in warned(data, frames, more)


BAD: dict[str, tuple[str, str, type[YolobgError]]] = {
    "no JSON": ("{", "not predictions", AnnotationsError),
    "an object": ('{"annotations": []}', "not predictions", AnnotationsError),
    "no score": ('[{"image_id": 1, "category_id": 0, "bbox": [0, 0, 1, 1]}]', "not predictions", AnnotationsError),
    "two numbers": ('[{"image_id": 1, "category_id": 0, "bbox": [0, 0], "score": 1}]', "bbox", AnnotationsError),
    "negative size": (
        '[{"image_id": 1, "category_id": 0, "bbox": [0, 0, -1, 1], "score": 1}]', "bbox", AnnotationsError,
    ),
    "per cent": ('[{"image_id": 1, "category_id": 0, "bbox": [0, 0, 1, 1], "score": 90}]', "score", AnnotationsError),
    "no image": ('[{"category_id": 0, "bbox": [0, 0, 1, 1], "score": 1}]', "image_id", AnnotationsError),
    "other classes": (
        '[{"image_id": "v0", "category_id": 0, "bbox": [0, 0, 1, 1], "score": 1},'
        ' {"image_id": "v0", "category_id": 17, "bbox": [0, 0, 1, 1], "score": 1}]',
        "category_id 17 is not one of 0 to 1", AnnotationsError,
    ),
    "either base": (
        '[{"image_id": "v0", "category_id": 1, "bbox": [0, 0, 1, 1], "score": 1}]', "--categories", AnnotationsError,
    ),
    "of images that are elsewhere": (
        '[{"file_name": "elsewhere.png", "category_id": 0, "bbox": [0, 0, 1, 1], "score": 1}]',
        r"none of its 1 prediction is about an image that is evaluated \(the first is about elsewhere\.png\)",
        AnnotationsError,
    ),
    "of no image here": (
        '[{"image_id": "f0", "category_id": 0, "bbox": [0, 0, 1, 1], "score": 1}]', "none of its", AnnotationsError,
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", sorted(BAD))
def test_predictions__that_cannot_be_used_are_refused_by_name(
    kind: str, data: Path, frames: Path, tmp_path: Path
) -> None:
    text, said, error = BAD[kind]
    if kind == "either base":
        data.write_text(data.read_text("utf-8").replace("kangaroo]", "kangaroo, koala]"), "utf-8")
    file = tmp_path / "predictions.json"
    file.write_text(text, "utf-8")
    with pytest.raises(error, match=said) as caught:
        yolobg.evaluate(data, before=file, backgrounds=frames)
    assert str(file) in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "--before"),
        ({"before": "a.pth"}, "a.pth"),
        ({"before": "a.json", "conf": (25,)}, "conf"),
        ({"before": "a.json", "conf": ()}, "conf"),
        ({"before": "a.json", "images": 0}, "images"),
        ({"before": "a.json", "bootstrap": 1}, "bootstrap"),
        ({"before": "a.json", "seed": -1}, "seed"),
        ({"before": "a.json", "categories": 2}, "categories"),
        ({"before": "a.json", "conf": "0.25"}, "conf"),
        ({"before": "a.json", "conf": ("0.25",)}, "conf"),
        ({"before": "a.json", "batch": "8"}, "batch"),
        ({"before": "a.json", "images": 2.5}, "images"),
        ({"before": "a.json", "imgsz": 64.5}, "imgsz"),
        ({"before": "a.json", "backgrounds": 3}, "backgrounds"),
        ({"before": 3}, "before"),
        ({"before": [None]}, "before"),
        ({"before": None}, "--before"),
        ({"before": "a.json", "report": "no"}, "report"),
    ],
)
def test_options__out_of_range_are_refused_before_anything_is_read(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        yolobg.evaluate("nowhere.yaml", **{"backgrounds": "frames", **arguments})


def test_options__what_is_clearly_meant_is_taken(data: Path, frames: Path, toy: tuple[Path, Path]) -> None:
    plain = yolobg.evaluate(data, before=[toy[0]], conf=(0.25,), backgrounds=frames, bootstrap=100)
    unset: Any = None
    meant: Any = 0.25
    found = yolobg.evaluate(
        data, before=toy[0], after=unset, conf=meant, backgrounds=str(frames), bootstrap=100, images=unset, seed=unset
    )
    assert found.models == plain.models


def test_inputs__that_are_not_there(data: Path, frames: Path, tmp_path: Path, toy: tuple[Path, Path]) -> None:
    with pytest.raises(AnnotationsError, match=r"gone\.json: cannot be read"):
        yolobg.evaluate(data, before=tmp_path / "gone.json", backgrounds=frames)
    with pytest.raises(UsageError, match="give a folder of images"):
        yolobg.evaluate(data, before=toy[0], backgrounds=tmp_path / "gone")
    (tmp_path / "empty").mkdir()
    with pytest.raises(AnnotationsError, match="no background to evaluate on: it has no images"):
        yolobg.evaluate(data, before=toy[0], backgrounds=tmp_path / "empty")
    with pytest.raises(DatasetError, match="no split 'test'"):
        yolobg.evaluate(data, before=toy[0], backgrounds=frames, split="test")
    for label in (data.parent / "labels/val").iterdir():
        label.write_text("", "utf-8")
    with pytest.raises(DatasetError, match="no labelled image"):
        yolobg.evaluate(data, before=toy[0], backgrounds=frames)


# ---------------------------------------------------------------- models


def test_model__is_run_once_and_evaluated_like_predictions(
    data: Path, frames: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program in the place of Ultralytics that answers as the worker asks: the wiring, without the gigabytes."""
    asked = tmp_path / "asked.txt"
    monkeypatch.setenv("YOLOBG_ULTRALYTICS_PYTHON", stand_in_python(tmp_path, asked))
    (tmp_path / "noisy.pt").write_bytes(b"a checkpoint")
    first = yolobg.evaluate(data, before=tmp_path / "noisy.pt", backgrounds=frames, bootstrap=100)
    figures = first.models[0]
    assert (figures.at_confidence["0.5"].false_alarms, figures.at_confidence["0.5"].recall) == (20, 1.0)
    assert figures.ap50 == pytest.approx(1.0)
    assert len(asked.read_text("utf-8").splitlines()) == VAL + 20
    again = yolobg.evaluate(data, before=tmp_path / "noisy.pt", backgrounds=frames, conf=(0.7,), bootstrap=100)
    assert again.models[0].at_confidence["0.7"].false_alarms == 0
    assert len(asked.read_text("utf-8").splitlines()) == VAL + 20, "the second time, all scores are in the cache"
    monkeypatch.setenv("YOLOBG_ULTRALYTICS_PYTHON", str(tmp_path / "gone"))
    assert yolobg.evaluate(data, before=tmp_path / "noisy.pt", backgrounds=frames, bootstrap=100) == first, (
        "nobody is asked"
    )
    for kept in Path(os.environ["YOLOBG_CACHE_DIR"]).glob("scores/models/*"):
        kept.write_bytes(b"{")
    monkeypatch.setenv("YOLOBG_ULTRALYTICS_PYTHON", stand_in_python(tmp_path, asked))
    assert yolobg.evaluate(data, before=tmp_path / "noisy.pt", backgrounds=frames, bootstrap=100) == first
    assert len(asked.read_text("utf-8").splitlines()) == VAL + 20
    assert "what models found" in run("cache", "path").stderr
    run("cache", "clear")
    assert not list(Path(os.environ["YOLOBG_CACHE_DIR"]).rglob("*.scores"))


# ---------------------------------------------------------------- what it needs


def test_works_without_torch_and_ultralytics(data: Path, frames: Path, toy: tuple[Path, Path]) -> None:
    code = (
        "import sys, yolobg\n"
        "assert 'numpy' not in sys.modules\n"
        f"found = yolobg.evaluate({str(data)!r}, before={str(toy[0])!r}, backgrounds={str(frames)!r}, bootstrap=100)\n"
        "assert found.models[0].ap50 > 0.99\n"
        "assert not {'torch', 'ultralytics', 'onnxruntime'} & sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=100)


def test_extra__its_absence_is_said_with_the_command_that_installs_it(data: Path, frames: Path) -> None:
    code = (
        "import sys, yolobg\n"
        "sys.modules['pycocotools'] = None\n"
        "try:\n"
        f"    yolobg.evaluate({str(data)!r}, before='a.json', backgrounds={str(frames)!r})\n"
        "except yolobg.UsageError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, timeout=100, capture_output=True, text=True)
    assert "pip install 'yolobg[evaluate]'" in done.stdout
