"""A bar for a call, one stage after the other; at its end a line that says how it ended."""

from __future__ import annotations

import contextlib
import contextvars
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape

from yolobg.model import Progress
from yolobg.notebook.kernel import Place, find_place
from yolobg.wording import amount

__all__ = ["notebook_bar"]

DELAY_S = 0.3
"""What ends sooner shows nothing."""

EVERY_S = 0.2
"""So long between two drawings of a stage: each is a message to the browser."""

MOST_STAGES = 8

_BOX = "font-family:system-ui,sans-serif;font-size:13px;display:flex;flex-wrap:wrap;gap:.3em .8em;align-items:center"
_RAIL = "display:inline-block;width:14em;height:.75em;border-radius:4px;background:#80808050;overflow:hidden"
_FILL = "display:block;height:100%;background:#159a84;width:"


@contextlib.contextmanager
def notebook_bar(name: str, notes: Mapping[str, str] | None = None) -> Iterator[Progress | None]:
    """Yield what draws the progress of a call below the cell that runs; None outside of a notebook.

    Whatever ends the call, an error or the kernel's interrupt included, a plain line takes the bar's place.

    Args:
        name: What is called.
        notes: Stage to a sentence that is shown beside its bar.
    """
    place = find_place()
    if place is None:
        yield None
        return
    bar = _Bar(name, place, notes or {})
    timer = threading.Timer(DELAY_S, contextvars.copy_context().run, [bar.draw])
    timer.daemon = True
    # A machine that starts no more threads shows the bar with the first step that is told of.
    with contextlib.suppress(RuntimeError):
        timer.start()
    how = "interrupted"
    try:
        yield bar
        how = "done"
    except Exception:
        how = "stopped"
        raise
    finally:
        timer.cancel()
        bar.end(how)


@dataclass
class _Stage:
    began: float
    first: int
    done: int
    total: int | None


class _Bar:
    """What is told of the stages, and the drawing of it; told by one thread at a time, drawn by any."""

    def __init__(self, name: str, place: Place, notes: Mapping[str, str]) -> None:
        self._name = name
        self._place = place
        self._notes = notes
        self._began = time.monotonic()
        self._drawn = 0.0
        self._stages: dict[str, _Stage] = {}
        self._now = ""
        self._lock = threading.Lock()
        self._ended = False

    def __call__(self, stage: str, done: int, total: int | None, /) -> None:
        now = time.monotonic()
        with self._lock:
            # A new stage is shown at once: it may tell nothing more for a while.
            new = stage not in self._stages
            known = self._stages.setdefault(stage, _Stage(now, done, done, total))
            known.done, known.total = done, total
            self._now = stage
            if now - self._began >= DELAY_S and (new or now - self._drawn >= EVERY_S):
                self._draw(now)

    def draw(self) -> None:
        """Show where it is."""
        with self._lock:
            if not self._ended:
                self._draw(time.monotonic())

    def end(self, how: str) -> None:
        """Put a line in the bar's place, if one is shown."""
        with self._lock:
            self._ended = True
            if not self._drawn:
                return
            took = time.monotonic() - self._began
            line = f"{self._name}: {how} after {_seconds(took)}"
            parts = [_told(stage, it) for stage, it in list(self._stages.items())[-MOST_STAGES:]]
            if parts:
                line += f" ({', '.join(parts)})" if how == "done" else f", at {parts[-1]}"
            self._place.show(f'<div style="{_BOX};opacity:.75">{escape(line)}</div>', line)

    def _draw(self, now: float) -> None:
        self._drawn = now
        stage = self._stages.get(self._now)
        share = min(stage.done / stage.total, 1.0) if stage and stage.total else 0.0
        words = _told(self._now, stage) if stage else "starting"
        left = _left(stage, now) if stage else ""
        note = self._notes.get(self._now, "")
        line = " · ".join(part for part in (f"{self._name}: {words}", left, note) if part)
        rail = f'<span style="{_RAIL}"><span style="{_FILL}{share:.1%}"></span></span>'
        self._place.show(f'<div style="{_BOX}">{rail}<span>{escape(line)}</span></div>', line)


def _told(name: str, stage: _Stage) -> str:
    total = f" of {amount(stage.total, name)}" if stage.total is not None else ""
    return f"{name} {amount(stage.done, name)}{total}"


def _left(stage: _Stage, now: float) -> str:
    """How long the stage will take, once that can be said."""
    took, did = now - stage.began, stage.done - stage.first
    if stage.total is None or did <= 0 or took < 2:  # noqa: PLR2004 - seconds before which a rate means little
        return ""
    return f"{_seconds((stage.total - stage.done) * took / did)} left"


def _seconds(number: float) -> str:
    if number < 60:  # noqa: PLR2004 - seconds of a minute
        return f"{number:.1f} s" if number < 10 else f"{number:.0f} s"  # noqa: PLR2004 - where tenths can be read
    minutes, seconds = divmod(round(number), 60)
    return f"{minutes} min {seconds:02} s"
