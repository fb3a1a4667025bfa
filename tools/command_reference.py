"""The command-line reference, as Markdown made from the commands themselves.

It is made from the options and not from the printed help, which versions of click lay out differently.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from html import escape

import click

from yolobg.cli.app import COMMANDS, app


def command_reference() -> str:
    """One section for each command: what it does, its arguments, its options."""
    root = click.Context(app, info_name="yolobg")
    parts: list[str] = []
    for commands in COMMANDS.values():
        for name in commands:
            found = app.get_command(root, name)
            assert found is not None  # noqa: S101 - the names are the group's own
            parts += _sections(found, click.Context(found, info_name=name, parent=root))
    return "\n\n".join(parts)


def _sections(command: click.Command, context: click.Context) -> Iterator[str]:
    if isinstance(command, click.Group):
        for name in sorted(command.commands):
            inner = command.commands[name]
            yield from _sections(inner, click.Context(inner, info_name=name, parent=context))
        return
    yield f"## {context.command_path}"
    # A click line of `\b` keeps what follows as it is; in Markdown that is a paragraph like the others.
    yield inspect.cleandoc(command.help or "").replace("\b\n", "")
    yield f"```text\n{' '.join([context.command_path, *command.collect_usage_pieces(context)])}\n```"
    options = [option for option in command.params if isinstance(option, click.Option)]
    rows = "\n".join(_row(option) for option in options)
    yield f"| option | meaning | default |\n| --- | --- | --- |\n{rows}"
    if command.epilog:
        example = command.epilog.replace("\b\n", "").removeprefix("Example:").strip()
        yield f"```text\n{example}\n```"


def _row(option: click.Option) -> str:
    names = ", ".join(sorted(option.opts, key=len, reverse=True))
    value = "" if option.is_flag else f" {_value(option)}"
    # A bar in code would end the table's cell on one site or show its backslash on another.
    shown = f"`{names}{value}`" if "|" not in value else f"<code>{escape(names + value)}</code>".replace("|", "&#124;")
    told = (option.help or "").replace("|", r"\|")
    told += " Repeatable." if option.multiple and not _one_of(option) and "epeatable" not in told else ""
    return f"| {shown} | {told} | {_default(option)} |"


def _one_of(option: click.Option) -> list[str]:
    """The default of an option that takes one value, and several only to refuse them."""
    return option.default if option.multiple and isinstance(option.default, list) else []


def _value(option: click.Option) -> str:
    if option.metavar:
        return option.metavar
    if isinstance(option.type, click.Choice):
        return "|".join(map(str, option.type.choices))
    return option.type.name.upper()


def _default(option: click.Option) -> str:
    if option.required:
        return "required"
    if isinstance(option.show_default, str):
        return option.show_default
    given = _one_of(option)[0] if _one_of(option) else option.default
    # Versions of click call "nothing given" differently: None, or a mark of their own.
    return f"`{given}`" if option.show_default and isinstance(given, str | int | float) and not option.is_flag else ""
