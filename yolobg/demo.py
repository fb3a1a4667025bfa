"""`yolobg demo`: the sample dataset and source that ship with yolobg, copied to a folder of the user's."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from yolobg.errors import UsageError
from yolobg.files import temporary_name

__all__ = ["Demo", "new_folder", "write_demo"]


@dataclass(frozen=True, slots=True)
class Demo:
    """Where a dataset and a source to try yolobg on lie."""

    data_yaml: Path
    annotations: Path
    captions: Path
    images_dir: Path


def write_demo(folder: Path) -> Demo:
    """Copy the sample dataset and source into `folder`, which is created if need be.

    Args:
        folder: A new or empty folder.

    Raises:
        UsageError: The folder is not empty or cannot be written; nothing was written.
    """
    with new_folder(folder) as staging:
        for part in ("dataset", "source"):
            shutil.copytree(_sample() / part, staging / part)
    annotations = folder / "source" / "annotations"
    return Demo(
        data_yaml=folder / "dataset" / "data.yaml",
        annotations=annotations / "instances_sample.json",
        captions=annotations / "captions_sample.json",
        images_dir=folder / "source" / "images",
    )


def _sample() -> Path:
    """The sample as the wheel holds it, or as it lies in a checkout that was installed with `pip install -e`."""
    package = Path(__file__).resolve().parent
    shipped = package / "sample_data"
    return shipped if shipped.is_dir() else package.parent / "sample_data"


@contextlib.contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A staging folder whose content moves into `folder` at the end; a failure takes back all that was made.

    Raises:
        UsageError: The folder is not empty, is a file, or cannot be written.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: is a file; name a new or an empty folder for the demo")
    if folder.is_dir() and any(folder.iterdir()):
        raise UsageError(f"{folder}: is not empty; name a new or an empty folder for the demo")
    try:
        with _staging(folder) as staging:
            yield staging
    except OSError as error:
        raise UsageError(
            f"{folder}: cannot write the demo there ({error}); name a folder that you may write to"
        ) from error


@contextlib.contextmanager
def _staging(folder: Path) -> Iterator[Path]:
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    moved: list[Path] = []
    staging = temporary_name(folder / "demo")
    try:
        staging.mkdir(parents=True)
        yield staging
        for part in sorted(staging.iterdir()):
            part.rename(folder / part.name)
            moved.append(folder / part.name)
        staging.rmdir()
    except BaseException:
        # Only what this run put there: another one may be writing to the same folder.
        for part in (staging, *moved):
            shutil.rmtree(part, ignore_errors=True)
        with contextlib.suppress(OSError):
            for place in made:
                place.rmdir()
        raise
