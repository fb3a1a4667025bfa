"""Hands the link to the user's browser without showing it to other users of the machine.

Anybody may read the arguments of a running program, so the browser is given a page in a folder that only its user can
open, and that page leads on to the link. It is deleted as soon as the link is used.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterable
from pathlib import Path

from yolobg.html.pages import template

__all__ = ["HandoverPage", "place_for"]

# Where snap puts its programs. Those can read the home folder, but no hidden folder in it and no temporary folder.
SNAPS = (Path("/snap/bin"), Path("/var/lib/snapd/snap/bin"))
BROWSERS = ("firefox", "chromium", "brave", "opera", "vivaldi", "epiphany", "falkon", "librewolf")


def place_for(snaps: Iterable[Path] = SNAPS) -> Path | None:
    """The folder in which the user's browser can read a file; None for the system's own temporary folder."""
    confined = any((folder / name).exists() for folder in snaps for name in BROWSERS)
    return Path.home() if confined else None


class HandoverPage:
    """A page on disk, for one browser and one link. Use as a context manager: afterwards it is gone."""

    def __init__(self) -> None:
        self._folder: Path | None = None

    def __enter__(self) -> HandoverPage:
        return self

    def __exit__(self, *_: object) -> None:
        self.delete()

    def write(self, link: str) -> Path | None:
        """Make the page; None where there is no place for it."""
        try:
            # `mkdtemp` makes a folder that only this user can enter, and never takes one that is there.
            self._folder = Path(tempfile.mkdtemp(prefix="yolobg-review-", dir=place_for()))
            page = self._folder / "open.html"
            page.touch(mode=0o600, exist_ok=False)
            page.write_text(template("handover.html").render(link=link), encoding="utf-8")
        except (OSError, RuntimeError):
            self.delete()
            return None
        return page

    def delete(self) -> None:
        """Delete the page, if it is there; from any thread."""
        folder = self._folder
        if folder is not None:
            with contextlib.suppress(OSError):
                (folder / "open.html").unlink(missing_ok=True)
                folder.rmdir()
                self._folder = None
