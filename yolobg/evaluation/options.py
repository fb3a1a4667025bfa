"""What a user asks of `evaluate`, checked as far as that goes without reading anything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from numbers import Real
from pathlib import Path
from typing import Any

from yolobg.errors import UsageError
from yolobg.evaluation.backgrounds import NAMED, VAL2017
from yolobg.flow.held_out_options import HeldOutOptions
from yolobg.flow.option_values import check_known, settle
from yolobg.flow.options import Request, stored_options
from yolobg.scoring.models import MODEL_SUFFIXES

__all__ = ["EvaluateOptions", "command_line", "options_of"]

_OF_COCO = ("annotations", "images", "map", "exclude", "unmapped", "lean", "captions", "evidence", "verified")
_FLAGS = {"images": "--images-dir", "captions": "--no-captions"}
_RANGES = (
    ("images", 1, 1_000_000),
    ("seed", 0, 2**63 - 1),
    ("bootstrap", 100, 100_000),
    ("imgsz", 32, 8192),
    ("batch", 1, 1024),
)


@dataclass(frozen=True)
class EvaluateOptions:
    """The options of `evaluate`; the arguments of `yolobg.evaluate` have the same names and meanings.

    Raises:
        UsageError: One is out of range.
    """

    before: tuple[Path, ...]
    after: tuple[Path, ...] = ()
    split: str = "val"
    backgrounds: str | Path = VAL2017
    request: Request = field(default_factory=Request)
    images: int = 1000
    seed: int = 0
    conf: tuple[float, ...] = (0.25, 0.5)
    bootstrap: int = 2000
    categories: int | None = None
    imgsz: int | None = None
    device: str = "auto"
    batch: int = 8
    dry_run: bool = False
    report: bool = True
    output: Path | None = None
    fetch: bool = False

    def __post_init__(self) -> None:
        """Check each option."""
        if not self.before and self.measures:
            raise UsageError("give at least one model with --before")
        _check_source(self)
        _check_models((*self.before, *self.after))
        for name, least, most in _RANGES:
            value = getattr(self, name)
            if value is not None and not least <= value <= most:
                raise UsageError(f"{name}: {value} is out of range; give {least:,} to {most:,}")
        if not self.conf or not all(0 < value < 1 for value in self.conf):
            raise UsageError(f"conf: {', '.join(map(str, self.conf))}: give confidences between 0 and 1, as 0.25,0.5")
        if self.categories not in (None, 0, 1):
            raise UsageError(f"categories: {self.categories} is not 0 or 1, the number of the first class")
        if self.output is not None and not self.report:
            raise UsageError(
                "output: a folder for a page that is not to be written; leave out one of --output, --no-report"
            )

    @property
    def from_source(self) -> bool:
        """Whether the backgrounds are those of a named source or of annotations, not of a folder or list."""
        return str(self.backgrounds) in NAMED

    @property
    def measures(self) -> bool:
        """Whether models are measured, not only images listed."""
        return not (self.dry_run or self.fetch)


_DEFAULTS: dict[str, Any] = {
    "before": (),
    **{option.name: option.default for option in fields(EvaluateOptions) if option.default is not MISSING},
}
_HINTS: dict[str, Any] = {
    "before": Sequence,
    "after": Sequence,
    "backgrounds": str | Path | None,
    "output": str | Path | None,
    **dict.fromkeys(("split", "device"), str),
    **dict.fromkeys(("images", "bootstrap", "categories", "imgsz", "batch"), int),
    **dict.fromkeys(("dry_run", "report", "fetch"), bool),
}
"""What each is, as `settle` takes it: all that Python accepts beside what the field holds."""


def _given(request: Request) -> str:
    """The first option that was given of those that choose images of COCO."""
    stored = stored_options(request)
    return next((_FLAGS.get(name, f"--{name}") for name in _OF_COCO if name in stored), "")


def _check_source(options: EvaluateOptions) -> None:
    """Refuse two sources of backgrounds, and options of a source for images that come from none."""
    if options.from_source and options.request.annotations is not None and options.backgrounds != VAL2017:
        raise UsageError(
            f"--backgrounds {options.backgrounds} and --annotations name two sources; leave one of them out"
        )
    if not options.from_source and (given := _given(options.request)):
        raise UsageError(
            f"--backgrounds {options.backgrounds}: {given} says which images of a source are used; it can't be "
            "combined with a folder or list of your own"
        )


def _check_models(files: Sequence[Path]) -> None:
    for file in files:
        if file.suffix.lower() not in (".json", *MODEL_SUFFIXES):
            raise UsageError(f"{file}: expected a model (.pt, .onnx) or predictions in COCO's results format (.json)")


def options_of(*, images_dir: Any = None, seed: Any = None, conf: Any = None, **others: Any) -> EvaluateOptions:
    """The arguments of `yolobg.evaluate` as options; None stands for the default.

    Raises:
        UsageError: One is of another kind than its option, or out of range.
    """
    request = HeldOutOptions(**{name: others.pop(name) for name in HeldOutOptions.__annotations__ if name in others})  # type: ignore[typeddict-item]
    check_known(others, _DEFAULTS)
    seed = settle("seed", seed, int, _DEFAULTS["seed"])
    places = settle("images_dir", images_dir, Sequence, ())
    given = {name: settle(name, value, _HINTS.get(name), _DEFAULTS[name]) for name, value in others.items()}
    for name in ("before", "after"):
        given[name] = tuple(Path(model).expanduser() for model in given.get(name, ()))
    if given.get("output") is not None:
        given["output"] = Path(given["output"])
    return EvaluateOptions(
        request=Request(**request, images=places, seed=seed), seed=seed, conf=_confidences(conf), **given
    )


def _confidences(conf: Any) -> tuple[float, ...]:
    """One confidence or several."""
    if conf is None:
        conf = _DEFAULTS["conf"]
    several = isinstance(conf, Iterable) and not isinstance(conf, (str, bytes, Mapping))
    listed = tuple(conf) if several else (conf,)
    if not all(isinstance(one, Real) for one in listed):
        raise UsageError(f"conf: {conf!r}: give confidences between 0 and 1, as (0.25, 0.5)")
    return tuple(map(float, listed))


def command_line(data_yaml: Path, options: EvaluateOptions) -> tuple[str, ...]:
    """The command, in words, that asks for these options; those that are as they would be anyway are left out."""
    words = ["yolobg", "evaluate", str(data_yaml)]
    for option in fields(options):
        value, flag = getattr(options, option.name), f"--{option.name.replace('_', '-')}"
        if option.name == "request":
            for name in _OF_COCO:
                if name in stored_options(value):
                    words += _words(_FLAGS.get(name, f"--{name}"), getattr(value, name))
        elif option.name == "conf" and value != option.default:
            words += [flag, ",".join(f"{one:g}" for one in value)]
        elif value != option.default:
            words += _words(flag if value is not False else flag.replace("--", "--no-", 1), value)
    return tuple(words)


def _words(flag: str, value: Any) -> Iterator[str]:
    """An option as it is typed: a switch alone, a repeatable one once for each value."""
    if isinstance(value, bool):
        yield flag
        return
    if isinstance(value, Mapping):
        value = tuple(f"{name}={','.join(meant) or 'none'}" for name, meant in value.items())
    for one in value if isinstance(value, tuple) else (value,):
        yield flag
        yield str(one)
