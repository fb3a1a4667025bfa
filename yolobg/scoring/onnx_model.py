"""Run an exported Ultralytics model (.onnx) through onnxruntime, with the preparation that Ultralytics itself applies.

OpenCV's resize is part of that: Pillow's flips several per cent of the decisions.
"""

from __future__ import annotations

import ast
import contextlib
import math
from collections.abc import Iterable, Iterator, Mapping
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

    def score(self, images: Iterable[str]) -> Iterator[Rows]:
        """What the model finds in each image; see `ScoreCache` for the columns.

        Raises:
            UsageError: An image cannot be read, or the model gives what no detector does.
        """
        for image in images:
            picture = _read_image(image)
            if picture is None:
                raise UsageError(f"{image}: OpenCV cannot read this image; replace it or take it out")
            yield self._one(picture)

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
        (name,) = (given.name for given in self._session.get_inputs())
        output = self._session.run(None, {name: pixels})[0]
        if output.ndim != _DIMENSIONS:
            raise UsageError("the .onnx model's output is not that of a detector; give predictions as JSON instead")
        rows = _kept(output[0]) if self._end_to_end else _candidates(output[0], len(self.names))
        return _to_picture(rows, prepared.shape[:2], picture.shape[:2])


def open_onnx(file: Path, *, imgsz: int | None, device: str) -> OnnxModel:
    """Open a model that Ultralytics exported.

    Args:
        file: The .onnx file.
        imgsz: Side in pixels to resize images to; None for the one it was exported with.
        device: `auto`, `cpu`, or anything else for CUDA.

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
        session = onnxruntime.InferenceSession(str(file), options, providers=providers)
    except Exception as error:
        raise UsageError(f"{file}: onnxruntime cannot open it: {str(error)[:300]}") from error
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
    sides = session.get_inputs()[0].shape[2:]
    dynamic = not all(isinstance(side, int) for side in sides)
    if not dynamic and imgsz not in (None, max(sides)):
        raise UsageError(f"{file}: it was exported for {max(sides)} pixels only; leave --imgsz out")
    size = math.ceil((imgsz or exported) / stride) * stride
    last = session.get_outputs()[0].shape[-1]
    end_to_end = told.get("end2end") == "True" or last == _ROW
    return OnnxModel(names, size, ("onnxruntime", onnxruntime.__version__), session, stride, dynamic, end_to_end)


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
