"""A small world around a dataset, and a source of backgrounds, for tests with hostile data."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from PIL import Image

from yolobg.changes.manifest import read_manifest

LABELLED = 12
SPLIT = "images/train"


@dataclass(frozen=True)
class World:
    """A folder that holds a dataset, a source of backgrounds, the cache, and things that nobody may touch."""

    top: Path

    @property
    def dataset(self) -> Path:
        return self.top / "work" / "ds"

    @property
    def source(self) -> Path:
        return self.top / "source"

    @property
    def victim(self) -> Path:
        return self.top / "victim"

    @property
    def manifest(self) -> Path:
        return self.dataset / ".yolobg" / "manifest.json"

    def read(self) -> dict[str, Any]:
        """The manifest written out: each entry by itself."""
        told: dict[str, Any] = json.loads(msgspec.json.encode(read_manifest(self.dataset)))
        return told

    def write(self, manifest: Mapping[str, Any]) -> None:
        self.manifest.parent.mkdir(exist_ok=True)
        self.manifest.write_text(json.dumps(as_stored(manifest)))

    def outside(self) -> dict[str, tuple[object, ...]]:
        """Everything that is neither in the dataset nor in the cache."""
        return {
            name: told
            for name, told in photograph(self.top).items()
            if not name.startswith(("work/ds/", "cache/")) and name not in ("work/ds", "cache")
        }

    def users(self) -> dict[str, tuple[object, ...]]:
        """What lies in the dataset and was not made by yolobg, by name."""
        found = photograph(self.dataset)
        return {n: t for n, t in found.items() if "bg_" not in n and n.partition("/")[0] != ".yolobg"}


def as_stored(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """A manifest that was written out, true or forged, in the form on disk."""
    stored = dict(manifest)
    if "entries" in stored:
        stored["entries"] = [_block(stored["entries"])]
    if pending := stored.get("pending"):
        stored["pending"] = pending | {"entries": [_block(pending["entries"])]}
        if pending.get("edit"):
            stored["pending"]["edit"] = _edit(pending["edit"])
    if "edits" in stored:
        stored["edits"] = [_edit(edit) for edit in stored["edits"]]
    return stored


def _block(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {name: [entry[name] for entry in entries] for name in (entries[0] if entries else {"image": ""})}


def _edit(edit: Mapping[str, Any]) -> dict[str, Any]:
    return {**edit, "lines": [{"key": list(edit["lines"]), "value": list(edit["lines"].values())}]}


def photograph(top: Path) -> dict[str, tuple[object, ...]]:
    """Every path below a folder with its kind, permissions and content; links are not followed."""
    found: dict[str, tuple[object, ...]] = {}
    for folder, names, files in os.walk(top):
        for name in (*names, *files):
            path = Path(folder) / name
            status = path.lstat()
            content: object = None
            if stat.S_ISLNK(status.st_mode):
                content = str(path.readlink())
            elif stat.S_ISREG(status.st_mode):
                content = path.read_bytes()
            found[path.relative_to(top).as_posix()] = (status.st_mode, content)
    return found


def make_world(top: Path, *, split: str = "folder", images: int = 14) -> World:
    """Make a world; `split` is `folder` or `list`."""
    world = World(top)
    for kind in ("images", "labels"):
        (world.dataset / kind / "train").mkdir(parents=True)
    for number in range(LABELLED):
        Image.new("RGB", (32, 32), (number, 0, 0)).save(world.dataset / f"{SPLIT}/a{number}.jpg")
        (world.dataset / f"labels/train/a{number}.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    train = SPLIT
    if split == "list":
        train = "train.txt"
        lines = [f"./{SPLIT}/a{number}.jpg" for number in range(LABELLED)]
        (world.dataset / train).write_text("\n".join(lines) + "\n")
    (world.dataset / "data.yaml").write_text(f"train: {train}\nval: {SPLIT}\nnames: [person]\n")
    (world.dataset / "notes.txt").write_text("my own notes\n")
    write_source(world.source, images)
    _write_victim(world.victim)
    (world.top / "work" / "beside.txt").write_text("beside the dataset\n")
    return world


def _write_victim(victim: Path) -> None:
    (victim / "empty").mkdir(parents=True)
    (victim / "train").mkdir()
    (victim / ".bashrc").write_text("alias ll='ls -l'\n")
    (victim / "keys").write_text("secret\n")
    (victim / "blank.txt").write_text("")
    (victim / "photos").mkdir()
    Image.new("RGB", (32, 32), (1, 2, 3)).save(victim / "photos" / "holiday.jpg")
    # What would pass for ours by its name.
    Image.new("RGB", (32, 32), (3, 2, 1)).save(victim / "photos" / "bg_instances_pool_own.jpg")
    (victim / "photos" / "bg_instances_pool_own.txt").touch()
    # What another dataset of the same person has put away.
    (victim / "other" / ".yolobg" / "rejected").mkdir(parents=True)
    (victim / "other" / ".yolobg" / "rejected" / "kept").write_text("an image that was put away\n")
    (victim / "other" / "labels.txt").write_text("0 0.5 0.5 0.1 0.1\n")


def picture(number: int, size: tuple[int, int] = (64, 48)) -> Image.Image:
    """A picture of one colour that no other number has."""
    return Image.new("RGB", size, (number * 37 % 251, number * 101 % 251, number * 197 % 251))


def write_source(
    folder: Path,
    count: int,
    *,
    names: Mapping[int, str] | None = None,
    extra: Sequence[Mapping[str, object]] = (),
    licenses: Sequence[Mapping[str, object]] = (),
) -> Path:
    """A COCO-format source without objects: `names` gives images another `file_name`, `extra` are further records.

    Only images with their ordinary name have a file. Returns the instances file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    records: list[Mapping[str, object]] = []
    for number in range(1, count + 1):
        name = (names or {}).get(number)
        if name is None:
            name = f"im{number:04}.jpg"
            picture(number).save(folder / name)
        records.append({"id": number, "file_name": name, "width": 64, "height": 48})
    instances = folder / "instances_pool.json"
    instances.write_text(
        json.dumps(
            {
                "images": [*records, *extra],
                "annotations": [],
                "categories": [{"id": 1, "name": "person"}],
                "licenses": list(licenses),
            }
        )
    )
    return instances
