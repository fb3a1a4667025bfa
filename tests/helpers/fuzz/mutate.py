"""Changes to inputs that know what the inputs are made of; the same for atheris and for hypothesis."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

__all__ = ["ODD", "TOKENS", "mutate", "odd_at_every_place"]

ODD: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1.0,
    1.5,
    1e308,
    2**31,
    2**63,
    2**64,
    -(2**63) - 1,
    10**400,
    "",
    "0",
    "1",
    "9" * 5000,
    "\0",
    "../x",
    "/",
    "a\nb",
    "\ud800",
    "\x1b[31m",
    "x" * 300,
    [],
    {},
    [[]],
    [None],
    {"": None},
)
_NUMBERS = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")

TOKENS: tuple[bytes, ...] = (
    # JSON and YAML
    b"null", b"true", b"NaN", b"Infinity", b"-Infinity", b"1e400", b"1e5", b"-0", b"0x10", b"0b_", b"0o7", b"1_0",
    b"1:30:00", b"2024-13-45", b".inf", b".nan", b"~", b"!!python/none", b"!!int", b"!!binary", b"!!set", b"!!omap",
    b"!!str", b"!!timestamp", b"<<: *a", b"&a ", b"*a", b"&a [*a]", b"|", b">-", b"? ", b"---\n", b"...\n",
    b"%YAML 1.1\n",
    b"#", b"[", b"]", b"{", b"}", b",", b": ", b"- ", b"\t", b'"', b"'", b"\\u0000", b"\\ud800", b"\\x", b'"\\',
    b"9" * 400,
    b"path: ", b"train: ", b"val: ", b"test: ", b"names: ", b"nc: ", b"kpt_shape: ", b"flip_idx: ", b"download: ",
    # text
    b"\x00", b"\xff", b"\xef\xbb\xbf", b"\xff\xfe", b"\xc2\x85", b"\xe2\x80\xa8", b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80", b"\r", b"\r\n", b"\n", b"\x1b[2J",
    b"\x0b", b"\x0c", b"\x1c", b"\xc2\xa0", b"\xd9\xa1",
    # paths
    b"../", b"./", b"/", b"//", b"C:\\", b"\\\\", b"~", b".jpg", b".JPG", b"images/", b"/images/", b"labels/",
    b"a" * 256,
    b"a/" * 50,
    # zip
    b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07", b"PK\x07\x08",
    b"\x01\x00\x10\x00", b"\xff\xff\xff\xff", b"\xff\xff",
    b"\x00\x00\x00\x80", b"instances_x.json", b".json", b".gz", b"\x1f\x8b\x08", b"\x0c\x00", b"\x0e\x00",
    b"\x09\x00", b"\x63\x00",
    # numbers of labels
    b"0.5", b"1.01", b"-0.01", b"1e-9", b"nan", b"inf", b"0 0.5 0.5 0.1 0.1\n", b"1 0.1 0.1 0.2 0.2 0.3 0.3\n",
    b"1_0",
    # XML
    b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b"&b;", b"<object>", b"</object>", b"<name>cat</name>", b"<bndbox>",
)  # fmt: skip


def mutate(data: bytes, random: Random, *, others: Sequence[bytes] = ()) -> bytes:
    """Change an input in one to four ways, the structure of JSON included."""
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        data = random.choice(_WAYS)(data, random, others)
    return data


def _cut(data: bytes, random: Random, _others: Sequence[bytes]) -> bytes:
    return data[: random.randint(0, len(data))]


def _drop(data: bytes, random: Random, _others: Sequence[bytes]) -> bytes:
    at = random.randint(0, len(data))
    return data[:at] + data[at + random.choice((1, 1, 2, 8, 40)) :]


def _insert(data: bytes, random: Random, _others: Sequence[bytes]) -> bytes:
    at = random.randint(0, len(data))
    return data[:at] + random.choice(TOKENS) + data[at:]


def _replace(data: bytes, random: Random, _others: Sequence[bytes]) -> bytes:
    at = random.randint(0, len(data))
    token = random.choice(TOKENS)
    return data[:at] + token + data[at + len(token) :]


def _flip(data: bytes, random: Random, _others: Sequence[bytes]) -> bytes:
    if not data:
        return bytes([random.randrange(256)])
    at = random.randrange(len(data))
    return data[:at] + bytes([data[at] ^ (1 << random.randrange(8))]) + data[at + 1 :]


def _double(data: bytes, random: Random, _others: Sequence[bytes]) -> bytes:
    start = random.randint(0, len(data))
    piece = data[start : start + random.choice((1, 8, 60))]
    at = random.randint(0, len(data))
    return data[:at] + piece * random.choice((1, 2, 30)) + data[at:]


def _number(data: bytes, random: Random, _others: Sequence[bytes]) -> bytes:
    found = list(_NUMBERS.finditer(data))
    if not found:
        return data
    one = random.choice(found)
    new = random.choice(
        (b"0", b"-1", b"1.0", b"1e400", b"NaN", b"9" * 30, b"9" * 5000, b'"1"', b"true", b"18446744073709551616")
    )
    return data[: one.start()] + new + data[one.end() :]


def _splice(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    if not others:
        return data
    other = random.choice(others)
    return data[: random.randint(0, len(data))] + other[random.randint(0, len(other)) :]


def _json(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    """Change one value, key or entry of a JSON document; anything else is changed as text."""
    try:
        tree = json.loads(data)
    except (ValueError, RecursionError):
        return _insert(data, random, others)
    places: list[tuple[Any, Any]] = []
    _collect(tree, places)
    if not places:
        return json.dumps(random.choice(ODD)).encode("utf-8")
    holder, place = random.choice(places)
    way = random.randrange(5)
    if way == 0:
        del holder[place]
    elif way == 1 and isinstance(holder, dict):
        holder[random.choice(("", "id", "images", "x", "\0"))] = holder.pop(place)
    elif way == 2:
        holder[place] = random.choice(places)[0]
    elif way == 3 and isinstance(holder, list):
        holder.insert(place, holder[place])
    else:
        holder[place] = random.choice(ODD)
    try:
        return json.dumps(tree).encode("utf-8")
    except (ValueError, RecursionError):  # it holds itself now, or a number too long to be written
        return _insert(data, random, others)


def odd_at_every_place(tree: Any) -> Iterator[bytes]:
    """A JSON document with each odd value in the place of each of its values, and without each of them."""
    places: list[tuple[Any, Any]] = []
    changed = copy.deepcopy(tree)
    _collect(changed, places)
    for holder, place in places:
        kept = holder[place]
        for value in ODD:
            holder[place] = value
            yield _text(changed)
        holder[place] = kept
        if isinstance(holder, dict):
            del holder[place]
            yield _text(changed)
            holder[place] = kept


def _text(tree: Any) -> bytes:
    """As JSON, lone surrogates as they are rather than escaped where there are any."""
    return json.dumps(tree).encode("utf-8")


def _collect(value: Any, places: list[tuple[Any, Any]]) -> None:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        places.append((value, key))
        _collect(inner, places)


_WAYS = (_cut, _drop, _insert, _insert, _replace, _flip, _double, _number, _splice, _json, _json, _json)
