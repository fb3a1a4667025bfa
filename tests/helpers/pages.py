"""What a page that yolobg writes is made of, and that nothing in it reaches out."""

from __future__ import annotations

import re
from html.parser import HTMLParser

__all__ = ["Seen", "check_nothing_comes_or_goes", "check_tables_scroll", "enlarged", "shown"]


class Seen(HTMLParser):
    """What a page is made of: the elements with their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        """Without `wbr`, which says where a name may break and so depends on the name."""
        self.text: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "wbr":
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
                assert re.match(r"data:image/jpeg;base64,[A-Za-z0-9+/=]*$|(\.\.|file://)/[\w./:%-]+$", value or ""), (
                    value
                )
            if name == "href":
                assert tag == "a"
                assert re.match(r"https?:", value or ""), value
    policy = next(a["content"] or "" for t, a in seen.tags if t == "meta" and a.get("http-equiv"))
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    return seen


def shown(seen: Seen) -> list[dict[str, str | None]]:
    """The pictures on the page itself, without those that open large."""
    return [a for tag, a in seen.tags if tag == "img" and not _is_large(a)]


def enlarged(seen: Seen) -> list[str]:
    """Where the pictures lie that open large; each is opened and closed by a button, so with a mouse or a key."""
    buttons = [a for tag, a in seen.tags if tag == "button"]
    popovers = [a["id"] for _, a in seen.tags if "popover" in a and a["role"] == "dialog" and a["aria-label"]]
    openers = [a["popovertarget"] for a in buttons if a.get("popovertargetaction") is None]
    closers = [a["popovertarget"] for a in buttons if a.get("popovertargetaction") == "hide"]
    assert len(set(popovers)) == len(popovers)
    assert openers == popovers == closers
    large = [a["src"] or "" for tag, a in seen.tags if tag == "img" and _is_large(a)]
    assert len(large) == len(popovers)
    return large


def _is_large(image: dict[str, str | None]) -> bool:
    return "class" in image and image["class"] == "original"


def check_tables_scroll(seen: Seen) -> None:
    """A table wider than the window scrolls in a box of its own, which has a name and takes the focus."""
    boxes = [a for tag, a in seen.tags if tag == "div" and "scroll" in (a.get("class") or "").split()]
    assert len(boxes) == sum(tag == "table" for tag, _ in seen.tags)
    assert all(a["tabindex"] == "0" and a["role"] == "region" and a["aria-label"] for a in boxes)
