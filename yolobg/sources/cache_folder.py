"""Where catalogs and lists of the user's own images are kept."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from yolobg.errors import YolobgError
from yolobg.files import is_text, make_real_folder, replace_when_done, step

__all__ = ["BACKGROUNDS", "PLANS", "SCORES", "cache_folder", "keep_list"]

BACKGROUNDS = "backgrounds"
"""The folder in the cache for images that models are measured on."""

SCORES = "scores"
"""The folder in the cache for what models found in images."""

PLANS = "plans"
"""The folder in the cache for the pages that show what a run would add."""


def cache_folder() -> Path:
    """Where catalogs are kept: `YOLOBG_CACHE_DIR`, else the system's place for a user's caches. Creates nothing.

    Raises:
        YolobgError: No home folder is known, so there is no such place.
    """
    place = os.environ.get("YOLOBG_CACHE_DIR")
    try:
        if place:
            return _checked(Path(place).expanduser())
        import platformdirs  # noqa: PLC0415  # a few ms that most runs of tests and servers can do without

        folder = Path(platformdirs.user_cache_dir("yolobg", appauthor=False))
    except RuntimeError as error:
        raise YolobgError(_NO_HOME) from error
    # Older releases of platformdirs give `~/.cache` back as it is, which would be a folder called `~`.
    if folder.parts[:1] == ("~",):
        raise YolobgError(_NO_HOME)
    return _checked(folder)


def keep_list(file: Path, content: bytes) -> None:
    """Write a COCO-format list of images into the cache, unless it is there as it should be.

    Raises:
        YolobgError: The cache cannot be written.
    """
    with contextlib.suppress(OSError):
        # The catalog made of an unchanged list is found by the file's stamp, without reading it.
        if file.read_bytes() == content:
            return
    try:
        make_real_folder(file.parent)
        with replace_when_done(file) as part:
            step("write", part)
            part.write_bytes(content)
    except OSError as error:
        raise YolobgError(f"{file}: cannot be written: {error.strerror or error}; set YOLOBG_CACHE_DIR") from error


def _checked(folder: Path) -> Path:
    if not is_text(str(folder.absolute())):
        raise YolobgError(
            f"the cache folder {folder}: its path is not UTF-8 text; set YOLOBG_CACHE_DIR to a folder whose path is"
        )
    return folder


_NO_HOME = (
    "the cache folder: no home folder is known for this user (HOME is not set); set YOLOBG_CACHE_DIR to a folder that "
    "can be written"
)
