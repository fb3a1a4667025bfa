"""The embedded database of a source: who may be a background, and what is known of each image.

Answers every question asked of a source; `build` writes the file, `open` finds or makes it. The file
is never changed once it is in place, so readers need no lock and may share it.

The semantics are pycocotools': an image holds a category when any annotation says so, crowd regions included
(`getImgIds(catIds=[c])`), and the images of several categories are the union.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import and_, or_
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from yolobg.errors import AnnotationsError, UsageError
from yolobg.model import CaptionTerms, Category, ClassEvidence, Eligibility, Finding, ImageRecord, License
from yolobg.sources.catalog.build import why_unusable
from yolobg.sources.catalog.sqlite_file import DAMAGE, CatalogFile

__all__ = ["Catalog", "parse_license"]

_T = TypeVar("_T")
_BATCH = 200


class Catalog:
    """A read-only catalog; a context manager, for use from one thread.

    Args:
        path: The catalog file.
        rebuild: Rebuilds or finds the file and returns its path; called when the file is gone, and at most once when it
            turns out to be damaged.

    Raises:
        AnnotationsError: The file is damaged or of another version, and there is no `rebuild` or it did not help. Also
            from every method, since damage may show at any time.
    """

    def __init__(self, path: Path, *, rebuild: Callable[[], Path] | None = None) -> None:
        self.path = path
        self._rebuild = rebuild
        self._file: CatalogFile | None = None
        self._ask(lambda _file: None)

    def __enter__(self) -> Catalog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; a later question opens it again."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _ask(self, question: Callable[[CatalogFile], _T]) -> _T:
        """Put a question to the file; if that shows damage, rebuild the file and ask once more."""
        try:
            return question(self._open())
        except DAMAGE as error:
            self.close()
            if self._rebuild is None:
                raise AnnotationsError(
                    f"{self.path}: the catalog is damaged or of another version ({error}); "
                    "run `yolobg cache clear`, then the command again"
                ) from error
            rebuild = self._rebuild
            # One that is gone was replaced by a copy in which one more place is noted: that is no damage.
            self._rebuild = None if self.path.exists() else rebuild
        self.path = rebuild()
        return self._ask(question)

    def _open(self) -> CatalogFile:
        if self._file is None:
            self._file = CatalogFile(self.path)
        return self._file

    # ------------------------------------------------------------ what is there

    @property
    def key(self) -> str:
        """What the cache knows the content of the source's files by; empty for a file of another name."""
        parts = self.path.stem.rsplit("-", 2)
        return parts[1] if len(parts) == 3 else ""  # noqa: PLR2004 - name, key and digest

    @property
    def categories(self) -> tuple[Category, ...]:
        """All categories in ascending id order."""
        return self._ask(lambda file: file.categories)

    @property
    def licenses(self) -> tuple[License, ...]:
        """All licences in ascending id order."""
        return self._ask(lambda file: file.licenses)

    @property
    def images(self) -> int:
        """Number of images of the source."""
        return self._ask(lambda file: file.images)

    @property
    def has_captions(self) -> bool:
        """Whether the source came with captions, so that they can veto."""
        return self._ask(lambda file: file.shift >= 0)

    # ------------------------------------------------------------ questions

    def eligible(
        self,
        excluded: Collection[str],
        *,
        vetoes: Sequence[CaptionTerms] = (),
        license_ids: Collection[int] | None = None,
        findings: Sequence[Finding] = (),
        verified: bool = False,
    ) -> Eligibility:
        """Find the images that may be a background.

        Each image is left out under the first reason that holds: class, caption, evidence, unverified, licence,
        unusable. An image without a licence passes no licence filter.

        Args:
            excluded: Category names; an image that holds any of them is left out. Where two categories share a name,
                both are meant.
            vetoes: An image with a caption that names one of the terms is left out; without captions, none is.
            license_ids: Licences that are allowed; None allows all.
            findings: What evidence says; an image that it finds a class in is left out.
            verified: Also leave out what is not verified to be free of the class of each finding that has a name.

        Returns:
            Ids in ascending order. `captions` counts, per class, the images without an excluded category that its terms
            name.

        Raises:
            UsageError: A category or licence that the source does not have.
        """
        return self._ask(
            lambda file: _eligible(file, excluded, vetoes, license_ids, _Findings.of(file, findings), verified)
        )

    def holding(self, names: Collection[str]) -> frozenset[int]:
        """The images that hold any of these categories.

        Raises:
            UsageError: A category that the source does not have.
        """
        return self._ask(
            lambda file: frozenset(file.ids_of(_union(file.holders(one) for one in _category_ids(file, names))))
        )

    def set_of(self, places: Collection[int]) -> int:
        """The images at these places in `ids` as a set for a finding."""
        return self._ask(lambda file: file.set_of(places))

    def among(self, ids: Collection[int], images: int) -> frozenset[int]:
        """Those of the ids whose images are in a set."""
        return self._ask(lambda file: frozenset(_among(file, ids, images)))

    def labelled(self, found: Collection[int], absent: Collection[int]) -> tuple[int, int]:
        """What the labels of Open Images say, by category ids.

        Returns:
            The images in which any of `found` is, and those that people verified to be free of each of `absent`; none
            where that is empty.
        """
        return self._ask(
            lambda file: (
                _union(file.holders(one) for one in found),
                reduce(and_, map(file.absent, absent)) if absent else 0,
            )
        )

    def naming(self, terms: CaptionTerms) -> frozenset[int]:
        """The images with a caption that names one of the terms; none where the source has no captions."""
        return self._ask(lambda file: frozenset(file.ids_of(file.named(terms))))

    def records(self, ids: Sequence[int]) -> Iterator[ImageRecord]:
        """Yield the records of `ids` in the order given, reading a few at a time.

        Raises:
            KeyError: No image has such an id.
        """
        for start in range(0, len(ids), _BATCH):
            yield from self._records(ids[start : start + _BATCH])

    def _records(self, ids: Sequence[int]) -> list[ImageRecord]:
        found = self._ask(lambda file: file.records(ids))
        return [found[image_id] for image_id in ids]

    @property
    def ids(self) -> tuple[int, ...]:
        """The ids of all images, ascending."""
        return self._ask(lambda file: tuple(file.ids))

    def file_names(self, ids: Sequence[int]) -> list[str]:
        """The file name of each of `ids`, in the order given.

        Raises:
            KeyError: No image has such an id.
        """
        return self._ask(lambda file: file.file_names(ids))

    def why_unusable(self, ids: Collection[int]) -> dict[str, list[str]]:
        """The reasons why records cannot be used, each with the file names of these records; reads all records."""
        everyone = list(self.records(self._ask(lambda file: file.ids_of(file.everyone))))
        reasons: dict[str, list[str]] = {}
        for record, reason in zip(everyone, why_unusable(everyone), strict=True):
            if reason and record.id in ids:
                reasons.setdefault(reason, []).append(record.file_name)
        return reasons

    def contains(self, image_id: int) -> tuple[str, ...]:
        """Names of the categories an image holds, in ascending category id order.

        Raises:
            KeyError: No image has that id.
        """
        return self._ask(lambda file: _contains(file, image_id))

    def describe(self, ids: Collection[int]) -> dict[int, tuple[tuple[str, ...], tuple[str, ...]]]:
        """For each id, the categories its image holds, as `contains` gives them, and its captions, sorted.

        Made for many images at once: a thousand cost little more than one. Ids that no image has are left out.
        """
        return self._ask(lambda file: _describe(file, ids))


def _eligible(
    file: CatalogFile,
    excluded: Collection[str],
    vetoes: Sequence[CaptionTerms],
    license_ids: Collection[int] | None,
    findings: _Findings,
    verified: bool,  # noqa: FBT001
) -> Eligibility:
    held = _union(file.holders(category_id) for category_id in _category_ids(file, excluded))
    left = file.everyone & ~held
    naming: dict[str, int] = {}
    for terms in vetoes:
        naming[terms.name] = naming.get(terms.name, 0) | (file.named(terms) & left)
    named = _union(naming.values())
    left &= ~named
    seen = left & _union(findings.present.values())
    said = findings.counted(left)
    left &= ~seen
    unverified = left & ~reduce(and_, findings.absent.values(), left) if verified else 0
    left &= ~unverified
    barred = 0 if license_ids is None else left & ~_licensed(file, license_ids)
    left &= ~barred
    unusable = left & ~file.mask("usable")
    left &= ~unusable
    ids = file.ids_of(left)
    return Eligibility(
        ids=ids,
        images=file.images,
        by_class=held.bit_count(),
        by_caption=named.bit_count(),
        by_license=barred.bit_count(),
        unusable=unusable.bit_count(),
        captions={name: images.bit_count() for name, images in naming.items()},
        few_classes_share=(left & file.mask("few_classes")).bit_count() / len(ids) if ids else 0.0,
        unusable_ids=file.ids_of(unusable),
        by_evidence=seen.bit_count(),
        unverified=unverified.bit_count(),
        evidence=said,
    )


@dataclass(frozen=True, slots=True)
class _Findings:
    """Findings as sets of images, by class name; `absent` has those with a name."""

    present: dict[str, int]
    absent: dict[str, int]

    @classmethod
    def of(cls, file: CatalogFile, findings: Sequence[Finding]) -> _Findings:
        present: dict[str, int] = {}
        absent: dict[str, int] = {}
        for one in findings:
            present[one.name] = present.get(one.name, 0) | one.present
            if one.name:
                # Two classes of one name are one question, so both must be answered.
                absent[one.name] = absent.get(one.name, file.everyone) & one.absent & ~one.present
        return cls(present, absent)

    def counted(self, images: int) -> dict[str, ClassEvidence]:
        """What they say of these images, for each class."""
        rest = images & ~_union(self.present.values())
        return {
            name: ClassEvidence(
                verified=(rest & absent).bit_count(),
                unknown=(rest & ~absent).bit_count(),
                vetoed=(images & self.present[name]).bit_count(),
            )
            for name, absent in self.absent.items()
        }


def _among(file: CatalogFile, ids: Collection[int], images: int) -> Iterator[int]:
    for image_id in ids:
        with contextlib.suppress(KeyError):
            if images >> file.position(image_id) & 1:
                yield image_id


def _union(sets: Iterator[int] | Collection[int]) -> int:
    return reduce(or_, sets, 0)


def _category_ids(file: CatalogFile, names: Collection[str]) -> list[int]:
    known = {category.name for category in file.categories}
    if unknown := sorted(set(names) - known):
        raise UsageError(
            f"the source has no category {', '.join(map(repr, unknown))}; it has: {', '.join(sorted(known))}"
        )
    return [category.id for category in file.categories if category.name in names]


def _licensed(file: CatalogFile, license_ids: Collection[int]) -> int:
    if unknown := set(license_ids) - {row.id for row in file.licenses}:
        raise UsageError(_unknown_license(", ".join(map(str, sorted(unknown))), file.licenses))
    return _union([file.under_license(license_id) for license_id in license_ids])


def _contains(file: CatalogFile, image_id: int) -> tuple[str, ...]:
    bit = 1 << file.position(image_id)
    return tuple(category.name for category in file.categories if file.holders(category.id) & bit)


def _describe(file: CatalogFile, ids: Collection[int]) -> dict[int, tuple[tuple[str, ...], tuple[str, ...]]]:
    places: dict[int, int] = {}
    for image_id in sorted(ids):  # in order, so that each block of captions is unpacked once
        with contextlib.suppress(KeyError):
            places[image_id] = file.position(image_id)
    held: dict[int, list[str]] = {image_id: [] for image_id in places}
    for category in file.categories:
        bits = file.holders(category.id).to_bytes((file.images + 7) // 8, "little")
        for image_id, place in places.items():
            if bits[place >> 3] >> (place & 7) & 1:
                held[image_id].append(category.name)
    return {image_id: (tuple(held[image_id]), file.captions_at(place)) for image_id, place in places.items()}


# ---------------------------------------------------------------- licences


def parse_license(text: str, licenses: Sequence[License]) -> frozenset[int] | None:
    """Turn the value of `--license` into licence ids.

    Args:
        text: `any`, `commercial` (every licence without an NC part) or ids, separated by commas.
        licenses: The source's table.

    Returns:
        The ids that are allowed; None when all images are, those without a licence included.

    Raises:
        UsageError: Not one of these, or an id that the source does not have.
    """
    wanted = text.strip().lower()
    if wanted == "any":
        return None
    if wanted == "commercial":
        return frozenset(row.id for row in licenses if row.commercial)
    by_text: Mapping[str, int] = {str(row.id): row.id for row in licenses}
    parts = [part.strip() for part in wanted.split(",")]
    if unknown := [part for part in parts if part not in by_text]:
        raise UsageError(_unknown_license(", ".join(map(repr, unknown)), licenses))
    return frozenset(by_text[part] for part in parts)


def _unknown_license(what: str, licenses: Sequence[License]) -> str:
    table = "; ".join(f"{row.id} = {row.name or 'unnamed'}" for row in licenses) or "none"
    return f"--license {what}: expected any, commercial, or ids of the source's licences ({table})"
