"""A bound on the connections of strangers.

Every user of the machine can connect to 127.0.0.1. A connection that has not shown the cookie is a stranger's: only so
many of them may be open, for so long, and the newest takes the place of the oldest. So strangers who hold connections
open, whatever they send or do not send, neither use up our files nor keep the owner out.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable

__all__ = ["Door", "most_strangers"]

MOST_STRANGERS = 256
FEWEST_STRANGERS = 32
PATIENCE_S = 30.0


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
    """Keeps count of the connections that have not shown the cookie yet.

    Args:
        most: How many of them may be open; one more closes the oldest.
        patience_s: How long each may stay, whatever it sends.
    """

    def __init__(self, most: int, patience_s: float = PATIENCE_S) -> None:
        self.most = most
        self._patience_s = patience_s
        self._strangers: dict[asyncio.Transport, asyncio.TimerHandle] = {}

    @property
    def at_a_time(self) -> int:
        """How many may come in at a time: few enough that each is heard before newer ones push it out."""
        return max(1, self.most // 4)

    def protocol(self, make: Callable[[], asyncio.Protocol]) -> asyncio.Protocol:
        """A connection's protocol: what `make` returns, watched."""
        return _Watched(self, make)

    def trust(self, transport: asyncio.BaseTransport | None) -> None:
        """Let a connection stay: it has shown the cookie."""
        self._forget(transport)

    def close(self) -> None:
        """Drop all strangers."""
        for transport in list(self._strangers):
            self._drop(transport)

    def came(self, transport: asyncio.Transport) -> None:
        """Count a new connection, in the place of the oldest where there are too many."""
        while len(self._strangers) >= self.most:
            self._drop(next(iter(self._strangers)))
        loop = asyncio.get_running_loop()
        self._strangers[transport] = loop.call_later(self._patience_s, self._drop, transport)

    def left(self, transport: asyncio.Transport) -> None:
        """Forget a connection that has ended."""
        self._forget(transport)

    def _forget(self, transport: asyncio.BaseTransport | None) -> None:
        timer = self._strangers.pop(transport, None) if isinstance(transport, asyncio.Transport) else None
        if timer is not None:
            timer.cancel()

    def _drop(self, transport: asyncio.Transport) -> None:
        self._forget(transport)
        # Not `close`, which waits for a peer that reads nothing.
        transport.abort()


class _Watched(asyncio.Protocol):
    """Hands everything on, and tells the door of the beginning and the end.

    What it hands on to is made when something is sent: a connection over which nothing comes costs next to nothing.
    """

    def __init__(self, door: Door, make: Callable[[], asyncio.Protocol]) -> None:
        self._door, self._make = door, make
        self._transport: asyncio.Transport | None = None
        self._inner: asyncio.Protocol | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self._transport = transport
            self._door.came(transport)

    def data_received(self, data: bytes) -> None:
        if self._inner is None and self._transport is not None:
            self._inner = self._make()
            self._inner.connection_made(self._transport)
        if self._inner is not None:
            self._inner.data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport is not None:
            self._door.left(self._transport)
        if self._inner is not None:
            self._inner.connection_lost(exc)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received() if self._inner is not None else None

    def pause_writing(self) -> None:
        if self._inner is not None:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        if self._inner is not None:
            self._inner.resume_writing()
