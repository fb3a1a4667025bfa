"""Images over HTTP: an event loop in a thread of its own, so that it also works where one is running (notebooks).

Keeps each image's tries, waits and fail-over; `request` makes the single request.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from pathlib import Path
from typing import Any

from yolobg.errors import DownloadError
from yolobg.images.hosts import Fault, Host, Hosts
from yolobg.images.limits import Limits
from yolobg.images.pace import Pace
from yolobg.images.request import Requester
from yolobg.images.session import open_session
from yolobg.images.staging import Outcome
from yolobg.model import Failed, ImageRecord, Staged
from yolobg.net.retries import backoff_s
from yolobg.net.tls import tls_context
from yolobg.threads import start_thread

__all__ = ["Network"]

_log = logging.getLogger(__name__)
_WAIT_FOR_HOST_S = 0.05


class Network:
    """Fetches images from an origin's hosts; `report` is told one outcome per image, from the loop's thread."""

    def __init__(
        self,
        bases: tuple[str, ...],
        staging: Path,
        *,
        workers: Executor,
        report: Callable[[int, Outcome, int], None],
        limits: Limits,
        jobs: int | None,
    ) -> None:
        self.hosts = Hosts(bases, limits=limits)
        self._staging, self._workers, self._report, self._limits = staging, workers, report, limits
        self._pace = Pace(jobs, limits=limits)
        self._lock = threading.Lock()
        self._closed = False
        self._started: Future[asyncio.AbstractEventLoop] = Future()
        self._thread: threading.Thread | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def submit(self, rank: int, record: ImageRecord) -> None:
        """Begin to fetch an image; its outcome is reported under `rank`."""
        with self._lock:
            if self._closed:
                return
            if self._thread is None:
                self._thread = start_thread(self._run, name="yolobg-download")
        loop = self._started.result()
        loop.call_soon_threadsafe(self._spawn, rank, record)

    def close(self) -> None:
        """Stop all requests, remove what is incomplete, and end the thread."""
        with self._lock:
            self._closed = True
        if self._thread is None:
            return
        try:
            loop = self._started.result()
        except Exception:  # noqa: BLE001 - it was told to whoever submitted
            return
        try:
            loop.call_soon_threadsafe(self._stopped.set)
        except RuntimeError:
            _log.debug("the loop had ended already")
        self._thread.join()

    def _run(self) -> None:
        loop = asyncio.new_event_loop()
        # The loop waits for its own look-ups at its end, and a silent name server would hold it up.
        loop.getaddrinfo = partial(_look_up, loop)  # type: ignore[method-assign]
        try:
            loop.run_until_complete(self._main())
            loop.run_until_complete(loop.shutdown_default_executor())
        except BaseException as error:  # noqa: BLE001 - raised by whoever waits for outcomes
            if not self._started.done():
                self._started.set_exception(error)
                return
            self._report(-1, error, 0)
        finally:
            loop.close()

    async def _main(self) -> None:
        self._stopped = asyncio.Event()
        async with open_session(self._limits, tls_context()) as session:
            self._requester = Requester(session, self._staging, self._workers, self._limits)
            self._started.set_result(asyncio.get_running_loop())
            await self._stopped.wait()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _spawn(self, rank: int, record: ImageRecord) -> None:
        task = asyncio.get_running_loop().create_task(self._image(rank, record))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _image(self, rank: int, record: ImageRecord) -> None:
        outcome: Outcome
        tries = _Tries(record, self._requester, self.hosts, self._pace, self._limits)
        try:
            outcome = await tries.run()
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - the caller's thread raises it
            outcome = error
        self._report(rank, outcome, tries.attempts)


async def _look_up(loop: asyncio.AbstractEventLoop, *arguments: Any, **options: Any) -> Any:
    """`socket.getaddrinfo` in a thread that nobody waits for once its answer is no longer wanted.

    Raises:
        OSError: There is no such name, or nobody who knows.
    """
    answer: Future[Any] = Future()

    def run() -> None:
        result, error = None, None
        try:
            result = socket.getaddrinfo(*arguments, **options)
        except BaseException as raised:  # noqa: BLE001 - raised by whoever waits
            error = raised
        if not answer.set_running_or_notify_cancel():
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(result)

    start_thread(run, name="yolobg-look-up")
    return await asyncio.wrap_future(answer, loop=loop)


class _Tries:
    """All that is done to get one image."""

    def __init__(self, record: ImageRecord, requester: Requester, hosts: Hosts, pace: Pace, limits: Limits) -> None:
        self._record, self._requester, self._hosts = record, requester, hosts
        self._pace, self._limits = pace, limits
        self._attempts = self._connections = 0
        self._gone: set[int] = set()
        self._seen: Counter[str] = Counter()
        self._reason = "no host was tried"

    @property
    def attempts(self) -> int:
        """Requests made for the image so far."""
        return self._attempts

    async def run(self) -> Staged | Failed:
        """Ask host after host until one has it, none can have it, or the bounds are reached.

        Raises:
            DownloadError: All hosts are down, or staging cannot be written.
        """
        deadline: float | None = None
        while True:
            if self._hosts.all_down:
                raise DownloadError(
                    f"no image host can be reached ({self._hosts.describe()}); check the connection and run again "
                    "(what was fetched so far is kept)"
                )
            if not self._hosts.has_any(self._gone):
                return self._failed(self._reason)
            result = await self._turn()
            if isinstance(result, Staged):
                return result
            now = time.monotonic()
            deadline = deadline if deadline is not None else now + self._limits.image_s
            if self._is_exhausted():
                return self._failed(self._reason)
            if now + result > deadline:
                return self._failed(f"not fetched within {self._limits.image_s:.0f} s; last: {self._reason}")
            if result > 0:
                await asyncio.sleep(result)

    def _is_exhausted(self) -> bool:
        tries = self._limits.tries
        return self._attempts - self._connections >= tries or self._attempts >= 2 * tries

    def _failed(self, reason: str) -> Failed:
        return Failed(self._record.id, reason, self._attempts)

    async def _turn(self) -> Staged | float:
        """One request, when a host can be asked; else, or when it fails, the seconds to wait before the next."""
        await self._pace.acquire()
        try:
            host = self._hosts.pick(self._gone, self._attempts)
            if host is None:
                return _WAIT_FOR_HOST_S
            try:
                return await self._ask(host)
            except Fault as fault:
                return self._wait_after(host, fault)
        finally:
            self._pace.release()

    async def _ask(self, host: Host) -> Staged:
        self._attempts += 1
        try:
            staged = await self._requester.get(host, self._record, seen=self._seen)
        except Fault:
            raise
        except BaseException:
            host.probing = False
            raise
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
