"""A plan as a file: what is written, what is read back, and whether it still holds for the dataset and the source.

A file is trusted in nothing: its images come in only if they are candidates by what the dataset, the source and the
options say when it is carried out.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from yolobg.changes.manifest import absolute, run_key
from yolobg.changes.records import Entry, Manifest
from yolobg.changes.siblings import Claims
from yolobg.dataset.dataset import Dataset
from yolobg.errors import AnnotationsError, DatasetError, PoolError, UsageError
from yolobg.files import read_ordinary, write_bytes
from yolobg.flow.options import Request, request_of
from yolobg.model import Counts, Inventory
from yolobg.results import Planned
from yolobg.sources.catalog.catalog import Catalog
from yolobg.sources.location import is_url
from yolobg.sources.resolve import Source
from yolobg.wording import counted

__all__ = [
    "DatasetState",
    "Left",
    "PlanFile",
    "SourceState",
    "check_dataset",
    "check_files",
    "check_source",
    "dataset_state",
    "lines_left",
    "read_plan",
    "request_in",
    "with_lines",
    "write_plan",
]

VERSION = 1
LIMIT_BYTES = 256 << 20
_SHOWN = 3


class PlannedLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An image to bring in. `source_id` names it, the size in `bytes` is that of a file on this machine.

    The rest is for a person.
    """

    source_id: int
    url: str = ""
    license: int | None = None
    why: str = ""
    bytes: int | None = None


class DatasetState(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The split as the plan found it; `content` is a digest of its images' paths and the states of their labels."""

    data_yaml: str
    split: str
    names: tuple[str, ...]
    images: int
    backgrounds: int
    content: str


class SourceState(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The source as the plan found it; `catalog` is made from the content of its annotations."""

    name: str
    catalog: str


class PlanFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A plan as it is saved.

    Attributes:
        yolobg_plan: The version of this form.
        options: What was asked for, as `stored_options` writes it.
        dataset: What the dataset was like.
        source: What the source was; None where nothing was needed of one.
        images: The images, in the order in which they are brought in. Lines may be taken out.
    """

    yolobg_plan: int
    options: dict[str, Any]
    dataset: DatasetState
    source: SourceState | None
    images: tuple[PlannedLine, ...]


class _Head(msgspec.Struct):
    yolobg_plan: int


# ---------------------------------------------------------------- the file


def write_plan(
    path: Path, options: dict[str, Any], dataset: DatasetState, source: SourceState | None, images: Sequence[Planned]
) -> None:
    """Write a plan, one line for each image so that lines can be taken out.

    Raises:
        UsageError: It cannot be written, or something is there already.
    """
    if os.path.lexists(path):
        raise UsageError(f"{path}: exists already; yolobg replaces no file, so choose another name for the plan")
    head = {"yolobg_plan": VERSION, "options": options, "dataset": dataset, "source": source}
    lines = (PlannedLine(one.source_id, one.url, one.license, one.why, _size(one.url)) for one in images)
    try:
        text = msgspec.json.format(msgspec.json.encode(head), indent=1).decode().removesuffix("\n}")
        listed = ",\n".join(f"  {msgspec.json.encode(line).decode()}" for line in lines)
        write_bytes(path, f'{text},\n "images": [{f"{chr(10)}{listed}{chr(10)} " if listed else ""}]\n}}\n'.encode())
    except OSError as error:
        raise UsageError(f"{path}: the plan cannot be written: {error.strerror or error}") from error
    except UnicodeEncodeError as error:
        raise UsageError(
            f"{path}: the plan cannot be written: {error.object[:200]!r} is not UTF-8 text; rename that file or folder"
        ) from error


def _size(place: str) -> int | None:
    """The size in bytes of a file on this machine; None of an address, or where there is none."""
    if is_url(place):
        return None
    try:
        return os.stat(place).st_size  # noqa: PTH116 - by the ten thousand
    except OSError:
        return None


def read_plan(path: Path) -> PlanFile:
    """Read a plan that was saved and perhaps edited.

    Raises:
        UsageError: It cannot be read, or is no plan that this yolobg understands.
    """
    try:
        raw = _without_last_comma(read_ordinary(path, LIMIT_BYTES))
        version = msgspec.json.decode(raw, type=_Head).yolobg_plan
        if version != VERSION:
            raise UsageError(
                f"{path}: a plan of version {version}, but this yolobg reads version {VERSION}; plan again"
            )
        return msgspec.json.decode(raw, type=PlanFile)
    except (OSError, ValueError, msgspec.MsgspecError, RecursionError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise UsageError(
            f"{path}: not a plan of yolobg ({why}); expected what `yolobg plan DATA_YAML --save` writes, of which "
            "whole lines of images may be taken out"
        ) from error


def _without_last_comma(raw: bytes) -> bytes:
    """The text without the comma that is left at the end where the last line was taken out."""
    left = raw.rstrip()
    for bracket in (b"}", b"]"):
        if not left.endswith(bracket):
            return raw
        left = left[:-1].rstrip()
    return left[:-1] + b"]}" if left.endswith(b",") else raw


def request_in(file: PlanFile, path: Path, **changes: Any) -> Request:
    """The request of a saved plan.

    Args:
        file: The plan.
        path: Where it lies.
        **changes: Options of `Request` that are different now.

    Raises:
        UsageError: Its options are such as no plan can have.
    """
    try:
        request = request_of(file.options, **changes)
    except UsageError as error:
        why = error.__cause__ if isinstance(error.__cause__, msgspec.ValidationError) else error
        raise UsageError(f"{path}: its options cannot be used ({why}); plan again") from error
    if request.recheck:
        raise UsageError(f"{path}: its options have recheck, which no saved plan can have; plan again")
    # Its lines may be more than what was asked for, and carrying it out again must not take them out.
    return replace(request, trim=False)


# ---------------------------------------------------------------- the dataset


def dataset_state(dataset: Dataset, inventory: Inventory, counts: Counts) -> DatasetState:
    """What a plan rests on in the dataset."""
    data = dataset.data
    return DatasetState(
        data_yaml=str(data.file.absolute()),
        split=inventory.split,
        names=tuple(data.names.values()),
        images=counts.images,
        backgrounds=counts.backgrounds,
        content=_digest(dataset, inventory, ()),
    )


def _digest(dataset: Dataset, inventory: Inventory, without: Iterable[Entry]) -> str:
    """Of the images and label states of a split, less some backgrounds; the same wherever the dataset lies."""
    left_out = {str(absolute(entry.image, dataset.root)) for entry in without}
    starts = tuple(os.path.join(root, "") for root in (str(dataset.root), str(dataset.data.root)))  # noqa: PTH118 - text
    digest = hashlib.sha256()
    for file in inventory.files:
        if file.image in left_out and file.state in ("missing", "empty"):
            continue
        start = next((start for start in starts if file.image.startswith(start)), "")
        name = file.image[len(start) :].replace(os.sep, "/")
        digest.update(os.fsencode(f"{name}\0{file.state}\0"))
    return digest.hexdigest()


@dataclass(frozen=True)
class Left:
    """What is left to do of a saved plan.

    Attributes:
        file: The plan.
        ids: Those of its lines that are still to be brought in, in its order.
        done: The entries of those that have been: the plan of a run that was cut off can be carried out again.
    """

    file: PlanFile
    ids: tuple[int, ...]
    done: tuple[Entry, ...]


def lines_left(file: PlanFile, manifest: Manifest, dataset: Dataset, inventory: Inventory) -> Left:
    """Hold a saved plan against what has been brought in."""
    ids = [line.source_id for line in file.images]
    done: tuple[Entry, ...] = ()
    if file.source:
        there, wanted = _brought_in(file.source, manifest, dataset, inventory), set(ids)
        done = tuple(entry for entry in there if entry.split == file.dataset.split and entry.source_id in wanted)
    done_ids = {entry.source_id for entry in done}
    return Left(file, tuple(number for number in ids if number not in done_ids), done)


def _brought_in(source: SourceState, manifest: Manifest, dataset: Dataset, inventory: Inventory) -> Iterator[Entry]:
    """What came from the records of a source for this data.yaml, and is still in the split; or is on its way."""
    listed = {image.image for image in inventory.files}
    begun = {entry.image for entry in manifest.pending.entries} if manifest.pending else set()
    catalogs = {run_key(run): run.basis.catalog for run in manifest.runs if run.basis}
    claims = Claims(manifest, dataset)
    for entry in manifest.known:
        if entry.source != source.name or not claims.is_mine(entry):
            continue
        is_there = str(absolute(entry.image, dataset.root)) in listed
        if entry.image in begun or (is_there and catalogs.get(run_key(entry)) == source.catalog):
            yield entry


def check_dataset(left: Left, dataset: Dataset, inventory: Inventory, counts: Counts) -> None:
    """Refuse a plan that was made for another dataset, or for this one as it was.

    Args:
        left: The plan, and what it has brought in already, which is no change.
        dataset: The dataset as it is now.
        inventory: Its split.
        counts: Those of the split.

    Raises:
        DatasetError: It has changed; the message says how.
    """
    done = left.done
    then, now = left.file.dataset, tuple(dataset.data.names.values())
    if then.names != now:
        added = [name for name in now if name not in then.names]
        gone = [name for name in then.names if name not in now]
        told = [f"{word} {', '.join(names[:_SHOWN])}" for word, names in (("new:", added), ("gone:", gone)) if names]
        raise _changed(dataset, f"its classes are not those of the plan ({'; '.join(told) or 'another order'})")
    if then.split != inventory.split:
        raise _changed(dataset, f"the plan is for the split {then.split!r}, and its options say {inventory.split!r}")
    if then.content == _digest(dataset, inventory, done):
        return
    images, backgrounds = counts.images, counts.backgrounds
    already = f", {len(done):,} of them brought in by this plan" if done else ""
    raise _changed(
        dataset,
        f"split {then.split!r} has {counted(images, 'image')} with {counted(backgrounds, 'background')}{already}; it "
        f"had {then.images:,} with {counted(then.backgrounds, 'background')}"
        + ("" if (images, backgrounds) != (then.images, then.backgrounds) else ", and some are others now"),
    )


def _changed(dataset: Dataset, how: str) -> DatasetError:
    return DatasetError(
        f"{dataset.data.file}: has changed since the plan was made: {how}. Nothing was added; make the plan again"
    )


# ---------------------------------------------------------------- the source and its candidates


def check_source(file: PlanFile, source: Source, catalog: Catalog) -> None:
    """Refuse a plan that was made from another source, or from this one as it was.

    Raises:
        AnnotationsError: It has changed; the message says how.
    """
    then = file.source
    if then is None or then.name != source.name:
        raise _source_changed(source.name, f"the plan is from {then.name if then else 'no source'}")
    if then.catalog != catalog.key:
        raise _source_changed(source.name, "its records are not what they were")


def check_files(file: PlanFile, places: Iterable[tuple[int, str]]) -> None:
    """Refuse a plan of which a file on this machine has another size now.

    Args:
        file: The plan.
        places: The id of each of its images and where that is had from first.

    Raises:
        AnnotationsError: One has.
    """
    sizes = {line.source_id: line.bytes for line in file.images}
    for source_id, place in places:
        then = sizes.get(source_id)
        if then is not None and not is_url(place) and _size(place) != then:
            name = file.source.name if file.source else ""
            raise _source_changed(name, f"{place} is not the file that it was ({then:,} bytes)")


def _source_changed(name: str, how: str) -> AnnotationsError:
    return AnnotationsError(
        f"source {name}: has changed since the plan was made: {how}. Nothing was added; make the plan again"
    )


def with_lines(
    lines: Sequence[int], ranked: Sequence[int], needed: int, catalog: Catalog, excluded: Iterable[str]
) -> list[int]:
    """The candidates in the order of an edited plan.

    Args:
        lines: The ids in it.
        ranked: The candidates as they would be taken without it.
        needed: How many of these the plan held before it was edited.
        catalog: That of the source, for the reasons.
        excluded: The categories that rule an image out.

    Returns:
        The lines, then what takes the place of those that cannot be fetched: the candidates that come after the plan.
        None of those that were taken out of it.

    Raises:
        PoolError: A line names an image that is no candidate, or one twice.
    """
    twice = [number for number, times in Counter(lines).items() if times > 1]
    if twice:
        raise PoolError(f"the plan names image {twice[0]} more than once; take the other lines out. Nothing was added")
    candidates = set(ranked)
    strange = [number for number in lines if number not in candidates]
    if strange:
        told = "; ".join(f"{number} {_why_not(number, catalog, set(excluded))}" for number in strange[:_SHOWN])
        more = f" and {len(strange) - _SHOWN:,} more" if len(strange) > _SHOWN else ""
        raise PoolError(
            f"the plan names images that are no candidates: {told}{more}. Nothing was added; take these lines out, or "
            "make the plan again"
        )
    planned = set(lines)
    return [*lines, *(number for number in ranked[needed:] if number not in planned)]


def _why_not(image_id: int, catalog: Catalog, excluded: set[str]) -> str:
    held = catalog.describe([image_id]).get(image_id)
    if held is None:
        return "(the source has no such image)"
    if found := [name for name in held[0] if name in excluded]:
        return f"(contains {', '.join(found)})"
    return "(a caption, evidence, its licence or record rules it out, or it is in the dataset or was rejected)"
