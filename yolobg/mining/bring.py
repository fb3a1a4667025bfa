"""Which way images come into staging; what needs numpy is imported for requests with a model alone."""

from __future__ import annotations

from yolobg.flow.bringing import Bring, bring_first
from yolobg.flow.options import Request

__all__ = ["bring_of"]


def bring_of(request: Request) -> Bring:
    """How the images of a request come into staging."""
    if request.model_option is None:
        return bring_first
    if request.scores is not None:
        from yolobg.mining.scored import bring_scored  # noqa: PLC0415 - needs pyarrow

        return bring_scored
    from yolobg.mining.run import bring_hard  # noqa: PLC0415 - needs numpy

    return bring_hard
