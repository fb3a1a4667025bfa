"""The bounds that every download has, in one place, so that tests can make them small."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Every bound on time, tries and connections; times are seconds.

    Attributes:
        connect_s: For a connection, name look-up and TLS included.
        read_s: Between two pieces of an answer, and until its first.
        slow_after_s: From when on an answer must have come with `slow_bytes_per_s`.
        slow_bytes_per_s: An answer slower than this is given up.
        redirects: Hops followed.
        tries: Requests for one thing over all hosts (failed connections may use as many again).
        silent_s: A thing that no host has answered at all for this long is given up.
        backoff_s: Ceiling of the first random wait; doubles with each try.
        backoff_cap_s: Ceiling of all waits, `Retry-After` included.
        host_failures: Failed connections in a row, none good between, after which a host is only probed.
        host_probes: Failed probes after which it counts as down.
        host_down_s: A host that has been failing for this long is down after three probes.
        start, floor, ceiling: Requests at a time: at first, at least, at most.
    """

    connect_s: float = 5.0
    read_s: float = 10.0
    slow_after_s: float = 10.0
    slow_bytes_per_s: float = 1024.0
    redirects: int = 4
    tries: int = 5
    silent_s: float = float("inf")
    backoff_s: float = 0.25
    backoff_cap_s: float = 15.0
    host_failures: int = 8
    host_probes: int = 8
    host_down_s: float = 6.0
    start: int = 8
    floor: int = 2
    ceiling: int = 128
