"""What is ready for publishing is true of the repository: workflows, versions, templates."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from places import REPOSITORY

from yolobg.version import __version__
from yolobg.yaml_text import load_yaml

WORKFLOWS = REPOSITORY / ".github/workflows"


def read(file: Path) -> Any:
    return load_yaml(file.read_bytes(), source=str(file), repeated_keys=[])


def commands(workflow: Any) -> list[str]:
    return [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]


def test_ci__runs_each_system_with_the_oldest_and_the_newest_python() -> None:
    matrix = read(WORKFLOWS / "ci.yml")["jobs"]["default-run"]["strategy"]["matrix"]
    assert {name.split("-")[0] for name in matrix["os"]} == {"ubuntu", "macos", "windows"}
    oldest = re.search(r'requires-python = ">=([\d.]+)"', (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    assert oldest
    assert matrix["python"][0] == oldest[1]
    assert all(isinstance(version, str) for version in matrix["python"]), "3.10 as a number is 3.1"


@pytest.mark.parametrize("name", ["ci.yml", "release.yml"])
def test_workflows__run_what_is_there(name: str) -> None:
    script = (REPOSITORY / ".ci/run").read_text(encoding="utf-8")
    told = commands(read(WORKFLOWS / name))
    assert any(command.startswith(".ci/run") for command in told)
    for command in told:
        words = command.split()
        if words[0] == ".ci/run":
            assert all(f"section_{section}()" in script for section in words[1:]), command
        assert all((REPOSITORY / word).is_file() for word in words if word.startswith("tools/")), command
        assert "${{" not in command, "what others name must not become part of a command"


def test_release__publishes_without_a_token_and_from_one_job_alone() -> None:
    workflow = read(WORKFLOWS / "release.yml")
    assert workflow["permissions"] == {"contents": "read"}
    assert workflow["jobs"]["publish"]["permissions"] == {"id-token": "write"}
    assert "permissions" not in workflow["jobs"]["build"]
    assert "secrets." not in (WORKFLOWS / "release.yml").read_text(encoding="utf-8")


def test_citation__is_of_this_version() -> None:
    assert read(REPOSITORY / "CITATION.cff")["version"] == __version__


@pytest.mark.parametrize(
    "file", sorted((REPOSITORY / ".github/ISSUE_TEMPLATE").glob("*.yml")), ids=lambda file: file.name
)
def test_templates__have_what_the_form_needs(file: Path) -> None:
    form = read(file)
    assert form["name"]
    assert form["description"]
    ids = [part["id"] for part in form["body"]]
    assert len(set(ids)) == len(ids)
    assert all(part["attributes"]["label"] for part in form["body"])
