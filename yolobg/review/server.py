"""The review page's server: 127.0.0.1 only, for one browser, with one choke point that every request passes.

Who may come in is the matter of `server_entry`, how many may try that of `server_door`. A page names images by number,
never by path; pictures are decoded and encoded again, so that no file's bytes are handed out. What a stranger sends is
never worth a line on the terminal.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from yolobg.errors import UsageError, YolobgError
from yolobg.report.thumbnails import shrink
from yolobg.review.apply import Applied
from yolobg.review.decisions import Act
from yolobg.review.server_door import Door, most_strangers
from yolobg.review.server_entry import Entry, decoded, page_file
from yolobg.review.session import Session
from yolobg.threads import Pool, start_thread

__all__ = ["Review", "serve"]

_log = logging.getLogger(__name__)
# The HTTP library logs a traceback for each request that it cannot read, and anybody may send those.
_SILENT = logging.Logger("http", logging.CRITICAL + 1)  # noqa: LOG001 - for this server alone

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
STATIC = {
    "review.js": "text/javascript",
    "cards.js": "text/javascript",
    "store.js": "text/javascript",
    "review.css": "text/css",
    "tokens.css": "text/css",
    "icon.svg": "image/svg+xml",
}
EDGES_PX = {"small": 480, "large": 1600}
LARGEST_REQUEST_BYTES = 1 << 18
LINGER_S = 1.0
WAITING = 1024
CACHED_PICTURES = 600
PAINTERS = 4


class _Action(msgspec.Struct, forbid_unknown_fields=True):
    """What a page may ask to be done."""

    kind: Act
    numbers: list[int]
    reason: str = ""


class _Apply(msgspec.Struct, forbid_unknown_fields=True):
    """Whether the next candidates take the places."""

    replace: bool = True


class Review:
    """A review served to one browser.

    Args:
        session: What is reviewed.
        entry: Who may come in.
    """

    def __init__(self, session: Session, entry: Entry) -> None:
        self.session = session
        self.ended = asyncio.Event()
        self._entry = entry
        self._outcome: dict[str, Any] | None = None
        # Threads of their own: what a key asks for must not queue behind pictures.
        self._painters = Pool(max_workers=PAINTERS, thread_name_prefix="picture")
        self._picture = functools.lru_cache(maxsize=CACHED_PICTURES)(_picture)

    def close(self) -> None:
        """Give the threads back; pictures that nobody waits for any more are not made."""
        self._painters.shutdown(wait=False, cancel_futures=True)

    def app(self) -> web.Application:
        """The application with its one choke point."""
        app = web.Application(middlewares=[self._entry.guard], client_max_size=LARGEST_REQUEST_BYTES)
        app.on_response_prepare.append(_add_headers)
        base = self._entry.base
        app.add_routes(
            [
                *self._entry.routes(),
                web.get(f"{base}/", self._page),
                web.get(f"{base}/static/{{name}}", self._static),
                web.get(f"{base}/picture/{{size}}/{{number:[0-9]+}}", self._send_picture),
                web.get(f"{base}/api/everything", self._everything),
                web.get(f"{base}/api/changes", self._changes),
                web.get(f"{base}/api/marked", self._marked),
                web.post(f"{base}/api/act", self._act),
                web.post(f"{base}/api/undo", self._undo),
                web.post(f"{base}/api/apply", self._begin_apply),
                web.post(f"{base}/api/end", self._end),
            ]
        )
        return app

    # ------------------------------------------------------------ pages and pictures

    async def _page(self, _request: web.Request) -> web.StreamResponse:
        return web.Response(body=page_file("review.html"), content_type="text/html", charset="utf-8")

    async def _static(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        if name not in STATIC:
            raise web.HTTPNotFound
        return web.Response(body=page_file(name), content_type=STATIC[name], charset="utf-8")

    async def _send_picture(self, request: web.Request) -> web.StreamResponse:
        size, number = request.match_info["size"], request.match_info["number"]
        path = self.session.picture(int(number)) if size in EDGES_PX and len(number) < 10 else None  # noqa: PLR2004 - digits
        if path is None:
            raise web.HTTPNotFound
        try:
            stat = path.stat()
            make = functools.partial(self._picture, str(path), stat.st_mtime_ns, stat.st_size, EDGES_PX[size])
            jpeg = await asyncio.get_running_loop().run_in_executor(self._painters, make)
        except OSError as error:
            raise web.HTTPNotFound(text="yolobg: this picture cannot be shown") from error
        # The address holds a tag of the content, so it may be kept; no other program shares this cache.
        kept = {"Cache-Control": "private, max-age=3600, immutable"} if request.query.get("tag") else {}
        return web.Response(body=jpeg, content_type="image/jpeg", headers=kept)

    # ------------------------------------------------------------ what a page asks

    async def _everything(self, _request: web.Request) -> web.StreamResponse:
        return web.json_response({**await asyncio.to_thread(self.session.everything), "outcome": self._outcome})

    async def _changes(self, request: web.Request) -> web.StreamResponse:
        since = request.query.get("since", "")
        version = int(since) if since.isascii() and since.isdecimal() and len(since) < 10 else -1  # noqa: PLR2004 - digits
        changes = await asyncio.to_thread(self.session.changes, version)
        return web.json_response({**changes, "outcome": self._outcome})

    async def _marked(self, _request: web.Request) -> web.StreamResponse:
        return web.json_response(await asyncio.to_thread(self.session.marked_paths))

    async def _act(self, request: web.Request) -> web.StreamResponse:
        asked = decoded(await request.read(), _Action)
        return web.json_response(await asyncio.to_thread(self.session.act, asked.kind, asked.numbers, asked.reason))

    async def _undo(self, _request: web.Request) -> web.StreamResponse:
        return web.json_response(await asyncio.to_thread(self.session.undo))

    async def _begin_apply(self, request: web.Request) -> web.StreamResponse:
        asked = decoded(await request.read(), _Apply)
        await asyncio.to_thread(self.session.begin_apply)
        self._outcome = None
        # A thread of its own that ends with the process: a kill does no harm, and Ctrl-C need not wait for a download.
        start_thread(self._apply, asked.replace, name="apply")
        return web.json_response({"started": True}, status=202)

    def _apply(self, replace: bool) -> None:  # noqa: FBT001 - the target of a thread
        try:
            self._outcome = _outcome(self.session.apply(replace=replace))
        except YolobgError as error:
            self._outcome = {"error": str(error)}
        except Exception as error:  # noqa: BLE001 - the page must be told, whatever it is
            _log.exception("apply failed")
            self._outcome = {"error": f"unexpected: {error!r}; the dataset is valid, apply again"}

    async def _end(self, _request: web.Request) -> web.StreamResponse:
        if self.session.stage is not None:
            raise UsageError("the rejections are being applied; wait for that to end")
        asyncio.get_running_loop().call_later(0.2, self.ended.set)
        return web.json_response({"ended": True})


def _outcome(applied: Applied) -> dict[str, Any]:
    return {
        "removed": len(applied.removed),
        "added": len(applied.added),
        "kept": [{"image": image, "reason": reason} for image, reason in applied.kept],
        "warnings": list(applied.warnings),
    }


def _picture(path: str, _changed_ns: int, _size_bytes: int, edge_px: int) -> bytes:
    return shrink(Path(path), edge_px=edge_px, quality=82)[0]


async def _add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers.pop("Server", None)


async def serve(session: Session, ready: Callable[[Entry], None]) -> None:
    """Serve a review until it is told to end.

    Args:
        session: What is reviewed.
        ready: Called once, when the link can be opened.

    Raises:
        OSError: No port of 127.0.0.1 is free.
    """
    door = Door(most_strangers())
    entry = Entry(door)
    review = Review(session, entry)
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_note)
    runner = web.AppRunner(review.app(), access_log=None, shutdown_timeout=1.0, logger=_SILENT, lingering_time=LINGER_S)
    await runner.setup()
    try:
        make = runner.server
        assert make is not None  # noqa: S101 - `setup` has made it
        listening = socket.create_server(("127.0.0.1", 0))
        server = await loop.create_server(lambda: door.protocol(make), sock=listening, backlog=door.at_a_time)
        # More may wait outside than come in at a time.
        listening.listen(WAITING)
        try:
            entry.port = listening.getsockname()[1]
            entry.renew_link()
            ready(entry)
            await review.ended.wait()
        finally:
            server.close()
            door.close()
    finally:
        await runner.cleanup()
        review.close()


def _note(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Take down what the event loop complains of: strangers can cause any number of such complaints."""
    _log.debug("%s", context.get("message"), exc_info=context.get("exception"))
