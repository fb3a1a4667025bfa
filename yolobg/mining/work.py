"""`yolobg mine`: plan a folder of shards, and score it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yolobg.errors import UsageError
from yolobg.files import hash_file
from yolobg.flow.options import Options, request_from
from yolobg.flow.planning import make_plan
from yolobg.mining.bringing import also_of
from yolobg.mining.choosing import pool_size
from yolobg.mining.engines import cores, do_here, do_in_processes, do_on_ray
from yolobg.mining.held_out import check_origin, is_held_out
from yolobg.mining.shards import create_work, drop_damaged, is_empty, missing_shards, open_work
from yolobg.mining_results import MiningReport
from yolobg.model import ImageRecord, Progress, no_progress
from yolobg.scoring.models import open_scorer
from yolobg.sources.cache_folder import SCORES, cache_folder
from yolobg.sources.catalog.open import open_catalog

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from yolobg.flow.candidates import Choice

__all__ = ["mine", "plan_mining"]


def plan_mining(
    data_yaml: str | Path,
    folder: str | Path,
    *,
    shard_size: int = 2000,
    progress: Progress = no_progress,
    **options: Unpack[Options],
) -> MiningReport:
    """Write the candidates of `augment` with `hard` as shards; the folder holds all that a worker needs.

    Args:
        data_yaml: The dataset's data.yaml, or a folder that holds one.
        folder: A new or empty folder; it gets a copy of the model.
        shard_size: How many images a shard has.
        progress: Called with how far each stage is.
        **options: As for `augment`; `pool` says how many candidates.

    Raises:
        YolobgError: As `plan`; or there is no model, or it cannot be run, or the folder is not empty.
    """
    folder = Path(folder)
    plan = make_plan(data_yaml, request_from(options), progress=progress)
    request, choice = plan.request, plan.choice
    if request.hard is None:
        raise UsageError("mine --plan needs your model: --hard MODEL")
    if shard_size < 1:
        raise UsageError(f"--shard-size {shard_size}: expected at least 1")
    if choice is None:
        raise UsageError("no backgrounds are needed; ask for a higher --ratio or --count")
    if not is_empty(folder):
        raise UsageError(f"--plan {folder}: is not empty; give a new folder")
    check_origin(choice.source.origin)
    model, names, also = Path(request.hard).expanduser(), plan.dataset.data.names, also_of(choice.matches)
    with open_scorer(model, names, also=also, cache=cache_folder() / SCORES) as scorer:
        imgsz = scorer.imgsz
    told = {
        "names": dict(names),
        "also": also,
        "source": choice.source.name,
        "catalog": choice.basis.catalog,
        "folders": tuple(str(place.absolute()) for place in choice.source.origin.folders),
        "bases": choice.source.origin.bases,
        "frames": choice.source.origin.frames,
        "model": f"model{model.suffix.lower()}",
        "imgsz": imgsz,
    }
    records = _candidates(choice, pool_size(plan.target.needed, request.pool))
    _write(folder, model, told, [records[at : at + shard_size] for at in range(0, len(records), shard_size)])
    return _report(folder)


def _candidates(choice: Choice, most: int) -> list[ImageRecord]:
    """The first candidates, as many as the model is to look at."""
    with open_catalog(choice.source.annotations) as catalog:
        return list(islice((one for one in catalog.records(choice.ranked) if not is_held_out(one)), most))


def _write(folder: Path, model: Path, told: Mapping[str, Any], shards: list[list[ImageRecord]]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        kept = folder / str(told["model"])
        shutil.copyfile(model, kept)
        create_work(folder, {**told, "model_sha256": hash_file(kept)}, shards)
    except OSError as error:
        raise UsageError(f"--plan {folder}: cannot be written: {error.strerror or error}") from error


def mine(
    folder: str | Path,
    *,
    shard: str | None = None,
    engine: str = "local",
    workers: int | None = None,
    address: str | None = None,
    progress: Progress = no_progress,
) -> MiningReport:
    """Score the shards of a folder that have no scores yet, or whose score file is damaged; no image is kept.

    Promises that a worker that dies at any point loses no image and leaves none twice, and that the files are the same
    whichever engine, worker or machine wrote them. With several workers a script that calls this needs
    `if __name__ == "__main__":`, since each is a process that imports it.

    Args:
        folder: What `plan_mining` wrote.
        shard: `i/n`: only every n-th shard, from the i-th (1 to n) on, in this process; None for all.
        engine: `local` for processes of this machine, `ray` for Ray.
        workers: How many at a time; None for one a core, with Ray for those of the cluster.
        address: That of a Ray cluster; None for this machine.
        progress: Called with how far it is.

    Raises:
        YolobgError: The folder, the model or the images cannot be used; what is scored stays, and a re-run goes on.
    """
    folder = Path(folder)
    work, plan = open_work(folder)
    first, step = (0, 1) if shard is None else _part(shard)
    part = range(first, len(work.shards), step)
    drop_damaged(folder, work, plan, part)
    left = [number for number in missing_shards(folder, work) if number in part]
    if shard is not None:
        do_here(folder, left, progress)
    elif engine == "ray":
        do_on_ray(folder, left, progress, workers=workers, address=address)
    elif (workers or cores()) == 1:
        do_here(folder, left, progress)
    else:
        do_in_processes(folder, left, progress, workers=workers or cores())
    return _report(folder)


def _part(shard: str) -> tuple[int, int]:
    """First shard and step, from `i/n`."""
    match = re.fullmatch(r"(\d{1,9})/(\d{1,9})", shard, re.ASCII)
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise UsageError(f"--shard {shard}: expected i/n with i from 1 to n, for example 3/8")
    return int(match[1]) - 1, int(match[2])


def _report(folder: Path) -> MiningReport:
    work, _ = open_work(folder)
    done = len(work.shards) - len(missing_shards(folder, work))
    return MiningReport(str(folder), work.images, len(work.shards), done)
