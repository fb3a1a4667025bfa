"""The words whose mention in a caption vetoes an image. PROVISIONAL, by the founder: the owner of classes/ replaces it."""

from __future__ import annotations

from collections.abc import Sequence

from yolobg.model import CaptionTerms, ClassMatch

__all__ = ["caption_terms"]


def caption_terms(matches: Sequence[ClassMatch], *, lean: bool = False) -> tuple[CaptionTerms, ...]:
    """The class's own name and the names of the categories that it excludes."""
    return tuple(
        CaptionTerms(
            m.name, tuple(dict.fromkeys([m.name.lower(), *(e.coco for e in (*m.exclude, *(() if lean else m.maybe)))]))
        )
        for m in matches
    )
