"""The count, the order, `accept`, resuming, stopping, and the ways a caller may use it."""

from __future__ import annotations

import asyncio
import io
import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from download_pictures import QUICK, names, picture, records, served
from image_server import ImageServer
from PIL import Image

from yolobg.errors import DownloadError, UsageError
from yolobg.images import fetch_images
from yolobg.model import ImageRecord, Origin, Staged


def origin(server: ImageServer) -> Origin:
    return Origin("coco2017", bases=(f"{server.url}/train2017",))


def test_fetch__candidates_are_taken_only_as_needed(tmp_path: Path) -> None:
    pool, taken = records(100), []

    def candidates() -> Iterator[ImageRecord]:
        for record in pool:
            taken.append(record.id)
            yield record

    with ImageServer(served(pool)) as server:
        server.always["/train2017/000000000003.jpg"] = "missing"
        result = fetch_images(candidates(), needed=20, origin=origin(server), staging=tmp_path / "s", limits=QUICK)
        assert len(server.log) == 21
    assert len(taken) == 21
    assert [one.record.id for one in result.staged] == [i for i in range(1, 22) if i != 3]
    assert [one.source_id for one in result.failed] == [3]


def test_fetch__a_dry_pool_gives_what_there_is(tmp_path: Path) -> None:
    pool = records(10)
    with ImageServer(served(pool[:7])) as server:
        result = fetch_images(pool, needed=20, origin=origin(server), staging=tmp_path / "s", limits=QUICK)
    assert (len(result.staged), len(result.failed)) == (7, 3)
    assert all(one.reason == f"http://127.0.0.1:{server.port}: status 404" for one in result.failed)


def test_fetch__each_body_is_its_own_whatever_came_before_it(tmp_path: Path) -> None:
    # One thread keeps the room for its bodies: long and short ones in turns, and one in several pieces.
    pool = [ImageRecord(i, f"{i}.png", 0, 0) for i in range(1, 9)]
    sides = (400, 20, 900, 16, 40, 700, 12, 300)
    noise = random.Random(8)
    bodies = {}
    for record, side in zip(pool, sides, strict=True):
        out = io.BytesIO()
        Image.frombytes("RGB", (side, side), noise.randbytes(3 * side * side)).save(out, "PNG", compress_level=0)
        bodies[record.id] = out.getvalue()
    with ImageServer({f"/train2017/{i}.png": body for i, body in bodies.items()}) as server:
        result = fetch_images(pool, needed=8, origin=origin(server), staging=tmp_path / "s", jobs=1, limits=QUICK)
    assert {one.record.id: one.path.read_bytes() for one in result.staged} == bodies


def test_fetch__nothing_needed_touches_nothing(tmp_path: Path) -> None:
    result = fetch_images(records(3), needed=0, origin=Origin("x", bases=("http://h/",)), staging=tmp_path / "s")
    assert (result.staged, result.failed) == ((), ())
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (Origin("x"), "where its images are"),
        (Origin("x", bases=("file:///etc",)), "http and https"),
        (Origin("x", bases=("https://a:b@h/x",)), "user name"),
    ],
)
def test_fetch__an_unusable_origin_is_a_usage_error(given: Origin, words: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=words):
        fetch_images(records(1), needed=1, origin=given, staging=tmp_path / "s")
    assert not (tmp_path / "s").exists()


def test_fetch__accept_is_told_in_rank_order_in_this_thread(tmp_path: Path) -> None:
    pool, told = records(60), []
    here = threading.get_ident()

    def accept(staged: Staged) -> str | None:
        assert threading.get_ident() == here
        told.append(staged.record.id)
        return "the same content as b.jpg" if staged.record.id % 3 == 0 else None

    with ImageServer(served(pool), share=0.3) as server:
        result = fetch_images(
            pool, needed=30, origin=origin(server), staging=tmp_path / "s", accept=accept, limits=QUICK
        )
    assert told == sorted(told)
    assert len(result.staged) == 30
    assert {one.attempts for one in result.failed} > {1}
    refused = [one.source_id for one in result.failed if one.reason == "the same content as b.jpg"]
    assert refused == [i for i in told if i % 3 == 0]
    assert names(tmp_path / "s") == sorted(f"{one.record.id}.staged" for one in result.staged)


def test_fetch__duplicate_and_unusable_records_cost_no_request(tmp_path: Path) -> None:
    pool = records(4)
    odd = [pool[0], pool[0], ImageRecord(9, "a.gif", 64, 48), ImageRecord(10, "../x.jpg", 64, 48), *pool[1:]]
    with ImageServer(served(pool)) as server:
        result = fetch_images(odd, needed=4, origin=origin(server), staging=tmp_path / "s", limits=QUICK)
        assert len(server.log) == 4
    assert [one.source_id for one in result.failed] == [1, 9, 10]
    assert [one.attempts for one in result.failed] == [0, 0, 0]


def test_fetch__what_a_former_run_left_is_checked_and_used(tmp_path: Path) -> None:
    pool, staging = records(12), tmp_path / "s"
    with ImageServer(served(pool)) as server:
        fetch_images(pool, needed=8, origin=origin(server), staging=staging, limits=QUICK)
        (staging / "2.staged").write_bytes(b"torn")
        (staging / "3.staged").write_bytes(picture(3)[:-50])
        (staging / "4.staged").unlink()
        (staging / "4.staged").mkdir()
        (staging / "4.staged").rmdir()
        (staging / "77.part").write_bytes(b"half")
        server.log.clear()
        result = fetch_images(pool, needed=10, origin=origin(server), staging=staging, limits=QUICK)
        asked = sorted(int(path[-16:-4]) for path in server.hits)
    assert asked == [2, 3, 4, 9, 10]
    assert [one.record for one in result.staged] == pool[:10]
    assert names(staging) == sorted(f"{i}.staged" for i in range(1, 11))
    for one in result.staged:
        assert one.path.read_bytes() == picture(one.record.id)


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links need a privilege on Windows")
@pytest.mark.parametrize("suffix", ["part", "staged"])
def test_fetch__a_planted_link_is_never_written_through(suffix: str, tmp_path: Path) -> None:
    pool, staging = records(1), tmp_path / "s"
    precious = tmp_path / "precious.txt"
    precious.write_text("mine", "utf-8")
    staging.mkdir()
    (staging / f"1.{suffix}").symlink_to(precious)
    with ImageServer(served(pool)) as server:
        result = fetch_images(pool, needed=1, origin=origin(server), staging=staging, limits=QUICK)
    assert precious.read_text("utf-8") == "mine"
    assert not result.staged[0].path.is_symlink()
    assert names(staging) == ["1.staged"]


def test_fetch__progress_reaches_the_end_and_never_goes_back(tmp_path: Path) -> None:
    pool, told = records(30), []
    with ImageServer(served(pool), share=0.2) as server:
        fetch_images(
            pool,
            needed=20,
            origin=origin(server),
            staging=tmp_path / "s",
            progress=lambda *now: told.append(now),
            limits=QUICK,
        )
    assert told[0] == ("download", 0, 20)
    assert told[-1] == ("download", 20, 20)
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)


def test_fetch__works_inside_a_running_event_loop(tmp_path: Path) -> None:
    pool = records(5)

    async def notebook() -> int:
        with ImageServer(served(pool)) as server:
            return len(fetch_images(pool, needed=5, origin=origin(server), staging=tmp_path / "s").staged)

    assert asyncio.run(notebook()) == 5


def test_fetch__leaves_no_thread_behind(tmp_path: Path) -> None:
    pool = records(5)
    before = threading.active_count()
    with ImageServer(served(pool)) as server:
        for nth in range(3):
            fetch_images(pool, needed=5, origin=origin(server), staging=tmp_path / str(nth))
    with pytest.raises(DownloadError):
        fetch_images(pool, needed=5, origin=origin(server), staging=tmp_path / "x", limits=QUICK)
    assert threading.active_count() == before


def test_fetch__an_error_in_accept_cleans_up(tmp_path: Path) -> None:
    pool = records(50)

    def accept(_: Staged) -> str | None:
        raise RuntimeError("mine")

    with ImageServer(served(pool), latency_s=0.01) as server, pytest.raises(RuntimeError, match="mine"):
        fetch_images(pool, needed=50, origin=origin(server), staging=tmp_path / "s", accept=accept)
    assert all(name.endswith(".staged") for name in names(tmp_path / "s"))


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may write anywhere")
def test_fetch__a_read_only_staging_says_what_to_do(tmp_path: Path) -> None:
    staging = tmp_path / "s"
    staging.mkdir(mode=0o500)
    with ImageServer(served(records(3))) as server, pytest.raises(DownloadError, match="cannot write here"):
        fetch_images(records(3), needed=3, origin=origin(server), staging=staging, limits=QUICK)


def test_fetch__staging_that_is_a_file_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("", "utf-8")
    with ImageServer(served(records(3))) as server, pytest.raises(DownloadError, match="cannot write here"):
        fetch_images(records(3), needed=3, origin=origin(server), staging=tmp_path / "s", limits=QUICK)


LIMITED = textwrap.dedent(
    """
    import resource, sys
    from pathlib import Path
    from yolobg.images.fetch import fetch_images
    from yolobg.errors import DownloadError
    from yolobg.model import ImageRecord, Origin
    pool = [ImageRecord(i, f"{i:012d}.jpg", 64, 48) for i in range(1, 301)]
    resource.setrlimit(getattr(resource, sys.argv[3]), (int(sys.argv[4]),) * 2)
    try:
        result = fetch_images(pool, needed=300, origin=Origin("x", bases=(sys.argv[1],)), staging=Path(sys.argv[2]),
                              jobs=int(sys.argv[5]))
    except DownloadError as error:
        sys.exit(str(error))
    print(len(result.staged), len(result.failed))
    """
)


def limited(server: ImageServer, staging: Path, limit: str, value: int, jobs: int) -> subprocess.CompletedProcess[str]:
    given = [f"{server.url}/train2017", str(staging), limit, str(value), str(jobs)]
    return subprocess.run([sys.executable, "-c", LIMITED, *given], check=False, capture_output=True, text=True)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX resource limits")
def test_fetch__too_many_open_files_only_slow_it_down(tmp_path: Path) -> None:
    with ImageServer(served(records(300)), latency_s=0.02) as server:
        done = limited(server, tmp_path / "s", "RLIMIT_NOFILE", 40, 100)
    assert (done.returncode, done.stdout) == (0, "300 0\n"), done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX resource limits")
def test_fetch__a_file_that_may_not_grow_ends_it_with_advice(tmp_path: Path) -> None:
    with ImageServer(served(records(300))) as server:
        done = limited(server, tmp_path / "s", "RLIMIT_FSIZE", 1000, 8)
    assert done.returncode == 1
    assert "cannot write here" in done.stderr
    assert "Traceback" not in done.stderr
    assert names(tmp_path / "s") == []


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT to a child")
def test_fetch__ctrl_c_leaves_whole_files_only_and_a_rerun_continues(tmp_path: Path) -> None:
    pool, staging = records(300), tmp_path / "s"
    code = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from yolobg.images.fetch import fetch_images
        from yolobg.model import ImageRecord, Origin
        pool = [ImageRecord(i, f"{i:012d}.jpg", 64, 48) for i in range(1, 301)]
        try:
            fetch_images(pool, needed=300, origin=Origin("x", bases=(sys.argv[1],)), staging=Path(sys.argv[2]), jobs=8)
        except KeyboardInterrupt:
            sys.exit(130)
        """
    )
    with ImageServer(served(pool), hangs_after=40) as server:
        child = subprocess.Popen([sys.executable, "-c", code, f"{server.url}/train2017", str(staging)])
        while len(server.log) < 40 + 8:
            assert child.poll() is None
            time.sleep(0.02)  # until all eight wait; there is nothing to wait on but the server's log
        child.send_signal(signal.SIGINT)
        assert child.wait(60) == 130
        kept = names(staging)
        assert kept
        assert all(name.endswith(".staged") for name in kept)
        server.log.clear()
        server.hangs_after = None
        result = fetch_images(pool, needed=300, origin=origin(server), staging=staging)
        assert len(server.log) == 300 - len(kept)
    assert len(result.staged) == 300


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_fetch__a_kill_leaves_nothing_that_a_rerun_trips_over(tmp_path: Path) -> None:
    pool, staging = records(60), tmp_path / "s"
    code = textwrap.dedent(
        """
        import os, signal, sys
        from pathlib import Path
        from yolobg import files
        from yolobg.images.fetch import fetch_images
        from yolobg.model import ImageRecord, Origin
        left = int(sys.argv[3])
        def step(what, path):
            global left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        files.on_step = step
        pool = [ImageRecord(i, f"{i:012d}.jpg", 64, 48) for i in range(1, 61)]
        fetch_images(pool, needed=20, origin=Origin("x", bases=(sys.argv[1],)), staging=Path(sys.argv[2]), jobs=8)
        """
    )
    with ImageServer(served(pool)) as server:
        for at in (1, 2, 3, 7, 20, 31):
            child = subprocess.run(
                [sys.executable, "-c", code, f"{server.url}/train2017", str(staging), str(at)], check=False
            )
            assert child.returncode == -signal.SIGKILL
        result = fetch_images(pool, needed=20, origin=origin(server), staging=staging)
    assert [one.record.id for one in result.staged] == list(range(1, 21))
    for one in result.staged:
        assert one.path.read_bytes() == picture(one.record.id)


def test_fetch__real_images(coco_real: Path, tmp_path: Path) -> None:
    listed = json.loads((coco_real / "annotations" / "instances_train2017.json").read_text("utf-8"))["images"]
    pool = [ImageRecord(one["id"], one["file_name"], one["width"], one["height"]) for one in listed]
    with ImageServer(coco_real / "images", share=0.2, first_only=True, other_image=picture(1)) as server:
        result = fetch_images(pool, needed=len(pool), origin=origin(server), staging=tmp_path / "s", limits=QUICK)
    assert [one.record for one in result.staged] == pool
    for one in result.staged:
        assert one.path.read_bytes() == (coco_real / "images" / "train2017" / one.record.file_name).read_bytes()
