"""Images over HTTP, in threads: as many as the pace allows, each with one request at a time; one outcome per image."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from yolobg.errors import DownloadError
from yolobg.images.limits import Limits
from yolobg.images.request import Requester
from yolobg.images.staging import Outcome
from yolobg.model import Failed, ImageRecord, Staged
from yolobg.net.client import Client
from yolobg.net.hosts import Host, Hosts
from yolobg.net.pace import Pace
from yolobg.net.request import Fault
from yolobg.net.tries import Lost, Tries
from yolobg.net.turns import Crew

__all__ = ["Network"]

_log = logging.getLogger(__name__)
_HEADERS = {"User-Agent": "yolobg", "Accept": "image/*,*/*;q=0.5"}


@dataclass(frozen=True, slots=True)
class _Wanted:
    """An image, the tries to get it, and the contents that came with another ETag, with how often."""

    rank: int
    record: ImageRecord
    tries: Tries
    seen: Counter[str] = field(default_factory=Counter)


class Network:
    """Fetches images from an origin's hosts; `report` is called with one outcome per image, from any thread."""

    def __init__(
        self,
        bases: tuple[str, ...],
        staging: Path,
        *,
        report: Callable[[int, Outcome, int], None],
        limits: Limits,
        jobs: int | None,
    ) -> None:
        self.hosts = Hosts(bases, limits=limits)
        self._report, self._limits = report, limits
        self._pace = Pace(jobs, limits=limits)
        self._client = Client(connections=max(limits.ceiling, self._pace.limit), headers=_HEADERS)
        self._requester = Requester(self._client, staging, limits)
        self._crew: Crew[_Wanted] = Crew(self._turn, self._pace, name="yolobg-download")
        self._closed = False

    def submit(self, rank: int, record: ImageRecord) -> None:
        """Begin to fetch an image; its outcome is reported under `rank`.

        Raises:
            YolobgError: This machine has no thread for it.
        """
        self._crew.submit(_Wanted(rank, record, Tries(self.hosts, self._pace, within_s=self._limits.image_s)))

    def close(self) -> None:
        """Stop all requests, remove what is incomplete, and end the threads."""
        self._closed = True
        self._crew.close(self._client.close)

    def _turn(self, wanted: _Wanted) -> float | None:
        """One request for an image; what comes of it is reported, unless it has to wait for another."""

        def ask(host: Host) -> Staged:
            try:
                return self._requester.get(host, wanted.record, seen=wanted.seen)
            except Fault as fault:
                _log.debug("image %s: %s: %s", wanted.record.id, host.name, fault.reason)
                raise

        outcome: Outcome | float
        try:
            outcome = wanted.tries.turn(ask)
        except Lost as lost:
            outcome = self._outcome_of(lost, wanted)
        except BaseException as error:  # noqa: BLE001 - the caller's thread raises it
            outcome = error
        if isinstance(outcome, float):
            return outcome
        if not self._closed:
            self._report(wanted.rank, outcome, wanted.tries.attempts)
        return None

    def _outcome_of(self, lost: Lost, wanted: _Wanted) -> Outcome:
        if lost.why == "down":
            return DownloadError(
                f"no image host can be reached ({self.hosts.describe()}); check the connection and run again "
                "(what was fetched so far is kept)"
            )
        return Failed(wanted.record.id, str(lost), wanted.tries.attempts, wanted.record.file_name)
