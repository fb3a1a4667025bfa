"""What a user asks of `evaluate`, checked as far as that goes without reading anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from yolobg.errors import UsageError
from yolobg.scoring.models import MODEL_SUFFIXES

__all__ = ["EvaluateOptions", "command_line", "paths_of"]

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
    backgrounds: str | Path | None = None
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

    def __post_init__(self) -> None:
        """Check each option."""
        if not self.before and not self.dry_run:
            raise UsageError("give at least one model with --before")
        if self.backgrounds is None:
            raise UsageError("give held-out backgrounds with --backgrounds: a folder, or a .json file that lists them")
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


def _check_models(files: Sequence[Path]) -> None:
    for file in files:
        if file.suffix.lower() not in (".json", *MODEL_SUFFIXES):
            raise UsageError(f"{file}: expected a model (.pt, .onnx) or predictions in COCO's results format (.json)")


def paths_of(models: str | Path | Sequence[str | Path]) -> tuple[Path, ...]:
    """One model or several as paths."""
    given = [models] if isinstance(models, (str, Path)) else models
    return tuple(Path(model).expanduser() for model in given)


def command_line(data_yaml: Path, options: EvaluateOptions) -> tuple[str, ...]:
    """The command, in words, that asks for these options; those that are as they would be anyway are left out."""
    words = ["yolobg", "evaluate", str(data_yaml)]
    for field in fields(options):
        value, flag = getattr(options, field.name), f"--{field.name.replace('_', '-')}"
        if value == field.default:
            continue
        if isinstance(value, bool):
            words.append(flag if value else flag.replace("--", "--no-", 1))
        elif field.name == "conf":
            words += [flag, ",".join(f"{one:g}" for one in value)]
        else:
            for one in value if isinstance(value, tuple) else (value,):
                words += [flag, str(one)]
    return tuple(words)
