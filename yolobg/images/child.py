"""Runs a program that reads a hostile or broken file for us: within a time, within a size, ended when we end."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from yolobg.errors import UsageError
from yolobg.threads import start_thread

__all__ = ["Children", "Output"]

_SAID_BYTES = 64 << 10
# On Windows, a program with a console of its own would open a window for each frame.
_FLAGS = getattr(subprocess, "CREATE_NO_WINDOW", 0) if sys.platform == "win32" else 0


@dataclass(frozen=True, slots=True)
class Output:
    """What a program gave.

    Attributes:
        out: Its standard output, cut off where it was too long.
        said: The end of its standard error.
        code: Its exit status.
        late: It was ended because its time was up.
        long: It was ended because its output was too long.
    """

    out: bytes
    said: str
    code: int
    late: bool = False
    long: bool = False

    @property
    def reason(self) -> str:
        """The last line that it said, for a message."""
        lines = [line.strip() for line in self.said.splitlines() if line.strip()]
        return lines[-1][-300:] if lines else f"exit status {self.code}"


class Children:
    """Programs under way; `close` ends them. Methods may be called from several threads at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._closed = False

    def close(self) -> None:
        """End all programs, and start none any more."""
        with self._lock:
            self._closed = True
            running = tuple(self._running)
        for process in running:
            process.kill()

    def run(
        self, command: Sequence[str], *, time_s: float, limit_bytes: int, env: Mapping[str, str] | None = None
    ) -> Output:
        """Run a program to its end.

        Args:
            command: The program and its arguments; no shell sees them.
            time_s: After so long it is ended.
            limit_bytes: Of its output; once there is more, it is ended.
            env: Its environment; None for ours.

        Raises:
            UsageError: It cannot be started.
        """
        process = self._start(command, env)
        late = threading.Event()

        def end() -> None:
            late.set()
            process.kill()

        watch = threading.Timer(time_s, end)
        watch.daemon = True
        said: list[bytes] = []
        try:
            watch.start()
            listening = start_thread(_listen, process, said, name="yolobg-video")
            assert process.stdout is not None  # noqa: S101 - a pipe was asked for
            out = process.stdout.read(limit_bytes + 1)
            if len(out) > limit_bytes:
                process.kill()
            code = process.wait()
            listening.join()
        finally:
            watch.cancel()
            self._end(process)
        text = b"".join(said).decode("utf-8", "replace")
        return Output(out[:limit_bytes], text, code, late.is_set(), len(out) > limit_bytes)

    def _start(self, command: Sequence[str], env: Mapping[str, str] | None) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._closed:
                raise UsageError("the run was ended while it read a video")
            try:
                process = subprocess.Popen(  # noqa: S603 - a program that the user has installed, without a shell
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    env=env,
                    creationflags=_FLAGS,
                )
            except OSError as error:
                raise UsageError(
                    f"{command[0]} cannot be started: {error.strerror or error}; install it again, or install another "
                    "that reads videos"
                ) from error
            self._running.add(process)
        return process

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        process.kill()
        process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        with self._lock:
            self._running.discard(process)


def _listen(process: subprocess.Popen[bytes], said: list[bytes]) -> None:
    """Keep the end of what a program says, so that it never waits for a reader."""
    assert process.stderr is not None  # noqa: S101 - a pipe was asked for
    with contextlib.suppress(OSError, ValueError):
        while piece := process.stderr.read1(_SAID_BYTES):  # type: ignore[attr-defined]  # a buffered reader
            said.append(piece)
            if sum(map(len, said)) > 2 * _SAID_BYTES:
                said[:] = [b"".join(said)[-_SAID_BYTES:]]
