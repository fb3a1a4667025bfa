"""The files of a source of which at least one is on the network → plain JSON files.

Says which addresses belong to a source and whether anything changed; how bytes are moved is `archive`'s.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from yolobg.errors import DownloadError
from yolobg.files import hash_file, step
from yolobg.model import Progress
from yolobg.sources.annotations.local_files import JsonFiles, Part, find_part, unpack_part
from yolobg.sources.archive.members import GoneError, Remote, UnchangedError, fetch_file, fetch_members
from yolobg.sources.archive.unpack import JsonFile
from yolobg.sources.location import (
    AnnotationSource,
    Pin,
    bare_source,
    captions_name,
    choose_member,
    coco_bases,
    is_url,
    lvis_bases,
    split_member,
)

__all__ = ["UnchangedError", "Validators", "fetch_official", "fetch_source", "local_files"]

# An address (see `_key`) → what its server said of it; an address that has no file is there with nothing said.
Validators = Mapping[str, Mapping[str, str]]


def fetch_source(
    source: AnnotationSource, folder: Path, parts: Path, known: Validators, progress: Progress
) -> tuple[JsonFiles, Validators]:
    """Fetch and unpack the files of a source.

    Args:
        source: Where the annotations are.
        folder: Where files go.
        parts: Where half-fetched files are; what an earlier run left there is continued.
        known: What was said when the source was last fetched; empty fetches again.
        progress: Stages `annotations` (bytes fetched) and `unpack` (bytes).

    Raises:
        UnchangedError: Nothing changed since `known`.
        DownloadError: A file cannot be fetched.
        AnnotationsError: A file is not what was asked for.
        YolobgError: The disk has too little room.
    """
    container, _ = split_member(source.instances)
    if source.evidence:
        return fetch_pinned(source, folder, parts, progress), {}
    if source.official or (is_url(container) and urlsplit(container).path.lower().endswith(".zip")):
        return _fetch_zip(source, folder, parts, known, progress)
    return _fetch_each(source, folder, parts, known, progress)


def fetch_pinned(source: AnnotationSource, folder: Path, parts: Path, progress: Progress) -> JsonFiles:
    """Fetch and unpack an official file of evidence, which must be the pinned one byte for byte.

    Raises:
        DownloadError: No host has it, or what they have is another file.
    """
    name, pin = next(iter(source.pins.items()))
    path = fetch_official(name, pin, lvis_bases(), folder, parts, progress)
    # By its suffix it would be taken for plain JSON.
    step("rename", path)
    packed = path.replace(path.with_suffix(".part"))
    plain = unpack_part(find_part(str(packed)), folder / "instances.json", progress=progress, pinned=True)
    return JsonFiles(plain, None)


def fetch_official(name: str, pin: Pin, bases: Sequence[str], folder: Path, parts: Path, progress: Progress) -> Path:
    """Fetch a whole official file from the first host that has the pinned one, byte for byte.

    Raises:
        DownloadError: No host has it, or what they have is another file.
    """
    urls = [f"{base}/{name}" for base in bases]
    kind, pinned = ("SHA-256", pin.sha256) if pin.sha256 else ("MD5", pin.md5)
    wrong: list[str] = []
    # What the first host has may be another file; then the others are asked, once.
    for asked in filter(None, (urls, urls[1:])):
        path, _ = fetch_file(Remote(asked), folder, parts=parts, progress=progress)
        size, digest = path.stat().st_size, hash_file(path, "sha256" if pin.sha256 else "md5")
        if (size, digest) == (pin.size_bytes, pinned):
            return path
        wrong.append(f"{size:,} bytes, {kind} {digest}")
        step("unlink", path)
        path.unlink()
    raise DownloadError(
        f"{name}: no host has the official file of {pin.size_bytes:,} bytes, {kind} {pinned}; got {'; '.join(wrong)}"
    )


def local_files(source: AnnotationSource) -> list[Path]:
    """The files of a partly remote source that are on disk."""
    texts = [] if source.official else [text for text in (source.instances, source.captions) if text]
    return [find_part(text).path for text in texts if not is_url(text)]


def _fetch_zip(
    source: AnnotationSource, folder: Path, parts: Path, known: Validators, progress: Progress
) -> tuple[JsonFiles, Validators]:
    container, member = split_member(source.instances)
    urls = [f"{base}/{container}" for base in coco_bases()] if source.official else [container]
    chosen: list[str] = []

    def choose(names: Sequence[str]) -> list[str]:
        instances = choose_member(names, member, source=bare_source(container))
        beside = captions_name(instances) if source.captions == "" else None
        chosen[:] = [instances, *(name for name in names if name == beside)]
        return chosen

    found, validators = fetch_members(
        Remote(urls), choose, folder, parts=parts, pins=source.pins, known=known.get(_key(container)), progress=progress
    )
    files = [found[name] for name in chosen]
    captions = files[1] if len(files) > 1 else None
    if source.captions:
        captions, said = _fetch_one(source.captions, folder, parts, None, progress)
        # Local captions have their stamps; for others, an unchanged zip would not prove that nothing changed.
        return JsonFiles(files[0], captions), {} if said else {_key(container): validators}
    return JsonFiles(files[0], captions), {_key(container): validators}


def _fetch_each(
    source: AnnotationSource, folder: Path, parts: Path, known: Validators, progress: Progress
) -> tuple[JsonFiles, Validators]:
    texts = [source.instances]
    if captions := _captions_address(source):
        texts.append(captions)
    files: dict[str, JsonFile | None] = {}
    said: dict[str, Mapping[str, str]] = {}
    same: list[str] = []
    for text in texts:
        try:
            files[text], said[_key(text)] = _fetch_optional(
                source, text, folder, parts, known.get(_key(text)), progress
            )
        except UnchangedError:
            same.append(text)
        if files.get(text, "") is None and known.get(_key(text), {"": ""}) == {}:
            same.append(text)  # there were no captions, and there are none
    if len(same) == len(texts):
        raise UnchangedError
    for text in same:
        files[text], said[_key(text)] = _fetch_optional(source, text, folder, parts, None, progress)
    instances = files[source.instances]
    assert instances is not None  # noqa: S101  # only captions may be absent
    return JsonFiles(instances, files[texts[1]] if len(texts) > 1 else None), said


def _key(text: str) -> str:
    """What is noted of an address goes by this: neither password nor signature, yet one for each address."""
    bare = bare_source(text)
    return bare if bare == text else f"{bare}#{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _captions_address(source: AnnotationSource) -> str | None:
    if source.captions is None or source.captions:
        return source.captions
    parts = urlsplit(source.instances)
    beside = captions_name(parts.path)
    return parts._replace(path=beside).geturl() if beside else None


def _fetch_optional(
    source: AnnotationSource, text: str, folder: Path, parts: Path, known: Mapping[str, str] | None, progress: Progress
) -> tuple[JsonFile | None, Mapping[str, str]]:
    """Captions that nobody asked for may be absent; everything else must be there."""
    guessed = text not in (source.instances, source.captions)
    for name in (text, f"{text}.gz") if guessed else (text,):
        with contextlib.suppress(*([GoneError] if guessed else [])):
            return _fetch_one(name, folder, parts, known, progress)
    return None, {}


def _fetch_one(
    text: str, folder: Path, parts: Path, known: Mapping[str, str] | None, progress: Progress
) -> tuple[JsonFile, Mapping[str, str]]:
    if not is_url(text):
        part = find_part(text)
        return unpack_part(part, folder / f"{part.path.name}.unpacked", progress=progress), {}
    path, said = fetch_file(Remote([text]), folder, parts=parts, known=known, progress=progress)
    return unpack_part(Part(path), path.with_suffix(".unpacked"), progress=progress), said
