"""Who may come in: a link that works once, the cookie it is exchanged for, and the choke point of all requests.

What keeps others out: the Host header must name this machine, with whatever port a tunnel has (DNS rebinding); the link
carries a secret that works once and is exchanged for a cookie no script can read; the secret is the link's fragment,
which no browser sends, so that only the entry page's script uses it up and no preview or prefetch does; the cookie is
bound to a path nobody can guess, since cookies do not know ports; what changes anything must come from the origin of
that very host and port, and be JSON (CSRF).
"""

from __future__ import annotations

import hmac
import json
import re
import secrets
import threading
from collections.abc import Callable
from typing import Any

import msgspec
from flask import Flask, Response, g, request
from werkzeug.exceptions import BadRequest, Forbidden, NotFound, RequestEntityTooLarge, UnsupportedMediaType

from yolobg.html.pages import static_bytes
from yolobg.review.server_door import Door

__all__ = ["Access", "Keys", "decoded", "json_answer", "page_answer"]

# What everybody may see: a page without any content that exchanges the link's secret.
ENTRY_FILES = {
    "/": ("enter.html", "text/html"),
    "/enter.js": ("enter.js", "text/javascript"),
    "/enter.css": ("enter.css", "text/css"),
    "/tokens.css": ("tokens.css", "text/css"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
OPEN = (*ENTRY_FILES, "/enter")
COOKIE = "yolobg"
# No name server decides what these mean to a browser; a tunnel has a port of its own.
HOST = re.compile(r"(?:127\.0\.0\.1|localhost):[1-9][0-9]{0,4}", re.ASCII)
LARGEST_KEY_BYTES = 1 << 10

# The one file that the report has too.
SHARED = "tokens.css"


def page_answer(name: str, kind: str) -> Response:
    """A file that the pages are made of."""
    content = static_bytes(name, "yolobg.html" if name == SHARED else "yolobg.review")
    return Response(content, content_type=f"{kind}; charset=utf-8")


def json_answer(told: object, status: int = 200) -> Response:
    """JSON, in ASCII whatever the texts hold."""
    return Response(json.dumps(told), status, content_type="application/json; charset=utf-8")


class _Key(msgspec.Struct, forbid_unknown_fields=True):
    """The secret of a link."""

    key: str


class Keys:
    """The secret of the link, and that of the cookie; one browser holds the cookie, the last that used a link."""

    def __init__(self) -> None:
        self._link: str | None = None
        self._cookie: str | None = None
        self._lock = threading.Lock()

    def new_link(self) -> str:
        """A new secret for a link; the one before it no longer works."""
        with self._lock:
            self._link = secrets.token_urlsafe(32)
            return self._link

    def claim(self, shown: str) -> str | None:
        """Exchange the link's secret, once, for that of a new cookie; None where it is wrong or used up."""
        with self._lock:
            if not _same(shown, self._link):
                return None
            self._link, self._cookie = None, secrets.token_urlsafe(32)
            return self._cookie

    def fits(self, shown: str) -> bool:
        """Whether this is the cookie's secret."""
        return _same(shown, self._cookie)


def _same(shown: str, expected: str | None) -> bool:
    """Compare in a time that does not depend on where the two differ."""
    return expected is not None and hmac.compare_digest(shown.encode("utf-8", "replace"), expected.encode())


class Access:
    """The way in, for one browser at a time.

    Args:
        door: Where connections come in.

    Attributes:
        port: The port that the server listens on.
        base: The path that all of the review lies below.
        link: What to open; it works once.
        on_entered: Called when a browser has used the link.
    """

    def __init__(self, door: Door) -> None:
        self.port = 0
        self.base = f"/r/{secrets.token_urlsafe(16)}"
        self.link = ""
        self.on_entered: Callable[[], None] | None = None
        self._door = door
        self._keys = Keys()

    def renew_link(self) -> None:
        """Make a new link; the one before it no longer works."""
        self.link = f"http://127.0.0.1:{self.port}/#{self._keys.new_link()}"

    def add_to(self, app: Flask) -> None:
        """Add what everybody may ask for, and the choke point of all requests."""
        app.before_request(self._check)
        for path in ENTRY_FILES:
            app.add_url_rule(path, path, self._entry_file)
        app.add_url_rule("/enter", view_func=self._enter, methods=["POST"])

    def _check(self) -> None:
        """Turn away what must not come in, also to a page that does not exist; notes who has shown the cookie."""
        g.known = False
        # A header that is given twice is here as one, with a comma.
        host = request.environ.get("HTTP_HOST", "")
        if not HOST.fullmatch(host):
            raise Forbidden("yolobg: this server answers on 127.0.0.1 and localhost only")
        if request.path not in OPEN:
            if not self._keys.fits(request.cookies.get(COOKIE, "")):
                raise Forbidden("yolobg: open the link that the terminal shows; it works once")
            if request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
                raise Forbidden("yolobg: not from another site")
            g.known = True
            self._door.trust(request.environ["werkzeug.socket"])
        if request.method not in ("GET", "HEAD"):
            if request.headers.get("Origin") != f"http://{host}":
                raise Forbidden("yolobg: not from another site")
            if request.mimetype != "application/json":
                raise UnsupportedMediaType("yolobg: expected JSON")

    def _entry_file(self) -> Response:
        if request.path not in ENTRY_FILES:
            raise NotFound
        return page_answer(*ENTRY_FILES[request.path])

    def _enter(self) -> Response:
        """Exchange the link's secret for the cookie; it works once."""
        if request.content_length is None or request.content_length > LARGEST_KEY_BYTES:
            raise RequestEntityTooLarge
        cookie = self._keys.claim(decoded(_Key).key)
        if cookie is None:
            raise Forbidden(
                "This link is used up or wrong. Press Enter in the terminal of the review for a new one, or end the "
                "review with Ctrl-C and start it again; your decisions are kept."
            )
        if self.on_entered is not None:
            self.on_entered()
        page = f"{self.base}/"
        response = json_answer({"page": page})
        response.set_cookie(COOKIE, cookie, path=page, httponly=True, samesite="Strict")
        return response


def decoded(kind: type[Any]) -> Any:
    """What the request holds; the answer says where it is something else."""
    try:
        return msgspec.json.decode(request.get_data(), type=kind)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise BadRequest(f"yolobg: not what was expected: {error}") from error
