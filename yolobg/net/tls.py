"""Which certificates are trusted: one answer for images and annotations."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

import certifi

from yolobg.errors import UsageError

__all__ = ["tls_context"]


def tls_context() -> ssl.SSLContext:
    """Certificates to trust, as the environment says.

    `REQUESTS_CA_BUNDLE` alone when set, as `requests` reads it; else what `SSL_CERT_FILE` and `SSL_CERT_DIR` name, as
    OpenSSL reads them; else `CURL_CA_BUNDLE` alone; else the system's and those of `certifi`.

    Raises:
        UsageError: A variable names something that holds no certificates.
    """
    named = os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR")
    for variable in ("REQUESTS_CA_BUNDLE",) if named else ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        place = os.environ.get(variable)
        if place:
            return _context_from(variable, Path(place))
    if named and not Path(named).exists():
        raise UsageError(f"SSL_CERT_FILE or SSL_CERT_DIR is {named}: no such file or folder; fix or unset it")
    context = ssl.create_default_context()
    if not named:
        context.load_verify_locations(certifi.where())
    return context


def _context_from(variable: str, place: Path) -> ssl.SSLContext:
    try:
        if place.is_dir():
            return ssl.create_default_context(capath=str(place))
        return ssl.create_default_context(cafile=str(place))
    except (OSError, ssl.SSLError) as error:
        raise UsageError(
            f"{variable}={place}: cannot read certificates from it ({error}); name a PEM file, or unset it"
        ) from error
