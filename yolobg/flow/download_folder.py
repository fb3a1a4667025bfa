"""The stand-alone download: background images in a folder of their own, for people who merge or convert by themselves.

The folder is made a small dataset (a data.yaml whose classes are the excluded ones) and filled by the same flow as
`augment`; so choice, checks, resume, licences, manifest and report are one and the same.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from yolobg.changes.lock import hold
from yolobg.changes.manifest import FOLDER
from yolobg.dataset.data_yaml import dump_yaml, read_data_yaml
from yolobg.dataset.inventory import list_images, scan_split
from yolobg.errors import UsageError
from yolobg.files import step, sweep_parts, write_bytes
from yolobg.flow.offline import refuse_to_fetch
from yolobg.flow.option_values import settle, settle_path
from yolobg.flow.options import SourceOptions, request_from
from yolobg.flow.planning import Plan, make_plan
from yolobg.flow.selection import parse_ratio, share
from yolobg.model import Counts, DataYaml, Inventory, Progress
from yolobg.results import DatasetInfo, Planned, Report, SplitPart

__all__ = ["fill_folder"]

_OURS = {"images", "labels", "data.yaml", FOLDER}
_PART = re.compile(r"\.yolobg-[0-9a-f]{32}\.part")


@dataclass(frozen=True)
class _Job:
    """What is asked of the folder: split to number of images, and how they are had."""

    folder: Path
    names: list[str]
    wanted: Mapping[str, int]
    options: SourceOptions
    progress: Progress


def fill_folder(
    output: str | Path,
    *,
    exclude: Sequence[str],
    count: int,
    val: float | str,
    dry_run: bool,
    options: SourceOptions,
    progress: Progress,
    carry_out: Callable[[Plan], Report],
) -> Report:
    """Make the folder a dataset whose classes are the excluded ones, and top its splits up; see `api.download`.

    Raises:
        YolobgError: Something does not allow it; the folder is valid, and a re-run continues.
    """
    # Before a folder is made: a wrong option leaves nothing behind.
    request = request_from({**options, "count": count}, only={*SourceOptions.__annotations__, "count"})
    if dry_run:
        refuse_to_fetch(request)
    folder = settle_path("output", output).expanduser().absolute()
    job = _Job(folder, _names(exclude), _wanted(count, val), options, progress)
    data_yaml = _prepare(folder, job.names, tuple(job.wanted), dry_run=dry_run)
    if dry_run:
        reports = _foreseen(job) if data_yaml is not None else _imagined(job)
    else:
        reports = [carry_out(_plan(job, split, number)) for split, number in job.wanted.items()]
    return _joined(reports, count)


def _foreseen(job: _Job) -> list[Report]:
    """The plan for each split; what all of them need together has to be in the source."""
    reports = [_plan(job, split, number).report for split, number in job.wanted.items()]
    short = [report for report in reports if report.target.needed]
    if len(short) > 1:
        # Neither knows of the other: asked as one, it shows whether there is enough for both.
        more = sum(report.target.needed for report in short[1:])
        whole = _plan(job, short[0].dataset.split, (short[0].target.count or 0) + more).report
        return _shared_out([replace(report, failed=whole.failed) for report in reports], whole.planned)
    return reports


def _shared_out(reports: Sequence[Report], whole: tuple[Planned, ...]) -> list[Report]:
    """The reports with the images that each split gets, one after the other."""
    shared = []
    for report in reports:
        mine, whole = whole[: report.target.needed], whole[report.target.needed :]
        shared.append(replace(report, planned=mine))
    return shared


def _plan(job: _Job, split: str, count: int) -> Plan:
    """The plan for one split of a prepared folder; reads only."""
    request = request_from({**job.options, "count": count, "split": split})
    return make_plan(job.folder / "data.yaml", request, scan=_scan, progress=job.progress)


def _scan(data: DataYaml, split: str, progress: Progress) -> Inventory:
    """What is in the folder; at first that is nothing, which would be an error in a dataset."""
    entries = data.splits[split]
    if not list_images(entries):
        return Inventory(split, entries, ())
    return scan_split(data, split, progress=progress)


def _wanted(count: int, val: float | str) -> dict[str, int]:
    """Split to number of images; one flat folder goes as `train`."""
    if count < 1:
        raise UsageError(f"count: {count} is not a number of images; give at least 1")
    portion: Fraction = parse_ratio(val)
    if not portion:
        return {"train": count}
    # At least one on either side: an empty split is what the tools trip over that this is for.
    to_val = min(max(1, round(count * portion)), count - 1)
    if to_val < 1:
        raise UsageError(f"val: {count} image cannot be split between train and val; ask for more or leave it out")
    return {"train": count - to_val, "val": to_val}


def _names(exclude: Sequence[str]) -> list[str]:
    listed = settle("exclude", exclude, Sequence[str], ())
    names = list(dict.fromkeys(str(name).strip() for name in listed if str(name).strip()))
    if not names:
        raise UsageError("exclude: name at least one class that the images must not contain, for example person")
    return names


def _prepare(folder: Path, names: list[str], splits: tuple[str, ...], *, dry_run: bool) -> Path | None:
    """Make the folder a dataset, or check that it is one of ours for the same request; None if a dry run found none."""
    data_yaml = folder / "data.yaml"
    if data_yaml.is_file():
        _check_same(data_yaml, names, splits)
        return data_yaml
    names_there = set(os.listdir(folder)) if folder.is_dir() else set()  # noqa: PTH208 - names only
    # A part is what a killed download left of data.yaml.
    strange = [name for name in names_there - _OURS if not _PART.fullmatch(name)]
    if strange or (folder.exists() and not folder.is_dir()) or _holds_files(folder):
        raise UsageError(f"{folder}: is not empty and not an earlier download; choose a new folder for --output")
    if dry_run:
        return None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with hold(folder):
            sweep_parts(folder)
            for kind in ("images", "labels"):
                for split in splits if len(splits) > 1 else ("",):
                    step("mkdir", folder / kind / split)
                    (folder / kind / split).mkdir(parents=True, exist_ok=True)
            if not data_yaml.is_file():
                write_bytes(data_yaml, dump_yaml(_content(names, splits)).encode("utf-8"))
    except OSError as error:
        raise UsageError(f"{folder}: cannot be written: {error.strerror or error}; choose another --output") from error
    # Another download may have come first.
    _check_same(data_yaml, names, splits)
    return data_yaml


def _content(names: list[str], splits: tuple[str, ...]) -> dict[str, object]:
    # No `path`: the splits then lie beside the yaml, wherever the folder is moved. Trainers ask for the key `val`, so
    # it is there also where nothing is behind it.
    flat = len(splits) == 1
    return {
        "train": "images" if flat else "images/train",
        "val": None if flat else "images/val",
        "names": dict(enumerate(names)),
    }


def _check_same(data_yaml: Path, names: list[str], splits: tuple[str, ...]) -> None:
    data = read_data_yaml(data_yaml)
    if tuple(data.splits) != splits:
        raise UsageError(
            f"{data_yaml}: has the splits {', '.join(data.splits) or 'none'}, this request has {', '.join(splits)}; "
            "give --val as before, or a new folder for --output"
        )
    if list(data.names.values()) != names:
        raise UsageError(
            f"{data_yaml}: this folder's images leave out {', '.join(data.names.values())}; give the same --exclude, "
            "or a new folder for --output"
        )


def _holds_files(folder: Path) -> bool:
    return any(path.is_file() for kind in ("images", "labels") for path in (folder / kind).rglob("*"))


def _imagined(job: _Job) -> list[Report]:
    """What would be done in a folder that is not there yet, asked in a temporary one."""
    import tempfile  # noqa: PLC0415 - for dry runs only

    with tempfile.TemporaryDirectory(prefix="yolobg-") as place:
        there = Path(place).resolve() / job.folder.name
        _prepare(there, job.names, tuple(job.wanted), dry_run=False)
        reports = _foreseen(replace(job, folder=there))
    return [replace(report, dataset=_moved(report.dataset, there, job.folder)) for report in reports]


def _moved(dataset: DatasetInfo, old: Path, new: Path) -> DatasetInfo:
    def at(place: str) -> str:
        return str(new / Path(place).relative_to(old))

    return replace(
        dataset,
        data_yaml=at(dataset.data_yaml),
        root=at(dataset.root),
        images_dir=at(dataset.images_dir),
        labels_dir=at(dataset.labels_dir),
    )


def _joined(reports: Sequence[Report], count: int) -> Report:
    """The reports of the splits as one."""
    first = reports[0]
    if len(reports) == 1:
        return first
    return replace(
        first,
        dataset=replace(first.dataset, split="train+val"),
        before=_sum([report.before for report in reports]),
        after=_sum([report.after for report in reports]),
        target=replace(first.target, count=count, needed=sum(report.target.needed for report in reports)),
        classes=next((report.classes for report in reports if report.classes), ()),
        source=next((report.source for report in reports if report.source), None),
        added=tuple(added for report in reports for added in report.added),
        # What cannot be used is tried for each split.
        failed=tuple(dict.fromkeys(failed for report in reports for failed in report.failed)),
        planned=tuple(planned for report in reports for planned in report.planned),
        manifest=next((report.manifest for report in reports if report.manifest), None),
        warnings=tuple(dict.fromkeys(warning for report in reports for warning in report.warnings)),
        parts=tuple(map(_part, reports)),
    )


def _part(report: Report) -> SplitPart:
    dataset = report.dataset
    before, needed, after = report.before.images, report.target.needed, report.after.images
    return SplitPart(dataset.split, dataset.images_dir, dataset.labels_dir, before, needed, after)


def _sum(counts: Sequence[Counts]) -> Counts:
    labelled = sum(c.labelled for c in counts)
    backgrounds = sum(c.backgrounds for c in counts)
    return Counts(
        images=sum(c.images for c in counts),
        labelled=labelled,
        backgrounds=backgrounds,
        missing=sum(c.missing for c in counts),
        empty=sum(c.empty for c in counts),
        corrupt=sum(c.corrupt for c in counts),
        ours=sum(c.ours for c in counts),
        ratio=share(backgrounds, labelled),
    )
