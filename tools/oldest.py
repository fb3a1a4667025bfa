"""Print pip constraints that pin each run-time dependency to the oldest version that pyproject.toml allows.

Usage: python tools/oldest.py [PYPROJECT] > constraints.txt      (Python 3.11 or newer)
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path

import tomllib

PYPROJECT = Path(__file__).resolve().parent.parent / "pyproject.toml"
REQUIREMENT = re.compile(
    r"^(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(\[[^\]]*\])?\s*>=\s*(?P<oldest>[0-9][0-9A-Za-z.]*)\s*(,|;|$)"
)


def oldest_constraints(dependencies: Iterable[str]) -> list[str]:
    """`name==version` for each requirement, in the order given.

    Raises:
        ValueError: A requirement does not begin with `>=`, so that nobody knows its oldest version.
    """
    pins = []
    for dependency in dependencies:
        match = REQUIREMENT.match(dependency)
        if match is None:
            raise ValueError(f"{dependency!r}: expected 'name>=version'; give it an oldest version in pyproject.toml")
        pins.append(f"{match['name']}=={match['oldest']}")
    return pins


if __name__ == "__main__":
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else PYPROJECT
    print("\n".join(oldest_constraints(tomllib.loads(path.read_text("utf-8"))["project"]["dependencies"])))
