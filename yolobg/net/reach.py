"""Whether a host answers at all."""

from __future__ import annotations

from yolobg.errors import YolobgError
from yolobg.net.client import Client
from yolobg.net.http_fault import HttpFault
from yolobg.net.response import Timing

__all__ = ["REACH_S", "why_unreachable"]

REACH_S = 3.0
"""A host has so many seconds to accept a connection, and as many to answer."""

_TIMING = Timing(connect_s=REACH_S, read_s=REACH_S, slow_after_s=REACH_S, slow_bytes_per_s=0, total_s=2 * REACH_S)


def why_unreachable(url: str, *, agent: str) -> str:
    """Why nothing answers there, in words; empty where something does, whatever it says.

    Args:
        url: An http(s) address; only the head of its answer is read.
        agent: What the request calls itself.
    """
    client = Client(connections=1, headers={"User-Agent": agent, "Accept": "*/*", "Range": "bytes=0-0"})
    try:
        client.open(url, {}, timing=_TIMING, redirects=3).close()
    except HttpFault as fault:
        return "" if fault.answered else f"{fault.kind}: {fault.detail}"
    except YolobgError as error:
        # The environment names a proxy or certificates that cannot be used.
        return str(error)
    finally:
        client.close()
    return ""
