"""The form of a manifest on disk: JSON whose long lists (entries, lines of list files) are tables, see `table`.

Fields are taken as the records have them, so that a new one needs nothing here. What is read is not trusted.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from yolobg.changes.table import Budget, pack, unpack, unpack_pairs

if TYPE_CHECKING:
    from yolobg.changes.records import Entry, ListEdit, Manifest, Pending

__all__ = ["from_stored", "stored"]


def stored(manifest: Manifest, *, memory_bytes: int) -> Iterator[bytes]:
    """The JSON of a manifest in pieces: every field as it is, but for the long lists, which are tables.

    Raises:
        msgspec.ValidationError: Its lists stand for more than `memory_bytes`, so it could not be read again.
    """
    budget = Budget(memory_bytes)
    for number, name in enumerate(manifest.__struct_fields__):
        yield b'%s"%s": ' % (b",\n" if number else b"{", name.encode())
        if name == "entries":
            yield from pack(manifest.entries, budget)
        elif name == "edits":
            yield b"["
            for place, edit in enumerate(manifest.edits):
                yield b", " if place else b""
                yield from _stored_edit(edit, budget)
            yield b"]"
        elif name == "pending" and manifest.pending is not None:
            yield from _stored_pending(manifest.pending, manifest.entries, budget)
        else:
            yield msgspec.json.encode(getattr(manifest, name))
    yield b"}\n"


def _stored_edit(edit: ListEdit, budget: Budget) -> Iterator[bytes]:
    rest = msgspec.to_builtins(msgspec.structs.replace(edit, lines={}))
    del rest["lines"]
    yield msgspec.json.encode(rest)[:-1] + b', "lines": '
    yield from pack(edit.lines, budget)
    yield b"}"


def _stored_pending(pending: Pending, entries: tuple[Entry, ...], budget: Budget) -> Iterator[bytes]:
    rest = msgspec.to_builtins(msgspec.structs.replace(pending, entries=(), edit=None))
    del rest["entries"], rest["edit"]
    yield msgspec.json.encode(rest)[:-1] + b', "edit": '
    yield from _stored_edit(pending.edit, budget) if pending.edit else (b"null",)
    ranges = _ranges(pending.entries, entries) if pending.kind == "remove" else None
    if ranges is not None:
        yield b', "rows": ' + msgspec.json.encode(ranges)
    else:
        yield b', "entries": '
        yield from pack(pending.entries, budget)
    yield b"}"


def _ranges(some: tuple[Entry, ...], entries: tuple[Entry, ...]) -> list[list[int]] | None:
    """Which of `entries` they are, as half-open ranges, so that none is stored twice; None where one is another."""
    places = {id(entry): place for place, entry in enumerate(entries)}
    ranges: list[list[int]] = []
    for entry in some:
        place = places.get(id(entry))
        if place is None:
            return None
        if ranges and ranges[-1][1] == place:
            ranges[-1][1] += 1
        else:
            ranges.append([place, place + 1])
    return ranges


def from_stored(stored: dict[str, Any], type_: type[Manifest], entry: type[Entry], *, memory_bytes: int) -> Manifest:
    """A manifest from its parsed JSON, which is used up.

    Args:
        stored: The JSON.
        type_: The type of a manifest.
        entry: The type of its entries.
        memory_bytes: What the lists may stand for.

    Raises:
        msgspec.ValidationError: It is no manifest, or stands for more.
    """
    budget = Budget(memory_bytes)
    entries = tuple(unpack(stored.get("entries", []), entry, budget))
    pending = stored.get("pending")
    edits = stored.get("edits", [])
    if isinstance(pending, dict):
        if "rows" in pending:
            pending["entries"] = _rows(pending.pop("rows"), entries)
        else:
            pending["entries"] = list(unpack(pending.get("entries"), entry, budget))
        edits = [*edits, pending.get("edit")] if isinstance(edits, list) else edits
    for edit in edits if isinstance(edits, list) else ():
        if isinstance(edit, dict):
            edit["lines"] = unpack_pairs(edit.get("lines"), budget)
    return msgspec.convert(stored | {"entries": entries}, type_)


def _rows(ranges: object, entries: tuple[Entry, ...]) -> list[Entry]:
    asked = msgspec.convert(ranges, list[tuple[int, int]])
    if not all(0 <= start < end <= len(entries) for start, end in asked) or sum(e - s for s, e in asked) > len(entries):
        raise msgspec.ValidationError("`rows` names entries that are not there")
    return [entry for start, end in asked for entry in entries[start:end]]
