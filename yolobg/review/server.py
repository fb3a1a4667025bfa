"""The review page's server: 127.0.0.1 only, for one browser, with one choke point that every request passes.

Who may come in is the matter of `server_entry`, how many may try that of `server_door`. A page names images by number,
never by path; pictures are decoded and encoded again, so that no file's bytes are handed out. What a stranger sends is
never worth a line on the terminal.
"""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException, NotFound

from yolobg.errors import UsageError, YolobgError
from yolobg.html.thumbnails import Box, shrink
from yolobg.review.apply import Applied
from yolobg.review.decisions import Act
from yolobg.review.server_door import Door, Server, most_strangers
from yolobg.review.server_entry import Access, decoded, json_answer, page_answer
from yolobg.review.session import Session
from yolobg.threads import start_thread

__all__ = ["Review", "serve"]

_log = logging.getLogger(__name__)

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
CACHED_PICTURES = 600
PAINTERS = 4


class _Action(msgspec.Struct, forbid_unknown_fields=True):
    """What a page may ask to be done."""

    kind: Act
    numbers: list[int]
    reason: str = ""


class _Apply(msgspec.Struct, forbid_unknown_fields=True):
    """Whether the next candidates take the places; and the state of the images that the person has looked at."""

    replace: bool = True
    generation: int | None = None


class Review:
    """A review served to one browser.

    Args:
        session: What is reviewed.
        entry: Who may come in.
    """

    def __init__(self, session: Session, entry: Access) -> None:
        self.session = session
        self.end: Callable[[], None] | None = None
        self._entry = entry
        self._outcome: dict[str, Any] | None = None
        # What a key asks for must not wait for a screenful of pictures.
        self._painting = threading.BoundedSemaphore(PAINTERS)
        self._picture = functools.lru_cache(maxsize=CACHED_PICTURES)(self._paint)

    def app(self) -> Flask:
        """The application with its one choke point."""
        app = Flask("yolobg.review", static_folder=None)
        app.config.update(MAX_CONTENT_LENGTH=LARGEST_REQUEST_BYTES, PROVIDE_AUTOMATIC_OPTIONS=False)
        app.url_map.merge_slashes = False
        self._entry.add_to(app)
        app.after_request(_with_headers)
        app.register_error_handler(Exception, _failed)
        for path, answer in (
            ("", self._page),
            ("static/<name>", self._static),
            ("picture/<size>/<number>", self._send_picture),
            ("api/everything", self._everything),
            ("api/changes", self._changes),
            ("api/marked", self._marked),
        ):
            app.add_url_rule(f"{self._entry.base}/{path}", view_func=answer)
        for name, do in (("act", self._act), ("undo", self._undo), ("apply", self._begin_apply), ("end", self._end)):
            app.add_url_rule(f"{self._entry.base}/api/{name}", view_func=do, methods=["POST"])
        return app

    # ------------------------------------------------------------ pages and pictures

    def _page(self) -> Response:
        return page_answer("review.html", "text/html")

    def _static(self, name: str) -> Response:
        if name not in STATIC:
            raise NotFound
        return page_answer(name, STATIC[name])

    def _send_picture(self, size: str, number: str) -> Response:
        path = self.session.picture(_small_number(number)) if size in EDGES_PX else None
        if path is None:
            raise NotFound
        try:
            stat = path.stat()
            box = self.session.box(_small_number(number))
            jpeg = self._picture(str(path), stat.st_mtime_ns, stat.st_size, EDGES_PX[size], box)
        except OSError as error:
            raise NotFound("yolobg: this picture cannot be shown") from error
        response = Response(jpeg, content_type="image/jpeg")
        if request.args.get("tag"):
            # The address holds a tag of the content, so it may be kept; no other program shares this cache.
            response.headers["Cache-Control"] = "private, max-age=3600, immutable"
        return response

    def _paint(self, path: str, _changed_ns: int, _size_bytes: int, edge_px: int, box: Box | None) -> bytes:
        with self._painting:
            return shrink(Path(path), edge_px=edge_px, quality=82, box=box)[0]

    # ------------------------------------------------------------ what a page asks

    def _everything(self) -> Response:
        return json_answer({**self.session.everything(), "outcome": self._outcome})

    def _changes(self) -> Response:
        changes = self.session.changes(_small_number(request.args.get("since", "")))
        return json_answer({**changes, "outcome": self._outcome})

    def _marked(self) -> Response:
        return json_answer(self.session.marked_paths())

    def _act(self) -> Response:
        asked = decoded(_Action)
        return json_answer(self.session.act(asked.kind, asked.numbers, asked.reason))

    def _undo(self) -> Response:
        return json_answer(self.session.undo())

    def _begin_apply(self) -> Response:
        asked = decoded(_Apply)
        self.session.begin_apply(asked.generation)
        self._outcome = None
        # A thread of its own that ends with the process: a kill does no harm, and Ctrl-C need not wait for a download.
        try:
            start_thread(self._apply, asked.replace, name="apply")
        except YolobgError:
            self.session.stage = None
            raise
        return json_answer({"started": True}, 202)

    def _apply(self, replace: bool) -> None:  # noqa: FBT001 - the target of a thread
        try:
            self._outcome = _outcome(self.session.apply(replace=replace))
        except YolobgError as error:
            self._outcome = {"error": str(error)}
        except Exception as error:  # noqa: BLE001 - the page must be told, whatever it is
            _log.exception("apply failed")
            self._outcome = {"error": f"unexpected: {error!r}; the dataset is valid, apply again"}

    def _end(self) -> Response:
        self.session.end()
        response = json_answer({"ended": True})
        if self.end is not None:
            response.call_on_close(self.end)
        return response


def _small_number(text: str) -> int:
    """A number of at most nine digits; -1 for anything else."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else -1  # noqa: PLR2004 - digits


def _outcome(applied: Applied) -> dict[str, Any]:
    return {
        "removed": len(applied.removed),
        "added": len(applied.added),
        "kept": [{"image": image, "reason": reason} for image, reason in applied.kept],
        "warnings": list(applied.warnings),
        "told": applied.told,
    }


def _with_headers(response: Response) -> Response:
    response.headers.update(HEADERS)
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def _failed(error: Exception) -> Response:
    if isinstance(error, HTTPException):
        return Response(error.description, error.code, content_type="text/plain; charset=utf-8")
    if isinstance(error, YolobgError):
        return json_answer({"error": str(error)}, 409)
    # A bug is told, but a stranger must not have it told any number of times.
    _log.log(logging.ERROR if g.get("known") else logging.DEBUG, "request failed", exc_info=error)
    return Response("yolobg: unexpected error; the terminal shows it", 500, content_type="text/plain; charset=utf-8")


def serve(session: Session, ready: Callable[[Access], None], port: int = 0) -> None:
    """Serve a review until it is told to end, or until Ctrl-C.

    Args:
        session: What is reviewed.
        ready: Called once, when the link can be opened.
        port: The port of 127.0.0.1 to listen on; 0 for any that is free.

    Raises:
        UsageError: The port cannot be used.
        OSError: No port of 127.0.0.1 is free.
    """
    door = Door(most_strangers())
    entry = Access(door)
    review = Review(session, entry)
    with _listen(review.app(), door, port) as server:
        review.end = server.shutdown
        entry.port = server.port
        entry.renew_link()
        ready(entry)
        try:
            server.serve_forever()
        finally:
            door.close()


def _listen(app: Flask, door: Door, port: int) -> Server:
    try:
        return Server(app, door, port)
    except OSError as error:
        if not port:
            raise
        reason = error.strerror or error
        raise UsageError(
            f"--port {port}: cannot listen on it ({reason}); give another, or none for any free port"
        ) from error
