"""Run an exported Ultralytics model (.onnx) through onnxruntime, with the preparation that Ultralytics itself applies.

OpenCV's resize is part of that: Pillow's flips several per cent of the decisions.
"""

from __future__ import annotations

import ast
import contextlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yolobg.errors import UsageError
from yolobg.scoring.cache import Look, Rows
from yolobg.scoring.extra import check_extra

__all__ = ["OnnxModel", "open_onnx", "suppress_overlaps"]

Ints = NDArray[np.int64]

LOWEST = 0.001
"""Detections below this score are left out, as in Ultralytics' own validation."""

_OVERLAP = 0.7
_APART = 7680
_AT_ONCE = 64
_MOST = 300
_MOST_CANDIDATES = 30_000
_GREY = (114, 114, 114)
_DIMENSIONS = 3
_ROW = 6
_INPUT = (1, 3, 0, 0)


@dataclass(frozen=True)
class OnnxModel:
    """An opened model.

    Attributes:
        names: The model's class numbers and names.
        imgsz: Side in pixels that images are resized to.
        run_by: The library that runs it, and its version.
    """

    names: Mapping[int, str]
    imgsz: int
    run_by: tuple[str, str]
    _session: Any
    _stride: int
    _dynamic: bool
    _end_to_end: bool

    @contextlib.contextmanager
    def running(self) -> Iterator[Look]:
        """A function that looks at one image after the other, and gives None for one that cannot be read."""

        def look(image: str) -> Rows | None:
            picture = _read_image(image)
            return None if picture is None else self._one(picture)

        yield look

    def _one(self, picture: NDArray[np.uint8]) -> Rows:
        prepared = _letterbox(picture, self.imgsz, self._stride, smallest=self._dynamic)
        pixels = np.ascontiguousarray(prepared[..., ::-1].transpose(2, 0, 1)[None], dtype=np.float32) / np.float32(255)
        output = _checked(_run(self._session, pixels), len(self.names), end_to_end=self._end_to_end)
        rows = _kept(output) if self._end_to_end else _candidates(output, len(self.names))
        return _to_picture(rows, prepared.shape[:2], picture.shape[:2])


def open_onnx(file: Path, *, imgsz: int | None, device: str, threads: int | None = None) -> OnnxModel:
    """Open a model that Ultralytics exported.

    Args:
        file: The .onnx file.
        imgsz: Side in pixels to resize images to; None for the one it was exported with.
        device: `auto`, `cpu`, or anything else for CUDA.
        threads: So many of the processor; None for one a core.

    Raises:
        UsageError: onnxruntime or OpenCV is missing, or it is not a detection model exported by Ultralytics.
    """
    check_extra(("onnxruntime", "cv2"), extra="onnx")
    import onnxruntime  # noqa: PLC0415 - only where a model has to be run

    wanted = ["CPUExecutionProvider"] if device == "cpu" else ["CUDAExecutionProvider", "CPUExecutionProvider"]
    providers = [provider for provider in wanted if provider in onnxruntime.get_available_providers()]
    try:
        options = onnxruntime.SessionOptions()
        # Its threads would take a core each while they wait for the next image.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.intra_op_num_threads = threads or 0
        session = onnxruntime.InferenceSession(str(file), options, providers=providers)
    except Exception as error:
        raise UsageError(f"{file}: onnxruntime cannot open it: {str(error)[:300]}") from error
    return _opened(file, session, imgsz, ("onnxruntime", onnxruntime.__version__))


def _opened(file: Path, session: Any, imgsz: int | None, run_by: tuple[str, str]) -> OnnxModel:
    """A session's model, if it is one of Ultralytics whose preparation is known."""
    told = session.get_modelmeta().custom_metadata_map
    try:
        names = {int(number): str(name) for number, name in ast.literal_eval(told["names"]).items()}
        exported, stride = max(ast.literal_eval(told["imgsz"])), int(told["stride"])
    except (KeyError, ValueError, SyntaxError, TypeError, AttributeError) as error:
        raise UsageError(
            f"{file}: it has no names, imgsz and stride as Ultralytics writes them; give predictions as JSON instead"
        ) from error
    if told.get("task") != "detect":
        raise UsageError(f"{file}: it is a model for {told.get('task')}; expected one for detect")
    if min(exported, stride) < 1:
        raise UsageError(f"{file}: its imgsz is {exported} and its stride {stride}; expected 1 or more")
    sides = _input_sides(file, session)
    dynamic = not all(isinstance(side, int) for side in sides)
    if not dynamic and imgsz not in (None, max(sides)):
        raise UsageError(f"{file}: it was exported for {max(sides)} pixels only; leave --imgsz out")
    size = math.ceil((imgsz or exported) / stride) * stride
    last = session.get_outputs()[0].shape[-1]
    end_to_end = told.get("end2end") == "True" or last == _ROW
    return OnnxModel(names, size, run_by, session, stride, dynamic, end_to_end)


def _input_sides(file: Path, session: Any) -> list[Any]:
    """Height and width of the input; a side that may differ from image to image is no number."""
    inputs = session.get_inputs()
    shape, type_ = list(inputs[0].shape), inputs[0].type
    fixed = [side for side in shape[2:] if isinstance(side, int)]
    fits = len(inputs) == 1 and len(shape) == len(_INPUT) and type_ == "tensor(float)" and len(set(fixed)) <= 1
    if not fits or any(isinstance(side, int) and side != one for side, one in zip(shape[:2], _INPUT, strict=False)):
        raise UsageError(
            f"{file}: its input is {type_} of shape {shape}; expected one square image of three channels, "
            "tensor(float): export it with batch=1, half=False and a single imgsz, or give predictions as JSON instead"
        )
    return shape[2:]


def _run(session: Any, pixels: NDArray[np.float32]) -> Any:
    try:
        return session.run(None, {session.get_inputs()[0].name: pixels})[0]
    except Exception as error:
        raise UsageError(
            f"the .onnx model cannot be run on an input of shape {pixels.shape}: {str(error)[:300]}; export it again, "
            "or give predictions as JSON instead"
        ) from error


def _checked(output: Any, classes: int, *, end_to_end: bool) -> NDArray[np.float32]:
    """The output for the one image, if it is that of a detector; rows whose box is no number are left out."""
    shape = np.shape(output)
    columns = _ROW if end_to_end else 4 + classes
    if len(shape) != _DIMENSIONS or shape[0] != 1 or shape[2 if end_to_end else 1] != columns:
        raise UsageError(
            f"the .onnx model's output of shape {shape} is not that of a detector of {classes} classes; give "
            "predictions as JSON instead"
        )
    found: NDArray[np.float32] = np.asarray(output[0], dtype=np.float32)
    table = found if end_to_end else found.T
    scores = table[:, 4:5] if end_to_end else table[:, 4:]
    if not np.all((scores >= 0) & (scores <= 1)):
        raise UsageError("the .onnx model gives scores that are not from 0 to 1; give predictions as JSON instead")
    table = table[np.isfinite(table).all(axis=1)]
    return table if end_to_end else table.T


def _read_image(image: str) -> NDArray[np.uint8] | None:
    import cv2  # noqa: PLC0415 - only where a model has to be run

    # Not `imread`, which fails on names that are not ASCII on Windows.
    picture: NDArray[np.uint8] | None = cv2.imdecode(np.fromfile(image, np.uint8), cv2.IMREAD_COLOR)
    return picture


def _letterbox(picture: NDArray[np.uint8], size: int, stride: int, *, smallest: bool) -> NDArray[np.uint8]:
    """Ultralytics' LetterBox (8.4.190): resized to fit, grey borders; `smallest` borders only up to the stride."""
    import cv2  # noqa: PLC0415 - as above

    height, width = picture.shape[:2]
    scale = min(size / height, size / width)
    new = max(round(width * scale), 1), max(round(height * scale), 1)
    across, down = size - new[0], size - new[1]
    if smallest:
        across, down = across % stride, down % stride
    if (width, height) != new:
        picture = cv2.resize(picture, new, interpolation=cv2.INTER_LINEAR)
    half_across, half_down = across / 2, down / 2
    top, bottom = round(half_down - 0.1), round(half_down + 0.1)
    left, right = round(half_across - 0.1), round(half_across + 0.1)
    made: NDArray[np.uint8] = cv2.copyMakeBorder(picture, top, bottom, left, right, cv2.BORDER_CONSTANT, value=_GREY)
    return made


def _kept(output: NDArray[np.float32]) -> Rows:
    """Rows of a model that removes overlaps itself."""
    return output[output[:, 4] > LOWEST][:_MOST].astype(np.float32)


def _candidates(output: NDArray[np.float32], classes: int) -> Rows:
    """Rows of a model that does not: the best class of each candidate, overlaps removed."""
    table = output.T
    best = table[:, 4 : 4 + classes].max(axis=1)
    table, best = table[best > LOWEST], best[best > LOWEST]
    category = table[:, 4 : 4 + classes].argmax(axis=1)
    middle, half = table[:, :2], table[:, 2:4] / 2
    rows = np.concatenate([middle - half, middle + half, best[:, None], category[:, None]], axis=1, dtype=np.float32)
    order = np.argsort(-rows[:, 4], kind="stable")[:_MOST_CANDIDATES]
    return suppress_overlaps(rows[order])


def suppress_overlaps(rows: Rows) -> Rows:
    """Of boxes of one class that overlap by more than 0.7, only the best; at most 300 in all (torchvision's `nms`).

    Args:
        rows: By falling score, shape (n, 6).
    """
    # As there: boxes of different classes are moved apart, in 32-bit floats, whose rounding is part of the result.
    boxes = np.ascontiguousarray((rows[:, :4] + rows[:, 5:6] * np.float32(_APART)).T)
    area = (boxes[2] - boxes[0]) * (boxes[3] - boxes[1])
    left = np.arange(len(rows))
    kept: list[int] = []
    while len(left) and len(kept) < _MOST:
        # Some at a time: each alone costs a dozen calls, all at once a table of millions.
        head = left[:_AT_ONCE]
        over = _overlapping(boxes, area, head, left)
        free = np.ones(len(left), dtype=np.bool_)
        for place, row in enumerate(head.tolist()):
            if free[place]:
                kept.append(row)
                free &= ~over[place]
        left = left[len(head) :][free[len(head) :]]
    return rows[kept[:_MOST]]


def _overlapping(boxes: Rows, area: NDArray[np.float32], head: Ints, left: Ints) -> NDArray[np.bool_]:
    """Whether each of `left` (column) overlaps each of `head` (row) too much; `boxes` has shape (4, n)."""
    left_x, top_y, right_x, bottom_y = boxes[:, left]
    width = np.minimum(boxes[2, head, None], right_x) - np.maximum(boxes[0, head, None], left_x)
    height = np.minimum(boxes[3, head, None], bottom_y) - np.maximum(boxes[1, head, None], top_y)
    both = np.maximum(width, 0) * np.maximum(height, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        found: NDArray[np.bool_] = both / (area[head][:, None] + area[left] - both) > _OVERLAP
    return found


def _to_picture(rows: Rows, prepared: tuple[int, ...], picture: tuple[int, ...]) -> Rows:
    """Boxes in pixels of the picture as it was, cut off at its edges (Ultralytics' `scale_boxes`)."""
    gain = min(prepared[0] / picture[0], prepared[1] / picture[1])
    sides = np.array([picture[1], picture[0]], dtype=np.float32)
    new = [max(round(float(side) * gain), 1) for side in sides]
    pad = np.array([round((prepared[1] - new[0]) / 2 - 0.1), round((prepared[0] - new[1]) / 2 - 0.1)], dtype=np.float32)
    moved = rows.copy()
    for start in (0, 2):
        corner = (moved[:, start : start + 2] - pad) / (np.array(new, dtype=np.float32) / sides)
        moved[:, start : start + 2] = np.clip(corner, 0, sides)
    return moved
