"""A real forward proxy on loopback (plain requests, CONNECT tunnels, a log, credentials), and a faulty gate."""

from __future__ import annotations

import base64
import select
import socket
import socketserver
import struct
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit


@dataclass
class ProxyLog:
    """Where the proxy listens and what it was asked for, as `CONNECT host:port` and `GET url`."""

    url: str = ""
    lines: list[str] = field(default_factory=list)


@contextmanager
def proxy_server(credentials: str | None = None) -> Iterator[ProxyLog]:
    """Run a proxy; `credentials` are `user:password` it insists on."""
    log = ProxyLog()
    wanted = None if credentials is None else "Basic " + base64.b64encode(credentials.encode()).decode()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            try:
                self._handle()
            except OSError:
                return

        def _handle(self) -> None:
            head = b""
            while b"\r\n\r\n" not in head:
                piece = self.request.recv(65536)
                if not piece:
                    return
                head += piece
            first, *lines = head.split(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
            method, target, _ = first.split(" ")
            log.lines.append(f"{method} {target}")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            if wanted is not None and headers.get("proxy-authorization") != wanted:
                self.request.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
                return
            if method == "CONNECT":
                host, _, port = target.rpartition(":")
                with socket.create_connection((host, int(port))) as onward:
                    self.request.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                    _pump(self.request, onward)
                return
            parts = urlsplit(target)
            with socket.create_connection((parts.hostname or "", parts.port or 80)) as onward:
                kept = [line for line in lines if not line.lower().startswith(("proxy-", "connection:"))]
                request = "\r\n".join([f"{method} {parts.path} HTTP/1.1", *kept, "Connection: close", "", ""])
                onward.sendall(request.encode("latin-1"))
                _pump(self.request, onward)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        request_queue_size = 128

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        log.url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield log
        finally:
            server.shutdown()


def _pump(one: socket.socket, other: socket.socket) -> None:
    """Carry bytes both ways until one side ends."""
    while True:
        readable, _, _ = select.select([one, other], [], [], 10)
        for side in readable:
            piece = side.recv(65536)
            if not piece:
                return
            (other if side is one else one).sendall(piece)
        if not readable:
            return


@contextmanager
def gate(port: int, kind: str, times: int) -> Iterator[int]:
    """A port before that of a server here; its first `times` connections end before a byte of the server passes.

    Args:
        port: The server's.
        kind: `reset`, `close`, or `garbage` (an answer that is none).
        times: How many connections.
    """
    left = [times]

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            left[0] -= 1
            if left[0] < 0:
                with suppress(OSError), socket.create_connection(("127.0.0.1", port)) as onward:
                    _pump(self.request, onward)
                return
            if kind == "garbage":
                self.request.recv(65536)
                self.request.sendall(b"\x00\x01 what is this \xff\xfe\r\n\r\n")
            if kind == "reset":
                linger = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
                self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

        def finish(self) -> None:
            # `shutdown_request` would end it gently first.
            self.request.close()

    with _Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 128

    def shutdown_request(self, request: Any) -> None:
        self.close_request(request)
