"""What is recorded of a dataset: the backgrounds, the lines in list files, the runs and what is under way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from yolobg.errors import DatasetError
from yolobg.files import read_ordinary
from yolobg.model import Link

__all__ = ["Basis", "Entry", "Found", "ListEdit", "Manifest", "Mining", "Pending", "Replacing", "Run", "read_records"]

VERSION = 2
# A million entries are 100 to 250 MB. A run that would record more is refused; taking back must always fit.
RECORD_LIMIT_BYTES = 512 << 20
_SIZE_LIMIT_BYTES = 2 * RECORD_LIMIT_BYTES

T = TypeVar("T")


def read_records(
    path: Path, form: Callable[[dict[str, Any]], T], *, version: int, missing: T, what: str, damaged: str
) -> T:
    """Read a JSON file of `.yolobg`.

    Args:
        path: The file.
        form: Makes the records of the JSON object, once its version is known to be the right one.
        version: The version that this yolobg reads and writes.
        missing: The records where there is no file.
        what: What the file should be, for the message.
        damaged: What to do if it is damaged, for the message.

    Raises:
        DatasetError: It is there but cannot be read, is damaged, or is of another version.
    """
    try:
        raw = msgspec.json.decode(read_ordinary(path, _SIZE_LIMIT_BYTES))
        if not isinstance(raw, dict):
            raise msgspec.ValidationError("expected an object")
        written = raw.get("version")
        if not isinstance(written, int) or written == version:
            return form(raw)
    except (FileNotFoundError, NotADirectoryError):
        return missing
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror}") from error
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: not {what} ({error}). {damaged}") from error
    todo = "use a newer yolobg" if written > version else "run `yolobg remove` with the older yolobg that wrote it"
    raise DatasetError(f"{path}: version {written}, but this yolobg reads version {version}; {todo}")


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One background that yolobg added. Paths are relative to the root with `/`, absolute where they lie elsewhere.

    `data` is the data.yaml that it was added for, links followed; several may share a root. In a copy of a dataset it
    is the manifest of the original where the image is the original's.
    """

    image: str
    label: str
    split: str
    source: str
    source_id: int
    sha256: str
    bytes: int
    url: str = ""
    license: int | None = None
    license_name: str = ""
    license_url: str = ""
    flickr_url: str = ""
    author: str = ""
    title: str = ""
    link: Link = "copy"
    added: str = ""
    seed: int = 0
    data: str = ""


class ListEdit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Lines appended to a list file: `image` of an entry to its line.

    `newline_added` tells that the last line had no line end before; `size` is how many bytes the file had.
    """

    file: str
    lines: dict[str, str]
    newline_added: bool = False
    size: int = 0


class Run(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a run was asked for, so that one of its images can later be replaced by the next that obeys the same.

    `added`, `split`, `source` and `data` are those of its entries.

    Attributes:
        options: The options that are not the defaults, as `flow.options.stored_options` writes them.
        basis: What the choice rested on.
        mining: The model that helped to choose, and what it found.
        reviewed: Of frames of videos, whether a person looked at them before they came in; None of other images.
        alike: With `--prefer lookalikes`, each look-alike to the ids (in the source) of the images that hold it.
    """

    added: str
    split: str
    source: str
    options: dict[str, Any] = {}
    basis: Basis | None = None
    data: str = ""
    mining: Mining | None = None
    alike: dict[str, tuple[int, ...]] = {}
    reviewed: bool | None = None

    def alike_in(self, source_id: int) -> tuple[str, ...]:
        """The look-alikes that one of its images holds."""
        return tuple(category for category, ids in self.alike.items() if source_id in ids)


class Found(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a model found in an image that `--hard` chose.

    Attributes:
        source_id: The image's id in the source.
        score: The highest confidence (0-1) in a class of the dataset; 0 where it found nothing.
        category: That class; empty where it found nothing.
        box: Left, top, right and bottom of what it found there, in pixels of the image as its EXIF tag turns it.
        rank: Place among the chosen ones that fire, from 1; 0 for one of the random half.
    """

    source_id: int
    score: float
    category: str = ""
    box: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    rank: int = 0


class Mining(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a model helped to choose the images of a run.

    Attributes:
        model: The file name of the model.
        sha256: Of its content.
        imgsz: Side in pixels that images were resized to for it.
        min_score: The confidence (0-1) from which an image fires.
        scored: How many images of the source it looked at.
        fired: How many of them fire.
        near: How many were left out as near-duplicates.
        round: The number of this run with a model, starting at 1 in this split, from 1.
        reviewed: Whether a person looked at the images before they came in.
        found: What it found in each image that was chosen.
    """

    model: str
    sha256: str
    imgsz: int
    min_score: float
    scored: int
    fired: int
    near: int
    round: int = 1
    reviewed: bool = False
    found: tuple[Found, ...] = ()


class Replacing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A replacement that has begun: the images that leave, and how many backgrounds their split has afterwards."""

    split: str
    backgrounds: int
    images: tuple[str, ...]


class Pending(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The intent of a run, written before its first visible step and taken out after its last.

    Attributes:
        kind: Whether the entries are being added or removed.
        entries: What the run is about.
        edit: The lines that the run appends, when the split is a list file.
        folders: Folders the run has to create, outermost first.
        staging: Where the staged images lie; entry number N is `{source_id}.staged`.
        run: What was asked for, when entries are being added.
    """

    kind: Literal["add", "remove"]
    entries: tuple[Entry, ...]
    edit: ListEdit | None = None
    folders: tuple[str, ...] = ()
    staging: str = ""
    run: Run | None = None


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything yolobg added to the datasets of one root and has not taken back.

    `root` is where the root lay when this was written; written only where something lies outside it.
    """

    version: int = VERSION
    entries: tuple[Entry, ...] = ()
    edits: tuple[ListEdit, ...] = ()
    folders: tuple[str, ...] = ()
    pending: Pending | None = None
    runs: tuple[Run, ...] = ()
    replacing: Replacing | None = None
    root: str = ""

    @property
    def known(self) -> tuple[Entry, ...]:
        """Entries that may be on disk: those merged, and those of a run that was interrupted."""
        return self.entries + (self.pending.entries if self.pending and self.pending.kind == "add" else ())


class Basis(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ruled images out when a run chose its own, as it was resolved then.

    Attributes:
        names: The class names of the dataset.
        categories: The categories of the source.
        excluded: Those of them that ruled an image out.
        terms: Caption term that ruled an image out to the phrases that made such a caption harmless; None where the
            source has no captions.
        commercial: The ids of the source's licences that allow commercial use.
        catalog: The key of the source's catalog, made from the content of its annotations.
        plain: The source's classes have no names, so any object ruled an image out, whatever the dataset's classes.
        evidence: Class name to how many of the eligible images evidence verified to be free of it, of how many it said
            nothing, and how many others it ruled out; empty where none was asked for.
    """

    names: tuple[str, ...]
    categories: tuple[str, ...]
    excluded: tuple[str, ...]
    terms: dict[str, tuple[str, ...]] | None
    commercial: tuple[int, ...]
    catalog: str
    plain: bool = False
    evidence: dict[str, tuple[int, int, int]] = {}
