"""Pages that cannot be broken out of: Jinja2 escapes every text that a template shows.

Class names, captions, file names and licences come from strangers.
"""

from __future__ import annotations

import base64
import hashlib
import re
from importlib.resources import files as package_files

from jinja2 import Environment, FunctionLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from yolobg.wording import NAME_JOINTS, p_value, percent

__all__ = ["is_web_address", "render_page", "static_bytes", "template"]

# Not allowed in HTML text, and control characters that could reorder or hide what is read.
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


def template(name: str) -> Template:
    """A template of `templates`; what it shows is escaped, and what HTML does not allow is replaced."""
    return _ENVIRONMENT.get_template(name)


def render_page(name: str, /, *styles: str, **shown: object) -> str:
    """A whole page that extends `base.html`.

    Args:
        name: Its template.
        *styles: Files of `static` that make its style.
        **shown: What the template shows.
    """
    style = _static_text(*styles)
    return template(name).render(
        style=Markup(style),  # noqa: S704 - our own files
        style_hash=Markup(_style_hash(style)),  # noqa: S704 - base64 in quotes
        **shown,
    )


def is_web_address(address: str) -> bool:
    """Whether an address is plain http or https: `javascript:` must not be clickable."""
    return address.lower().startswith(("http://", "https://"))


def static_bytes(name: str, package: str = "yolobg.html") -> bytes:
    """A file in a package's `static` folder that pages are made of."""
    return (package_files(package) / "static" / name).read_bytes()


def _static_text(*names: str) -> str:
    """Files of our own, one after the other."""
    return "\n".join(static_bytes(name).decode("utf-8") for name in names)


def _style_hash(style: str) -> str:
    """What a Content-Security-Policy says to allow exactly this inline style."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(style.encode('utf-8')).digest()).decode('ascii')}'"


def _in_parts(name: str) -> Markup:
    """A name that breaks between its words."""
    parts = re.split(NAME_JOINTS, name)
    if len(parts) == 1:
        return escape(_without_unfit(name))
    return Markup("<wbr>").join(escape(_without_unfit(part)) for part in parts)


def _without_unfit(shown: object) -> object:
    # `isprintable` first: it is quick, and true of nearly all texts.
    if not isinstance(shown, str) or isinstance(shown, Markup) or shown.isprintable():
        return shown
    return _UNFIT.sub("�", shown)


def _points(share: float) -> str:
    """A difference of shares in percentage points, with its sign."""
    return f"{share * 100:+.1f}".replace("-", "−")


def _read(name: str) -> str:
    return (package_files("yolobg.html") / "templates" / name).read_text("utf-8")


_ENVIRONMENT = Environment(
    loader=FunctionLoader(_read),
    autoescape=True,
    undefined=StrictUndefined,
    finalize=_without_unfit,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.filters |= {
    "number": "{:,}".format,
    "in_parts": _in_parts,
    "p_value": p_value,
    "percent": percent,
    "points": _points,
}
_ENVIRONMENT.tests["web_address"] = is_web_address
