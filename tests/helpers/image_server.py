"""A real HTTP(S) server on loopback that serves images and misbehaves on purpose.

    with ImageServer({"/train2017/000000000001.jpg": content}) as server:
        server.faults["/train2017/000000000001.jpg"] = ["unavailable", "truncate"]   # then it behaves
        fetch(server.url + "/train2017")
        assert len(server.log) == 3

Faults are words, with a value after a colon where one makes sense (`unavailable:2` sends `Retry-After: 2`). They are
queued per path, set for good (`always`), or drawn for a share of the answers; a draw depends on the seed, the path and
how often it was asked for, never on the order of requests. What was really done wrong is in `given`.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import hashlib
import random
import socket
import ssl
import struct
import threading
from collections import Counter, defaultdict
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Literal
from urllib.parse import unquote

import tally

# Those that pass when asked again; a share draws from them unless told otherwise.
PASSING = (
    "unavailable",
    "busy",
    "error",
    "reset",
    "close",
    "reset_body",
    "truncate",
    "short_length",
    "html",
    "empty",
    "damage",
    "other_size",
)
# Those that mean that the image is not to be had here.
LASTING = ("forbidden", "missing", "range", "loop", "other_scheme")

_STATUS = {
    "unavailable": (503, "Slow Down"),
    "busy": (429, "Too Many Requests"),
    "error": (500, "Internal Server Error"),
    "forbidden": (403, "Forbidden"),
    "missing": (404, "Not Found"),
    "range": (416, "Range Not Satisfiable"),
}
_PIECE_BYTES = 1 << 14
HTML = b"<!doctype html><title>Log in</title>"


@dataclass(frozen=True)
class Request:
    """One request as it came in: `fault` is what was done to its answer, `at_once` how many were open with it."""

    path: str
    headers: Mapping[str, str]
    connection: int
    fault: str | None
    at_once: int


@dataclass
class ImageServer:
    """See the module. All fields may be changed while it runs.

    Attributes:
        files: Path to content; or a folder, whose files are served below `/`.
        etags: `md5` as S3 sends them for single objects, `opaque` (looks like an MD5 and is none), or `none`.
        latency_s: Wait before each answer.
        bytes_per_s: Speed of each connection; None for no limit.
        tls: Server side context; makes it an https server.
        share: Share (0-1) of the answers that get a fault drawn from `kinds`.
        first_only: Whether `share` is of the first answers for each path only.
        hangs_after: Requests after which it answers no other, so that a client gets no further; None for never.
        dies_after: Requests after which it dies, as by `die`; None for never.
        revives_after_s: How long it then stays dead; None for good.
        redirect_to: Where `other_scheme`, `redirect` (302) and `moved` (301) lead; a value goes before.
    """

    files: Mapping[str, bytes] | Path
    etags: Literal["md5", "opaque", "none"] = "md5"
    latency_s: float = 0.0
    bytes_per_s: float | None = None
    tls: ssl.SSLContext | None = None
    share: float = 0.0
    seed: int = 0
    kinds: Sequence[str] = PASSING
    first_only: bool = False
    hangs_after: int | None = None
    dies_after: int | None = None
    revives_after_s: float | None = None
    redirect_to: str = "ftp://127.0.0.1/x.jpg"
    other_image: bytes = b""
    faults: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    always: dict[str, str] = field(default_factory=dict)
    log: list[Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._asked: Counter[str] = Counter()
        self._writers: set[asyncio.StreamWriter] = set()
        self._own: set[asyncio.Task[None]] = set()
        self._open = 0
        self._is_dead = False
        self._connections = 0
        self._loop = asyncio.SelectorEventLoop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="image-server", daemon=True)
        self.port = 0

    def __enter__(self) -> ImageServer:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()
        tally.tried("network faults", sum(self.given.values()))

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def hits(self) -> Counter[str]:
        """How often each path was asked for."""
        return Counter(request.path for request in self.log)

    @property
    def given(self) -> Counter[str]:
        """How often each fault was really given."""
        return Counter(request.fault.partition(":")[0] for request in self.log if request.fault)

    def die(self) -> None:
        """Refuse all connections from now on and reset those that are open."""
        asyncio.run_coroutine_threadsafe(self._die(), self._loop).result()

    def revive(self) -> None:
        """Listen again on the same port."""
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.set_exception_handler(lambda _loop, _context: None)
        self._loop.run_until_complete(self._main())
        self._loop.close()

    async def _main(self) -> None:
        self._ended = asyncio.Event()
        await self._listen()
        self._ready.set()
        await self._ended.wait()
        await self._die()
        # Connections that are still being taken are left to become ones that are served: those can be cut.
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            for task in others & self._own:
                task.cancel()
            await asyncio.wait(others, timeout=0.001)
        # Also those whose task was cancelled before it began.
        await self._die()
        for _ in range(3):
            await asyncio.sleep(0)  # an aborted transport closes its socket in the next round, one under TLS after that

    async def _listen(self) -> None:
        self._is_dead = False
        # Known before it serves, so that what ends this in between can close it.
        self._server = await asyncio.start_server(
            self._take, "127.0.0.1", self.port, ssl=self.tls, backlog=512, start_serving=False
        )
        self.port = self._server.sockets[0].getsockname()[1]
        await self._server.start_serving()

    async def _die(self) -> None:
        # Connections that were taken in this very moment are not among the writers yet.
        self._is_dead = True
        # asyncio forgets, with its socket open, a connection whose server closes in the round in which it was taken.
        for listening in self._server.sockets:
            self._loop.remove_reader(listening.fileno())
        await asyncio.sleep(0)  # what was taken in this round becomes the server's in the next
        self._server.close()
        for writer in list(self._writers):
            _reset(writer)
        await asyncio.sleep(0)  # the sockets are closed in the loop's next round

    async def _have_outage(self) -> None:
        await self._die()
        if self.revives_after_s is not None:
            await asyncio.sleep(self.revives_after_s)
            await self._listen()

    def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Know the connection at once: its task may be cancelled before it begins."""
        self._writers.add(writer)
        self._begin(self._serve(reader, writer))

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = self._loop.create_task(work)
        self._own.add(task)
        task.add_done_callback(self._own.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        number = self._connections
        if self._is_dead:
            _reset(writer)
        try:
            while await self._one(reader, writer, number):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()
            # Where this is cancelled, what was still to be sent keeps the connection open: the server's end aborts it.
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            self._writers.discard(writer)

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int) -> bool:
        """Answer one request; returns whether the connection stays open."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.split("\r\n")
        path = unquote(first.split(" ")[1].partition("?")[0])
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        fault = self._next_fault(path)
        self._open += 1
        try:
            request = Request(path, headers, connection, fault, self._open)
            self.log.append(request)
            if len(self.log) == self.dies_after:
                self._begin(self._have_outage())
            await asyncio.sleep(self.latency_s)
            stays = await self._answer(writer, path, fault)
            return stays and headers.get("connection", "").lower() != "close"
        finally:
            self._open -= 1

    def _next_fault(self, path: str) -> str | None:
        nth = self._asked[path]
        self._asked[path] += 1
        if self.hangs_after is not None and len(self.log) >= self.hangs_after:
            return "hang"
        if self.faults.get(path):
            return self.faults[path].pop(0)
        if path in self.always or "*" in self.always:
            return self.always.get(path) or self.always["*"]
        draw = random.Random(f"{self.seed} {path} {nth}")
        if draw.random() < self.share and not (self.first_only and nth):
            return draw.choice(list(self.kinds))
        return None

    def _content(self, path: str) -> bytes | None:
        if not isinstance(self.files, Path):
            return self.files.get(path)
        file = self.files / path.lstrip("/")
        return file.read_bytes() if ".." not in path and file.is_file() else None

    async def _answer(self, writer: asyncio.StreamWriter, path: str, fault: str | None) -> bool:
        kind, _, value = (fault or "").partition(":")
        if kind == "hang":
            await asyncio.sleep(float(value or 3600))
        if kind in ("reset", "close", "hang"):
            if kind == "reset":
                _reset(writer)
            return False
        content = self._content(path)
        if content is None:
            kind, value = "missing", ""
        if kind in _STATUS:
            return await self._refuse(writer, kind, value)
        if kind in ("loop", "other_scheme", "redirect", "moved"):
            target = path if kind == "loop" else value or self.redirect_to
            status, words = (301, "Moved Permanently") if kind == "moved" else (302, "Found")
            return await self._send(writer, status, words, b"", {"Location": target})
        assert content is not None
        return await self._send_image(writer, path, kind, value, content)

    async def _refuse(self, writer: asyncio.StreamWriter, kind: str, retry_after: str) -> bool:
        status, words = _STATUS[kind]
        body = f"<?xml version='1.0'?><Error><Code>{words.replace(' ', '')}</Code></Error>".encode()
        headers = {"Content-Type": "application/xml"}
        if retry_after:
            headers["Retry-After"] = retry_after
        return await self._send(writer, status, words, body, headers)

    async def _send_image(self, writer: asyncio.StreamWriter, path: str, kind: str, value: str, content: bytes) -> bool:
        headers = {"Content-Type": "image/jpeg"}
        if self.etags == "md5":
            headers["ETag"] = f'"{hashlib.md5(content).hexdigest()}"'
        elif self.etags == "opaque":
            headers["ETag"] = f'"{hashlib.md5(content[::-1]).hexdigest()}"'
        if kind == "damage":
            # Each time other bytes, as networks damage; or, as bad copies in a cache are, always the same.
            content = damaged(content, 0 if value == "same" else self._asked[path] - 1)
        body, length = self._body(kind, content, headers)
        if kind == "chunked":
            return await self._send_chunked(writer, body, headers)
        drip = float(value or 1.0) if kind in ("drip", "drip_head") else None
        stays = await self._send(
            writer, 200, "OK", body, headers, length=length, drip_bytes_per_s=drip, is_head_slow=kind == "drip_head"
        )
        if kind == "reset_body":
            _reset(writer)
        return stays and length is None

    def _body(self, kind: str, content: bytes, headers: dict[str, str]) -> tuple[bytes, int | None]:
        """The body of a faulty answer, and its Content-Length where that is a lie; changes the headers to fit."""
        half = len(content) // 2
        if kind in ("html", "html_as_jpeg", "other_size", "gzip", "gzip_bare"):
            headers.pop("ETag", None)
        if kind == "html":
            headers["Content-Type"] = "text/html; charset=utf-8"
        if kind == "gzip":
            headers["Content-Encoding"] = "gzip"
            return gzip.compress(content), None
        bodies: dict[str, tuple[bytes, int | None]] = {
            "gzip_bare": (gzip.compress(content), None),
            "html": (HTML, None),
            "html_as_jpeg": (HTML, None),
            "empty": (b"", None),
            "other_size": (self.other_image or content, None),
            "truncate": (content[:half], len(content)),
            "reset_body": (content[:half], len(content)),
            "short_length": (content, half),
            "long_length": (content, len(content) + 100),
        }
        return bodies.get(kind, (content, None))

    async def _send(
        self,
        writer: asyncio.StreamWriter,
        status: int,
        words: str,
        body: bytes,
        headers: Mapping[str, str],
        *,
        length: int | None = None,
        drip_bytes_per_s: float | None = None,
        is_head_slow: bool = False,
    ) -> bool:
        every = {"Content-Length": str(len(body) if length is None else length), **headers}
        head = f"HTTP/1.1 {status} {words}\r\n" + "".join(f"{name}: {text}\r\n" for name, text in every.items())
        speed = drip_bytes_per_s or self.bytes_per_s
        if speed is None:
            writer.write(head.encode("latin-1") + b"\r\n" + body)
            await writer.drain()
            return True
        if is_head_slow:
            body = head.encode("latin-1") + b"\r\n" + body
        else:
            writer.write(head.encode("latin-1") + b"\r\n")
        piece = max(1, min(_PIECE_BYTES, int(speed / 10)))
        for start in range(0, len(body), piece):
            writer.write(body[start : start + piece])
            await writer.drain()
            await asyncio.sleep(piece / speed)
        return True

    async def _send_chunked(self, writer: asyncio.StreamWriter, body: bytes, headers: Mapping[str, str]) -> bool:
        lines = "".join(f"{name}: {text}\r\n" for name, text in {**headers, "Transfer-Encoding": "chunked"}.items())
        writer.write(f"HTTP/1.1 200 OK\r\n{lines}\r\n".encode("latin-1"))
        for start in range(0, len(body), 1000):
            piece = body[start : start + 1000]
            writer.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True


def damaged(content: bytes, seed: int = 0) -> bytes:
    """The same length with a stretch in the middle overwritten by other bytes, end marks kept."""
    start, noise = len(content) // 2, random.Random(seed)
    stretch = noise.randbytes(min(512, len(content) // 4))
    return content[:start] + stretch + content[start + len(stretch) :]


def _reset(writer: asyncio.StreamWriter) -> None:
    """End a connection with a TCP reset instead of a goodbye."""
    # A TLS transport that has closed has lost its inside, and says so with an AttributeError.
    with contextlib.suppress(OSError, AttributeError):
        taken = writer.get_extra_info("socket")
        if taken is not None:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
