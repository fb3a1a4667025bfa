"""Loops over the shards that have no scores yet: in this process, in several of this machine, on a Ray cluster.

Which engine does a shard makes no difference to its file. A worker that dies leaves its shard undone, and others do it.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from multiprocessing.connection import Connection
from pathlib import Path

from yolobg.errors import UsageError, YolobgError
from yolobg.mining.shard_worker import Do, worker
from yolobg.mining.shards import missing_shards, open_work
from yolobg.model import Progress
from yolobg.wording import counted

__all__ = ["cores", "do_here", "do_in_processes", "do_on_ray"]

_TRIES = 3
_LOOK_S = 0.2


def do_here(folder: Path, shards: Sequence[int], progress: Progress) -> None:
    """Score shards in this process, one after the other."""
    if shards:
        with worker(folder, progress=progress) as do:
            for number in shards:
                do(number)


def do_in_processes(folder: Path, shards: Sequence[int], progress: Progress, *, workers: int) -> None:
    """Score shards in processes of their own; those of a process that dies are done by the next.

    Raises:
        YolobgError: A worker found a reason to stop, or three times in a row all died with no shard done.
    """

    def together(left: Sequence[int]) -> None:
        context = multiprocessing.get_context("spawn")
        running = []
        for mine in (left[start::workers] for start in range(min(workers, len(left)))):
            receiver, sender = context.Pipe(duplex=False)
            process = context.Process(target=_in_process, args=(folder, mine, sender), daemon=True)
            process.start()
            sender.close()
            running.append((process, receiver))
        while any(process.is_alive() for process, _ in running):
            for process, _ in running:
                process.join(_LOOK_S)
            progress("shards", len(shards) - len(_left(folder, shards)), len(shards))
        for _, receiver in running:
            # A process that was killed has said nothing.
            with contextlib.suppress(EOFError):
                kind, message = receiver.recv()
                raise kind(message)

    _until_done(folder, shards, together)


def _in_process(folder: Path, shards: Sequence[int], sender: Connection) -> None:
    """What a process of its own does; it ends soon after the one that has started it."""
    parent = multiprocessing.parent_process()

    def alone() -> bool:
        return parent is not None and not parent.is_alive()

    try:
        with worker(folder, stopped=alone) as do:
            for number in shards:
                do(number)
    except YolobgError as error:
        sender.send((type(error), str(error)))


def do_on_ray(
    folder: Path, shards: Sequence[int], progress: Progress, *, workers: int | None, address: str | None
) -> None:
    """Score shards by actors of Ray Core, on this machine or on the cluster at an address.

    The folder has to be at the same path on each machine.

    Raises:
        YolobgError: As for `do_in_processes`, or Ray cannot be reached.
    """
    if find_spec("ray") is None:
        raise UsageError("--engine ray: Ray is not installed, and needed for this: pip install 'yolobg[scale]'")
    import ray  # noqa: PLC0415 - for this engine alone
    from ray.util import ActorPool  # noqa: PLC0415 - as above

    remote = ray.remote(num_cpus=0.9, max_restarts=-1, max_task_retries=_TRIES)(_Actor)

    def together(left: Sequence[int]) -> None:
        most = workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
        pool = ActorPool([remote.remote(str(folder)) for _ in range(min(most, len(left)))])
        for _ in pool.map_unordered(lambda actor, number: actor.do.remote(number), left):
            progress("shards", len(shards) - len(_left(folder, shards)), len(shards))

    def round_of(left: Sequence[int]) -> None:
        try:
            together(left)
        except ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, YolobgError):
                raise error.cause from error
            raise YolobgError(f"a worker of Ray failed: {error.cause!r}") from error
        except ray.exceptions.RayActorError:
            return

    with _ray(address):
        _until_done(folder, shards, round_of)


@contextlib.contextmanager
def _ray(address: str | None) -> Iterator[None]:
    """Ray, begun here if no program of this process has."""
    import ray  # noqa: PLC0415 - for this engine alone

    if ray.is_initialized():
        yield
        return
    try:
        ray.init(address=address, include_dashboard=None if address else False, log_to_driver=False)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise YolobgError(f"Ray cannot be reached at {address or 'this machine'}: {error}") from error
    try:
        yield
    finally:
        ray.shutdown()


class _Actor:
    """A worker of Ray; the model stays open between its shards."""

    def __init__(self, folder: str) -> None:
        self._folder, self._stack = Path(folder), contextlib.ExitStack()
        self._do: Do | None = None

    def do(self, number: int) -> None:
        if self._do is None:
            self._do = self._stack.enter_context(worker(self._folder))
        self._do(number)


def _until_done(folder: Path, shards: Sequence[int], together: Callable[[Sequence[int]], None]) -> None:
    tries = 0
    while left := _left(folder, shards):
        together(left)
        tries = 0 if len(_left(folder, shards)) < len(left) else tries + 1
        if tries == _TRIES:
            raise YolobgError(
                f"the workers died {_TRIES} times with no shard done; is there enough memory? Run again to go on with "
                f"the {counted(len(left), 'shard')} left"
            )


def _left(folder: Path, shards: Sequence[int]) -> list[int]:
    return sorted(set(missing_shards(folder, open_work(folder)[0])).intersection(shards))


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
