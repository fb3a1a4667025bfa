"""Times such as `2s`, as people write them for `--every`."""

from __future__ import annotations

import re
from decimal import Decimal

from yolobg.errors import UsageError

__all__ = ["every_text", "parse_every"]

_FORM = re.compile(r"([0-9]{1,9}(?:\.[0-9]{0,9})?|\.[0-9]{1,9}) ?(ms|s|m|)")
_UNITS_MS = {"ms": 1, "s": 1_000, "": 1_000, "m": 60_000}
_LONGEST_MS = 24 * 60 * 60_000


def parse_every(value: str | float) -> int:
    """A time in whole milliseconds, from `2s`, `500ms`, `1m`, or seconds as a number.

    Raises:
        UsageError: It is none of these, is shorter than a millisecond or longer than a day.
    """
    found = None if isinstance(value, bool) else _FORM.fullmatch(str(value).strip().lower())
    if found is None:
        raise UsageError(f"--every {value}: expected a time such as 2s, 500ms, 1m, or seconds as a number: 0.5")
    exact = Decimal(found[1]) * _UNITS_MS[found[2]]
    if exact != exact.to_integral_value() or not 1 <= exact <= _LONGEST_MS:
        raise UsageError(f"--every {value}: expected whole milliseconds, from 1ms to a day (1440m)")
    return int(exact)


def every_text(ms: int) -> str:
    """A time as `parse_every` reads it, in its largest whole unit."""
    unit = next(unit for unit in ("m", "s", "ms") if ms % _UNITS_MS[unit] == 0)
    return f"{ms // _UNITS_MS[unit]}{unit}"
