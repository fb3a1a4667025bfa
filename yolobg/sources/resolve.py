"""Named sources, and what a user names instead: where the annotations and the images of a source are had from."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from yolobg.dataset.layout import source_slug
from yolobg.errors import UsageError
from yolobg.files import is_text
from yolobg.images.frame_names import VIDEO_SUFFIXES, is_video
from yolobg.model import Category, ClassMatch, Link, Origin
from yolobg.net.addresses import is_object, object_scheme, shown_url
from yolobg.net.objects import check_driver
from yolobg.sources.cache_folder import cache_folder
from yolobg.sources.location import (
    COCO2017,
    COCO2017_INDEX,
    COCO2017_VAL,
    AnnotationSource,
    coco_bases,
    parse_source,
    source_stem,
)
from yolobg.sources.open_images import PARTS, image_bases
from yolobg.wording import first_of

__all__ = ["FAST_WARNING", "Source", "resolve_held_out", "resolve_source", "source_warnings"]

_SHOWN = 5
FAST_WARNING = (
    "--fast: images were chosen by COCO's object labels alone. Captions were not checked, and licences and authors are "
    "not known. The next run without --fast that adds images fills in the licences and authors of these too; it checks "
    "captions only for the images it adds"
)


@dataclass(frozen=True, slots=True)
class Source:
    """A source of backgrounds: its name in file names, its annotations, its images.

    Attributes:
        name: What its images are called after.
        annotations: Where its records are.
        origin: Where its images are.
        plain: Its classes have no names: any object rules an image out.
        warnings: For a person to read.
        unclear: Classes whose names say nothing; images with one of them are left out.
        silent: Whether nothing says what its images show; None where only its catalog knows.
    """

    name: str
    annotations: AnnotationSource
    origin: Origin
    plain: bool = False
    warnings: tuple[str, ...] = ()
    unclear: tuple[str, ...] = ()
    silent: bool | None = None


def resolve_source(
    *,
    source: str,
    annotations: str | Path | None,
    images: Sequence[str | Path],
    link: Link = "copy",
    unlabelled: bool = False,
    fast: bool = False,
    every_ms: int | None = None,
    for_images: bool = True,
) -> Source:
    """Find out what a user means by `--source`, `--annotations` and `--images`.

    Args:
        source: The named source, a folder of images and videos, or a video.
        annotations: Path or address of a COCO-format instances file; excludes a `source` other than the default.
        images: Folders and base addresses; folders are tried first. For `coco2017` COCO's own hosts when empty.
        link: How local images come into the dataset.
        unlabelled: The images of a folder hold none of the classes, where its records were not understood.
        fast: Use the index that ships with yolobg in place of COCO's annotations.
        every_ms: The time from one frame of a video to the next.
        for_images: Whether its images are wanted too, so that it must be known where those are.

    Raises:
        AnnotationsError: A folder holds records that were not understood.
        UsageError: Two sources are named, the source has no such name, a folder is missing, an address is of another
            kind than http(s) or has a fragment, or the images of a user's own annotations are not named.
    """
    coco = annotations is None and source == COCO2017.name
    named = coco or (annotations is None and source in PARTS)
    if annotations is not None and source != COCO2017.name:
        raise UsageError(
            f"--source {source} and --annotations {_shown(annotations)} name two sources; leave one of them out "
            "(--images says where the images of the annotations are)"
        )
    if annotations is not None or named:
        _check_no_folder(unlabelled=unlabelled, every_ms=every_ms)
    if fast and not coco:
        raise UsageError(f"--fast: only applies to the source {COCO2017.name}; leave it out here")
    folders = tuple(_folder(place) for place in images if not _is_url(place))
    bases = tuple(_base(str(place)) for place in images if _is_url(place))
    if annotations is not None:
        _check_annotations(annotations, has_images=bool(images) or not for_images)
        name = source_slug(source_stem(str(annotations)))
        return Source(name, parse_source(str(annotations), name=name), Origin(name, folders, bases, link))
    if named and not coco:
        return _open_images(source, folders, bases, link)
    if not coco:
        return _folder_source(source, images, link, unlabelled=unlabelled, every_ms=every_ms)
    if not images:
        bases = tuple(f"{host}/train2017" for host in coco_bases())
    origin = Origin(COCO2017.name, folders, bases, link)
    return Source(origin.name, COCO2017_INDEX if fast else COCO2017, origin, warnings=(FAST_WARNING,) if fast else ())


def _check_no_folder(*, unlabelled: bool, every_ms: int | None) -> None:
    if unlabelled:
        raise UsageError("--unlabelled: only applies to a folder of images (--source FOLDER); leave it out here")
    if every_ms is not None:
        raise UsageError("--every: only applies to videos (--source VIDEO, or a folder with videos); leave it out here")


def _open_images(name: str, folders: tuple[Path, ...], bases: tuple[str, ...], link: Link = "copy") -> Source:
    origin = Origin(name, folders, bases if folders or bases else image_bases(PARTS[name]), link)
    return Source(name, PARTS[name], origin)


def resolve_held_out(
    *, annotations: str | Path | None, images: Sequence[str | Path], source: str = COCO2017_VAL.name
) -> Source:
    """The source of the backgrounds that models are measured on: a named one, or a user's own annotations.

    Args:
        source: COCO val2017, or Open Images.
        annotations: Path or address of a COCO-format instances file; None for val2017.
        images: Folders and base addresses; folders are tried first. For val2017 COCO's own hosts when empty.

    Raises:
        UsageError: As `resolve_source`.
    """
    folders = tuple(_folder(place, "--images-dir") for place in images if not _is_url(place))
    bases = tuple(_base(str(place)) for place in images if _is_url(place))
    if annotations is not None:
        _check_annotations(annotations, has_images=bool(images), option="--images-dir")
        name = source_slug(source_stem(str(annotations)))
        return Source(name, parse_source(str(annotations), name=name), Origin(name, folders, bases))
    if source in PARTS:
        return _open_images(source, folders, bases)
    if not images:
        bases = tuple(f"{host}/val2017" for host in coco_bases())
    return Source(COCO2017_VAL.name, COCO2017_VAL, Origin(COCO2017_VAL.name, folders, bases))


def _check_annotations(annotations: str | Path, *, has_images: bool, option: str = "--images") -> None:
    if not has_images:
        raise UsageError(
            f"--annotations {_shown(annotations)}: say where its images are, with {option} FOLDER or {option} https://…"
        )
    _is_url(annotations)  # an address of another kind is refused, not taken for a path
    if "://" not in str(annotations):
        _check_text("--annotations", Path(annotations))


def source_warnings(
    source: Source, matches: Sequence[ClassMatch], categories: Sequence[Category], *, answered: Collection[str]
) -> tuple[str, ...]:
    """What a person should know before the images of a source are taken for backgrounds.

    Args:
        source: The source.
        matches: What the names of the dataset's classes exclude in it.
        categories: Its categories.
        answered: The classes whose meaning the user has given.
    """
    if not matches or set(answered) >= {match.name for match in matches}:
        return source.warnings
    if any(match.exclude or match.maybe for match in matches):
        return source.warnings
    theirs = first_of([category.name for category in categories], _SHOWN)
    ours = first_of([match.name for match in matches], _SHOWN)
    return (
        *source.warnings,
        f"{source.name}: NONE of the dataset's classes ({ours}) is known there: it has only {theirs}. So no "
        f"image is left out for showing one of them. If it has other names for them, pass --map "
        f'"{matches[0].name}=NAME"; otherwise review the added images (yolobg review)',
    )


def _folder_source(
    source: str, images: Sequence[str | Path], link: Link, *, unlabelled: bool, every_ms: int | None
) -> Source:
    """A folder of images, with or without labels, and of videos as the source; or a single video."""
    folder = Path(source).expanduser()
    if "://" in source:
        raise UsageError(
            f"--source {_shown(source)}: a folder on this machine is expected; for images elsewhere give COCO-format "
            "annotations that list them: --annotations FILE_OR_URL --images URL"
        )
    if not folder.is_dir():
        _check_video(source, folder)
    if images:
        raise UsageError(
            f"--source {source}: --images can't be combined with --source FOLDER, whose images are in that folder"
        )
    from yolobg.sources.own_folder import read_pool  # noqa: PLC0415 - the readers of all formats are for this alone

    _check_text("--source", folder)
    pool = read_pool(folder, cache_folder(), unlabelled=unlabelled, every_ms=every_ms)
    if pool.frames and link != "copy":
        raise UsageError(f"--link {link}: the frames of videos become new files; use --link copy")
    _check_text("--source", pool.images)
    # An absolute path, so that `.` has a name too.
    name = source_slug(folder.resolve().name if folder.is_dir() else folder.resolve().stem)
    annotations = AnnotationSource(name, str(pool.annotations), captions=None)
    origin = Origin(name, (pool.images,), (), link, pool.frames)
    return Source(name, annotations, origin, pool.plain, pool.warnings, pool.unclear, pool.silent)


def _check_video(source: str, file: Path) -> None:
    """Refuse what is neither a named source nor a folder, unless it is a video."""
    if not file.is_file():
        raise UsageError(
            f"--source {source}: no such source and no such folder; use {COCO2017.name}, {' or '.join(PARTS)}, or give "
            "the folder of your background images, or --annotations and --images"
        )
    if not is_video(file.name):
        known = ", ".join(sorted(suffix[1:] for suffix in VIDEO_SUFFIXES))
        raise UsageError(
            f"--source {source}: it is a file; expected the folder of your background images, or a video ({known})"
        )


def _is_url(place: str | Path) -> bool:
    text = str(place)
    # One letter before the colon is a Windows drive.
    if not re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", text):
        return False
    if not re.match(r"(?i)https?://[^/]", text) and not is_object(text):
        raise UsageError(
            f"{_shown(text)}: only http and https addresses, and those of object stores (s3, gs, az), can be "
            "fetched from; for a folder give its plain path"
        )
    if "#" in text:
        raise UsageError(
            f"{_shown(text)}: what follows a '#' in an address never reaches the server; leave it out, or write %23 "
            "where a name has this sign"
        )
    if is_object(text):
        _check_object(text)
    return True


def _check_object(text: str) -> None:
    """Refuse an address of an object store that cannot be read, or that may hold a secret.

    Raises:
        UsageError: It has a user, a query or no bucket, or there is no driver for it.
    """
    bucket = text.partition("://")[2].partition("/")[0]
    if not bucket or "@" in bucket or "?" in text:
        raise UsageError(
            f"{_shown(text)}: expected {object_scheme(text)}://BUCKET/FOLDER, without user name or query; accounts and "
            "credentials come from the driver's own settings"
        )
    check_driver(text)


def _shown(place: str | Path) -> str:
    """A path as it is; an address without what may be secret."""
    return shown_url(str(place)) if "://" in str(place) else str(place)


def _base(address: str) -> str:
    """Without a slash at the end of its path; a query (a signature, say) stays as it is."""
    path, mark, query = address.partition("?")
    return path.rstrip("/") + mark + query


def _folder(place: str | Path, option: str = "--images") -> Path:
    folder = Path(place).expanduser()
    if not folder.is_dir():
        raise UsageError(
            f"{option} {place}: no such folder; give the folder that holds the source's images, or an address"
        )
    _check_text(option, folder)
    return folder.resolve()


def _check_text(option: str, place: Path) -> None:
    """Refuse a path whose bytes are no text: where images come from is recorded as text.

    Raises:
        UsageError: It is one, or leads to one.
    """
    if not all(map(is_text, (str(place.absolute()), str(place.resolve())))):
        raise UsageError(
            f"{option} {place}: its path is not UTF-8 text, so yolobg cannot record where the images come from; rename "
            "the folder or file whose name is not, or copy it to another place"
        )
