"""Candidates that come before others: those with a look-alike of a class, or whose captions have the user's words.

It changes the order of candidates only. What is no candidate never becomes one.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from yolobg.errors import UsageError
from yolobg.flow.options import LOOKALIKES
from yolobg.images.frame_names import parse
from yolobg.matching.caption_terms import written_out
from yolobg.matching.contamination import with_look_alikes
from yolobg.matching.look_alikes import look_alikes
from yolobg.model import CaptionTerms, ClassMatch, Contamination
from yolobg.sources.catalog.catalog import Catalog
from yolobg.wording import agreeing, counted, first_of

__all__ = ["Liked", "alike_in", "find_liked", "liked_figures", "liked_first", "liked_notes", "reasons"]

_SHOWN = 10


@dataclass(frozen=True)
class Liked:
    """What is preferred in a source.

    Attributes:
        prefer: The option.
        ids: The images that are preferred.
        categories: The look-alikes that an image of them holds; empty where words are preferred.
        without: The classes for which no look-alike is known in the source.
    """

    prefer: str
    ids: frozenset[int]
    categories: tuple[str, ...] = ()
    without: tuple[str, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """The words that captions are searched for; none where look-alikes are preferred."""
        return () if self.prefer == LOOKALIKES else words_of(self.prefer)


def words_of(prefer: str) -> tuple[str, ...]:
    """`street|parking lot` as words and phrases, lower case, each once."""
    return tuple(dict.fromkeys(" ".join(word.casefold().split()) for word in prefer.split("|") if word.strip()))


def find_liked(
    prefer: str | None, matches: Sequence[ClassMatch], excluded: Collection[str], catalog: Catalog
) -> Liked | None:
    """Which images of a source are preferred; None where nothing is.

    Args:
        prefer: The option.
        matches: What each class excludes.
        excluded: The categories that rule an image out.
        catalog: That of the source.

    Raises:
        UsageError: Words are preferred, and the source has no captions.
    """
    if prefer is None:
        return None
    if prefer == LOOKALIKES:
        there = {category.name for category in catalog.categories} - set(excluded)
        found = {match.name: look_alikes(match) & there for match in matches}
        categories = tuple(sorted(frozenset[str]().union(*found.values())))
        without = tuple(name for name, names in found.items() if not names)
        return Liked(prefer, catalog.holding(categories), categories, without)
    if not catalog.has_captions:
        raise UsageError(
            f"--prefer {prefer}: captions are searched for these words, and the source has none here; leave it out, "
            "or use a source with captions (COCO without --fast)"
        )
    terms = tuple(form for word in words_of(prefer) for form in written_out(word))
    return Liked(prefer, catalog.naming(CaptionTerms("", terms)))


def liked_first(ranked: Sequence[int], liked: Liked | None) -> list[int]:
    """The candidates with the preferred ones in their places, each part in the order of the ranking.

    Of look-alikes every second image is one as long as there are any, since a choice of nothing else is wrong more
    often; the others are the first of all that are left. With words, all that have them come first.
    """
    if liked is None:
        return list(ranked)
    wanted = [image_id for image_id in ranked if image_id in liked.ids]
    if liked.prefer != LOOKALIKES:
        return wanted + [image_id for image_id in ranked if image_id not in liked.ids]
    order: dict[int, None] = {}
    turns = (iter(wanted), iter(ranked))
    while len(order) < len(ranked):
        for turn in turns:
            if (image_id := next((one for one in turn if one not in order), None)) is not None:
                order[image_id] = None
    return list(order)


def liked_figures(
    matches: tuple[ClassMatch, ...], overall: Contamination | None, liked: Liked | None, eligible: Collection[int]
) -> tuple[tuple[ClassMatch, ...], Contamination | None]:
    """The expected contamination of the choice that is made, where it is not a random one of all that are eligible."""
    if liked is None or liked.prefer != LOOKALIKES or not eligible:
        return matches, overall
    number = sum(image_id in liked.ids for image_id in eligible)
    if not number:
        return matches, overall
    share = number / len(eligible)

    def raised(figure: Contamination | None) -> Contamination | None:
        # One half is chosen for it, and of the other as many hold one as of all.
        return with_look_alikes(figure, chosen=(1 + share) / 2, eligible=share) if figure else None

    told = (replace(match, expected_contamination=raised(match.expected_contamination)) for match in matches)
    return tuple(told), raised(overall)


def liked_notes(liked: Liked | None, chosen: Sequence[int]) -> tuple[str, ...]:
    """What a person should know of the choice."""
    if liked is None:
        return ()
    number, needed = sum(image_id in liked.ids for image_id in chosen), len(chosen)
    if liked.prefer != LOOKALIKES:
        rest = f"; {counted(needed - number, 'other', 'are')} random, since no more such images are eligible"
        return (
            f"--prefer {liked.prefer}: {number:,} of {counted(needed, 'image')} {agreeing(number, 'have')} a caption "
            f"with these words{rest if number < needed else ''}. What share of them shows a class is not known better "
            "than for random images",
        )
    notes = []
    if liked.without:
        notes.append(f"--prefer lookalikes: none is known here for {first_of(liked.without, _SHOWN)}")
    if not liked.categories or not number:
        return (*notes, "--prefer lookalikes: no eligible image holds one, so all images are random")
    notes.append(
        f"--prefer lookalikes (experimental): {number:,} of {counted(needed, 'image')} {agreeing(number, 'hold')} "
        f"{first_of(liked.categories, _SHOWN)}; the others are random. They hold more of a detector's false alarms "
        "and show a class more often; that they train a better detector than random images is not shown"
    )
    return tuple(notes)


def reasons(
    liked: Liked | None, catalog: Catalog, chosen: Sequence[int], seed: int, *, frames: bool = False
) -> dict[int, str]:
    """Why each image was chosen; `frames`: frames of videos are among them."""
    random = f"random, seed {seed}"
    if liked is None:
        told = dict.fromkeys(chosen, random)
        names = catalog.file_names(chosen) if frames else ()
        return told | {i: f"spread in time, seed {seed}" for i, name in zip(chosen, names, strict=False) if parse(name)}
    alike = alike_in(liked, catalog, chosen)
    words = f"a caption has {' or '.join(liked.words[:_SHOWN])}"
    told = {image_id: words if image_id in liked.ids and not liked.categories else random for image_id in chosen}
    return told | {image_id: f"look-alike: {', '.join(names)}" for image_id, names in alike.items()}


def alike_in(liked: Liked | None, catalog: Catalog, ids: Collection[int]) -> dict[int, tuple[str, ...]]:
    """The look-alikes that images hold, of those that hold one; nothing where no look-alikes are preferred."""
    asked = [image_id for image_id in ids if image_id in liked.ids] if liked and liked.categories else []
    held = catalog.describe(asked)
    return {i: tuple(name for name in names if liked and name in liked.categories) for i, (names, _) in held.items()}
