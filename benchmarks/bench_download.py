"""The downloader against what people use: `python -m benchmarks.bench_download [--files 4000] [--repeats 3]`.

Everything runs on loopback in one run: nginx (Debian's, with `libnginx-mod-http-echo` for the delay and
`libnginx-mod-stream` for a speed limit per connection) serves the same files to each contender, and each is a process
of its own, whose wall time, processor time and peak memory the kernel counts. Only ours checks what it gets. Peers:
`requests` in a loop and in 64 threads, aria2c, `cp`, and img2dataset (`--img2dataset` or `YOLOBG_BENCH_IMG2DATASET`
name a Python that has it).
Contenders take turns within each repeat; the figures are medians. Files lie in memory where there is room (`--work`),
so that a busy disk does not decide.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import json
import os
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import requests
from PIL import Image

from benchmarks.table import Row, format_table
from yolobg.images import fetch_images
from yolobg.model import ImageRecord, Origin

SIDE_X, SIDE_Y, AIM_BYTES = 640, 480, 163_000
MODULES = Path("/usr/lib/nginx/modules")
SEQUENTIAL_SHARE = 20


@dataclass(frozen=True)
class Served:
    """The servers of a run: one address for each way to serve the same files."""

    plain: str
    delayed: str
    delayed_without_etag: str
    throttled: str


@dataclass(frozen=True)
class Measured:
    """What one contender cost: seconds of wall and processor time, peak memory in bytes, images that it got."""

    wall_s: float
    cpu_s: float
    peak_bytes: int
    images: int


# ------------------------------------------------------------------ what is served


def make_files(folder: Path, count: int, names: int) -> None:
    """Write JPEGs of about 163 kB, no two alike, none easier on a decoder than a photograph.

    Args:
        folder: Where to.
        count: How many files.
        names: How many names they have; those above `count` are hard links.
    """
    pictures = []
    for seed in range(8):
        noise = random.Random(seed).randbytes(SIDE_X * SIDE_Y * 3 // 4)
        small = Image.frombytes("RGB", (SIDE_X // 2, SIDE_Y // 2), noise)
        pictures.append(_of_size(small.resize((SIDE_X, SIDE_Y), Image.Resampling.BILINEAR)))
    for i in range(1, count + 1):
        comment = b"\xff\xfe\x00\x22" + hashlib.sha256(str(i).encode()).digest()
        picture = pictures[i % len(pictures)]
        (folder / f"{i:012d}.jpg").write_bytes(picture[:2] + comment + picture[2:])
    for i in range(count + 1, names + 1):
        os.link(folder / f"{(i - 1) % count + 1:012d}.jpg", folder / f"{i:012d}.jpg")


def _of_size(image: Image.Image) -> bytes:
    """The picture at the first quality that makes a file of about the size aimed at."""
    out = io.BytesIO()
    for quality in range(30, 95, 2):
        out = io.BytesIO()
        image.save(out, "JPEG", quality=quality)
        if out.tell() >= AIM_BYTES * 0.97:
            break
    return out.getvalue()


@contextlib.contextmanager
def serve(folder: Path, work: Path, *, delay_s: float, bytes_per_s: int) -> Iterator[Served]:
    """Run nginx over a folder, with S3-like ETags (the plain MD5 of each file)."""
    digests = "".join(
        f'/{path.name} "\\"{hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()}\\"";\n'
        for path in sorted(folder.iterdir())
    )
    (work / "digests").write_text(digests, "utf-8")
    ports = [_free_port() for _ in range(4)]
    etag = "add_header ETag $digest;"
    ways = [
        f"location / {{ {etag} }}",
        f"location / {{ echo_sleep {delay_s}; echo_exec @file; }} location @file {{ {etag} }}",
        f"location / {{ echo_sleep {delay_s}; echo_exec @file; }} location @file {{ }}",
    ]
    servers = "".join(
        f"server {{ listen 127.0.0.1:{port} backlog=1024; root {folder}; etag off; {way} }}\n"
        for port, way in zip(ports[:3], ways, strict=True)
    )
    temporary = "".join(
        f"{name}_temp_path {work}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (work / "nginx.conf").write_text(
        f"load_module {MODULES}/ngx_http_echo_module.so; load_module {MODULES}/ngx_stream_module.so;\n"
        f"daemon off; master_process off; pid {work}/pid; error_log {work}/error.log;\n"
        "events { worker_connections 4096; }\n"
        f"http {{ access_log off; sendfile on; tcp_nodelay on; keepalive_requests 1000000; {temporary}\n"
        "types { image/jpeg jpg; } map_hash_max_size 65536; map_hash_bucket_size 128;\n"
        f"map $uri $digest {{ include {work}/digests; }}\n{servers} }}\n"
        # `limit_rate` of the http module gives each answer a second's worth at once; this one counts the connection.
        f"stream {{ server {{ listen 127.0.0.1:{ports[3]} backlog=1024; proxy_pass 127.0.0.1:{ports[0]};"
        f" proxy_download_rate {bytes_per_s}; proxy_buffer_size 16k; }} }}\n",
        "utf-8",
    )
    nginx = subprocess.Popen([shutil.which("nginx") or "/usr/sbin/nginx", "-c", str(work / "nginx.conf")])
    try:
        for port in ports:
            _await(port)
        yield Served(*(f"http://127.0.0.1:{port}" for port in ports))
    finally:
        nginx.terminate()
        nginx.wait()


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _await(port: int) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


# ------------------------------------------------------------------ the contenders, each in a process of its own


def run_ours(base: str, target: Path, count: int, jobs: int | None) -> None:
    """Our downloader, every check on."""
    wanted = (ImageRecord(i, f"{i:012d}.jpg", SIDE_X, SIDE_Y) for i in range(1, count + 1))
    result = fetch_images(wanted, needed=count, origin=Origin("bench", bases=(base,)), staging=target, jobs=jobs)
    assert len(result.staged) == count, result.failed[:3]


def run_local(folder: str, target: Path, count: int) -> None:
    """Our copies from a local folder, every check on."""
    wanted = (ImageRecord(i, f"{i:012d}.jpg", SIDE_X, SIDE_Y) for i in range(1, count + 1))
    origin = Origin("bench", folders=(Path(folder),))
    result = fetch_images(wanted, needed=count, origin=origin, staging=target)
    assert len(result.staged) == count, result.failed[:3]


def run_requests(base: str, target: Path, count: int, threads: int) -> None:
    """What people write: `requests`, a session for each thread, no check but the status."""
    local = threading.local()

    def fetch(i: int) -> None:
        if not hasattr(local, "session"):
            local.session = requests.Session()
        name = f"{i:012d}.jpg"
        answer = local.session.get(f"{base}/{name}", timeout=30)
        answer.raise_for_status()
        (target / name).write_bytes(answer.content)

    if threads == 1:
        for i in range(1, count + 1):
            fetch(i)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(fetch, range(1, count + 1)))


def aria2c(base: str, target: Path, count: int, work: Path, connections: int | None) -> list[str]:
    """The command for aria2c; None leaves its default of 5 at a time."""
    listed = work / "urls"
    listed.write_text("".join(f"{base}/{i:012d}.jpg\n" for i in range(1, count + 1)), "utf-8")
    command = [
        "aria2c",
        "--quiet",
        "--console-log-level=error",
        "--no-conf",
        f"--dir={target}",
        f"--input-file={listed}",
    ]
    return command if connections is None else [*command, f"--max-concurrent-downloads={connections}"]


def img2dataset(python: str, base: str, target: Path, count: int, work: Path) -> list[str]:
    """The command for img2dataset at its defaults."""
    listed = work / "urls.txt"
    listed.write_text("".join(f"{base}/{i:012d}.jpg\n" for i in range(1, count + 1)), "utf-8")
    code = "from img2dataset import download; import sys; download(url_list=sys.argv[1], output_folder=sys.argv[2])"
    return [python, "-c", code, str(listed), str(target)]


def measure(command: Sequence[str], target: Path) -> Measured:
    """Run a command to its end; the kernel's counts for it and its children."""
    target.mkdir()
    began = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert child.stderr is not None
    said = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    wall_s = time.monotonic() - began
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"{command[0]}: exit {child.returncode}: {said.decode(errors='replace')[-2000:]}")
    images = sum(path.suffix in (".jpg", ".staged") for path in target.rglob("*"))
    shutil.rmtree(target)
    return Measured(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, images)


class Bench:
    """One run: measures contenders in turns and keeps the medians."""

    def __init__(self, work: Path, repeats: int) -> None:
        self._work, self._repeats = work, repeats
        self._number = 0

    def own(self, kind: str, base: str, count: int, parallel: int | None) -> Callable[[], Measured]:
        """A contender that this module runs: `ours` or `requests`."""
        here = [sys.executable, "-m", "benchmarks.bench_download", "--contender", kind, base]
        return partial(self._measure, lambda target: [*here, str(target), str(count), str(parallel or 0)], count)

    def command(self, make: Callable[[Path], list[str]], count: int) -> Callable[[], Measured]:
        """A contender that is a command of its own."""
        return partial(self._measure, make, count)

    def _measure(self, make: Callable[[Path], list[str]], count: int) -> Measured:
        self._number += 1
        target = self._work / f"target{self._number}"
        measured = measure(make(target), target)
        if measured.images != count:
            raise RuntimeError(f"{make(target)[:3]}: {measured.images} of {count} images")
        return measured

    def medians(
        self, contenders: dict[str, Callable[[], Measured]], *, once: frozenset[str] = frozenset()
    ) -> dict[str, Measured]:
        """Let all take turns; those in `once` run in the first turn only."""
        taken: dict[str, list[Measured]] = {name: [] for name in contenders}
        for turn in range(self._repeats):
            for name, contender in contenders.items():
                if turn == 0 or name not in once:
                    taken[name].append(contender())
        return {name: _median(several) for name, several in taken.items()}


def _median(several: Sequence[Measured]) -> Measured:
    return Measured(
        statistics.median(one.wall_s for one in several),
        statistics.median(one.cpu_s for one in several),
        int(statistics.median(one.peak_bytes for one in several)),
        several[0].images,
    )


# ------------------------------------------------------------------ the rows


def download_rows(files: int, repeats: int, img2dataset_python: str | None, place: Path | None = None) -> list[Row]:
    """Every row of the table about downloads, measured in one run."""
    with tempfile.TemporaryDirectory(prefix="yolobg-bench-", dir=place or roomy_place()) as name:
        work = Path(name)
        folder = work / "files"
        folder.mkdir()
        make_files(folder, files, files * 5 // 2)
        with serve(folder, work, delay_s=0.08, bytes_per_s=200_000) as served:
            bench = Bench(work, repeats)
            return [
                *_delayed_rows(bench, served, files, work, img2dataset_python),
                *_processor_rows(bench, served, files),
                *_throttled_rows(bench, served, files, work),
                *_memory_rows(bench, served, files * 5 // 2),
                *_local_rows(bench, folder, files),
            ]


def roomy_place() -> Path | None:
    """A folder in memory with room for what is served and fetched, or None for the usual one."""
    memory = Path("/dev/shm")
    return memory if memory.is_dir() and shutil.disk_usage(memory).free > 8 << 30 else None


def _rate(one: Measured) -> float:
    return one.images / one.wall_s


def _delayed_rows(bench: Bench, served: Served, files: int, work: Path, python: str | None) -> list[Row]:
    few = max(50, files // SEQUENTIAL_SHARE)
    contenders = {
        "ours, 64": bench.own("ours", served.delayed, files, 64),
        "ours, 64, no ETags": bench.own("ours", served.delayed_without_etag, files, 64),
        "ours, adaptive": bench.own("ours", served.delayed, files, None),
        "requests, 64 threads": bench.own("requests", served.delayed, files, 64),
        "aria2c, 64": bench.command(lambda target: aria2c(served.delayed, target, files, work, 64), files),
        "requests, one by one": bench.own("requests", served.delayed, few, 1),
    }
    if python is not None:
        contenders["img2dataset"] = bench.command(
            lambda target: img2dataset(python, served.delayed, target, files, work), files
        )
    got = bench.medians(contenders, once=frozenset({"requests, one by one"}))
    peers: list[tuple[str, str, float | None]] = [
        ("ours, 64", "requests, one by one", 40),
        ("ours, 64", "requests, 64 threads", 1.3),
        ("ours, 64", "img2dataset", 1.5),
        ("ours, 64", "aria2c, 64", 0.95),
        ("ours, adaptive", "aria2c, 64", 1.3),
        ("ours, 64, no ETags", "aria2c, 64", None),
    ]
    what = f"{files:,} images of 163 kB, 80 ms delay"
    return [
        _rate_row(f"{what}: {ours}", got[ours], peer, got[peer], target) for ours, peer, target in peers if peer in got
    ]


def _rate_row(what: str, ours: Measured, name: str, peer: Measured, target: float | None, note: str = "") -> Row:
    if peer.images != ours.images:
        note = f"peer measured on {peer.images:,} images; {note}".strip("; ")
    return Row(what, f"{_rate(ours):,.0f}/s", f"{name}: {_rate(peer):,.0f}/s", _rate(ours) / _rate(peer), target, note)


def _processor_rows(bench: Bench, served: Served, files: int) -> list[Row]:
    got = bench.medians(
        {
            "ours": bench.own("ours", served.plain, files, None),
            "requests": bench.own("requests", served.plain, files, 64),
        }
    )
    ours, peer = (got[name].images / got[name].cpu_s for name in ("ours", "requests"))
    note = f"wall {_rate(got['ours']):,.0f}/s against {_rate(got['requests']):,.0f}/s"
    what = f"{files:,} images, no delay: images per processor second"
    return [Row(what, f"{ours:,.0f}", f"requests, 64 threads, no check: {peer:,.0f}", ours / peer, 1.5, note)]


def _throttled_rows(bench: Bench, served: Served, files: int, work: Path) -> list[Row]:
    count = min(files, 1000)
    got = bench.medians(
        {
            "ours": bench.own("ours", served.throttled, count, None),
            "aria2c": bench.command(lambda target: aria2c(served.throttled, target, count, work, None), count),
        },
        once=frozenset({"aria2c"}),
    )
    what = f"{count:,} images, 200 kB/s per connection"
    return [_rate_row(what, got["ours"], "aria2c at its defaults", got["aria2c"], 2.0)]


def _memory_rows(bench: Bench, served: Served, files: int) -> list[Row]:
    # As many connections in both, since each holds a body; the adaptive number is still small after a thousand images.
    small = max(1, files // 10)
    got = bench.medians(
        {
            "many": bench.own("ours", served.plain, files, 64),
            "few": bench.own("ours", served.plain, small, 64),
        }
    )
    many, few = got["many"].peak_bytes, got["few"].peak_bytes
    what = f"peak memory at {files:,} downloads against {small:,}, 64 connections"
    note = f"{many / few:.3f} × of the peak; at most 1.15 ×"
    return [Row(what, f"{many / 1e6:.0f} MB", f"ours: {few / 1e6:.0f} MB", few / many, 1 / 1.15, note)]


def _local_rows(bench: Bench, folder: Path, files: int) -> list[Row]:
    def copy(target: Path) -> list[str]:
        labels = f"cd {target} && seq -f '%012.0f.txt' 1 {files} | xargs touch"
        return ["sh", "-c", f"cd {folder} && seq -f '%012.0f.jpg' 1 {files} | xargs cp -t {target} && {labels}"]

    got = bench.medians(
        {"ours": bench.own("local", str(folder), files, None), "cp": bench.command(copy, files)},
    )
    # The row with a target is bench_command's: the whole command, on a disk.
    what = f"{files:,} images from a local folder in memory into staging (not yet merged)"
    note = f"{got['ours'].wall_s / got['cp'].wall_s:.2f} × the time; processor {got['ours'].cpu_s:.1f} s"
    peer = f"cp and touch: {got['cp'].wall_s:.2f} s"
    return [Row(what, f"{got['ours'].wall_s:.2f} s", peer, got["cp"].wall_s / got["ours"].wall_s, None, note)]


def why_not() -> str:
    """What is not installed, said on stderr too; nothing where all is there."""
    wanted = [shutil.which("nginx", path=os.environ.get("PATH", "") + os.pathsep + "/usr/sbin"), shutil.which("aria2c")]
    if None not in wanted and (MODULES / "ngx_http_echo_module.so").exists():
        return ""
    missing = "apt-get install nginx libnginx-mod-http-echo libnginx-mod-stream aria2"
    print(missing, file=sys.stderr)
    return missing


def run() -> list[Row]:
    """The rows at full size; none, with a word on why, where nginx, its modules or aria2c are not installed."""
    if why_not():
        return []
    return download_rows(4000, 3, os.environ.get("YOLOBG_BENCH_IMG2DATASET"))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run and print the table, or be one contender."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=4000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument(
        "--img2dataset", metavar="PYTHON", help="a Python that has img2dataset; left out when not given"
    )
    parser.add_argument("--work", type=Path, help="where files go; a folder in memory when it has room")
    parser.add_argument("--json", type=Path, help="write the rows there too")
    parser.add_argument("--contender", nargs=5, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.contender:
        kind, base, target, count, parallel = given.contender
        if kind == "local":
            run_local(base, Path(target), int(count))
        elif kind == "ours":
            run_ours(base, Path(target), int(count), int(parallel) or None)
        else:
            run_requests(base, Path(target), int(count), int(parallel))
        return
    rows = download_rows(given.files, given.repeats, given.img2dataset, given.work)
    print(format_table(rows))
    if given.json:
        given.json.write_text(json.dumps([[getattr(row, name) for name in Row.__slots__] for row in rows]), "utf-8")


if __name__ == "__main__":
    main()
