"""Progress in a notebook: a bar below the cell, with nothing imported; silence everywhere else.

The stand-in has what the bar asks of IPython: `get_ipython`, the kernel's process id, and `display_pub.publish`. The
real kernel is in `tests/project/test_jupyter.py`.
"""

from __future__ import annotations

import dataclasses
import inspect
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pages import Seen
from reviewing import add_backgrounds, make_sample, source_of

import yolobg
from yolobg.calls import public
from yolobg.notebook import bar as bar_module
from yolobg.notebook.bar import notebook_bar
from yolobg.notebook.kernel import find_place


@dataclasses.dataclass
class Frontend:
    """What a client has been told to show: each place by its name, and how many messages there were."""

    shown: dict[str, dict[str, str]] = dataclasses.field(default_factory=dict)
    messages: int = 0
    error: Exception | None = None

    def publish(
        self, data: dict[str, str], metadata: dict[str, Any], *, transient: dict[str, str], update: bool
    ) -> None:
        assert metadata == {}
        self.messages += 1
        if self.error:
            raise self.error
        assert (transient["display_id"] in self.shown) == update, "the first is shown, the others take its place"
        self.shown[transient["display_id"]] = data

    @property
    def text(self) -> str:
        """What the one place shows, with the HTML saying the same."""
        (data,) = self.shown.values()
        assert "".join(Seen(data["text/html"]).text) == data["text/plain"]
        return data["text/plain"]


def kernel_of(frontend: Frontend, pid: int) -> SimpleNamespace:
    kernel = SimpleNamespace(session=SimpleNamespace(pid=pid))
    shell = SimpleNamespace(kernel=kernel, display_pub=SimpleNamespace(publish=frontend.publish))
    return SimpleNamespace(get_ipython=lambda: shell)


@pytest.fixture
def frontend(monkeypatch: pytest.MonkeyPatch) -> Frontend:
    made = Frontend()
    monkeypatch.setitem(sys.modules, "IPython", kernel_of(made, os.getpid()))
    monkeypatch.setattr(bar_module, "DELAY_S", 0.0)
    return made


@pytest.mark.parametrize(
    "ipython",
    [
        SimpleNamespace(get_ipython=lambda: None),
        SimpleNamespace(get_ipython=lambda: SimpleNamespace(display_pub=None)),
        SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=object())),
        SimpleNamespace(),
        kernel_of(Frontend(), os.getpid() + 1),
    ],
    ids=["no shell", "a terminal", "no way to show", "half imported", "a forked process"],
)
def test_place__is_none_where_there_is_no_kernel(ipython: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    assert find_place() is None


def test_script__is_silent_and_imports_no_ipython(tmp_path: Path) -> None:
    data = make_sample(tmp_path / "s")
    source = source_of(data)
    code = (
        "import sys, yolobg\n"
        f"yolobg.augment({str(data)!r}, count=1, annotations={str(source['annotations'])!r}, "
        f"images=[{str(source['images'][0])!r}])\n"
        "assert 'IPython' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=100)
    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.usefixtures("frontend")
def test_augment__in_a_notebook_shows_where_it_is_and_how_it_ended(tmp_path: Path, frontend: Frontend) -> None:
    report = add_backgrounds(make_sample(tmp_path / "s"), 3)
    assert len(report.added) == 3
    assert frontend.messages >= 2
    assert frontend.text.startswith("augment: done after ")
    assert "download 3 of 3" in frontend.text


def test_augment__with_progress_of_its_own_shows_nothing(tmp_path: Path, frontend: Frontend) -> None:
    told = []
    add_backgrounds(make_sample(tmp_path / "s"), 1, progress=lambda *step: told.append(step))
    assert told
    assert frontend.messages == 0


def test_call__that_is_quick_shows_nothing(frontend: Frontend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bar_module, "DELAY_S", 60.0)
    with notebook_bar("status") as bar:
        assert bar is not None
        bar("scan", 5, 5)
    assert frontend.messages == 0


def test_call__that_tells_nothing_yet_is_seen_to_run(frontend: Frontend) -> None:
    with notebook_bar("augment"):
        wait_for(lambda: frontend.messages > 0)
        assert frontend.text == "augment: starting"


def wait_for(true: Callable[[], bool]) -> None:
    done = threading.Event()
    while not true():
        done.wait(0.01)


def test_bar__is_as_long_as_the_share_that_is_done(frontend: Frontend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bar_module, "EVERY_S", 0.0)
    with notebook_bar("augment") as bar:
        assert bar is not None
        bar("download", 3, 12)
        assert frontend.text == "augment: download 3 of 12"
        (data,) = frontend.shown.values()
        assert "width:25.0%" in data["text/html"]
        bar("annotations", 1_500_000, None)
        assert frontend.text == "augment: annotations 1.5 MB"
        bar("scan", 30, 12)
        (data,) = frontend.shown.values()
        assert "width:100.0%" in data["text/html"], "never beyond its end"


@pytest.mark.parametrize(
    ("given", "said"),
    [({}, True), ({"count": 3}, True), ({"source": "openimages"}, False), ({"fast": True}, False)],
)
def test_bar__says_while_cocos_annotations_are_fetched_that_it_goes_without(
    frontend: Frontend, given: dict[str, Any], said: bool
) -> None:
    def work(*, progress: Callable[[str, int, int | None], None], fast: bool = False, **_options: Any) -> str:
        assert fast in (True, False)
        progress("annotations", 2_000_000, 165_000_000)
        return frontend.text

    assert ("fast=True starts without them" in public(work)(**given)) == said


def test_bar__is_not_drawn_at_every_step(frontend: Frontend) -> None:
    with notebook_bar("augment") as bar:
        assert bar is not None
        for number in range(10_000):
            bar("scan", number, 10_000)
    assert frontend.messages < 100


def failed() -> None:
    raise yolobg.DownloadError("no host")


def interrupted() -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("end", "error", "said"),
    [(failed, yolobg.DownloadError, "stopped"), (interrupted, KeyboardInterrupt, "interrupted")],
)
def test_bar__of_a_call_that_does_not_end_well_is_no_bar_any_more(
    frontend: Frontend, end: Callable[[], None], error: type[BaseException], said: str
) -> None:
    def work() -> None:
        with notebook_bar("augment") as bar:
            assert bar is not None
            bar("download", 5, 12)
            end()

    with pytest.raises(error):
        work()
    assert frontend.text.startswith(f"augment: {said} after ")
    assert frontend.text.endswith("at download 5 of 12")
    (data,) = frontend.shown.values()
    assert "width:" not in data["text/html"]


def test_augment__that_is_refused_says_so(tmp_path: Path, frontend: Frontend) -> None:
    data = make_sample(tmp_path / "s")
    with pytest.raises(yolobg.PoolError):
        add_backgrounds(data, 10_000)
    assert frontend.text.startswith("augment: stopped after ")


def test_bar__that_cannot_be_shown_leaves_the_work_alone(tmp_path: Path, frontend: Frontend) -> None:
    frontend.error = RuntimeError("the client is gone")
    assert len(add_backgrounds(make_sample(tmp_path / "s"), 2).added) == 2
    assert frontend.messages == 1, "it is not tried again"


def test_bar__shows_names_as_text(frontend: Frontend) -> None:
    with notebook_bar("augment") as bar:
        assert bar is not None
        bar("score <img src=x>", 1, 2)
    assert frontend.text.endswith("(score <img src=x> 1 of 2)")
    (data,) = frontend.shown.values()
    assert [tag for tag, _ in Seen(data["text/html"]).tags] == ["div"]


def test_bar__leaves_no_thread_behind(frontend: Frontend) -> None:
    before = threading.active_count()
    with notebook_bar("augment"):
        wait_for(lambda: frontend.messages > 0)
    wait_for(lambda: threading.active_count() <= before)


def shown_by_default() -> Iterator[Callable[..., Any]]:
    yield from (getattr(yolobg, name) for name in yolobg.__all__ if inspect.isfunction(getattr(yolobg, name)))
    yield from (yolobg.Plan.load, yolobg.Plan.to_coco)


def test_functions__say_what_progress_does_by_default() -> None:
    defaults = {
        function.__qualname__: repr(signature.parameters["progress"].default)
        for function in shown_by_default()
        if "progress" in (signature := inspect.signature(function)).parameters
    }
    assert defaults.keys() >= {"augment", "carry_out", "convert", "download", "evaluate", "plan", "Plan.load", "status"}
    assert set(defaults.values()) == {"<a bar in a notebook, else nothing>"}
