"""Members of a remote zip, over a real loopback server that misbehaves on purpose."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import io
import json
import random
import socket
import subprocess
import sys
import threading
import time
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from coco_server import CocoServer

from yolobg.errors import AnnotationsError, DownloadError
from yolobg.model import no_progress
from yolobg.sources.archive import members
from yolobg.sources.archive.members import UnchangedError, fetch_file, fetch_members
from yolobg.sources.archive.ranges import fetch_stretches
from yolobg.sources.archive.remote import LIMITS, Remote
from yolobg.sources.archive.unpack import JsonFile, inflate
from yolobg.sources.location import Pin

KEY = "/annotations/annotations_trainval2017.zip"
WANTED = ("annotations/instances_train2017.json", "annotations/captions_train2017.json")


def member(seed: int, size: int) -> bytes:
    """JSON that deflates to about half."""
    numbers = random.Random(seed)
    return b"[" + b", ".join(b"%d" % numbers.randrange(10**9) for _ in range(size // 11)) + b"]"


CONTENT = {
    "annotations/instances_val2017.json": member(1, 300_000),
    "annotations/captions_train2017.json": member(2, 400_000),
    "annotations/instances_train2017.json": member(3, 2_000_000),
    "annotations/person_keypoints_train2017.json": member(4, 900_000),
}


def make_zip(content: dict[str, bytes] = CONTENT) -> bytes:
    """A zip in the official layout."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return out.getvalue()


ZIP = make_zip()
PINS = {WANTED[0]: Pin(len(CONTENT[WANTED[0]]), crc32=zlib.crc32(CONTENT[WANTED[0]]))}


def pick(_names: Sequence[str]) -> Sequence[str]:
    return WANTED


def remote_of(*urls: str, connections: int, read_s: float = LIMITS.read_s) -> Remote:
    return Remote(urls, limits=replace(LIMITS, read_s=read_s, start=connections, ceiling=connections))


def fetch(
    folder: Path, *bases: str, pins: dict[str, Pin] | None = None, read_timeout_s: float = 0.5
) -> dict[str, JsonFile]:
    folder.mkdir(exist_ok=True)
    remote = remote_of(*(base + KEY for base in bases), connections=4, read_s=read_timeout_s)
    return fetch_members(remote, pick, folder, pins=pins)[0]


def assert_good(files: dict[str, JsonFile]) -> None:
    assert {name: file.path.read_bytes() for name, file in files.items()} == {n: CONTENT[n] for n in WANTED}


def test_members__only_what_is_needed_is_sent(tmp_path: Path) -> None:
    with CocoServer({KEY: ZIP}) as server:
        assert_good(fetch(tmp_path, server.url, pins=PINS))
        with zipfile.ZipFile(io.BytesIO(ZIP)) as archive:
            needed = sum(archive.getinfo(name).compress_size for name in WANTED)
        assert needed <= server.sent <= needed + 70_000 < len(ZIP)
        assert server.hits[0] == (KEY, "bytes=-65536")
    assert not list(tmp_path.glob("archive.*"))


def test_members__come_over_several_connections_at_once(tmp_path: Path) -> None:
    with CocoServer({KEY: ZIP}, bytes_per_s=600_000) as server:
        assert_good(fetch(tmp_path, server.url))
        assert server.most_open >= 3


def test_members__without_range_the_whole_zip_is_checked_the_same_way(tmp_path: Path) -> None:
    with CocoServer({KEY: ZIP}, ranges=False) as server:
        assert_good(fetch(tmp_path, server.url, pins=PINS))
        server.faults[KEY] = ["cut", "reset-body", "unavailable"]
        assert_good(fetch(tmp_path, server.url))
        damaged = bytearray(ZIP)
        damaged[len(ZIP) // 3] ^= 0xFF
        server.files[KEY] = bytes(damaged)
        with pytest.raises(DownloadError, match="not the file expected"):
            fetch(tmp_path, server.url)


@pytest.mark.parametrize(
    "faults",
    [
        ["unavailable"],
        ["", "unavailable", "unavailable"],
        ["reset", "reset"],
        ["", "reset-body", "reset-body", "cut", "reset-body", "cut"],
        ["cut", "cut"],
        ["silent"],
        ["", "silent", "mute"],
        ["range-lie", "", "range-lie"],
        ["", "", "", "unavailable", "cut", "reset", "reset-body"],
    ],
)
def test_members__passing_faults_do_no_harm(tmp_path: Path, faults: list[str]) -> None:
    with CocoServer({KEY: ZIP}) as server:
        server.faults[KEY] = list(faults)
        assert_good(fetch(tmp_path, server.url))
        assert not server.faults[KEY]


@pytest.mark.parametrize("size", [10, 1000, 70_000])
def test_members__a_zip_smaller_than_the_first_request(tmp_path: Path, size: int) -> None:
    small = {name: member(9, size) for name in WANTED}
    with CocoServer({KEY: make_zip(small)}) as server:
        fetched = fetch(tmp_path, server.url)
    assert {name: file.path.read_bytes() for name, file in fetched.items()} == small


def test_members__a_directory_longer_than_the_first_request(tmp_path: Path) -> None:
    many = {f"annotations/{'x' * 80}{n}.json": b"[]" for n in range(900)} | {n: CONTENT[n] for n in WANTED}
    with CocoServer({KEY: make_zip(many)}) as server:
        assert_good(fetch(tmp_path, server.url))


def test_members__an_end_that_never_ends_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing says how long a chunked answer is; no more than the longest end that is asked for stays in memory."""
    sent = 0

    class Endless(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            nonlocal sent
            self.send_response(206)
            self.send_header("Content-Range", "bytes 0-99/100")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            with contextlib.suppress(OSError):  # the client has had enough
                while sent < 1 << 28:
                    self.wfile.write(b"10000\r\n" + bytes(1 << 16) + b"\r\n")
                    sent += 1 << 16

        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    monkeypatch.setattr(members, "TAILS", (1 << 16, 1 << 20))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Endless) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(DownloadError, match="more bytes than were requested"):
            fetch(tmp_path, f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
    assert sent < 1 << 26, "some more lie between the two, once for each try"


def test_members__damaged_bytes_are_fetched_again_once(tmp_path: Path) -> None:
    with CocoServer({KEY: ZIP}) as server:
        server.faults[KEY] = ["", "damage"]
        assert_good(fetch(tmp_path, server.url))


def test_members__bytes_that_stay_damaged_are_an_error(tmp_path: Path) -> None:
    with CocoServer({KEY: ZIP}) as server:
        server.faults[KEY] = [""]
        server.always[KEY] = "damage"
        with pytest.raises(DownloadError, match=r"127\.0\.0\.1.*not the file expected"):
            fetch(tmp_path, server.url)
    assert not list(tmp_path.glob("archive.*"))


def test_hosts__are_asked_in_order_and_the_first_that_works_does_it_all(tmp_path: Path) -> None:
    with CocoServer({KEY: ZIP}) as first, CocoServer({KEY: ZIP}) as second:
        assert_good(fetch(tmp_path, first.url, second.url))
        assert first.hits
        assert not second.hits
        first.always[KEY] = "missing"
        first.hits.clear()
        assert_good(fetch(tmp_path, first.url, second.url))
        assert first.hits
        assert second.hits


def test_hosts__a_request_fails_over_while_others_go_on(tmp_path: Path) -> None:
    with CocoServer({KEY: ZIP}) as first, CocoServer({KEY: ZIP}) as second:
        first.faults[KEY] = ["", "", "unavailable"]
        assert_good(fetch(tmp_path, first.url, second.url))
        assert len(first.hits) >= 3
        assert second.hits


def test_hosts__a_host_that_dies_half_way_is_noticed_soon(tmp_path: Path) -> None:
    with CocoServer({KEY: ZIP}) as first, CocoServer({KEY: ZIP}) as second:
        first.faults[KEY] = ["", ""]
        first.always[KEY] = "silent"
        assert_good(fetch(tmp_path, first.url, second.url, read_timeout_s=1.0))


def test_hosts__one_with_another_zip_is_passed_over(tmp_path: Path) -> None:
    other = make_zip(CONTENT | {WANTED[0]: member(77, 2_000_000)})
    page = {KEY: b"<html>" + b"x" * 100_000}
    with CocoServer({KEY: other}) as first, CocoServer(page) as second, CocoServer({KEY: ZIP}) as third:
        assert_good(fetch(tmp_path, first.url, second.url, third.url, pins=PINS))


def test_hosts__the_error_names_each_host_and_its_answer(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        closed = f"http://127.0.0.1:{free.getsockname()[1]}"
    with CocoServer({}) as first, CocoServer({KEY: ZIP}) as second:
        second.always[KEY] = "unavailable"
        urls = [first.url + KEY, second.url + KEY, closed + KEY, "http://no.such.host.invalid/x"]
        remote = Remote(urls, sleep=lambda _seconds: None)  # no waiting between rounds
        with pytest.raises(DownloadError) as caught:
            fetch_members(remote, pick, tmp_path)
        said = str(caught.value)
    assert f"{first.url}{KEY}: HTTP 404" in said
    assert f"{second.url}{KEY}: HTTP 503" in said
    assert f"{closed}{KEY}: connection refused" in said
    assert "no.such.host.invalid/x: host name not found" in said


def test_hosts__secrets_of_an_address_stay_out_of_messages(tmp_path: Path) -> None:
    with CocoServer({}) as server:
        url = server.url.replace("http://", "http://me:secret@") + "/a.zip?token=hidden"
        with pytest.raises(DownloadError) as caught:
            fetch_members(Remote([url]), pick, tmp_path)
    assert "secret" not in str(caught.value)
    assert "hidden" not in str(caught.value)


def test_hosts__retry_after_is_honoured(tmp_path: Path) -> None:
    waits: list[float] = []
    with CocoServer({KEY: ZIP}) as server:
        server.faults[KEY] = ["unavailable"]
        server.retry_after = "7"
        remote = Remote([server.url + KEY], sleep=waits.append)  # counts the waits, and waits for none
        assert_good(fetch_members(remote, pick, tmp_path)[0])
    assert waits == [7.0]


def test_hosts__retry_after_of_one_does_not_hold_up_what_another_has(tmp_path: Path) -> None:
    waits: list[float] = []
    with CocoServer({KEY: ZIP}) as first, CocoServer({KEY: ZIP}) as second:
        first.always[KEY], first.retry_after = "busy", "20"
        limits = replace(LIMITS, start=2, ceiling=2)
        remote = Remote([first.url + KEY, second.url + KEY], limits=limits, sleep=waits.append)
        assert_good(fetch_members(remote, pick, tmp_path)[0])
        assert first.hits
    assert waits == []


def test_members__a_zip_bomb_is_refused_before_it_is_fetched(tmp_path: Path) -> None:
    data = make_zip({WANTED[0]: CONTENT[WANTED[0]]})
    size = len(CONTENT[WANTED[0]]).to_bytes(4, "little")
    with CocoServer({KEY: data.replace(size, (0xFFFFFFF0).to_bytes(4, "little"))}) as server:
        with pytest.raises(AnnotationsError, match="claim to inflate"):
            fetch_members(Remote([server.url + KEY]), lambda _names: [WANTED[0]], tmp_path)
        assert [asked for _, asked in server.hits] == ["bytes=-65536"] * 2, "asked once more, in case it was damage"


# ---------------------------------------------------------------- resuming


def test_resume__after_interruption_at_many_points_fetches_only_the_rest(tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(ZIP)) as archive:
        needed = sum(archive.getinfo(name).compress_size for name in WANTED)
    for number, stop_at in enumerate(range(1, needed, needed // 12)):
        folder = tmp_path / str(number)
        folder.mkdir()

        def stop(stage: str, done: int, _total: int | None, stop_at: int = stop_at) -> None:
            if stage == "annotations" and done >= stop_at:
                raise KeyboardInterrupt

        with CocoServer({KEY: ZIP}) as server:
            with pytest.raises(KeyboardInterrupt):
                fetch_members(remote_of(server.url + KEY, connections=3), pick, folder, progress=stop)
            server.hits.clear()
            seen: list[int] = []
            fetched, _ = fetch_members(
                remote_of(server.url + KEY, connections=3),
                pick,
                folder,
                progress=lambda stage, done, _total, seen=seen: seen.append(done) if stage == "annotations" else None,
            )
            assert_good(fetched)
            assert server.asked_bytes(KEY) <= needed - seen[0] + 1000
            if stop_at > needed // 2:
                assert seen[0] > 0


def test_resume__whatever_byte_the_journal_was_cut_at(tmp_path: Path) -> None:
    data = random.Random(5).randbytes(2_500_000)
    stretches = [(1000, 900_001), (1_000_000, 2_400_000)]
    needed = sum(stop - start for start, stop in stretches)
    part, journal = tmp_path / "a.part", tmp_path / "a.journal"
    with CocoServer({"/a": data}) as server:

        def run(identity: str = "same") -> None:
            remote = remote_of(f"{server.url}/a", connections=2)
            fetch_stretches(remote, stretches, len(data), part, identity=identity, progress=no_progress)
            remote.close()
            content = part.read_bytes()
            assert len(content) == len(data)
            assert all(content[start:stop] == data[start:stop] for start, stop in stretches)

        run()
        whole = journal.read_bytes()
        assert whole.count(b"\n") > 8
        for cut in range(0, len(whole), 7):
            noted = [tuple(map(int, line.split())) for line in whole[:cut].split(b"\n")[1:-1]]
            broken = bytearray(b"\xee" * len(data))
            for start, stop in noted:
                broken[start:stop] = data[start:stop]
            part.write_bytes(broken)
            journal.write_bytes(whole[:cut])
            server.sent = 0
            run()
            assert server.sent == needed - sum(stop - start for start, stop in noted)
        server.sent = 0
        run("another")
        assert server.sent == needed


def test_resume__after_a_real_kill(tmp_path: Path) -> None:
    script = (
        "import sys; from dataclasses import replace; from pathlib import Path\n"
        "from yolobg.sources.archive.members import fetch_members\n"
        "from yolobg.sources.archive.remote import LIMITS, Remote\n"
        "remote = Remote([sys.argv[1]], limits=replace(LIMITS, start=3, ceiling=3))\n"
        f"fetch_members(remote, lambda names: {WANTED!r}, Path(sys.argv[2]))"
    )
    with CocoServer({KEY: ZIP}, bytes_per_s=400_000) as server:
        for pause in (0.7, 0.9):
            child = subprocess.Popen([sys.executable, "-c", script, server.url + KEY, str(tmp_path)])
            time.sleep(pause)
            child.kill()
            child.wait()
        server.bytes_per_s = None
        server.sent = 0
        assert_good(fetch(tmp_path, server.url))
    assert server.sent < len(ZIP)


def test_resume__a_zip_that_changed_is_not_mixed_with_the_old_one(tmp_path: Path) -> None:
    changed = CONTENT | {WANTED[0]: member(55, 2_000_000)}

    def stop(stage: str, done: int, _total: int | None) -> None:
        if stage == "annotations" and done > 600_000:
            raise KeyboardInterrupt

    with CocoServer({KEY: ZIP}) as server:
        with pytest.raises(KeyboardInterrupt):
            fetch_members(Remote([server.url + KEY]), pick, tmp_path, progress=stop)
        server.files[KEY] = make_zip(changed)
        fetched = fetch(tmp_path, server.url)
    assert fetched[WANTED[0]].path.read_bytes() == changed[WANTED[0]]


# ---------------------------------------------------------------- conditional requests and plain files


def test_known__an_unchanged_zip_costs_one_request(tmp_path: Path) -> None:
    with CocoServer({KEY: ZIP}) as server:
        _, known = fetch_members(Remote([server.url + KEY]), pick, tmp_path)
        server.hits.clear()
        with pytest.raises(UnchangedError):
            fetch_members(Remote([server.url + KEY]), pick, tmp_path, known=known)
        assert len(server.hits) == 1
        server.files[KEY] = make_zip(CONTENT | {"annotations/new.json": b"[]"})
        assert_good(fetch_members(Remote([server.url + KEY]), pick, tmp_path, known=known)[0])


@pytest.mark.parametrize(("ranges", "etag"), [(True, True), (True, False), (False, True), (False, False)])
def test_file__is_fetched_whole_and_asked_for_only_when_it_changed(tmp_path: Path, ranges: bool, etag: bool) -> None:
    data = json.dumps(list(range(300_000))).encode()
    with CocoServer({"/a.json": data}, ranges=ranges, etag=etag) as server:
        urls = [f"{server.url}/a.json"]
        server.faults["/a.json"] = ["unavailable", "", "cut"]
        path, known = fetch_file(Remote(urls), tmp_path)
        assert path.read_bytes() == data
        if etag:
            with pytest.raises(UnchangedError):
                fetch_file(Remote(urls), tmp_path, known=known)
        else:
            assert fetch_file(Remote(urls), tmp_path, known=known)[0].read_bytes() == data


@pytest.mark.parametrize("damaged", [1, 2, 3])
def test_file__that_comes_damaged_is_fetched_three_times(tmp_path: Path, damaged: int) -> None:
    data = json.dumps(list(range(1000))).encode()
    with CocoServer({"/a.json": data}) as server:
        # Each time at another place: the same bytes twice would be what the host has. Others ask for the size.
        server.faults["/a.json"] = [fault for at in range(damaged) for fault in ("", f"damage:{at}")]
        if damaged < 3:
            assert fetch_file(Remote([f"{server.url}/a.json"]), tmp_path)[0].read_bytes() == data
        else:
            with pytest.raises(DownloadError, match="damaged on the way"):
                fetch_file(Remote([f"{server.url}/a.json"]), tmp_path)


def test_file__that_changes_while_it_is_fetched_is_an_error(tmp_path: Path) -> None:
    with CocoServer({"/a": b"a" * 3_000_000}, bytes_per_s=3_000_000) as server:

        def change(_stage: str, done: int, _total: int | None) -> None:
            if done > 500_000:
                server.files["/a"] = b"b" * 3_000_000

        with pytest.raises(DownloadError, match="changed"):
            fetch_file(remote_of(f"{server.url}/a", connections=2), tmp_path, progress=change)


@pytest.mark.parametrize("pinned", [False, True])
def test_inflate__has_the_digest_of_the_content(tmp_path: Path, pinned: bool) -> None:
    content = member(9, 3_000_000)
    made = inflate(io.BytesIO(content), tmp_path / "a.json", len(content), "a.zip", no_progress, pinned=pinned)
    assert made.path.read_bytes() == content
    assert made.sha256 == hashlib.sha256(content).hexdigest()
