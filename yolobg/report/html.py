"""HTML that cannot be broken out of: every text is escaped unless it was made here.

Class names, captions, file names and licences come from strangers. So elements are built by a function that escapes
all it is given, and only its own results pass as they are.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Iterable, Iterator
from importlib.resources import files as package_files
from urllib.parse import urlsplit

__all__ = ["Html", "document", "el", "link", "static_bytes", "static_text", "style_hash"]

_VOID = frozenset({"br", "img", "link", "meta"})
_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9-]*")
# Not allowed in HTML text, and control characters that could reorder or hide what is read.
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


class Html(str):
    """Markup made by `el`; any other text is escaped."""

    __slots__ = ()


Content = str | int | float | None | Iterable["Content"]


def el(tag: str, *content: Content, **attributes: str | int | float | bool | None) -> Html:
    """An element.

    Args:
        tag: Its name, written in our code.
        *content: Texts (escaped), elements, numbers, and iterables of these; None is nothing.
        **attributes: `class_` for `class`, `aria_label` for `aria-label`; True for a bare attribute, None and False
            leave it out.
    """
    if not _NAME.fullmatch(tag):
        raise ValueError(f"{tag!r} is no element name")
    start = f"<{tag}{''.join(_attributes(attributes))}>"
    if tag in _VOID:
        return Html(start)
    return Html(f"{start}{''.join(_flat(content))}</{tag}>")


def _attributes(attributes: dict[str, str | int | float | bool | None]) -> Iterator[str]:
    for name, value in attributes.items():
        if value is None or value is False:
            continue
        written = name.rstrip("_").replace("_", "-")
        if not _NAME.fullmatch(written) or written.lower().startswith("on"):
            raise ValueError(f"{name!r} is no attribute that may be written")
        yield f" {written}" if value is True else f' {written}="{_escape(str(value))}"'


def _flat(content: Content) -> Iterator[str]:
    if isinstance(content, Html):
        yield content
    elif isinstance(content, str):
        yield _escape(content)
    elif isinstance(content, int | float):
        yield str(content)
    elif content is not None:
        for part in content:
            yield from _flat(part)


def _escape(text: str) -> str:
    return html.escape(_UNFIT.sub("�", text), quote=True)


def link(address: str, text: str) -> Html:
    """A link where the address is plain http or https, else the text alone: `javascript:` must not be clickable."""
    try:
        safe = urlsplit(address).scheme in ("http", "https")
    except ValueError:
        safe = False
    return el("a", text, href=address, rel="noreferrer noopener") if safe else el("span", text)


def static_bytes(name: str, package: str = "yolobg.report") -> bytes:
    """A file in a package's `static` folder that pages are made of."""
    return (package_files(package) / "static" / name).read_bytes()


def static_text(*names: str) -> str:
    """Files of our own, one after the other."""
    return "\n".join(static_bytes(name).decode("utf-8") for name in names)


def style_hash(style: str) -> str:
    """What a Content-Security-Policy says to allow exactly this inline style."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(style.encode('utf-8')).digest()).decode('ascii')}'"


def document(*, title: str, style: str, body: Iterable[Content]) -> str:
    """A page that needs nothing from anywhere and may load nothing: pictures are data, no script can run."""
    policy = f"default-src 'none'; img-src data:; style-src {style_hash(style)}; base-uri 'none'; form-action 'none'"
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=policy),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("meta", name="referrer", content="no-referrer"),
        el("title", title),
        Html(f"<style>{style}</style>"),
    )
    return f"<!doctype html>\n{el('html', head, el('body', body), lang='en')}\n"
