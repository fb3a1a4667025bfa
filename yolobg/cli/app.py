"""`yolobg`: the group of all commands. A command's module is imported when it is called, so that `--help` is quick."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

import click

from yolobg.cli.process import INTERRUPTED, INTERRUPTED_MESSAGE
from yolobg.version import __version__

__all__ = ["COMMANDS", "app", "run"]

# Heading to commands: name to the module that has it, and what it does.
COMMANDS: dict[str, dict[str, tuple[str, str]]] = {
    "Backgrounds": {
        "augment": ("augment", "Add background images up to a ratio or a count."),
        "status": ("status", "Show labelled images, backgrounds and their ratio."),
        "review": ("review", "Review every background in the browser, reject wrong ones and replace them."),
        "remove": ("status", "Remove exactly what yolobg added."),
        "evaluate": ("evaluate", "Did the backgrounds help? Compare models at equal false-alarm rates."),
        "plan": ("plan", "Show which images augment would add, and save them as a plan to edit and carry out."),
        "mine": ("mine", "Have your model look at many images, on several machines, for augment --scores."),
        "classes": ("classes", "Show what each class name excludes, and why."),
        "report": ("review", "Write the report page again, or draw a contact sheet."),
    },
    "Training": {
        "train": ("train", "Add background images, then train with Ultralytics."),
    },
    "Without a dataset of your own": {
        "demo": ("demo", "Try it offline on a sample dataset and source."),
        "download": ("download", "Put background images and blank labels into a folder."),
    },
    "More": {
        "convert": ("convert", "Write a dataset in another format, counted before and after."),
        "cache": ("cache", "List, build and clear what yolobg keeps between runs."),
        "completion": ("completion", "Print what makes a shell complete commands and options."),
        "doctor": ("doctor", "Check versions, the cache, the disk, Ultralytics and the hosts."),
    },
}
_KNOWN = {name: told for commands in COMMANDS.values() for name, told in commands.items()}


class _Commands(click.Group):
    """Commands that are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_KNOWN)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _KNOWN:
            return None
        found = getattr(import_module(f"yolobg.cli.{_KNOWN[cmd_name][0]}"), cmd_name)
        assert isinstance(found, click.Command)  # noqa: S101 - the table above is wrong otherwise
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for heading, commands in COMMANDS.items():
            with formatter.section(heading):
                formatter.write_dl([(name, about) for name, (_, about) in commands.items()], col_spacing=4)


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="\b\nExample:\n  yolobg augment data.yaml --dry-run   (show what would be done)\n"
    "  yolobg augment data.yaml             (add 10 % backgrounds from COCO)\n"
    "  yolobg review data.yaml              (look at them)",
)
@click.version_option(__version__, message="yolobg %(version)s")
def app() -> None:
    """Add background (negative) images to an existing YOLO dataset, safely."""


def run(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and end with its exit code.

    Args:
        arguments: What follows the program's name; that of this process if None.
    """
    try:
        code = app.main(arguments, standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        # While a command was imported or its options were read: click would say "Aborted!" and exit with 1.
        click.echo(f"yolobg: {INTERRUPTED_MESSAGE}", err=True)
        code = INTERRUPTED
    raise SystemExit(code or 0)
