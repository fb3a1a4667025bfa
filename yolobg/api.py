"""The main flow, one short function per command; a newcomer starts here.

`planning` reads and decides, `execution` fetches and merges; neither knows the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from yolobg.calls import public
from yolobg.changes.derived_files import drop_folders
from yolobg.changes.manifest import FOLDER, absolute, counts_of, manifest_path, report_path
from yolobg.changes.proposals import propose as propose_staged
from yolobg.changes.proposals import waiting_words
from yolobg.changes.removal import plan_removal, take_back
from yolobg.dataset.dataset import open_dataset
from yolobg.dataset.inventory import scan_split
from yolobg.errors import UsageError, YolobgError
from yolobg.flow.candidates import judge, source_of
from yolobg.flow.offline import uncounted, without_lists
from yolobg.flow.option_texts import describe_options
from yolobg.flow.option_values import settle_names
from yolobg.flow.options import CAPTIONS, SourceOptions, request_from
from yolobg.flow.past_runs import added_of
from yolobg.flow.planning import Plan, make_plan, recorded
from yolobg.flow.split_states import destination_of, info_of, states_of
from yolobg.flow.stale import find_stale, stale_warnings
from yolobg.flow.stale_originals import stale_in_originals
from yolobg.flow.surplus import share_warnings
from yolobg.matching.matcher import excluded_categories
from yolobg.mining.bring import bring_of
from yolobg.model import Progress, no_progress
from yolobg.results import (
    ClassesReport,
    KeptBackground,
    RemovedDataYaml,
    RemoveReport,
    Report,
    SplitState,
    Target,
)
from yolobg.sources.catalog.open import find_catalog, open_index

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from yolobg.demo import Demo
    from yolobg.flow.options import Options

_OBJECTS_ONLY = (
    "counted by COCO's object labels; captions and licences are counted too once a run has fetched COCO's annotations"
)

__all__ = ["augment", "carry_out", "classes", "download", "plan", "preview", "propose", "remove", "run_demo", "status"]


@describe_options()
@public
def plan(data_yaml: str | Path, *, progress: Progress = no_progress, **options: Unpack[Options]) -> Plan:
    """Work out what `augment` would do, and touch nothing.

    Args:
        data_yaml: The dataset's data.yaml, or a folder that holds one.
        progress: Called as `progress(stage, done, total)`, `total` None if unknown; by default a bar in a notebook.
        **options: The options.

    Returns:
        The plan; `plan.report` is what `--dry-run --json` prints, `carry_out(plan)` does it.

    Raises:
        YolobgError: The dataset, the classes or the source do not allow it.
    """
    return make_plan(data_yaml, request_from(options), progress=progress)


@describe_options()
@public
def augment(data_yaml: str | Path, *, progress: Progress = no_progress, **options: Unpack[Options]) -> Report:
    """Add background images to a split until it has the ratio or count asked for.

    Promises: no existing file is changed (a list-file split gets lines appended); exactly the number needed is added or
    none; no added image holds an excluded category; the same request twice adds nothing. With `hard`, or from videos,
    the images come in without a review, and the manifest says so.

    Args:
        data_yaml: The dataset's data.yaml, or a folder that holds one.
        progress: Called as `progress(stage, done, total)`, `total` None if unknown; by default a bar in a notebook.
        **options: The options.

    Returns:
        What was found, decided and added: images with paths, licences and sizes in bytes, shares from 0 to 1.

    Raises:
        YolobgError: Something does not allow it; the dataset is valid, and a re-run continues.
    """
    return carry_out(make_plan(data_yaml, request_from(options), progress=progress), progress=progress)


@public
def carry_out(plan: Plan, *, progress: Progress = no_progress) -> Report:
    """Do what a plan says, then write the page to look at.

    The plan is renewed if the manifest has changed since, for example by another yolobg; nothing is ever added twice.

    Args:
        plan: What `plan` made.
        progress: Called as `progress(stage, done, total)`, `total` None if unknown; by default a bar in a notebook.

    Returns:
        The report of the run, as from `augment`.

    Raises:
        YolobgError: Something does not allow it; the dataset is valid, and a re-run continues.
    """
    from yolobg.flow.execution import execute  # noqa: PLC0415 - the network is for this alone

    return execute(plan, progress=progress, after=partial(_with_page, progress=progress), bring=bring_of(plan.request))


def propose(plan: Plan, *, progress: Progress = no_progress) -> Report:
    """Fetch and verify the images that a plan chooses; they wait for a review, and no split has them before.

    Args:
        plan: What `plan` made.
        progress: Called with how far each stage is.

    Returns:
        The report of the run; `added` is empty, `proposed` their number, and `mined` what a model found in each.

    Raises:
        MergeError: Other images wait already.
        YolobgError: Something does not allow it; the dataset is as it was, and a re-run continues.
    """
    from yolobg.flow.execution import execute  # noqa: PLC0415 - the network is for this alone

    return execute(plan, progress=progress, bring=bring_of(plan.request), land=propose_staged)


@public
def preview(plan: Plan, *, progress: Progress = no_progress) -> Path:
    """Fetch the first images that a plan would add and write a page that shows them; the dataset is only read.

    Args:
        plan: What `plan` made.
        progress: Called as `progress(stage, done, total)`, `total` None if unknown; by default a bar in a notebook.

    Returns:
        The page. It lies in the cache folder, and the next preview for this data.yaml and split replaces it.

    Raises:
        UsageError: A model chooses the images.
        YolobgError: The images cannot be fetched, or the page cannot be written.
    """
    if option := plan.request.model_option:
        raise UsageError(f"{option} has no page of a plan: the model chooses while the plan is carried out")
    from yolobg.report.preview import write_preview  # noqa: PLC0415 - reads pictures

    return write_preview(plan, progress=progress)


def _with_page(plan: Plan, report: Report, *, progress: Progress) -> Report:
    if not plan.request.report:
        return report
    from yolobg.report.write import page_of_run  # noqa: PLC0415 - reads pictures

    # Opened again: what the run has added is in the list files now.
    page, warnings = page_of_run(open_dataset(plan.dataset.data), report, progress)
    return replace(report, page=page, warnings=report.warnings + warnings)


@describe_options(only=SourceOptions.__annotations__)
@public
def download(
    output: str | Path,
    *,
    exclude: Sequence[str],
    count: int,
    val: float | str = 0,
    dry_run: bool = False,
    progress: Progress = no_progress,
    **options: Unpack[SourceOptions],
) -> Report:
    """Put background images into a folder: `images/`, a blank file for each in `labels/`, and a data.yaml.

    Promises exactly `count` images in the folder afterwards, those there before counted; the same request twice fetches
    nothing; a run that was cut off is continued. With `val` the images lie in `images/train` and `images/val`.

    Args:
        output: A new or empty folder, or one that an earlier download with the same classes made.
        exclude: The classes that no image may hold.
        count: How many images the folder has afterwards.
        val: Share (0-1) of them that goes to a val split; 0 for one flat folder.
        dry_run: Only find out what would be done; the folder is not made.
        progress: Called as `progress(stage, done, total)`, `total` None if unknown; by default a bar in a notebook.
        **options: The options.

    Returns:
        The report; `added` has the images, `parts` those of each split.

    Raises:
        YolobgError: Something does not allow it; the folder is valid, and a re-run continues.
    """
    from yolobg.flow.download_folder import fill_folder  # noqa: PLC0415 - for this command alone

    return fill_folder(
        output,
        exclude=exclude,
        count=count,
        val=val,
        dry_run=dry_run,
        options=options,
        progress=progress,
        carry_out=partial(carry_out, progress=progress),
    )


@public
def status(
    data_yaml: str | Path,
    *,
    split: str = "train",
    files: bool = False,
    all_splits: bool = False,
    progress: Progress = no_progress,
) -> Report:
    """Tell what is in a split: labelled images, backgrounds, corrupt labels, and which backgrounds are ours.

    Reads only; an interrupted run is reported, not finished.

    Args:
        data_yaml: The dataset's data.yaml, or a folder that holds one.
        split: The split to look at.
        files: Whether to list every image with its label file and the label's state.
        all_splits: Whether to count the other splits too (`report.splits`); one that cannot be read is no error.
        progress: Called with how far the scan is; by default as for `augment`.

    Returns:
        The same shape as from `augment`, with nothing added: `before` and `after` are what is there now.

    Raises:
        DatasetError: It is not a dataset that can be read.
    """
    dataset = open_dataset(data_yaml)
    data, root, manifest = dataset.data, dataset.root, recorded(dataset)
    inventory = scan_split(data, split, progress=progress)
    destination, warnings = destination_of(data, inventory)
    counts = counts_of(inventory, manifest, root)
    still = {file.image for file in inventory.files if file.state in ("missing", "empty")}
    stale = find_stale(dataset, manifest, inventory, progress=progress).stale
    return Report(
        dry_run=False,
        dataset=info_of(dataset, split, destination),
        before=counts,
        target=Target(ratio=None, count=None, needed=0),
        classes=(),
        source=None,
        added=tuple(added_of(e) for e in manifest.known if str(absolute(e.image, root)) in still),
        failed=(),
        after=counts,
        manifest=str(manifest_path(root)) if manifest_path(root).exists() else None,
        warnings=data.warnings
        + inventory.warnings
        + warnings
        + stale_warnings(stale, data.file)
        + stale_in_originals(data, inventory)
        + share_warnings(dataset, manifest, split, counts)
        + waiting_words(root, manifest),
        problems=inventory.problems,
        interrupted=manifest.pending is not None,
        page=str(report_path(root)) if report_path(root).is_file() else None,
        files=inventory.files if files else None,
        stale=stale,
        splits=states_of(dataset, manifest, SplitState(split, counts), progress) if all_splits else (),
    )


@public
def remove(
    data_yaml: str | Path, *, split: str | None = None, proposed: bool = False, dry_run: bool = False
) -> RemoveReport:
    """Take back exactly what yolobg added for this data.yaml; the folder tree is byte-identical to before.

    What it added for another data.yaml of the same root stays. Kept, and listed, are backgrounds of ours that a person
    has since labelled, changed or replaced. The data.yaml that `to` made goes as well, unless it was changed since.

    Args:
        data_yaml: The dataset's data.yaml, or a folder that holds one.
        split: Only this split; None for all.
        proposed: Only the images that wait for a review; what is in the splits stays.
        dry_run: Only say what would be done.

    Returns:
        Which images were removed and which were kept, with the reason.

    Raises:
        MergeError: Something could not be removed; running again goes on from there.
    """
    dataset = open_dataset(data_yaml)
    root = dataset.root
    derived = dataset.data.derived
    images = () if proposed else None
    if dry_run or not ((root / FOLDER).is_dir() or derived):
        removal = plan_removal(dataset, recorded(dataset), split=split, images=images, proposed=True)
    else:
        from yolobg.changes.lock import hold  # noqa: PLC0415 - filelock, where something is changed

        with hold(root):
            removal = take_back(dataset, split=split, images=images, proposed=True)
    file = removal.file
    if derived and file and not file.why_kept and not dry_run:
        drop_folders(root, derived.made)
    return RemoveReport(
        dry_run=dry_run,
        root=str(root),
        removed=tuple(entry.image for entry in removal.removed),
        gone=tuple(entry.image for entry in removal.gone),
        kept=tuple(KeptBackground(kept.image, kept.reason) for kept in removal.kept),
        others=dict(removal.others),
        proposed=removal.proposed,
        data_yaml=RemovedDataYaml(str(file.file), file.why_kept) if file else None,
    )


@describe_options(only=SourceOptions.__annotations__.keys() - {"link", "seed", "jobs", "prefer", "unmapped"})
@public
def classes(
    data_yaml: str | Path | None = None,
    *,
    names: str | Sequence[str] | Mapping[int, str] | None = None,
    progress: Progress = no_progress,
    **options: Unpack[SourceOptions],
) -> ClassesReport:
    """Say what each class name excludes, why, and what that costs; unresolved names are reported, not refused.

    Args:
        data_yaml: The dataset whose class names to look up. Give this or `names`.
        names: The names themselves: a list, the mapping of a data.yaml, or one text with commas between.
        progress: Called as `progress(stage, done, total)`, `total` None if unknown; by default a bar in a notebook.
        **options: The options.

    Returns:
        One match per class, in class-id order, and how many images of the source all of them leave.

    Raises:
        YolobgError: The dataset or the source cannot be read.
    """
    request = request_from(options)
    data = open_dataset(data_yaml if data_yaml is not None else Path()).data if names is None else None
    meant = data.names if data is not None else settle_names(names)
    readings, warnings = (data.readings, data.warnings) if data is not None else (None, ())
    source = source_of(request, for_images=False)
    # Looking up a few names must not start a download: the index that ships with yolobg has the objects of all images.
    catalog = find_catalog(source.annotations, progress=progress)
    if catalog is None and source.annotations.open_images:
        return uncounted(source, meant, request, readings, (*warnings, without_lists(source)))
    if catalog is None:
        request = replace(request, license="any", evidence=[one for one in request.evidence if one != CAPTIONS])
        try:
            catalog = open_index()
        except YolobgError as error:
            return uncounted(source, meant, request, readings, (*warnings, f"images are not counted: {error}"))
        warnings = (*warnings, _OBJECTS_ONLY)
    with catalog:
        judged = judge(catalog, source, meant, request, readings=readings)
    excluded = tuple(sorted(excluded_categories(judged.matches, lean=request.lean)))
    return ClassesReport(judged.matches, excluded, judged.info(), judged.warnings + warnings)


def run_demo(folder: Path, *, progress: Progress = no_progress) -> tuple[Demo, Report]:
    """Copy the sample dataset and source into a new or empty folder, and run the main job on them, offline.

    Raises:
        UsageError: The folder is not empty or cannot be written.
    """
    from yolobg.demo import write_demo  # noqa: PLC0415 - for this command alone

    material = write_demo(folder)
    return material, augment(
        material.data_yaml, annotations=material.annotations, images=(material.images_dir,), progress=progress
    )
