"""What a request with a model needs, checked before the dataset is read: a file, options that go together, packages."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from yolobg.errors import UsageError
from yolobg.flow.options import Request

__all__ = ["check_hard"]

_SUFFIXES = (".onnx", ".pt")


def check_hard(request: Request) -> None:
    """Refuse a request whose model cannot be run, or whose options for one have no model.

    Raises:
        UsageError: The message says what is missing.
    """
    _check_ranges(request)
    option = request.model_option
    if option is None:
        _check_none(request)
        return
    for name in ("recheck", "trim"):
        if getattr(request, name):
            raise UsageError(f"{option} can't be combined with --{name}: run augment --{name} first, then {option}")
    if request.prefer is not None:
        raise UsageError(f"{option} can't be combined with --prefer: run one after the other, with a higher --count")
    if request.scores is not None:
        _check_scores(request, Path(request.scores).expanduser())
    if request.hard is not None:
        _check_model(Path(request.hard).expanduser(), runs=request.scores is None)


def _check_none(request: Request) -> None:
    without = Request()
    for name in ("hard_share", "min_score", "pool"):
        if getattr(request, name) != getattr(without, name):
            raise UsageError(f"--{name.replace('_', '-')} goes with --hard MODEL; give the model, or leave it out")


def _check_scores(request: Request, folder: Path) -> None:
    if request.pool is not None:
        raise UsageError("--pool can't be combined with --scores, whose images are looked at already; leave it out")
    if not (folder / "plan.json").is_file():
        raise UsageError(f"--scores {folder}: expected a folder that `yolobg mine --plan` made and `--work` scored")
    if missing := [name for name in ("numpy", "pyarrow") if find_spec(name) is None]:
        raise UsageError(f"--scores needs {', '.join(missing)}: pip install 'yolobg[evaluate,scale]'")


def _check_ranges(request: Request) -> None:
    if request.pool is not None and request.pool < 1:
        raise UsageError(f"pool: {request.pool} is out of range; give at least 1, or auto")
    for name in ("hard_share", "min_score"):
        value = getattr(request, name)
        if not isinstance(value, (int, float)) or not 0 < value <= 1:
            raise UsageError(f"{name}: {value!r} is out of range; give a number above 0 and up to 1")


def _check_model(model: Path, *, runs: bool) -> None:
    if model.suffix.lower() not in _SUFFIXES:
        raise UsageError(f"--hard {model}: expected your trained model, a .pt or .onnx file")
    if not model.is_file():
        raise UsageError(f"--hard {model}: no such file; give your trained model (.pt or .onnx)")
    if not runs:
        return
    needed = ("numpy", "onnxruntime", "cv2") if model.suffix.lower() == ".onnx" else ("numpy",)
    missing = [name for name in needed if find_spec(name) is None]
    if missing:
        extra = "onnx" if model.suffix.lower() == ".onnx" else "evaluate"
        raise UsageError(f"--hard needs {', '.join(missing)}: pip install 'yolobg[{extra}]'")
