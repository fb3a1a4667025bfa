"""How the user's browser gets the link: at once, without showing it to others, and without holding the server up."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest
from reviewing import Client, add_backgrounds, make_sample, wait_for

from yolobg.review.handover import HandoverPage, place_for

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs scripts, FIFOs and pseudo-terminals")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("YOLOBG_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        data = make_sample(tmp_path_factory.mktemp("handover") / "s")
        add_backgrounds(data, 3)
        return data


class Foreground:
    """A browser that notes what it is started with and then stays until it is let go, as `lynx` does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._gate = folder / "gate"
        os.mkfifo(self._gate)
        self.script = folder / "browser"
        place = shlex.quote(str(folder))
        self.script.write_text(
            f'#!/bin/sh\nprintf %s "$1" > {place}/noting\nmv {place}/noting {place}/noted\n'
            f"trap 'echo by a signal > {place}/left; exit' INT TERM HUP\n"
            f"read line < {place}/gate\necho by itself > {place}/left\n"
        )
        self.script.chmod(0o755)

    def address(self) -> str:
        """What it was started with; waits for that."""
        noted = self.folder / "noted"
        wait_for(noted.exists)
        return noted.read_text()

    def left(self) -> str:
        """How it ended; waits for that."""
        left = self.folder / "left"
        wait_for(lambda: left.exists() and left.read_text().endswith("\n"))
        return left.read_text().strip()

    def let_go(self) -> None:
        # Fails where nobody waits at the gate.
        with contextlib.suppress(OSError):
            os.close(os.open(self._gate, os.O_WRONLY | os.O_NONBLOCK))


@pytest.fixture
def foreground(tmp_path: Path) -> Iterator[Foreground]:
    browser = Foreground(tmp_path)
    yield browser
    browser.let_go()


@contextlib.contextmanager
def opening(data: Path, *options: str, stdin: int = subprocess.DEVNULL, **environment: str | None) -> Iterator[Opened]:
    """`yolobg review` as a user starts it; None takes a variable away."""
    values = {**os.environ, "PYTHONUNBUFFERED": "1", "BROWSER": None, "VSCODE_IPC_HOOK_CLI": None, **environment}
    with subprocess.Popen(
        [sys.executable, "-m", "yolobg", "review", str(data), *options],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=stdin, text=True,
        env={name: value for name, value in values.items() if value is not None}, start_new_session=True,
    ) as process:  # fmt: skip
        try:
            yield Opened(process)
        finally:
            process.kill()


class Opened:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def link(self) -> str:
        """The next link that it prints."""
        assert self.process.stdout
        link = self.process.stdout.readline().strip()
        assert link.startswith("http://127.0.0.1:"), link
        return link

    def tells(self, text: str) -> None:
        """Wait until standard error has said it."""
        assert self.process.stderr
        said = ""
        while text not in " ".join(said.split()):
            line = self.process.stderr.readline()
            assert line, f"{text!r} is not in {said!r}"
            said += line


def page_of(address: str) -> Path:
    assert address.startswith("file:"), address
    return Path(url2pathname(urlsplit(address).path))


@posix
def test_foreground_browser__holds_nothing_up_and_sees_no_ctrl_c(data: Path, foreground: Foreground) -> None:
    with opening(data, BROWSER=str(foreground.script)) as review:
        client = Client(review.link())
        foreground.address()
        client.enter()
        assert len(client.everything()["items"]) == 3
        # As a terminal does: to all that it has started.
        os.killpg(review.process.pid, signal.SIGINT)
        assert review.process.wait(timeout=60) == 0
        foreground.let_go()
        assert foreground.left() == "by itself"


@posix
@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_link__is_in_a_page_of_the_user_and_in_no_arguments(data: Path, foreground: Foreground, umask: int) -> None:
    before = os.umask(umask)
    try:
        with opening(data, BROWSER=str(foreground.script)) as review:
            client = Client(review.link())
            address = foreground.address()
            secret = client.address.partition("#")[2]
            page = page_of(address)
            assert client.address in page.read_text()
            assert stat.S_IMODE(page.stat().st_mode) == 0o600
            assert stat.S_IMODE(page.parent.stat().st_mode) == 0o700
            assert secret not in address
            for line in Path("/proc").glob("[0-9]*/cmdline"):
                with contextlib.suppress(OSError):
                    assert secret.encode() not in line.read_bytes()
            client.enter()
            wait_for(lambda: not page.parent.exists())
    finally:
        os.umask(before)


@posix
def test_page__is_gone_when_a_review_ends_that_no_browser_has_opened(data: Path, foreground: Foreground) -> None:
    with opening(data, BROWSER=str(foreground.script)) as review:
        page = page_of(foreground.address())
        assert page.exists()
        review.process.send_signal(signal.SIGTERM)
        review.process.wait(timeout=60)
        assert not page.parent.exists()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere a browser can always be had")
def test_text_browsers__are_not_started_and_the_terminal_says_what_to_do(data: Path, tmp_path: Path) -> None:
    for name in ("lynx", "w3m", "links", "elinks", "www-browser"):
        script = tmp_path / name
        script.write_text(f"#!/bin/sh\n: > {shlex.quote(str(tmp_path / 'started'))}\n")
        script.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    with opening(data, DISPLAY=None, WAYLAND_DISPLAY=None, TERM="xterm", PATH=path) as review:
        client = Client(review.link())
        review.tells("No browser with a window was found; open the link above.")
        assert not (tmp_path / "started").exists()
        client.enter()


@posix
def test_browser_of_another_machine__is_not_given_a_file_of_this_one(data: Path, foreground: Foreground) -> None:
    with opening(data, BROWSER=str(foreground.script), VSCODE_IPC_HOOK_CLI="/tmp/vscode.sock") as review:
        client = Client(review.link())
        review.tells("No browser was started; open the link above.")
        client.enter()
        assert not (foreground.folder / "noted").exists()


@posix
def test_enter__prints_a_new_link_and_the_last_browser_is_the_one(data: Path) -> None:
    ours, theirs = os.openpty()
    try:
        with opening(data, "--no-browser", stdin=theirs) as review:
            unused = Client(review.link())
            review.tells("Press Enter for a new link.")
            os.write(ours, b"\n")
            first = Client(review.link())
            assert unused.claim()[0] == 403
            first.enter()
            review.tells("A browser has opened the review")
            os.write(ours, b"what?\n")
            second = Client(review.link())
            assert len({unused.address, first.address, second.address}) == 3
            assert first.get("")[0] == 200
            second.enter()
            assert second.get("")[0] == 200
            assert first.get("")[0] == 403
            assert first.post("end", {})[0] == 403
    finally:
        os.close(ours)
        os.close(theirs)


BACKGROUND_JOB = """
import fcntl, os, subprocess, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
command = [sys.executable, "-m", "yolobg", "review", sys.argv[1], "--no-browser"]
review = subprocess.Popen(command, preexec_fn=os.setpgrp)
sys.stderr.close()
review.wait()
"""


@posix
def test_enter__in_a_job_in_the_background_does_not_stop_it(data: Path) -> None:
    ours, theirs = os.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", BACKGROUND_JOB, str(data)], stdin=theirs, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True,
    ) as shell:  # fmt: skip
        try:
            assert shell.stdout
            client = Client(shell.stdout.readline().strip())
            os.write(ours, b"for the shell\n")
            # A process that has read from a terminal that is not its own is stopped, and answers no more.
            client.enter()
            for _ in range(20):
                assert client.get("")[0] == 200
            assert client.post("end", {})[0] == 200
            assert shell.wait(timeout=60) == 0
        finally:
            shell.kill()
            os.close(ours)
            os.close(theirs)


def test_page__where_there_is_no_place_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with HandoverPage() as page:
        assert page.write("http://127.0.0.1:1/#a") is None


def test_page__leads_nowhere_but_to_the_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with HandoverPage() as page:
        path = page.write("http://127.0.0.1:1/#a")
        assert path is not None
        text = path.read_text(encoding="utf-8")
        assert text.count("http") == text.count("http://127.0.0.1:1/#a") + text.count("http-equiv") == 3
        assert "<script" not in text
        page.delete()
        page.delete()
        assert list(tmp_path.iterdir()) == []


def test_page__may_be_deleted_by_two_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The browser enters while the person asks for a new link."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    unlink = Path.unlink

    def overtaken(path: Path, *, missing_ok: bool = False) -> None:
        unlink(path, missing_ok=missing_ok)
        monkeypatch.setattr(Path, "unlink", unlink)
        page.delete()

    with HandoverPage() as page:
        assert page.write("http://127.0.0.1:1/#a")
        monkeypatch.setattr(Path, "unlink", overtaken)
        page.delete()
    assert list(tmp_path.iterdir()) == []


def test_place__is_one_that_a_confined_browser_can_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, snaps = tmp_path / "home", tmp_path / "snap/bin"
    monkeypatch.setattr(Path, "home", lambda: home)
    assert place_for([snaps]) is None
    snaps.mkdir(parents=True)
    (snaps / "code").touch()
    assert place_for([snaps]) is None
    (snaps / "firefox").touch()
    assert place_for([snaps, tmp_path / "other"]) == home
