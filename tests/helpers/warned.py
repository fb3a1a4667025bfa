"""Warnings of a plan but for the one that every folder of bare images gets."""

from __future__ import annotations

from collections.abc import Sequence


def further(warnings: Sequence[str]) -> tuple[str, ...]:
    """What is said besides that nothing is known of what the images show."""
    return tuple(warning for warning in warnings if "so nothing is known of what they show" not in warning)
