"""The page of an evaluation, written beside the dataset or where the user wants it."""

from __future__ import annotations

import contextlib
import logging
import os
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

from yolobg.changes.lock import hold
from yolobg.changes.manifest import EVALUATIONS
from yolobg.errors import UsageError
from yolobg.evaluation_results import Evaluation
from yolobg.files import discard, flush_folder, make_real_folder, publish_new, step, temporary_name, write_bytes
from yolobg.html.thumbnails import SHOWN_BY_BROWSERS, Picture, embed
from yolobg.model import Progress, no_progress
from yolobg.report.evaluation_page import evaluation_html
from yolobg.threads import Pool

__all__ = ["check_output", "with_page"]

_log = logging.getLogger(__name__)

_EDGE_PX, _QUALITY, _WORKERS = 400, 72, 4


def check_output(folder: Path) -> None:
    """See before the work whether the page can be written into a folder, or the folder made; changes nothing.

    Raises:
        UsageError: It cannot.
    """
    there = folder.expanduser().absolute()
    while not there.exists() and there != there.parent:
        there = there.parent
    if not there.is_dir():
        raise UsageError(f"--output {folder}: {there} is a file; give a folder")
    if not os.access(there, os.W_OK):
        raise UsageError(f"--output {folder}: {there} cannot be written; give another folder")


def with_page(found: Evaluation, root: Path, output: Path | None, *, progress: Progress = no_progress) -> Evaluation:
    """Write the page of an evaluation; it appears whole or not at all, and no page that is there is replaced.

    Args:
        found: What was measured.
        root: The dataset's root.
        output: The folder for it; None for `.yolobg/evaluate` below the root.
        progress: Told about the stage `report`, in pictures.

    Returns:
        The evaluation with the page's path, or with a warning that says why there is none: a measurement that went well
        must not fail by its page.
    """
    try:
        now = datetime.now(timezone.utc)
        page = evaluation_html(found, _pictures(found, progress), written=now.strftime("%Y-%m-%d %H:%M UTC"))
        path = _write(root, output, now.strftime("%Y-%m-%d_%H-%M-%S"), page.encode("utf-8"))
    except Exception as error:  # noqa: BLE001 - whatever it is, the figures are there
        _log.debug("the page could not be written", exc_info=True)
        elsewhere = "; --output DIR writes it elsewhere" if output is None else ""
        return replace(found, warnings=(*found.warnings, f"the page could not be written: {error}{elsewhere}"))
    return replace(found, page=str(path))


def _pictures(found: Evaluation, progress: Progress) -> dict[str, Picture | None]:
    images = list(dict.fromkeys(one.image for one in (*found.worst, *found.differ)))
    with Pool(max_workers=_WORKERS) as pool:
        pictures: dict[str, Picture | None] = {}
        for done, (image, picture) in enumerate(zip(images, pool.map(_small, images), strict=True), 1):
            pictures[image] = picture
            progress("report", done, len(images))
    return pictures


def _small(image: str) -> Picture | None:
    path = Path(image).absolute()
    large = path.as_uri() if path.suffix.lower() in SHOWN_BY_BROWSERS else None
    return embed(path, edge_px=_EDGE_PX, quality=_QUALITY, large=large)


def _write(root: Path, output: Path | None, stem: str, page: bytes) -> Path:
    if output is not None:
        folder = output.expanduser().absolute()
        folder.mkdir(parents=True, exist_ok=True)
        return _publish(page, folder, stem, staged_in=folder)
    with hold(root) as own:
        folder = own / EVALUATIONS
        make_real_folder(folder)
        try:
            return _publish(page, folder, stem, staged_in=own)
        finally:
            # Where nothing could be written, nothing is left.
            with contextlib.suppress(OSError):
                step("rmdir", folder)
                folder.rmdir()


def _publish(page: bytes, folder: Path, stem: str, *, staged_in: Path) -> Path:
    """Give the page the first free name; a kill leaves a hidden part, which the next to hold the dataset removes."""
    staged = temporary_name(staged_in / stem)
    path, number = folder / f"{stem}.html", 1
    try:
        write_bytes(staged, page)
        while True:
            try:
                publish_new(staged, path)
            except FileExistsError:
                number += 1
                path = folder / f"{stem}-{number}.html"
            else:
                flush_folder(folder)
                return path
    finally:
        discard(staged)
