"""From a plan to a dataset with more backgrounds: fetch, give names, merge, count again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol

import msgspec

from yolobg.changes.disk_state import check_writable, clear_staging, drop_empty_staging, staging_folder, staging_left
from yolobg.changes.lock import hold, was_left
from yolobg.changes.manifest import counts_of, manifest_path, read_manifest
from yolobg.changes.merge import add
from yolobg.changes.proposals import check_none_waits, is_there
from yolobg.changes.records import Entry, Manifest, Mining, Pending
from yolobg.changes.removal import finish_interrupted, take_back
from yolobg.dataset.dataset import open_dataset
from yolobg.dataset.destination import check_unmoved
from yolobg.errors import DownloadError, MergeError, PoolError, YolobgError
from yolobg.files import make_real_folder
from yolobg.flow import recheck
from yolobg.flow.bringing import Bring, Brought, Wanted, bring_first
from yolobg.flow.candidates import Choice, count_non_commercial
from yolobg.flow.derived_run import in_derived
from yolobg.flow.duplicates import Doubles
from yolobg.flow.intent import credit_fields, intent_of
from yolobg.flow.near import is_near
from yolobg.flow.past_runs import added_of, mined_of
from yolobg.flow.planning import Plan, make_plan
from yolobg.flow.preference import alike_in
from yolobg.images.check import is_records_fault
from yolobg.model import Failed, Origin, Progress, no_progress
from yolobg.results import Report, SourceInfo
from yolobg.sources.catalog.catalog import Catalog
from yolobg.sources.catalog.open import open_catalog
from yolobg.wording import agreeing, counted

__all__ = ["Land", "execute"]


class Land(Protocol):
    """What is done with staged images, given the dataset's root, what is recorded there and what is intended."""

    def __call__(  # noqa: D102 - see above
        self, root: Path, manifest: Manifest, pending: Pending, /, *, check_places: Callable[[], None]
    ) -> Manifest: ...


def _as_it_is(_plan: Plan, report: Report) -> Report:
    return report


def execute(
    plan: Plan,
    *,
    progress: Progress = no_progress,
    after: Callable[[Plan, Report], Report] = _as_it_is,
    bring: Bring = bring_first,
    land: Land = add,
    reviewed: bool = False,
) -> Report:
    """Do what a plan says.

    It is made again if the manifest has changed since, for example by another yolobg; nothing is ever added twice.

    Args:
        plan: What `plan` made.
        progress: Called with how far it is.
        after: Called with the plan as it was carried out and its report, while the dataset is still held.
        bring: Brings the images into staging.
        land: Brings them from there into the split, or records them as proposed.
        reviewed: Whether they are those that wait for a review; any others stop where such wait.

    Raises:
        YolobgError: Something does not allow it; the dataset is valid, and a re-run continues.
    """
    work = _Work(progress, after, bring, land, reviewed)
    if plan.derived is not None:
        return in_derived(
            plan.derived, lambda dataset: _execute_held(replace(plan, dataset=dataset, derived=None), work)
        )
    idle = plan.choice is None and plan.manifest.pending is None and not is_there(plan.dataset.root)
    if idle and not (plan.request.recheck or plan.leaving):
        return _tidied(plan, after) if was_left(plan.dataset.root) else replace(plan.report, dry_run=False)
    with hold(plan.dataset.root):
        return _execute_held(plan, work)


@dataclass(frozen=True)
class _Work:
    """How a plan is carried out; see `execute`."""

    progress: Progress
    after: Callable[[Plan, Report], Report]
    bring: Bring
    land: Land
    reviewed: bool


def _execute_held(plan: Plan, work: _Work) -> Report:
    """Do what a plan says; the lock is held."""
    # Opened again: list files may have changed since the plan was made, and while we waited.
    root = plan.dataset.root
    waited = is_there(root)
    manifest = finish_interrupted(open_dataset(plan.dataset.data))
    # What a review has rejected is known only once its apply has been finished.
    if manifest != plan.manifest or waited != is_there(root):
        plan = make_plan(plan.dataset.data, plan.request, scan=plan.scan, saved=plan.saved, progress=work.progress)
    return work.after(plan, _execute(plan, manifest, work))


def _execute(plan: Plan, manifest: Manifest, work: _Work) -> Report:
    if (plan.choice or plan.leaving or plan.request.recheck) and not work.reviewed:
        check_none_waits(plan.dataset.root, manifest)
    if plan.request.recheck:
        return _replace_stale(plan, manifest, work)
    if plan.leaving:
        removal = take_back(open_dataset(plan.dataset.data), images={entry.image for entry in plan.leaving})
        out = tuple(entry.image for entry in (*removal.removed, *removal.gone))
        return replace(_report(plan, None), trimmed=out)
    if plan.choice is None:
        return _nothing_left(plan)
    # A replacement that was cut off has no number to come back to once another number was asked for.
    manifest = msgspec.structs.replace(manifest, replacing=None)
    return _report(plan, _fetch_and_merge(plan, plan.choice, manifest, work))


def _replace_stale(plan: Plan, manifest: Manifest, work: _Work) -> Report:
    """Bring others in, then take out what no longer qualifies; the lock is held."""
    done: _Done | None = None
    if plan.choice is not None:
        if plan.leaving:
            manifest = recheck.begin(
                plan.dataset.root, manifest, plan.request.split, plan.leaving, plan.report.after.backgrounds
            )
        try:
            done = _fetch_and_merge(plan, plan.choice, manifest, work)
        except BaseException:
            with suppress(YolobgError, OSError):
                recheck.forget_recheck(plan.dataset.root)
            raise
    # Opened again: lines have been added to the list files.
    stale = recheck.finish(open_dataset(plan.dataset.data), plan.leaving, plan.checked)
    if done is None and not stale.replaced:
        return _nothing_left(plan)
    return _report(replace(plan, checked=replace(plan.checked, stale=stale)), done)


@dataclass(frozen=True)
class _Done:
    """What came in or was proposed, what the source turned out to hold, and what is recorded then."""

    info: SourceInfo
    failed: tuple[Failed, ...]
    added: tuple[Entry, ...]
    manifest: Manifest
    mining: Mining | None
    given_up: tuple[str, ...]
    proposed: int


def _fetch_and_merge(plan: Plan, choice: Choice, manifest: Manifest, work: _Work) -> _Done:
    for place in (plan.destination.images_dir, plan.destination.labels_dir, plan.destination.list_file):
        if place is not None:
            check_writable(place)
    check_unmoved(plan.destination)
    doubles = Doubles(choice.known)
    with open_catalog(choice.source.annotations) as catalog:
        part = _source_key(catalog.path, choice.source.origin, mined=plan.request.model_option is not None)
        staging = staging_folder(plan.dataset.root, plan.destination.images_dir) / part
        _make_folder(staging)
        try:
            fetched = work.bring(
                Wanted(plan, choice, manifest, catalog.records, staging, doubles.refuse, work.progress)
            )
            choice = _without_doubles(choice, doubles)
            fetched = replace(fetched, failed=tuple(f for f in fetched.failed if f.source_id not in doubles))
            if len(fetched.staged) < plan.target.needed:
                raise _ran_dry(plan, choice, fetched)
            used = count_non_commercial((staged.record for staged in fetched.staged), choice.licenses)
            info = replace(choice.info, non_commercial=used)
            alike = alike_in(choice.liked, catalog, [staged.record.id for staged in fetched.staged])
            intent = intent_of(plan, choice, fetched, alike)
            # By the hundred thousand, so they go before the merge and the count need room.
            done = _Done(info, fetched.failed, (), manifest, fetched.mining, fetched.given_up, len(intent.entries))
            del fetched, doubles
            manifest = _with_credits(manifest, catalog, choice)
            check_places = partial(check_unmoved, plan.destination)
            merged = work.land(plan.dataset.root, manifest, intent, check_places=check_places)
        finally:
            _forget_if_empty(staging)
    added = merged.entries[len(manifest.entries) :]
    return replace(done, added=added, manifest=merged, proposed=0 if added else done.proposed)


def _tidied(plan: Plan, after: Callable[[Plan, Report], Report]) -> Report:
    """Nothing is to be done, but a killed run may have left something lying."""
    # That is not worth an error, or waiting for another process.
    with suppress(MergeError), hold(plan.dataset.root, wait_s=0.0):
        return after(plan, _nothing_left(plan))
    return replace(plan.report, dry_run=False)


def _nothing_left(plan: Plan) -> Report:
    """End as a run ends, where a killed one did not come to it; the lock is held."""
    for staging in staging_left(plan.dataset.root, [plan.destination.images_dir]):
        drop_empty_staging(staging)
    return replace(plan.report, dry_run=False)


def _source_key(catalog: Path, origin: Origin, *, mined: bool) -> str:
    """A name for the staged images of one source: an id means another picture in another source.

    Those of a run with a model lie apart, since it takes away what it does not choose.
    """
    parts = (catalog.stem.rpartition("-")[0], *map(str, origin.folders), *origin.bases, origin.link)
    parts += ("mined",) if mined else ()
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _report(plan: Plan, done: _Done | None) -> Report:
    """Count again what is on disk now: the report says what is, not what was meant."""
    manifest = done.manifest if done and not plan.request.recheck else read_manifest(plan.dataset.root)
    after = counts_of(plan.scan(plan.dataset.data, plan.request.split, no_progress), manifest, plan.dataset.root)
    report = replace(
        plan.report,
        dry_run=False,
        planned=(),
        after=after,
        manifest=str(manifest_path(plan.dataset.root)) if manifest_path(plan.dataset.root).exists() else None,
    )
    if done is not None:
        added = tuple(added_of(entry) for entry in done.added)
        report = replace(
            report,
            source=done.info,
            added=added,
            failed=done.failed,
            mined=mined_of(done.mining),
            proposed=done.proposed,
        )
        report = replace(report, warnings=(*report.warnings, *done.given_up, *_replaced(plan, done.added)))
    # Proposed images are in no split yet.
    expected = plan.report.after if done is None or done.added else plan.report.before
    if (after.images, after.backgrounds) != (expected.images, expected.backgrounds):
        changed = (
            f"the split has {counted(after.backgrounds, 'background')} of {after.images:,} images where "
            f"{expected.backgrounds:,} of {expected.images:,} were expected: another process changed it during the run"
        )
        report = replace(report, warnings=(*report.warnings, changed))
    return report


def _replaced(plan: Plan, added: Sequence[Entry]) -> tuple[str, ...]:
    """Says which images of a saved plan others stand in for: somebody may have looked at those of the plan."""
    lines = {one.source_id for one in plan.choice.planned} if plan.choice and plan.saved else set()
    others = [entry.image for entry in added if entry.source_id not in lines]
    if not lines or not others:
        return ()
    return (
        f"{counted(len(others), 'image')} of the plan could not be used; the next candidates came in for them: "
        f"{', '.join(others[:3])}{' …' if len(others) > 3 else ''}",  # noqa: PLR2004 - enough to find them
    )


def _without_doubles(choice: Choice, doubles: Doubles) -> Choice:
    """The choice after images turned out, by their content, to be in the dataset or in the source twice."""
    known, repeated = len(doubles.known), len(doubles.repeated)
    left_out = choice.info.left_out
    left_out = replace(left_out, in_dataset=left_out.in_dataset + known, repeated=repeated)
    eligible = choice.info.eligible - known - repeated
    return replace(choice, info=replace(choice.info, eligible=eligible, left_out=left_out))


def _ran_dry(plan: Plan, choice: Choice, fetched: Brought) -> DownloadError | PoolError:
    if fetched.given_up:
        return _all_alike(plan, choice, fetched, fetched.refused, "; ".join(fetched.given_up))
    reasons = "; ".join(map(str, fetched.failed[:3]))
    near = fetched.near + sum(map(is_near, fetched.failed))
    if near and all(is_near(failed) or is_records_fault(failed) for failed in fetched.failed):
        return _all_alike(plan, choice, fetched, near, reasons)
    if all(map(is_records_fault, fetched.failed)):
        unusable = repeated = ""
        if number := choice.info.left_out.repeated:
            repeated = f"; {number:,} more {agreeing(number, 'are')} the same as another one"
        if fetched.failed:
            unusable = f"; {counted(len(fetched.failed), 'image', 'do')} not match the records ({fetched.failed[0]})"
        return PoolError(
            f"{counted(plan.target.needed, 'background', 'are')} needed, and only "
            f"{counted(choice.info.eligible, 'eligible image')} of the source "
            f"{agreeing(choice.info.eligible, 'are')} not in the dataset already{repeated}{unusable}. Ask for a "
            "smaller --ratio or --count, or give a larger source."
        )
    remote = bool(choice.source.origin.bases)
    verb, check = ("downloaded", "--images and the network") if remote else ("used", "the files of the source")
    return DownloadError(
        f"only {len(fetched.staged):,} of {counted(plan.target.needed, 'image')} could be {verb}, "
        f"{len(fetched.failed):,} "
        f"failed ({reasons}). Nothing was added. Check {check} and run again: what was fetched is kept for that."
    )


def _all_alike(plan: Plan, choice: Choice, fetched: Brought, left_out: int, why: str) -> PoolError:
    """The error of a source in which one image is like another."""
    more = "; for a fast video, a shorter --every takes more frames" if choice.source.origin.frames else ""
    needed, because = counted(plan.target.needed, "background", "are"), f" ({why})" if why else ""
    return PoolError(
        f"of the source, only {counted(len(fetched.staged), 'image', 'differ')} enough from the dataset and from one "
        f"another, and {needed} needed; {counted(left_out, 'near-duplicate', 'were')} left out{because}. Nothing was "
        "added. Ask for fewer (what was fetched is kept for that), or give images or videos of more scenes"
        f"{more}."
    )


def _with_credits(manifest: Manifest, catalog: Catalog, choice: Choice) -> Manifest:
    """Licences and authors for the images that `--fast` brought in without, now that COCO's annotations are here."""
    if not choice.source.annotations.official:
        return manifest
    bare = {e.source_id for e in manifest.entries if e.source == choice.source.name and _is_bare(e)}
    known = list(catalog.describe(bare))
    credit = {record.id: credit_fields(record, choice.licenses) for record in catalog.records(known)}
    entries = tuple(
        msgspec.structs.replace(e, **credit[e.source_id])
        if e.source == choice.source.name and _is_bare(e) and e.source_id in credit
        else e
        for e in manifest.entries
    )
    return msgspec.structs.replace(manifest, entries=entries)


def _is_bare(entry: Entry) -> bool:
    return entry.license is None and not entry.flickr_url


def _make_folder(staging: Path) -> None:
    for folder in (staging.parent.parent, staging.parent, staging):
        try:
            make_real_folder(folder)
        except OSError as error:
            raise MergeError(f"{folder}: cannot be created: {error.strerror}; nothing was changed") from error


def _forget_if_empty(staging: Path) -> None:
    if staging.is_dir() and not any(staging.iterdir()):
        clear_staging(staging)
