"""How long to wait before a request is sent again."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

__all__ = ["REDIRECT_STATUSES", "TRANSIENT_STATUSES", "backoff_s", "retry_after_s"]

REDIRECT_STATUSES = frozenset({301, 302, 303, 307, 308})
TRANSIENT_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
"""What another try, or another host, may not answer: time-outs, too many requests, a server's own trouble."""


def backoff_s(tried: int, *, first_s: float = 0.25, cap_s: float, jitter: Callable[[], float] = random.random) -> float:
    """Seconds to wait after the `tried`-th failed request (1-based): exponential with full jitter.

    Args:
        tried: How often the request was sent.
        first_s: Ceiling of the first wait; it doubles with each try.
        cap_s: Ceiling of all waits.
        jitter: Gives a share (0-1) of the ceiling.
    """
    return min(cap_s, first_s * 2.0 ** min(tried - 1, 30)) * jitter()


def retry_after_s(header: str | None, *, cap_s: float, now: datetime | None = None) -> float | None:
    """Seconds that a `Retry-After` header asks for (RFC 9110, 10.2.3), capped; None for none and for nonsense."""
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), cap_s)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    wait = (moment - (now or datetime.now(timezone.utc))).total_seconds()
    return min(max(wait, 0.0), cap_s)
