"""Whom `requests` trusts when annotations are fetched."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any

import requests
import urllib3

__all__ = ["TrustingAdapter"]


class TrustingAdapter(requests.adapters.HTTPAdapter):
    """Trusts whom the images' client trusts: `requests` alone knows neither `SSL_CERT_FILE` nor the system's."""

    def __init__(self, context: Callable[[], ssl.SSLContext]) -> None:
        self._make_context = context
        self._context: ssl.SSLContext | None = None
        super().__init__()

    def send(self, request: requests.PreparedRequest, *arguments: Any, **options: Any) -> requests.Response:
        """Send a request; the first one reads the certificates, which those who need none do not wait for."""
        if self._context is None:
            self._context = self._make_context()
            if not hasattr(urllib3, "BaseHTTPResponse"):
                # urllib3 1 names no host to OpenSSL where it is an IP address, and always compares the names itself.
                self._context.check_hostname = False
            self.init_poolmanager(requests.adapters.DEFAULT_POOLSIZE, requests.adapters.DEFAULT_POOLSIZE)
        return super().send(request, *arguments, **options)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Make the pools of connections."""
        super().init_poolmanager(*arguments, **options, ssl_context=self._context)

    def proxy_manager_for(self, *arguments: Any, **options: Any) -> Any:
        """Make those that go through a proxy."""
        return super().proxy_manager_for(*arguments, **options, ssl_context=self._context)
