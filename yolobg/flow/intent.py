"""What a run intends: each staged image's name and entry, the lines of list files; recorded before its first step."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Any

from yolobg.changes.list_file import edit_for, read_lines
from yolobg.changes.manifest import relative
from yolobg.changes.records import Entry, ListEdit, Mining, Pending, Run
from yolobg.dataset.layout import background_name, label_key, label_path, list_line
from yolobg.errors import MergeError
from yolobg.flow.bringing import Brought
from yolobg.flow.candidates import Choice
from yolobg.flow.past_runs import run_record
from yolobg.flow.planning import Plan
from yolobg.model import ImageRecord, License, Staged
from yolobg.sources.location import is_url

__all__ = ["credit_fields", "intent_of"]


def intent_of(plan: Plan, choice: Choice, fetched: Brought, alike: Mapping[int, Sequence[str]]) -> Pending:
    """Give each staged image its name and write down what is about to happen.

    Args:
        plan: The plan.
        choice: Where the images are from.
        fetched: The staged images.
        alike: The look-alikes that images hold, where such are preferred.
    """
    images_dir = relative(plan.destination.images_dir / "x", plan.dataset.root)[:-1]
    labels_dir = relative(plan.destination.labels_dir / "x", plan.dataset.root)[:-1]
    now = datetime.now(timezone.utc).isoformat(timespec="microseconds")  # two runs are never one
    data = plan.dataset.name
    names = _names(plan, choice, fetched.staged)
    entries = []
    for image, name in zip(fetched.staged, names, strict=True):
        record = image.record
        entries.append(
            Entry(
                image=f"{images_dir}{name}",
                label=f"{labels_dir}{_label_name(name)}",
                split=plan.request.split,
                source=choice.source.name,
                source_id=record.id,
                sha256=image.sha256,
                bytes=image.size_bytes,
                url=image.url,
                **credit_fields(record, choice.licenses),
                link="copy" if is_url(image.url) else plan.request.link,
                added=now,
                seed=plan.request.seed,
                data=data,
            )
        )
    return Pending(
        kind="add",
        entries=tuple(entries),
        edit=_list_edit(plan, entries, names),
        folders=_missing_folders(plan.destination.labels_dir, plan.dataset.root),
        staging=relative(fetched.staged[0].folder, plan.dataset.root),
        run=_run(plan, choice, fetched.mining, now, alike),
    )


def _run(plan: Plan, choice: Choice, mining: Mining | None, added: str, alike: Mapping[int, Sequence[str]]) -> Run:
    by_look: dict[str, list[int]] = {}
    for source_id, names in alike.items():
        for name in names:
            by_look.setdefault(name, []).append(source_id)
    return run_record(
        plan.request,
        choice.source,
        plan.destination.images_dir,
        added=added,
        data=plan.dataset.name,
        basis=choice.basis,
        mining=mining,
        alike={name: tuple(ids) for name, ids in sorted(by_look.items())},
    )


def credit_fields(record: ImageRecord, licenses: Mapping[int, License]) -> dict[str, Any]:
    """The fields of an entry that say whose image it is and under which licence."""
    license_ = licenses.get(record.license) if record.license is not None else None
    return {
        "license": record.license,
        "license_name": license_.name if license_ else "",
        "license_url": license_.url if license_ else "",
        "flickr_url": record.flickr_url,
        "author": record.author,
        "title": record.title,
    }


def _names(plan: Plan, choice: Choice, staged: Iterable[Staged]) -> list[str]:
    """A free file name for each image; a name that is taken gets the record's id as well, then some of the content's.

    Sources that are called alike may have the same file names and the same ids.
    """
    taken = {label_key(file.image) for file in plan.inventory.files}
    folder = os.path.join(plan.destination.images_dir, "")  # noqa: PTH118 - by the ten thousand
    names = []
    for image in staged:
        record = image.record
        tries = chain([record.file_name], _further_names(image))
        wanted = (background_name(choice.source.name, file_name) for file_name in tries)
        keys = ((name, label_key(folder + name)) for name in wanted)
        name, key = next((pair for pair in keys if pair[1] not in taken and _is_free(plan, folder + pair[0])), ("", ""))
        if not name:
            first = background_name(choice.source.name, record.file_name)
            raise MergeError(f"{folder}{first}: this name or its label's is taken; nothing was changed. Move it away.")
        taken.add(key)
        names.append(name)
    return names


def _further_names(image: Staged) -> Iterator[str]:
    path, source_id = PurePosixPath(image.record.file_name), image.record.id
    for more in (f"{source_id}", f"{source_id}-{image.sha256[:12]}"):
        yield f"{path.stem}-{more}{path.suffix}"


def _label_name(name: str) -> str:
    return f"{name.rpartition('.')[0]}.txt"


def _is_free(plan: Plan, image: str) -> bool:
    # Not only `label_path(image)`: a list file with relative lines has its labels where those lines say.
    label = os.path.join(plan.destination.labels_dir, _label_name(os.path.basename(image)))  # noqa: PTH118, PTH119
    # Beside it a trainer's cache would lie, which `remove` takes away with the image.
    decoded = f"{image.rpartition('.')[0]}.npy"
    return not any(map(os.path.lexists, {image, decoded, label, label_path(image)}))


def _list_edit(plan: Plan, entries: Sequence[Entry], names: Sequence[str]) -> ListEdit | None:
    file = plan.destination.list_file
    if file is None:
        return None
    sample = plan.destination.images_dir / "x.jpg"
    # All go into one folder, so the style of the list is worked out once.
    line = list_line(str(sample), existing_lines=read_lines(file), list_file=str(file), cwd=str(Path.cwd()))
    start = line.removesuffix(sample.name)
    lines = {entry.image: f"{start}{name}" for entry, name in zip(entries, names, strict=True)}
    return edit_for(file, relative(file, plan.dataset.root), lines)


def _missing_folders(folder: Path, root: Path) -> tuple[str, ...]:
    missing: list[str] = []
    while not folder.exists():
        missing.insert(0, relative(folder, root))
        folder = folder.parent
    return tuple(missing)
