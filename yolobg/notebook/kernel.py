"""Whether this process is a notebook's kernel, and how HTML is shown there. IPython is found, never imported."""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Callable
from typing import Any

__all__ = ["Place", "find_place"]


class Place:
    """A place below a cell of a notebook, where each text that is shown takes the place of the one before.

    Made of nothing but `display_data` and `update_display_data`, which every client of Jupyter's protocol draws:
    no widget, and so no extension that has to be installed.
    """

    def __init__(self, publish: Callable[..., object]) -> None:
        self._publish = publish
        self._name: str | None = None

    def show(self, html: str, text: str) -> None:
        """Show HTML, or the text where a client draws none; what a client or kernel does wrong is no error."""
        first = self._name is None
        name = self._name = self._name or uuid.uuid4().hex
        try:
            self._publish({"text/html": html, "text/plain": text}, {}, transient={"display_id": name}, update=not first)
        except Exception:  # noqa: BLE001 - a bar that cannot be drawn must not end the work
            self._publish = _nowhere


def find_place() -> Place | None:
    """A place below the cell that runs; None in a script, in a terminal, and in a process that a kernel has forked."""
    ipython = sys.modules.get("IPython")
    try:
        shell: Any = ipython.get_ipython() if ipython is not None else None
        kernel = getattr(shell, "kernel", None)
        if kernel is None:
            return None
        owner = getattr(getattr(kernel, "session", None), "pid", None)
        if isinstance(owner, int) and owner != os.getpid():
            return None
        return Place(shell.display_pub.publish)
    except Exception:  # noqa: BLE001 - whatever calls itself IPython here, a notebook's kernel it is not
        return None


def _nowhere(*_data: object, **_more: object) -> None:
    """Show nothing any more."""
