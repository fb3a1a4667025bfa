"""Every fault of the network while annotations are fetched: the exact files, or an error that tells the whole story."""

from __future__ import annotations

import contextlib
import io
import random
import socket
import ssl
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import tally
from authority import Authority, make_authority
from coco_server import CocoServer
from proxy_server import proxy_server

from yolobg.errors import AnnotationsError, DownloadError, UsageError
from yolobg.sources.archive.members import fetch_file, fetch_members
from yolobg.sources.archive.remote import LIMITS, GoneError, Remote
from yolobg.sources.archive.unpack import JsonFile
from yolobg.sources.location import Pin

KEY = "/annotations/annotations_trainval2017.zip"
WANTED = ("annotations/instances_train2017.json", "annotations/captions_train2017.json")
CONNECTIONS = 4
NOBODY = "redirect:http://127.0.0.1:{closed}/x.zip"


def member(seed: int, size: int) -> bytes:
    """JSON that deflates to about half."""
    numbers = random.Random(seed)
    return b"[" + b", ".join(b"%d" % numbers.randrange(10**9) for _ in range(size // 11)) + b"]"


def zipped(content: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return out.getvalue()


CONTENT = {WANTED[1]: member(2, 300_000), WANTED[0]: member(3, 2_500_000), "annotations/x.json": member(4, 200_000)}
ZIP = zipped(CONTENT)
OTHER = zipped(CONTENT | {WANTED[0]: member(9, 2_500_000)})
SMALL = {name: member(5, 3_000) for name in WANTED}
PINS = {name: Pin(len(CONTENT[name]), crc32=zlib.crc32(CONTENT[name])) for name in WANTED}
PLAIN = b"[" + b", ".join(b"%d" % number for number in range(200_000)) + b"]"


@dataclass(frozen=True)
class Fault:
    """A fault by the name that the issue gives it; what `CocoServer` must do; whether asking anew may not help."""

    what: str
    lasts: bool = False
    said: str = ""


FAULTS = {
    "refused": Fault(NOBODY, said="connection refused"),
    "reset before the body": Fault("reset"),
    "reset within the body": Fault("reset-body"),
    "cut within the body": Fault("cut"),
    "1 byte/s": Fault("drip:0.1", said="bytes per second"),
    "1 byte/s from the first byte on": Fault("drip-head:0.1", said="no complete answer in time"),
    "no answer": Fault("mute", said="no complete answer in time"),
    "silence within the body": Fault("silent"),
    "200 with HTML": Fault("html", said="web page"),
    "206 with HTML": Fault("html-range", said="web page"),
    "200 with an empty body": Fault("empty", said="an empty body"),
    "a length that is too short": Fault("short"),
    "a length that is too long": Fault("long"),
    "packed with gzip": Fault("gzip"),
    "damaged bytes of the right length": Fault("damage"),
    "another file under the name": Fault("other"),
    "another ETag": Fault("etag"),
    "Range ignored": Fault("whole"),
    "a lie in Content-Range": Fault("range-lie"),
    "another total": Fault("total-lie"),
    "a total of 5,000 digits": Fault("total-lie:" + "9" * 5000),
    "301 loop": Fault("loop", lasts=True, said="more than 5 redirects"),
    "302 to ftp": Fault("redirect:ftp://127.0.0.1/x.zip", lasts=True, said="another kind of address"),
    "302 to a file": Fault("redirect:file:///etc/passwd", lasts=True, said="another kind of address"),
    "302 to nonsense": Fault("redirect:http://[", said=""),
    "403": Fault("forbidden", lasts=True, said="HTTP 403"),
    "404": Fault("missing", lasts=True, said="HTTP 404"),
    "416": Fault("range", lasts=True, said="HTTP 416"),
    "429 without Retry-After": Fault("busy", said="HTTP 429"),
    "429 with seconds": Fault("busy:1", said="HTTP 429"),
    "503 with a date": Fault("unavailable:Wed, 21 Oct 2015 07:28:00 GMT", said="HTTP 503"),
    "503 with a date that is none": Fault("unavailable:Wed, 99 Oct 99999 99:99:99 GMT", said="HTTP 503"),
    "503 with nonsense": Fault("unavailable:soon", said="HTTP 503"),
    "503 with a negative number": Fault("unavailable:-5", said="HTTP 503"),
    "503 with a thousand million": Fault("unavailable:1000000000", said="HTTP 503"),
    "503 with 5,000 digits": Fault("unavailable:" + "9" * 5000, said="HTTP 503"),
    "DNS failure": Fault("redirect:http://no-such-host.invalid/x.zip", said="host name not found"),
}
# All but the many ways to say when to come back, which are one and the same everywhere.
MAIN = [name for name in FAULTS if not name.startswith(("503 with ", "429 with "))]
# Where one answer is all there is, nothing says that it is about another file.
UNKNOWABLE = ("another file under the name", "another ETag")
SLOW = ("1 byte/s", "1 byte/s from the first byte on", "no answer", "silence within the body")


@pytest.fixture(scope="module")
def closed() -> str:
    """A port at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return str(free.getsockname()[1])


@pytest.fixture
def server() -> Iterator[CocoServer]:
    """Has the zip and a plain file."""
    with CocoServer({KEY: ZIP, "/a.json": PLAIN}) as running:
        running.other = {KEY: OTHER, "/a.json": PLAIN[::-1]}
        yield running


def remote_of(*urls: str, dead_after_s: float = 1.5, connections: int = CONNECTIONS) -> Remote:
    """With time limits that tests can wait for."""
    limits = replace(
        LIMITS, connect_s=0.5, read_s=0.5, silent_s=dead_after_s, host_down_s=dead_after_s, slow_after_s=0.4,
        backoff_cap_s=0.02, start=connections, ceiling=connections,
    )  # fmt: skip
    return Remote(urls, limits=limits)


def fetch(folder: Path, *bases: str, pins: dict[str, Pin] | None = None) -> dict[str, JsonFile]:
    folder.mkdir(exist_ok=True)
    remote = remote_of(*(base + KEY for base in bases))
    return fetch_members(remote, lambda _names: WANTED, folder, pins=PINS if pins is None else pins)[0]


def assert_exact(files: dict[str, JsonFile], content: dict[str, bytes] = CONTENT) -> None:
    assert {name: file.path.read_bytes() for name, file in files.items()} == {n: content[n] for n in WANTED}


def most_hits(name: str = "") -> int:
    """Requests that no fault may exceed: a round of tries for the directory, twice, and for each connection's piece."""
    hops = LIMITS.redirects + 1 if "loop" in name else 1
    return (2 + CONNECTIONS) * LIMITS.tries**2 * hops


@pytest.mark.slow
@pytest.mark.parametrize("name", FAULTS)
def test_directory__a_fault_that_passes(name: str, server: CocoServer, closed: str, tmp_path: Path) -> None:
    """On the first request there is no telling a host that fails once from one that lacks the file."""
    fault = FAULTS[name]
    server.faults[KEY] = [fault.what.format(closed=closed)]
    if fault.lasts and "loop" not in name:
        with pytest.raises(DownloadError, match=f"127.0.0.1.*{fault.said}"):
            fetch(tmp_path, server.url)
        assert len(server.hits) == 1
        with CocoServer({KEY: ZIP}) as second:
            server.faults[KEY] = [fault.what.format(closed=closed)]
            assert_exact(fetch(tmp_path, server.url, second.url))
    else:
        assert_exact(fetch(tmp_path, server.url))
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.slow
@pytest.mark.parametrize("name", FAULTS)
def test_segments__a_fault_that_passes(name: str, server: CocoServer, closed: str, tmp_path: Path) -> None:
    server.faults[KEY] = ["", FAULTS[name].what.format(closed=closed)]
    assert_exact(fetch(tmp_path, server.url))
    assert sum(server.given.values()) == 1
    assert len(server.hits) <= most_hits()
    assert not list(tmp_path.glob("*.part"))
    assert not list(tmp_path.glob("*.journal"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "where"),
    [*((name, "directory") for name in FAULTS), *((name, "after some segments") for name in MAIN)],
)
def test_faults__that_stay_end_in_a_story_and_the_next_run_goes_on(
    name: str, where: str, server: CocoServer, closed: str, tmp_path: Path
) -> None:
    fault = FAULTS[name]
    server.faults[KEY] = [""] * {"directory": 0, "after some segments": 3}[where]
    server.always[KEY] = fault.what.format(closed=closed)
    if name == "Range ignored" and where == "directory":
        assert_exact(fetch(tmp_path, server.url))
        return
    if name in ("another ETag", "a length that is too long"):
        # What the directory says of the content counts, and what is wanted may be there before what is not.
        is_exact(lambda: fetch(tmp_path, server.url))
    else:
        with pytest.raises((DownloadError, AnnotationsError)) as caught:
            fetch(tmp_path, server.url)
        assert f"{server.url}{KEY}" in str(caught.value)
        assert fault.said in str(caught.value)
        assert isinstance(caught.value, DownloadError), caught.value
    assert len(server.hits) <= most_hits()
    server.always.clear()
    assert_exact(fetch(tmp_path, server.url))


def is_exact(work: Callable[[], dict[str, JsonFile]]) -> bool:
    """The exact files or a download error, nothing else."""
    try:
        fetched = work()
    except DownloadError:
        return False
    assert_exact(fetched)
    return True


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.05, 0.2, 0.5])
@pytest.mark.parametrize("seed", [1, 2])
def test_faults__mixed(share: float, seed: int, server: CocoServer, closed: str, tmp_path: Path) -> None:
    """Each run ends with the exact files or a story; what it got is not asked for again, so the last one comes."""
    quick = [fault for name, fault in FAULTS.items() if name not in SLOW[:-1]]
    server.kinds = [fault.what.format(closed=closed) for fault in quick]
    server.share, server.seed = share, seed
    runs = 0
    while not is_exact(lambda: fetch(tmp_path, server.url)):
        runs += 1
        assert runs < (40 if share > 0.2 else 6)
        assert len(server.hits) <= (runs + 1) * most_hits()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["cut", "reset-body"])
@pytest.mark.parametrize("every", [1, 1_000, 60_000, 200_000])
def test_segments__cut_at_every_so_many_bytes(every: int, kind: str, server: CocoServer, tmp_path: Path) -> None:
    server.faults[KEY] = [""]
    server.always[KEY] = f"{kind}:{every}"
    got = 0
    if every > 1_000:
        assert_exact(fetch(tmp_path, server.url))
    else:
        with pytest.raises(DownloadError, match=r"127\.0\.0\.1.*(cut|reset)"):
            fetch(tmp_path, server.url)
        got = sum(sizes_noted(journal(tmp_path)))
        assert got > 0
    assert len(server.hits) <= most_hits()
    server.always.clear()
    server.hits.clear()
    assert_exact(fetch(tmp_path, server.url))
    assert server.asked_bytes(KEY) <= len(ZIP) - got


def journal(folder: Path) -> list[str]:
    return (folder / "archive.journal").read_text().splitlines()[1:]


def sizes_noted(lines: Sequence[str]) -> list[int]:
    """How many bytes each line of a journal says are there."""
    pairs = (line.split() for line in lines)
    return [int(stop) - int(start) for start, stop in pairs]


@pytest.mark.slow
def test_directory__damaged_at_any_byte(tmp_path: Path) -> None:
    """A bad transfer of the directory never blames the file, and never costs more than asking again."""
    small = zipped(SMALL)
    with zipfile.ZipFile(io.BytesIO(small)) as archive:
        start = archive.start_dir
    with CocoServer({KEY: small}) as server:
        for at in range(start, len(small)):
            server.faults[KEY] = [f"damage:{at}"]
            fetched = fetch(tmp_path, server.url, pins={})
            assert_exact(fetched, SMALL)
        for at in range(start, len(small), 5):
            server.always[KEY] = f"damage:{at}"
            is_good_or_told(lambda: fetch(tmp_path, server.url, pins={}))


def is_good_or_told(work: Callable[[], dict[str, JsonFile]]) -> None:
    """Bytes of a directory that mean nothing to us may be damaged; all others are told."""
    with contextlib.suppress(DownloadError, AnnotationsError):
        assert_exact(work(), SMALL)


def test_members__a_page_in_between_does_not_cost_what_was_fetched(server: CocoServer, tmp_path: Path) -> None:
    server.faults[KEY] = [""] * 3
    server.always[KEY] = "reset"
    with pytest.raises(DownloadError):
        fetch(tmp_path, server.url)
    server.always.clear()
    lines = journal(tmp_path)
    assert lines
    for fault in ("html", "empty", "damage:65530", "short", "forbidden", "whole"):
        server.faults[KEY] = [fault]
        with pytest.raises((DownloadError, AnnotationsError)):
            fetch_members(remote_of(server.url + KEY), nothing, tmp_path, pins=PINS)
        assert journal(tmp_path) == lines
    server.hits.clear()
    assert_exact(fetch(tmp_path, server.url))
    assert server.asked_bytes(KEY) <= len(ZIP) - sum(sizes_noted(lines))


def nothing(names: Sequence[str]) -> Sequence[str]:
    raise AnnotationsError(f"none of {len(names)} names is wanted")


# ---------------------------------------------------------------- hosts that are gone


def test_dead__a_host_that_takes_connections_and_says_nothing(server: CocoServer, tmp_path: Path) -> None:
    """Given up when it has been silent long enough, not after every try has had its time-out."""
    server.always[KEY] = "mute"
    remote = remote_of(server.url + KEY, dead_after_s=0.7)
    with pytest.raises(DownloadError, match=r"127\.0\.0\.1.*no complete answer in time"):
        fetch_members(remote, lambda _names: WANTED, tmp_path)
    assert len(server.hits) <= 3


def test_dead__a_name_server_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, answered, ended = list[str](), list[str](), threading.Event()

    def look_up(host: str, *_args: object, **_kwargs: object) -> list[object]:
        asked.append(host)
        if not ended.wait(60):
            answered.append(host)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    remote = remote_of("http://annotations.example/x.zip", dead_after_s=1.5)
    with pytest.raises(DownloadError, match="no complete answer in time"):
        fetch_members(remote, lambda _names: WANTED, tmp_path)
    ended.set()
    assert not answered, "nobody waited for it"
    assert 1 <= len(asked) <= 3


def test_dead__the_host_dies_half_way(server: CocoServer, tmp_path: Path) -> None:
    """Another has the rest; where there is none, what came is kept."""

    def die(stage: str, done: int, _total: int | None) -> None:
        if stage == "annotations" and done > 400_000:
            server.always[KEY] = "reset"

    # So few that requests are still to come when the host dies, however slow this machine is.
    remote = remote_of(server.url + KEY, connections=2)
    with pytest.raises(DownloadError, match="reset"):
        fetch_members(remote, lambda _names: WANTED, tmp_path, progress=die)
    with CocoServer({KEY: ZIP}) as second:
        assert_exact(fetch(tmp_path, server.url, second.url))
        assert 0 < second.asked_bytes(KEY) < len(ZIP) - 300_000


@pytest.mark.parametrize("kind", ["other", "etag"])
def test_changed__half_way(kind: str, server: CocoServer, tmp_path: Path) -> None:
    """Another file in the middle is noticed; the next run has one or the other, never a mixture."""
    server.faults[KEY] = [""] * 3
    server.always[KEY] = kind
    is_exact(lambda: fetch(tmp_path, server.url))
    server.files[KEY] = OTHER
    server.always.clear()
    fetched = fetch(tmp_path, server.url, pins={})
    with zipfile.ZipFile(io.BytesIO(OTHER)) as archive:
        assert fetched[WANTED[0]].path.read_bytes() == archive.read(WANTED[0])


# ---------------------------------------------------------------- plain files


@pytest.mark.slow
@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("name", MAIN)
def test_file__a_fault_that_passes(name: str, ranges: bool, server: CocoServer, closed: str, tmp_path: Path) -> None:
    fault = FAULTS[name]
    if not ranges and name in ("a lie in Content-Range", "another total", "206 with HTML", *UNKNOWABLE):
        pytest.skip("nothing is wrong without Range")
    server.ranges = ranges
    server.faults["/a.json"] = [*([""] if ranges else []), fault.what.format(closed=closed)]
    remote = remote_of(f"{server.url}/a.json")
    if fault.lasts and not ranges and "loop" not in name:
        with pytest.raises(DownloadError, match=fault.said):
            fetch_file(remote, tmp_path)
        return
    path, _ = fetch_file(remote, tmp_path)
    if name == "packed with gzip" and path.read_bytes() != PLAIN:
        assert zlib.decompress(path.read_bytes(), wbits=31) == PLAIN  # as it was sent; `unpack` knows what to do
    else:
        assert path.read_bytes() == PLAIN
    assert len(server.hits) <= most_hits()


@pytest.mark.parametrize("ranges", [True, False])
def test_file__an_etag_that_only_looks_like_an_md5(ranges: bool, server: CocoServer, tmp_path: Path) -> None:
    server.etag_of = lambda content: f'"{len(str(content)) % 10:032}"'  # type: ignore[method-assign]
    server.ranges = ranges
    path, _ = fetch_file(remote_of(f"{server.url}/a.json"), tmp_path)
    assert path.read_bytes() == PLAIN


# ---------------------------------------------------------------- certificates


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("ca"))


WRONG = {"expired": "expired", "another name": "mismatch|match", "self-signed": "self[- ]signed"}


@pytest.mark.parametrize("which", WRONG)
def test_tls__a_certificate_that_does_not_hold_is_not_asked_about_again(
    which: str, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.ca))
    with (
        CocoServer({KEY: ZIP}, tls=authority.server_side(which)) as bad,
        CocoServer({KEY: ZIP}, tls=authority.server_side("good")) as good,
        CocoServer({KEY: ZIP}) as plain,
    ):
        with pytest.raises(DownloadError, match=f"{bad.url}.*certificate is not accepted.*{WRONG[which]}"):
            fetch(tmp_path, bad.url)
        assert bad.most_open <= 1
        assert_exact(fetch(tmp_path, bad.url, good.url))
        assert_exact(fetch(tmp_path, bad.url, plain.url))
        assert bad.hits == []
        tally.tried("network faults", 3)


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_tls__an_own_authority_is_trusted_where_the_images_trust_it(
    variable: str, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for other in ("SSL_CERT_DIR", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(other, raising=False)
    with CocoServer({KEY: ZIP}, tls=authority.server_side("good")) as server:
        with pytest.raises(DownloadError, match="certificate is not accepted"):
            fetch(tmp_path, server.url)
        monkeypatch.setenv(variable, str(authority.ca))
        assert_exact(fetch(tmp_path, server.url))
        with proxy_server("me:p@ss") as proxy:
            monkeypatch.setenv("HTTPS_PROXY", proxy.url.replace("://", "://me:p%40ss@"))
            assert_exact(fetch(tmp_path, server.url))
            assert {line.partition(" ")[0] for line in proxy.lines} == {"CONNECT"}
        monkeypatch.setenv(variable, str(tmp_path / "none.pem"))
        with pytest.raises(UsageError, match=variable):
            fetch(tmp_path, server.url)


def test_tls__no_redirect_to_plain_http(authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.ca))
    with (
        CocoServer({KEY: ZIP}) as plain,
        CocoServer({KEY: ZIP}, tls=authority.server_side("good")) as server,
    ):
        server.always[KEY] = f"redirect:{plain.url}{KEY}"
        with pytest.raises(DownloadError, match="from https to http"):
            fetch(tmp_path, server.url)
        assert plain.hits == []
        assert len(server.hits) == 1


def test_tls__a_handshake_that_breaks_is_tried_again(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.ca))
    context = Faltering(authority.server_side("good"))
    with CocoServer({KEY: ZIP}, tls=context.context) as server:
        server._server.get_request = context.breaking(server._server.get_request)  # type: ignore[method-assign]
        assert_exact(fetch(tmp_path, server.url))
    assert context.broken == 2
    tally.tried("network faults", context.broken)


class Faltering:
    """Closes the first two connections before their handshake."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.context, self.broken = context, 0

    def breaking(
        self, accept: Callable[[], tuple[socket.socket, object]]
    ) -> Callable[[], tuple[socket.socket, object]]:
        def get_request() -> tuple[socket.socket, object]:
            taken, address = accept()
            if self.broken < 2:
                self.broken += 1
                taken.close()
                raise ConnectionAbortedError
            return taken, address

        return get_request


# ---------------------------------------------------------------- redirects out of the public network


@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.1:{port}/inside.zip",
        "http://localhost:{port}/inside.zip",
        "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.1/inside.zip",
        "http://[::1]:{port}/inside.zip",
        "http://2130706433:{port}/inside.zip",
        "http://looks-public.example:{port}/inside.zip",
    ],
)
def test_redirects__of_a_public_host_never_lead_inside(
    target: str, server: CocoServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve = socket.getaddrinfo

    def look_up(host: str, *args: object, **kwargs: object) -> object:
        names = {"public.example": "127.0.0.1", "looks-public.example": "127.0.0.1"}
        return resolve(names.get(host, host), *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    port = server.url.rpartition(":")[2]
    server.files["/inside.zip"] = ZIP
    server.always[KEY] = f"redirect:{target.format(port=port)}"
    with pytest.raises(DownloadError, match="private network"):
        fetch(tmp_path, f"http://public.example:{port}")
    assert [path for path, _ in server.hits] == [KEY]
    server.always[KEY] = f"redirect:http://public.example:{port}/inside.zip"
    assert_exact(fetch(tmp_path, f"http://public.example:{port}"))


def test_gone__is_told_apart_from_a_host_that_only_fails(server: CocoServer, tmp_path: Path) -> None:
    """Captions that are guessed at may be absent; a certificate or a loop does not mean that they are."""
    server.always["/a.json"] = "missing"
    with pytest.raises(GoneError):
        fetch_file(remote_of(f"{server.url}/a.json"), tmp_path)
    server.always["/a.json"] = "loop"
    with pytest.raises(DownloadError) as caught:
        fetch_file(remote_of(f"{server.url}/a.json"), tmp_path)
    assert not isinstance(caught.value, GoneError)
