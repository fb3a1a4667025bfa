"""Images over HTTP, in threads: as many as the pace allows, each with one request at a time.

Keeps each image's tries, waits and fail-over; `request` makes the single request.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from yolobg.errors import DownloadError, YolobgError
from yolobg.images.hosts import Fault, Host, Hosts
from yolobg.images.limits import Limits
from yolobg.images.pace import Pace
from yolobg.images.request import Requester
from yolobg.images.staging import Outcome
from yolobg.images.turns import Turns
from yolobg.model import Failed, ImageRecord, Staged
from yolobg.net.client import Client
from yolobg.net.retries import backoff_s
from yolobg.threads import start_thread

__all__ = ["Network"]

_log = logging.getLogger(__name__)
_WAIT_FOR_HOST_S = 0.05
_HEADERS = {"User-Agent": "yolobg", "Accept": "image/*,*/*;q=0.5"}


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
        self._turns: Turns[tuple[int, _Tries]] = Turns(self._pace)
        self._lock = threading.Lock()
        self._rules = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._is_short = self._closed = False

    def submit(self, rank: int, record: ImageRecord) -> None:
        """Begin to fetch an image; its outcome is reported under `rank`.

        Raises:
            YolobgError: This machine has no thread for it.
        """
        self._turns.add((rank, _Tries(record, self._requester, self.hosts, self._pace, self._limits, self._rules)))
        with self._lock:
            if self._closed or self._is_short or len(self._threads) >= self._pace.limit:
                return
            try:
                self._threads.append(start_thread(self._work, name="yolobg-download"))
            except YolobgError:
                # Those that there are fetch all of it as well.
                self._is_short = True
                if not self._threads:
                    raise

    def close(self) -> None:
        """Stop all requests, remove what is incomplete, and end the threads."""
        with self._lock:
            self._closed = True
        self._turns.close()
        self._client.close()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while (turn := self._turns.take()) is not None:
            rank, tries = turn
            outcome: Outcome | float
            try:
                outcome = tries.turn()
            except BaseException as error:  # noqa: BLE001 - the caller's thread raises it
                outcome = error
            self._turns.give_back()
            if isinstance(outcome, float):
                self._turns.add(turn, wait_s=outcome)
            elif not self._closed:
                self._report(rank, outcome, tries.attempts)


class _Tries:
    """All that is done to get one image."""

    def __init__(
        self,
        record: ImageRecord,
        requester: Requester,
        hosts: Hosts,
        pace: Pace,
        limits: Limits,
        rules: threading.Lock,
    ) -> None:
        self._record, self._requester, self._hosts = record, requester, hosts
        self._pace, self._limits, self._rules = pace, limits, rules
        self._deadline: float | None = None
        self._attempts = self._connections = 0
        self._gone: set[int] = set()
        self._seen: Counter[str] = Counter()
        self._reason = "no host was tried"

    @property
    def attempts(self) -> int:
        """Requests made for the image so far."""
        return self._attempts

    def turn(self) -> Staged | Failed | float:
        """One request, where a host can be asked: what came of the image, or the seconds to wait before the next.

        Raises:
            DownloadError: All hosts are down, or staging cannot be written.
        """
        with self._rules:
            if self._hosts.all_down:
                raise DownloadError(
                    f"no image host can be reached ({self._hosts.describe()}); check the connection and run again "
                    "(what was fetched so far is kept)"
                )
            if not self._hosts.has_any(self._gone):
                return self._failed(self._reason)
            host = self._hosts.pick(self._gone, self._attempts)
        if host is None:
            return self._wait(_WAIT_FOR_HOST_S)
        try:
            return self._ask(host)
        except Fault as fault:
            with self._rules:
                wait_s = self._wait_after(host, fault)
        return self._wait(wait_s)

    def _wait(self, wait_s: float) -> Failed | float:
        """How long to wait, or that there is no point in it."""
        now = time.monotonic()
        self._deadline = now + self._limits.image_s if self._deadline is None else self._deadline
        if self._is_exhausted():
            return self._failed(self._reason)
        if now + wait_s > self._deadline:
            return self._failed(f"not fetched within {self._limits.image_s:.0f} s; last: {self._reason}")
        return wait_s

    def _is_exhausted(self) -> bool:
        tries = self._limits.tries
        return self._attempts - self._connections >= tries or self._attempts >= 2 * tries

    def _failed(self, reason: str) -> Failed:
        return Failed(self._record.id, reason, self._attempts, self._record.file_name)

    def _ask(self, host: Host) -> Staged:
        self._attempts += 1
        try:
            staged = self._requester.get(host, self._record, seen=self._seen)
        except Fault:
            raise
        except BaseException:
            host.probing = False
            raise
        with self._rules:
            self._hosts.answered(host, "good images")
            self._pace.succeeded()
        return staged

    def _wait_after(self, host: Host, fault: Fault) -> float:
        self._reason = f"{host.name}: {fault.reason}"
        _log.debug("image %s, try %s: %s", self._record.id, self._attempts, self._reason)
        if fault.kind in ("connection", "untrusted", "slow"):
            self._hosts.failed(host, fault)
            self._connections += fault.kind == "connection"
        elif fault.kind == "local":
            host.probing = False
        else:
            self._hosts.answered(host, fault.reason)
        if fault.kind in ("busy", "slow", "local"):
            self._pace.slow_down()
        if fault.kind == "gone":
            self._gone.add(self._hosts.all.index(host))
            return 0.0
        if fault.kind == "untrusted":
            return 0.0
        wait = backoff_s(self._attempts, first_s=self._limits.backoff_s, cap_s=self._limits.backoff_cap_s)
        return max(wait, fault.retry_after_s or 0.0)
