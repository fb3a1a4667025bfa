"""Other users of the machine at the review's port: whatever they send or hold open, the owner gets in, undisturbed."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from reviewing import Client, add_backgrounds, make_sample

if sys.platform != "win32":
    import resource

from yolobg.review import server_door
from yolobg.review.server_door import FEWEST_STRANGERS, MOST_STRANGERS, Door, Server, most_strangers

FILES = 128
"""How many files the server may open in these tests; macOS allows 256, Linux 1,024."""
FEW_FILES = () if sys.platform == "win32" else ("sh", "-c", f'ulimit -n {FILES}; exec "$@"', "sh")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("YOLOBG_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        data = make_sample(tmp_path_factory.mktemp("strangers") / "s")
        add_backgrounds(data, 3)
        return data


class Watched:
    """A review, and what it has written to standard error."""

    def __init__(self, process: subprocess.Popen[str], address: str, stderr: Path) -> None:
        self.process, self.client, self._stderr = process, Client(address), stderr

    @property
    def place(self) -> tuple[str, int]:
        parts = urlsplit(self.client.address)
        return str(parts.hostname), int(parts.port or 0)

    def connect(self) -> socket.socket:
        return socket.create_connection(self.place, timeout=60)

    def end(self) -> None:
        """Ctrl-C ends it, and the terminal shows what it should and nothing else."""
        if sys.platform == "win32":
            self.process.kill()
            return
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(timeout=60) == 0
        told = " ".join(self._stderr.read_text().split())
        assert told.startswith("3 backgrounds of ")
        assert told.endswith(
            "your decisions are kept. A browser has opened the review, so the link is used up. "
            "Review ended: 0 of 3 looked at."
        )


@pytest.fixture
def watched(data: Path, tmp_path: Path) -> Iterator[Watched]:
    stderr = tmp_path / "stderr.txt"
    with stderr.open("w") as file, subprocess.Popen(
        [*FEW_FILES, sys.executable, "-m", "yolobg", "review", str(data), "--no-browser"],
        stdout=subprocess.PIPE, stderr=file, stdin=subprocess.DEVNULL, text=True,
    ) as process:  # fmt: skip
        try:
            assert process.stdout
            yield Watched(process, process.stdout.readline().strip(), stderr)
        finally:
            process.kill()


def requests(port: int) -> dict[str, bytes]:
    """What no browser sends, by what it is."""
    host = f"Host: 127.0.0.1:{port}\r\n"
    get, post = f"GET / HTTP/1.1\r\n{host}", f"POST /enter HTTP/1.1\r\n{host}"
    ours = f"{post}Content-Type: application/json\r\nOrigin: http://127.0.0.1:{port}\r\n"
    texts = {
        "no request": "hello\r\n\r\n",
        "HTTP/0.9": "GET /\r\n\r\n",
        "HTTP/2": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "HTTP/9.9": f"GET / HTTP/9.9\r\n{host}\r\n",
        "NUL": f"GET /\0 HTTP/1.1\r\n{host}\r\n",
        "NUL in a header": f"{get}X: a\0b\r\n\r\n",
        "no host": "GET / HTTP/1.1\r\n\r\n",
        "two hosts": f"{get}{host}\r\n",
        "folded header": f"GET / HTTP/1.1\r\n X: y\r\n{host}\r\n",
        "header of a megabyte": f"{get}X: {'a' * (1 << 20)}\r\n\r\n",
        "20,000 headers": get + "".join(f"X{number}: y\r\n" for number in range(20_000)) + "\r\n",
        "address of a megabyte": f"GET /{'a' * (1 << 20)} HTTP/1.1\r\n{host}\r\n",
        "bad escapes": f"GET /%ff%00%zz?%zz=%ff HTTP/1.1\r\n{host}\r\n",
        "bad address": f"GET http://[::1/ HTTP/1.1\r\n{host}\r\n",
        "bad port": f"GET http://a:99999999/ HTTP/1.1\r\n{host}\r\n",
        "proxy": f"CONNECT example.com:443 HTTP/1.1\r\n{host}\r\n",
        "star": f"OPTIONS * HTTP/1.1\r\n{host}\r\n",
        "bad cookies": f'GET /x HTTP/1.1\r\n{host}Cookie: ;;=;"a\\"; yolobg; $Path=x; a@b=\r\n\r\n',
        "web socket": f"{get}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\ngarbage\r\n\r\n",
        "huge length": f"{ours}Content-Length: 99999999999999\r\n\r\n{{",
        "negative length": f"{ours}Content-Length: -5\r\n\r\nabcde",
        "two lengths": f"{ours}Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcde",
        "length and chunks": f"{ours}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "bad chunks": f"{ours}Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n",
        "no gzip": f"{ours}Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nabcde",
        "unknown charset": f"{post}Content-Type: application/json; charset=nope\r\nContent-Length: 5\r\n\r\nabcde",
        "cut body": f'{ours}Content-Length: 50\r\n\r\n{{"key',
        "nested JSON": f"{ours}Content-Length: 900\r\n\r\n{'[' * 900}",
        "surrogates": f'{ours}Content-Length: 16\r\n\r\n{{"key":"\\ud800"}}',
        "unknown expectation": f"{post}Expect: nope\r\nContent-Length: 5\r\n\r\nabcde",
        "a thousand at once": f"{get}\r\n" * 1000,
    }
    made = {what: text.encode("latin-1") for what, text in texts.items()}
    made["TLS"] = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)) * 2
    made["no UTF-8"] = f"GET /\xff\xfe HTTP/1.1\r\n{host}Cookie: yolobg=\xff\xfe\r\n\r\n".encode("latin-1")
    made["random bytes"] = bytes((number * number) % 251 for number in range(5000))
    return made


def test_malformed_requests__put_nothing_on_the_terminal_and_end_nothing(watched: Watched) -> None:
    for what, request in requests(watched.place[1]).items():
        with watched.connect() as stranger, contextlib.suppress(OSError):
            stranger.sendall(request)
            stranger.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: stranger.recv(1 << 16), b""))
            assert b"Set-Cookie" not in answer, what
            assert answer.count(b"HTTP/1.1 200") <= 1, what
    watched.client.enter()
    # The owner's own damaged requests are answered, too.
    posting = {"Origin": watched.client.origin, "Content-Type": "application/json", "Transfer-Encoding": "chunked"}
    assert watched.client.ask("POST", f"{watched.client.base}/api/act", b"zz\r\n", posting)[0] == 400
    assert len(watched.client.everything()["items"]) == 3
    watched.end()


@pytest.mark.skipif(sys.platform == "win32", reason="has no limit on files that a test can set")
def test_strangers__that_hold_connections_open_do_not_lock_the_owner_out(watched: Watched) -> None:
    host, port = watched.place
    ours = (
        f"POST /enter HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\n"
        f"Origin: http://{host}:{port}\r\nContent-Length: 50\r\n\r\n"
    )
    beginnings = (b"", b"G", b"GET / HTTP/1.1\r\nX: ", ours.encode(), f"{ours}{{".encode())

    def crowd() -> list[socket.socket]:
        found = []
        for number in range(2 * FILES):
            stranger = watched.connect()
            stranger.sendall(beginnings[number % len(beginnings)])
            found.append(stranger)
        return found

    with contextlib.ExitStack() as stack:
        for stranger in crowd():
            stack.callback(stranger.close)
        watched.client.enter()
        # A connection of the owner, which has shown the cookie, waits among the crowd.
        mine = stack.enter_context(watched.connect())
        asked = (
            f"POST {watched.client.base}/api/act HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\n"
            f"Origin: http://{host}:{port}\r\nCookie: {watched.client.cookie}\r\nContent-Length: 30\r\n\r\n"
        )
        mine.sendall(asked.encode())
        assert watched.client.get("")[0] == 200
        for stranger in crowd():
            stack.callback(stranger.close)
        mine.sendall(b'{"kind": "look", "numbers":[]}')
        assert mine.recv(1 << 16).startswith(b"HTTP/1.1 200")
        assert watched.client.get("picture/small/0")[0] == 200
        assert len(watched.client.everything()["items"]) == 3
        watched.end()


# ---------------------------------------------------------------- the door alone


@contextlib.contextmanager
def serving(door: Door) -> Iterator[int]:
    """A server that says `x` for each `x`, and trusts who says `t`."""

    def app(environ: dict[str, Any], _start: Any) -> Iterator[bytes]:
        connection = environ["werkzeug.socket"]
        while said := environ["wsgi.input"].read(1):
            if said == b"t":
                door.trust(connection)
            connection.sendall(said)
        yield b""

    with Server(app, door) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.port
        finally:
            server.shutdown()
            door.close()
            thread.join()


def visit(port: int, stack: contextlib.ExitStack) -> socket.socket:
    visitor = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60))
    visitor.sendall(b"GET / HTTP/1.1\r\n\r\n")
    return visitor


def echoes(visitor: socket.socket, said: bytes = b"x") -> bool:
    try:
        visitor.sendall(said)
        return visitor.recv(1) == said
    except OSError:
        return False


def test_door__the_newest_takes_the_place_of_the_oldest() -> None:
    door = Door(4)
    with serving(door) as port, contextlib.ExitStack() as stack:
        visitors = []
        for _ in range(7):
            visitors.append(visit(port, stack))
            # Heard, so it has come in before the next one.
            assert echoes(visitors[-1])
        assert [echoes(visitor) for visitor in visitors] == [False] * 3 + [True] * 4


def test_door__patience_ends_for_strangers_that_send_on_and_on_and_never_for_the_trusted() -> None:
    door = Door(4)
    with serving(door) as port, contextlib.ExitStack() as stack:
        mine = visit(port, stack)
        assert echoes(mine, b"t")
        door._patience_s = 0.05  # only now, so that `mine` is trusted in time on a slow machine too
        # Came after mine, so its time ends after mine would have ended.
        dripping = visit(port, stack)
        while echoes(dripping):
            pass
        assert echoes(mine)


def test_server__holds_little_of_what_a_stranger_sends(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library reads on after its answer, ten megabytes at a time; here it sees the first half megabyte at most."""
    seen: list[int] = []
    bounded = server_door._Bounded

    class Counted(bounded):  # type: ignore[misc, valid-type]
        def readinto(self, buffer: Any) -> int:
            got: int = super().readinto(buffer)
            seen.append(got)
            return got

    monkeypatch.setattr(server_door, "_Bounded", Counted)

    def app(_environ: dict[str, Any], start: Any) -> list[bytes]:
        start("200 OK", [("Content-Length", "0")])
        return [b""]

    door = Door(4)
    with Server(app, door) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        with socket.create_connection(("127.0.0.1", server.port), timeout=60) as stranger:
            stranger.sendall(b"POST / HTTP/1.1\r\nContent-Length: 9999999\r\n\r\n" + bytes(3 * server_door.MOST_BYTES))
            stranger.shutdown(socket.SHUT_WR)
            assert b"200 OK" in b"".join(iter(lambda: stranger.recv(1 << 16), b""))
        server.shutdown()
        thread.join()
    assert 0 < sum(seen) <= server_door.MOST_BYTES


def test_door__is_as_wide_as_the_files_of_this_process_allow(monkeypatch: pytest.MonkeyPatch) -> None:
    if sys.platform == "win32":
        assert most_strangers() == MOST_STRANGERS
        return
    for files, most in ((64, FEWEST_STRANGERS), (400, 100), (1 << 20, MOST_STRANGERS), (-1, MOST_STRANGERS)):
        monkeypatch.setattr(resource, "getrlimit", lambda _what, files=files: (files, files))
        assert most_strangers() == most
