"""What every choice with a model shares: what is near the dataset, fetching what is chosen, what is recorded."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from yolobg.changes.records import Found, Mining
from yolobg.errors import AnnotationsError
from yolobg.files import staged_path, step
from yolobg.flow.bringing import Wanted
from yolobg.images.frame_names import parse
from yolobg.images.picture_hash import are_near, picture_hash
from yolobg.images.staging import write_guard
from yolobg.mining.choosing import Looked, Picked
from yolobg.model import ClassMatch, Failed, Staged
from yolobg.scoring.models import Scorer

__all__ = ["Used", "also_of", "fetch_chosen", "keep_only", "looked_of", "record_of"]

# A model with other classes than the dataset's: what such a category is called there is one of the dataset's.
_MEANS = ("same", "is_a", "superset", "user")


@dataclass(frozen=True)
class Used:
    """The model that was used: its file name, the SHA-256 of its content, and the side that images are resized to."""

    name: str
    sha256: str
    imgsz: int


def also_of(matches: Sequence[ClassMatch]) -> dict[str, int]:
    """What the source's categories stand for in the dataset, where a class of it is one."""
    return {
        exclusion.coco: match.id for match in matches for exclusion in match.exclude if exclusion.relation in _MEANS
    }


def looked_of(scorer: Scorer, source_id: int, sha256: str, picture: int | None) -> Looked:
    """What a model found in an image that it has looked at."""
    best = scorer.best(sha256)
    if best is None:
        return Looked(source_id, sha256, picture)
    return Looked(source_id, sha256, picture, best.score, best.category, best.box)


def fetch_chosen(wanted: Wanted, missing: Mapping[int, Looked]) -> tuple[dict[int, Staged], list[Failed], set[int]]:
    """Fetch chosen images, whose content must be that which the model looked at.

    A frame's number says which video it is of and when, by the video's content; another machine may turn it into other
    bytes, which must show nearly the same picture.

    Returns:
        What is in staging by its id, what could not be had and why, and the ids of those.
    """

    def refuse(staged: Staged) -> str | None:
        looked = missing[staged.record.id]
        if staged.sha256 != looked.sha256 and not (parse(staged.record.file_name) and _shows(staged, looked)):
            return "its content has changed since the model looked at it"
        return wanted.refuse(staged)

    try:
        fetched = wanted.fetch(wanted.records(list(missing)), len(missing), refuse, progress=wanted.progress)
    except AnnotationsError as error:
        return {}, [Failed(source_id, str(error), 1) for source_id in missing], set(missing)
    staged = {staged.record.id: staged for staged in fetched.staged}
    return staged, list(fetched.failed), {failed.source_id for failed in fetched.failed}


def _shows(staged: Staged, looked: Looked) -> bool:
    """Whether a frame shows nearly the picture that the model looked at."""
    picture = picture_hash(staged.path)
    return picture is not None and looked.picture is not None and are_near(picture, looked.picture)


def keep_only(staging: Path, ids: Collection[int]) -> None:
    """Take away all that lies in staging but some images."""
    names = {staged_path(staging, source_id).name for source_id in ids}
    with write_guard(staging):
        for path in staging.glob("*.staged"):
            if path.name not in names:
                step("unlink", path)
                path.unlink(missing_ok=True)


def record_of(wanted: Wanted, model: Used, rows: Sequence[Looked], picked: Picked, *, near: int) -> Mining:
    """The record of a choice.

    Args:
        wanted: What was asked for.
        model: The model.
        rows: What the choice was made from.
        picked: The choice.
        near: How many were passed over before it as near-duplicates of the dataset's images.
    """
    plan, names = wanted.plan, wanted.plan.dataset.data.names
    min_score = plan.request.min_score
    earlier = [
        run
        for run in wanted.manifest.runs
        if run.mining is not None and (run.split, run.data) == (plan.request.split, plan.dataset.name)
    ]
    found = [
        Found(
            source_id=row.source_id,
            score=round(row.score, 6),
            category="" if row.category is None else names[row.category],
            box=row.box,
            rank=rank if rank <= len(picked.hard) else 0,
        )
        for rank, row in enumerate(picked.all, 1)
    ]
    return Mining(
        model=model.name,
        sha256=model.sha256,
        imgsz=model.imgsz,
        min_score=min_score,
        scored=len(rows),
        fired=sum(row.score >= min_score for row in rows),
        near=near + picked.near,
        round=max((run.mining.round for run in earlier if run.mining), default=0) + 1,
        found=tuple(found),
    )
