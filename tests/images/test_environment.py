"""Certificates and proxies from the environment, with a real TLS server of its own CA and a real local proxy."""

from __future__ import annotations

from pathlib import Path

import pytest
from authority import Authority, make_authority
from download_pictures import QUICK, names, picture, records, served
from image_server import ImageServer
from proxy_server import proxy_server

from yolobg.errors import DownloadError, UsageError
from yolobg.images import fetch_images
from yolobg.model import Origin
from yolobg.net.proxies import Proxies

POOL = records(12)


@pytest.fixture(autouse=True)
def no_ambient_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("CURL_CA_BUNDLE", "SSL_CERT_DIR"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("ca"))


def origin(server: ImageServer) -> Origin:
    return Origin("coco2017", bases=(f"{server.url}/train2017",))


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_tls__an_own_ca_is_trusted_when_the_environment_names_it(
    variable: str, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, str(authority.ca))
    with ImageServer(served(POOL), tls=authority.server_side("good"), share=0.2) as server:
        result = fetch_images(POOL, needed=10, origin=origin(server), staging=tmp_path / "s", limits=QUICK)
    assert len(result.staged) == 10
    assert all(one.path.read_bytes() == picture(one.record.id) for one in result.staged)


def test_tls__an_unknown_ca_is_refused_at_once_with_advice(authority: Authority, tmp_path: Path) -> None:
    with ImageServer(served(POOL), tls=authority.server_side("good")) as server:
        with pytest.raises(DownloadError, match=r"certificate is not accepted.*REQUESTS_CA_BUNDLE"):
            fetch_images(POOL, needed=10, origin=origin(server), staging=tmp_path / "s", limits=QUICK)
        assert server.log == []
    assert names(tmp_path / "s") == []


def test_tls__an_expired_certificate_is_named(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca))
    with ImageServer(served(POOL), tls=authority.server_side("expired")) as server:
        with pytest.raises(DownloadError, match=r"certificate has expired.*clock"):
            fetch_images(POOL, needed=10, origin=origin(server), staging=tmp_path / "s", limits=QUICK)
        assert server.log == []


def test_tls__another_host_with_a_good_certificate_takes_over(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca))
    with (
        ImageServer(served(POOL), tls=authority.server_side("expired")) as bad,
        ImageServer(served(POOL), tls=authority.server_side("good")) as good,
    ):
        both = Origin("x", bases=(f"{bad.url}/train2017", f"{good.url}/train2017"))
        result = fetch_images(POOL, needed=10, origin=both, staging=tmp_path / "s", limits=QUICK)
    assert len(result.staged) == 10


def test_tls__a_redirect_to_plain_http_is_refused(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca))
    with ImageServer(served(POOL)) as plain, ImageServer(served(POOL), tls=authority.server_side("good")) as server:
        server.always["*"] = "redirect"
        server.redirect_to = f"{plain.url}/train2017/{POOL[0].file_name}"
        result = fetch_images(POOL[:1], needed=1, origin=origin(server), staging=tmp_path / "s", limits=QUICK)
        assert plain.log == []
    assert "from https to http" in result.failed[0].reason


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_tls__a_variable_that_names_nothing_says_so(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, str(tmp_path / "none.pem"))
    with pytest.raises(UsageError, match=variable):
        fetch_images(POOL, needed=1, origin=Origin("x", bases=("https://localhost:1/x",)), staging=tmp_path / "s")


def test_proxy__plain_requests_go_through_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with ImageServer(served(POOL)) as server, proxy_server() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        result = fetch_images(POOL, needed=10, origin=origin(server), staging=tmp_path / "s", limits=QUICK)
        assert len(result.staged) == 10
        assert sorted(proxy.lines) == sorted(f"GET {server.url}/train2017/{one.file_name}" for one in POOL[:10])


def test_proxy__https_goes_through_a_tunnel(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca))
    with ImageServer(served(POOL), tls=authority.server_side("good")) as server, proxy_server("me:p@ss") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url.replace("://", "://me:p%40ss@"))
        result = fetch_images(POOL, needed=10, origin=origin(server), staging=tmp_path / "s", limits=QUICK)
        assert len(result.staged) == 10
        assert set(proxy.lines) == {f"CONNECT 127.0.0.1:{server.port}"}


def test_proxy__no_proxy_goes_straight(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with ImageServer(served(POOL)) as server, proxy_server() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        result = fetch_images(POOL, needed=5, origin=origin(server), staging=tmp_path / "s", limits=QUICK)
        assert (len(result.staged), proxy.lines) == (5, [])


@pytest.mark.parametrize("with_tls", [False, True])
def test_proxy__one_that_refuses_is_named(
    with_tls: bool, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca))
    tls = authority.server_side("good") if with_tls else None
    with ImageServer(served(POOL), tls=tls) as server, proxy_server("me:right") as proxy:
        monkeypatch.setenv("https_proxy" if with_tls else "http_proxy", proxy.url.replace("://", "://me:wrong@"))
        with pytest.raises(DownloadError, match="407") as caught:
            fetch_images(POOL, needed=5, origin=origin(server), staging=tmp_path / "s", limits=QUICK)
    assert "wrong" not in str(caught.value)


def test_proxy__one_that_is_down_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with proxy_server() as proxy:
        port = proxy.url.rpartition(":")[2]
    monkeypatch.setenv("http_proxy", proxy.url)
    with ImageServer(served(POOL)) as server:
        with pytest.raises(DownloadError, match=rf"the proxy cannot be reached.*{port}"):
            fetch_images(POOL, needed=5, origin=origin(server), staging=tmp_path / "s", limits=QUICK)
        assert server.log == []


def test_proxy__socks_is_a_usage_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1080")
    with pytest.raises(UsageError, match="socks5"):
        fetch_images(POOL, needed=1, origin=Origin("x", bases=("http://127.0.0.1:1/x",)), staging=tmp_path / "s")


def test_proxies__by_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "inside.example")
    proxies = Proxies()
    assert proxies.of("https://s3.amazonaws.com/x") == ("http://proxy.example:3128", {})
    assert proxies.of("https://inside.example/x") is None
    assert proxies.of("http://s3.amazonaws.com/x") is None
