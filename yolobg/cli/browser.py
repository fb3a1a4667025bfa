"""Starts the user's browser apart from this process, and listens for Enter in the terminal."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable

__all__ = ["listen_for_enter", "shows_other_files", "start_browser"]

# In a process of its own, since some browsers keep whoever opens them waiting until they are closed.
_OPEN = "import sys, webbrowser; sys.exit(not webbrowser.open(sys.argv[1]))"
# On Windows only; elsewhere a session of its own does the same.
_OWN_GROUP = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
_LOOK_S = 0.2


def shows_other_files() -> bool:
    """Whether the browser runs on another machine, as with VS Code's remote terminals, and sees no file of this one."""
    return bool(os.environ.get("BROWSER") and os.environ.get("VSCODE_IPC_HOOK_CLI"))


def start_browser(address: str, failed: Callable[[], None]) -> None:
    """Open an address in the user's browser and return at once.

    The browser gets neither the terminal nor its Ctrl-C. So browsers that draw in the terminal do not start; the review
    needs JavaScript, which they do not have.

    Args:
        address: What to open. Other users can read it.
        failed: Called from another thread where no browser was found.
    """
    threading.Thread(target=_start, args=(address, failed), name="browser", daemon=True).start()


def _start(address: str, failed: Callable[[], None]) -> None:
    environment = dict(os.environ)
    if not environment.get("BROWSER"):
        # By this, `webbrowser` knows whether browsers that draw in the terminal can run.
        environment.pop("TERM", None)
    try:
        # -I, so that no module of the current folder is taken for one of Python's.
        ended = subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-I", "-c", _OPEN, address],
            check=False, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True, creationflags=_OWN_GROUP,
        )  # fmt: skip
    except OSError:
        failed()
        return
    if ended.returncode != 0:
        failed()


def listen_for_enter(pressed: Callable[[], None]) -> bool:
    """Call back in another thread whenever the user presses Enter; False where there is no terminal."""
    try:
        terminal = sys.stdin.fileno()
        if not os.isatty(terminal):
            return False
    except (OSError, ValueError):
        return False
    threading.Thread(target=_read_lines, args=(terminal, pressed), name="enter", daemon=True).start()
    return True


def _read_lines(terminal: int, pressed: Callable[[], None]) -> None:
    # Not through `sys.stdin`, whose lock this thread would still hold when Python ends.
    with contextlib.suppress(OSError):
        while True:
            # While another program has the terminal, reading would stop this process.
            if not _in_front(terminal) or not _has_input(terminal):
                time.sleep(_LOOK_S)
                continue
            typed = os.read(terminal, 4096)
            if not typed:
                return
            if b"\n" in typed:
                pressed()


def _has_input(terminal: int) -> bool:
    # Windows can tell it of sockets only; there, reading waits and does no harm.
    return sys.platform == "win32" or bool(select.select([terminal], [], [], 0)[0])


def _in_front(terminal: int) -> bool:
    if sys.platform == "win32":
        return True
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        # Not the terminal that controls this process, so reading from it stops nobody.
        return True
