"""What a user asks of `augment`: the options, declared once with their defaults, help and checks.

The command line, the Python functions, the hook and the manifest all take them from here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, TypedDict, get_args, get_type_hints

import msgspec

from yolobg.errors import UsageError
from yolobg.flow.option_places import CAPTIONS, LVIS, portable
from yolobg.flow.option_values import LOOKALIKES, CocoObject, check_known, check_prefer, settle
from yolobg.flow.selection import backgrounds_needed
from yolobg.model import Link
from yolobg.net.addresses import bare_url
from yolobg.sources.location import OPEN_IMAGES_NAMES, is_url

__all__ = [
    "CAPTIONS",
    "DEFAULT_RATIO",
    "HINTS",
    "LOOKALIKES",
    "LVIS",
    "Options",
    "Request",
    "SourceOptions",
    "request_from",
    "request_of",
    "settle_option",
    "stored_options",
]

DEFAULT_RATIO = 0.10
MOST_JOBS = 256
LARGEST = 2**63

Unmapped = Literal["stop", "none"]


def _about(help_: str, *, metavar: str = "", shown: str = "") -> dict[str, str]:
    """What a person reads of an option; `metavar` and `shown`, the default in words, are for the command line."""
    return {"help": help_, "metavar": metavar, "shown": shown}


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is asked of `augment`, checked; a value that can be compared, hashed and stored.

    Raises:
        UsageError: An option is out of range or contradicts another.
    """

    ratio: float | str | None = field(
        default=None,
        metadata=_about(
            "Share (0-1) of backgrounds in the split afterwards.", metavar="SHARE", shown=f"{DEFAULT_RATIO:.2f}"
        ),
    )
    count: int | None = field(
        default=None, metadata=_about("Number of backgrounds in the split afterwards, instead of a ratio.", metavar="N")
    )
    split: str = field(default="train", metadata=_about("The split to add them to.", metavar="NAME"))
    into: str | Path | None = field(
        default=None, metadata=_about("The folder of the split to put the files in.", metavar="DIR")
    )
    to: str | Path | None = field(
        default=None,
        metadata=_about(
            "Leave the dataset as it is: write the backgrounds, and a data.yaml for both, to this folder.",
            metavar="DIR",
        ),
    )
    source: str = field(
        default="coco2017",
        metadata=_about(
            "Named source of backgrounds (coco2017, openimages, openimages-train), a folder of images and videos, or a "
            "video.",
            metavar="NAME|DIR|VIDEO",
        ),
    )
    every: str | float | None = field(
        default=None,
        metadata=_about(
            "Time from one frame of a video to the next, such as 2s, 500ms or 1m; in a folder that has images too, its "
            "videos are used only with it.",
            metavar="TIME",
            shown="2s",
        ),
    )
    fast: bool = field(
        default=False,
        metadata=_about(
            "Start at once, without COCO's annotations (165 MB): captions are not checked, licences and authors not "
            "known."
        ),
    )
    unlabelled: bool = field(
        default=False,
        metadata=_about(
            "Use the source folder although it has no annotations, or some that cannot be read: you confirm that its "
            "images show none of your classes."
        ),
    )
    annotations: str | Path | CocoObject | None = field(
        default=None,
        metadata=_about(
            "COCO-format instances file to use as the source: .json, .json.gz, file.zip or file.zip!member.json.",
            metavar="FILE_OR_URL",
        ),
    )
    images: Sequence[str | Path] = field(
        default=(),
        metadata=_about(
            "Where the images of --annotations are (also s3://, gs://, az://); folders are tried first. Repeatable.",
            metavar="DIR_OR_URL",
        ),
    )
    map: Mapping[str, Sequence[str]] = field(
        default_factory=dict,
        metadata=_about("What a class name stands for, or NAME=none. Repeatable.", metavar="NAME=CLASS[,CLASS]"),
    )
    exclude: Sequence[str] = field(
        default=(), metadata=_about("Leave out images with this category too. Repeatable.", metavar="CATEGORY")
    )
    license: str = field(
        default="any", metadata=_about("Licences that the images may have.", metavar="any|commercial|ID,…")
    )
    link: Link = field(default="copy", metadata=_about("How to place local images."))
    seed: int = field(default=0, metadata=_about("Which of the eligible images are chosen.", metavar="N"))
    jobs: int | None = field(
        default=None,
        metadata=_about("Parallel downloads; auto adapts their number.", metavar="auto|N", shown="auto"),
    )
    prefer: str | None = field(
        default=None,
        metadata=_about(
            "Prefer images whose captions contain one of these words; or lookalikes (experimental): half of the images "
            "show something that looks like a class.",
            metavar="lookalikes|'WORD|WORD'",
        ),
    )
    unmapped: Unmapped = field(
        default="stop", metadata=_about("What to do about a class name that cannot be resolved.")
    )
    lean: bool = field(default=False, metadata=_about("Keep images whose category is only a possible match."))
    captions: bool = field(default=True, metadata=_about("Leave out images whose captions name a class."))
    evidence: Sequence[str | Path] = field(
        default=(),
        metadata=_about(
            "What else says whether an image shows a class: captions, lvis, or a COCO-format file about the same "
            "images. Repeatable.",
            metavar="captions|lvis|FILE,…",
        ),
    )
    verified: bool = field(
        default=False,
        metadata=_about("Only use images that the evidence verifies to be free of every class."),
    )
    hard: str | Path | None = field(
        default=None, metadata=_about("Your model: half of the images will be ones it fires on.", metavar="MODEL")
    )
    hard_share: float = field(default=0.5, metadata=_about("With --hard: share (0-1) it fires on.", metavar="SHARE"))
    min_score: float = field(default=0.25, metadata=_about("With --hard: confidence that counts.", metavar="SCORE"))
    pool: int | None = field(
        default=None,
        metadata=_about("With --hard: how many images to look at, at most.", metavar="auto|N", shown="auto"),
    )
    scores: str | Path | None = field(
        default=None,
        metadata=_about("Choose as with --hard, from the folder that `yolobg mine` has scored.", metavar="DIR"),
    )
    recheck: bool = field(
        default=False,
        metadata=_about("Replace backgrounds that no longer meet the current class names, options and reviews."),
    )
    trim: bool = field(
        default=False,
        metadata=_about(
            "If there are more backgrounds than asked for, remove what yolobg added beyond that, last chosen first."
        ),
    )
    report: bool = field(default=True, metadata=_about("Write a report page, .yolobg/report.html."))

    def __post_init__(self) -> None:
        """Check each option as far as it can be checked without the dataset."""
        for option in fields(self):
            value = settle_option(option, getattr(self, option.name))
            object.__setattr__(self, option.name, value)
            if type(value) is int and abs(value) > LARGEST:
                raise UsageError(f"{option.name}: {value!r}: expected a whole number of at most {LARGEST:,}")
        if self.count is None and self.ratio is None and not self.recheck:
            object.__setattr__(self, "ratio", DEFAULT_RATIO)
        if self.has_target:
            # For the sake of its errors: a wrong target is refused before the dataset is read.
            backgrounds_needed(0, 0, ratio=self.ratio, count=self.count)
        if self.jobs is not None and not 1 <= self.jobs <= MOST_JOBS:
            raise UsageError(
                f"jobs: {self.jobs} is out of range; give 1 to {MOST_JOBS}, or leave it out to let it adapt"
            )
        _check_together(self)
        check_prefer(self.prefer)
        _check_choice("link", self.link, ("copy", "hard", "symlink"))
        _check_choice("unmapped", self.unmapped, ("stop", "none"))
        object.__setattr__(self, "annotations", _kept(self.annotations))
        _check_evidence(self)

    @property
    def has_target(self) -> bool:
        """Whether a ratio or a count is asked for; without one, `recheck` keeps the number there is."""
        return self.count is not None or self.ratio is not None

    @property
    def model_option(self) -> str | None:
        """The option by which a model helps to choose; None where none does."""
        if self.scores is not None:
            return "--scores"
        return None if self.hard is None else "--hard"

    @property
    def annotations_place(self) -> str | Path | None:
        """Path or address of the annotations; of a COCO object, the file that its records are kept in."""
        return self.annotations if isinstance(self.annotations, (str, Path)) else None

    def __hash__(self) -> int:
        """Of all fields; the map counts by its pairs."""
        values = (getattr(self, f.name) for f in fields(self))
        return hash(tuple(tuple(sorted(v.items())) if isinstance(v, dict) else v for v in values))


class SourceOptions(TypedDict, total=False):
    """The keyword options that say what the source is and which of its images may come in."""

    source: str
    annotations: str | Path | CocoObject | None
    fast: bool
    unlabelled: bool
    every: str | float | None
    images: Sequence[str | Path]
    map: Mapping[str, Sequence[str]]
    license: str
    link: Link
    seed: int
    jobs: int | None
    prefer: str | None
    unmapped: Unmapped
    lean: bool
    captions: bool
    evidence: Sequence[str | Path]
    verified: bool


class Options(SourceOptions, total=False):
    """The keyword options of `augment` and `plan`: the fields of `Request`, for type checkers."""

    ratio: float | str | None
    count: int | None
    split: str
    into: str | Path | None
    to: str | Path | None
    exclude: Sequence[str]
    hard: str | Path | None
    hard_share: float
    min_score: float
    pool: int | None
    scores: str | Path | None
    recheck: bool
    trim: bool
    report: bool


def _default(option: Field[Any]) -> Any:
    return option.default_factory() if callable(option.default_factory) else option.default


def settle_option(option: Field[Any], value: Any) -> Any:
    """A value of a field of `Request` as the field holds it.

    Raises:
        UsageError: It is of another type.
    """
    return settle(option.name, value, HINTS[option.name], _default(option))


def request_from(options: Mapping[str, Any], *, only: Collection[str] | None = None) -> Request:
    """The request that keyword options make.

    Args:
        options: Their names and values, as `augment` takes them.
        only: The options that mean something to the caller; None for all.

    Raises:
        UsageError: One has another name, is out of range or contradicts another.
    """
    check_known(options, [option.name for option in fields(Request) if only is None or option.name in only])
    return Request(**options)


def _kept(annotations: str | Path | CocoObject | None) -> str | Path | None:
    if annotations is None or isinstance(annotations, (str, Path)):
        return annotations
    from yolobg.sources.catalog.coco_object import keep_object  # noqa: PLC0415 - rarely needed

    return keep_object(annotations)


def _check_evidence(request: Request) -> None:
    for place in map(str, request.evidence):
        if is_url(place):
            raise UsageError(f"--evidence {bare_url(place)}: expected a file on this machine; fetch it first")
        if not place.strip():
            raise UsageError("--evidence: a name is empty; give captions, lvis or a COCO-format file")
    if CAPTIONS in request.evidence and not request.captions:
        raise UsageError("--evidence captions contradicts --no-captions; leave one of them out")
    own = request.annotations is None and request.source in OPEN_IMAGES_NAMES  # it says so of its own images
    if request.verified and not own and all(place == CAPTIONS for place in request.evidence):
        raise UsageError(
            "--verified: captions and boxes never say that an image is free of a class; give evidence that does: "
            "--evidence lvis, or a COCO-format file with neg_category_ids"
        )


def _check_together(request: Request) -> None:
    if request.trim and request.recheck:
        raise UsageError("--trim can't be combined with --recheck; run one after the other")
    if request.fast and request.license.strip().lower() != "any":
        raise UsageError("--fast knows no licences, so --license can't be combined with it; leave one of them out")
    if request.to is not None and request.into is not None:
        raise UsageError("--into names a folder of the dataset, and --to leaves the dataset as it is; give one")


def _check_choice(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise UsageError(f"{name}: {value!r} is not one of {', '.join(allowed)}")


# ---------------------------------------------------------------- stored and read again


def stored_options(request: Request) -> dict[str, Any]:
    """What a request says that is not the default, for the manifest; `request_of` reads it back to the same value.

    Paths are absolute, since they are read from other current folders. Of an address the user, password and query are
    left out: they may be secrets, and a dataset is passed on.
    """
    stored: dict[str, Any] = {}
    for option in fields(request):
        value = getattr(request, option.name)
        if value != _default(option):
            stored[option.name] = portable(option.name, value, HINTS[option.name])
    return stored


def request_of(stored: Mapping[str, Any], **changes: Any) -> Request:
    """The request that was stored, with some options changed.

    Args:
        stored: What `stored_options` gave; it lies in the dataset, so its types are checked.
        **changes: Options of `Request`; a `count` takes the place of a stored ratio.

    Raises:
        UsageError: It was edited and holds values that no run can have.
    """
    try:
        read = msgspec.convert(dict(stored), _Stored)
    except msgspec.ValidationError as error:
        raise UsageError(
            f"the options recorded with a run cannot be used ({error}); was .yolobg/manifest.json edited?"
        ) from error
    options = {name: getattr(read, name) for name in stored}
    if changes.get("count") is not None:
        options.pop("ratio", None)
    return Request(**(options | changes))


def _stored_type(hint: Any) -> Any:
    """A type of `Request` as JSON holds it: paths are text."""
    parts = get_args(hint)
    if Path in parts:
        return str | None if type(None) in parts else str
    return list[str] if any(Path in get_args(part) for part in parts) else hint


HINTS = get_type_hints(Request)
_Stored = msgspec.defstruct(
    "_Stored",
    [(name, _stored_type(hint), msgspec.UNSET) for name, hint in HINTS.items()],
    forbid_unknown_fields=True,
)
