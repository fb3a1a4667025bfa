"""Which proxy a request goes through: `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`, and the system's."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import urllib3
from requests.utils import get_environ_proxies, select_proxy

from yolobg.errors import UsageError
from yolobg.net.addresses import shown_url

__all__ = ["Proxies", "Proxy"]

Proxy = tuple[str, dict[str, str]]


class Proxies:
    """The proxies of the environment, as `requests` reads them, each host's asked for once."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Proxy | None] = {}

    def of(self, url: str) -> Proxy | None:
        """The proxy for an address and the headers it wants, or None for a direct connection.

        Raises:
            UsageError: The proxy is of a kind that cannot be used.
        """
        parts = urlsplit(url)
        key = (parts.scheme, parts.netloc)
        if key not in self._known:
            self._known[key] = _find(url)
        return self._known[key]


def _find(url: str) -> Proxy | None:
    proxy = select_proxy(url, get_environ_proxies(url))
    if not proxy:
        return None
    if "://" not in proxy:
        proxy = f"http://{proxy}"
    parts = urlsplit(proxy)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(
            f"proxy {shown_url(proxy)}: only http:// and https:// proxies can be used; "
            f"set {urlsplit(url).scheme.upper()}_PROXY to one"
        )
    headers: dict[str, str] = {}
    if parts.username is not None:
        user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers = dict(urllib3.make_headers(proxy_basic_auth=user))
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}", headers
