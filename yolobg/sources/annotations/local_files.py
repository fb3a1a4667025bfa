"""Local annotation files of any container → plain JSON files with their digests.

Reads the user's files and writes only below the working folder it is given. Containers are not trusted: what they
inflate to is bounded, and so is the disk they may fill.
"""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from yolobg.errors import AnnotationsError
from yolobg.files import hash_file
from yolobg.model import Progress, no_progress
from yolobg.sources.archive.unpack import (
    MAX_RATIO,
    SLACK_BYTES,
    JsonFile,
    check_ratio,
    damage_of,
    inflate,
    open_zip,
    require_space,
)
from yolobg.sources.location import AnnotationSource, captions_name, choose_member, split_member
from yolobg.threads import Pool

__all__ = [
    "JsonFiles",
    "Part",
    "locate",
    "unpack_local",
    "unpack_part",
]


@dataclass(frozen=True, slots=True)
class Part:
    """One annotation file: a path, and the member of it when it is a zip."""

    path: Path
    member: str | None = None

    def __str__(self) -> str:
        return f"{self.path}!{self.member}" if self.member else str(self.path)


@dataclass(frozen=True, slots=True)
class JsonFiles:
    """The two files of a source; `captions` is None where it has none."""

    instances: JsonFile
    captions: JsonFile | None


def locate(source: AnnotationSource) -> tuple[Part, Part | None]:
    """Find the instances file and the captions file of a local source.

    Raises:
        AnnotationsError: There is no such file, or it is not clear which one is meant.
    """
    instances = find_part(source.instances)
    if source.captions:
        return instances, find_part(source.captions)
    return instances, None if source.captions is None else _beside(instances)


def unpack_local(source: AnnotationSource, folder: Path, *, progress: Progress = no_progress) -> JsonFiles:
    """Make both files of a local source plain, in `folder` where they have to be unpacked.

    Raises:
        AnnotationsError, YolobgError: As `locate` and `unpack_part`.
    """
    instances, captions = locate(source)
    return JsonFiles(
        unpack_part(instances, folder / "instances.json", progress=progress),
        unpack_part(captions, folder / "captions.json", progress=progress) if captions else None,
    )


def unpack_part(part: Part, target: Path, *, progress: Progress = no_progress, pinned: bool = False) -> JsonFile:
    """Make a part plain: in place where it already is, else as `target`.

    Args:
        part: From `locate`.
        target: Where unpacked content goes; the caller removes it.
        progress: Stage `unpack`, in bytes.
        pinned: As for `inflate`.

    Raises:
        AnnotationsError: The file is gone, damaged or inflates without end.
        YolobgError: The disk has too little room.
    """
    with damage_of(str(part)):
        size = part.path.stat().st_size
        if part.member is not None:
            with open_zip(part.path) as archive:
                info = archive.getinfo(part.member)
                check_ratio(info, str(part))
                require_space(target.parent, info.file_size, f"unpacking {part}")
                with archive.open(info) as stream:
                    size = info.file_size
                    return inflate(stream, target, size, str(part), progress, total=size, pinned=pinned)
        with part.path.open("rb") as handle:
            packed = handle.read(2) == b"\x1f\x8b"
        if not packed:
            return JsonFile(part.path, _hash_meanwhile(part.path))
        require_space(target.parent, size * 3, f"unpacking {part}")
        with gzip.open(part.path) as stream:
            return inflate(stream, target, size * MAX_RATIO + SLACK_BYTES, str(part), progress)


def _hash_meanwhile(path: Path) -> Callable[[], str]:
    """Begin to hash a file in a thread, which hashing leaves free for others; returns what waits for the digest."""
    pool = Pool(1)
    future = pool.submit(hash_file, path)
    pool.shutdown(wait=False)
    return future.result


def find_part(text: str) -> Part:
    """Find the file that a path, a folder or `file.zip!member` means.

    Raises:
        AnnotationsError: There is no such file, or it is not clear which one is meant.
    """
    container, member = split_member(text)
    path = Path(container).expanduser()
    if path.is_dir():
        names = [
            p.relative_to(path).as_posix() for where in (path, path / "annotations") for p in sorted(where.glob("*"))
        ]
        return Part(path / choose_member(names, None, source=str(path)))
    if not path.is_file():
        raise AnnotationsError(
            f"{path}: no such annotations file; expected a COCO instances file, .json, .json.gz or .zip"
        )
    with damage_of(str(path)):
        if path.suffix.lower() != ".json" and zipfile.is_zipfile(path):
            with open_zip(path) as archive:
                return Part(path, choose_member(archive.namelist(), member, source=str(path)))
    return Part(path)


def _beside(instances: Part) -> Part | None:
    if instances.member is not None:
        wanted = captions_name(instances.member)
        with damage_of(str(instances)), open_zip(instances.path) as archive:
            return Part(instances.path, wanted) if wanted in archive.namelist() else None
    wanted = captions_name(instances.path.name)
    for name in (wanted, f"{wanted}.gz") if wanted else ():
        if (instances.path.parent / name).is_file():
            return Part(instances.path.parent / name)
    return None
