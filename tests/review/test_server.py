"""The review's server: only the browser that was given the address comes in, and only pictures go out."""

from __future__ import annotations

import hmac
import json
import queue
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from merging import tree
from reviewing import HOSTILE, Client, add_backgrounds, chosen, make_sample, reviewing

import yolobg
from yolobg.changes.manifest import read_manifest, write_manifest
from yolobg.changes.review_state import read_state
from yolobg.errors import YolobgError
from yolobg.review.server import Review, serve
from yolobg.review.server_door import Door, Server
from yolobg.review.server_entry import Access, Keys
from yolobg.review.session import Session


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A dataset with eight backgrounds; one class name is hostile. Only for tests that apply nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("YOLOBG_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        data = make_sample(tmp_path_factory.mktemp("review") / "s", names=f"names:\n  0: dog\n  1: '{HOSTILE}'\n")
        add_backgrounds(data, map={HOSTILE: ()})
        yield data


@pytest.fixture(scope="module")
def running(place: Path) -> Iterator[str]:
    with reviewing(place) as (_, address):
        yield address


@pytest.fixture(scope="module")
def client(running: str) -> Client:
    client = Client(running)
    client.enter()
    return client


def test_token__works_once_and_nothing_is_told_without_it(client: Client) -> None:
    stranger = Client(client.address)
    for key in (None, "", "é", "\ud800", "a" * 43, client.cookie.partition("=")[2]):
        status, headers, body = stranger.claim(key)
        assert status in (400, 403), key
        assert "set-cookie" not in headers
        assert b"dog" not in body
    for path in ("/", "/enter.js", "/enter.css", "/tokens.css", "/icon.svg"):
        status, headers, body = stranger.ask("GET", path)
        assert status == 200, path
        assert "set-cookie" not in headers
        assert client.base.encode() not in body
        assert b"dog" not in body


def test_link__a_guess_or_a_preview_does_not_use_it_up(place: Path, tmp_path: Path) -> None:
    data = shutil.copytree(place, tmp_path / "s")
    with reviewing(data) as (_, address):
        client = Client(address)
        for key in ("", "a" * 43, address[-42:], address[-43:] + "a"):
            assert client.claim(key)[0] == 403
        # What a preview of the link, a prefetch or a scanner asks for.
        for method in ("GET", "HEAD"):
            assert client.ask(method, "/")[0] == 200
            assert client.ask(method, "/enter")[0] == 405
        json_ = {"Origin": client.origin, "Content-Type": "application/json"}
        body = json.dumps({"key": address.partition("#")[2]}).encode()
        for headers in ({"Origin": "null"}, {"Origin": None}, {"Content-Type": "text/plain"}, {"Host": "evil.example"}):
            assert client.ask("POST", "/enter", body, {**json_, **headers})[0] in (403, 415), headers
        assert client.ask("POST", "/enter", body + b" " * 1024, json_)[0] == 413
        client.enter()
        assert client.get("")[0] == 200


@pytest.mark.parametrize(
    "path", ["/", "/api/everything", "/picture/small/0", "/static/review.js", "/api/changes?since=0", "/nowhere"]
)
def test_cookie__every_path_needs_it(client: Client, path: str) -> None:
    for cookie in ("", "yolobg=", "yolobg=" + "a" * 43, client.cookie[:-1], client.cookie + "a", "other=1"):
        stranger = Client(client.address, cookie=cookie)
        assert stranger.ask("GET", f"{client.base}{path}")[0] == 403, cookie
        assert stranger.ask("GET", path if path != "/" else "/x")[0] == 403, cookie
        assert stranger.ask("POST", f"{client.base}/api/undo", b"{}")[0] == 403, cookie


def test_cookie__no_script_reads_it_and_no_other_site_or_port_gets_it(place: Path, tmp_path: Path) -> None:
    # A dataset of its own, since only one review of each may be open.
    data = shutil.copytree(place, tmp_path / "s")
    with reviewing(data) as (_, address):
        client = Client(address)
        status, headers, body = client.claim()
    assert status == 200
    page = json.loads(body)["page"]
    assert re.fullmatch(r"/r/[A-Za-z0-9_-]{22}/", page)
    parts = {part.strip() for part in headers["set-cookie"].split(";")[1:]}
    # Cookies know no ports: the path that nobody can guess keeps it from other servers of this machine.
    assert parts == {"HttpOnly", "SameSite=Strict", f"Path={page}"}


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "evil.example", "127.0.0.1", "evil.example:{port}", "[::1]:{port}", "", None, "localhost:",
        "localhost:0", "localhost:{port}0000", "localhost:port", "localhost:{port}@evil.example",
        "evil@localhost:{port}", "localhost.evil.example:{port}", "evil-localhost:{port}", "localhost.:{port}",
        "127.0.0.1.nip.io:{port}", "127.0.0.2:{port}", "0.0.0.0:{port}", "2130706433:{port}", "127.1:{port}",
        "localhost:{port},evil.example",
    ],
)  # fmt: skip
def test_host__any_other_is_refused(client: Client, host: str | None) -> None:
    told = host.format(port=client.origin.rpartition(":")[2]) if host is not None else None
    for path in ("/", f"{client.base}/", f"{client.base}/api/everything"):
        assert client.ask("GET", path, headers={"Host": told})[0] in (400, 403), path


@pytest.mark.parametrize("host", ["localhost:{port}", "localhost:9", "127.0.0.1:9", "127.0.0.1:65000"])
def test_host__of_a_tunnel_is_served_with_the_cookie_and_its_own_origin(client: Client, place: Path, host: str) -> None:
    host = host.format(port=client.origin.rpartition(":")[2])
    before = read_state(place)
    body = {"kind": "reject", "numbers": [0], "reason": "any"}
    assert client.ask("GET", "/", headers={"Host": host})[0] == 200
    assert client.ask("GET", f"{client.base}/", headers={"Host": host})[0] == 200
    assert client.ask("GET", f"{client.base}/", headers={"Host": host, "Cookie": None})[0] == 403
    for origin in (client.origin, "http://evil.example", "http://localhost:10", f"https://{host}", f"http://{host}/"):
        assert client.post("act", body, Host=host, Origin=origin)[0] == 403, origin
    assert client.post("act", body, Host=host, Origin=f"http://{host}", Cookie=None)[0] == 403
    assert read_state(place) == before
    assert client.post("act", body, Host=host, Origin=f"http://{host}")[0] == 200
    assert client.post("undo", {}, Host=host, Origin=f"http://{host}")[0] == 200
    assert read_state(place) == before


@pytest.mark.parametrize(
    "origin", [None, "null", "http://evil.example", "http://127.0.0.1", "http://127.0.0.1:1", "https://{own}", ""]
)
@pytest.mark.parametrize("path", ["act", "undo", "apply", "end"])
def test_origin__any_other_changes_nothing(client: Client, place: Path, origin: str | None, path: str) -> None:
    before = read_state(place)
    told = origin.format(own=client.origin.partition("//")[2]) if origin is not None else None
    body = {"kind": "reject", "numbers": [0], "reason": "any"}
    assert client.post(path, body, Origin=told)[0] == 403
    assert read_state(place) == before


def test_forms_and_other_sites__are_refused(client: Client, place: Path) -> None:
    before = read_state(place)
    body = {"kind": "reject", "numbers": [0], "reason": "any"}
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        assert client.post("act", body, **{"Content-Type": kind})[0] == 415
    assert client.post("act", body, **{"Sec-Fetch-Site": "cross-site"})[0] == 403
    assert client.ask("GET", f"{client.base}/api/everything", headers={"Sec-Fetch-Site": "same-site"})[0] == 403
    assert client.ask("GET", f"{client.base}/api/act")[0] == 405
    assert read_state(place) == before


@pytest.mark.parametrize(
    "path",
    [
        "picture/small/../../../../etc/passwd", "picture/small/%2e%2e%2fdata.yaml", "picture/small/-1",
        "picture/small/999", "picture/small/00000000000000000001", "picture/huge/0", "picture/small/0/../1",
        "static/../server.py", "static/%2e%2e/server.py", "static/..%2fserver.py", "static/report.css", "static/",
        "picture/small/data.yaml", "../../data.yaml", "picture/small/١",
    ],
)  # fmt: skip
def test_path__leads_nowhere_but_to_a_picture_by_number(client: Client, path: str) -> None:
    quoted = path if path.isascii() else path.replace("١", "%D9%A1")
    status, _, body = client.ask("GET", f"{client.base}/{quoted}")
    assert status in (400, 403, 404), body[:80]
    assert b"root:" not in body
    assert b"names:" not in body
    assert b"import" not in body


def test_picture__is_made_anew_and_never_a_file_as_it_came(client: Client, place: Path) -> None:
    told = client.everything()["items"]
    for size in ("small", "large"):
        status, headers, body = client.get(f"picture/{size}/{told[0]['number']}")
        assert status == 200
        assert headers["content-type"] == "image/jpeg"
        assert body.startswith(b"\xff\xd8\xff")
        assert body != (place / told[0]["image"]).read_bytes()


def test_picture__a_manifest_that_names_other_files_shows_none(tmp_path: Path) -> None:
    data = make_sample(tmp_path / "s")
    add_backgrounds(data, 3)
    secret = tmp_path / "bg_secret.jpg"
    secret.write_bytes((data / chosen(data)[0]).read_bytes())
    manifest = read_manifest(data)
    first, *others = manifest.entries
    for strange in (str(secret), "images/train/../../../bg_secret.jpg"):
        forged = msgspec.structs.replace(first, image=strange)
        write_manifest(data, msgspec.structs.replace(manifest, entries=(forged, *others)))
        with reviewing(data) as (_, address):
            client = Client(address)
            client.enter()
            items = client.everything()["items"]
            assert [i for i in items if "secret" in i["image"]] == []
            assert sum(i["ours"] for i in items) == 2


def test_headers__are_strict_everywhere(client: Client) -> None:
    for path in ("", "static/review.js", "api/everything", "nowhere"):
        _, headers, _ = client.get(path)
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "*" not in policy
        for needed in ("frame-ancestors 'none'", "base-uri 'none'", "require-trusted-types-for 'script'"):
            assert needed in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in headers
    page = client.get("")[2].decode()
    assert "<script>" not in page
    assert "style=" not in page
    assert not re.search(r"\son\w+\s*=", page), "a handler in the markup"


def test_hostile_names__go_out_as_json_only(client: Client) -> None:
    status, headers, body = client.get("api/everything")
    assert (status, headers["content-type"]) == (200, "application/json; charset=utf-8")
    assert f"shows {HOSTILE}" in [reason["text"] for reason in json.loads(body)["reasons"]]
    assert b"hacked" not in client.get("")[2]


def test_act__bad_requests_are_told_and_change_nothing(client: Client, place: Path) -> None:
    before = read_state(place)
    own = next(item["number"] for item in client.everything()["items"] if item["ours"])
    strange: tuple[object, ...] = (
        None, [], {}, {"kind": "delete", "numbers": [0]}, {"kind": "reject", "numbers": ["0"], "reason": "any"},
        {"kind": "reject", "numbers": [0], "reason": "any", "path": "/etc/passwd"},
    )  # fmt: skip
    for body in strange:
        assert client.post("act", body)[0] == 400, body
    for numbers, reason in (([10**9], "any"), ([-1], "any"), ([own], "nothing of the kind"), ([own], HOSTILE)):
        status, told = client.post("act", {"kind": "reject", "numbers": numbers, "reason": reason})
        assert status == 409
        assert told["error"]
    assert client.post("act", {"kind": "look", "numbers": list(range(200_000))})[0] == 413
    json_ = {"Origin": client.origin, "Content-Type": "application/json"}
    assert client.ask("POST", f"{client.base}/api/act", b"{", json_)[0] == 400
    assert read_state(place) == before


def test_state__is_on_disk_before_the_answer_and_survives_a_kill(tmp_path: Path) -> None:
    data = make_sample(tmp_path / "s")
    add_backgrounds(data)
    with reviewing(data) as (process, address):
        client = Client(address)
        client.enter()
        numbers = [item["number"] for item in client.everything()["items"] if item["ours"]]
        assert client.post("act", {"kind": "reject", "numbers": numbers[:1], "reason": "class-0"})[0] == 200
        assert client.post("act", {"kind": "accept", "numbers": numbers[1:4]})[0] == 200
        process.kill()
        process.wait()
    assert len(read_state(data).looked) == 4
    with reviewing(data) as (_, address):
        client = Client(address)
        client.enter()
        told = client.everything()
        assert len(told["looked"]) == 4
        assert list(told["rejected"].values()) == ["shows Pedestrian"]
        status, undone = client.post("undo", {})
        assert (status, len(undone["looked"]), len(undone["rejected"])) == (200, 1, 1)
        assert len(undone["about"]) == 3


def test_apply__that_gets_no_thread_is_told_and_bars_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = make_sample(tmp_path / "s")
    add_backgrounds(data, 2)

    def none_starts(*_: object, **__: object) -> None:
        raise YolobgError("no more threads")

    links: queue.SimpleQueue[str] = queue.SimpleQueue()
    serving = threading.Thread(target=serve, args=(Session(data), lambda entry: links.put(entry.link)), daemon=True)
    serving.start()
    client = Client(links.get(timeout=60))
    client.enter()
    client.post("act", {"kind": "reject", "numbers": [client.everything()["items"][0]["number"]], "reason": "any"})
    with monkeypatch.context() as patch:
        patch.setattr("yolobg.review.server.start_thread", none_starts)
        assert client.post("apply", {}) == (409, {"error": "no more threads"})
    assert client.post("undo", {})[0] == 200
    assert client.post("end", {}) == (200, {"ended": True})
    serving.join(60)
    assert not serving.is_alive()


def test_end__lets_no_other_tab_begin_what_the_process_would_not_finish(tmp_path: Path) -> None:
    data = make_sample(tmp_path / "s")
    add_backgrounds(data, 2)
    door = Door(4)
    entry = Access(door)
    # Without what ends the server: as a request that comes in while that ends.
    with Server(Review(Session(data), entry).app(), door) as server:
        entry.port = server.port
        entry.renew_link()
        serving = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        serving.start()
        client = Client(entry.link)
        client.enter()
        number = client.everything()["items"][0]["number"]
        assert client.post("act", {"kind": "reject", "numbers": [number], "reason": "any"})[0] == 200
        assert [client.post("end", {}) for _ in range(2)] == [(200, {"ended": True})] * 2
        for path, asked in (("apply", {}), ("undo", {}), ("act", {"kind": "keep", "numbers": [number]})):
            status, told = client.post(path, asked)
            assert (status, "has ended" in told.get("error", "")) == (409, True), path
        server.shutdown()
        serving.join()
    assert len(read_state(data).rejected) == 1


def test_link__that_is_renewed_while_a_browser_enters_works(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = Keys()
    first = keys.new_link()
    renewed: list[str] = []
    thread = threading.Thread(target=lambda: renewed.append(keys.new_link()))
    compare = hmac.compare_digest

    def slowly(*secrets: bytes) -> bool:
        if not thread.ident:
            thread.start()
            thread.join(0.3)  # long enough for a renewal that does not wait for its turn
        return compare(*secrets)

    monkeypatch.setattr(hmac, "compare_digest", slowly)
    assert keys.claim(first)
    thread.join()
    assert keys.claim(renewed[0])


def test_end__the_page_or_an_interrupt_ends_the_process(tmp_path: Path) -> None:
    data = make_sample(tmp_path / "s")
    add_backgrounds(data, 2)
    with reviewing(data) as (process, address):
        client = Client(address)
        client.enter()
        assert client.post("end", {}) == (200, {"ended": True})
        assert process.wait(timeout=20) == 0
    if sys.platform != "win32":
        with reviewing(data) as (process, _):
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=20) == 0


@pytest.mark.slow
def test_second_review__is_barred_while_one_is_open(tmp_path: Path) -> None:
    data = make_sample(tmp_path / "s")
    before = tree(data)
    add_backgrounds(data, 2)
    command = [sys.executable, "-m", "yolobg", "review", str(data), "--no-browser"]
    with reviewing(data) as (process, address):
        second = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert second.returncode == 6
        assert f"{data}: a review of this dataset is open already" in second.stderr
        assert second.stdout == ""
        # Other commands are not barred, and the review that was there first goes on.
        add_backgrounds(data, 3)
        client = Client(address)
        client.enter()
        assert len(client.everything()["items"]) == 3
        process.kill()
        process.wait()
    with reviewing(data) as (process, address):
        client = Client(address)
        client.enter()
        assert client.post("end", {})[0] == 200
        assert process.wait(timeout=20) == 0
    assert not (data / ".yolobg/review.lock").exists()
    with reviewing(data) as (process, _):
        process.kill()
        process.wait()
    yolobg.remove(data)
    assert tree(data) == before, "the lock of a killed review was left behind"


def test_port__that_was_asked_for_is_used_or_the_error_names_it(place: Path, tmp_path: Path) -> None:
    data = shutil.copytree(place, tmp_path / "s")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "yolobg", "review", str(data), "--no-browser", "--port", str(port)]
        refused = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert refused.returncode == 2
    assert f"--port {port}: cannot listen on it" in refused.stderr
    assert refused.stdout == ""
    with reviewing(data, "--port", str(port)) as (_, address):
        assert address.startswith(f"http://127.0.0.1:{port}/#")
        client = Client(address)
        client.enter()
        assert client.get("")[0] == 200


def test_listens__on_loopback_only(client: Client) -> None:
    assert client.address.startswith("http://127.0.0.1:")
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/#[A-Za-z0-9_-]{43}", client.address)
