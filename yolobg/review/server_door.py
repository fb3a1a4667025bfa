"""A bound on the connections of strangers, and on what a connection may send.

Every user of the machine can connect to 127.0.0.1. A connection that has not shown the cookie is a stranger's: only so
many of them may be open, for so long, and the newest takes the place of the oldest. So strangers who hold connections
open, whatever they send or do not send, neither use up our files nor keep the owner out.
"""

from __future__ import annotations

import contextlib
import io
import logging
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

__all__ = ["Door", "Server", "most_strangers"]

_log = logging.getLogger(__name__)

MOST_STRANGERS = 256
FEWEST_STRANGERS = 32
PATIENCE_S = 30.0
HEARD_S = 0.05
"""How long a stranger may stay at least, so that each is heard before newer ones push it out."""
MOST_BYTES = 1 << 19
WAITING = 1024
TRIES = 20


def most_strangers() -> int:
    """How many connections of strangers may be open, a share of the files that this process may open."""
    if sys.platform == "win32":
        return MOST_STRANGERS
    import resource  # noqa: PLC0415 - not on Windows

    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if files == resource.RLIM_INFINITY:
        return MOST_STRANGERS
    return max(FEWEST_STRANGERS, min(MOST_STRANGERS, files // 4))


class Door:
    """Keeps count of the connections that have not shown the cookie yet; for use from any thread.

    Args:
        most: How many of them may be open; one more closes the oldest.
        patience_s: How long each may stay, whatever it sends.
    """

    def __init__(self, most: int, patience_s: float = PATIENCE_S) -> None:
        self._most, self._patience_s = most, patience_s
        # In the order in which they came.
        self._strangers: dict[socket.socket, float] = {}
        self._lock = threading.Lock()

    def came(self, connection: socket.socket) -> None:
        """Count a new connection, in the place of the oldest where there are too many."""
        while True:
            with self._lock:
                now = time.monotonic()
                if len(self._strangers) < self._most:
                    self._strangers[connection] = now
                    return
                oldest, since = next(iter(self._strangers.items()))
                if now >= since + HEARD_S:
                    self._drop(oldest)
                    continue
            time.sleep(max(0.0, since + HEARD_S - now))

    def trust(self, connection: socket.socket) -> None:
        """Let a connection stay: it has shown the cookie, or has ended."""
        with self._lock:
            self._strangers.pop(connection, None)

    def drop_oldest(self) -> None:
        """Make room for a newer connection."""
        with self._lock:
            for oldest in list(self._strangers)[:1]:
                self._drop(oldest)

    def drop_late(self) -> None:
        """Drop the strangers whose time is over."""
        with self._lock:
            over = time.monotonic() - self._patience_s
            for connection in [one for one, since in self._strangers.items() if since <= over]:
                self._drop(connection)

    def close(self) -> None:
        """Drop all strangers."""
        with self._lock:
            for connection in list(self._strangers):
                self._drop(connection)

    def _drop(self, connection: socket.socket) -> None:
        del self._strangers[connection]
        # Its thread, which waits to read or write, goes on at once and closes it.
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)


class Server(ThreadedWSGIServer):
    """Werkzeug's server on a port of 127.0.0.1, a thread for each connection, watched by a door.

    What a stranger sends is never worth a line on the terminal.

    Args:
        app: What answers.
        door: Where connections come in.
        port: The port to listen on; 0 for any that is free.

    Raises:
        OSError: The port is taken, or none is free.
    """

    daemon_threads = True

    def __init__(self, app: Callable[..., Any], door: Door, port: int = 0) -> None:
        self._door = door
        # Our own socket: for one that it cannot have, the library prints and exits.
        with socket.create_server(("127.0.0.1", port), backlog=WAITING) as listening:
            super().__init__("127.0.0.1", 0, app, _Handler, fd=listening.fileno())

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer a connection in a thread of its own, once the door has let it in."""
        self._door.came(request)
        for _ in range(TRIES):
            try:
                super().process_request(request, client_address)
            except RuntimeError:
                # No further thread starts on this machine.
                self._door.drop_oldest()
                time.sleep(HEARD_S)
            else:
                return
        self.shutdown_request(request)

    def shutdown_request(self, request: Any) -> None:
        """End a connection."""
        self._door.trust(request)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Called twice a second or more often."""
        self._door.drop_late()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Note what went wrong with a connection."""
        _log.debug("request failed", exc_info=True)

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Note what the library says."""
        _log.debug(message, *args)


class _Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.rfile.close()
        self.rfile = io.BufferedReader(_Bounded(self.connection))

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - the library's name
        _log.debug(message, *args)

    def version_string(self) -> str:
        return "yolobg"


class _Bounded(io.RawIOBase):
    """What a connection sends, up to `MOST_BYTES`; the rest is thrown away, since the library would keep it."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection, self._left = connection, MOST_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._left:
            with memoryview(buffer) as view:
                got = self._connection.recv_into(view[: self._left])
            self._left -= got
            return got
        while self._connection.recv(1 << 16):
            pass
        return 0
