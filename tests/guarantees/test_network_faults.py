"""Every fault of the network while images are fetched, alone and mixed: the exact count, or exit 5 and all is valid."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import struct
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest
import tally
from authority import Authority, make_authority
from coco_server import CocoServer
from download_pictures import QUICK, names, picture, records, served
from image_server import ImageServer
from merging import visible
from proxy_server import gate

import yolobg
from yolobg.errors import AnnotationsError, DownloadError, YolobgError
from yolobg.images import FetchResult, fetch_images
from yolobg.model import ImageRecord, Origin

CANDIDATES = 400


@dataclass(frozen=True)
class Fault:
    """What `ImageServer` does, whether asking again is of no use, and how the reason reads."""

    what: str
    lasts: bool = False
    said: str = "."


FAULTS = {
    "refused": Fault("redirect:http://127.0.0.1:{closed}/x.jpg", said="cannot be reached"),
    "reset before the body": Fault("reset"),
    "closed before the body": Fault("close"),
    "reset within the body": Fault("reset_body", said="cut off"),
    "1 byte/s": Fault("drip:2", said="no complete answer in time|bytes per second"),
    "1 byte/s from the first byte on": Fault("drip_head:2", said="in time"),
    "no answer": Fault("hang", said="in time"),
    "200 with HTML": Fault("html", said="text/html"),
    "200 with HTML that calls itself a JPEG": Fault("html_as_jpeg", said="an HTML page"),
    "200 with an empty body": Fault("empty", said="empty"),
    "a length that is too short": Fault("short_length"),
    "a length that is too long": Fault("long_length", said="cut off"),
    "a body that ends half-way": Fault("truncate", said="cut off"),
    "gzip without saying so": Fault("gzip_bare", said="a gzip file, which trainers do not read"),
    "damaged bytes of the right length": Fault("damage", said="MD5"),
    "the right image in another size": Fault("other_size", said="but the record says"),
    "302 loop": Fault("loop", lasts=True, said="more than 4 redirects"),
    "301 loop over two addresses": Fault("moved:/train2017/loop.jpg", lasts=True, said="more than 4 redirects"),
    "302 to ftp": Fault("redirect:ftp://127.0.0.1/x.jpg", lasts=True, said="another kind of address"),
    "301 to a file": Fault("moved:file:///etc/passwd", lasts=True, said="another kind of address"),
    "302 to nonsense": Fault("redirect:http://[", said="."),
    "302 to nowhere": Fault("redirect:?", said="redirects"),
    "403": Fault("forbidden", lasts=True, said="status 403"),
    "404": Fault("missing", lasts=True, said="status 404"),
    "416": Fault("range", lasts=True, said="status 416"),
    "429 without Retry-After": Fault("busy", said="status 429"),
    "429 with seconds": Fault("busy:1", said="status 429"),
    "503 without Retry-After": Fault("unavailable", said="status 503"),
    "503 with a date": Fault("unavailable:Wed, 21 Oct 2015 07:28:00 GMT", said="status 503"),
    "503 with a date that is none": Fault("unavailable:Wed, 99 Oct 99999 99:99:99 GMT", said="status 503"),
    "503 with nonsense": Fault("unavailable:soon", said="status 503"),
    "503 with a negative number": Fault("unavailable:-5", said="status 503"),
    "503 with a thousand million": Fault("unavailable:1000000000", said="status 503"),
    "503 with 5,000 digits": Fault("unavailable:" + "9" * 5000, said="status 503"),
    "500": Fault("error", said="status 500"),
    "DNS failure": Fault("redirect:http://no-such-host.invalid/x.jpg", said="cannot be reached"),
}
SLOW = ("1 byte/s", "1 byte/s from the first byte on", "no answer")


@pytest.fixture(scope="module")
def closed() -> str:
    """A port at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return str(free.getsockname()[1])


@pytest.fixture
def server() -> Iterator[ImageServer]:
    """Has many images, and two addresses that lead to each other."""
    files = served(records(CANDIDATES))
    circle = {"/train2017/loop.jpg": b".", "/train2017/pool.jpg": b"."}
    with ImageServer(files | circle, other_image=picture(7, 32, 32)) as running:
        running.always = {"/train2017/loop.jpg": "moved:pool.jpg", "/train2017/pool.jpg": "moved:loop.jpg"}
        yield running


def fetch(
    server: ImageServer,
    staging: Path,
    *,
    needed: int,
    pool: Sequence[ImageRecord] | None = None,
    jobs: int | None = None,
) -> FetchResult:
    origin = Origin("coco2017", bases=(f"{server.url}/train2017",))
    candidates = records(CANDIDATES) if pool is None else pool
    return fetch_images(candidates, needed=needed, origin=origin, staging=staging, limits=QUICK, jobs=jobs)


def assert_all_true(result: FetchResult, staging: Path) -> None:
    """What is staged is exactly what the server meant to send, and nothing else lies there."""
    assert names(staging) == sorted(f"{one.record.id}.staged" for one in result.staged)
    for one in result.staged:
        assert Path(one.path).read_bytes() == picture(one.record.id)


# ---------------------------------------------------------------- alone


@pytest.mark.slow
@pytest.mark.parametrize("name", FAULTS)
def test_alone__once(name: str, server: ImageServer, closed: str, tmp_path: Path) -> None:
    fault, first = FAULTS[name], "/train2017/000000000001.jpg"
    server.faults[first] = [fault.what.format(closed=closed)]
    if name == "302 loop":
        server.faults[first] *= QUICK.redirects + 1
    result = fetch(server, tmp_path, needed=2, jobs=1)
    assert_all_true(result, tmp_path)
    if fault.lasts:
        assert [one.record.id for one in result.staged] == [2, 3]
        assert re.search(fault.said, result.failed[0].reason)
        assert result.failed[0].attempts == 1
    else:
        assert [one.record.id for one in result.staged] == [1, 2]
        assert server.hits[first] == 2
    assert result.failed == () or fault.lasts


@pytest.mark.slow
@pytest.mark.parametrize("name", FAULTS)
def test_alone__in_every_answer(name: str, server: ImageServer, closed: str, tmp_path: Path) -> None:
    """Nothing is staged, the error says why, and the host is not stormed."""
    fault = FAULTS[name]
    server.always["*"] = fault.what.format(closed=closed)
    with pytest.raises(YolobgError, match=fault.said) as caught:
        fetch(server, tmp_path, needed=200)
    if name == "the right image in another size":
        assert isinstance(caught.value, AnnotationsError)  # every image of every host is of another size
    else:
        assert isinstance(caught.value, DownloadError)
        assert f"127.0.0.1:{server.port}" in str(caught.value)
    assert names(tmp_path) == []
    assert len(server.log) <= most_requests(QUICK.max_consecutive_failures + 2 * QUICK.start) * hops_of(name)


def hops_of(name: str) -> int:
    """Requests that one try for an image may be: all that redirects ask for."""
    return QUICK.redirects + 1 if "loop" in name or "302" in name else 1


def most_requests(images: int) -> int:
    """In all, for so many images begun: failed connections may use as many requests again."""
    return 2 * QUICK.tries * images


def test_alone__a_copy_that_is_always_damaged_in_the_same_way(server: ImageServer, tmp_path: Path) -> None:
    """Also before any ETag has fitted: one image that repeats itself does not show that ETags are no MD5s."""
    server.always["/train2017/000000000001.jpg"] = "damage:same"
    server.latency_s = 0.05
    result = fetch(server, tmp_path, needed=10)
    assert [one.source_id for one in result.failed] == [1]
    assert "MD5" in result.failed[0].reason
    assert_all_true(result, tmp_path)


# ---------------------------------------------------------------- mixed


@pytest.mark.slow
@pytest.mark.parametrize(("share", "seed"), [(0.05, 1), (0.2, 1), (0.5, 1), (0.5, 2)])
def test_mixed__all_of_them(share: float, seed: int, server: ImageServer, closed: str, tmp_path: Path) -> None:
    """The exact count, whatever is drawn; the same images as without faults but for those that were not to be had."""
    server.share, server.seed = share, seed
    server.kinds = [fault.what.format(closed=closed) for fault in FAULTS.values()]
    result = fetch(server, tmp_path, needed=100)
    assert len(result.staged) == 100
    assert_all_true(result, tmp_path)
    lost = {one.source_id for one in result.failed}
    begun = range(1, 101 + len(lost))
    assert [one.record.id for one in result.staged] == [number for number in begun if number not in lost]
    assert len(server.log) <= most_requests(len(begun)) * (QUICK.redirects + 1)


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.05, 0.2, 0.5])
def test_mixed__that_pass_lose_no_image(share: float, server: ImageServer, closed: str, tmp_path: Path) -> None:
    """Where each image's first answer alone may be bad, the very images come that come without faults."""
    server.share, server.first_only = share, True
    server.kinds = [fault.what.format(closed=closed) for fault in FAULTS.values() if not fault.lasts]
    result = fetch(server, tmp_path, needed=100)
    assert [one.record.id for one in result.staged] == list(range(1, 101))
    assert result.failed == ()
    assert_all_true(result, tmp_path)
    assert len(server.log) == 100 + sum(server.given.values())


# ---------------------------------------------------------------- hosts that are gone


@pytest.mark.slow
def test_dead__a_head_that_never_ends_is_cut(server: ImageServer, tmp_path: Path) -> None:
    """A byte now and then must not hold a request for longer than silence would."""
    server.always["/train2017/000000000001.jpg"] = "drip_head:2"
    limits = replace(QUICK, attempt_s=60.0, image_s=100.0, tries=2)
    origin = Origin("x", bases=(f"{server.url}/train2017",))
    result = fetch_images(records(5), needed=2, origin=origin, staging=tmp_path, limits=limits)
    assert "in time" in result.failed[0].reason


@pytest.mark.slow
def test_dead__a_body_that_cannot_be_whole_in_time_is_not_waited_for(server: ImageServer, tmp_path: Path) -> None:
    """Quick enough for the lowest speed, but at that speed the picture would take longer than a request may."""
    server.always["/train2017/000000000001.jpg"] = f"drip:{len(picture(1)) // 120}"
    limits = replace(QUICK, attempt_s=60.0, image_s=100.0, tries=2, slow_bytes_per_s=1.0)
    origin = Origin("x", bases=(f"{server.url}/train2017",))
    result = fetch_images(records(5), needed=2, origin=origin, staging=tmp_path, limits=limits)
    assert [one.record.id for one in result.staged] == [2, 3]
    assert "bytes per second where" in result.failed[0].reason


@pytest.mark.slow
def test_dead__a_name_server_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, answered, ended = list[str](), list[str](), threading.Event()

    def look_up(host: str, *_args: object, **_kwargs: object) -> list[object]:
        asked.append(host)
        if not ended.wait(100):
            answered.append(host)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    origin = Origin("x", bases=("http://images.example/train2017",))
    with pytest.raises(DownloadError, match=r"images\.example.*in time"):
        fetch_images(records(100), needed=50, origin=origin, staging=tmp_path, limits=QUICK)
    ended.set()
    assert not answered, "nobody waited for it"
    assert 1 <= len(asked) <= 3 * (QUICK.host_failures + QUICK.host_probes)


@pytest.mark.slow
def test_dead__refused_is_noticed_with_few_connections(tmp_path: Path) -> None:
    """Not as many as there are images: with the limits that users have."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        taken = Refusing(listening)
        origin = Origin("x", bases=(f"http://127.0.0.1:{listening.getsockname()[1]}/train2017",))
        with pytest.raises(DownloadError, match=r"127\.0\.0\.1"):
            fetch_images(records(CANDIDATES), needed=300, origin=origin, staging=tmp_path)
    assert taken.connections <= 60
    tally.tried("network faults", taken.connections)


class Refusing:
    """Resets every connection as soon as it is there."""

    def __init__(self, listening: socket.socket) -> None:
        self.connections = 0
        self._listening = listening
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                taken, _ = self._listening.accept()
                self.connections += 1
                taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                taken.close()


@pytest.mark.slow
@pytest.mark.parametrize("after", [1, 30, 99])
def test_dead__half_way_keeps_what_came(after: int, server: ImageServer, tmp_path: Path) -> None:
    server.dies_after, server.latency_s = after, 0.002
    with pytest.raises(DownloadError, match=str(server.port)):
        fetch(server, tmp_path, needed=100)
    kept = len(names(tmp_path))
    assert kept <= after
    server.revive()
    server.dies_after = None
    before = len(server.log)
    result = fetch(server, tmp_path, needed=100)
    assert [one.record.id for one in result.staged] == list(range(1, 101))
    assert len(server.log) - before == 100 - kept
    assert_all_true(result, tmp_path)


# ---------------------------------------------------------------- redirects out of the public network


@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.1:{port}/inside.jpg",
        "http://localhost:{port}/inside.jpg",
        "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.1/inside.jpg",
        "http://[::1]:{port}/inside.jpg",
        "http://2130706433:{port}/inside.jpg",
        "http://looks-public.example:{port}/inside.jpg",
    ],
)
def test_redirects__of_a_public_host_never_lead_inside(
    target: str, server: ImageServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve = socket.getaddrinfo

    def look_up(host: str, *args: object, **kwargs: object) -> object:
        here = {"public.example": "127.0.0.1", "looks-public.example": "127.0.0.1"}
        return resolve(here.get(host, host), *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    server.always["/train2017/000000000001.jpg"] = f"redirect:{target.format(port=server.port)}"
    server.always["/train2017/000000000002.jpg"] = (
        f"redirect:http://public.example:{server.port}/train2017/000000000003.jpg"
    )
    origin = Origin("x", bases=(f"http://public.example:{server.port}/train2017",))
    result = fetch_images(records(2), needed=2, origin=origin, staging=tmp_path, limits=QUICK)
    assert "private network" in result.failed[0].reason
    assert [one.record.id for one in result.staged] == [2]
    assert server.hits["/inside.jpg"] == 0


# ---------------------------------------------------------------- certificates


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("ca"))


WRONG = {"expired": "expired", "another name": "mismatch", "self-signed": "self[- ]signed"}


@pytest.mark.parametrize("which", WRONG)
def test_tls__a_certificate_that_does_not_hold(
    which: str, authority: Authority, server: ImageServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is asked of such a host; another one takes over; one redirect to it costs one image, not the host."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca))
    with ImageServer(served(records(30)), tls=authority.server_side(which)) as bad:
        with pytest.raises(DownloadError, match=f"{bad.port}.*certificate is not accepted.*{WRONG[which]}"):
            fetch(bad, tmp_path / "alone", needed=20)
        both = Origin("x", bases=(f"{bad.url}/train2017", f"{server.url}/train2017"))
        result = fetch_images(records(30), needed=20, origin=both, staging=tmp_path / "both", limits=QUICK)
        assert len(result.staged) == 20
        server.always["/train2017/000000000001.jpg"] = f"redirect:{bad.url}/train2017/000000000001.jpg"
        result = fetch(server, tmp_path / "redirected", needed=20)
        assert len(result.staged) == 20
        assert [one.source_id for one in result.failed] == [1]
        assert "certificate is not accepted" in result.failed[0].reason
        assert bad.log == []
    tally.tried("network faults", 3)


# Python itself leaves a socket to the collector where the connection is reset before the handshake has begun.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_tls__a_handshake_that_breaks_is_tried_again(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through a gate that resets the first connections: that says nothing about the certificate."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca))
    with ImageServer(served(records(30)), tls=authority.server_side("good")) as server:
        for kind in ("reset", "close", "garbage"):
            with gate(server.port, kind, 3) as port:
                origin = Origin("x", bases=(f"https://127.0.0.1:{port}/train2017",))
                staging = tmp_path / kind
                result = fetch_images(records(30), needed=20, origin=origin, staging=staging, jobs=2, limits=QUICK)
            assert [one.record.id for one in result.staged] == list(range(1, 21)), kind
    tally.tried("network faults", 9)


# ---------------------------------------------------------------- the whole command


LABELLED, RATIO, NEEDED = 36, 0.4, 24
ZIP = "/annotations_own.zip"


@dataclass(frozen=True)
class Place:
    """A dataset of people, and records of images that hold none."""

    data_yaml: Path
    annotations: Path

    @property
    def content(self) -> dict[str, bytes | None]:
        return visible(self.data_yaml.parent)

    def check(self, before: dict[str, bytes | None], *, added: int) -> None:
        """The user's files are as they were, and what yolobg added is whole."""
        after = self.content
        assert before.items() <= after.items()
        new = sorted(name for name in after if name not in before and after[name] is not None)
        assert len(new) == 2 * added
        for name in new:
            number = int(Path(name).stem[-12:])
            assert after[name] == (picture(number) if name.endswith(".jpg") else b"")
        counts = yolobg.status(self.data_yaml).after
        assert (counts.labelled, counts.backgrounds, counts.ours) == (LABELLED, added, added)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    root = tmp_path / "data"
    for kind in ("images", "labels"):
        (root / kind / "train").mkdir(parents=True)
    for number in range(LABELLED):
        (root / f"images/train/own{number}.jpg").write_bytes(picture(10_000 + number))
        (root / f"labels/train/own{number}.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    (root / "data.yaml").write_text("train: images/train\nval: images/train\nnames: [person]\n")
    images = [{"id": r.id, "file_name": r.file_name, "width": 64, "height": 48} for r in records(CANDIDATES)]
    boxes = [{"id": r.id, "image_id": r.id, "category_id": 3, "bbox": [1, 1, 9, 9]} for r in records(CANDIDATES)]
    categories = [{"id": 1, "name": "person"}, {"id": 3, "name": "car"}]
    instances = tmp_path / "instances_own.json"
    instances.write_text(json.dumps({"images": images, "annotations": boxes, "categories": categories}))
    return Place(root / "data.yaml", instances)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in FAULTS if not re.match(r"(503|429) with ", name)])
def test_augment__with_a_fault_in_every_answer(
    name: str, place: Place, server: ImageServer, closed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clear error and exit 5; the dataset is as it was; once the host is well again the same call has the count."""
    monkeypatch.setattr("yolobg.flow.bringing.fetch_images", partial(fetch_images, limits=QUICK))
    before = place.content
    server.always["*"] = FAULTS[name].what.format(closed=closed)
    images = [f"{server.url}/train2017"]
    with pytest.raises(YolobgError, match=FAULTS[name].said) as caught:
        yolobg.augment(place.data_yaml, ratio=RATIO, annotations=place.annotations, images=images)
    assert caught.value.exit_code == (3 if name == "the right image in another size" else 5)
    place.check(before, added=0)
    del server.always["*"]
    report = yolobg.augment(place.data_yaml, ratio=RATIO, annotations=place.annotations, images=images)
    assert len(report.added) == NEEDED
    place.check(before, added=NEEDED)


def command(place: Place, annotations: str | Path, images: str) -> subprocess.CompletedProcess[str]:
    """The real command in a process of its own, with the limits that users have."""
    arguments = ["--annotations", str(annotations), "--images", images, "--ratio", str(RATIO), "--json"]
    return subprocess.run(
        [sys.executable, "-m", "yolobg", "augment", str(place.data_yaml), *arguments],
        capture_output=True, text=True, check=False, timeout=110, stdin=subprocess.DEVNULL, env={**os.environ},
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.05, 0.2, 0.5])
def test_command__with_mixed_faults_in_records_and_images(
    share: float, place: Place, server: ImageServer, closed: str, tmp_path: Path
) -> None:
    """Exactly as many as asked for; where the records cannot be had, exit 5, a story, and the next run goes on."""
    with zipfile.ZipFile(tmp_path / "own.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(place.annotations, "annotations/instances_own.json")
    before = place.content
    server.share, server.seed = share, 4
    server.kinds = [fault.what.format(closed=closed) for name, fault in FAULTS.items() if name not in SLOW]
    with CocoServer({ZIP: (tmp_path / "own.zip").read_bytes()}) as archive_server:
        archive_server.share = min(share, 0.2)  # every such fault there costs seconds
        archive_server.kinds = ("reset", "reset-body", "cut", "html", "unavailable", "busy", "damage", "short", "empty")
        runs, done = 1, command(place, f"{archive_server.url}{ZIP}", f"{server.url}/train2017")
        while done.returncode != 0 and share > 0.2 and runs < 6:
            assert done.returncode == 5, done.stderr
            assert archive_server.url in done.stderr
            place.check(before, added=0)
            runs, done = runs + 1, command(place, f"{archive_server.url}{ZIP}", f"{server.url}/train2017")
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["added"]) == NEEDED
    place.check(before, added=NEEDED)


@pytest.mark.slow
def test_command__with_a_host_that_dies_half_way(place: Place, server: ImageServer) -> None:
    before = place.content
    server.dies_after, server.latency_s = 10, 0.01
    dead = command(place, place.annotations, f"{server.url}/train2017")
    assert dead.returncode == 5
    assert dead.stdout == ""
    assert dead.stderr.startswith("yolobg: error: ")
    assert str(server.port) in dead.stderr
    place.check(before, added=0)
    asked, server.dies_after = len(server.log), None
    server.revive()
    again = command(place, place.annotations, f"{server.url}/train2017")
    assert again.returncode == 0, again.stderr
    place.check(before, added=NEEDED)
    assert len(server.log) - asked <= NEEDED, "what had come was fetched again"


@pytest.mark.slow
def test_command__with_a_name_that_does_not_resolve(place: Place) -> None:
    before = place.content
    done = command(place, place.annotations, "http://no-such-host.invalid/train2017")
    assert done.returncode == 5, done.stderr
    assert "no-such-host.invalid" in done.stderr
    place.check(before, added=0)
    tally.tried("network faults")
