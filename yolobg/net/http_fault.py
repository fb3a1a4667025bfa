"""The fault of a request as a value, without the library that made the request: who only plans loads none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

__all__ = ["HttpFault", "Kind", "chain_of", "fault_words"]

Kind = Literal[
    "late", "refused", "unknown name", "reset", "cut", "unreachable", "tls", "untrusted", "proxy", "no socket",
    "nonsense", "redirect", "stopped", "driver",
]  # fmt: skip
_LONGEST = 200


class HttpFault(Exception):  # noqa: N818 - an outcome of one request, not an error of the program
    """Why a request came to nothing.

    Attributes:
        kind: `late` (not within the time, name look-up included), `refused`, `unknown name`, `reset`, `cut` (closed
            before the end), `unreachable` (no connection, for another reason), `tls` (a handshake that broke),
            `untrusted` (a certificate that does not hold), `proxy` (it refuses, or cannot be reached), `no socket`
            (this machine has none to spare), `nonsense` (what came is no HTTP), `redirect` (to where nobody may be
            sent), `stopped` (the client was closed), `driver` (an object store's driver
            cannot ask at all: it has no credentials, say).
        detail: What the machine says of it.
        answered: Whether the head of an answer had come, be it that of a redirect.
        connecting: Whether there was no connection yet to whom was asked last.
    """

    def __init__(self, kind: Kind, detail: str, *, answered: bool = False, connecting: bool = False) -> None:
        super().__init__(detail)
        self.kind, self.detail = kind, detail
        self.answered, self.connecting = answered, connecting


def fault_words(error: BaseException) -> str:
    """What an error says, in one line."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text[:_LONGEST]


def chain_of(error: BaseException) -> Iterator[BaseException]:
    """The error and what it was raised from, `urllib3`'s habit of wrapping errors as arguments included."""
    cause: BaseException | None = error
    seen = set[int]()
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        inner = next((one for one in cause.args if isinstance(one, BaseException)), None)
        cause = inner or cause.__cause__ or cause.__context__
