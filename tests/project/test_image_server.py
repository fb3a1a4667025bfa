"""The server that the tests fetch from leaves nothing open, whatever is under way when it ends."""

from __future__ import annotations

import gc
import socket
import threading
import time

import pytest
from image_server import ImageServer

ROUNDS = 10
REQUEST = b"GET /x HTTP/1.1\r\nHost: here\r\n\r\n"


def ask_until_refused(port: int) -> None:
    """Connect and ask, again and again, until nobody listens any more."""
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as client:
                client.sendall(REQUEST)
        except ConnectionRefusedError:
            return
        except OSError:
            continue


def end_while_asked(how: str) -> None:
    with ImageServer({"/x": bytes(100_000)}) as server:
        clients = [threading.Thread(target=ask_until_refused, args=(server.port,)) for _ in range(2)]
        for client in clients:
            client.start()
        while not server.log:
            time.sleep(0.001)  # lets the clients ask
        if how == "die":
            server.die()
    for client in clients:
        client.join()


@pytest.mark.slow
@pytest.mark.parametrize("how", ["end", "die"])
def test_connections_taken_while_it_ends_are_closed(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """asyncio leaves the socket of a connection open whose server closes in the round in which it was taken."""
    left: list[str] = []
    monkeypatch.setattr("sys.unraisablehook", lambda one: left.append(str(one.exc_value)))
    for _ in range(ROUNDS):
        end_while_asked(how)
    gc.collect()
    assert left == []
