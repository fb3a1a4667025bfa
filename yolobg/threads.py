"""Threads on a machine that may refuse to start them: a limit on processes, of a user or of a container.

Fewer threads do the same work; where not even one starts, the error says so in words.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from yolobg.errors import YolobgError

__all__ = ["Pool", "start_thread"]


class Pool(ThreadPoolExecutor):
    """A pool that goes on with the threads that it has where no further one starts.

    Raises:
        YolobgError: Not one starts (from `submit` and `map`).
    """

    def _adjust_thread_count(self) -> None:
        # The work is in the queue already, so whichever thread there is will do it.
        try:
            super()._adjust_thread_count()
        except RuntimeError as error:
            if not self._threads:
                raise _none_starts() from error


def start_thread(run: Callable[..., None], *arguments: Any, name: str) -> threading.Thread:
    """Start a thread that the process does not wait for at its end.

    Raises:
        YolobgError: It does not start.
    """
    thread = threading.Thread(target=run, args=arguments, name=name, daemon=True)
    try:
        thread.start()
    except RuntimeError as error:
        raise _none_starts() from error
    return thread


def _none_starts() -> YolobgError:
    return YolobgError(
        "this machine cannot start more threads: the number of processes of this user or container is limited. The "
        "dataset is valid. Raise the limit (`ulimit -u`, `docker run --pids-limit`), or end other programs, and run "
        "again"
    )
