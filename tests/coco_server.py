"""A loopback HTTP server in COCO's URL layout that misbehaves on purpose.

    with CocoServer({"/zips/a.zip": data}) as server:
        server.faults["/zips/a.zip"] = ["unavailable", "reset"]
        ...
        assert server.hits[0] == ("/zips/a.zip", "bytes=-65536")

Faults are used up one per request, in order; `always` holds one for every request to a path. Known faults:
    unavailable  503 with `retry_after` as Retry-After ("0")
    reset        the connection is reset before an answer
    cut          a true head, half the body, then the connection is closed
    reset-body   a true head, half the body, then the connection is reset
    damage       the right length, with the body's middle byte changed
    html         status 200 and a web page
    missing      404, forbidden 403
    silent       a true head and one byte, then nothing
    mute         no answer at all
    whole        Range is ignored: 200 and the whole file
    range-lie    206 with a Content-Range that was not asked for
"""

from __future__ import annotations

import hashlib
import http.server
import re
import socket
import struct
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

_PAGE = b"<html><body>Please log in to the network</body></html>"


class CocoServer:
    """Serves bytes (or files) by path.

    Args:
        files: Path (with its slash) to content.
        ranges: Whether Range is honoured.
        etag: Whether an ETag (the content's MD5, as S3 has it) and Last-Modified are sent.
        bytes_per_s: Limit for each connection; None is none.
        latency_s: Wait before each answer.
    """

    def __init__(
        self,
        files: Mapping[str, bytes | Path],
        *,
        ranges: bool = True,
        etag: bool = True,
        bytes_per_s: float | None = None,
        latency_s: float = 0.0,
    ) -> None:
        self.files: dict[str, bytes | Path] = dict(files)
        self.ranges, self.etag, self.bytes_per_s, self.latency_s = ranges, etag, bytes_per_s, latency_s
        self.faults: dict[str, list[str]] = {}
        self.always: dict[str, str] = {}
        self.hits: list[tuple[str, str | None]] = []
        self.sent = 0
        self.open_now = 0
        self.most_open = 0
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self.retry_after = "0"
        owner = self

        class Handler(_Handler):
            server_owner = owner

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        """The server's address, without a trailing slash."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> CocoServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()

    def next_fault(self, path: str) -> str:
        """Take the next fault of a path; "" is none."""
        with self.lock:
            queue = self.faults.get(path)
            return queue.pop(0) if queue else self.always.get(path, "")

    def asked_bytes(self, path: str) -> int:
        """How many bytes the requests with a closed range asked for."""
        ranges = (re.fullmatch(r"bytes=(\d+)-(\d+)", asked or "") for hit, asked in self.hits if hit == path)
        return sum(int(match[2]) - int(match[1]) + 1 for match in ranges if match)

    def size_of(self, path: str) -> int:
        """The length of a file."""
        content = self.files[path]
        return content.stat().st_size if isinstance(content, Path) else len(content)

    def read(self, path: str, start: int, stop: int) -> bytes:
        """Some bytes of a file."""
        content = self.files[path]
        if isinstance(content, bytes):
            return content[start:stop]
        with content.open("rb") as handle:
            handle.seek(start)
            return handle.read(stop - start)

    def etag_of(self, path: str) -> str:
        """The content's MD5; of a file on disk, its name and size."""
        content = self.files[path]
        key = content if isinstance(content, bytes) else f"{content}{self.size_of(path)}".encode()
        return f'"{hashlib.md5(key, usedforsecurity=False).hexdigest()}"'


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that hang up."""


class _Handler(http.server.BaseHTTPRequestHandler):
    server_owner: CocoServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        owner = self.server_owner
        with owner.lock:
            owner.open_now += 1
            owner.most_open = max(owner.most_open, owner.open_now)

    def finish(self) -> None:
        with self.server_owner.lock:
            self.server_owner.open_now -= 1
        super().finish()

    def log_message(self, *_args: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        owner, path = self.server_owner, self.path.partition("?")[0]
        asked = self.headers.get("Range")
        with owner.lock:
            owner.hits.append((path, asked))
        if owner.latency_s:
            owner.stopping.wait(owner.latency_s)
        fault = owner.next_fault(path)
        if fault in ("reset", "mute"):
            self.break_off(wait=fault == "mute")
        elif fault in ("unavailable", "missing", "forbidden", "html"):
            status = {"unavailable": 503, "missing": 404, "forbidden": 403, "html": 200}[fault]
            self.answer(status, {"Content-Type": "text/html", "Retry-After": owner.retry_after}, _PAGE, "")
        elif path not in owner.files:
            self.answer(404, {"Content-Type": "application/xml"}, b"<Error><Code>NoSuchKey</Code></Error>", "")
        else:
            self.send_file(path, None if fault == "whole" or not owner.ranges else asked, fault)

    def send_file(self, path: str, asked: str | None, fault: str) -> None:
        owner = self.server_owner
        total = owner.size_of(path)
        headers = {"Content-Type": "binary/octet-stream"}
        if owner.etag:
            headers |= {"ETag": owner.etag_of(path), "Last-Modified": "Tue, 10 Jul 2018 19:15:01 GMT"}
            if self.headers.get("If-None-Match") == headers["ETag"]:
                self.answer(304, headers, b"", "")
                return
        match = re.fullmatch(r"bytes=(\d*)-(\d*)", asked or "")
        if not match:
            self.answer(200, headers, owner.read(path, 0, total), fault)
            return
        first, last = match.groups()
        start = int(first) if first else max(0, total - int(last))
        stop = min(total, int(last) + 1) if first and last else total
        if start >= total:
            self.answer(416, {"Content-Range": f"bytes */{total}"}, b"", "")
            return
        shift = 7 if fault == "range-lie" else 0
        headers["Content-Range"] = f"bytes {start + shift}-{stop - 1 + shift}/{total}"
        self.answer(206, headers, owner.read(path, start, stop), fault)

    def answer(self, status: int, headers: Mapping[str, str], body: bytes, fault: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        middle = len(body) // 2
        if fault == "damage" and body:
            body = body[:middle] + bytes([body[middle] ^ 0xFF]) + body[middle + 1 :]
        if fault in ("cut", "reset-body", "silent"):
            self.pour(body[: 1 if fault == "silent" else middle])
            self.break_off(wait=fault == "silent", gently=fault == "cut")
            return
        self.pour(body)

    def pour(self, body: bytes) -> None:
        """Send a body at the speed that is allowed."""
        owner = self.server_owner
        step = max(1024, int(owner.bytes_per_s / 20)) if owner.bytes_per_s else 256 << 10
        try:
            for at in range(0, len(body), step):
                began = time.monotonic()
                piece = body[at : at + step]
                with owner.lock:
                    owner.sent += len(piece)
                self.wfile.write(piece)
                if owner.bytes_per_s:
                    owner.stopping.wait(max(0.0, len(piece) / owner.bytes_per_s - (time.monotonic() - began)))
        except OSError:
            self.close_connection = True

    def break_off(self, *, wait: bool, gently: bool = False) -> None:
        """End the connection without a proper end of the answer."""
        self.close_connection = True
        if wait:
            self.server_owner.stopping.wait(60)
        if not gently:
            self.connection.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
            )
        self.wfile.flush()
        self.connection.close() if not gently else self.connection.shutdown(socket.SHUT_RDWR)
