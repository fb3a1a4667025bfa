"""Names and addresses: what is refused, and that nothing refused gets out."""

from __future__ import annotations

from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolobg.errors import UsageError
from yolobg.net.addresses import check_base, image_url, is_private, redirect_fault, shown_url
from yolobg.safe_names import safe_parts

HOSTILE = [
    "",
    ".",
    "/",
    "/etc/passwd",
    "//host/share/a.jpg",
    "\\\\host\\share\\a.jpg",
    "../a.jpg",
    "a/../../b.jpg",
    "a\\..\\..\\b.jpg",
    "C:\\a.jpg",
    "c:a.jpg",
    "a\0.jpg",
    "a\n.jpg",
    "a\x1b[31m.jpg",
    "a\x9b31m.jpg",
    "CON.jpg",
    "nul",
    "x/LPT1.jpg",
    "aux .jpg",
    "a" * 10_000 + ".jpg",
    "é" * 130 + ".jpg",
    "a/",
    "\ud800.jpg",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_safe_parts__hostile_names_are_refused(name: str) -> None:
    assert safe_parts(name, windows=False) is None
    assert safe_parts(name, windows=True) is None


@pytest.mark.parametrize("name", ["a.jpg:stream", "a.jpg.", "a.jpg ", "a?.jpg", "dir./a.jpg"])
def test_safe_parts__what_only_windows_cannot_have(name: str) -> None:
    assert safe_parts(name, windows=True) is None
    assert safe_parts(name, windows=False) is not None


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("a.jpg", ("a.jpg",)),
        ("train2017/a b.jpg", ("train2017", "a b.jpg")),
        ("x\\y\\z.jpg", ("x", "y", "z.jpg")),
        ("./a.jpg", ("a.jpg",)),
        ("ünï/日本.jpg", ("ünï", "日本.jpg")),
        ("..a.jpg", ("..a.jpg",)),
        ("console.jpg", ("console.jpg",)),
    ],
)
def test_safe_parts__ordinary_names_pass(name: str, parts: tuple[str, ...]) -> None:
    assert safe_parts(name) == parts


@given(st.text(alphabet=st.sampled_from("ab./\\:~ \0\nCON%é"), max_size=30) | st.text(max_size=60))
def test_safe_parts__never_lead_out_of_the_folder(name: str) -> None:
    parts = safe_parts(name, windows=True)
    if parts is None:
        return
    for flavour, root in ((PurePosixPath, "/data/images"), (PureWindowsPath, "D:\\data\\images")):
        path = flavour(root).joinpath(*parts)
        assert path.is_relative_to(flavour(root))
        assert ".." not in path.parts
        assert len(path.parts) == len(flavour(root).parts) + len(parts)


@pytest.mark.parametrize(
    ("base", "parts", "url"),
    [
        ("https://h/c/train2017", ("a.jpg",), "https://h/c/train2017/a.jpg"),
        ("https://h/c/", ("x y", "ü#?.jpg"), "https://h/c/x%20y/%C3%BC%23%3F.jpg"),
        ("https://h/c?sig=1%2F2", ("a.jpg",), "https://h/c/a.jpg?sig=1%2F2"),
        ("https://h", ("@evil.example", "a.jpg"), "https://h/%40evil.example/a.jpg"),
    ],
)
def test_image_url(base: str, parts: tuple[str, ...], url: str) -> None:
    assert image_url(base, parts) == url


@pytest.mark.parametrize(
    "base",
    [
        "file:///etc",
        "ftp://h/x",
        "http:///x",
        "https://user:secret@h/x",
        "https://token@h/x",
        "h/x",
        "http://[::1/x",
        "https://h:port/x",
    ],
)
def test_check_base__refuses_and_never_repeats_a_password(base: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_base(base)
    assert "secret" not in str(caught.value)
    assert "token" not in str(caught.value)


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST.",
        "x.localhost",
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "::1",
        "fe80::1%eth0",
        "fd00::1",
        "::ffff:127.0.0.1",
        "metadata.google.internal",
    ],
)
def test_is_private(host: str) -> None:
    assert is_private(host)


@pytest.mark.parametrize("host", ["s3.amazonaws.com", "8.8.8.8", "2606:4700::1111", "localhost.example.com"])
def test_is_private__public_ones_are_not(host: str) -> None:
    assert not is_private(host)


@pytest.mark.parametrize(
    ("origin", "target"),
    [
        ("https://h.example/a.jpg", "http://h.example/a.jpg"),
        ("https://h.example/a.jpg", "file:///etc/passwd"),
        ("https://h.example/a.jpg", "ftp://h.example/a.jpg"),
        ("https://h.example/a.jpg", "data:image/jpeg;base64,AA"),
        ("https://h.example/a.jpg", "https://localhost/a.jpg"),
        ("https://h.example/a.jpg", "https://127.0.0.1:8080/a.jpg"),
        ("http://h.example/a.jpg", "http://169.254.169.254/latest/meta-data"),
        ("http://h.example/a.jpg", "http://[::1]/a.jpg"),
        ("http://h.example/a.jpg", "http://[::ffff:10.0.0.1]/a.jpg"),
        ("http://h.example/a.jpg", "http://2130706433/a.jpg"),
        ("https://h.example/a.jpg", "https://user:pw@h.example/a.jpg"),
        ("https://h.example/a.jpg", "https:///a.jpg"),
        ("https://h.example/a.jpg", "https://[::1/a.jpg"),
    ],
)
def test_redirect_fault__refused(origin: str, target: str) -> None:
    assert redirect_fault(origin, target) is not None


@pytest.mark.parametrize(
    ("origin", "target"),
    [
        ("https://h.example/a.jpg", "https://cdn.example/b.jpg"),
        ("http://h.example/a.jpg", "https://h.example/a.jpg"),
        ("http://127.0.0.1:1/a.jpg", "http://127.0.0.1:2/a.jpg"),
        ("http://10.0.0.1/a.jpg", "http://10.0.0.2/a.jpg"),
    ],
)
def test_redirect_fault__followed(origin: str, target: str) -> None:
    assert redirect_fault(origin, target) is None


def test_shown_url__hides_what_is_secret_and_what_moves_the_cursor() -> None:
    assert shown_url("https://u:p@h/a\x1b[2J.jpg?sig=secret") == "https://h/a?[2J.jpg"
