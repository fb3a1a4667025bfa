"""Who may come in: a link that works once, the cookie it is exchanged for, and the choke point of all requests.

What keeps others out: the Host header must be ours (DNS rebinding); the link carries a secret that works once and is
exchanged for a cookie no script can read; the secret is the link's fragment, which no browser sends, so that only the
entry page's script uses it up and no preview or prefetch does; the cookie is bound to a path nobody can guess, since
cookies do not know ports; what changes anything must come from our own origin and be JSON (CSRF).
"""

from __future__ import annotations

import hmac
import logging
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from aiohttp import web

from yolobg.errors import YolobgError
from yolobg.report.html import static_bytes
from yolobg.review.server_door import Door

__all__ = ["Entry", "Keys", "decoded"]

_log = logging.getLogger(__name__)

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
LARGEST_KEY_BYTES = 1 << 10

# The one file that the report has too.
SHARED = "tokens.css"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def page_file(name: str) -> bytes:
    """A file that the pages are made of."""
    return static_bytes(name, "yolobg.report" if name == SHARED else "yolobg.review")


class _Key(msgspec.Struct, forbid_unknown_fields=True):
    """The secret of a link."""

    key: str


class Keys:
    """The secret of the link, and that of the cookie; one browser holds the cookie, the last that used a link."""

    def __init__(self) -> None:
        self._link: str | None = None
        self._cookie: str | None = None

    def new_link(self) -> str:
        """A new secret for a link; the one before it no longer works."""
        self._link = secrets.token_urlsafe(32)
        return self._link

    def claim(self, shown: str) -> str | None:
        """Exchange the link's secret, once, for that of a new cookie; None where it is wrong or used up."""
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


class Entry:
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
        self.link = f"{self._origin}/#{self._keys.new_link()}"

    @property
    def _origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def routes(self) -> list[web.RouteDef]:
        """What everybody may ask for."""
        return [*(web.get(path, self._entry_file) for path in ENTRY_FILES), web.post("/enter", self._enter)]

    @web.middleware
    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Every request passes here, also one for a page that does not exist."""
        known = False
        try:
            known = self._check(request)
            response = await handler(request)
        except web.HTTPException as error:
            _close_after(error, known)
            raise
        except ConnectionError:
            raise
        except YolobgError as error:
            response = web.json_response({"error": str(error)}, status=409)
        except web.RequestPayloadError:
            response = web.Response(text="yolobg: the request is damaged", status=400)
        except Exception:  # noqa: BLE001 - the server goes on, whatever a request has caused
            # A bug is told, but a stranger must not have it told any number of times.
            _log.log(logging.ERROR if known else logging.DEBUG, "request failed", exc_info=True)
            response = web.Response(text="yolobg: unexpected error; the terminal shows it", status=500)
        _close_after(response, known)
        return response

    def _check(self, request: web.Request) -> bool:
        """Turn away what must not come in; returns whether the request has shown the cookie."""
        if request.headers.getall("Host", []) != [f"127.0.0.1:{self.port}"]:
            raise web.HTTPForbidden(text="yolobg: this server answers on 127.0.0.1 only")
        known = request.path not in OPEN
        if known:
            if not self._keys.fits(request.cookies.get(COOKIE, "")):
                raise web.HTTPForbidden(text="yolobg: open the link that the terminal shows; it works once")
            if request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
                raise web.HTTPForbidden(text="yolobg: not from another site")
            self._door.trust(request.transport)
        if request.method not in ("GET", "HEAD"):
            self._check_origin(request)
        return known

    def _check_origin(self, request: web.Request) -> None:
        if request.headers.getall("Origin", []) != [self._origin]:
            raise web.HTTPForbidden(text="yolobg: not from another site")
        if request.content_type != "application/json":
            raise web.HTTPUnsupportedMediaType(text="yolobg: expected JSON")

    async def _entry_file(self, request: web.Request) -> web.StreamResponse:
        if request.path not in ENTRY_FILES:
            raise web.HTTPNotFound
        name, kind = ENTRY_FILES[request.path]
        return web.Response(body=page_file(name), content_type=kind, charset="utf-8")

    async def _enter(self, request: web.Request) -> web.StreamResponse:
        """Exchange the link's secret for the cookie; it works once."""
        if request.content_length is None or request.content_length > LARGEST_KEY_BYTES:
            raise web.HTTPRequestEntityTooLarge(LARGEST_KEY_BYTES, request.content_length or 0)
        asked = decoded(await request.read(), _Key)
        cookie = self._keys.claim(asked.key)
        if cookie is None:
            raise web.HTTPForbidden(
                text="This link is used up or wrong. Press Enter in the terminal of the review for a new one, or end "
                "the review with Ctrl-C and start it again; your decisions are kept."
            )
        if self.on_entered is not None:
            self.on_entered()
        page = f"{self.base}/"
        response = web.json_response({"page": page})
        response.set_cookie(COOKIE, cookie, path=page, httponly=True, samesite="Strict")
        return response


def _close_after(response: web.StreamResponse, known: bool) -> None:  # noqa: FBT001 - read at a glance
    """Answer a stranger one request for each connection, so that a thousand at once are not worth sending."""
    if not known:
        response.force_close()


def decoded(raw: bytes, kind: type[Any]) -> Any:
    """What a request holds; the answer says where it is something else."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise web.HTTPBadRequest(text=f"yolobg: not what was expected: {error}") from error
