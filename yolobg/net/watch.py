"""Requests that end in time whatever a server does: a socket's own limit starts again with every byte that drips in."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

from yolobg.net.addresses import is_private
from yolobg.net.faults import connecting_fault
from yolobg.net.http_fault import HttpFault
from yolobg.net.names import Address, NameLookup
from yolobg.threads import start_thread

__all__ = ["Call", "Watch"]

_LOOK_S = 0.1


class Call:
    """One request with its redirects: its connection, and until when it may go on.

    Its own thread does all but `cut`.

    Attributes:
        deadline: When it is cut (monotonic seconds); may be moved.
        late: Whether it was.
        only_public: Whether it may be connected to no address of this machine or a private network.
        proxied: Whether it goes through a proxy.
        answered: Whether the head of an answer has come.
    """

    def __init__(self, names: NameLookup, *, connect_s: float) -> None:
        self.deadline = float("inf")
        self.late = self.only_public = self.proxied = self.answered = False
        self._names, self._connect_s = names, connect_s
        self._socket: socket.socket | None = None
        self._own: socket.socket | None = None

    def connect(self, host: str, port: int, options: object) -> socket.socket:
        """A connection to a host, whose address is looked at before a byte is sent.

        Raises:
            HttpFault: None came about, or the host stands for an address in a private network and must not.
        """
        until = time.monotonic() + self._connect_s
        addresses = list(self._names.find(host, port, within_s=self._connect_s))
        if self.only_public and any(is_private(str(address[4][0])) for address in addresses):
            raise HttpFault("redirect", f"it redirects into a private network ({host})", connecting=True)
        fault = HttpFault("unknown name", f"{host}: no address", connecting=True)
        for number, address in enumerate(addresses, 1):
            left = until - time.monotonic()
            if left <= 0:
                break
            try:
                # Half of the time, so that one address that leads nowhere does not cost all of it.
                made = self._connect(address, left if number == len(addresses) else left / 2, options)
            except OSError as error:
                fault = connecting_fault(error, f"{host}:{port}")
                continue
            self._names.worked(host, port, address)
            return made
        raise fault

    def _connect(self, address: Address, within_s: float, options: object) -> socket.socket:
        family, kind, protocol, _, place = address
        made = socket.socket(family, kind, protocol)
        try:
            for option in options if isinstance(options, list | tuple) else ():
                made.setsockopt(*option)
            made.settimeout(within_s)
            self.hold(made)
            made.connect(place)
            self._check_peer(made)
        except BaseException:
            made.close()
            raise
        return made

    def _check_peer(self, made: socket.socket) -> None:
        """Ask the connection itself where it leads: nothing that a name server says later changes that."""
        peer = str(made.getpeername()[0])
        if self.only_public and is_private(peer):
            raise HttpFault("redirect", f"it redirects into a private network ({peer})", connecting=True)

    def hold(self, connected: socket.socket | None, *, copy: bool = False) -> None:
        """Note the connection, to cut it when time is up.

        Args:
            connected: It.
            copy: Whether the socket will pass its connection on to another object, as TLS does.
        """
        own, self._own = self._own, connected.dup() if copy and connected is not None else None
        self._socket = self._own or connected
        if own is not None:
            own.close()
        if self.late:
            self.cut()

    def cut(self) -> None:
        """End it, whatever it waits for; from another thread."""
        self.late = True
        held = self._socket
        if held is not None:
            # A TLS socket's own method would have its thread go on without TLS.
            with contextlib.suppress(OSError):
                socket.socket.shutdown(held, socket.SHUT_RDWR)


class Watch:
    """Cuts calls that are late, and all of them at the end."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls = set[Call]()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, call: Call) -> None:
        """Watch a call.

        Raises:
            HttpFault: The watch has ended.
            YolobgError: This machine has no thread for it.
        """
        with self._lock:
            if self._ended.is_set():
                raise HttpFault("stopped", "stopped")
            if self._thread is None:
                self._thread = start_thread(self._run, name="yolobg-watch")
            self._calls.add(call)

    def forget(self, call: Call) -> None:
        """Watch a call no longer."""
        with self._lock:
            self._calls.discard(call)
        call.hold(None)

    def close(self) -> None:
        """Cut all calls and take no more."""
        with self._lock:
            self._ended.set()
            for call in self._calls:
                call.cut()
        if self._thread is not None:
            self._thread.join()

    @property
    def ended(self) -> bool:
        """Whether it was closed."""
        return self._ended.is_set()

    def _run(self) -> None:
        while not self._ended.wait(_LOOK_S):
            now = time.monotonic()
            with self._lock:
                late = [call for call in self._calls if call.deadline <= now]
            for call in late:
                call.cut()
