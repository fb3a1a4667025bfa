"""The study: equal steps, exact lists, what is refused, that it goes on, and that the documents say its result."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evaluating import Scene, simulated, write_dataset, write_images
from PIL import Image
from places import HELPERS, REPOSITORY
from ultra import python_with_ultralytics

from benchmarks.study.__main__ import main
from benchmarks.study.analysis import Analysis, analyse, complete_seeds, holm
from benchmarks.study.figure import draw
from benchmarks.study.page import BEGIN, END, figures, sentence, write_page
from benchmarks.study.protocol import PROTOCOL, Arm, Contrast, Protocol, StudyError
from benchmarks.study.results import Result, path_of, read_result, read_results, record, write_result
from benchmarks.study.runs import Place, held_out_images, missing_runs, run_missing
from benchmarks.study.training import Machine, Material, listed_images, make_dataset, open_material, train
from yolobg.dataset.dataset import open_dataset
from yolobg.evaluation.bootstrap import Draws
from yolobg.evaluation.curves import allowed_alarms
from yolobg.evaluation.figures import Side, compare_sides
from yolobg.evaluation.truth import Truth
from yolobg.scoring.detections import Scored, sorted_detections
from yolobg.scoring.ultralytics_model import PYTHON

RESULTS = REPOSITORY / "benchmarks/study_results"
PAGE = REPOSITORY / "docs/study.md"
SMALL = Protocol(
    labelled=6,
    listed=10,
    arms=(
        Arm("none-padded", 0, padded=True),
        Arm("random30", 4, padded=True),
        Arm("none-natural", 0, padded=False),
        Arm("random10", 2, padded=True),
    ),
    seeds=(0, 1, 2),
    steps=6,
    warmup=2,
    batch=4,
    settings={"imgsz": 64},
    draws=500,
)
"""Three batches an epoch for padded arms, two for the others."""
FEW = dataclasses.replace(
    SMALL, arms=SMALL.arms[:2], seeds=(0, 1), contrasts=(Contrast("random30", "none-padded"),), rates=(0.2,)
)
"""For whole runs: of the 30 drawn backgrounds, `evaluate` has a figure at this rate only."""


def draw_images(folder: Path, count: int, first: int) -> None:
    folder.mkdir(parents=True)
    for number in range(count):
        Image.new("RGB", (64, 48), (first + number, 40, 90)).save(folder / f"{first + number:03}.png")


@pytest.fixture
def material(tmp_path: Path) -> Path:
    """A drawn dataset of two classes that COCO does not have, with a pool and held-out backgrounds."""
    folder = tmp_path / "material"
    for split, count, first in (("train", 6, 0), ("val", 4, 50)):
        draw_images(folder / f"animals/images/{split}", count, first)
        labels = folder / f"animals/labels/{split}"
        labels.mkdir(parents=True)
        for number in range(first, first + count):
            (labels / f"{number:03}.txt").write_text(f"{number % 2} 0.25 0.33 0.25 0.33\n", "utf-8")
    text = "train: images/train\nval: images/val\nnames: {0: cat_toy, 1: dog_toy}\n"
    (folder / "animals/data.yaml").write_text(text, "utf-8")
    draw_images(folder / "coco/train2017", 20, 100)
    draw_images(folder / "coco/val2017", 30, 150)
    (folder / "models").mkdir()
    (folder / "models/init.pt").write_text("begin", "utf-8")
    return folder


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    """An interpreter with a stand-in for Ultralytics."""
    folder = tmp_path / "stand_in"
    folder.mkdir()
    shutil.copyfile(HELPERS / "ultralytics_stand_in.py", folder / "ultralytics.py")
    (folder / "torch.py").write_text('__version__ = "stand-in"\ndef set_num_threads(number): ...\n', "utf-8")
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.setenv(PYTHON, sys.executable)
    monkeypatch.setenv("YOLOBG_CACHE_DIR", str(tmp_path / "cache"))
    return Machine(sys.executable, "cpu", 1)


def made_result(arm: str, seed: int, *, shift: float = 0.0, protocol: Protocol = SMALL) -> dict[str, Any]:
    """The document of a simulated run; a shift makes false alarms rarer."""
    scene = Scene.of(np.random.default_rng(7), backgrounds=200, objects=120)
    run = simulated(np.random.default_rng([seed, *arm.encode()]), scene, shift=shift)
    scores = {
        "backgrounds": np.round(run.highest, 5).tolist(),
        "objects": run.by_category.tolist(),
        "image": run.image.tolist(),
        "category": run.category.tolist(),
        "score": np.round(run.score, 5).tolist(),
        "hit": run.hit.astype(int).tolist(),
    }
    rounded = dataclasses.replace(run, highest=np.array(scores["backgrounds"]), score=np.array(scores["score"]))
    allowed = [allowed_alarms(rate, 200) for rate in protocol.rates]
    ones = np.ones((1, len(run.objects)), dtype=np.int64), np.ones((1, 200), dtype=np.int64)
    at = {"0.25": {"false_alarm_rate": 0.2, "recall": 0.8, "precision": 0.7}}
    primary = float(rounded.recall_at_alarms(*ones, allowed).mean())
    stated = {"mean_recall_at_false_alarm_rate": primary, "at_confidence": at, "ap50": 0.8}
    counted = {"steps": protocol.steps}
    about = {"schema": 1, "protocol": protocol.hash, "material": "m", "arm": arm, "seed": seed, "counted": counted}
    return {**about, "evaluate": stated, "scores": scores}


def write_all(folder: Path, *, shift: float = 0.0) -> None:
    """All results of the small protocol; the shift is that of random30."""
    folder.mkdir(exist_ok=True)
    for arm in SMALL.arms:
        for seed in SMALL.seeds:
            document = made_result(arm.name, seed, shift=shift if arm.name == "random30" else 0.0)
            write_result(path_of(folder, arm.name, seed), document)


@pytest.mark.parametrize("arm", PROTOCOL.arms, ids=lambda arm: arm.name)
def test_protocol__gives_every_arm_the_same_steps(arm: Arm) -> None:
    assert PROTOCOL.epochs(arm) * PROTOCOL.batches(arm) == PROTOCOL.steps
    assert PROTOCOL.images(arm) >= PROTOCOL.labelled + arm.backgrounds
    assert "warmup_epochs" not in PROTOCOL.settings


def test_protocol__contrasts_name_arms_and_begin_with_the_primary_one() -> None:
    names = {arm.name for arm in PROTOCOL.arms}
    assert PROTOCOL.contrasts[0] == Contrast("random30", "none-padded")
    assert all({contrast.arm, contrast.less} <= names for contrast in PROTOCOL.contrasts)


def test_protocol__without_whole_epochs_is_refused() -> None:
    with pytest.raises(StudyError, match="none-natural: 307 steps are no whole number of epochs of 22 batches"):
        dataclasses.replace(PROTOCOL, steps=307).epochs(PROTOCOL.arm("none-natural"))


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(Protocol)])
def test_protocol__hash_changes_with_each_part(field: str) -> None:
    other: dict[str, Any] = {field: {"settings": {}}.get(field, 7)}
    assert dataclasses.replace(PROTOCOL, **other).hash != PROTOCOL.hash


def test_lists__are_exact_repeatable_and_nested(material: Path, stand_in: Machine, tmp_path: Path) -> None:
    opened = open_material(material, SMALL)
    ours = {path.name for path in (opened.dataset / "images/train").iterdir()}

    def listed(arm: Arm, seed: int, turn: str = "") -> list[str]:
        data_yaml = make_dataset(opened, arm, seed, tmp_path / f"{arm.name}{seed}{turn}")
        return [Path(image).name for image in listed_images(data_yaml, arm, seed, SMALL)]

    first = {arm.name: listed(arm, 0) for arm in SMALL.arms}
    for arm in SMALL.arms:
        assert len(first[arm.name]) == SMALL.images(arm)
        assert len(set(first[arm.name]) - ours) == arm.backgrounds
        assert sum(name not in ours for name in first[arm.name]) == arm.backgrounds, "no background is repeated"
        assert ours <= set(first[arm.name])
    assert set(first["random10"]) < set(first["random30"])
    many = SMALL.arm("random30")
    assert listed(many, 0, "again") == first["random30"]
    assert set(listed(many, 1)) != set(first["random30"])


def test_runs__go_on_with_what_is_missing(
    material: Path,
    stand_in: Machine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    opened, place = open_material(material, FEW), Place(tmp_path / "results", tmp_path / "work")
    monkeypatch.setenv("STAND_IN_FAILS", "1")
    with pytest.raises(StudyError, match=r"seed1\.pt: training failed: RuntimeError: the stand-in fails"):
        run_missing(opened, place, stand_in, FEW, jobs=1)
    left = missing_runs(place.results, FEW)
    assert [seed for _, seed in left] == [1, 1], "seed 0 of all arms comes first and stays"
    monkeypatch.delenv("STAND_IN_FAILS")
    kept = path_of(place.results, "random30", 0)
    before = kept.read_bytes(), kept.stat().st_mtime_ns
    run_missing(opened, place, stand_in, FEW, jobs=2)
    assert missing_runs(place.results, FEW) == []
    assert (kept.read_bytes(), kept.stat().st_mtime_ns) == before
    assert "2 of 4 runs to do, 2 at a time" in capsys.readouterr().out
    assert sorted(path.name for path in place.results.iterdir()) == sorted(
        path_of(place.results, arm.name, seed).name for arm in FEW.arms for seed in FEW.seeds
    )
    found = read_results(place.results, FEW)
    assert {result.document["counted"]["steps"] for result in found.values()} == {FEW.steps}
    assert analyse(found, FEW).backgrounds == 30


def test_run__with_another_number_of_steps_is_refused(
    material: Path, stand_in: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAND_IN_SKIPS", "0")
    place = Place(tmp_path / "results", tmp_path / "work")
    with pytest.raises(StudyError, match=r"counted \{'steps': 5"):
        run_missing(open_material(material, FEW), place, stand_in, FEW, jobs=1)
    assert list(place.results.iterdir()) == []


def test_record__keeps_scores_apart_that_differ_by_little() -> None:
    """The last recall at 20 % hangs on whether a hit scores above a background; rounded, they would be equal."""
    low, high = np.float32(0.3000001), np.float32(0.3000002)
    highest = np.array([0.9, 0.8, 0.0, 0.0, 0.0, low, *[0.0] * 24], dtype=np.float64)
    truth = Truth(("a.jpg",), ((64, 48),), np.array([0]), np.array([0]), np.array([[0.0, 0.0, 9.0, 9.0]]))
    image = np.array([0, *(np.flatnonzero(highest) + 1)])
    score = np.array([high, *highest[highest > 0]], dtype=np.float64)
    found = sorted_detections(image, np.zeros(len(image), dtype=np.int64), np.repeat(truth.box, len(image), 0), score)
    side = Side.of("before", [Scored("m", "m.pt", "0", found, None)], truth, backgrounds=30, classes=1)
    figures = compare_sides([side], truth, ["b.jpg"] * 30, conf=(0.25,), draws=Draws(100, 0))
    scores = record(side, figures, {})["scores"]
    assert scores["score"][0] > scores["backgrounds"][5] > 0.3
    assert np.float32(scores["score"][0]) == high


def changed(document: dict[str, Any], how: Callable[[dict[str, Any]], Any], *, sealed: bool) -> dict[str, Any]:
    copy: dict[str, Any] = json.loads(json.dumps(document))
    how(copy)
    if sealed:
        copy.pop("sha256")
    return copy


def raise_score(document: dict[str, Any]) -> None:
    document["scores"]["backgrounds"] = [0.0] * len(document["scores"]["backgrounds"])


def raise_figure(document: dict[str, Any]) -> None:
    document["evaluate"]["mean_recall_at_false_alarm_rate"] += 0.01


@pytest.mark.parametrize(
    ("how", "sealed", "says"),
    [
        (raise_score, False, "does not have the hash that it states"),
        (raise_figure, False, "does not have the hash that it states"),
        (raise_score, True, "states .*, its scores give"),
        (raise_figure, True, "states .*, its scores give"),
        (lambda document: document.update(protocol="0" * 64), True, "made by protocol 000000000000, this is"),
        (lambda document: document.update(arm="random10"), True, "is random10, seed 0"),
        (lambda document: document.update(seed=2), True, "is random30, seed 2"),
        (lambda document: document["counted"].update(steps=5), True, "5 steps: not what it should be"),
        (lambda document: document.pop("arm"), True, "not a result of this study"),
        (lambda document: document.update(schema=2), True, "does not have the hash that it states"),
    ],
)
def test_result__that_was_changed_is_refused(
    tmp_path: Path, how: Callable[[dict[str, Any]], Any], sealed: bool, says: str
) -> None:
    """Sealed: with a hash that fits the change."""
    file = path_of(tmp_path, "random30", 0)
    write_result(file, made_result("random30", 0))
    assert read_result(file, SMALL).arm == "random30"
    document = changed(json.loads(file.read_text("utf-8")), how, sealed=sealed)
    if sealed:
        write_result(file, document)
    else:
        file.write_text(json.dumps(document), "utf-8")
    with pytest.raises(StudyError, match=says):
        read_result(file, SMALL)


@pytest.mark.parametrize("text", ["", "[]", "{", "null", '{"schema": 1}'])
def test_result__that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    file = path_of(tmp_path, "random30", 0)
    file.write_text(text, "utf-8")
    with pytest.raises(StudyError, match="delete it to run it again"):
        missing_runs(tmp_path, SMALL)


def test_results__of_different_material_are_refused(tmp_path: Path) -> None:
    write_all(tmp_path)
    write_result(path_of(tmp_path, "random30", 1), {**made_result("random30", 1), "material": "another"})
    with pytest.raises(StudyError, match="different material"):
        read_results(tmp_path, SMALL)


@pytest.mark.parametrize(
    ("given", "corrected"),
    [
        ((0.04,), (0.04,)),
        ((0.01, 0.04, 0.03), (0.03, 0.06, 0.06)),
        ((0.02, 0.02, 0.02), (0.06, 0.06, 0.06)),
        ((0.5, 0.01, 0.9), (1.0, 0.03, 1.0)),
        ((), ()),
    ],
)
def test_holm__corrects_as_by_hand(given: tuple[float, ...], corrected: tuple[float, ...]) -> None:
    assert holm(given) == pytest.approx(corrected)


def analysed(folder: Path, *, shift: float) -> Analysis:
    write_all(folder, shift=shift)
    return analyse(read_results(folder, SMALL), SMALL)


def test_analysis__of_equal_arms_shows_nothing(tmp_path: Path) -> None:
    found = analysed(tmp_path, shift=0.0)
    one = found.differences[0]
    assert one.primary.low < 0 < one.primary.high
    assert one.adjusted > SMALL.alpha
    assert sentence(found, SMALL).endswith("no effect shown.")


def test_analysis__of_a_large_difference_shows_it(tmp_path: Path) -> None:
    found = analysed(tmp_path, shift=1.5)
    one = found.differences[0]
    assert 0 < one.primary.low < one.primary.point < one.primary.high
    assert one.p <= one.adjusted <= SMALL.alpha
    assert sentence(found, SMALL).endswith("a gain.")
    assert found.differences[1].adjusted > SMALL.alpha, "only random30 was shifted"


def test_analysis__counts_complete_seeds_only(tmp_path: Path) -> None:
    write_all(tmp_path)
    path_of(tmp_path, "random10", 1).unlink()
    found = read_results(tmp_path, SMALL)
    assert complete_seeds(found, SMALL) == (0, 2)
    two = analyse(found, SMALL)
    assert two.seeds == (0, 2)
    assert "run-to-run noise not measured" in sentence(two, SMALL)
    with pytest.raises(StudyError, match="no seed has all of its arms done"):
        analyse({}, SMALL)


def test_page__gets_figures_between_its_marks_and_a_drawing(tmp_path: Path) -> None:
    found = analysed(tmp_path / "results", shift=1.5)
    page = tmp_path / "study.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", "utf-8")
    for _ in range(2):
        write_page(found, SMALL, page)
        text = page.read_text("utf-8")
        assert text == f"before\n{BEGIN}\n\n{figures(found, SMALL)}\n\n{END}\nafter\n"
    drawing = page.with_suffix(".svg").read_text("utf-8")
    assert drawing == draw(found, SMALL.rates, ("random30", "none-padded"))
    assert len(drawing) < 20_000
    page.write_text("no marks", "utf-8")
    with pytest.raises(StudyError, match="no place for the figures"):
        write_page(found, SMALL, page)
    with pytest.raises(StudyError, match=r"none\.md: cannot be read"):
        write_page(found, SMALL, tmp_path / "none.md")


@pytest.mark.slow
def test_command__without_what_it_needs_ends_in_one_line(tmp_path: Path, material: Path) -> None:
    def said(*arguments: str) -> tuple[int, str, str]:
        names = ("YOLOBG_STUDY", PYTHON)
        clean = {key: value for key, value in os.environ.items() if key not in names}
        command = [sys.executable, "-m", "benchmarks.study", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=REPOSITORY, env=clean)
        return done.returncode, done.stdout, done.stderr

    code, out, _ = said("--help")
    assert code == 0
    assert "--material" in out
    for number in ("0", "x"):
        code, _, err = said("--jobs", number)
        assert code == 2
        assert "argument --jobs" in err
    none = str(tmp_path / "nothing")
    for arguments, says in (
        (("--cpu",), "error: no material: name its folder with --material or in YOLOBG_STUDY"),
        (("--cpu", "--material", str(material), "--ultralytics", none), f"error: {none} cannot be started"),
        (("--report", "--results", none), "error: no seed has all of its arms done"),
    ):
        code, _, err = said(*arguments)
        assert code == 1
        assert err.startswith(says)
        assert len(err.splitlines()) == 1


def test_command__with_a_python_that_has_no_ultralytics(
    tmp_path: Path, material: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken/ultralytics.py"
    broken.parent.mkdir()
    broken.write_text("raise ModuleNotFoundError(\"No module named 'ultralytics'\")\n", "utf-8")
    monkeypatch.setenv("PYTHONPATH", str(broken.parent))
    assert main(["--cpu", "--material", str(material), "--ultralytics", sys.executable]) == 1
    assert "has no Ultralytics that works: ModuleNotFoundError" in capsys.readouterr().err


def test_material__that_lacks_a_part_is_refused(material: Path) -> None:
    shutil.rmtree(material / "coco/val2017")
    with pytest.raises(StudyError, match=r"val2017: no such file or folder; --material names"):
        open_material(material, SMALL)


def results_of_the_study() -> dict[tuple[str, int], Result]:
    return read_results(RESULTS, PROTOCOL)


def test_raw_results__are_of_the_protocol_and_small() -> None:
    """Each is read, which checks its hash, its steps and its figures."""
    assert PROTOCOL.hash in PAGE.read_text("utf-8")
    found = results_of_the_study()
    files = sorted(RESULTS.iterdir())
    assert len(files) == len(found)
    assert sum(file.stat().st_size for file in files) < 1_000_000


@pytest.mark.slow
def test_documents__say_what_the_results_say() -> None:
    found = analyse(results_of_the_study(), PROTOCOL)
    assert figures(found, PROTOCOL) in PAGE.read_text("utf-8")
    drawing = draw(found, PROTOCOL.rates, ("random30", "none-padded"))
    assert PAGE.with_suffix(".svg").read_text("utf-8") == drawing
    readme = " ".join((REPOSITORY / "README.md").read_text("utf-8").split())
    assert sentence(found, PROTOCOL).rstrip(".").lower() in readme.lower()


@pytest.mark.slow
@pytest.mark.ultralytics
@pytest.mark.timeout(600)
def test_worker__counts_the_steps_of_a_real_training(
    material: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YOLOBG_CACHE_DIR", str(tmp_path / "cache"))
    opened: Material = dataclasses.replace(open_material(material, SMALL), weights=Path("yolov8n.yaml"))
    settings = {**PROTOCOL.settings, "nbs": SMALL.batch, "imgsz": 64}
    protocol = dataclasses.replace(SMALL, settings=settings)
    machine = Machine(python_with_ultralytics(), "cpu", 1)
    done = train(opened, SMALL.arm("random30"), 0, tmp_path, machine, protocol)
    assert done.counted["steps"] == done.counted["batches"] == SMALL.steps
    assert done.counted["images"] == SMALL.listed
    assert done.weights.is_file()


def test_held_out__are_all_images_of_the_folder_whatever_evaluate_leaves_out(tmp_path: Path) -> None:
    dataset = open_dataset(write_dataset(tmp_path / "animals", val=4))
    # 000000000009 is an image of train2017, which `evaluate` would leave out.
    names = ["000000000139.png", "000000000009.png", "frame.png"]
    write_images(tmp_path / "held", names, first=500)
    (tmp_path / "held/notes.txt").write_text("no image", "utf-8")
    assert [Path(image).name for image in held_out_images(tmp_path / "held", dataset)] == sorted(names)
    trained_on = next((tmp_path / "animals/images/train").iterdir())
    shutil.copy(trained_on, tmp_path / f"held/other{trained_on.suffix}")
    with pytest.raises(StudyError, match="in_dataset"):
        held_out_images(tmp_path / "held", dataset)
