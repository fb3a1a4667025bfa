"""What the terminal shows of a review: the ratio as a bar, the report as a link, all of it without colour too."""

from __future__ import annotations

import io
from functools import partial
from pathlib import Path

import command_line
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reviewing import add_backgrounds, make_sample
from rich.console import Console

import yolobg
from yolobg.changes.manifest import report_path
from yolobg.cli.status_text import status_text
from yolobg.cli.text import MOST_CELLS, RatioBar, _cells, augment_text
from yolobg.model import Counts
from yolobg.results import Report


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("YOLOBG_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        return add_backgrounds(make_sample(tmp_path_factory.mktemp("t") / "s"), 8)


def drawn(
    what: object, *, width: int = 80, terminal: bool = False, no_color: bool = False, ascii_: bool = False
) -> str:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding="ascii" if ascii_ else "utf-8", errors="strict", write_through=True)
    console = Console(
        file=file, width=width, force_terminal=terminal, no_color=no_color,
        color_system="standard" if terminal else None, legacy_windows=False, highlight=False, emoji=False, markup=False,
    )  # fmt: skip
    console.print(what, crop=False)
    return raw.getvalue().decode()


@given(st.lists(st.integers(0, 10**6), min_size=3, max_size=3), st.integers(3, 60))
def test_bar__is_as_wide_as_asked_and_shows_whatever_is_there(numbers: list[int], width: int) -> None:
    if not sum(numbers):
        return
    cells = _cells(tuple(numbers), width)
    assert sum(cells) == width
    for number, cell in zip(numbers, cells, strict=True):
        assert (cell > 0) == (number > 0)
        assert abs(cell - width * number / sum(numbers)) <= 2


def test_bar__differs_by_sign_not_by_colour_alone() -> None:
    bar = RatioBar(Counts(200, 100, 100, 0, 100, 0, 50, 0.5))
    first, second = drawn(bar).splitlines()
    assert first.strip() == "░" * 30 + "▒" * 15 + "█" * 15
    assert len(first.strip()) == MOST_CELLS
    assert "░ labelled" in second
    assert drawn(bar, ascii_=True).splitlines()[0].strip() == "." * 30 + "o" * 15 + "#" * 15
    assert drawn(RatioBar(Counts(0, 0, 0, 0, 0, 0, 0, 0.0))).strip() == ""


@pytest.mark.parametrize("text", [status_text, augment_text])
def test_texts__sixty_columns_and_no_colour(report: Report, text: object) -> None:
    assert callable(text)
    shown = drawn(text(report), width=60, terminal=True, no_color=True)
    assert "\x1b[3" not in shown.replace("\x1b[3m", "")
    plain = drawn(text(report), width=60)
    assert "\x1b" not in plain
    # Paths and commands stay whole, so that they can be copied; all else fits.
    whole = ("Files", "     ", "Manifest", "Undo", "Look at", "Next")
    assert [line for line in plain.splitlines() if len(line.rstrip()) > 60 and not line.startswith(whole)] == []
    assert "30.8%" in plain


def test_link__only_on_a_terminal(report: Report) -> None:
    assert report.page
    linked = drawn(augment_text(report), terminal=True, width=300)
    assert f";{Path(report.page).as_uri()}\x1b\\" in linked
    assert linked.count("\x1b]8;") == 2
    plain = drawn(augment_text(report))
    assert "\x1b" not in plain
    assert report.page in plain


def test_commands__report_and_sheet(tmp_path: Path) -> None:
    data = make_sample(tmp_path / "s")

    run = partial(command_line.run, COLUMNS="60")
    assert run("report", str(data)).returncode == 3
    assert run("review", str(data), "--no-browser").returncode == 3
    add_backgrounds(data, 3)
    done = run("report", str(data), "--image", str(tmp_path / "sheet.jpg"))
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "sheet.jpg").is_file()
    assert run("report", str(data), "--image", str(tmp_path / "sheet.bmp")).returncode == 2
    done = run("report", str(data))
    assert done.returncode == 0
    # On one line, however narrow the window is, so that it can be copied.
    assert done.stdout == f"Look at   {report_path(data.resolve())}\n"
    assert "\x1b" not in done.stdout
    removed = run("remove", str(data))
    assert removed.returncode == 0
    assert not (data / ".yolobg").exists()
    assert yolobg.status(data).page is None
