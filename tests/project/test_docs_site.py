"""The documentation site: every page can be reached, every public name is on it."""

from __future__ import annotations

import dataclasses
import inspect
import re

from places import REPOSITORY

import yolobg
from yolobg.yaml_text import load_yaml

DOCS = REPOSITORY / "docs"
NAMES = sorted(name for name in yolobg.__all__ if name != "__version__")


def test_navigation__has_every_page() -> None:
    file = REPOSITORY / "mkdocs.yml"
    config = load_yaml(file.read_bytes(), source=str(file), repeated_keys=[])
    assert isinstance(config, dict)
    parts = [part for entry in config["nav"] for part in entry.values()]
    pages = [
        page for part in parts for page in ([part] if isinstance(part, str) else [p for e in part for p in e.values()])
    ]
    assert sorted(pages) == sorted(page.name for page in DOCS.glob("*.md"))
    assert config["strict"] is True


def test_reference__describes_every_public_name_where_it_is_defined() -> None:
    listed = re.findall(r"^::: ([\w.]+)\.(\w+)$", (DOCS / "reference.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(name for _, name in listed) == NAMES
    for module, name in listed:
        assert getattr(yolobg, name).__module__ == module, name


def test_reference__says_what_each_field_of_a_report_means() -> None:
    page = (DOCS / "reference.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`.+`) \| .+ \|$", page, re.MULTILINE)
    described = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    described |= set(re.findall(r"^ +(\w+): ", inspect.getdoc(yolobg.Report) or "", re.MULTILINE))
    assert described == {field.name for field in dataclasses.fields(yolobg.Report)}
