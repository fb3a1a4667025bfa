"""A loopback HTTP(S) server in COCO's URL layout that misbehaves on purpose.

    with CocoServer({"/zips/a.zip": data}) as server:
        server.faults["/zips/a.zip"] = ["unavailable", "reset"]
        ...
        assert server.hits[0] == ("/zips/a.zip", "bytes=-65536")

Faults are used up one per request, in order; `always` holds one for every request to a path; `share` is that
of the answers that get one of `kinds`; `given` counts those that were really given. Known faults, some with a value
after a colon:
    unavailable  503 with `retry_after` ("0") or the value as Retry-After; busy is 429
    reset        the connection is reset before an answer
    cut          a true head, half the body (or as many bytes as the value says), then the connection is closed
    reset-body   the same, then the connection is reset
    damage       the right length, with the body's middle byte (or that at the value) changed
    html         status 200 and a web page; html-range: status 206 and a web page
    empty        status 200 and nothing
    missing      404, forbidden 403, range 416
    silent       a true head and one byte, then nothing
    mute         no answer at all
    drip         a byte a second (or after as many as the value says); drip-head: of the head too
    whole        Range is ignored: 200 and the whole file
    range-lie    206 with a Content-Range that was not asked for
    total-lie    206 with a Content-Range that tells another total (the value, or one byte more)
    short        a Content-Length of half the body; long: of more than the body, which then ends
    gzip         the body packed, with a Content-Encoding
    etag         the right bytes with another ETag
    other        the same request on `other`: another file under the same name
    loop         301 to itself; redirect: 302 to the value
"""

from __future__ import annotations

import gzip
import hashlib
import http.server
import random
import re
import socket
import ssl
import struct
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import tally

_PAGE = b"<html><body>Please log in to the network</body></html>"
_STATUS = {"unavailable": 503, "busy": 429, "missing": 404, "forbidden": 403, "range": 416, "html": 200, "empty": 200}


class CocoServer:
    """Serves bytes (or files) by path.

    Args:
        files: Path (with its slash) to content.
        ranges: Whether Range is honoured.
        etag: Whether an ETag (the content's MD5, as S3 has it) and Last-Modified are sent.
        bytes_per_s: Limit for each connection; None is none.
        latency_s: Wait before each answer.
        tls: Server side context; makes it an https server.
    """

    def __init__(
        self,
        files: Mapping[str, bytes | Path],
        *,
        ranges: bool = True,
        etag: bool = True,
        bytes_per_s: float | None = None,
        latency_s: float = 0.0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.files: dict[str, bytes | Path] = dict(files)
        self.ranges, self.etag, self.bytes_per_s, self.latency_s = ranges, etag, bytes_per_s, latency_s
        self.faults: dict[str, list[str]] = {}
        self.always: dict[str, str] = {}
        self.other: dict[str, bytes] = {}
        self.share, self.seed = 0.0, 0
        self.kinds: Sequence[str] = ()
        self.given: Counter[str] = Counter()
        self.tls = tls
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
        self._server.owner = self
        if tls is not None:
            # The handshake is for the connection's own thread, so that nobody's failure holds up the others.
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        """The server's address, without a trailing slash."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> CocoServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        tally.tried("network faults", sum(self.given.values()))

    def next_fault(self, path: str) -> str:
        """Take the next fault of a path; "" is none."""
        with self.lock:
            queue = self.faults.get(path)
            fault = queue.pop(0) if queue else self.always.get(path, "")
            if not queue and not fault and self.share:
                draw = random.Random(f"{self.seed} {path} {len(self.hits)}")
                fault = draw.choice(list(self.kinds)) if draw.random() < self.share else ""
            if fault:
                self.given[fault.partition(":")[0]] += 1
            return fault

    def settle(self) -> None:
        """Wait until all that clients have sent is read and no connection is left: the clients have ended.

        What a killed client has asked for may still lie unread in the kernel, and would be counted later.
        """
        # Connections are accepted in their order, so those of the clients are before the end of this one.
        with socket.create_connection(("127.0.0.1", self._server.server_port), timeout=60) as last:
            last.shutdown(socket.SHUT_WR)
            assert last.recv(1) == b""
        until = time.monotonic() + 60
        while self.open_now:
            assert time.monotonic() < until, "a client is still connected"
            time.sleep(0.001)  # the connections' threads tell nobody of their end

    def asked_bytes(self, path: str) -> int:
        """How many bytes the requests with a closed range asked for."""
        ranges = (re.fullmatch(r"bytes=(\d+)-(\d+)", asked or "") for hit, asked in self.hits if hit == path)
        return sum(int(match[2]) - int(match[1]) + 1 for match in ranges if match)

    @staticmethod
    def size_of(content: bytes | Path) -> int:
        """The length of a file."""
        return content.stat().st_size if isinstance(content, Path) else len(content)

    @staticmethod
    def read(content: bytes | Path, start: int, stop: int) -> bytes:
        """Some bytes of a file."""
        if isinstance(content, bytes):
            return content[start:stop]
        with content.open("rb") as handle:
            handle.seek(start)
            return handle.read(stop - start)

    def etag_of(self, content: bytes | Path) -> str:
        """The content's MD5; of a file on disk, its name and size."""
        key = content if isinstance(content, bytes) else f"{content}{self.size_of(content)}".encode()
        return f'"{hashlib.md5(key, usedforsecurity=False).hexdigest()}"'


class _Dripping:
    """A stream that lets a byte through now and then."""

    def __init__(self, stream: Any, stopping: threading.Event, pause: str) -> None:
        self._stream, self._stopping, self._pause_s = stream, stopping, float(pause or 1)
        self.closed = False

    def write(self, data: bytes) -> int:
        for at in range(len(data)):
            if self._stopping.wait(self._pause_s):
                raise ConnectionAbortedError
            self._stream.write(data[at : at + 1])
        return len(data)

    def flush(self) -> None:
        self._stream.flush()

    def close(self) -> None:
        self._stream.close()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    owner: CocoServer

    def process_request(self, request: Any, client_address: Any) -> None:
        # Counted here, by the thread that accepts: `settle` needs to know of it before the connection's own has begun.
        with self.owner.lock:
            self.owner.open_now += 1
            self.owner.most_open = max(self.owner.most_open, self.owner.open_now)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        with self.owner.lock:
            self.owner.open_now -= 1

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that hang up."""


class _Handler(http.server.BaseHTTPRequestHandler):
    server_owner: CocoServer
    fault = value = ""
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_args: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        owner, path = self.server_owner, self.path.partition("?")[0]
        asked = self.headers.get("Range")
        with owner.lock:
            owner.hits.append((path, asked))
        if owner.latency_s:
            owner.stopping.wait(owner.latency_s)
        self.fault, _, self.value = owner.next_fault(path).partition(":")
        if self.fault in ("reset", "mute"):
            self.break_off(wait=self.fault == "mute")
        elif self.fault in _STATUS:
            kind, body = ("binary/octet-stream", b"") if self.fault == "empty" else ("text/html", _PAGE)
            headers = {"Content-Type": kind, "Retry-After": self.value or owner.retry_after}
            self.answer(_STATUS[self.fault], headers, body)
        elif self.fault in ("loop", "redirect"):
            target = self.value if self.fault == "redirect" else self.path
            self.answer(302 if self.fault == "redirect" else 301, {"Location": target}, b"")
        elif path not in owner.files:
            self.answer(404, {"Content-Type": "application/xml"}, b"<Error><Code>NoSuchKey</Code></Error>")
        else:
            self.send_file(path, None if self.fault == "whole" or not owner.ranges else asked)

    def send_file(self, path: str, asked: str | None) -> None:
        owner, fault = self.server_owner, self.fault
        content = owner.other[path] if fault == "other" else owner.files[path]
        total = owner.size_of(content)
        headers = {"Content-Type": "text/html" if fault == "html-range" else "binary/octet-stream"}
        if owner.etag:
            headers |= {"ETag": owner.etag_of(content), "Last-Modified": "Tue, 10 Jul 2018 19:15:01 GMT"}
            if fault == "etag":
                headers["ETag"] = '"another"'
            if self.headers.get("If-None-Match") == headers["ETag"]:
                self.answer(304, headers, b"")
                return
        match = re.fullmatch(r"bytes=(\d*)-(\d*)", asked or "")
        if not match:
            self.answer(200, headers, owner.read(content, 0, total))
            return
        first, last = match.groups()
        start = int(first) if first else max(0, total - int(last))
        stop = min(total, int(last) + 1) if first and last else total
        if start >= total:
            self.answer(416, {"Content-Range": f"bytes */{total}"}, b"")
            return
        shift = 7 if fault == "range-lie" else 0
        said = (self.value or total + 1) if fault == "total-lie" else total
        headers["Content-Range"] = f"bytes {start + shift}-{stop - 1 + shift}/{said}"
        page = (_PAGE * (stop // len(_PAGE) + 1))[start:stop]
        self.answer(206, headers, page if fault == "html-range" else owner.read(content, start, stop))

    def answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        fault = self.fault
        if fault == "gzip":
            headers, body = {**headers, "Content-Encoding": "gzip"}, gzip.compress(body)
        if fault == "damage" and body:
            at = min(int(self.value or len(body) // 2), len(body) - 1)
            body = body[:at] + bytes([body[at] ^ 0xFF]) + body[at + 1 :]
        length = {"short": len(body) // 2, "long": len(body) + 100}.get(fault, len(body))
        if fault == "drip-head":
            self.wfile = _Dripping(self.wfile, self.server_owner.stopping, self.value)  # type: ignore[assignment]  # only written to
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        if fault == "drip":
            self.wfile = _Dripping(self.wfile, self.server_owner.stopping, self.value)  # type: ignore[assignment]  # only written to
        if fault in ("cut", "reset-body", "silent"):
            self.pour(body[: 1 if fault == "silent" else int(self.value or len(body) // 2)])
            self.break_off(wait=fault == "silent", gently=fault == "cut")
            return
        self.pour(body)
        self.close_connection = self.close_connection or length != len(body)

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
