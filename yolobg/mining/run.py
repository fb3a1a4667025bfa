"""Bring images into staging that the user's model fires on: fetch a batch, look, keep the best, take the rest away.

A batch is looked at while the next is fetched. What was found is kept in the cache, so that an interrupted run looks at
one batch again at most; and what is chosen depends on the order of the candidates alone, not on the batches.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from yolobg.changes.records import Mining
from yolobg.errors import AnnotationsError, YolobgError
from yolobg.flow.bringing import Brought, Wanted
from yolobg.flow.near import NEAR, hashes_of
from yolobg.images.picture_hash import picture_hash
from yolobg.mining.bringing import Used, also_of, fetch_chosen, keep_only, looked_of, record_of
from yolobg.mining.candidates import Candidates, Rows
from yolobg.mining.choosing import Looked, Picked, hard_needed, pick, pool_size, prefix_needed
from yolobg.mining.held_out import check_origin, is_held_out
from yolobg.mining.looked_at import LookedAt
from yolobg.model import Failed, ImageRecord, Staged
from yolobg.scoring.models import Scorer, open_scorer
from yolobg.sources.cache_folder import SCORES, cache_folder
from yolobg.threads import Pool

__all__ = ["bring_hard"]

T = TypeVar("T")

_log = logging.getLogger(__name__)

_LARGEST_BATCH = 256


def bring_hard(wanted: Wanted) -> Brought:
    """Bring the images that a plan needs, chosen with the model that it names.

    Never do more than 1.3 times as many images as are needed lie in staging, or 2 more where few are needed.

    Raises:
        YolobgError: The model cannot be run, or images cannot be had; what was found so far is kept.
    """
    request, names = wanted.plan.request, wanted.plan.dataset.data.names
    check_origin(wanted.choice.source.origin)
    also = also_of(wanted.choice.matches)
    model = Path(request.hard or "").expanduser()
    with open_scorer(model, names, also=also, cache=cache_folder() / SCORES) as scorer:
        return _Run(wanted, scorer, model).run()


@dataclass(frozen=True)
class _Sizes:
    """How many images are needed, fire, are looked at, in a batch, and may lie on the disk between batches."""

    needed: int
    hard: int
    pool: int
    batch: int
    kept: int

    @classmethod
    def of(cls, needed: int, *, share: float, pool: int | None) -> _Sizes:
        # One batch is looked at while another is fetched, and both lie on the disk then.
        batch = max(1, min(_LARGEST_BATCH, needed // 4))
        most = max(needed + 2, needed * 13 // 10)
        return cls(needed, hard_needed(needed, share), pool_size(needed, pool), batch, most - 2 * batch)


class _Run:
    def __init__(self, wanted: Wanted, scorer: Scorer, model: Path) -> None:
        request = wanted.plan.request
        self._wanted, self._scorer, self._model = wanted, scorer, model
        self._sizes = _Sizes.of(wanted.plan.target.needed, share=request.hard_share, pool=request.pool)
        origin = wanted.choice.source.origin
        self._looked_at = LookedAt(cache_folder() / SCORES, wanted.staging.name)
        # Files in a folder may change under their names, and are at hand anyway.
        self._may_skip = bool(origin.bases) and not origin.folders
        self._rows = Rows(request.min_score)
        self._pictures: dict[int, int | None] = {}
        self._staged: dict[int, Staged] = {}
        self._batch: dict[int, Staged] = {}
        self._failed: list[Failed] = []
        self._near = 0
        self._stop = threading.Event()
        self._candidates = Candidates(wanted.records(wanted.choice.ranked), self._take, self._is_complete)

    def run(self) -> Brought:
        """See `bring_hard`."""
        self._dataset = hashes_of(self._wanted.choice.known.images, self._wanted.progress)
        self._tidy()
        while True:
            self._scan()
            picked = self._picked()
            self._keep_only([*picked.all, *self._batch])
            if self._fetch_chosen(picked):
                break
        self._keep_only(picked.all)
        staged = tuple(self._staged[row.source_id] for row in picked.all)
        return Brought(staged, tuple(self._failed), self._record(picked), near=self._near + picked.near)

    # ------------------------------------------------------------ what is near

    def _is_near(self, picture: int | None) -> bool:
        return picture is not None and self._dataset.has_near(picture)

    def _refuse(self, staged: Staged) -> str | None:
        """Why a fetched image must not come in."""
        why = self._wanted.refuse(staged)
        if why is None:
            self._pictures[staged.record.id] = picture = picture_hash(staged.path)
            why = NEAR if self._is_near(picture) else None
        return why

    # ------------------------------------------------------------ candidates

    def _take(self, record: ImageRecord) -> bool:
        """Begin the next candidate; whether it need not be fetched."""
        self._rows.begin(record.id)
        if is_held_out(record):
            reason = "it is one of COCO's val2017, on which evaluate measures"
            self._failed.append(Failed(record.id, reason, 0, record.file_name))
            self._rows.leave_out(record.id)
            return True
        told = self._looked_at.get(record.id) if self._may_skip else None
        if told is None or not self._scorer.is_known(told[0]):
            return False
        if self._is_near(told[1]):
            self._near += 1
            self._rows.leave_out(record.id)
        else:
            self._add(record.id, *told)
        return True

    def _add(self, source_id: int, sha256: str, picture: int | None) -> None:
        self._rows.add(looked_of(self._scorer, source_id, sha256, picture))

    # ------------------------------------------------------------ batches

    def _scan(self) -> None:
        """Look at candidates until the choice can be made, or there are no more."""
        while not self._is_complete():
            self._batch = self._batch or self._fetch()
            if not self._batch:
                return
            self._batch = self._look_and_fetch(self._batch)
            self._tell()
            self._keep_only([*self._picked().all[: self._sizes.kept], *self._batch])

    def _fetch(self) -> dict[int, Staged]:
        """Fetch the next batch; an empty one where there are no more candidates, or enough is known."""
        try:
            fetched = self._wanted.fetch(self._candidates, self._sizes.batch, self._refuse)
        except AnnotationsError:
            # Of the last few, none can be used; that only matters where nothing else can.
            if not len(self._rows):
                raise
            self._rows.leave_out_others(self._staged)
            return {}
        self._near += sum(failed.reason == NEAR for failed in fetched.failed)
        self._failed += [failed for failed in fetched.failed if failed.reason != NEAR]
        batch = {staged.record.id: staged for staged in fetched.staged}
        self._staged |= batch
        self._rows.leave_out_others(self._staged)
        return batch

    def _look_and_fetch(self, batch: dict[int, Staged]) -> dict[int, Staged]:
        """Look at a batch in a thread of its own, and fetch the next meanwhile."""
        with Pool(max_workers=1, thread_name_prefix="yolobg-model") as pool:
            looking = pool.submit(self._look, batch)
            try:
                following = self._fetch()
                unreadable = _keeping(looking.result)
            except BaseException:
                self._stop.set()
                raise
        self._settle(batch, set(unreadable))
        return following

    def _look(self, batch: dict[int, Staged]) -> list[str]:
        done, most = len(self._rows), min(self._sizes.pool, len(self._wanted.choice.ranked))

        def told() -> None:
            nonlocal done
            done += 1
            self._wanted.progress("score", min(done, most), most)

        images = {staged.sha256: str(staged.path) for staged in batch.values()}
        return self._scorer.look(images, told=told, stopped=self._stop.is_set)

    def _settle(self, batch: dict[int, Staged], unreadable: set[str]) -> None:
        """Note what was found in a batch; what the model cannot read is left out."""
        told: dict[int, tuple[str, int | None]] = {}
        for source_id, staged in batch.items():
            picture = self._pictures.pop(source_id, None)
            if staged.sha256 in unreadable:
                reason = "the model cannot read it"
                self._failed.append(Failed(source_id, reason, 1, staged.record.file_name))
                self._rows.leave_out(source_id)
            else:
                told[source_id] = (staged.sha256, picture)
                self._add(source_id, staged.sha256, picture)
        if self._may_skip:
            _keeping(self._looked_at.write, told)

    def _tell(self) -> None:
        scored, fired, needed = len(self._rows), self._rows.fired, self._sizes.needed
        more = f"; about {scored * (needed - fired) // fired:,} more for {needed:,}" if 0 < fired < needed else ""
        _log.info("%d of %d images fire at %s%s", fired, scored, self._rows.min_score, more)
        self._wanted.progress("fire", min(fired, needed), needed)

    # ------------------------------------------------------------ the choice

    def _prefix(self, rows: list[Looked]) -> int | None:
        s = self._sizes
        return prefix_needed(rows, needed=s.needed, hard=s.hard, min_score=self._rows.min_score, most=s.pool)

    def _is_complete(self) -> bool:
        # The first is not enough, but tells at once, for thousands of candidates, that it is too early.
        early = self._rows.fired < self._sizes.needed and len(self._rows) < self._sizes.pool
        return not early and self._prefix(self._rows.in_order()) is not None

    def _chosen_from(self) -> list[Looked]:
        rows = self._rows.in_order()
        return rows[: self._prefix(rows)]

    def _picked(self) -> Picked:
        s = self._sizes
        return pick(self._chosen_from(), needed=s.needed, hard=s.hard, min_score=self._rows.min_score)

    def _fetch_chosen(self, picked: Picked) -> bool:
        """Fetch what is chosen and was taken away, or never fetched; False where something else has to be chosen."""
        missing = {row.source_id: row for row in picked.all if row.source_id not in self._staged}
        if not missing:
            return True

        staged, failed, lost = fetch_chosen(self._wanted, missing)
        self._staged |= staged
        self._failed += failed
        for source_id in lost:
            self._rows.leave_out(source_id)
        return not lost

    # ------------------------------------------------------------ what lies on the disk

    def _tidy(self) -> None:
        """Of what an interrupted run has left, keep the best, and no more than may lie there."""
        scores: dict[int, float] = {}
        for path in self._wanted.staging.glob("*.staged"):
            told = self._looked_at.get(int(path.stem)) if path.stem.isdecimal() else None
            best = self._scorer.best(told[0]) if told and self._scorer.is_known(told[0]) else None
            if best is not None and best.score >= self._rows.min_score:
                scores[int(path.stem)] = best.score
        best_first = sorted(scores, key=lambda source_id: (-scores[source_id], source_id))
        self._keep_only(best_first[: self._sizes.kept])

    def _keep_only(self, kept: Iterable[Looked | int]) -> None:
        """Take away all that lies in staging but some images."""
        ids = {one if isinstance(one, int) else one.source_id for one in kept}
        keep_only(self._wanted.staging, ids)
        for source_id in self._staged.keys() - ids:
            del self._staged[source_id]

    # ------------------------------------------------------------ the record

    def _record(self, picked: Picked) -> Mining:
        model = Used(self._model.name, self._scorer.sha256, self._scorer.imgsz)
        return record_of(self._wanted, model, self._chosen_from(), picked, near=self._near)


def _keeping(do: Callable[..., T], *arguments: Any) -> T:
    """Do what writes into the cache.

    Raises:
        YolobgError: It cannot be written.
    """
    try:
        return do(*arguments)
    except OSError as error:
        raise YolobgError(f"the scores cannot be kept: {error}; free some space or set YOLOBG_CACHE_DIR") from error
