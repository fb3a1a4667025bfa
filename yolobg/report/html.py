"""HTML that cannot be broken out of: Jinja2 escapes every text that a template shows.

Class names, captions, file names and licences come from strangers.
"""

from __future__ import annotations

import base64
import hashlib
import re
from functools import lru_cache
from importlib.resources import files as package_files

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

__all__ = ["is_web_address", "static_bytes", "static_text", "style_hash", "template"]

# Not allowed in HTML text, and control characters that could reorder or hide what is read.
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


@lru_cache
def template(name: str) -> Template:
    """A template of `templates`; what it shows is escaped, and what HTML does not allow is replaced."""
    return _ENVIRONMENT.from_string((package_files("yolobg.report") / "templates" / name).read_text("utf-8"))


def is_web_address(address: str) -> bool:
    """Whether an address is plain http or https: `javascript:` must not be clickable."""
    return address.lower().startswith(("http://", "https://"))


def static_bytes(name: str, package: str = "yolobg.report") -> bytes:
    """A file in a package's `static` folder that pages are made of."""
    return (package_files(package) / "static" / name).read_bytes()


def static_text(*names: str) -> str:
    """Files of our own, one after the other."""
    return "\n".join(static_bytes(name).decode("utf-8") for name in names)


def style_hash(style: str) -> str:
    """What a Content-Security-Policy says to allow exactly this inline style."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(style.encode('utf-8')).digest()).decode('ascii')}'"


def _without_unfit(shown: object) -> object:
    # `isprintable` first: it is quick, and true of nearly all texts.
    if not isinstance(shown, str) or isinstance(shown, Markup) or shown.isprintable():
        return shown
    return _UNFIT.sub("�", shown)


def _percent(share: float) -> str:
    """A share (0-1) as a percentage with one decimal, or more where that would show nothing."""
    return f"{share:.1%}" if share >= 0.001 or share == 0 else f"{share:.2%}"  # noqa: PLR2004 - what one decimal shows


_ENVIRONMENT = Environment(
    autoescape=True, undefined=StrictUndefined, finalize=_without_unfit, trim_blocks=True, lstrip_blocks=True
)
_ENVIRONMENT.filters |= {"number": "{:,}".format, "percent": _percent}
_ENVIRONMENT.tests["web_address"] = is_web_address
