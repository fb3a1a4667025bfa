"""The bounds of a download, in one place, so that tests can make them small."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Every bound on time, tries and size; times are seconds, sizes bytes.

    Attributes:
        connect_s: For a connection, name look-up and TLS included.
        read_s: Between two pieces of an answer, and until its first.
        probe_s: The same for a request that only finds out whether a host is back.
        attempt_s: One request from start to end.
        probe_attempt_s: The same for a request that only finds out whether a host is back.
        image_s: All tries of one image together, waits included.
        slow_after_s: From when on an answer must have come with `slow_bytes_per_s`, and fast enough for `attempt_s`.
        slow_bytes_per_s: An answer slower than this is given up.
        tries: Requests for one image over all hosts (failed connections may use as many again).
        backoff_s: Ceiling of the first random wait; doubles with each try.
        backoff_cap_s: Ceiling of all waits, `Retry-After` included.
        redirects: Hops followed.
        image_bytes: Largest file taken.
        host_failures: Failed connections in a row, none good between, after which a host is only probed.
        host_probes: Failed probes after which it counts as down.
        host_down_s: A host that has been failing for this long is down after three probes.
        max_consecutive_failures: Images lost in a row, none good between, after which the run is given up.
        lost_images: Images lost in all after which the run is given up, on top of four per needed image.
        start, floor, ceiling: Requests at a time: at first, at least, at most.
    """

    connect_s: float = 5.0
    read_s: float = 10.0
    probe_s: float = 4.0
    attempt_s: float = 60.0
    probe_attempt_s: float = 20.0
    image_s: float = 120.0
    slow_after_s: float = 10.0
    slow_bytes_per_s: float = 1024.0
    tries: int = 5
    backoff_s: float = 0.25
    backoff_cap_s: float = 15.0
    redirects: int = 4
    image_bytes: int = 256 << 20
    host_failures: int = 8
    host_probes: int = 8
    host_down_s: float = 6.0
    max_consecutive_failures: int = 20
    lost_images: int = 50
    start: int = 8
    floor: int = 2
    ceiling: int = 128
