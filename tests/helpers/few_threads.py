"""A machine that starts few threads."""

from __future__ import annotations

import itertools
import threading

import pytest

__all__ = ["allow_threads"]


def allow_threads(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let only so many further threads start, as a limit on the processes of a user or a container does."""
    start, started = threading.Thread.start, itertools.count()

    def few(thread: threading.Thread) -> None:
        if next(started) >= most:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", few)
