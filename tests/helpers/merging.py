"""A small dataset, staged images and the intent to merge them; shared by the merge tests and their killed children."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from yolobg.changes.list_file import edit_for
from yolobg.changes.manifest import relative
from yolobg.changes.records import Entry, Pending
from yolobg.dataset.dataset import Dataset
from yolobg.dataset.layout import label_path
from yolobg.model import DataYaml

IMAGES, LABELS = 4, 4


@dataclass(frozen=True)
class Place:
    """A dataset at `root`; new images go to `images_dir`; `list_file` names its training images, if there is one."""

    root: Path
    images_dir: Path
    list_file: Path | None

    @property
    def dataset(self) -> Dataset:
        train = (self.images_dir, *([self.list_file] if self.list_file else []))
        return Dataset(
            DataYaml(self.root / "data.yaml", self.root, {0: "a"}, {"train": tuple(map(str, train))}), self.root
        )

    @property
    def staging(self) -> Path:
        return self.root / ".yolobg" / "staging"


def make_place(root: Path, layout: str = "folder") -> Place:
    """Make a dataset: `folder`; `list`, whose list file ends without a line end; `unlabelled`, without labels/."""
    images_dir = root / "images" / "train"
    images_dir.mkdir(parents=True)
    for number in range(IMAGES):
        (images_dir / f"im{number}.jpg").write_bytes(b"picture %d" % number)
        if layout != "unlabelled":
            label = root / "labels" / "train" / f"im{number}.txt"
            label.parent.mkdir(parents=True, exist_ok=True)
            label.write_text(f"{number} 0.5 0.5 0.1 0.1\n")
    if layout != "list":
        return Place(root, images_dir, None)
    listed = root / "train.txt"
    listed.write_bytes("\r\n".join(f"./images/train/im{number}.jpg" for number in range(IMAGES)).encode())
    return Place(root, images_dir, listed)


def stage(place: Place, ids: range) -> Pending:
    """Stage an image for each id and return the intent to merge them."""
    place.staging.mkdir(parents=True, exist_ok=True)
    entries = []
    for number in ids:
        content = b"background %d" % number * 50
        (place.staging / f"{number}.staged").write_bytes(content)
        image = place.images_dir / f"bg_demo_{number}.jpg"
        entries.append(
            Entry(
                image=relative(image, place.root),
                label=relative(label_path(str(image)), place.root),
                split="train",
                source="demo",
                source_id=number,
                sha256=hashlib.sha256(content).hexdigest(),
                bytes=len(content),
            )
        )
    labels_dir = Path(label_path(str(place.images_dir / "x.jpg"))).parent
    folders = [relative(f, place.root) for f in (labels_dir.parent, labels_dir) if not f.exists()]
    edit = None
    if place.list_file is not None:
        lines = {entry.image: f"./{entry.image}" for entry in entries}
        edit = edit_for(place.list_file, relative(place.list_file, place.root), lines)
    staging = relative(place.staging, place.root)
    return Pending(kind="add", entries=tuple(entries), edit=edit, folders=tuple(folders), staging=staging)


def tree(root: Path) -> dict[str, bytes | None]:
    """Every path below `root` with its content; None for folders."""
    found: dict[str, bytes | None] = {}
    if root.is_dir():
        _collect(str(root), "", found)
    return found


def _collect(folder: str, prefix: str, found: dict[str, bytes | None]) -> None:
    # With plain strings: the tests of interrupts look at a tree a hundred thousand times.
    with os.scandir(folder) as entries:
        for entry in entries:
            name = prefix + entry.name
            if entry.is_dir():
                found[name] = None
                if not entry.is_symlink():
                    _collect(entry.path, name + "/", found)
            else:
                with open(entry.path, "rb") as file:  # noqa: PTH123 - as above
                    found[name] = file.read()


def visible(root: Path) -> dict[str, bytes | None]:
    """The tree without yolobg's own folder."""
    return {name: content for name, content in tree(root).items() if name.partition("/")[0] != ".yolobg"}
