"""Every fault of the network, alone and mixed: the exact count, or a clear error; never a bad file, never a storm."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from pathlib import Path

import pytest
from download_pictures import QUICK, names, picture, records, served
from image_server import LASTING, PASSING, ImageServer

from yolobg.errors import AnnotationsError, DownloadError
from yolobg.images import fetch_images
from yolobg.model import ImageRecord, Origin, Staged

ONE = records(1)[0]
PATH = f"/train2017/{ONE.file_name}"


def origin(*servers: ImageServer) -> Origin:
    return Origin("coco2017", bases=tuple(f"{server.url}/train2017" for server in servers))


def assert_all_true(staged: tuple[Staged, ...], staging: Path) -> None:
    """What is staged is exactly what the server meant to send, and nothing else lies there."""
    for one in staged:
        content = one.path.read_bytes()
        assert content == picture(one.record.id, one.record.width, one.record.height)
        assert (len(content), hashlib.sha256(content).hexdigest()) == (one.size_bytes, one.sha256)
    assert names(staging) == sorted(f"{one.record.id}.staged" for one in staged)


TRANSIENT = [
    *PASSING,
    "unavailable:0",
    "unavailable:1",
    "unavailable:Wed, 21 Oct 2015 07:28:00 GMT",
    "unavailable:soon",
    "busy:-5",
    "busy:99999999999999999999",
    "long_length",
    "html_as_jpeg",
    "drip:20",
    "hang",
]


@pytest.mark.parametrize("etags", ["md5", "none"])
@pytest.mark.parametrize("fault", TRANSIENT)
def test_faults__one_that_passes_is_asked_again(fault: str, etags: str, tmp_path: Path) -> None:
    with ImageServer(
        served([ONE]), etags="md5" if etags == "md5" else "none", other_image=picture(7, 32, 32)
    ) as server:
        server.faults[PATH] = [fault]
        result = fetch_images([ONE], needed=1, origin=origin(server), staging=tmp_path / "s", limits=QUICK)
        asked = server.hits[PATH]
    assert result.failed == ()
    assert_all_true(result.staged, tmp_path / "s")
    assert asked == 2


@pytest.mark.parametrize(
    "fault", ["unavailable", "busy", "error", "html", "empty", "damage", "truncate", "short_length"]
)
def test_faults__one_that_stays_fails_the_image_after_bounded_tries(fault: str, tmp_path: Path) -> None:
    first, second = records(2)
    with ImageServer(served([first, second])) as server:
        server.always[PATH] = fault
        result = fetch_images([first, second], needed=1, origin=origin(server), staging=tmp_path / "s", limits=QUICK)
        asked = server.hits[PATH]
    assert [one.record for one in result.staged] == [second]
    assert [(one.source_id, one.attempts) for one in result.failed] == [(first.id, QUICK.tries)]
    assert asked == QUICK.tries
    assert names(tmp_path / "s") == ["2.staged"]


@pytest.mark.parametrize("fault", LASTING)
def test_faults__what_is_not_there_is_not_asked_for_again(fault: str, tmp_path: Path) -> None:
    first, second = records(2)
    with ImageServer(served([first, second])) as server:
        server.always[PATH] = fault
        result = fetch_images([first, second], needed=1, origin=origin(server), staging=tmp_path / "s", limits=QUICK)
        asked = server.hits[PATH]
    assert [one.record for one in result.staged] == [second]
    assert result.failed[0].attempts == 1
    assert asked == (QUICK.redirects + 1 if fault == "loop" else 1)


@pytest.mark.parametrize("fault", ["missing", "forbidden", "html", "unavailable", "reset", "other_scheme"])
def test_faults__another_host_is_asked_for_the_same_image(fault: str, tmp_path: Path) -> None:
    with ImageServer(served([ONE])) as bad, ImageServer(served([ONE])) as good:
        bad.always[PATH] = fault
        result = fetch_images([ONE], needed=1, origin=origin(bad, good), staging=tmp_path / "s", limits=QUICK)
        assert (bad.hits[PATH], good.hits[PATH]) == (1, 1)
    assert result.staged[0].url == f"{good.url}{PATH}"
    assert_all_true(result.staged, tmp_path / "s")


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5])
@pytest.mark.parametrize("seed", [1, 2])
def test_faults__mixed_ones_give_the_exact_count(share: float, seed: int, tmp_path: Path) -> None:
    pool = records(150)
    with ImageServer(served(pool), share=share, seed=seed, other_image=picture(7, 32, 32)) as server:
        result = fetch_images(pool, needed=80, origin=origin(server), staging=tmp_path / "s", limits=QUICK)
        asked = sum(server.hits.values())
    assert len(result.staged) == 80
    assert_all_true(result.staged, tmp_path / "s")
    begun = [record.id for record in pool[: 80 + len(result.failed)]]
    lost = {one.source_id for one in result.failed}
    assert [one.record.id for one in result.staged] == [i for i in begun if i not in lost]
    assert asked <= 2 * QUICK.tries * len(begun)


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_faults__mixed_with_lasting_ones(share: float, tmp_path: Path) -> None:
    pool = records(300)
    kinds = (*PASSING, *LASTING)
    with ImageServer(served(pool), share=share, kinds=kinds, other_image=picture(7, 32, 32)) as server:
        result = fetch_images(pool, needed=60, origin=origin(server), staging=tmp_path / "s", limits=QUICK)
    assert len(result.staged) == 60
    assert_all_true(result.staged, tmp_path / "s")


def test_faults__the_same_set_whatever_the_order_of_answers(tmp_path: Path) -> None:
    pool = records(120)
    outcomes = []
    for nth, (jobs, latency_s) in enumerate([(1, 0.0), (16, 0.005), (None, 0.0)]):
        with ImageServer(served(pool), share=0.4, seed=3, kinds=LASTING, latency_s=latency_s) as server:
            result = fetch_images(
                pool, needed=40, origin=origin(server), staging=tmp_path / str(nth), jobs=jobs, limits=QUICK
            )
        outcomes.append(([one.record.id for one in result.staged], [one.source_id for one in result.failed]))
    assert outcomes[0] == outcomes[1] == outcomes[2]


@pytest.mark.parametrize("fault", ["missing", "forbidden", "unavailable", "html", "empty"])
def test_faults__a_host_that_has_nothing_ends_the_run(fault: str, tmp_path: Path) -> None:
    pool = records(500)
    with ImageServer(served(pool), always={"*": fault}) as server:
        with pytest.raises(DownloadError, match="images could not be downloaded") as caught:
            fetch_images(pool, needed=200, origin=origin(server), staging=tmp_path / "s", limits=QUICK)
        asked = sum(server.hits.values())
    assert str(server.port) in str(caught.value)
    assert asked <= (QUICK.max_consecutive_failures + 2 * QUICK.start) * QUICK.tries
    assert names(tmp_path / "s") == []


def test_faults__refused_from_the_start_is_noticed_in_seconds(tmp_path: Path) -> None:
    with ImageServer({}) as server:
        base = f"{server.url}/train2017"
    with pytest.raises(DownloadError, match=r"no image host can be reached .*127\.0\.0\.1") as caught:
        fetch_images(records(500), needed=200, origin=Origin("x", bases=(base,)), staging=tmp_path / "s")
    assert "run again" in str(caught.value)


def test_faults__a_name_that_does_not_resolve(tmp_path: Path) -> None:
    base = "https://no-such-host.invalid/train2017"
    with pytest.raises(DownloadError, match="no-such-host"):
        fetch_images(records(50), needed=20, origin=Origin("x", bases=(base,)), staging=tmp_path / "s", limits=QUICK)


def test_faults__a_host_that_takes_connections_and_says_nothing(tmp_path: Path) -> None:
    with ImageServer({}, always={"*": "hang"}) as server:
        with pytest.raises(DownloadError):
            fetch_images(records(500), needed=300, origin=origin(server), staging=tmp_path / "s", limits=QUICK)
        asked = len(server.log)
    assert asked < 100


@pytest.mark.parametrize("with_second", [False, True])
def test_faults__a_host_that_dies_half_way(with_second: bool, tmp_path: Path) -> None:
    pool = records(200)
    with ImageServer(served(pool), latency_s=0.005, dies_after=60) as first, ImageServer(served(pool)) as second:
        hosts = origin(first, second) if with_second else origin(first)
        if with_second:
            result = fetch_images(pool, needed=150, origin=hosts, staging=tmp_path / "s", limits=QUICK)
            assert len(result.staged) == 150
            assert_all_true(result.staged, tmp_path / "s")
            assert second.log
        else:
            with pytest.raises(DownloadError, match=str(first.port)):
                fetch_images(pool, needed=150, origin=hosts, staging=tmp_path / "s", limits=QUICK)
            kept = names(tmp_path / "s")
            assert kept
            assert all(name.endswith(".staged") for name in kept)


def test_faults__a_short_outage_is_waited_for(tmp_path: Path) -> None:
    pool = records(100)
    limits = replace(QUICK, host_down_s=20.0)
    with ImageServer(served(pool), latency_s=0.005, dies_after=40, revives_after_s=0.5) as server:
        result = fetch_images(pool, needed=90, origin=origin(server), staging=tmp_path / "s", limits=limits)
    assert len(result.staged) == 90
    assert_all_true(result.staged, tmp_path / "s")


@pytest.mark.parametrize("kind", ["gzip", "chunked"])
def test_faults__answers_coded_otherwise_are_taken_when_whole(kind: str, tmp_path: Path) -> None:
    with ImageServer(served([ONE]), always={"*": kind}) as server:
        result = fetch_images([ONE], needed=1, origin=origin(server), staging=tmp_path / "s", limits=QUICK)
    assert_all_true(result.staged, tmp_path / "s")
    assert len(result.staged) == 1


def test_faults__etags_that_only_look_like_md5(tmp_path: Path) -> None:
    pool = records(20)
    with ImageServer(served(pool), etags="opaque") as server:
        result = fetch_images(pool, needed=20, origin=origin(server), staging=tmp_path / "s", limits=QUICK)
        asked = sum(server.hits.values())
    assert len(result.staged) == 20
    assert_all_true(result.staged, tmp_path / "s")
    assert 40 <= asked <= 20 + 20 + 2 * QUICK.start, "twice each, and once more until it is clear what they are"


def test_faults__damage_that_stays_is_never_taken_once_etags_have_fitted(tmp_path: Path) -> None:
    pool = records(3)
    with ImageServer(served(pool)) as server:
        server.always["/train2017/000000000002.jpg"] = "damage"
        result = fetch_images(pool, needed=3, origin=origin(server), staging=tmp_path / "s", jobs=1, limits=QUICK)
    assert [one.source_id for one in result.failed] == [2]
    assert_all_true(result.staged, tmp_path / "s")


def test_faults__a_redirect_on_the_same_network_is_followed(tmp_path: Path) -> None:
    with ImageServer(served([ONE])) as mirror, ImageServer(served([ONE])) as server:
        server.always[PATH] = f"redirect:{mirror.url}{PATH}"
        result = fetch_images([ONE], needed=1, origin=origin(server), staging=tmp_path / "s", limits=QUICK)
    assert result.staged[0].url == f"{mirror.url}{PATH}"
    assert_all_true(result.staged, tmp_path / "s")


def test_faults__more_bytes_than_allowed_are_not_taken(tmp_path: Path) -> None:
    limits = replace(QUICK, image_bytes=1000)
    big, small = ImageRecord(1, "1.jpg", 64, 48), ImageRecord(2, "2.jpg", 10, 10)
    files = {"/train2017/1.jpg": picture(1), "/train2017/2.jpg": picture(2, 10, 10)}
    for always in ({}, {"/train2017/1.jpg": "chunked"}):
        with ImageServer(files, always=always) as server:
            staging = tmp_path / str(len(always))
            result = fetch_images([big, small], needed=1, origin=origin(server), staging=staging, limits=limits)
        assert [one.record for one in result.staged] == [small]
        assert "more than the 1,000" in result.failed[0].reason


def test_faults__a_body_larger_than_memory_pieces_is_streamed(tmp_path: Path) -> None:
    large = ImageRecord(1, "1.jpg", 2400, 1800)
    content = picture(1, 2400, 1800)
    assert len(content) > 2 << 20
    for kind in ({}, {"*": "gzip"}, {"*": "chunked"}):
        with ImageServer({"/train2017/1.jpg": content}, always=kind) as server:
            server.faults["/train2017/1.jpg"] = ["truncate", "damage"]
            result = fetch_images([large], needed=1, origin=origin(server), staging=tmp_path / "s", limits=QUICK)
        assert_all_true(result.staged, tmp_path / "s")
        result.staged[0].path.unlink()


# ---------------------------------------------------------------- records that are wrong


def wrong_sizes(count: int) -> list[ImageRecord]:
    return [replace(record, width=record.width + 100) for record in records(count)]


@pytest.mark.parametrize("count", [3, 200])
def test_records__of_other_sizes_are_told_as_such(count: int, tmp_path: Path) -> None:
    """Also where so many fail in a row that the run is given up."""
    with ImageServer(served(records(count))) as server, pytest.raises(AnnotationsError) as caught:
        fetch_images(wrong_sizes(count), needed=2, origin=origin(server), staging=tmp_path / "s", limits=QUICK)
    assert re.search(r"none matches its record \(0+1\.jpg: http\S+ it is ", str(caught.value))
    assert str(caught.value).count(", but the record says ") == 3
    assert caught.value.exit_code == 3


def test_records__of_other_sizes_in_a_folder(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    for record in records(4):
        (tmp_path / "images" / record.file_name).write_bytes(picture(record.id, record.width, record.height))
    local = Origin("x", folders=(tmp_path / "images",))
    with pytest.raises(AnnotationsError, match="4 images were tried"):
        fetch_images(wrong_sizes(4), needed=2, origin=local, staging=tmp_path / "s")


@pytest.mark.parametrize("name", ["../../etc/x.jpg", "/x.jpg", "con.jpg", "x.gif"])
def test_records__with_names_that_cannot_be_used(name: str, tmp_path: Path) -> None:
    pool = [replace(record, file_name=name) for record in records(5)]
    named = re.escape(name)
    with pytest.raises(AnnotationsError, match=rf"5 images were tried.*{named}: .*{named}: .*{named}: .*file_name"):
        fetch_images(pool, needed=2, origin=Origin("x", bases=("http://127.0.0.1:1/x",)), staging=tmp_path / "s")


def test_records__one_failure_of_the_host_is_the_hosts(tmp_path: Path) -> None:
    with ImageServer(served(records(2))) as server:
        pool = [*wrong_sizes(2), records(3)[2]]
        result = fetch_images(pool, needed=2, origin=origin(server), staging=tmp_path / "s", limits=QUICK)
    assert [one.source_id for one in result.failed] == [1, 2, 3]
    assert "404" in result.failed[2].reason
