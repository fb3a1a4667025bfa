"""Large annotation files, decoded array by array in pieces of a few megabytes: memory stays flat and the cache warm.

Only a short cut. A piece ends at something that looks like the boundary between two objects of a top-level array, and
it is believed only if the piece decodes as a list: a boundary inside a nested object or a string leaves brackets or
quotes open, and that does not decode. So every piece ends at the depth at which it began. Whatever the short cut does
not understand raises `NotStreamableError`, and the file is decoded whole, which also finds the words for what is wrong.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, BinaryIO

import msgspec

Decoders = Mapping[str, msgspec.json.Decoder[list[Any]]]

__all__ = ["Decoders", "NotStreamableError", "stream_arrays"]

PIECE = 1 << 20
_LOOK_BACK = 256 << 10
_MAX_KEY = 4096


def _pattern(text: bytes) -> re.Pattern[bytes]:
    r"""Compile a pattern in which `\s` is what JSON calls blank; Python calls more so."""
    return re.compile(text.replace(rb"\s", rb"[ \t\n\r]"))


_ARRAY = _pattern(rb"\[\s*(\])?")
_OBJECTS = _pattern(rb"\[\s*\{")
_OPEN = _pattern(rb"(?:\xef\xbb\xbf)?\s*\{")
_KEY = _pattern(rb'\s*"([^"\\\x00-\x1f]*)"\s*:\s*')
_NEXT = _pattern(rb"\s*(,|\})\s*")
_BETWEEN = _pattern(rb"\}\s*,\s*(?=\{)")
_ARRAY_END = _pattern(rb"\}\s*\](?=\s*(?:,\s*\"|\}\s*\Z))")
# Blanks before it are left to the decoder: a pattern that begins with `\s*` takes quadratic time on a row of them.
_VALUE_END = _pattern(rb'(?=,\s*"[^"\\]*"\s*:|\}\s*\Z)')
_TRIES = 64


class _Nothing(msgspec.Struct):
    """An object of which nothing is wanted."""


_NOTHING: msgspec.json.Decoder[list[Any]] = msgspec.json.Decoder(list[_Nothing])


class NotStreamableError(Exception):
    """The file is not laid out as this short cut expects; it may still be right."""


class _Window:
    """The part of a file that is in memory, and a place in it."""

    def __init__(self, handle: BinaryIO) -> None:
        self._handle = handle
        self.data = handle.read(PIECE)
        self.at = 0
        self.whole = len(self.data) < PIECE

    def fill(self, size: int) -> None:
        """Have at least `size` bytes ahead, or all that there are."""
        if not self.whole and len(self.data) - self.at < size:
            more = self._handle.read(max(size, PIECE))
            self.whole = len(more) < max(size, PIECE)
            self.data = self.data[self.at :] + more
            self.at = 0

    def match(self, pattern: re.Pattern[bytes]) -> re.Match[bytes]:
        """Step over `pattern`.

        Raises:
            NotStreamableError: Something else is there.
        """
        self.fill(_MAX_KEY)
        found = pattern.match(self.data, self.at)
        if not found:
            raise NotStreamableError
        self.at = found.end()
        return found


def stream_arrays(handle: BinaryIO, decoders: Decoders) -> Iterator[tuple[str, list[Any]]]:
    """Yield (key, some entries) of the top-level arrays named, in file order; each array comes at least once.

    Args:
        handle: The file, at its beginning.
        decoders: Key to what decodes its entries; other keys are skipped.

    Raises:
        NotStreamableError: At any time; what was yielded is then worth nothing.
    """
    window = _Window(handle)
    window.match(_OPEN)
    seen = set[str]()
    more = b","
    while more == b",":
        try:
            key = window.match(_KEY)[1].decode("utf-8")
        except UnicodeDecodeError:
            raise NotStreamableError from None
        if key in seen:
            raise NotStreamableError
        seen.add(key)
        if key in decoders:
            for entries in _entries(window, decoders[key]):
                yield key, entries
        else:
            _skip(window)
        more = window.match(_NEXT)[1]
    window.fill(1)
    if window.data[window.at :].strip(b" \t\n\r") or not window.whole:
        raise NotStreamableError


def _entries(window: _Window, decoder: msgspec.json.Decoder[list[Any]]) -> Iterator[list[Any]]:
    if window.match(_ARRAY)[1]:
        yield []
        return
    while True:
        window.fill(PIECE)
        between = _last_between(window)
        entries = _decode(decoder, window.data[window.at : between.start() + 1]) if between else None
        if entries is None or between is None:
            yield _last_entries(window, decoder)
            return
        window.at = between.end()
        yield entries


def _last_between(window: _Window) -> re.Match[bytes] | None:
    last = None
    for last in _BETWEEN.finditer(window.data, max(window.at, len(window.data) - _LOOK_BACK)):  # noqa: B007
        pass
    return last


def _last_entries(window: _Window, decoder: msgspec.json.Decoder[list[Any]]) -> list[Any]:
    """The entries up to the array's end, which is in the window."""
    for end in islice(_ARRAY_END.finditer(window.data, window.at), _TRIES):
        entries = _decode(decoder, window.data[window.at : end.start() + 1])
        if entries is not None:
            window.at = end.end()
            return entries
    raise NotStreamableError


def _decode(decoder: msgspec.json.Decoder[list[Any]], piece: bytes) -> list[Any] | None:
    try:
        return decoder.decode(b"[%b]" % piece)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _skip(window: _Window) -> None:
    """Step over a value that nobody asked for: an array of objects, or something short."""
    window.fill(_LOOK_BACK)
    if _OBJECTS.match(window.data, window.at):
        for _ in _entries(window, _NOTHING):
            pass
        return
    for end in islice(_VALUE_END.finditer(window.data, window.at), _TRIES):
        with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            msgspec.json.decode(window.data[window.at : end.start()], type=msgspec.Raw)
            window.at = end.end()
            return
    raise NotStreamableError
