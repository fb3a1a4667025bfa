"""One request to one host, and what its failure means: the same rule for images and for annotations."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Literal

from yolobg.net.addresses import shown_url
from yolobg.net.client import Client
from yolobg.net.http_fault import HttpFault, Kind
from yolobg.net.response import Response, Timing
from yolobg.net.retries import TRANSIENT_STATUSES, retry_after_s

__all__ = ["Fault", "FaultKind", "asked", "check_status", "content_md5"]

FaultKind = Literal["gone", "redirect", "busy", "bad", "slow", "connection", "untrusted", "local"]

# What a fault means wherever it happens.
_MEANING: dict[Kind, FaultKind] = {
    "redirect": "redirect",
    "late": "slow",
    "no socket": "local",
    "proxy": "connection",
    "driver": "untrusted",
}
_CERTIFICATES = "(check this machine's clock, or name your CA in SSL_CERT_FILE or REQUESTS_CA_BUNDLE)"
_WORDS: dict[Kind, str] = {
    "no socket": "this machine is out of sockets: {}",
    "proxy": "the proxy cannot be reached or refuses: {}",
    "tls": f"no secure connection: {{}} {_CERTIFICATES}",
    "untrusted": f"its certificate is not accepted: {{}} {_CERTIFICATES}",
    "driver": "its driver cannot ask: {}",
    "refused": "connection refused ({})",
    "unknown name": "host name not found ({})",
    "cut": "the connection was cut ({})",
    "reset": "the connection was reset ({})",
}
_PLAIN_MD5 = re.compile(r'"([0-9a-fA-F]{32})"')


class Fault(Exception):  # noqa: N818 - an outcome of one request, not an error of the program
    """Why one request did not bring what was asked for.

    Attributes:
        kind: `gone` (not here: ask another host), `redirect` (it leads to where nobody may be sent), `busy` (429, 5xx),
            `bad` (an answer that is not what was asked for), `slow`, `connection` (no answer at all), `untrusted` (TLS,
            or a driver without credentials), `local` (this machine has no socket to spare).
        reason: The same in words.
        retry_after_s: What the host asked for, if it did.
        answered: Whether there was an answer at all.
    """

    def __init__(
        self, kind: FaultKind, reason: str, *, retry_after_s: float | None = None, answered: bool | None = None
    ) -> None:
        super().__init__(reason)
        self.kind, self.reason, self.retry_after_s = kind, reason, retry_after_s
        self.answered = kind in ("gone", "redirect", "busy", "bad") if answered is None else answered


@contextlib.contextmanager
def asked(
    client: Client, url: str, headers: Mapping[str, str], *, timing: Timing, redirects: int
) -> Iterator[Response]:
    """Send a request; the block reads the answer, which is closed after it.

    Args:
        client: Sends it.
        url: Whom to ask.
        headers: Sent along.
        timing: Its bounds.
        redirects: How many are followed.

    Raises:
        Fault: No answer came, or its body broke off in the block.
    """
    try:
        answer = client.open(url, headers, timing=timing, redirects=redirects)
        try:
            yield answer
        finally:
            answer.close()
    except HttpFault as fault:
        kind, reason = _meaning_of(fault, _WORDS.get(fault.kind, "{}").format(shown_url(fault.detail)))
        raise Fault(kind, reason, answered=fault.answered) from fault


def _meaning_of(fault: HttpFault, said: str) -> tuple[FaultKind, str]:
    """What a fault of a request means for its host, and for what was asked for."""
    if fault.kind in _MEANING:
        return _MEANING[fault.kind], said
    if fault.connecting and fault.answered:
        return "bad", f"it redirects to a host that cannot be reached: {said}"
    if fault.kind == "untrusted":
        return "untrusted", said
    if fault.answered or fault.kind == "nonsense":
        return "bad", f"the answer was cut off or damaged: {said}"
    return "connection", said


def check_status(answer: Response, *wanted: int, name: str, cap_s: float) -> None:
    """Refuse an answer of another status.

    Args:
        answer: It.
        wanted: The statuses that are good.
        name: Its status in words.
        cap_s: The longest wait that `Retry-After` may ask for.

    Raises:
        Fault: What the status says of the host.
    """
    status = answer.status
    if status in wanted:
        return
    if status in TRANSIENT_STATUSES or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        wait_s = retry_after_s(answer.headers.get("Retry-After"), cap_s=cap_s)
        raise Fault("busy", name, retry_after_s=wait_s)
    if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        raise Fault("connection", f"the proxy refuses: {name}")
    raise Fault("gone" if status >= HTTPStatus.BAD_REQUEST else "bad", name)


def content_md5(headers: Mapping[str, str]) -> str | None:
    """The content's MD5 where a plain ETag says it, as S3's does of what was uploaded in one piece.

    Of objects under a key of one's own, S3's ETag looks like an MD5 and is none.
    """
    keyed = headers.get("x-amz-server-side-encryption", "").startswith("aws:kms") or (
        "x-amz-server-side-encryption-customer-algorithm" in headers
    )
    match = _PLAIN_MD5.fullmatch(headers.get("ETag", ""))
    return match[1].lower() if match and not keyed else None
