"""The hook that tops a dataset up before Ultralytics lists its images: a value, so that it can travel to a worker."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from yolobg.dataset.inventory import count_files
from yolobg.errors import UnresolvedClassError, UsageError, YolobgError
from yolobg.flow.options import Request, request_from
from yolobg.flow.selection import backgrounds_needed
from yolobg.model import Counts, DataYaml, Inventory, Progress, no_progress
from yolobg.ultralytics import trainer as ultra
from yolobg.ultralytics.fraction import tell_part, trained_part
from yolobg.ultralytics.trainer_scan import count_openable
from yolobg.ultralytics.wait_for_lock import retry_while_locked
from yolobg.wording import counted

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from yolobg.changes.records import Manifest
    from yolobg.flow.options import Options

__all__ = ["EVENT", "BackgroundHook"]

# The last moment before the images are listed, in every release from 8.0 on.
EVENT = "on_pretrain_routine_start"
EVERY_S = 10.0


@dataclass(frozen=True, init=False)
class BackgroundHook:
    """Adds backgrounds to the training split when a training begins, until it has the ratio or count asked for.

    A value: two hooks with the same options are equal, and it can be pickled and hashed. Use it with
    `model.add_callback(EVENT, BackgroundHook(...))`, or for all models made from then on by appending it to
    `ultralytics.utils.callbacks.default_callbacks[EVENT]`. Called again it adds nothing.

    It passes over resumed trainings and tasks other than detect, segment, obb and pose, and says so.

    Args:
        on_error: What to do where the backgrounds cannot be added (host down, dataset read-only, source gone, too few
            eligible images): `warn` goes on training with what is there, `raise` ends the training before its first
            epoch. Class names that nothing resolves are raised in both cases.

        **options: Those of `yolobg.augment`, but `split`: a training begins with its own.

    Raises:
        UsageError: An option is out of range or contradicts another.
    """

    request: Request
    on_error: Literal["warn", "raise"]

    def __init__(self, *, on_error: Literal["warn", "raise"] = "warn", **options: Unpack[Options]) -> None:
        """Check the options now rather than when the training begins."""
        if on_error not in ("warn", "raise"):
            raise UsageError(f"on_error: {on_error!r} is not one of warn, raise")
        if options.get("split", ultra.TRAIN) != ultra.TRAIN:
            raise UsageError(f"split: {options['split']!r}: backgrounds are added to the split that is trained on")
        if options.get("to") is not None:
            raise UsageError(
                "to: a training has its data.yaml already when the hook runs; call yolobg.augment(data, to=...) first "
                "and train on the data.yaml that it writes"
            )
        object.__setattr__(self, "request", request_from(options))
        object.__setattr__(self, "on_error", on_error)

    def __call__(self, trainer: Any) -> None:
        """Top up the dataset of a trainer of Ultralytics that has not listed its images yet.

        Raises:
            YolobgError: The class names are not resolved; or anything else, where `on_error` is `raise`.
        """
        reason = ultra.why_not(trainer)
        if reason is not None:
            if reason:
                ultra.logger().info(f"{ultra.prefix()}{reason}")
            return
        with ultra.preserve_random_state():
            self.top_up(ultra.resolve(trainer), fraction=getattr(trainer.args, "fraction", 1.0))

    def prepare(self, data: str | Path) -> Counts | None:
        """Do now, for the data.yaml named, what the hook would do when the training begins; returns as `top_up` does.

        Raises:
            YolobgError: See `__call__`.
        """
        with ultra.preserve_random_state():
            return self.top_up(ultra.resolve_file(data))

    def top_up(self, data: DataYaml, *, fraction: Any = 1.0) -> Counts | None:
        """Add what a resolved dataset lacks and say so in one line.

        Returns:
            What is in the training split then; None where nothing could be added and training goes on without them.

        Args:
            data: The dataset.
            fraction: The part of its images that the training will use, as Ultralytics takes it.

        Raises:
            YolobgError: See `__call__`.
        """
        seen = _Seen()
        try:
            added, after = self._augment(data, seen)
        except UnresolvedClassError as error:
            raise UnresolvedClassError(f"{error}\n{_advice(error)}", error.matches) from error
        except (YolobgError, OSError) as error:
            if self.on_error == "raise":
                raise
            ultra.logger().warning(
                f"{ultra.prefix()}no backgrounds were added: {error} Training continues with the dataset as it is."
            )
            _tell_stale(data, seen.inventory, self.request)
            return None
        _announce(added, after, seen.inventory, data, fraction)
        return after

    def _augment(self, data: DataYaml, seen: _Seen) -> tuple[int, Counts]:
        """Add what is missing; returns how many that were, and the counts afterwards."""
        # A script that imports the hook pays nothing.
        from yolobg.changes.manifest import read_manifest  # noqa: PLC0415

        request = self.request
        there = count_files(seen(data, ultra.TRAIN, no_progress))
        needed = backgrounds_needed(there.labelled, there.backgrounds, ratio=request.ratio, count=request.count)
        if there.labelled and not needed and _all_stands(read_manifest(data.root.resolve()), data, request):
            # Nearly every training: what knows sources and classes need not even be imported.
            return 0, there
        from yolobg.api import carry_out  # noqa: PLC0415
        from yolobg.flow.planning import make_plan  # noqa: PLC0415

        watch = _SlowStageLogger()
        report = retry_while_locked(
            lambda: carry_out(make_plan(data, request, scan=seen, progress=watch), progress=watch),
            lambda line: ultra.logger().info(f"{ultra.prefix()}{line}"),
        )
        for warning in report.warnings:
            ultra.logger().warning(f"{ultra.prefix()}{warning}")
        return len(report.added), report.after


def _all_stands(manifest: Manifest, data: DataYaml, request: Request) -> bool:
    """Whether there is nothing to finish, and every earlier choice was made by what is asked today."""
    from yolobg.flow.past_runs import names_source_of  # noqa: PLC0415
    from yolobg.flow.question import question_of, still_stands  # noqa: PLC0415

    names = tuple(data.names.values())
    return manifest.pending is None and all(
        still_stands(run, question_of(run, names, request, same_source=names_source_of(request, run)))
        for run in manifest.runs
    )


def _tell_stale(data: DataYaml, inventory: Inventory, request: Request) -> None:
    """Warn of earlier backgrounds that no longer qualify, where nothing was added that would have said so."""
    from yolobg.changes.manifest import read_manifest  # noqa: PLC0415
    from yolobg.dataset.dataset import open_dataset  # noqa: PLC0415
    from yolobg.flow.stale import find_stale, stale_warnings  # noqa: PLC0415

    dataset = open_dataset(data)
    with contextlib.suppress(YolobgError, OSError):
        stale = find_stale(dataset, read_manifest(dataset.root), inventory, request).stale
        for line in stale_warnings(stale, data.file):
            ultra.logger().warning(f"{ultra.prefix()}{line}")


class _Seen:
    """Scans as the trainer will, and keeps the last scan: what the trainer is about to read."""

    def __init__(self) -> None:
        self.inventory = Inventory(ultra.TRAIN, (), ())

    def __call__(self, data: DataYaml, _split: str, _progress: Progress, /) -> Inventory:
        self.inventory = ultra.scan_as_trained(data)
        return self.inventory


class _SlowStageLogger:
    """Tells of a stage that takes long, every ten seconds, in the log of the training."""

    def __init__(self) -> None:
        self._next = time.monotonic() + EVERY_S

    def __call__(self, stage: str, done: int, total: int | None, /) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + EVERY_S
            of = f" of {total:,}" if total is not None else ""
            ultra.logger().info(f"{ultra.prefix()}{stage}: {done:,}{of}")


def _announce(added: int, after: Counts, inventory: Inventory, data: DataYaml, fraction: Any) -> None:
    """One line with the counts that the training's scan line will show, and what `fraction` leaves of them."""
    did = f"added {counted(added, 'background')}" if added else "nothing to add"
    files = trained_part(data, inventory, fraction)
    backgrounds = sum(entry.state in ("missing", "empty") for entry in files)
    corrupt = sum(entry.state == "corrupt" for entry in files)
    ultra.logger().info(
        f"{ultra.prefix()}{did}, {after.ratio:.1%} of the training images are backgrounds: "
        f"{counted(count_openable(files), 'image')}, {counted(backgrounds, 'background')}, {corrupt} corrupt"
    )
    tell_part(inventory, files, fraction)


def _advice(error: UnresolvedClassError) -> str:
    """The `map` to pass, with the nearest known name where there is one."""
    answers = {match.name: list(match.suggestions[:1]) for match in error.matches}
    return (
        f"In Python pass map={answers} with what each name stands for in COCO, or [] where COCO has nothing like it; "
        'or unmapped="none" to let such names pass.'
    )
