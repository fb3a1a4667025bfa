"""`yolobg review` and `yolobg report`: look before you train."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from yolobg.cli.options import PATH, data_yaml_argument
from yolobg.cli.output import command, print_result, stderr_console
from yolobg.wording import counted

if TYPE_CHECKING:
    from rich.console import Console

    from yolobg.review.handover import HandoverPage
    from yolobg.review.server_entry import Access
    from yolobg.review.session import Session

__all__ = ["hold_open", "no_browser_option", "port_option", "report", "review"]


no_browser_option = click.option(
    "--no-browser", is_flag=True, help="Only print the link; open it yourself. It works once; Enter prints a new one."
)
port_option = click.option(
    "--port",
    type=click.IntRange(1, 65535),
    metavar="N",
    help="The port on this machine, for an SSH tunnel; any free one if not given.",
)


@command(example="yolobg review data.yaml")
@data_yaml_argument
@no_browser_option
@port_option
def review(data_yaml: Path, *, no_browser: bool, port: int | None) -> None:
    """Review every background in the browser, reject wrong ones and replace them.

    Images that `augment --hard` proposes come first, and come in once you apply.

    DATA_YAML is the dataset's data.yaml, or a folder that holds one.
    """
    hold_open(data_yaml, no_browser=no_browser, port=port)


def hold_open(data_yaml: Path, *, no_browser: bool, port: int | None) -> None:
    """Show the review page until it is ended, and tell how far the person came.

    Args:
        data_yaml: The dataset's data.yaml, or a folder that holds one.
        no_browser: Only print the link.
        port: The port to listen on; None for any.
    """
    from yolobg.changes.lock import hold_review
    from yolobg.review.handover import HandoverPage
    from yolobg.review.server import serve
    from yolobg.review.session import Session

    console = stderr_console()
    session = Session(data_yaml)
    with hold_review(session.dataset.root), HandoverPage() as page, contextlib.suppress(KeyboardInterrupt):
        invitation = _Invitation(session, console, None if no_browser else page, port)
        serve(session, invitation.show, port or 0)
    console.print(_ended(session), soft_wrap=True)


def _ended(session: Session) -> str:
    """What a review has come to."""
    from yolobg.cli.text import clean, quoted

    looked = f"{len(session.state.looked):,} of {len(session.items):,}"
    if session.proposal is not None:
        file = quoted(str(session.dataset.data.file))
        return (
            f"Review ended: {looked} proposed images looked at, none added. They wait: yolobg review {file} goes on, "
            f"yolobg remove {file} --proposed drops them."
        )
    if session.applied is not None:
        return f"Review ended. Applied: {clean(session.applied.told, 1000)}"
    rejected = len(session.to_apply)
    left = f"; {rejected:,} rejected and not applied yet" if rejected else ""
    return f"Review ended: {looked} looked at{left}."


class _Invitation:
    """What the terminal says of the link, and the browser that is given it.

    Args:
        session: What is reviewed.
        console: Where people read.
        page: The page to open in the browser; None to open none.
        port: The port that was asked for; None for any.
    """

    def __init__(self, session: Session, console: Console, page: HandoverPage | None, port: int | None) -> None:
        self._session, self._console, self._page, self._port = session, console, page, port
        self._again = ""

    def show(self, entry: Access) -> None:
        """Invite to a review that has begun."""
        from yolobg.cli.browser import listen_for_enter
        from yolobg.cli.text import clean

        entry.on_entered = self._entered
        if listen_for_enter(lambda: self._renew(entry)):
            self._again = " Press Enter for a new link."
        # The link alone on stdout, whole, so that a script or a person can take it from there.
        click.echo(entry.link)
        images = "background" if self._session.proposal is None else "proposed image"
        self._tell(
            f"{counted(len(self._session.items), images)} of {clean(self._session.dataset.root)} to review. The link "
            f"above is for this machine only and works once.{self._again} End with the page's button or Ctrl-C; your "
            "decisions are kept."
        )
        if self._port is not None or os.environ.get("SSH_CONNECTION"):
            self._tell(
                f"From another machine: type ssh -L {entry.port}:127.0.0.1:{entry.port} HOST there, then open the "
                "link. Its port may be another one: change it in the link too."
            )
        self._open(entry)

    def _open(self, entry: Access) -> None:
        from yolobg.cli.browser import shows_other_files, start_browser

        if self._page is None:
            return
        path = None if shows_other_files() else self._page.write(entry.link)
        if path is None:
            self._tell("No browser was started; open the link above.")
        else:
            start_browser(path.as_uri(), lambda: self._tell("No browser with a window was found; open the link above."))

    def _renew(self, entry: Access) -> None:
        entry.renew_link()
        if self._page is not None:
            self._page.delete()
        with contextlib.suppress(OSError):
            click.echo(entry.link)

    def _entered(self) -> None:
        if self._page is not None:
            self._page.delete()
        self._tell(f"A browser has opened the review, so the link is used up.{self._again}")

    def _tell(self, text: str) -> None:
        # Where nobody can be told any more, the review goes on.
        with contextlib.suppress(OSError):
            self._console.print(text)


@command(example="yolobg report data.yaml --image sheet.jpg")
@data_yaml_argument
@click.option(
    "--image", metavar="SHEET.JPG", type=PATH, help="Draw a contact sheet (.jpg or .png) instead of the page."
)
def report(data_yaml: Path, *, image: Path | None) -> None:
    """Write the report page again, or draw a contact sheet.

    DATA_YAML is the dataset's data.yaml, or a folder that holds one.
    """
    from yolobg.cli.progress import bars
    from yolobg.cli.text import page_line
    from yolobg.report.write import draw_contact_sheet, rewrite_page

    with bars(stderr_console()) as progress:
        if image is None:
            written = rewrite_page(data_yaml, progress=progress)
        else:
            written = draw_contact_sheet(data_yaml, image, progress=progress)
    print_result(page_line(str(written)))
