"""Pure rules on addresses: which one an image has, where a redirect may lead. What a name may be says `safe_names`."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from urllib.parse import quote, urlsplit, urlunsplit

from yolobg.errors import UsageError

__all__ = [
    "LONGEST_SHOWN",
    "OBJECT_STORES",
    "bare_url",
    "check_base",
    "image_url",
    "is_object",
    "is_private",
    "object_scheme",
    "redirect_fault",
    "shown_url",
]

LONGEST_SHOWN = 300
OBJECT_STORES = {
    "s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs", "abfss": "adlfs",
}  # fmt: skip
"""Object stores by the scheme of their addresses, and the fsspec driver that reads each."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
# The first 96 bits of addresses that end with an IPv4 address: NAT64's own prefix, and none at all.
_CARRIERS = (0x0064FF9B << 64, 0)


def image_url(base: str, parts: tuple[str, ...]) -> str:
    """The address of a file below a base; a query of the base (a signature, say) stays at the end."""
    if is_object(base):
        # Written as the stores' own tools write it, nothing quoted.
        return f"{base.rstrip('/')}/{'/'.join(parts)}"
    tail = "/".join(quote(part) for part in parts)
    if "?" not in base and "#" not in base:
        return f"{base.rstrip('/')}/{tail}"
    scheme, host, path, query, _ = urlsplit(base)
    return urlunsplit((scheme, host, f"{path.rstrip('/')}/{tail}", query, ""))


def object_scheme(url: str) -> str:
    """The scheme of an object store's address; empty for any other address, and for a path."""
    scheme, mark, _ = url.partition("://")
    return scheme.lower() if mark and scheme.lower() in OBJECT_STORES else ""


def is_object(url: str) -> bool:
    """Whether an address is an object store's (`s3://`, `gs://`, `az://` and the like)."""
    return bool(object_scheme(url))


def check_base(base: str) -> None:
    """Refuse an address that images must not be fetched from.

    Raises:
        UsageError: It is neither http(s) nor an object store's, has no host, or holds a user name or password.
    """
    shown = shown_url(base)
    try:
        scheme, host, user, _port = _split(base)
    except ValueError as error:
        raise UsageError(f"{shown}: this is not an address ({error}); expected https://HOST/FOLDER") from None
    if scheme not in ("http", "https", *OBJECT_STORES) or not host:
        raise UsageError(
            f"{shown}: images can be fetched from http and https addresses and object stores (s3, gs, az) only; name a "
            "folder by its path"
        )
    if user:
        raise UsageError(f"{shown}: an address must not contain a user name or password; use a mirror that needs none")


def shown_url(url: str) -> str:
    """An address without user, password, query and control characters, fit for messages."""
    return _CONTROL.sub("?", bare_url(url))[:LONGEST_SHOWN]


def bare_url(url: str) -> str:
    """An address without user, password and query, which may hold secrets: fit for records."""
    return re.sub(r"//[^/@]*@", "//", url.partition("?")[0])


def _split(url: str) -> tuple[str, str, bool, int | None]:
    """Scheme, lower-case host, whether there are credentials, port. Raises ValueError on nonsense."""
    parts = urlsplit(url)
    return parts.scheme.lower(), (parts.hostname or "").lower(), parts.username is not None, parts.port


def is_private(host: str) -> bool:
    """Whether a host name or IP address is, by its looks, this machine or a network of its own."""
    # As resolvers see it: other scripts' digits and full stops are ours to them.
    name = unicodedata.normalize("NFKC", host).replace("。", ".").lower().rstrip(".").partition("%")[0]
    if name == "localhost" or name.endswith((".localhost", ".local", ".internal")):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        # `0x7f.1`, `2130706433`, `127.1`: resolvers take them for IPv4 addresses.
        return bool(re.fullmatch(r"(0x[0-9a-f]+|\d+)(\.(0x[0-9a-f]+|\d+))*", name))
    return not (_carried(address) or address).is_global


def _carried(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 address stands for (mapped, 6to4, NAT64 of RFC 6052, the old ::a.b.c.d)."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if known := address.ipv4_mapped or address.sixtofour:
        return known
    return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if int(address) >> 32 in _CARRIERS else None


def redirect_fault(origin: str, target: str) -> str | None:
    """Why a redirect must not be followed, or None when it may.

    Args:
        origin: The address that was asked for at first.
        target: The absolute address that the answer names.
    """
    from_scheme, from_host, _, _ = _split(origin)
    try:
        scheme, host, user, _port = _split(target)
    except ValueError:
        return "it redirects to something that is not an address"
    if scheme not in ("http", "https") or not host:
        return f"it redirects to another kind of address ({scheme or 'none'}:)"
    if user:
        return "it redirects to an address with a user name"
    if from_scheme == "https" and scheme == "http":
        return "it redirects from https to http"
    if host != from_host and is_private(host) and not is_private(from_host):
        return f"it redirects into a private network ({host})"
    return None
