"""The HTTP client against real servers on loopback: where it connects to, when it gives up, what it leaves behind."""

from __future__ import annotations

import base64
import contextlib
import gc
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from download_pictures import picture, records, served
from image_server import ImageServer

from yolobg.net.client import Client
from yolobg.net.http_fault import HttpFault
from yolobg.net.names import NameLookup
from yolobg.net.response import Timing

QUICK = Timing(connect_s=0.5, read_s=0.5, slow_after_s=0.3, slow_bytes_per_s=1024, total_s=3)
# For what does not depend on time, so that a busy machine does not decide.
PATIENT = Timing(connect_s=60, read_s=60, slow_after_s=60, slow_bytes_per_s=0)
POOL = records(4)
PATHS = [f"/train2017/{record.file_name}" for record in POOL]


@pytest.fixture
def server() -> Iterator[ImageServer]:
    with ImageServer(served(POOL)) as running:
        yield running


@pytest.fixture
def client() -> Iterator[Client]:
    made = Client(connections=4, headers={"User-Agent": "yolobg"})
    yield made
    made.close()


def get(client: Client, url: str, timing: Timing = PATIENT) -> bytes:
    answer = client.open(url, {}, timing=timing, redirects=4)
    try:
        return b"".join(answer.pieces())
    finally:
        answer.close()


def fault(client: Client, url: str, timing: Timing = PATIENT) -> HttpFault:
    with pytest.raises(HttpFault) as caught:
        get(client, url, timing)
    return caught.value


OUTSIDE = "93.184.215.14"


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Host name to the addresses that each further look-up gives; the last one is for all that follow."""
    answers: dict[str, list[str]] = {}
    resolve = socket.getaddrinfo

    def look_up(host: str, port: int, *args: int, **kwargs: int) -> object:
        known = answers.get(host)
        if known is None:
            return resolve(host, port, *args, **kwargs)
        address = known.pop(0) if len(known) > 1 else known[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return answers


def lead_outside(monkeypatch: pytest.MonkeyPatch, way: Callable[[socket.socket, int], None]) -> None:
    """Have connections to the address outside go another way; the other argument of `way` is the port."""
    connect = socket.socket.connect

    def lead(self: socket.socket, place: tuple[str, int]) -> None:
        if place[0] == OUTSIDE:
            way(self, place[1])
        else:
            connect(self, place)

    monkeypatch.setattr(socket.socket, "connect", lead)


# ---------------------------------------------------------------- where a redirect leads


def test_redirect__a_name_server_that_changes_its_mind_leads_nowhere(
    server: ImageServer, client: Client, names: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each look-up may say something else: what counts is the one that the connection was made by."""

    def refuse(_made: socket.socket, _port: int) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr("yolobg.net.names.KEPT_S", 0.0)
    lead_outside(monkeypatch, refuse)
    names["public.example"] = ["127.0.0.1"]
    names["changing.example"] = [OUTSIDE, "127.0.0.1", OUTSIDE, "127.0.0.1"]
    server.always[PATHS[0]] = f"redirect:http://changing.example:{server.port}/inside.jpg"
    kinds = [fault(client, f"http://public.example:{server.port}{PATHS[0]}").kind for _ in range(4)]
    assert kinds == ["refused", "redirect"] * 2
    assert server.hits["/inside.jpg"] == 0


def test_redirect__the_connection_itself_is_asked_where_it_leads(
    server: ImageServer, client: Client, names: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A public address does not help where the network leads the connection inside."""
    connect = socket.socket.connect
    lead_outside(monkeypatch, lambda made, port: connect(made, ("127.0.0.1", port)))
    names["public.example"], names["mapped.example"] = ["127.0.0.1"], [OUTSIDE]
    server.always[PATHS[0]] = f"redirect:http://mapped.example:{server.port}/inside.jpg"
    assert "private network" in fault(client, f"http://public.example:{server.port}{PATHS[0]}").detail
    assert server.hits["/inside.jpg"] == 0


def test_redirect__a_connection_that_was_made_for_another_is_not_used(
    server: ImageServer, client: Client, names: dict[str, list[str]]
) -> None:
    """One's own server may be asked by name; a stranger's redirect to the same name must not find it connected."""
    names["public.example"] = names["mine.example"] = ["127.0.0.1"]
    assert get(client, f"http://mine.example:{server.port}{PATHS[1]}") == picture(2)
    server.always[PATHS[0]] = f"redirect:http://mine.example:{server.port}{PATHS[1]}"
    assert "private network" in fault(client, f"http://public.example:{server.port}{PATHS[0]}").detail
    assert server.hits[PATHS[1]] == 1


def test_redirect__within_one_host_and_between_private_ones_is_followed(server: ImageServer, client: Client) -> None:
    with ImageServer(served(POOL)) as other:
        server.always[PATHS[0]] = f"redirect:{other.url}{PATHS[1]}"
        server.always[PATHS[2]] = f"redirect:{PATHS[3]}"
        assert get(client, server.url + PATHS[0]) == picture(2)
        assert get(client, server.url + PATHS[2]) == picture(4)


# ---------------------------------------------------------------- time


@pytest.mark.parametrize("what", ["hang", "drip_head:2", "drip:2"])
def test_time__nothing_that_drips_or_hangs_outlasts_its_time(what: str, server: ImageServer, client: Client) -> None:
    server.always[PATHS[0]] = what
    assert fault(client, server.url + PATHS[0], QUICK).kind == "late"
    assert get(client, server.url + PATHS[1]) == picture(2), "others go on"


@contextlib.contextmanager
def answering(parts: list[bytes], pause_s: float) -> Iterator[str]:
    """A server that sends these parts of an answer, with a pause before each further one, then ends the connection."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with contextlib.suppress(OSError):
                taken, _ = listening.accept()
                with taken:
                    taken.recv(65536)
                    for part in parts:
                        taken.sendall(part)
                        time.sleep(pause_s)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/x"
    thread.join(20)


def test_time__a_body_without_a_length_that_is_cut_is_not_taken_for_whole(client: Client) -> None:
    """Such a body ends where the connection does, and it is we who end that."""
    parts = [b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nbegin", *[b"more"] * 20]
    timing = Timing(connect_s=0.5, read_s=1, slow_after_s=60, slow_bytes_per_s=1, total_s=0.8)
    with answering(parts, 0.2) as url:
        assert fault(client, url, timing).kind == "late"


def test_time__a_chunk_whose_size_never_ends_is_cut(client: Client) -> None:
    """No piece comes of it, so no measure of speed sees it."""
    parts = [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", *[b"0"] * 30]
    timing = Timing(connect_s=0.5, read_s=0.4, slow_after_s=60, slow_bytes_per_s=1)
    with answering(parts, 0.2) as url:
        assert fault(client, url, timing).kind == "late"


def test_time__an_address_that_leads_nowhere_leaves_time_for_the_next(
    server: ImageServer, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the one that worked is tried first from then on."""
    tried: list[str] = []

    def look_up(_host: str, port: int, **_kwargs: object) -> object:
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", (host, port)) for host in (OUTSIDE, "127.0.0.1")]

    def wait(made: socket.socket, _port: int) -> None:
        tried.append(OUTSIDE)
        time.sleep(made.gettimeout() or 10)
        raise TimeoutError

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    lead_outside(monkeypatch, wait)
    server.faults[PATHS[0]] = ["truncate"]  # so that the next request needs a connection of its own
    timing = replace(PATIENT, connect_s=2)  # half of it goes to the first address
    assert fault(client, f"http://two.example:{server.port}{PATHS[0]}", timing).kind == "cut"
    assert get(client, f"http://two.example:{server.port}{PATHS[0]}") == picture(1)
    assert tried == [OUTSIDE]
    assert len({request.connection for request in server.log}) == 2


def test_names__are_looked_up_once_for_all(
    server: ImageServer, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    resolve = socket.getaddrinfo

    def look_up(host: str, port: int, **kwargs: int) -> object:
        asked.append(host)
        time.sleep(0.1)
        return resolve("127.0.0.1", port, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    url = f"http://slow.example:{server.port}{PATHS[0]}"
    threads = [threading.Thread(target=get, args=(client, url)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert asked == ["slow.example"]
    assert server.hits[PATHS[0]] == 4


def test_names__are_all_there_while_one_is_put_in_front(names: dict[str, list[str]]) -> None:
    names["two.example"] = ["10.0.0.1"]
    lookup = NameLookup()
    found = lookup.find("two.example", 80, within_s=60)
    (address,) = found
    seen: list[int] = []

    class Looking:
        __hash__ = None  # type: ignore[assignment]  # it is only compared

        def __eq__(self, _: object) -> bool:
            seen.append(len(found))  # as another thread sees it then
            return True

    lookup.worked("two.example", 80, (*address[:4], Looking()))
    assert seen == [1]


# ---------------------------------------------------------------- the end


@pytest.mark.parametrize("where", ["name", "head", "body"])
def test_close__ends_what_waits_at_once(
    where: str, server: ImageServer, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = threading.Event()
    if where == "name":
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_a, **_k: ended.wait(50))
    server.always[PATHS[0]] = {"head": "hang", "body": "drip:2"}.get(where, "")
    faults: list[HttpFault] = []
    host = "silent.example" if where == "name" else "127.0.0.1"
    thread = threading.Thread(target=lambda: faults.append(fault(client, f"http://{host}:{server.port}{PATHS[0]}")))
    thread.start()
    time.sleep(0.5)
    client.close()
    thread.join(5)
    assert not thread.is_alive()
    assert [one.kind for one in faults] == ["stopped"]
    ended.set()


def test_close__leaves_neither_threads_nor_sockets(server: ImageServer) -> None:
    """An open socket that nobody holds any more is a warning, and so an error here."""
    before = threading.active_count()
    for kind in ("", "hang", "reset", "truncate", "drip:2", f"redirect:{PATHS[1]}", "redirect:http://127.0.0.1:1/"):
        made = Client(connections=4, headers={})
        server.always[PATHS[0]] = kind
        with contextlib.suppress(HttpFault):
            get(made, server.url + PATHS[0], QUICK)
        made.close()
        del made
        gc.collect()
    assert threading.active_count() == before


# ---------------------------------------------------------------- who one is


def test_login__of_the_address_or_of_netrc_is_sent_to_that_host_alone(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heads: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

        def serve() -> None:
            for _ in range(3):
                taken, _ = listening.accept()
                with taken:
                    heads.append(taken.recv(65536).decode())
                    taken.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        (tmp_path / "netrc").write_text("machine localhost login ann password b:c\n")
        (tmp_path / "netrc").chmod(0o600)
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
        for host in ("me:p%40ss@127.0.0.1", "127.0.0.1", "localhost"):
            assert get(client, f"http://{host}:{port}/x") == b"ok"
        thread.join(5)
    sent = [[line for line in head.split("\r\n") if line.lower().startswith("authorization:")] for head in heads]
    assert [len(one) for one in sent] == [1, 0, 1]
    assert base64.b64decode(sent[0][0].split()[-1]) == b"me:p@ss"
    assert base64.b64decode(sent[2][0].split()[-1]) == b"ann:b:c"
    assert not any("p%40ss" in head for head in heads)
