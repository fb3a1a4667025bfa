"""What the review tests share: a small dataset with backgrounds, a running `yolobg review`, and an HTTP client."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from places import SAMPLE

import yolobg
from yolobg.results import Report

HOSTILE = '</script><img src=x onerror="window.hacked=1"><b>dog'


def make_sample(folder: Path, *, names: str | None = None) -> Path:
    """A copy of the sample data; returns its dataset's folder. `names` replaces the class names, as YAML."""
    shutil.copytree(SAMPLE, folder)
    data = folder / "dataset"
    if names is not None:
        text = (data / "data.yaml").read_text(encoding="utf-8")
        (data / "data.yaml").write_text(text[: text.index("names:")] + names, encoding="utf-8")
    return data


def source_of(data: Path) -> dict[str, Any]:
    """The options that name the sample's source."""
    source = data.parent / "source"
    return {"annotations": source / "annotations/instances_sample.json", "images": (source / "images",)}


def add_backgrounds(data: Path, count: int = 8, **options: Any) -> Report:
    """Add backgrounds from the sample's source."""
    return yolobg.augment(data, **{"count": count, **source_of(data), **options})


@dataclass
class Client:
    """A bare HTTP client that keeps the cookie and says what it is told to say."""

    address: str
    cookie: str = ""
    base: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        parts = urlsplit(self.address)
        return f"{parts.scheme}://{parts.netloc}"

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str | None] = {}
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers (names in lower case) and body; a header of None is left out."""
        parts = urlsplit(self.origin)
        connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=30)
        told: dict[str, str | None] = {"Host": parts.netloc, "Cookie": self.cookie or None, **headers}
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in told.items():
                if value is not None:
                    connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def enter(self) -> None:
        """Exchange the link's secret for the cookie, as the entry page does."""
        status, headers, body = self.claim()
        assert status == 200, (status, body)
        self.cookie = headers["set-cookie"].partition(";")[0]
        self.base = json.loads(body)["page"].rstrip("/")

    def claim(self, key: str | None = None) -> tuple[int, dict[str, str], bytes]:
        """Ask for the cookie with a secret, that of the address where none is given."""
        told = {"Origin": self.origin, "Content-Type": "application/json"}
        body = {"key": urlsplit(self.address).fragment if key is None else key}
        return self.ask("POST", "/enter", json.dumps(body).encode(), told)

    def get(self, path: str) -> tuple[int, dict[str, str], bytes]:
        return self.ask("GET", f"{self.base}/{path}")

    def post(self, path: str, body: object, **headers: str | None) -> tuple[int, Any]:
        """Post JSON as our own page does."""
        told: dict[str, str | None] = {"Origin": self.origin, "Content-Type": "application/json", **headers}
        status, _, raw = self.ask("POST", f"{self.base}/api/{path}", json.dumps(body).encode(), told)
        with contextlib.suppress(ValueError):
            return status, json.loads(raw)
        return status, raw.decode()

    def everything(self) -> Any:
        return json.loads(self.get("api/everything")[2])


@contextlib.contextmanager
def reviewing(data: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The real command in a process of its own; yields the process and the address that works once."""
    command = [sys.executable, "-m", "yolobg", "review", str(data), "--no-browser", *options]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as process:  # fmt: skip
        try:
            assert process.stdout
            address = process.stdout.readline().strip()
            assert address.startswith("http://127.0.0.1:"), address
            yield process, address
        finally:
            process.kill()


def chosen(data: Path, split: str = "train") -> list[str]:
    """The backgrounds of yolobg that are on disk."""
    return sorted(path.relative_to(data).as_posix() for path in (data / "images" / split).glob("bg_*"))


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until something holds; only how long a failure takes depends on the clock."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)
