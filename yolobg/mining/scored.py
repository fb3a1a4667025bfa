"""Bring the images that a plan needs, chosen from a folder that other machines have scored.

The folder is not trusted with the dataset: what it names comes in only where it is a candidate today, is fetched again
like any other image, and has the content that the model looked at.
"""

from __future__ import annotations

from pathlib import Path

from yolobg.errors import AnnotationsError, DatasetError, UsageError
from yolobg.files import hash_file
from yolobg.flow.bringing import Brought, Wanted
from yolobg.flow.near import hashes_of
from yolobg.mining.bringing import Used, fetch_chosen, keep_only, record_of
from yolobg.mining.choosing import Looked, hard_needed, pick
from yolobg.mining.shards import Work, missing_shards, open_work, read_shard_rows
from yolobg.model import Failed, Staged
from yolobg.wording import agreeing, counted

__all__ = ["bring_scored"]


def bring_scored(wanted: Wanted) -> Brought:
    """Bring images by the same rules as `--hard`, from all that was scored; see `pick`.

    Raises:
        UsageError: The folder is not complete, was changed, or is of another model than the one that is given.
        DatasetError: The dataset has other classes than the folder was made for.
        AnnotationsError: The source is another one, or has changed.
    """
    folder = Path(wanted.plan.request.scores or "").expanduser()
    work, plan = open_work(folder)
    _check(wanted, work, folder)
    candidates, failed, near = set(wanted.choice.ranked), list[Failed](), 0
    dataset = hashes_of(wanted.choice.known.images, wanted.progress)
    rows: dict[int, Looked] = {}
    for number in range(len(work.shards)):
        for row in read_shard_rows(folder, work, plan, number):
            if row.source_id not in candidates:
                continue
            if row.looked is None:
                failed.append(Failed(row.source_id, row.reason, 1))
            elif row.looked.picture is not None and dataset.has_near(row.looked.picture):
                near += 1
            else:
                rows[row.source_id] = row.looked
    return _bring(wanted, rows, Used(work.model, work.model_sha256, work.imgsz), failed, near)


def _bring(wanted: Wanted, rows: dict[int, Looked], model: Used, failed: list[Failed], near: int) -> Brought:
    """Choose and fetch; where one cannot be had, choose again without it."""
    request, needed = wanted.plan.request, wanted.plan.target.needed
    hard = hard_needed(needed, request.hard_share)
    staged: dict[int, Staged] = {}
    while True:
        picked = pick(rows.values(), needed=needed, hard=hard, min_score=request.min_score)
        missing = {row.source_id: row for row in picked.all if row.source_id not in staged}
        if not missing:
            break
        came, unfit, lost = fetch_chosen(wanted, missing)
        staged |= came
        failed += unfit
        for source_id in lost:
            del rows[source_id]
    keep_only(wanted.staging, {row.source_id for row in picked.all})
    chosen = tuple(staged[row.source_id] for row in picked.all)
    mining = record_of(wanted, model, list(rows.values()), picked, near=near)
    return Brought(chosen, tuple(failed), mining, near=near + picked.near)


def _check(wanted: Wanted, work: Work, folder: Path) -> None:
    data, source, hard = wanted.plan.dataset.data, wanted.choice.source, wanted.plan.request.hard
    if dict(data.names) != work.names:
        raise DatasetError(
            f"{data.file}: its classes ({', '.join(data.names.values())}) are not those that {folder} was planned for "
            f"({', '.join(work.names.values())}); run `yolobg mine --plan` again"
        )
    if (source.name, wanted.choice.basis.catalog) != (work.source, work.catalog):
        raise AnnotationsError(
            f"source {source.name}: {folder} was planned for {work.source}, or its records or videos have changed "
            "since; give the options about the source that it was planned with, or run `yolobg mine --plan` again"
        )
    if hard is not None and hash_file(Path(hard).expanduser()) != work.model_sha256:
        raise UsageError(f"--hard {hard}: {folder} was scored with another model, a copy of which is in it")
    if left := missing_shards(folder, work):
        raise UsageError(
            f"--scores {folder}: {len(left):,} of {counted(len(work.shards), 'shard')} {agreeing(len(left), 'have')} "
            f"no scores yet; run `yolobg mine --work {folder}`"
        )
