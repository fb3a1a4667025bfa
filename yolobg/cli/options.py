"""Options that several commands share; those of a `Request` are made from its fields."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import Field, fields
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

import click
from click.core import ParameterSource

from yolobg.errors import UsageError
from yolobg.flow.option_texts import parse_evidence_options, parse_map_options
from yolobg.flow.option_values import AUTO
from yolobg.flow.options import HINTS, Options, Request

__all__ = [
    "PATH",
    "data_yaml_argument",
    "dry_run_option",
    "is_given",
    "json_option",
    "names_of",
    "preview_option",
    "quiet_option",
    "request_options",
    "verbose_option",
    "yes_option",
]

F = TypeVar("F", bound=Callable[..., Any])

PATH = click.Path(path_type=Path)

data_yaml_argument = click.argument("data_yaml", metavar="DATA_YAML", type=PATH)
dry_run_option = click.option("--dry-run", is_flag=True, help="Only show what would be done.")
preview_option = click.option(
    "--report",
    "preview",
    is_flag=True,
    help="With --dry-run: fetch the first images and write a page of them, before anything is added.",
)
json_option = click.option("--json", "json_", is_flag=True, help="Print data as JSON to stdout.")
quiet_option = click.option("--quiet", "-q", is_flag=True, help="Print errors only.")
verbose_option = click.option("--verbose", "-v", is_flag=True, help="Print debug messages.")
yes_option = click.option("--yes", "-y", is_flag=True, help="Never ask questions.")
_map_file_option = click.option(
    "--map-file", metavar="FILE", type=PATH, help="YAML file with --map answers, as `yolobg classes --save` writes it."
)
_no_settings_option = click.option(
    "--no-settings", is_flag=True, help="Read no yolobg.toml and no [tool.yolobg] of pyproject.toml."
)


def request_options(
    *, only: Collection[str] | None = None, without: Collection[str] = (), settings: bool = True
) -> Callable[[F], F]:
    """Give a command the options of `Request`; it gets them as one argument `options`.

    Args:
        only: The fields that mean something to the command; None for all.
        without: Fields that mean nothing to it.
        settings: Whether what is not given comes from the settings files.
    """
    shown = [f for f in fields(Request) if f.name not in without and (only is None or f.name in only)]

    def decorate(command: F) -> F:
        @functools.wraps(command)
        def wrapped(**given: Any) -> Any:
            options = {field.name: _value(field, given.pop(_parameter(field))) for field in shown}
            map_file = given.pop("map_file", None)
            if map_file is not None:
                # The command line wins over the file.
                options["map"] = {**_read_map(map_file), **options["map"]}
            if settings and not given.pop("no_settings") and given.get("plan") is None and given.get("work") is None:
                options |= _from_settings(options, given)
            return command(options=Options(**options), **given)  # type: ignore[typeddict-item]

        made: Any = _no_settings_option(wrapped) if settings else wrapped
        for field in reversed(shown):
            if field.name == "map":
                made = _map_file_option(made)
            made = _option(field)(made)
        return made  # type: ignore[no-any-return]

    return decorate


def _from_settings(options: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The options with what the settings files say of those that were not given; says which files it used.

    Args:
        options: All that the command takes, defaults included.
        given: The command's other arguments.
    """
    from yolobg.cli.output import stderr_console
    from yolobg.cli.text import clean, whole
    from yolobg.flow.settings_file import read_settings

    asked = {
        name: value for name, value in options.items() if is_given(name) or (name == "map" and is_given("map_file"))
    }
    found = read_settings(given.get("data_yaml")).only(options)
    together = found.with_given(asked)
    told = "; ".join(found.told(asked))
    if told and not given.get("quiet"):
        stderr_console().print(whole(f"Settings  {clean(told, 4096)}"), soft_wrap=True)
    return together


def is_given(option: str) -> bool:
    """Whether an option of `Request`, or `map_file`, stands on the command line."""
    name = option if option == "map_file" else f"{option}_"
    return click.get_current_context().get_parameter_source(name) is ParameterSource.COMMANDLINE


def _parameter(field: Field[Any]) -> str:
    return f"{field.name}_"


def _option(field: Field[Any]) -> Callable[[F], F]:
    """One option, from the type, the default and the metadata of its field."""
    about, hint = field.metadata, HINTS[field.name]
    name, text = f"--{field.name.replace('_', '-')}", about["help"]
    if hint is bool:
        if field.default:
            name, text = f"--no-{name.removeprefix('--')}", f"Do not {text[0].lower()}{text[1:]}"
        return click.option(name, _parameter(field), is_flag=True, help=text)
    told: dict[str, Any] = {"help": text, "metavar": about["metavar"] or None, "type": _type(field)}
    if get_origin(hint) in (Sequence, Mapping):
        return click.option(name, _parameter(field), multiple=True, **told)
    default = None if callable(field.default_factory) else field.default
    if field.name == "source":
        return click.option(
            name, _parameter(field), multiple=True, default=[default], show_default=True, callback=_the_one, **told
        )
    return click.option(
        name, _parameter(field), default=default, show_default=about["shown"] or default is not None, **told
    )


def _the_one(context: click.Context, parameter: click.Parameter, given: Sequence[str]) -> str:
    """The source: of several, click by itself would take the last and say nothing of the others."""
    if len(given) > 1:
        raise click.UsageError(
            f"--source: given {len(given)} times ({', '.join(given)}); expected one. Put videos or images of several "
            "places into a folder and name that, or run once for each"
        )
    return given[0]


def _type(field: Field[Any]) -> Any:
    hint = HINTS[field.name]
    if get_origin(hint) is Literal:
        return click.Choice(get_args(hint))
    if hint is float:
        return float
    # Some numbers may also be `auto`, and a ratio is kept as it was typed: 0.1 has no exact binary fraction.
    return int if hint in (int, int | None) and field.name not in AUTO else str


def _value(field: Field[Any], given: Any) -> Any:
    """What a request takes, from what was given on the command line."""
    if HINTS[field.name] is bool:
        return not given if field.default else given
    if field.name == "map":
        return parse_map_options(given)
    if field.name == "evidence":
        return parse_evidence_options(given)
    if field.name in AUTO:
        return _number(field.name, given)
    return given


def _number(name: str, given: str | None) -> int | None:
    if given in (None, "auto"):
        return None
    if not given.isdecimal():
        raise UsageError(f"--{name} {given}: give a number or auto")
    return int(given)


def _read_map(file: Path) -> Mapping[str, tuple[str, ...]]:
    from yolobg.matching.map_file import read_map

    return read_map(file)


def names_of(options: Sequence[str]) -> list[str]:
    """The names of repeatable options that also take several with commas between."""
    return [name.strip() for option in options for name in option.split(",") if name.strip()]
