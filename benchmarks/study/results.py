"""One JSON file a run: what it was, and its scores on the labelled images and the held-out backgrounds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.study.protocol import Protocol, StudyError
from yolobg.evaluation.curves import ScoredRun, allowed_alarms
from yolobg.evaluation.figures import Comparison, Side

__all__ = ["Result", "path_of", "read_result", "read_results", "record", "write_result"]

SCHEMA = 1
LOWEST = 0.01
"""Detections with a lower score are not kept: they decide nothing at the rates of the primary figure."""
_CLOSE = 1e-6


@dataclass(frozen=True)
class Result:
    """A run that was read and checked."""

    arm: str
    seed: int
    material: str
    run: ScoredRun
    document: Mapping[str, Any]


def path_of(folder: Path, arm: str, seed: int) -> Path:
    """Where the result of a run lies."""
    return folder / f"{arm}-seed{seed}.json"


def record(side: Side, figures: Comparison, about: Mapping[str, Any]) -> dict[str, Any]:
    """A run's document.

    Args:
        side: The run, alone on its side.
        figures: What `evaluate` says of it, from all detections.
        about: Arm, seed, hash of the protocol, of the material and the like.
    """
    run, model = side.runs[0], figures.models[0]
    kept = run.score >= LOWEST
    return {
        "schema": SCHEMA,
        **about,
        "evaluate": {
            "mean_recall_at_false_alarm_rate": model.mean_recall_at_false_alarm_rate,
            "recall_at_false_alarm_rate": dict(model.recall_at_false_alarm_rate),
            "at_confidence": {
                key: {"false_alarm_rate": at.false_alarm_rate, "recall": at.recall, "precision": at.precision}
                for key, at in model.at_confidence.items()
            },
            "ap50": model.ap50,
            "ap50_95": model.ap50_95,
        },
        "scores": {
            "backgrounds": _exact(run.highest),
            "objects": run.by_category.tolist(),
            "image": run.image[kept].tolist(),
            "category": run.category[kept].tolist(),
            "score": _exact(run.score[kept]),
            "hit": run.hit[kept].astype(int).tolist(),
        },
    }


def _exact(scores: NDArray[np.float64]) -> list[float]:
    """Models give 32 bits; the shortest text that gives them back keeps ties ties and order order."""
    return [float(str(score)) for score in scores.astype(np.float32)]


def write_result(file: Path, document: Mapping[str, Any]) -> None:
    """Write a run's document with its own hash, whole or not at all."""
    text = json.dumps({**document, "sha256": _digest(document)}, separators=(",", ":")) + "\n"
    part = file.with_suffix(".part")
    part.write_text(text, "utf-8")
    part.replace(file)


def _digest(document: Mapping[str, Any]) -> str:
    plain = {key: value for key, value in document.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def read_result(file: Path, protocol: Protocol) -> Result:
    """Read a run's document and check it.

    Raises:
        StudyError: It was changed, is of another protocol, or its figures are not those of its scores.
    """
    try:
        document = json.loads(file.read_text("utf-8"))
        stated, arm, seed = document["protocol"], document["arm"], document["seed"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StudyError(f"{file}: not a result of this study: {error}; delete it to run it again") from error
    if document.get("schema") != SCHEMA or document.get("sha256") != _digest(document):
        raise StudyError(f"{file}: its content does not have the hash that it states; delete it to run it again")
    if stated != protocol.hash:
        raise StudyError(f"{file}: made by protocol {stated[:12]}, this is {protocol.hash[:12]}; use another --results")
    if file.name != path_of(file.parent, arm, seed).name or document["counted"]["steps"] != protocol.steps:
        raise StudyError(f"{file}: is {arm}, seed {seed}, {document['counted']['steps']} steps: not what it should be")
    run = _run(document["scores"])
    _check_figures(file, run, document["evaluate"], protocol)
    return Result(arm, seed, document["material"], run, document)


def _run(scores: Mapping[str, Any]) -> ScoredRun:
    by_category = np.array(scores["objects"], dtype=np.int64)
    return ScoredRun(
        highest=np.array(scores["backgrounds"], dtype=np.float64),
        objects=by_category.sum(axis=1),
        by_category=by_category,
        image=np.array(scores["image"], dtype=np.int64),
        category=np.array(scores["category"], dtype=np.int64),
        score=np.array(scores["score"], dtype=np.float64),
        hit=np.array(scores["hit"], dtype=np.bool_),
        alarm_scores=np.zeros(0),
    )


def _check_figures(file: Path, run: ScoredRun, stated: Mapping[str, Any], protocol: Protocol) -> None:
    allowed = [allowed_alarms(rate, len(run.highest)) for rate in protocol.rates]
    ones = np.ones((1, len(run.objects)), dtype=np.int64), np.ones((1, len(run.highest)), dtype=np.int64)
    primary = float(run.recall_at_alarms(*ones, allowed).mean())
    if abs(primary - stated["mean_recall_at_false_alarm_rate"]) > _CLOSE:
        raise StudyError(f"{file}: states {stated['mean_recall_at_false_alarm_rate']}, its scores give {primary}")


def read_results(folder: Path, protocol: Protocol) -> dict[tuple[str, int], Result]:
    """All runs of the protocol that are there, by arm and seed.

    Raises:
        StudyError: One cannot be used, or they are of different material.
    """
    wanted = [(arm.name, seed) for seed in protocol.seeds for arm in protocol.arms]
    files = {key: path_of(folder, *key) for key in wanted}
    found = {key: read_result(file, protocol) for key, file in files.items() if file.exists()}
    if len({result.material for result in found.values()}) > 1:
        raise StudyError(f"{folder}: its runs are of different material; each of them must see the same images")
    return found
