"""What every client of a download gives and takes: the time that a request has, and an answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Response", "Timing"]


@dataclass(frozen=True, slots=True)
class Timing:
    """The time that a request may take, in seconds, and the least speed of its answer.

    Attributes:
        connect_s: For a connection, name look-up included.
        read_s: Between two pieces of an answer; its head must be whole within `connect_s` and this.
        total_s: From start to end; infinite for bodies of any length.
        slow_after_s: In each stretch of this length an answer must come with `slow_bytes_per_s`, and fast enough to be
            whole within `total_s`.
        slow_bytes_per_s: See there.
    """

    connect_s: float
    read_s: float
    slow_after_s: float
    slow_bytes_per_s: float
    total_s: float = float("inf")


class Response(Protocol):
    """The head of an answer, and its body, not yet read. For one thread; must be closed."""

    @property
    def url(self) -> str:
        """Who gave it, redirects followed."""

    @property
    def status(self) -> int:
        """Its status."""

    @property
    def reason(self) -> str:
        """What the server calls that."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Its headers."""

    @property
    def length(self) -> int | None:
        """How many bytes its body has, where the head says so."""

    def pieces(self) -> Iterator[bytes]:
        """The body as it arrives.

        Raises:
            HttpFault: It broke off, fell silent, or comes too slowly; what was yielded is good.
        """

    def close(self) -> None:
        """Give the connection back, where all was read; else end it."""
