"""One review under way: the images there are, what has been decided, and how an action changes that.

The server asks, from several threads; the rules are in `state`, the changes of the dataset in `apply`. Every action is
on disk before it is answered, so a crash of the page or of the server loses nothing.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from yolobg.changes.manifest import absolute, manifest_path, relative, run_key
from yolobg.changes.proposals import proposal_path
from yolobg.changes.records import Found, Manifest
from yolobg.changes.rejections import BAD_PICTURE, OTHER_REASON
from yolobg.changes.review_state import State, read_state, write_state
from yolobg.changes.siblings import narrowed
from yolobg.dataset.dataset import Dataset, open_dataset
from yolobg.dataset.inventory import scan_split
from yolobg.errors import DatasetError, UsageError, YolobgError
from yolobg.flow.planning import recorded
from yolobg.report.cards import Card, Catalogs, cards_of
from yolobg.review.apply import Applied, apply_review
from yolobg.review.decisions import Act, act, path_list, undo, without_images
from yolobg.review.proposed import apply_proposal, as_manifest, cards_of_proposal, finish_apply, proposal_for

__all__ = ["ANY_CLASS", "Session"]

ANY_CLASS = "any"
SURE = 0.8
"""Images in which the model that chose them found something with a higher score come first."""

MOST_OWN = 5000
"""Backgrounds of the user that are shown; a user with more has other ways to look at them."""


@dataclass(frozen=True, slots=True)
class NumberedCard:
    """A card under a number of its own, by which alone a page names it.

    Attributes:
        number: The number.
        card: The card.
        found: What the model that chose the image found in it; None where it does not fire, since what it is hardly
            sure of is no reason to doubt an image that was drawn at random.
        doubt: How likely the image is to be wrong, as far as the model knows; by it they are sorted.
    """

    number: int
    card: Card
    found: Found | None = None
    doubt: float = 0.0

    @property
    def words(self) -> str:
        """What the model that chose the image found in it, and the score."""
        return f"{self.found.category} {self.found.score:.2f}" if self.found else ""

    @property
    def title(self) -> str:
        """The card's title, and what the model that chose the image found in it."""
        return f"{self.card.title}: {self.words}" if self.found else self.card.title


class Session:
    """See the module.

    Args:
        data_yaml: The dataset's data.yaml, or a folder that holds one.

    Raises:
        DatasetError: It is not a dataset that can be read, or has no background at all.

    Attributes:
        proposal: The images that wait to be looked at, which are then all that is reviewed; None once they do not wait
            any more, and where none did at the start.
    """

    def __init__(self, data_yaml: str | Path) -> None:
        self.data_yaml = data_yaml
        self.dataset = open_dataset(data_yaml)
        self.version = 0
        self.generation = 0
        self.stage: tuple[str, int, int | None] | None = None
        self.new: frozenset[str] = frozenset()
        """The images that the last `apply` brought in, unless a person had looked at them before."""
        self.applied: Applied | None = None
        finish_apply(self.dataset, recorded(self.dataset))
        self.proposal = proposal_for(self.dataset, recorded(self.dataset))
        self._lock = threading.RLock()
        self._ended = False
        self._numbers: dict[str, int] = {}
        self._load()
        if not self.items:
            raise DatasetError(f"{self.dataset.root}: no split has a background image, so there is nothing to look at")

    # ------------------------------------------------------------ what there is

    def _load(self) -> None:
        # Before anything is read, and kept once all is: what changes meanwhile, or fails, is looked at again.
        stamp = _stamp(self.dataset.root)
        # Opened again: list files have changed with the dataset.
        self.dataset = dataset = open_dataset(self.dataset.data)
        manifest = recorded(dataset)
        # Those that a run proposes meanwhile are not what this page is about.
        self.proposal = proposal_for(dataset, manifest) if self.proposal else None
        mine = narrowed(manifest, dataset) if self.proposal is None else as_manifest(self.proposal)
        with Catalogs() as catalogs:
            if self.proposal is None:
                cards = cards_of(mine.entries, mine, dataset, catalogs) + _own_cards(dataset, manifest)
            else:
                cards = cards_of_proposal(self.proposal, dataset, catalogs)
        found, firing = _found(mine), _found(mine, firing=True)
        cards.sort(key=lambda card: -self._doubt(found.get(card.image)))
        numbers = [self._numbers.setdefault(card.image, len(self._numbers)) for card in cards]
        self.items = {
            number: NumberedCard(number, card, firing.get(card.image), self._doubt(found.get(card.image)))
            for number, card in zip(numbers, cards, strict=True)
        }
        self.state = without_images(read_state(dataset.root, self._state_of), {card.image for card in cards})
        if not self.to_apply:
            self.state = msgspec.structs.replace(self.state, base={})
        self.version += 1
        self.generation += 1
        self._stamp = stamp

    @property
    def _state_of(self) -> str | None:
        return self.dataset.name if self.proposal is None else None

    def _doubt(self, found: Found | None) -> float:
        """What a model is sure of is where an object may be after all."""
        score = found.score if found else 0.0
        return score if self.proposal is not None or score > SURE else 0.0

    def _refresh(self) -> None:
        """Look again where another yolobg has changed the dataset meanwhile; our own `apply` does so at its end."""
        if self.stage is None and _stamp(self.dataset.root) != self._stamp:
            self._load()

    def reasons(self) -> dict[str, str]:
        """Code to text of the reasons that a page may give."""
        told = {ANY_CLASS: "shows one of the classes"}
        told |= {f"class-{number}": f"shows {name}" for number, name in self.dataset.data.names.items()}
        return told | {"picture": BAD_PICTURE, "other": OTHER_REASON}

    def everything(self) -> dict[str, Any]:
        """What a page needs to begin with."""
        with self._lock:
            self._refresh()
            return {
                **self.decisions(),
                "dataset": self.dataset.root.name,
                "proposed": self.proposal is not None,
                "by_model": self.proposal is not None and self.proposal.run.mining is not None,
                "reasons": [{"code": code, "text": text} for code, text in self.reasons().items()],
                "items": [{**_told(item), **self._state(item)} for item in self.items.values()],
            }

    def _state(self, item: NumberedCard) -> dict[str, bool]:
        return {"new": item.card.image in self.new, "waits": self.proposal is not None}

    def decisions(self) -> dict[str, Any]:
        """What has been decided so far, by number."""
        with self._lock:
            numbers = {item.card.image: item.number for item in self.items.values()}
            return {
                "version": self.version,
                "generation": self.generation,
                "looked": [numbers[image] for image in self.state.looked],
                "rejected": {numbers[image]: reason for image, reason in self.state.rejected.items()},
                "can_undo": bool(self.state.steps),
                "stage": self.stage,
                "unfinished": bool(self.state.base),
            }

    def changes(self, since: int) -> dict[str, Any]:
        """The decisions if they have changed since a version, else only how far an `apply` is."""
        with self._lock:
            self._refresh()
            return self.decisions() if self.version != since else {"version": self.version, "stage": self.stage}

    # ------------------------------------------------------------ actions

    def act(self, kind: Act, numbers: Sequence[int], reason: str) -> dict[str, Any]:
        """Carry out one action on images and tell what is decided now.

        Raises:
            UsageError: There is no such image or reason, or an `apply` is under way.
        """
        with self._lock:
            self._check_free()
            reasons = self.reasons()
            if kind == "reject" and reason not in reasons:
                raise UsageError("no such reason")
            items = [self.items[number] for number in numbers if number in self.items]
            if len(items) != len(numbers):
                raise UsageError("the dataset has changed: some of these images are not there any more")
            text = reasons.get(reason, "")
            self._save(act(self.state, kind, [item.card.image for item in items], reason=text))
            return self.decisions()

    def undo(self) -> dict[str, Any]:
        """Take the last step back; tells what is decided now and which images it was about."""
        with self._lock:
            self._check_free()
            state, images = undo(self.state)
            self._save(state)
            numbers = {item.card.image: item.number for item in self.items.values()}
            return {**self.decisions(), "about": [numbers[image] for image in images if image in numbers]}

    def _save(self, state: State) -> None:
        if state != self.state:
            write_state(self.dataset.root, state, self._state_of)
            self.state = state
            self.version += 1

    def _check_free(self) -> None:
        if self._ended:
            raise UsageError("the review has ended, so nothing is decided any more; start it again")
        self._check_idle()
        self._refresh()

    def _check_idle(self) -> None:
        if self.stage is not None:
            raise UsageError("the rejections are being applied; wait for that to end")

    def end(self) -> None:
        """Bar all further actions, since the process ends.

        Raises:
            UsageError: An `apply` is under way.
        """
        with self._lock:
            self._check_idle()
            self._ended = True

    # ------------------------------------------------------------ the user's own

    def marked_paths(self) -> dict[str, Any]:
        """The user's own backgrounds that are marked as wrong, as the text of a list that a page can save."""
        with self._lock:
            text, left_out = path_list(card.path for card in self._rejected() if card.entry is None)
            return {"text": text, "left_out": left_out}

    # ------------------------------------------------------------ apply

    @property
    def to_apply(self) -> list[str]:
        """The rejected images that yolobg added; those of the user are only marked."""
        return [card.image for card in self._rejected() if card.entry is not None]

    def _rejected(self) -> list[Card]:
        return [item.card for item in self.items.values() if item.card.image in self.state.rejected]

    def begin_apply(self, generation: int | None = None) -> None:
        """Bar all other actions until `apply` has ended.

        Args:
            generation: That of the images that the person sees.

        Raises:
            UsageError: Another `apply` is under way, nothing is rejected, or other images wait than the person sees.
        """
        with self._lock:
            self._check_free()
            if self.proposal is not None:
                if generation != self.generation:
                    raise UsageError("the images have changed meanwhile; look at them, then apply again")
            elif not self.to_apply:
                raise UsageError("nothing is rejected, so there is nothing to apply")
            self.stage = ("prepare", 0, None)

    def apply(self, *, replace: bool) -> Applied:
        """Take the rejected images out, replaced by the next candidates; after `begin_apply`.

        Where images wait, the others come in, and `replace` says nothing.

        Raises:
            YolobgError: It cannot be done; the dataset is valid and the decisions are kept.
        """
        try:
            if self.proposal is not None:
                self.applied = apply_proposal(self.data_yaml, self.state.rejected, progress=self._progress)
                self._keep_looked(self.applied.added)
                return self.applied
            applied = apply_review(self.data_yaml, self.state, replace_them=replace, progress=self._progress)
            self.new = frozenset(applied.added)
            return applied
        finally:
            with self._lock:
                self.stage = None
                self._load()

    def _keep_looked(self, added: Sequence[str]) -> None:
        """Who has looked at an image that waited has looked at it."""
        root, name, looked = self.dataset.root, self.dataset.name, set(self.state.looked)
        with contextlib.suppress(YolobgError, OSError):
            state = read_state(root, name)
            more = tuple(image for image in added if image in looked)
            write_state(root, msgspec.structs.replace(state, looked=state.looked + more), name)

    def _progress(self, stage: str, done: int, total: int | None, /) -> None:
        self.stage = (stage, done, total)

    # ------------------------------------------------------------ pictures

    def picture(self, number: int) -> Path | None:
        """The file of an image; None where there is no such number."""
        # Without the lock, so that pictures never wait for an action.
        item = self.items.get(number)
        return item.card.path if item else None

    def box(self, number: int) -> tuple[float, float, float, float] | None:
        """Where the model that chose an image found something; None where there is no such thing."""
        item = self.items.get(number)
        return item.found.box if item and item.found else None


def _found(manifest: Manifest, *, firing: bool = False) -> dict[str, Found]:
    """By image, what the model that chose it found there; of those alone that fire, if asked for."""
    by_run = {
        run_key(run): {
            one.source_id: one
            for one in run.mining.found
            if one.category and (one.score >= run.mining.min_score or not firing)
        }
        for run in manifest.runs
        if run.mining is not None
    }
    found = ((entry.image, by_run.get(run_key(entry), {}).get(entry.source_id)) for entry in manifest.entries)
    return {image: one for image, one in found if one is not None}


def _own_cards(dataset: Dataset, manifest: Manifest) -> list[Card]:
    """The backgrounds that were there before us, each once."""
    data, root = dataset.data, dataset.root
    ours = {str(absolute(entry.image, root)) for entry in manifest.known}
    cards: dict[str, Card] = {}
    for split in data.splits:
        try:
            inventory = scan_split(data, split)
        except DatasetError:
            continue
        for file in inventory.files:
            if file.state in ("missing", "empty") and file.image not in ours and len(cards) < MOST_OWN:
                image = relative(file.image, root)
                cards.setdefault(image, Card(image, Path(file.image), split, None))
    return list(cards.values())


def _told(item: NumberedCard) -> dict[str, Any]:
    card, entry = item.card, item.card.entry
    return {
        "number": item.number,
        "title": item.title,
        "image": card.image,
        "split": card.split,
        "ours": entry is not None,
        "contains": card.contains,
        "captions": card.captions,
        "license": entry.license_name if entry else "",
        "license_url": entry.license_url if entry else "",
        "credit": msgspec.to_builtins(card.credit),
        "commercial": card.commercial,
        "added": entry.added if entry else "",
        "tag": entry.sha256[:16] if entry else "",
        "found": item.words,
        "doubt": item.doubt,
    }


def _stamp(root: Path) -> tuple[tuple[int, int] | None, ...]:
    """Changes whenever the manifest or what waits is written."""
    return _written(manifest_path(root)), _written(proposal_path(root))


def _written(path: Path) -> tuple[int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_ino
