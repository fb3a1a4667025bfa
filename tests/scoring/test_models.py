"""Scoring images with model files: the cache, the preparation, the worker, and that .onnx and .pt agree."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from evaluating import write_images
from few_threads import allow_threads
from ultra import environment, python_with_ultralytics

import yolobg.scoring.models as models_module
from yolobg.errors import UsageError, YolobgError
from yolobg.scoring.cache import Rows, ScoreCache
from yolobg.scoring.models import _classes, score_images
from yolobg.scoring.onnx_model import _checked, _letterbox, _opened, _run, suppress_overlaps

NAMES = {0: "raccoon", 1: "kangaroo"}


class Counting:
    """A model that counts what it is asked, and may fail at some image."""

    imgsz = 64
    run_by = ("counting", "1.2")

    def __init__(self, names: dict[int, str], fail_at: int | None = None) -> None:
        self.names = names
        self.asked: list[str] = []
        self._fail_at = fail_at

    @contextlib.contextmanager
    def running(self) -> Iterator[Callable[[str], Any]]:
        yield self._look

    def _look(self, image: str) -> Any:
        if len(self.asked) == self._fail_at:
            raise KeyboardInterrupt
        self.asked.append(Path(image).name)
        width = float(Path(image).stem.lstrip("xf"))
        return np.array([[0, 0, width + 1, 5, 0.5, 1], [0, 0, 9, 9, 0.25, 0]], dtype=np.float32)


@pytest.fixture
def images(tmp_path: Path) -> list[str]:
    write_images(tmp_path / "frames", [f"f{number}.png" for number in range(20)])
    return [str(tmp_path / "frames" / f"f{number}.png") for number in range(20)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "model.onnx").write_bytes(b"a model")
    return tmp_path / "model.onnx"


def use(monkeypatch: pytest.MonkeyPatch, model: Counting) -> Counting:
    monkeypatch.setattr(models_module, "open_onnx", lambda _file, **_options: model)
    return model


def test_scores__are_computed_once_and_found_by_content(
    images: list[str], file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = use(monkeypatch, Counting(NAMES))
    found = score_images(file, images, NAMES, cache=tmp_path / "scores")
    assert len(first.asked) == 20
    assert found.run_by == ("counting", "1.2")
    renamed = [str(Path(image).rename(Path(image).with_name(f"x{Path(image).name}"))) for image in images]
    second = use(monkeypatch, Counting(NAMES))
    again = score_images(file, renamed, NAMES, cache=tmp_path / "scores")
    assert second.asked == []
    for name in ("image", "category", "box", "score"):
        assert np.array_equal(getattr(found.detections, name), getattr(again.detections, name))
    file.write_bytes(b"another model")
    third = use(monkeypatch, Counting(NAMES))
    score_images(file, renamed, NAMES, cache=tmp_path / "scores")
    assert len(third.asked) == 20, "another model has scores of its own"


def test_scores__with_the_threads_that_there_are(
    images: list[str], file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, Counting(NAMES))
    allow_threads(1, monkeypatch)
    assert len(score_images(file, images, NAMES, cache=tmp_path / "scores").detections.score) == 40
    with pytest.raises(YolobgError, match="cannot start more threads"):
        score_images(file, images, NAMES, cache=tmp_path / "scores")


def test_scores__an_interrupted_run_loses_at_most_a_batch(
    images: list[str], file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, Counting(NAMES, fail_at=13))
    with pytest.raises(KeyboardInterrupt):
        score_images(file, images, NAMES, cache=tmp_path / "scores", batch=4)
    rest = use(monkeypatch, Counting(NAMES))
    found = score_images(file, images, NAMES, cache=tmp_path / "scores", batch=4)
    assert len(rest.asked) == 20 - 12
    assert len(found.detections.score) == 40


def test_scores__a_damaged_batch_is_scored_again(
    images: list[str], file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, Counting(NAMES))
    score_images(file, images, NAMES, cache=tmp_path / "scores", batch=5)
    batch = min((tmp_path / "scores").rglob("*.scores"))
    for damage in (batch.read_bytes()[:-3], b"", bytes(len(batch.read_bytes()))):
        batch.write_bytes(damage)
        again = use(monkeypatch, Counting(NAMES))
        score_images(file, images, NAMES, cache=tmp_path / "scores", batch=5)
        assert len(again.asked) == 5
        assert not batch.exists()
        batch = min((tmp_path / "scores").rglob("*.scores"))


def test_classes__are_matched_by_name_and_others_left_out(
    images: list[str], file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, Counting({0: "zebra", 1: "Raccoon"}))
    found = score_images(file, images, NAMES, cache=tmp_path / "scores").detections
    assert found.category.tolist() == [0] * 20
    assert found.box[:, 2].tolist() == [float(number + 1) for number in range(20)]
    use(monkeypatch, Counting({0: "zebra"}))
    with pytest.raises(UsageError, match=r"its classes \(zebra\) are not those of the dataset"):
        score_images(file, images, NAMES, cache=tmp_path / "other")


@pytest.mark.parametrize(
    ("theirs", "ours", "read", "lacking"),
    [
        ({0: " Raccoon ", 1: "KANGAROO"}, NAMES, {0: 0, 1: 1}, ()),
        ({0: "raccoon"}, {0: "raccoon ", 1: "kangaroo"}, {0: 0}, ("kangaroo",)),
        ({0: "Dog", 1: "dog"}, {0: "dog", 1: "Dog"}, {0: 1, 1: 0}, ()),
        ({0: "Dog", 1: "dog"}, {0: "dog"}, {1: 0}, ()),
    ],
)
def test_classes__are_compared_without_case_and_space_and_the_exact_name_wins(
    theirs: dict[int, str], ours: dict[int, str], read: dict[int, int], lacking: tuple[str, ...], images: list[str],
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    assert _classes(file, theirs, ours) == read
    use(monkeypatch, Counting(theirs))
    warnings = score_images(file, images, ours, cache=tmp_path / "scores").warnings
    assert len(warnings) == bool(lacking)
    assert all(f"the model has no class {', '.join(lacking)};" in warning for warning in warnings)


def test_cache__two_models_or_sizes_do_not_share(tmp_path: Path) -> None:
    rows: Rows = np.ones((2, 6), dtype=np.float32)
    ScoreCache(tmp_path, "a" * 64, 640, "pt").write({"x": rows})
    assert np.array_equal(ScoreCache(tmp_path, "a" * 64, 640, "pt").read()["x"], rows)
    for model, size, reader in (("b" * 64, 640, "pt"), ("a" * 64, 320, "pt"), ("a" * 64, 640, "onnx")):
        assert ScoreCache(tmp_path, model, size, reader).read() == {}


def test_overlaps__only_the_best_of_a_class_stays() -> None:
    rows = np.array(
        [[0, 0, 10, 10, 0.9, 0], [0, 0, 10, 9, 0.8, 0], [0, 0, 10, 10, 0.7, 1], [0, 0, 10, 6, 0.6, 0]], dtype=np.float32
    )
    assert suppress_overlaps(rows)[:, 4].tolist() == pytest.approx([0.9, 0.7, 0.6])
    assert len(suppress_overlaps(rows[:0])) == 0


@pytest.mark.parametrize("seed", range(10))
def test_overlaps__of_many_boxes_are_those_of_one_comparison_after_the_other(seed: int) -> None:
    random = np.random.default_rng(seed)
    corner, side = random.random((700, 2)) * 60, 20 + random.random((700, 2)) * 10
    columns = [corner, corner + side, np.sort(random.random((700, 1)), axis=0)[::-1], random.integers(0, 3, (700, 1))]
    rows = np.concatenate(columns, axis=1).astype(np.float32)
    kept: list[Any] = []
    for row in rows:
        if not any(row[5] == other[5] and overlap(row, other) > 0.7 for other in kept):
            kept.append(row)
    assert 64 < len(kept) < 700, "both kinds occur, over more than one block"
    assert np.array_equal(suppress_overlaps(rows), np.array(kept[:300]))


def overlap(one: Any, other: Any) -> float:
    """Intersection over union in exact arithmetic, near enough for boxes drawn at random."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    both = max(0.0, float(width)) * max(0.0, float(height))
    areas = [float(box[2] - box[0]) * float(box[3] - box[1]) for box in (one, other)]
    return both / (sum(areas) - both)


@pytest.mark.parametrize(
    ("shape", "smallest", "prepared"),
    [
        ((240, 320), True, (192, 256)),
        ((240, 320), False, (256, 256)),
        ((1, 999), True, (32, 256)),
        ((256, 256), True, (256, 256)),
    ],
)
def test_letterbox__has_the_shape_that_ultralytics_makes(
    shape: tuple[int, int], smallest: bool, prepared: tuple[int, int]
) -> None:
    pytest.importorskip("cv2")
    assert _letterbox(np.zeros((*shape, 3), dtype=np.uint8), 256, 32, smallest=smallest).shape[:2] == prepared


def test_models__that_cannot_be_run_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=r"gone\.pt: no such file"):
        score_images(tmp_path / "gone.pt", [], NAMES, cache=tmp_path)
    (tmp_path / "bad.pt").write_bytes(b"no checkpoint")
    monkeypatch.setenv("YOLOBG_ULTRALYTICS_PYTHON", str(tmp_path / "no-python"))
    with pytest.raises(UsageError, match="cannot be started"):
        score_images(tmp_path / "bad.pt", [], NAMES, cache=tmp_path)
    # Started without its packages, Python has no Ultralytics.
    monkeypatch.setenv("YOLOBG_ULTRALYTICS_PYTHON", without_packages(tmp_path))
    with pytest.raises(UsageError, match="install Ultralytics beside yolobg"):
        score_images(tmp_path / "bad.pt", [], NAMES, cache=tmp_path)


def without_packages(tmp_path: Path) -> str:
    if os.name == "nt":
        pytest.skip("a script stands for Python here")
    script = tmp_path / "python"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "$@"\n', "utf-8")
    script.chmod(0o755)
    return str(script)


def test_onnx__that_is_none_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("cv2")
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    with pytest.raises(UsageError, match=r"bad\.onnx: onnxruntime cannot open it"):
        score_images(tmp_path / "bad.onnx", [], NAMES, cache=tmp_path)


RUN_BY = ("onnxruntime", "1")


class Session:
    """What onnxruntime says of a model that was exported."""

    def __init__(self, shape: list[Any], type_: str = "tensor(float)", **told: str) -> None:
        self._input = SimpleNamespace(name="images", shape=shape, type=type_)
        self._told = {"names": str(NAMES), "imgsz": "[64, 64]", "stride": "32", "task": "detect", **told}

    def get_inputs(self) -> list[Any]:
        return [self._input]

    def get_outputs(self) -> list[Any]:
        return [SimpleNamespace(shape=[1, 6, 84])]

    def get_modelmeta(self) -> Any:
        return SimpleNamespace(custom_metadata_map=self._told)

    def run(self, _names: None, _given: dict[str, Any]) -> list[Any]:
        raise RuntimeError("INVALID_ARGUMENT: Got invalid dimensions")


@pytest.mark.parametrize("shape", [[1, 3, 64, 64], ["batch", 3, "height", "width"]])
def test_onnx__as_ultralytics_exports_it_is_opened(shape: list[Any]) -> None:
    model = _opened(Path("m.onnx"), Session(shape), None, RUN_BY)
    assert (model.names, model.imgsz) == (NAMES, 64)
    with pytest.raises(UsageError, match=r"cannot be run on an input of shape \(1, 3, 32, 32\): INVALID_ARGUMENT"):
        _run(model._session, np.zeros((1, 3, 32, 32), dtype=np.float32))


@pytest.mark.parametrize(
    ("session", "said"),
    [
        (Session([4, 3, 64, 64]), r"shape \[4, 3, 64, 64\]"),
        (Session([1, 1, 64, 64]), "three channels"),
        (Session([1, 3, 64, 96]), "square"),
        (Session([1, 3]), r"shape \[1, 3\]"),
        (Session([1, 3, 64, 64], "tensor(float16)"), "half=False"),
        (Session([1, 3, 64, 64], stride="0"), "its stride 0"),
        (Session([1, 3, 64, 64], imgsz="[0, 0]"), "its imgsz is 0"),
    ],
)
def test_onnx__whose_input_is_another_is_refused_by_name(session: Session, said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        _opened(Path("m.onnx"), session, None, RUN_BY)
    assert str(caught.value).startswith("m.onnx: ")


@pytest.mark.parametrize("end_to_end", [False, True])
def test_onnx__output_is_that_of_a_detector_or_refused(*, end_to_end: bool) -> None:
    good = np.full((1, 5, 6), 0.5, dtype=np.float32)
    rows = good if end_to_end else good.transpose(0, 2, 1)
    assert _checked(rows, 2, end_to_end=end_to_end).shape == rows.shape[1:]
    for shape in ((1, 6), (2, *rows.shape[1:]), (1, 7, 5), (1, 5, 7), (1, 1, 6, 5)):
        with pytest.raises(UsageError, match="not that of a detector of 2 classes"):
            _checked(np.zeros(shape, dtype=np.float32), 2, end_to_end=end_to_end)
    for value, column, said in ((np.nan, 4, "scores"), (1.5, 4, "scores"), (-0.1, 4, "scores"), (np.inf, 0, "")):
        bad = good.copy()
        bad[0, 2, column] = value
        bad = bad if end_to_end else bad.transpose(0, 2, 1)
        if said:
            with pytest.raises(UsageError, match=said):
                _checked(bad, 2, end_to_end=end_to_end)
        else:
            assert _checked(bad, 2, end_to_end=end_to_end).size == 4 * 6


STUDY = os.environ.get("YOLOBG_STUDY", "")


@pytest.fixture
def study() -> Path:
    """The folder of trained models and real images; skips where it is not at hand."""
    if not (Path(STUDY) / "models").is_dir() or not STUDY:
        pytest.skip("YOLOBG_STUDY does not name a folder with models and images")
    return Path(STUDY)


@pytest.mark.slow
@pytest.mark.ultralytics
@pytest.mark.timeout(900)
def test_onnx_and_checkpoint__agree_on_real_images(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("cv2")
    monkeypatch.setenv("YOLOBG_ULTRALYTICS_PYTHON", python_with_ultralytics())
    listed = json.loads((study / "coco/images.json").read_text("utf-8"))
    images = sorted(str(path) for path in (study / "coco").rglob("*.jpg"))
    assert len(images) == len(listed["images"]) > 600
    onnx, checkpoint = (
        score_images(study / f"models/none_seed0{suffix}", images, NAMES, cache=tmp_path).detections
        for suffix in (".onnx", ".pt")
    )
    highest = [np.zeros(len(images)), np.zeros(len(images))]
    for scores, found in zip(highest, (onnx, checkpoint), strict=True):
        np.maximum.at(scores, found.image, found.score)
    assert np.abs(highest[0] - highest[1]).max() < 1e-3
    for confidence in (0.1, 0.25, 0.5):
        assert np.array_equal(highest[0] >= confidence, highest[1] >= confidence)


@pytest.mark.ultralytics
@pytest.mark.timeout(300)
def test_checkpoint__is_run_by_the_users_own_ultralytics(
    tmp_path: Path, images: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    python = python_with_ultralytics()
    make = "from ultralytics import YOLO; m = YOLO('yolov8n.yaml'); m.model.names = {0: 'raccoon', 1: 'kangaroo'}"
    subprocess.run(
        [python, "-c", f"{make}; m.save('fresh.pt')"], cwd=tmp_path, env=environment(), check=True, capture_output=True,
        timeout=120,
    )  # fmt: skip
    monkeypatch.setenv("YOLOBG_ULTRALYTICS_PYTHON", python)
    found = score_images(tmp_path / "fresh.pt", images[:3], NAMES, cache=tmp_path / "scores", imgsz=64)
    assert found.name == "fresh"
    assert found.run_by is not None
    assert found.run_by[0] == "ultralytics"
    assert re.fullmatch(r"\d+\.\d+\.\d+", found.run_by[1])
    assert set(found.detections.category.tolist()) <= {0, 1}
    assert "torch" not in sys.modules
    (tmp_path / "bad.pt").write_bytes(b"no checkpoint")
    with pytest.raises(UsageError, match=r"bad\.pt: Ultralytics cannot run it"):
        score_images(tmp_path / "bad.pt", images, NAMES, cache=tmp_path)
