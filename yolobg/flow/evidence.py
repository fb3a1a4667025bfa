"""Evidence besides a source's own objects: which of its images a file finds a class in, or verified to be free of it.

A positive rules an image out. A verified negative makes it verified. Whatever else there is to say is "unknown".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

from yolobg.dataset.layout import coco_id
from yolobg.errors import AnnotationsError, UsageError
from yolobg.flow.options import CAPTIONS, LVIS, Request
from yolobg.matching.evidence import Standing, standings_of
from yolobg.matching.lexicon.class_tables import open_images_classes
from yolobg.model import Finding, Progress, no_progress
from yolobg.sources.catalog.catalog import Catalog
from yolobg.sources.catalog.evidence_file import EvidenceFile
from yolobg.sources.catalog.open import find_lvis, open_evidence
from yolobg.wording import counted

__all__ = ["Evidence", "check_captions", "find_evidence", "findings_of"]

_BATCH = 10_000


@dataclass(frozen=True, slots=True)
class Evidence:
    """A file of evidence, and what the user calls it."""

    place: str
    file: EvidenceFile


def find_evidence(places: Iterable[str | Path], *, progress: Progress = no_progress) -> tuple[Evidence, ...]:
    """Open the evidence that a request names; captions, which are part of a catalog, are none of it.

    Raises:
        AnnotationsError: A file is not there or not usable.
        UsageError: LVIS has not been fetched.
    """
    found: list[Evidence] = []
    for place in map(str, places):
        if place == LVIS:
            found += [Evidence(place, file) for file in _lvis()]
        elif place != CAPTIONS:
            found.append(Evidence(place, open_evidence(place, progress=progress)))
    return tuple(found)


def _lvis() -> tuple[EvidenceFile, ...]:
    files = find_lvis()
    if not files:
        raise UsageError(
            "--evidence lvis: LVIS is not in the cache; fetch it once (415 MB) with `yolobg cache add lvis`"
        )
    return files


def check_captions(request: Request, catalog: Catalog) -> None:
    """Refuse a request that names captions as evidence where there are none.

    Raises:
        UsageError: The source has none.
    """
    if CAPTIONS in request.evidence and not catalog.has_captions:
        raise UsageError(
            "--evidence captions: the source has no captions; leave it out"
            + (", or leave --fast out, which does without them" if request.fast else "")
        )


def findings_of(
    evidence: Sequence[Evidence],
    catalog: Catalog,
    names: Iterable[str],
    *,
    user_map: Mapping[str, Sequence[str]],
    exclude: Sequence[str] = (),
    lean: bool = False,
    labels: bool = False,
) -> tuple[Finding, ...]:
    """What the evidence says of the images of a source, for each class and for the further excluded categories.

    Args:
        evidence: The files.
        catalog: That of the source.
        names: The class names of the dataset.
        user_map: As for `match_classes`.
        exclude: Further categories to leave out.
        lean: Whether categories that match only possibly stay candidates.
        labels: Whether the source is Open Images, whose own labels always count.

    Raises:
        AnnotationsError: A file is about none of the source's images, or damaged.
    """
    if not evidence and not labels:
        return ()
    wanted = tuple(dict.fromkeys(names))
    said = {name: Finding(name, 0, 0) for name in (*wanted, *([""] if exclude else []))}
    standings = partial(standings_of, wanted, user_map=user_map, exclude=exclude, lean=lean)
    found = [_in_files(evidence, catalog, standings)] if evidence else []
    if labels:
        own = standings(catalog.categories, {number: one.id for number, one in enumerate(open_images_classes(), 1)})
        found.append(Finding(one.name, *catalog.labelled(one.vetoing, one.verifying)) for one in own)
    for one in chain.from_iterable(found):
        before = said[one.name]
        said[one.name] = Finding(one.name, before.present | one.present, before.absent | one.absent)
    return tuple(said.values())


def _in_files(
    evidence: Sequence[Evidence], catalog: Catalog, standings: Callable[..., Sequence[Standing]]
) -> Iterator[Finding]:
    known = _Known(catalog, chain.from_iterable(one.file.names for one in evidence))
    _check_images(evidence, known)
    for one in evidence:
        places = _Places(one, known)
        file = one.file
        for standing in standings(file.categories, file.synsets):
            present = set[int]().union(*(places.any_of(file.found(category)) for category in standing.vetoing))
            free = map(file.absent, standing.verifying)
            absent = places.exactly(frozenset.intersection(*free)) if standing.verifying else set[int]()
            yield Finding(standing.name, catalog.set_of(present), catalog.set_of(absent))


class _Known:
    """The images of a source that evidence may be about, by the names that it may have for them.

    An image is its place among the source's ids.
    """

    def __init__(self, catalog: Catalog, names: Iterable[str]) -> None:
        self._whole: dict[str, list[int]] = {}
        self._last: dict[str, list[int]] = {}
        self._spelled: dict[int, str] = {}
        # A source may have millions of images more, of which nothing is kept.
        wanted = {_last_part(_spelled(name)) for name in names}
        ids = catalog.ids
        for start in range(0, len(ids), _BATCH):
            for image, name in enumerate(catalog.file_names(ids[start : start + _BATCH]), start):
                spelled = _spelled(name)
                if (last := _last_part(spelled)) in wanted:
                    self._spelled[image] = spelled
                    self._whole.setdefault(spelled, []).append(image)
                    self._last.setdefault(last, []).append(image)

    def images_of(self, name: str) -> Sequence[int]:
        """The images that a name may mean: those of that path; else those of that file name, or COCO number."""
        spelled = _spelled(name)
        return self._whole.get(spelled, ()) or self._last.get(_last_part(spelled), ())

    def is_surely(self, name: str, image: int) -> bool:
        """Whether a name means this image: by COCO's number, or as one path is the end of the other.

        `test/7.jpg` is another image than `train/7.jpg`, even where only one of them is in the source.
        """
        theirs, ours = f"/{_spelled(name)}", f"/{self._spelled[image]}"
        return theirs.endswith(ours) or ours.endswith(theirs) or _number(theirs.rpartition("/")[2]) is not None


def _spelled(name: str) -> str:
    return name.replace("\\", "/").removeprefix("./").casefold()


def _last_part(spelled: str) -> str:
    name = spelled.rpartition("/")[2]
    number = _number(name)
    return name if number is None else f"#{number}"


def _number(file_name: str) -> int | None:
    return coco_id(file_name.rpartition(".")[0].replace("coco_", "COCO_"))


def _check_images(evidence: Sequence[Evidence], known: _Known) -> None:
    """Refuse evidence none of whose files is about an image of the source; LVIS has two, of which one may be."""
    names: dict[str, list[str]] = {}
    for one in evidence:
        names.setdefault(one.place, []).extend(one.file.names)
    for place, listed in names.items():
        if not any(map(known.images_of, listed)):
            example = f", such as {listed[0]!a}," if listed else ""
            raise AnnotationsError(
                f"--evidence {place}: of its {counted(len(listed), 'image')}{example} none is an image of the source; "
                "evidence must be about the same images, by file name"
            )


class _Places:
    """The images of a file of evidence as places in the source."""

    def __init__(self, evidence: Evidence, known: _Known) -> None:
        self._known = known
        self._names = evidence.file.names
        self._images = [known.images_of(name) for name in self._names]

    def any_of(self, listed: Iterable[int]) -> set[int]:
        """All images that these may be: where several have the name, each is ruled out."""
        return {image for place in listed for image in self._images[place]}

    def exactly(self, listed: Iterable[int]) -> set[int]:
        """Those images that these certainly are: none where several have the name, or the folders differ."""
        return {
            self._images[place][0]
            for place in listed
            if len(self._images[place]) == 1 and self._known.is_surely(self._names[place], self._images[place][0])
        }
