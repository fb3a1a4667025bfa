"""Run what is missing: train, score, write one file a run. What is there is checked and kept."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from filelock import FileLock, Timeout

from benchmarks.study.protocol import Arm, Protocol, StudyError
from benchmarks.study.results import path_of, read_results, record, write_result
from benchmarks.study.training import Machine, Material, Trained, train
from yolobg.dataset.dataset import Dataset, open_dataset
from yolobg.dataset.layout import is_image
from yolobg.evaluation.bootstrap import Draws
from yolobg.evaluation.figures import Comparison, Side, compare_sides, rates_for
from yolobg.evaluation.truth import read_truth
from yolobg.flow.seen import Seen
from yolobg.scoring.models import score_images
from yolobg.version import __version__

__all__ = ["Place", "held_out_images", "missing_runs", "run_missing"]

_FEWEST_DRAWS = 100
_CONFIDENCES = (0.25, 0.5)


@dataclass(frozen=True)
class Place:
    """Where things lie.

    Attributes:
        results: The folder of the results.
        work: A folder for checkpoints and copies of the dataset.
    """

    results: Path
    work: Path


def missing_runs(results: Path, protocol: Protocol) -> list[tuple[Arm, int]]:
    """The runs that are not done, a seed of all arms before the next seed."""
    found = read_results(results, protocol)
    return [(arm, seed) for seed in protocol.seeds for arm in protocol.arms if (arm.name, seed) not in found]


def run_missing(material: Material, place: Place, machine: Machine, protocol: Protocol, *, jobs: int) -> None:
    """Do what is missing, some runs at a time.

    Raises:
        StudyError: A run fails, or another process is at it; what was done stays.
        YolobgError: As for `augment` and `evaluate`.
    """
    place.results.mkdir(parents=True, exist_ok=True)
    place.work.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(place.work / "study.lock", timeout=0):
            _run_all(material, place, machine, protocol, jobs)
    except Timeout as error:
        raise StudyError(f"{place.work}: another study runs there; wait for it or give another --work") from error


def _run_all(material: Material, place: Place, machine: Machine, protocol: Protocol, jobs: int) -> None:
    missing = missing_runs(place.results, protocol)
    print(f"{len(missing)} of {len(protocol.seeds) * len(protocol.arms)} runs to do, {jobs} at a time", flush=True)
    with ThreadPoolExecutor(jobs) as pool:
        futures = [pool.submit(_run, material, arm, seed, place, machine, protocol) for arm, seed in missing]
        try:
            for done, future in enumerate(as_completed(futures), start=1):
                print(f"[{done}/{len(missing)}] {future.result()}", flush=True)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _run(material: Material, arm: Arm, seed: int, place: Place, machine: Machine, protocol: Protocol) -> str:
    began = monotonic()
    trained = train(material, arm, seed, place.work, machine, protocol)
    side, figures = _score(material, trained, protocol)
    about = {
        "protocol": protocol.hash,
        "material": material.digest,
        "arm": arm.name,
        "seed": seed,
        "counted": trained.counted,
        "weights": side.scored[0].sha256,
        "device": machine.device,
        "yolobg": __version__,
    }
    write_result(path_of(place.results, arm.name, seed), record(side, figures, about))
    model = figures.models[0]
    at = model.at_confidence["0.25"]
    return (
        f"{arm.name}, seed {seed}: mean recall {model.mean_recall_at_false_alarm_rate:.3f}; at 0.25 false alarms "
        f"{at.false_alarm_rate:.3f}, recall {at.recall:.3f}; AP50 {model.ap50:.3f}; {monotonic() - began:.0f} s"
    )


def _score(material: Material, trained: Trained, protocol: Protocol) -> tuple[Side, Comparison]:
    dataset = open_dataset(material.dataset)
    truth = read_truth(dataset.data, "val")
    held = held_out_images(material.held_out, dataset)
    images = [*truth.images, *held]
    scored = score_images(
        trained.weights,
        images,
        dataset.data.names,
        cache=trained.weights.parent / "scores",
        imgsz=int(protocol.settings["imgsz"]),
    )
    side = Side.of("before", [scored], truth, backgrounds=len(held), classes=len(dataset.data.names))
    if (rates := rates_for(len(held))) != protocol.rates:
        raise StudyError(f"{len(held)} held-out backgrounds are measured at {rates}, the protocol has others")
    draws = Draws(_FEWEST_DRAWS, 0)
    return side, compare_sides([side], truth, held, conf=_CONFIDENCES, draws=draws)


def held_out_images(folder: Path, dataset: Dataset) -> tuple[str, ...]:
    """The backgrounds that every run is measured on, in the order of their names: all that the folder has.

    Not a choice of `evaluate`, whose rules may become stricter: runs are compared image by image, so what they are
    measured on is fixed by the material's digest alone.

    Raises:
        StudyError: One of them is in the dataset that was trained on.
    """
    images = tuple(sorted(str(path) for path in folder.iterdir() if is_image(path.name)))
    fresh = Seen(dataset).fresh()
    for image in images:
        if why := fresh.why(image):
            raise StudyError(f"{image}: {why}; a background must neither be trained on nor be there twice")
    return images
