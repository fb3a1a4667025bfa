"""What a page that yolobg writes is made of, and that nothing in it reaches out."""

from __future__ import annotations

import re
from html.parser import HTMLParser

__all__ = ["Seen", "check_nothing_comes_or_goes"]


class Seen(HTMLParser):
    """What a page is made of: the elements with their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def check_nothing_comes_or_goes(page: str) -> Seen:
    seen = Seen(page)
    for tag, attributes in seen.tags:
        assert tag not in ("script", "iframe", "object", "embed", "base", "form", "link", "audio", "video")
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            assert name not in ("style", "srcset", "action", "background", "poster", "ping")
            if name == "src":
                assert re.match(r"data:image/jpeg;base64,[A-Za-z0-9+/=]*$|\.\./[A-Za-z0-9._/%-]+$", value or ""), value
            if name == "href":
                assert tag == "a"
                assert re.match(r"https?:", value or ""), value
    policy = next(a["content"] or "" for t, a in seen.tags if t == "meta" and a.get("http-equiv"))
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    return seen
