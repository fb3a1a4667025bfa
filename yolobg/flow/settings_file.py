"""Settings that repeat: options of `augment` in `yolobg.toml` or in `[tool.yolobg]` of a `pyproject.toml`.

Read for the command line; a function that is called from Python takes only what it is given.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

from yolobg.calls import public
from yolobg.dataset.data_yaml import find_data_yaml
from yolobg.errors import DatasetError, UsageError
from yolobg.flow.option_places import placed
from yolobg.flow.option_texts import describe_options
from yolobg.flow.option_values import check_known
from yolobg.flow.options import HINTS, Options, Request, settle_option

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["Settings", "read_settings", "settings", "values_now"]

OWN, SHARED = "yolobg.toml", "pyproject.toml"
LARGEST_BYTES = 1 << 20

# Asked for once, or, as a model, code of whoever wrote the file: a dataset from elsewhere must not bring it along.
NO_SETTINGS = ("hard", "recheck", "scores", "to", "trim")

_FIELDS = {field.name: field for field in fields(Request) if field.name not in NO_SETTINGS}
_SOURCE = ("source", "annotations", "fast", "images", "unlabelled")
# An option that is given takes the place of these settings as well: they answer the same question.
_DISPLACED: dict[str, tuple[str, ...]] = {
    "count": ("ratio",),
    "ratio": ("count",),
    "recheck": ("ratio", "count"),
    "to": ("into",),
    "source": _SOURCE,
    "annotations": _SOURCE,
    "fast": _SOURCE,
}


@dataclass(frozen=True, slots=True)
class Settings:
    """Options from settings files.

    Attributes:
        values: Option to value, as `Request` takes it; paths are absolute.
        files: Option to the file that has it.
    """

    values: Mapping[str, Any]
    files: Mapping[str, Path]

    def only(self, names: Collection[str]) -> Settings:
        """Those of some options."""
        return Settings({n: v for n, v in self.values.items() if n in names}, self.files)

    def below(self, given: Mapping[str, Any]) -> Settings:
        """What counts of them beside options that are given, which win.

        Answers of a map and classes to exclude add up; an option that says otherwise what a setting says displaces it,
        as a count does a ratio, and a source everything about another.
        """
        gone = {name for option in given for name in (*_DISPLACED.get(option, ()), option)} - {"map", "exclude"}
        values = {name: value for name, value in self.values.items() if name not in gone}
        return Settings({**values, **dict(_added_up(values, given))}, self.files)

    def with_given(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The options that a run has: those given, and the settings beside them.

        Raises:
            UsageError: A setting contradicts what is given; the message names its file.
        """
        rest = self.below(given).values
        together = {**given, **rest}
        if rest:
            self._check(given, together)
        return together

    def _check(self, given: Mapping[str, Any], together: Mapping[str, Any]) -> None:
        try:
            Request(**together)
        except UsageError as error:
            # What is wrong by itself is not the settings' doing.
            Request(**given)
            raise UsageError(f"{error} ({'; '.join(self.told(given))})") from error

    def told(self, given: Mapping[str, Any]) -> list[str]:
        """For each file the settings of it that count: `ratio, map from FILE`."""
        files: dict[Path, list[str]] = {}
        for name in self.below(given).values:
            files.setdefault(self.files[name], []).append(name)
        return [f"{', '.join(names)} from {file}" for file, names in files.items()]


def _added_up(values: Mapping[str, Any], given: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    if "map" in values and given.get("map"):
        yield "map", {**values["map"], **settle_option(_FIELDS["map"], given["map"])}
    if "exclude" in values and given.get("exclude"):
        yield "exclude", list(dict.fromkeys((*values["exclude"], *settle_option(_FIELDS["exclude"], given["exclude"]))))


@describe_options()
@public
def settings(data_yaml: str | Path | None, **options: Unpack[Options]) -> Options:
    """Options for a dataset with what its settings files say: `augment(file, **settings(file, count=100))`.

    The functions of yolobg read no settings files; the command line does, and this is how. Options that are given win.

    Args:
        data_yaml: The dataset's data.yaml, or a folder that holds one; None for the current folder's files alone.
        **options: The options.

    Returns:
        The options to pass on, by name, with those given.

    Raises:
        UsageError: A settings file has something that is no option, or contradicts what is given.
    """
    together: Any = read_settings(data_yaml).with_given(options)
    return Options(**together)  # type: ignore[typeddict-item] # its names are checked by `Request`


def read_settings(data_yaml: str | Path | None) -> Settings:
    """What the settings files of a dataset say.

    `yolobg.toml` beside the data.yaml wins over `[tool.yolobg]` of the `pyproject.toml` beside it, and that over the
    one of the current folder. No other folder is looked at. Relative paths start at the folder of their file.

    Args:
        data_yaml: The dataset's data.yaml, or a folder that holds one; None where there is no dataset.

    Raises:
        UsageError: A file cannot be read, or has something that is no option.
    """
    found = Settings({}, {})
    for file in _files(data_yaml):
        table = _table(file)
        if table is None:
            continue
        above, values = found, _checked(file, table)
        below = Settings(values, dict.fromkeys(values, file)).below(above.values)
        found = Settings({**above.values, **below.values}, {**below.files, **above.files})
    return found


def values_now(data_yaml: str | Path) -> list[tuple[str, Any, Path | None]]:
    """Each option, its value for a run that is given none, and the file that says so; None for a default.

    Raises:
        UsageError: As `read_settings`.
    """
    found = read_settings(data_yaml)
    request = Request(**found.values)
    return [(name, getattr(request, name), found.files.get(name)) for name in _FIELDS]


def _files(data_yaml: str | Path | None) -> list[Path]:
    files = [Path().absolute() / SHARED]
    if data_yaml is not None:
        place = Path(data_yaml).expanduser().absolute()
        try:
            folder = find_data_yaml(place).parent
        except DatasetError:
            # What reads the dataset says so, and better.
            return []
        files = [folder / OWN, folder / SHARED, *files]
    return list(dict.fromkeys(files))


def _table(file: Path) -> dict[str, Any] | None:
    """The settings in a file; None where it is not there or has none."""
    content: Any = _content(file)
    if content is not None and file.name == SHARED:
        tools = content.get("tool")
        content = tools.get("yolobg") if isinstance(tools, dict) else None
    elif content is not None and isinstance(content.get("tool"), dict):
        raise UsageError(f"{file}: [tool.yolobg] belongs in pyproject.toml; here the options stand without a heading")
    if content is not None and not isinstance(content, dict):
        raise UsageError(f"{file}: tool.yolobg: expected a table of options, as in [tool.yolobg] and ratio = 0.1")
    return content


def _content(file: Path) -> dict[str, Any] | None:
    if not file.is_file():
        return None
    try:
        with file.open("rb") as opened:
            raw = opened.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror or error}") from error
    # What is not about yolobg is none of its business, broken or not.
    if file.name == SHARED and b"yolobg" not in raw:
        return None
    if len(raw) > LARGEST_BYTES:
        raise UsageError(f"{file}: larger than {LARGEST_BYTES >> 20} MiB; expected a few settings")
    try:
        return tomllib.loads(raw.decode("utf-8-sig"))
    except RecursionError as error:
        raise UsageError(f"{file}: is nested too deeply; expected a few settings") from error
    except ValueError as error:
        hint = "; in TOML, write paths with / or in single quotes" if b"\\" in raw else ""
        raise UsageError(f"{file}: is not valid TOML: {error}{hint}") from error


def _checked(file: Path, table: Mapping[str, Any]) -> dict[str, Any]:
    where = f"{file}: [tool.yolobg] " if file.name == SHARED else f"{file}: "
    values: dict[str, Any] = {}
    try:
        for key, value in table.items():
            name = key.replace("-", "_")
            _check_name(key, name, values)
            settled = settle_option(_FIELDS[name], value)
            values[name] = placed(name, settled, HINTS[name], folder=file.parent)
        Request(**values)
    except UsageError as error:
        raise UsageError(f"{where}{error}") from error
    return values


def _check_name(key: str, name: str, before: Collection[str]) -> None:
    if name in NO_SETTINGS:
        raise UsageError(f"{key}: is asked for run by run, so it is no setting; give it as --{name}")
    check_known([name], _FIELDS)
    if name in before:
        raise UsageError(f"{key}: is there twice, as {name} and as {name.replace('_', '-')}; keep one of them")
