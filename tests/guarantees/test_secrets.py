"""A password or signature in an address is used and then forgotten: no file, report or message holds it."""

from __future__ import annotations

import json
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import command_line
import pytest
from format_data import picture

import yolobg
from yolobg import files
from yolobg.changes.manifest import read_manifest
from yolobg.net.addresses import bare_url
from yolobg.sources.location import bare_source

TOKEN = "s3cr3t-t0ken"


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    for kind in ("images", "labels"):
        (tmp_path / "data" / kind / "train").mkdir(parents=True)
    picture(tmp_path / "data/images/train/one.jpg", 100)
    (tmp_path / "data/labels/train/one.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    (tmp_path / "data/data.yaml").write_text("train: images/train\nval: images/train\nnames: [zebra]\n")
    return tmp_path / "data"


@pytest.fixture
def served(tmp_path: Path) -> dict[str, bytes]:
    """Eight images, and annotations that name them."""
    content: dict[str, bytes] = {}
    records = []
    for number in range(1, 9):
        size = picture(tmp_path / "x.jpg", number)
        content[f"/images/{number}.jpg"] = (tmp_path / "x.jpg").read_bytes()
        records.append({"id": number, "file_name": f"{number}.jpg", "width": size[0], "height": size[1]})
    (tmp_path / "x.jpg").unlink()
    categories = [{"id": 1, "name": "zebra"}, {"id": 2, "name": "apple"}]
    annotations = [{"image_id": 1, "category_id": 1}]
    told = {"images": records, "annotations": annotations, "categories": categories}
    content["/instances.json"] = json.dumps(told).encode()
    return content


class SignedServer:
    """Serves files by path to those who give the token in the query, and refuses everybody else."""

    def __init__(self, content: dict[str, bytes]) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path, _, query = self.path.partition("?")
                body = content.get(path) if query.endswith(f"={TOKEN}") else None
                self.send_response(403 if body is None else 200)
                self.send_header("Content-Length", str(len(body or b"")))
                self.send_header("Content-Type", "image/jpeg" if path.endswith("jpg") else "application/json")
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, *_: object) -> None:
                return None

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> SignedServer:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def holding(*places: Path) -> list[str]:
    """The files whose names or contents hold the token."""
    found = [path for place in places for path in place.rglob("*") if path.is_file()]
    return [str(path) for path in found if TOKEN in str(path) or TOKEN.encode() in path.read_bytes()]


@pytest.mark.slow
def test_augment__forgets_what_was_secret_in_an_address(
    dataset: Path, served: dict[str, bytes], private_places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(count: int) -> subprocess.CompletedProcess[str]:
        command = ["augment", dataset, "--count", count, "--json", "-v"]
        command += ["--annotations", f"{server.url}/instances.json?sig={TOKEN}"]
        return command_line.run(*command, "--images", f"{server.url}/images?token={TOKEN}")

    with SignedServer(served) as server:
        done = run(3)
        assert done.returncode == 0, done.stderr
        assert TOKEN not in done.stdout + done.stderr
        assert json.loads(done.stdout)["added"][0]["url"].startswith(f"{server.url}/images/")
        assert holding(dataset, private_places) == []
        (recorded,) = read_manifest(dataset.resolve()).runs
        assert (recorded.options["annotations"], recorded.options["images"]) == (
            f"{server.url}/instances.json",
            [f"{server.url}/images"],
        )

        # What a run that was cut off left behind is taken up by the next one, address and all.
        def cut(what: str, path: Path) -> None:
            if what == "link" and path.suffix == ".jpg":
                raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(files, "on_step", cut)
            with pytest.raises(KeyboardInterrupt):
                yolobg.augment(
                    dataset, count=6, annotations=f"{server.url}/instances.json?sig={TOKEN}",
                    images=(f"{server.url}/images?token={TOKEN}",),
                )  # fmt: skip
        assert holding(dataset, private_places) == []
        done = run(6)
        assert done.returncode == 0, done.stderr
        assert holding(dataset, private_places) == []

        served["/instances.json"] = b"{}"
        for gone in ("/images/7.jpg", "/instances.json"):
            served.pop(gone, None)
            failed = run(8)
            assert failed.returncode != 0
            assert TOKEN not in failed.stdout + failed.stderr
    assert holding(dataset, private_places) == []


@pytest.mark.parametrize(
    "options",
    [
        {"annotations": f"https://me:{TOKEN}@x.test/a.json"},
        {"annotations": f"https://x.test/a.json?sig={TOKEN}"},
        {"annotations": "a.json", "images": (f"ftp://me:{TOKEN}@x.test/images",)},
        {"annotations": "a.json", "images": (f"https://me:{TOKEN}@x.test/images",)},
        {"annotations": "a.json", "images": (f"https://x.test/images?sig={TOKEN}#part",)},
    ],
)
def test_plan__no_message_repeats_a_secret(dataset: Path, tmp_path: Path, options: dict[str, str]) -> None:
    (tmp_path / "a.json").write_text('{"images": [], "annotations": [], "categories": [{"id": 1, "name": "zebra"}]}')
    if options["annotations"] == "a.json":
        options = {**options, "annotations": str(tmp_path / "a.json")}
    with pytest.raises(yolobg.YolobgError) as told:
        yolobg.plan(dataset, count=1, **options)  # type: ignore[arg-type]
    assert TOKEN not in str(told.value)


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("https://x.test/a/b.json", "https://x.test/a/b.json"),
        ("https://me:pass@x.test:8080/a%20b.json?sig=1&x=//y@z#f", "https://x.test:8080/a%20b.json"),
        ("https://x.test/a.zip?sig=1!in/b.json", "https://x.test/a.zip!in/b.json"),
        ("a folder/b.json?x", "a folder/b.json?x"),
        ("C:\\b.zip!c.json", "C:\\b.zip!c.json"),
    ],
)
def test_bare_source__keeps_all_but_what_may_be_secret(text: str, bare: str) -> None:
    assert bare_source(text) == bare
    if "!" not in text and "#" not in text and "://" in text:
        assert bare_url(text) == bare
