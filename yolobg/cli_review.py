"""`yolobg review` and `yolobg report`: look before you train."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from yolobg.cli_base import answer, stderr_console
from yolobg.cli_options import DataYamlArgument

if TYPE_CHECKING:
    from yolobg.review.server import Review

__all__ = ["register"]


_NoBrowserOption = Annotated[
    bool, typer.Option("--no-browser", help="Only print the address; open it yourself. It works once.")
]
_MineTooOption = Annotated[
    bool,
    typer.Option(
        "--mine-too",
        help="Let your own backgrounds be rejected too: they are moved into .yolobg/rejected, and `remove` brings "
        "them back.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(answer(review))
    app.command()(answer(report))


def review(
    data_yaml: DataYamlArgument,
    *,
    no_browser: _NoBrowserOption = False,
    mine_too: _MineTooOption = False,
) -> None:
    """Look at every background in the browser, reject wrong ones, have them replaced."""
    import asyncio
    import webbrowser

    from yolobg.cli_text import clean
    from yolobg.dataset.lock import hold_review
    from yolobg.review.server import serve
    from yolobg.review.session import Session

    console = stderr_console()
    session = Session(data_yaml, mine_too=mine_too)

    def ready(started: Review) -> None:
        # The address alone on stdout, whole, so that a script or a person can take it from there.
        typer.echo(started.address)
        console.print(
            f"{len(session.items):,} backgrounds of {clean(session.root)} to look at. The address above is for this "
            "machine only and works once. End with the page's button or Ctrl-C; what you decided is kept."
        )
        if not no_browser:
            webbrowser.open(started.address)

    with hold_review(session.root), contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(session, ready))
    rejected = len(session.state.rejected)
    left = f"; {rejected:,} rejected and not applied yet" if rejected else ""
    console.print(f"Review ended: {len(session.state.looked):,} of {len(session.items):,} looked at{left}.")


def report(
    data_yaml: DataYamlArgument,
    *,
    image: Annotated[
        Path | None,
        typer.Option("--image", metavar="SHEET.JPG", help="Draw a contact sheet (.jpg or .png) instead of the page."),
    ] = None,
) -> None:
    """Write the page to look at (.yolobg/report.html) anew, or draw a contact sheet."""
    from rich.text import Text

    from yolobg.cli_pictures import linked_path
    from yolobg.cli_progress import bars
    from yolobg.cli_text import clean
    from yolobg.review.again import draw_contact_sheet, rewrite_page

    console = stderr_console()
    with bars(console) as progress:
        if image is None:
            written = rewrite_page(data_yaml, progress=progress)
        else:
            written = draw_contact_sheet(data_yaml, image, progress=progress)
    shown = linked_path(Text(clean(written, 4096)), str(written))
    console.print(Text("Look at   ", no_wrap=True, overflow="ignore").append(shown), crop=False)
