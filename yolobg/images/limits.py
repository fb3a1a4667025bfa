"""The bounds of a download of images, in one place, so that tests can make them small."""

from __future__ import annotations

from dataclasses import dataclass

from yolobg.net.limits import Limits as NetLimits

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True)
class Limits(NetLimits):
    """What every download has, and what images have besides; times are seconds, sizes bytes.

    Attributes:
        probe_s: Between two pieces of an answer, for a request that only finds out whether a host is back.
        attempt_s: One request from start to end.
        probe_attempt_s: The same for a request that only finds out whether a host is back.
        image_s: All tries of one image together, waits included.
        image_bytes: Largest file taken.
        max_consecutive_failures: Images lost in a row, none good between, after which the run is given up.
        lost_images: Images lost in all after which the run is given up, on top of four per needed image.
    """

    probe_s: float = 4.0
    attempt_s: float = 60.0
    probe_attempt_s: float = 20.0
    image_s: float = 120.0
    image_bytes: int = 256 << 20
    max_consecutive_failures: int = 20
    lost_images: int = 50
