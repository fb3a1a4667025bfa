"""Lists of many like records as compact JSON: by columns, and what repeats from record to record is stored once.

A list is stored as blocks of up to `BLOCK_ROWS` records. A block is an object that gives each field its column:

- `[...]`: one value for each record;
- `{"all": V}`: the same value for every record;
- `{"values": [...], "at": [...]}`: few values, and which of them each record has;
- `{"start": S, "end": E, "rest": [...]}`: texts that begin and end alike;
- `{"start": S, "end": E, "like": F}`: the same with the `rest` of the field F.

The first field is always written out for each record. A stored list may come from a stranger: `Budget` bounds what a
small file can stand for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import islice
from typing import Any, TypeVar

import msgspec

__all__ = ["BLOCK_ROWS", "Budget", "pack", "unpack", "unpack_pairs"]

T = TypeVar("T", bound=msgspec.Struct)
Column = list[Any]
Columns = dict[str, Column]
Fields = dict[str, msgspec.structs.FieldInfo]

# It reads the annotations, which are texts, each time that it is asked.
_fields = cache(msgspec.structs.fields)

BLOCK_ROWS = 10_000
_FEW = 8  # a column has few values when each stands for this many records
_CELL_BYTES, _RECORD_BYTES = 8, 64


class Budget:
    """Bounds the memory that a stored list may stand for, so that a small file cannot fill it.

    Args:
        limit_bytes: About the memory of the texts that share a beginning or an end, and of the records themselves.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._left = limit_bytes

    def take(self, used: int) -> None:
        """Count what is about to be made.

        Raises:
            msgspec.ValidationError: It is too much.
        """
        self._left -= used
        if self._left < 0:
            raise msgspec.ValidationError("it describes more than yolobg can hold")


# ---------------------------------------------------------------- writing


def pack(records: Sequence[msgspec.Struct] | Mapping[str, str], budget: Budget) -> Iterator[bytes]:
    """The JSON of a list of records of one type, in pieces; a mapping is a list of `key` and `value`.

    Raises:
        msgspec.ValidationError: It is more than `budget` allows, so it could not be read again.
    """
    yield b"["
    for number, columns in enumerate(_blocks(records)):
        yield b",\n" if number else b"\n"
        yield msgspec.json.encode(_stored(columns, budget))
    yield b"]"


def _blocks(records: Sequence[msgspec.Struct] | Mapping[str, str]) -> Iterator[Columns]:
    if isinstance(records, Mapping):
        pairs = iter(records.items())
        while block := list(islice(pairs, BLOCK_ROWS)):
            yield {"key": [key for key, _ in block], "value": [value for _, value in block]}
        return
    for start in range(0, len(records), BLOCK_ROWS):
        part = records[start : start + BLOCK_ROWS]
        yield {name: [getattr(record, name) for record in part] for name in part[0].__struct_fields__}


def _stored(columns: Columns, budget: Budget) -> dict[str, Any]:
    first, *others = columns
    rests: Columns = {}
    stored = {first: _affixes(columns[first], first, rests) or columns[first]}
    for name in others:
        stored[name] = _repeats(columns[name]) or _affixes(columns[name], name, rests) or columns[name]
    budget.take(_cost(stored, len(columns[first]), rests))
    return stored


def _repeats(column: Column) -> dict[str, Any] | None:
    try:
        at = {value: number for number, value in enumerate(dict.fromkeys(column))}
    except TypeError:
        return None
    if len(at) == 1:
        return {"all": column[0]}
    if len(at) * _FEW > len(column):
        return None
    return {"values": list(at), "at": [at[value] for value in column]}


def _affixes(column: Column, name: str, rests: Columns) -> dict[str, Any] | None:
    if not all(type(text) is str for text in column):
        return None
    start = end = column[0]
    for text in column:
        while not text.startswith(start):
            start = start[:-1]
    rest = [text[len(start) :] for text in column]
    end = end[len(start) :]
    for text in rest:
        while not text.endswith(end):
            end = end[1:]
    if not start and not end:
        return None
    rest = [text[: len(text) - len(end)] for text in rest]
    same = next((other for other, packed in rests.items() if packed == rest), None)
    rests[name] = rest
    return {"start": start, "end": end, **({"like": same} if same else {"rest": rest})}


# ---------------------------------------------------------------- reading


class _Pair(msgspec.Struct):
    key: str
    value: str


def unpack(blocks: object, type_: type[T], budget: Budget) -> Iterator[T]:
    """The records that `pack` has written.

    Args:
        blocks: The parsed JSON; emptied block by block, so that memory holds the list once.
        type_: What each record is.
        budget: Bounds all of it.

    Raises:
        msgspec.ValidationError: It is not such a list, a value is of another type, or it stands for too much.
    """
    fields = {field.name: field for field in _fields(type_)}
    for columns in _blocks_of(blocks, fields, budget):
        yield from map(type_, *columns)


def unpack_pairs(blocks: object, budget: Budget) -> dict[str, str]:
    """The mapping that `pack` has written; raises as `unpack` does."""
    fields = {field.name: field for field in _fields(_Pair)}
    return {key: value for columns in _blocks_of(blocks, fields, budget) for key, value in zip(*columns, strict=True)}


def _blocks_of(blocks: object, fields: Fields, budget: Budget) -> Iterator[list[Column]]:
    """For each block the columns of all fields, in their order and checked."""
    if not isinstance(blocks, list):
        raise msgspec.ValidationError("expected a list of blocks")
    first = next(iter(fields))
    blocks.reverse()
    while blocks:
        stored = blocks.pop()
        if not isinstance(stored, dict) or first not in stored or not stored.keys() <= fields.keys():
            raise msgspec.ValidationError(f"expected a block with `{first}` and no unknown field")
        rows = len(stored[first] if isinstance(stored[first], list) else _list_of(stored[first], "rest"))
        rests = {
            name: packed["rest"] for name, packed in stored.items() if isinstance(packed, dict) and "rest" in packed
        }
        budget.take(_cost(stored, rows, rests))
        yield [_column(stored.get(name), field, rows, rests) for name, field in fields.items()]


def _cost(stored: Mapping[str, Any], rows: int, rests: Columns) -> int:
    """About the bytes that a block stands for beyond those that it is written with."""
    cost = rows * (_RECORD_BYTES + _CELL_BYTES * len(stored))
    for packed in stored.values():
        if isinstance(packed, dict) and "start" in packed:
            cost += rows * (_length(packed["start"]) + _length(packed.get("end")))
            if "like" in packed:
                cost += sum(map(_length, _list_of(rests, packed["like"])))
    return cost


def _length(text: object) -> int:
    return len(text) if isinstance(text, str) else 0


def _column(packed: object, field: msgspec.structs.FieldInfo, rows: int, rests: Columns) -> Column:
    """A column written out, one value for each of `rows` records; what repeats is checked and held once."""
    if packed is None and not field.required:
        made = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
        return [made] * rows
    column: Column = []
    if isinstance(packed, list):
        column = msgspec.convert(packed, list[field.type])  # type: ignore[name-defined]
    elif isinstance(packed, dict):
        keys = packed.keys()
        if keys == {"all"}:
            column = [msgspec.convert(packed["all"], field.type)] * rows
        elif keys == {"values", "at"}:
            values = msgspec.convert(_list_of(packed, "values"), list[field.type])  # type: ignore[name-defined]
            column = _looked_up(values, _list_of(packed, "at"))
        elif keys in ({"start", "end", "rest"}, {"start", "end", "like"}):
            rest = _list_of(packed, "rest") if "rest" in keys else _list_of(rests, packed["like"])
            joined = _joined(packed["start"], rest, packed["end"])
            column = msgspec.convert(joined, list[field.type])  # type: ignore[name-defined]
    if len(column) != rows:
        raise msgspec.ValidationError(f"`{field.name}`: not a column, or not as long as the others")
    return column


def _list_of(packed: object, name: object) -> Column:
    found = packed.get(name) if isinstance(packed, dict) and isinstance(name, str) else None
    if not isinstance(found, list):
        raise msgspec.ValidationError(f"expected a list `{str(name)[:80]}`")
    return found


def _looked_up(values: Column, at: Column) -> Column:
    if not all(type(place) is int and 0 <= place < len(values) for place in at):
        raise msgspec.ValidationError("`at` names a value that is not there")
    return [values[place] for place in at]


def _joined(start: object, rest: Column, end: object) -> list[str]:
    if not isinstance(start, str) or not isinstance(end, str) or not all(type(text) is str for text in rest):
        raise msgspec.ValidationError("`start`, `end` and all of `rest` must be texts")
    return [f"{start}{text}{end}" for text in rest]
