"""What every test gets: no way out to the network, a private cache and home, a clean environment."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
import tally
from dealing import long_ones_first
from examples import FEWER
from places import SAMPLE

if TYPE_CHECKING:
    from killing import KillServer

PROXY_VARIABLES = (
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
)
LOOPBACK = {"127.0.0.1", "::1", "localhost"}

# A test fails by what it finds, not by how busy the machine is; pytest-timeout ends one that hangs.
# Every run draws the same examples, so that what fails is the change's. `.ci/run search` draws others.
REPEATABLE = not os.environ.get("YOLOBG_NEW_EXAMPLES")
hypothesis.settings.register_profile("sweep", deadline=None, derandomize=REPEATABLE)
hypothesis.settings.register_profile("some", deadline=None, derandomize=REPEATABLE, max_examples=FEWER)


# A CI that starts us in the background may have us ignore Ctrl-C, and all that tests start would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    with contextlib.suppress(ValueError):
        signal.signal(signal.SIGINT, signal.default_int_handler)
# The same of `nohup`, which stays heard here: a handler is not inherited, what is ignored is.
if sys.platform != "win32" and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    with contextlib.suppress(ValueError):
        signal.signal(signal.SIGHUP, lambda _number, _frame: None)


@pytest.fixture(autouse=True)
def no_outside_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail a test that leaves loopback, by address or by name."""
    connect, resolve = socket.socket.connect, socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in LOOPBACK:
            pytest.fail(f"test tried to reach {address[0]}")
        connect(self, address)

    def guarded_resolve(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host is not None and host not in LOOPBACK:
            raise socket.gaierror(socket.EAI_NONAME, f"test tried to look up {host}")
        return resolve(host, *args, **kwargs)

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_resolve)


@pytest.fixture(autouse=True)
def private_places(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give each test a cache, a home and Ultralytics settings of its own; returns the folder."""
    home = tmp_path_factory.mktemp("home")
    for name in PROXY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("YOLOBG_CACHE_DIR", str(home / "cache"))
    monkeypatch.setenv("YOLO_CONFIG_DIR", str(home / "config"))
    monkeypatch.delenv("YOLOBG_COCO_URL", raising=False)
    monkeypatch.delenv("YOLOBG_LVIS_URL", raising=False)
    monkeypatch.delenv("YOLOBG_OPENIMAGES_URL", raising=False)
    return home


COUNTING = pytest.StashKey[bool]()


def pytest_configure(config: pytest.Config) -> None:
    """Begin to count what the tests try, and choose how many examples Hypothesis makes.

    The workers of a run add to the file of the process that started them.
    """
    config.stash[COUNTING] = tally.begin()
    hypothesis.settings.load_profile("some" if "not sweep" in config.option.markexpr else "sweep")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Say at the very end, below pytest's own summary, how much was tried."""
    if config.stash.get(COUNTING, False) and (sums := tally.end()):
        print(f"tried: {sums}")


# The fixtures of real records, which are not part of the repository.
RECORDS = {"coco_real", "real_evidence"}


# A test that asks for as long as this may take minutes.
LONG_S = 900


# Before `-m` selects by them; in order once it has.
@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Iterator[None]:
    """Mark what needs real records; skip what needs datumaro where it is not installed; put long tests first."""
    for item in items:
        if RECORDS.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.records)
    if importlib.util.find_spec("datumaro") is None:
        missing = pytest.mark.skip(reason="datumaro is not installed")
        for item in items:
            if item.get_closest_marker("datumaro"):
                item.add_marker(missing)
    yield
    workers = getattr(config, "workerinput", {}).get("workercount", 1)
    if workers > 1:
        items[:] = long_ones_first(items, is_long, workers)


def is_long(item: pytest.Item) -> bool:
    """Whether a test may take minutes, by its time limit."""
    limit = item.get_closest_marker("timeout")
    return limit is not None and bool(limit.args) and limit.args[0] >= LONG_S


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """A copy of the sample data."""
    return Path(shutil.copytree(SAMPLE, tmp_path / "sample"))


@pytest.fixture
def coco_real() -> Path:
    """The folder of real COCO images and records; skips where it is not at hand."""
    place = os.environ.get("YOLOBG_COCO_REAL")
    if not place or not (Path(place) / "annotations").is_dir():
        pytest.skip("YOLOBG_COCO_REAL does not name a folder with real COCO records")
    return Path(place)


@pytest.fixture
def real_evidence() -> Path:
    """The folder of real records of LVIS and Open Images; skips where it is not at hand."""
    place = os.environ.get("YOLOBG_EVIDENCE")
    # The records are not ours to ship; `.ci/run` names their folder where they are at hand.
    if not place or not (Path(place) / "lvis_val_100.json").is_file():
        pytest.skip("YOLOBG_EVIDENCE does not name a folder with real LVIS records")
    return Path(place)


@pytest.fixture(scope="session")
def kill_server() -> KillServer:
    """Runs the real command in forked processes that can be killed at any point."""
    from killing import shared_server  # noqa: PLC0415 - forks, which no Windows can

    return shared_server()


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder in memory where there is one, with the cache in it: thousands of killed commands write there.

    It is the current one too, so that no command reads the settings of this repository.
    """
    from killing import quick_folder  # noqa: PLC0415 - of the module that forks

    with quick_folder(tmp_path) as folder:
        monkeypatch.setenv("YOLOBG_CACHE_DIR", str(folder / "cache"))
        monkeypatch.chdir(folder)
        yield folder
