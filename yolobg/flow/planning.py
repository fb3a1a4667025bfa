"""From a request to a plan: everything up to here only reads.

data.yaml → inventory → how many; class names → excluded categories; catalog → eligible → ranked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from yolobg.calls import public
from yolobg.changes.manifest import absolute, check_room, counts_of, manifest_path, read_manifest
from yolobg.changes.moved import follow
from yolobg.changes.records import Entry, Manifest
from yolobg.dataset.channels import why_not_rgb
from yolobg.dataset.dataset import Dataset, open_dataset
from yolobg.dataset.derived import own_folder
from yolobg.dataset.destination import destination_in
from yolobg.dataset.inventory import Destination, choose_destination, scan_split
from yolobg.errors import DatasetError, UsageError
from yolobg.flow.as_coco import as_coco
from yolobg.flow.candidates import Choice, choose
from yolobg.flow.derived import Derived, check_current, derive
from yolobg.flow.hard_model import check_hard
from yolobg.flow.option_values import CocoObject
from yolobg.flow.options import LOOKALIKES, Request, stored_options
from yolobg.flow.recheck import plan_recheck
from yolobg.flow.rejected import review_notes, what_reviews_say
from yolobg.flow.saved_plan import (
    Left,
    PlanFile,
    SourceState,
    check_dataset,
    dataset_state,
    lines_left,
    read_plan,
    request_in,
    write_plan,
)
from yolobg.flow.selection import backgrounds_needed, parse_ratio, share
from yolobg.flow.stale import Checked, find_stale, stale_warnings
from yolobg.flow.stale_originals import stale_in_originals
from yolobg.flow.surplus import surplus_notes, surplus_of, to_trim
from yolobg.flow.unused_options import check_unused
from yolobg.model import Counts, DataYaml, Inventory, Progress, no_progress
from yolobg.results import DatasetInfo, Report, Target
from yolobg.wording import counted, one_line

__all__ = ["Plan", "Scan", "make_plan", "recorded"]

# Reads a split of a dataset.
Scan = Callable[[DataYaml, str, Progress], Inventory]


@dataclass(frozen=True)
class Plan:
    """What `augment` would do: a value that can be looked at, and carried out later.

    `choice` is None when the target is reached already: then no source was opened. `scan` is how the split was read,
    and how it is read again afterwards. `manifest` is what yolobg had added when the plan was made; once that differs,
    the plan is out of date. `checked` says which earlier backgrounds no longer qualify. `leaving` are those that are
    taken out: with `recheck` once others are in, with `trim` because there are too many. `saved` is the file that the
    plan was loaded from. `derived` is the dataset that has to be written to a folder of its own first (`--to`);
    `dataset` is what is known of it until then.
    """

    request: Request
    dataset: Dataset
    inventory: Inventory
    destination: Destination
    before: Counts
    target: Target
    choice: Choice | None
    warnings: tuple[str, ...]
    scan: Scan
    manifest: Manifest
    checked: Checked
    leaving: tuple[Entry, ...] = ()
    saved: PlanFile | None = None
    derived: Derived | None = None

    @property
    def report(self) -> Report:
        """The plan as a report of a run that has not happened; its `after` is what the run will reach."""
        data, manifest = self.dataset.data, manifest_path(self.dataset.root)
        original = self.derived.original.data.file if self.derived else data.derived.original if data.derived else None
        return Report(
            dry_run=True,
            dataset=DatasetInfo(
                data_yaml=str(self.derived.file if self.derived else data.file),
                root=str(self.dataset.root),
                split=self.request.split,
                images_dir=str(self.destination.images_dir),
                labels_dir=str(self.destination.labels_dir),
                original=str(original) if original else None,
            ),
            before=self.before,
            target=self.target,
            classes=self.choice.matches if self.choice else (),
            source=self.choice.info if self.choice else None,
            added=(),
            failed=self.choice.failed if self.choice and self.request.model_option is None else (),
            after=_after(self.before, self.target.needed, len(self.leaving)),
            manifest=str(manifest) if manifest.exists() else None,
            warnings=self.warnings
            + self.checked.notes
            + stale_warnings(self.checked.stale, data.file, rechecked=self.request.recheck),
            problems=self.inventory.problems,
            stale=self.checked.stale,
            # Which ones a model chooses is known once it has looked at them.
            planned=self.choice.planned if self.choice and self.request.model_option is None else (),
            trimmed=tuple(entry.image for entry in self.leaving) if self.request.trim else None,
        )

    def __repr__(self) -> str:
        return one_line("Plan", *self.report.figures())

    def _repr_html_(self) -> str | None:
        """What the plan would do, for a notebook: as its report."""
        return self.report._repr_html_()

    @public
    def save(self, path: str | Path) -> None:
        """Write the plan as JSON, with a line for each image, to be looked at, edited and carried out later.

        Raises:
            UsageError: It cannot be written, something is there already, or the plan takes backgrounds out or is for
                a folder (`to`) that is not there yet.
        """
        if self.request.recheck or self.leaving:
            raise UsageError(f"{path}: a plan that takes backgrounds out cannot be saved; run it without saving it")
        if self.derived:
            raise UsageError(
                f"{path}: a plan with --to cannot be saved while {self.derived.file} is not there as it will be; run "
                "augment --to first, then plan for that data.yaml"
            )
        if option := self.request.model_option:
            raise UsageError(
                f"{path}: a plan with {option} cannot be saved: the model chooses while the plan is carried out"
            )
        choice = self.choice
        source = SourceState(choice.source.name, choice.basis.catalog) if choice else None
        state = dataset_state(self.dataset, self.inventory, self.before)
        write_plan(Path(path), stored_options(self.request), state, source, choice.planned if choice else ())

    @staticmethod
    @public
    def load(
        path: str | Path,
        data_yaml: str | Path | None = None,
        *,
        images: Sequence[str | Path] | None = None,
        jobs: int | None = None,
        report: bool | None = None,
        progress: Progress = no_progress,
    ) -> Plan:
        """Read a plan that `save` wrote and check that it still holds; `carry_out` then does what is left of it.

        As many images are brought in as it has lines. One that cannot be fetched is replaced, as in any run, by the
        next candidate; none is taken that was taken out of the plan.

        Args:
            path: The file.
            data_yaml: Where the dataset's data.yaml is now; None for where it was.
            images: Where the images of the source are now; None for where they were.
            jobs: As the option of `augment`; None for that of the plan.
            report: As `jobs`.
            progress: Called with how far each stage is.

        Raises:
            UsageError: The file is no plan.
            YolobgError: The dataset or the source has changed, or a line names an image that is no candidate.
        """
        file = read_plan(Path(path))
        given = {"images": images, "jobs": jobs, "report": report}
        request = request_in(file, Path(path), **{name: value for name, value in given.items() if value is not None})
        if option := request.model_option:
            raise UsageError(
                f"{path}: `{option[2:]}` cannot be an option of a saved plan, whose images are chosen already"
            )
        return make_plan(data_yaml or file.dataset.data_yaml, request, saved=file, progress=progress)

    @public
    def to_coco(self, *, progress: Progress = no_progress) -> CocoObject:
        """The images that the plan would bring in first, as a `pycocotools.coco.COCO`.

        Its annotations say which categories an image contains and no more, since a catalog has no boxes. An image
        that turns out to be damaged is replaced when the plan is carried out.

        Args:
            progress: Called with how far each stage is, if the source's catalog has to be made again.

        Returns:
            A COCO object, indexed. Without pycocotools, an object with the same records as `dataset`. Both are
            taken as `annotations=` again.

        Raises:
            YolobgError: The catalog of the source is gone and cannot be made again.
        """
        return as_coco(self.choice, self.target.needed, progress=progress)


def recorded(dataset: Dataset) -> Manifest:
    """What yolobg has added, by the paths that the files have now."""
    return follow(read_manifest(dataset.root), dataset)


def make_plan(
    data_yaml: str | Path | DataYaml,
    request: Request,
    *,
    scan: Scan | None = None,
    saved: PlanFile | None = None,
    progress: Progress = no_progress,
) -> Plan:
    """Find out what the request means for this dataset; reads only.

    Args:
        data_yaml: Its data.yaml or the folder of that; or the value, where a trainer has resolved it already.
        request: What is asked for.
        scan: Reads the split in place of our own reader, where a trainer does that itself.
        saved: A saved plan, whose images are the ones that come in.
        progress: Called with how far each stage is.

    Raises:
        YolobgError: The dataset, the classes or the source do not allow it; the message says why.
    """
    dataset, request, derived = _opened(data_yaml, request)
    scan = scan or _scan
    data, root, manifest = dataset.data, dataset.root, recorded(dataset)
    inventory = scan(data, request.split, progress)
    destination = _destination(data, inventory, request, derived, manifest)
    before = counts_of(inventory, manifest, root)
    if before.labelled == 0 and request.ratio is not None:
        raise _no_labels(data, request, before, inventory.warnings)
    going = _going(dataset, manifest, inventory, before, request, progress)
    left = _left(saved, dataset, manifest, inventory, before) if saved else None
    wanted = len(left.ids) if left else going.needed
    _check_options(request, dataset, manifest, wanted, progress)
    scanned = inventory if scan is _scan else None
    # Before what is stale: this brings the catalog of the source, should it be needed.
    choosing = partial(choose, saved=left, avoid=going.avoid)
    choice = choosing(request, data, manifest, going.needed, before, scanned, progress) if wanted else None
    return Plan(
        request=request,
        dataset=dataset,
        inventory=inventory,
        destination=destination,
        before=before,
        target=_target(request, wanted),
        choice=choice,
        warnings=_warnings(data, inventory, choice, going, derived),
        scan=scan,
        manifest=manifest,
        checked=going.checked or find_stale(dataset, manifest, inventory, request),
        leaving=going.leaving,
        saved=saved,
        derived=derived,
    )


def _warnings(
    data: DataYaml, inventory: Inventory, choice: Choice | None, going: _Going, derived: Derived | None
) -> tuple[str, ...]:
    chosen = choice.warnings if choice else ()
    return (*data.warnings, *inventory.warnings, *chosen, *going.notes, *stale_in_originals(data, inventory, derived))


@dataclass(frozen=True)
class _Going:
    """Which backgrounds go, how many have to come in, what was found of the others, and what to say.

    `avoid` are categories of which no image comes in.
    """

    leaving: tuple[Entry, ...]
    needed: int
    checked: Checked | None = None
    notes: tuple[str, ...] = ()
    avoid: frozenset[str] = frozenset()


def _going(
    dataset: Dataset, manifest: Manifest, inventory: Inventory, before: Counts, request: Request, progress: Progress
) -> _Going:
    reviewed = what_reviews_say(dataset, manifest) if request.recheck or request.prefer == LOOKALIKES else ()
    avoid = frozenset(one.category for one in reviewed)
    if request.recheck:
        outcome = plan_recheck(dataset, manifest, inventory, before, request, reviewed, progress=progress)
        return _Going(outcome.leaving, outcome.needed, outcome.checked, avoid=avoid)
    surplus = surplus_of(before, ratio=request.ratio, count=request.count)
    leaving = to_trim(dataset, manifest, inventory, surplus) if request.trim else ()
    notes = surplus_notes(request, before, leaving, str(dataset.data.file))
    return _Going(leaving, _needed(before, request), notes=notes + review_notes(reviewed, recheck=False), avoid=avoid)


def _check_options(request: Request, dataset: Dataset, manifest: Manifest, wanted: int, progress: Progress) -> None:
    """Check that `wanted` images may be added; with nothing to add, the options that are not used."""
    if not wanted:
        # A recheck asks about the backgrounds that are there, by the sources that they came from.
        if not request.recheck:
            check_unused(request, dataset.data, manifest, progress)
        return
    if reason := why_not_rgb(dataset.data):
        raise DatasetError(reason)
    check_room(dataset.root, manifest, wanted)


def _left(saved: PlanFile, dataset: Dataset, manifest: Manifest, inventory: Inventory, before: Counts) -> Left:
    """What is left to do of a saved plan, which must be for the dataset as it is."""
    left = lines_left(saved, manifest, dataset, inventory)
    check_dataset(left, dataset, inventory, before)
    return left


def _needed(before: Counts, request: Request) -> int:
    return backgrounds_needed(before.labelled, before.backgrounds, ratio=request.ratio, count=request.count)


def _target(request: Request, needed: int) -> Target:
    ratio = float(parse_ratio(request.ratio)) if request.ratio is not None else None
    return Target(ratio=ratio, count=request.count, needed=needed)


def _opened(data_yaml: str | Path | DataYaml, request: Request) -> tuple[Dataset, Request, Derived | None]:
    """The dataset to add to, the rest of the request, and what has to be written first where that is a derived one."""
    check_hard(request)
    dataset = open_dataset(data_yaml)
    check_current(dataset.data)
    if request.to is None:
        return dataset, request, None
    derived = derive(dataset, Path(request.to), request.split)
    # Once it is there it is a dataset like any other, and a later run for its data.yaml must not derive again.
    return derived.dataset, replace(request, to=None), derived if derived.content is not None else None


def _destination(
    data: DataYaml, inventory: Inventory, request: Request, derived: Derived | None, manifest: Manifest
) -> Destination:
    if derived:
        return destination_in(own_folder(derived.folder, request.split))
    chosen = choose_destination(data, inventory, into=Path(request.into) if request.into else None)
    own = own_folder(data.root.resolve(), request.split)
    if not request.into and str(own) in inventory.entries and not chosen.images_dir.is_relative_to(data.root.resolve()):
        _check_not_moved(own, chosen, data, manifest)
    return chosen


def _check_not_moved(own: Path, chosen: Destination, data: DataYaml, manifest: Manifest) -> None:
    """Refuse to add outside of the root what was in it before: the file may have lost the key that --to wrote."""
    before = {str(absolute(entry.image, data.root.resolve()).parent) for entry in manifest.known}
    if str(own) in before:
        raise DatasetError(
            f"{data.file}: earlier backgrounds are in {own}, and new ones would go to {chosen.images_dir}; name the "
            "folder with --into. If augment --to wrote this file, put its key 'yolobg' back"
        )


def _no_labels(data: DataYaml, request: Request, before: Counts, warnings: Sequence[str]) -> DatasetError:
    known = "".join(f"\n  {warning}" for warning in warnings)
    return DatasetError(
        f"{data.file}: split '{request.split}' has {counted(before.images, 'image')} and none with labels, so a "
        "ratio is "
        "undefined. Check that the labels are where the trainer looks (yolobg status --files), or give --count."
        f"{known}"
    )


def _scan(data: DataYaml, split: str, progress: Progress) -> Inventory:
    return scan_split(data, split, progress=progress)


def _after(before: Counts, added: int, gone: int) -> Counts:
    more = added - gone
    backgrounds = before.backgrounds + more
    return replace(
        before,
        images=before.images + more,
        backgrounds=backgrounds,
        empty=before.empty + more,
        ours=before.ours + more,
        ratio=share(backgrounds, before.labelled),
    )
