"""Score images with a model file: what is in the cache is not computed again, and what is computed is kept at once."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol

import numpy as np

from yolobg.errors import UsageError
from yolobg.files import hash_file
from yolobg.model import Progress, no_progress
from yolobg.scoring.cache import Look, Rows, ScoreCache
from yolobg.scoring.detections import Detections, Scored, sorted_detections
from yolobg.scoring.onnx_model import open_onnx
from yolobg.scoring.stored import SUFFIX
from yolobg.scoring.ultralytics_model import open_checkpoint
from yolobg.threads import Pool

__all__ = ["MODEL_SUFFIXES", "Best", "Scorer", "open_scorer", "score_images"]

MODEL_SUFFIXES = (".onnx", ".pt")

_HASHING = 4


class _Model(Protocol):
    @property
    def names(self) -> Mapping[int, str]: ...
    @property
    def imgsz(self) -> int: ...
    @property
    def run_by(self) -> tuple[str, str]: ...
    def running(self) -> contextlib.AbstractContextManager[Look]: ...


def score_images(
    file: Path,
    images: Sequence[str],
    names: Mapping[int, str],
    *,
    cache: Path,
    imgsz: int | None = None,
    device: str = "auto",
    batch: int = 8,
    progress: Progress = no_progress,
) -> Scored:
    """What a model finds in images, in classes of the dataset.

    Args:
        file: An .onnx or .pt file.
        images: The images, in the order that `Detections.image` counts.
        names: The dataset's classes; the model's are matched to them by name, and its others are left out.
        cache: Where scores are kept.
        imgsz: Side in pixels to resize images to; None for the model's own.
        device: What to run it on.
        batch: After how many images what was computed is stored.
        progress: Told about the stage `score` and the model's name.

    Raises:
        UsageError: The model cannot be run, or has none of the dataset's classes.
    """
    model, store, digest = _opened(file, cache, imgsz, device)
    classes = _classes(file, model.names, names)
    with Pool(max_workers=_HASHING) as pool:
        hashes = list(pool.map(_hash, images))
    known = store.read()
    missing = {sha256: image for sha256, image in zip(hashes, images, strict=True) if sha256 not in known}
    known.update(_score(model, missing, store, batch, f"score {file.stem}", progress))
    found = _detections([known[sha256] for sha256 in hashes], classes)
    lacking = _lacking(file, classes, names)
    return Scored(file.stem, str(file), digest, found, None, lacking, run_by=model.run_by)


def _opened(
    file: Path, cache: Path, imgsz: int | None, device: str, threads: int | None = None
) -> tuple[_Model, ScoreCache, str]:
    """The model, its scores and its SHA-256."""
    if not file.is_file():
        raise UsageError(f"{file}: no such file; give a model (.pt, .onnx) or predictions (.json)")
    digest = hash_file(file)
    model = _open(file, digest, cache, imgsz, device, threads)
    return model, ScoreCache(cache, digest, model.imgsz, file.suffix.lower().removeprefix(".")), digest


def _open(file: Path, digest: str, cache: Path, imgsz: int | None, device: str, threads: int | None) -> _Model:
    if file.suffix.lower() == ".onnx":
        return open_onnx(file, imgsz=imgsz, device=device, threads=threads)
    kept = cache / "models" / f"{digest[:16]}-{imgsz or 0}{SUFFIX}"
    return open_checkpoint(file, imgsz=imgsz, device=device, kept=kept)


def _hash(image: str) -> str:
    try:
        return hash_file(Path(image))
    except OSError as error:
        raise UsageError(f"{image}: cannot be read: {error.strerror or error}") from error


def _classes(
    file: Path, theirs: Mapping[int, str], ours: Mapping[int, str], also: Mapping[str, int] | None = None
) -> dict[int, int]:
    """The model's class number to the dataset's, by name; `also` has further names."""
    exact = {name: number for number, name in ours.items() if name in theirs.values()}
    folded = {_folded(name): number for name, number in (also or {}).items()}
    # A class that the model has by its very name is no other one of its classes.
    folded |= {_folded(name): number for number, name in ours.items() if name not in exact}
    meant = {number: exact.get(name, folded.get(_folded(name))) for number, name in theirs.items()}
    found = {number: our for number, our in meant.items() if our is not None}
    if not found:
        raise UsageError(
            f"{file}: its classes ({', '.join(list(theirs.values())[:5])}) are not those of the dataset "
            f"({', '.join(list(ours.values())[:5])}); give a model that was trained on it"
        )
    return found


def _folded(name: str) -> str:
    return name.strip().casefold()


def _lacking(file: Path, found: Mapping[int, int], ours: Mapping[int, str]) -> tuple[str, ...]:
    """A warning where the model has no class for some of the dataset's."""
    lacking = [name for number, name in ours.items() if number not in found.values()]
    if not lacking:
        return ()
    return (f"{file}: the model has no class {', '.join(lacking[:10])}; objects of these classes count as not found",)


def _score(
    model: _Model, missing: Mapping[str, str], store: ScoreCache, batch: int, stage: str, progress: Progress
) -> dict[str, Rows]:
    """Score the images that are missing, by their hash; what was computed is stored even where the rest fails."""
    done: dict[str, Rows] = {}
    if not missing:
        return done
    with model.running() as look:
        scored = ((sha256, _looked_at(look, image)) for sha256, image in missing.items())
        while part := dict(islice(scored, batch)):
            store.write(part)
            done.update(part)
            progress(stage, len(done), len(missing))
    return done


def _looked_at(look: Look, image: str) -> Rows:
    rows = look(image)
    if rows is None:
        raise UsageError(f"{image}: OpenCV cannot read this image; replace it or take it out")
    return rows


def _detections(found: Sequence[Rows], classes: Mapping[int, int]) -> Detections:
    image = np.repeat(np.arange(len(found)), [len(rows) for rows in found])
    table = np.concatenate([*found, np.zeros((0, 6), dtype=np.float32)]).astype(np.float64)
    theirs = table[:, 5].astype(np.int64)
    kept = np.isin(theirs, list(classes))
    ours = np.array([classes[number] for number in theirs[kept].tolist()], dtype=np.int64)
    table = table[kept]
    box = np.concatenate([table[:, :2], table[:, 2:4] - table[:, :2]], axis=1)
    return sorted_detections(image[kept], ours, box, table[:, 4])


@dataclass(frozen=True, slots=True)
class Best:
    """The detection of one image that a model is surest of, among those in a class of the dataset.

    Attributes:
        score: Confidence from 0 to 1.
        category: Class id of the dataset.
        box: Left, top, right and bottom in pixels of the image as its EXIF tag turns it.
    """

    score: float
    category: int
    box: tuple[float, float, float, float]


class Scorer:
    """A model that is asked about images bit by bit; what it found is kept in the cache.

    Attributes:
        sha256: Of the model's file.
        imgsz: Side in pixels that images are resized to.
    """

    def __init__(self, look: Look, store: ScoreCache, classes: Mapping[int, int], *, sha256: str, imgsz: int) -> None:
        self.sha256, self.imgsz = sha256, imgsz
        self._look, self._store, self._classes = look, store, dict(classes)
        self._known = store.read()

    def is_known(self, image_sha256: str) -> bool:
        """Whether the image with that content need not be looked at any more."""
        return image_sha256 in self._known

    def best(self, image_sha256: str) -> Best | None:
        """The best detection in an image that is known; None where there is none in a class of the dataset."""
        rows = self._known[image_sha256]
        rows = rows[np.isin(rows[:, 5].astype(np.int64), list(self._classes))]
        if not len(rows):
            return None
        row = rows[int(rows[:, 4].argmax())].astype(np.float64).tolist()
        return Best(row[4], self._classes[int(row[5])], (row[0], row[1], row[2], row[3]))

    def look(self, images: Mapping[str, str], *, told: Callable[[], None], stopped: Callable[[], bool]) -> list[str]:
        """Score images that are not known yet, and store what was found in one step.

        Args:
            images: SHA-256 of the content to the path.
            told: Called after each image.
            stopped: Whether to give up; what was found so far is stored.

        Returns:
            Of the images, those that cannot be read.

        Raises:
            UsageError: The model cannot be run.
            OSError: The cache folder cannot be written.
        """
        found: dict[str, Rows] = {}
        unreadable: list[str] = []
        try:
            for sha256, path in images.items():
                if stopped():
                    break
                if not self.is_known(sha256):
                    rows = self._look(path)
                    if rows is None:
                        unreadable.append(sha256)
                    else:
                        found[sha256] = rows
                told()
        finally:
            if found:
                self._store.write(found)
                self._known.update(found)
        return unreadable


@contextlib.contextmanager
def open_scorer(
    file: Path,
    names: Mapping[int, str],
    *,
    also: Mapping[str, int],
    cache: Path,
    threads: int | None = None,
) -> Iterator[Scorer]:
    """A model that is asked about images bit by bit; it is gone after the block.

    Args:
        file: An .onnx or .pt file.
        names: The dataset's classes, which the model's are matched to by name.
        also: What other class names of a model stand for, as class ids of the dataset.
        cache: Where scores are kept.
        threads: So many of the processor for an .onnx model; None for one a core.

    Raises:
        UsageError: The model cannot be run, or has none of the dataset's classes.
    """
    model, store, digest = _opened(file, cache, None, "auto", threads)
    classes = _classes(file, model.names, names, also)
    with model.running() as look:
        yield Scorer(look, store, classes, sha256=digest, imgsz=model.imgsz)
