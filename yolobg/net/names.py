"""Host names → addresses, in threads that nobody waits for once time is up: a silent name server holds nothing up."""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import Future, InvalidStateError
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, field
from typing import Any

from yolobg.errors import YolobgError
from yolobg.net.faults import connecting_fault
from yolobg.net.http_fault import HttpFault
from yolobg.threads import start_thread

__all__ = ["Address", "NameLookup"]

Address = tuple[Any, Any, int, str, Any]
KEPT_S = 300.0


@dataclass(slots=True)
class _Found:
    answer: Future[list[Address]] = field(default_factory=Future)
    since: float = field(default_factory=time.monotonic)


class NameLookup:
    """Looks names up, each once for all who ask at a time, and keeps the answers for five minutes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[tuple[str, int], _Found] = {}
        self._closed = False

    def find(self, host: str, port: int, *, within_s: float) -> list[Address]:
        """The addresses of a host, as `socket.getaddrinfo` has them, the one that worked last in front.

        Raises:
            HttpFault: There is no such name, nobody who knows, or no answer in time.
        """
        key = (host, port)
        with self._lock:
            found = self._known.get(key)
            begins = found is None or time.monotonic() - found.since > (KEPT_S if found.answer.done() else within_s)
            if found is None or begins:
                found = self._known[key] = _Found()
        if self._closed:
            raise HttpFault("stopped", "stopped", connecting=True)
        if begins:
            try:
                start_thread(_look_up, found.answer, host, port, name="yolobg-look-up")
            except YolobgError:
                _look_up(found.answer, host, port)  # no thread to spare: then this one waits for it
        try:
            return found.answer.result(within_s)
        except FutureTimeoutError:
            raise HttpFault("late", f"{host}: no name server answers in time", connecting=True) from None
        except OSError as error:
            self._forget(key, found)
            raise connecting_fault(error, host) from error
        except ValueError as error:  # what no name can be
            self._forget(key, found)
            raise HttpFault("unknown name", f"{host}: {error}", connecting=True) from error

    def worked(self, host: str, port: int, address: Address) -> None:
        """Have an address in front from now on."""
        with self._lock:
            found = self._known.get((host, port))
            if found is not None and found.answer.done() and found.answer.exception() is None:
                # Not sorted in place, for which Python empties a list that another thread may be reading.
                addresses = found.answer.result()
                addresses[:] = sorted(addresses, key=lambda one: one != address)

    def close(self) -> None:
        """Let nobody wait any longer."""
        with self._lock:
            self._closed = True
            for found in self._known.values():
                _settle(found.answer, HttpFault("stopped", "stopped", connecting=True))

    def _forget(self, key: tuple[str, int], found: _Found) -> None:
        with self._lock:
            if self._known.get(key) is found:
                del self._known[key]


def _look_up(answer: Future[list[Address]], host: str, port: int) -> None:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except BaseException as error:  # noqa: BLE001 - raised by whoever waits
        _settle(answer, error)
        return
    _settle(answer, found)


def _settle(answer: Future[list[Address]], result: list[Address] | BaseException) -> None:
    try:
        if isinstance(result, BaseException):
            answer.set_exception(result)
        else:
            answer.set_result(result)
    except InvalidStateError:
        return  # it was closed meanwhile
