"""What a layout of the battery is, and how it comes onto the disk."""

from __future__ import annotations

import functools
import io
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

Content = str | bytes

NAMES = "names: [cat, dog]\n"
BOX = "0 0.5 0.5 0.25 0.25\n"
FORMATS = {".png": "PNG", ".bmp": "BMP", ".tif": "TIFF", ".tiff": "TIFF", ".webp": "WEBP", ".gif": "GIF"}


@dataclass(frozen=True)
class Layout:
    """A small dataset on disk. In contents and link targets `{root}` and `{datasets}` stand for absolute folders.

    Attributes:
        about: What it shows.
        files: Path to content; images of this mapping are written as given.
        images: Paths of real images, drawn by Pillow.
        links: Path to target.
        folders: Folders that hold nothing else.
        data: What the user gives as the dataset, relative to `cwd`.
        cwd: The current folder, relative to the root.
        key: What our message names when it is refused.
        differs: Why our answer is not Ultralytics'; empty where it is.
        oracle: Files to replace before Ultralytics is asked for the answer that we give where we differ.
        oracle_without: Paths to take away for the same purpose.
        splits: Splits to compare.
        same_names: Whether the class names are compared, too.
        needs: What the file system must be able to do: `links`, `case`, `bytes` (any name), `odd` (Windows refuses).
    """

    about: str
    files: Mapping[str, Content] = field(default_factory=dict)
    images: tuple[str, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    folders: tuple[str, ...] = ()
    data: str = "data.yaml"
    cwd: str = "."
    key: str = ""
    differs: str = ""
    oracle: Mapping[str, Content] = field(default_factory=dict)
    oracle_without: tuple[str, ...] = ()
    splits: tuple[str, ...] = ("train", "val", "test", "minival")
    same_names: bool = True
    needs: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Places:
    """Where a layout lies: below `base`, so that the settings file is the same for all layouts."""

    base: Path
    name: str

    @property
    def root(self) -> Path:
        return self.base / "layouts" / self.name

    @property
    def datasets(self) -> Path:
        return self.base / "datasets"

    @property
    def config(self) -> Path:
        return self.base / "config"

    def fill(self, text: str) -> str:
        return text.replace("{root}", self.root.as_posix()).replace("{datasets}", self.datasets.as_posix())

    def shorten(self, path: str) -> str:
        """The opposite of `fill`, for paths."""
        text = path.replace("\\", "/")
        for name, folder in (("{root}", self.root), ("{datasets}", self.datasets), ("{base}", self.base)):
            text = text.replace(folder.as_posix(), name)
        return text

    def path(self, name: str) -> Path:
        return Path(self.fill(name)) if name.startswith("{") else self.root / name


@functools.cache
def picture(suffix: str) -> bytes:
    """A tiny real image."""
    stream = io.BytesIO()
    image = Image.new("RGB", (16, 12), (40, 90, 160))
    image.putpixel((3, 4), (250, 240, 10))
    image.save(stream, FORMATS.get(suffix.lower(), "JPEG"))
    return stream.getvalue()


def write_settings(base: Path) -> Path:
    """Write Ultralytics' settings file with our `datasets_dir`; returns the folder for YOLO_CONFIG_DIR."""
    places = Places(base, "")
    places.datasets.mkdir(parents=True, exist_ok=True)
    file = places.config / "Ultralytics" / "settings.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"settings_version": "0.0.8", "datasets_dir": str(places.datasets)}), encoding="utf-8")
    return places.config


def write_file(path: Path, content: Content, places: Places) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else places.fill(content).encode("utf-8"))


def build(layout: Layout, places: Places) -> None:
    """Write the layout to the disk."""
    places.root.mkdir(parents=True)
    for folder in layout.folders:
        places.path(folder).mkdir(parents=True, exist_ok=True)
    for name, content in layout.files.items():
        write_file(places.path(name), content, places)
    for name in layout.images:
        write_file(places.path(name), picture(Path(name).suffix), places)
    for name, target in layout.links.items():
        path = places.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        filled = places.fill(target)
        path.symlink_to(filled, target_is_directory=(path.parent / filled).is_dir())


def missing_needs(layout: Layout, scratch: Path) -> str:
    """What the file system of `scratch` cannot do of what the layout needs."""
    return ", ".join(sorted(need for need in layout.needs if not _can(need, scratch)))


def _can(need: str, scratch: Path) -> bool:
    probe = scratch / "probe"
    probe.mkdir(exist_ok=True)
    try:
        if need == "links":
            (probe / "link").symlink_to("target")
            (probe / "link").unlink()
        elif need == "case":
            (probe / "CASE").write_bytes(b"")
            return not (probe / "case").exists()
        elif need == "bytes":
            (probe / os.fsdecode(b"\xff\xfe")).write_bytes(b"")
        elif need == "odd":
            (probe / 'a:*?"<>|\\.').write_bytes(b"")
    except (OSError, NotImplementedError):
        return False
    return True
