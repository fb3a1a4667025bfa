"""`yolobg completion`: commands and options completed by the shell."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from yolobg.cli.output import command

__all__ = ["completion"]


@command(example='eval "$(yolobg completion bash)"')
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
def completion(*, shell: str) -> None:
    """Print what makes a shell complete commands and options.

    Add the example to ~/.bashrc, the same with zsh to ~/.zshrc. For fish, write the output to
    ~/.config/fish/completions/yolobg.fish.
    """
    from yolobg.cli.app import app

    complete = get_completion_class(shell)
    assert complete is not None  # noqa: S101 - the choices above are those that click has
    click.echo(complete(app, {}, "yolobg", "_YOLOBG_COMPLETE").source())
