"""The HTTP session, as the environment wants it: proxies, name look-up; certificates are `tls`'s."""

from __future__ import annotations

import base64
import ssl
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp

from yolobg.errors import UsageError
from yolobg.images.limits import Limits
from yolobg.net.addresses import shown_url

__all__ = ["Proxies", "open_session"]

_READ_BUFFER_BYTES = 1 << 18
_KEEP_ALIVE_S = 30.0


class Proxies:
    """The proxies of the environment (`HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`) and of the system."""

    def __init__(self) -> None:
        self._by_scheme = getproxies()
        self._known: dict[tuple[str, str], tuple[str, dict[str, str]] | None] = {}

    def of(self, url: str) -> tuple[str, dict[str, str]] | None:
        """The proxy for an address and the headers it wants, or None for a direct connection.

        Raises:
            UsageError: The proxy is of a kind that cannot be used.
        """
        if not self._by_scheme:
            return None
        parts = urlsplit(url)
        key = (parts.scheme, parts.netloc)
        if key not in self._known:
            self._known[key] = self._find(parts.scheme, parts.netloc)
        return self._known[key]

    def _find(self, scheme: str, netloc: str) -> tuple[str, dict[str, str]] | None:
        proxy = self._by_scheme.get(scheme) or self._by_scheme.get("all")
        if not proxy or proxy_bypass(netloc):
            return None
        if "://" not in proxy:
            proxy = f"http://{proxy}"
        parts = urlsplit(proxy)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(
                f"proxy {shown_url(proxy)}: only http:// and https:// proxies can be used; "
                f"set {scheme.upper()}_PROXY to one"
            )
        headers: dict[str, str] = {}
        if parts.username is not None:
            user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            headers["Proxy-Authorization"] = "Basic " + base64.b64encode(user.encode()).decode()
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}", headers


def open_session(limits: Limits, tls: ssl.SSLContext) -> aiohttp.ClientSession:
    """A session that keeps connections alive, stores no cookies, follows nothing and unpacks nothing by itself."""
    # The threaded resolver is the system's own: hosts file, VPN and search domains count as everywhere else.
    connector = aiohttp.TCPConnector(
        limit=0,
        ssl=tls,
        ttl_dns_cache=300,
        keepalive_timeout=_KEEP_ALIVE_S,
        resolver=aiohttp.ThreadedResolver(),
    )
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        read_bufsize=_READ_BUFFER_BYTES,
        timeout=aiohttp.ClientTimeout(
            total=limits.attempt_s, sock_connect=limits.connect_s, sock_read=limits.read_s, ceil_threshold=1e9
        ),
        headers={"User-Agent": "yolobg", "Accept": "image/*,*/*;q=0.5", "Accept-Encoding": "identity"},
    )
