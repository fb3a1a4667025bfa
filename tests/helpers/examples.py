"""How many examples a property test tries."""

from __future__ import annotations

from hypothesis import settings

__all__ = ["FEWER", "examples"]

# The default run tries a quarter of what it tries with the sweeps.
FEWER = 25


def examples(most: int) -> int:
    """`most` where the sweeps run, a share of it in the default run; `conftest.py` chooses the profile."""
    return most * settings().max_examples // 100
