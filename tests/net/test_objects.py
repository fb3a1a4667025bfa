"""Objects of a store, read through fsspec, answer as HTTP does."""

from __future__ import annotations

import base64
import hashlib
import sys
import threading
from typing import Any

import pytest

from yolobg.errors import UsageError
from yolobg.net.client import Client
from yolobg.net.http_fault import HttpFault
from yolobg.net.objects import check_driver
from yolobg.net.response import Timing

pytest.importorskip("fsspec", reason="object stores are read through fsspec, which is not a dependency")
from object_store import Store, serving

TIMING = Timing(5, 5, 5, 1024)
CONTENT = bytes(range(256)) * 4000
URL = "s3://bucket/a folder/100%25 of it.bin"


def read(headers: dict[str, str], timing: Timing = TIMING) -> tuple[int, dict[str, str], bytes]:
    client = Client(connections=1, headers={})
    try:
        answer = client.open(URL, headers, timing=timing, redirects=0)
        return answer.status, dict(answer.headers), b"".join(answer.pieces())
    finally:
        client.close()


@pytest.mark.parametrize(
    ("asked", "status", "start", "stop"),
    [
        ("", 200, 0, len(CONTENT)),
        ("bytes=0-99", 206, 0, 100),
        ("bytes=1000000-9999999", 206, 1_000_000, len(CONTENT)),
        ("bytes=-70", 206, len(CONTENT) - 70, len(CONTENT)),
        ("bytes=-99999999", 206, 0, len(CONTENT)),
    ],
)
def test_open__gives_an_object_or_the_range_asked_for(asked: str, status: int, start: int, stop: int) -> None:
    with serving({URL.removeprefix("s3://"): CONTENT}):
        said, headers, content = read({"Range": asked} if asked else {})
    assert (said, content) == (status, CONTENT[start:stop])
    assert headers["ETag"] == f'"{hashlib.md5(CONTENT).hexdigest()}"'
    assert headers.get("Content-Range") == (f"bytes {start}-{stop - 1}/{len(CONTENT)}" if asked else None)


def test_open__says_where_nothing_changed() -> None:
    with serving({URL.removeprefix("s3://"): CONTENT}):
        _, headers, _ = read({})
        assert read({"If-None-Match": headers["ETag"]})[0] == 304
        assert read({"If-None-Match": '"other"'})[0] == 200


class DriverError(Exception):
    """As drivers raise it: botocore with `response`, Google's with `code`, Azure's with `status_code`."""

    def __init__(self, **said: Any) -> None:
        super().__init__("said of https://me:pass@x.test/a?sig=s3cr3t")
        vars(self).update(said)


class EndpointConnectionError(Exception):
    pass


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (FileNotFoundError("gone"), 404),
        (PermissionError("closed"), 403),
        (OSError(16, "Please reduce your request rate"), 503),
        (OSError(5, "internal"), 500),
        (DriverError(code=503), 503),
        (DriverError(status_code=429), 429),
        (DriverError(response={"ResponseMetadata": {"HTTPStatusCode": 400}}), 400),
        (DriverError(), "driver"),
        (ValueError("no account"), "driver"),
        (EndpointConnectionError("no"), "unreachable"),
        (ConnectionResetError("reset"), "unreachable"),
        (TimeoutError("slow"), "late"),
    ],
)
def test_open__knows_what_a_drivers_error_means(
    error: Exception, expected: int | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    with serving({URL.removeprefix("s3://"): CONTENT}):
        monkeypatch.setattr(Store, "info", fail)
        if isinstance(expected, int):
            assert read({})[0] == expected
            return
        with pytest.raises(HttpFault) as caught:
            read({})
    assert caught.value.kind == expected
    assert "s3cr3t" not in str(caught.value)
    assert "pass" not in str(caught.value)


@pytest.mark.parametrize("fault", [ConnectionResetError("reset"), CONTENT[:-1]], ids=["broken", "short"])
def test_pieces__break_off_where_the_object_does(fault: Exception | bytes) -> None:
    with serving({URL.removeprefix("s3://"): CONTENT}) as store:
        # The second piece, after a good one.
        store.faults[f"/{URL.removeprefix('s3://')}"] = [CONTENT, fault]
        with pytest.raises(HttpFault, match=r"reset|were expected") as caught:
            read({})
    assert caught.value.kind == "cut"


def test_open__ends_in_time_where_a_driver_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    done = threading.Event()
    with serving({URL.removeprefix("s3://"): CONTENT}):
        monkeypatch.setattr(Store, "info", lambda *_, **__: done.wait(60))
        with pytest.raises(HttpFault) as caught:
            read({}, Timing(0.1, 0.1, 5, 1024))
        done.set()
    assert caught.value.kind == "late"


@pytest.mark.parametrize(
    ("store", "told"),
    [
        ("gs", {"md5Hash": base64.b64encode(hashlib.md5(CONTENT).digest()).decode(), "etag": "CJ=="}),
        ("az", {"content_settings": {"content_md5": bytearray(hashlib.md5(CONTENT).digest())}, "etag": "0x8D"}),
    ],
)
def test_open__takes_the_md5_that_a_store_notes(
    store: str, told: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving({URL.removeprefix("s3://"): CONTENT}):
        monkeypatch.setattr(Store, "info", lambda *_, **__: {"type": "file", "size": len(CONTENT), **told})
        assert read({})[1]["ETag"] == f'"{hashlib.md5(CONTENT).hexdigest()}"', store


@pytest.mark.parametrize(
    ("url", "word", "hidden"),
    [
        ("s3://bucket/x", "pip install fsspec s3fs", "fsspec"),
        ("gs://bucket/x", "pip install fsspec gcsfs", "fsspec"),
        ("s3://bucket/x", "pip install s3fs", "s3fs"),
        ("gs://bucket/x", "pip install gcsfs", "gcsfs"),
        ("az://bucket/x", "pip install adlfs", "adlfs"),
    ],
)
def test_check_driver__says_what_to_install(url: str, word: str, hidden: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, hidden, None)
    with pytest.raises(UsageError, match=f"{word}$"):
        check_driver(url)
