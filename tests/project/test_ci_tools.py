"""The small programs that .ci/run leans on: were they wrong, CI would pass for the wrong reason."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from places import REPOSITORY

CI = REPOSITORY / ".ci" / "run"

README = """# x
<!-- command:demo -->
```bash
echo one
echo two
```
text
<!-- command:test -->

```
echo three
```
"""


needs_toml = pytest.mark.skipif(sys.version_info < (3, 11), reason="the tools read TOML with Python 3.11's own parser")


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, REPOSITORY / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_read_command__gives_the_block_after_its_marker() -> None:
    read_command = load("readme_command").read_command
    assert read_command(README, "demo") == "echo one\necho two\n"
    assert read_command(README, "test") == "echo three\n"


@pytest.mark.parametrize(
    "text",
    [
        "no marker\n```\necho\n```\n",
        "<!-- command:demo -->\ntext between\n```\necho\n```\n",
        "<!-- command:demo -->\n```\n```\n",
        "<!-- command:demo -->\n```\necho\n",
        README + README,
    ],
)
def test_read_command__a_missing_empty_or_double_block_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="one fenced block"):
        load("readme_command").read_command(text, "demo")


@needs_toml
def test_oldest_constraints__pin_what_pyproject_allows() -> None:
    oldest = load("oldest")
    given = ["a>=1.2", "b-c[x]>=0.3.1,<2", "d >= 4; python_version < '3.12'"]
    assert oldest.oldest_constraints(given) == ["a==1.2", "b-c==0.3.1", "d==4"]
    for unclear in ("a", "a==1", "a<2,>=1", "a~=1.0"):
        with pytest.raises(ValueError, match="expected 'name>=version'"):
            oldest.oldest_constraints([unclear])


@needs_toml
def test_wheel_problems__name_what_is_missing_and_what_does_not_belong() -> None:
    tool = load("check_wheel")
    expected = set(tool.NEEDED) | {"yolobg/model.py"}
    metadata = {f"yolobg-1.dist-info/{name}" for name in tool.NEEDED_METADATA}
    notices = {
        "yolobg-1.dist-info/licenses/LICENSE",
        "yolobg-1.dist-info/licenses/yolobg/matching/lexicon/WORDNET_NOTICE.txt",
        "yolobg-1.dist-info/licenses/yolobg/matching/lexicon/UNICODE_NOTICE.txt",
        "yolobg-1.dist-info/licenses/yolobg/matching/lexicon/LVIS_NOTICE.txt",
        "yolobg-1.dist-info/licenses/yolobg/matching/lexicon/OPENIMAGES_NOTICE.txt",
        "yolobg-1.dist-info/licenses/yolobg/sources/catalog/COCO_NOTICE.txt",
    }
    whole = expected | metadata | notices
    assert tool.wheel_problems(whole, expected) == []
    assert tool.wheel_problems(whole - {"yolobg/model.py"}, expected) == ["missing: yolobg/model.py"]
    assert tool.wheel_problems(whole - {"yolobg/py.typed"}, expected - {"yolobg/py.typed"}) == [
        "missing: yolobg/py.typed"
    ]
    assert tool.wheel_problems(whole | {"tests/conftest.py"}, expected) == ["does not belong: tests/conftest.py"]
    assert tool.wheel_problems(whole - notices, expected) == [
        "missing notice: COCO_NOTICE.txt",
        "missing notice: LICENSE",
        "missing notice: LVIS_NOTICE.txt",
        "missing notice: OPENIMAGES_NOTICE.txt",
        "missing notice: UNICODE_NOTICE.txt",
        "missing notice: WORDNET_NOTICE.txt",
    ]


@needs_toml
def test_wheel_problems__metadata_and_notices_are_a_list_too() -> None:
    tool = load("check_wheel")
    expected = set(tool.NEEDED)
    whole = expected | {f"yolobg-1.dist-info/{name}" for name in tool.NEEDED_METADATA}
    whole |= {f"yolobg-1.dist-info/licenses/x/{name}" for name in tool.NOTICES}
    assert tool.wheel_problems(whole, expected) == []
    for extra in ("yolobg.pth", "yolobg-1.data/scripts/x", "other/__init__.py", "yolobg/extra.so"):
        assert tool.wheel_problems(whole | {extra}, expected) == [f"does not belong: {extra}"]
    assert tool.wheel_problems(whole | {"yolobg-1.dist-info/direct_url.json"}, expected) == [
        "metadata that does not belong: direct_url.json"
    ]


@needs_toml
def test_content_problems__name_what_was_changed_on_the_way(tmp_path: Path) -> None:
    tool = load("check_wheel")
    (tmp_path / "yolobg/cli").mkdir(parents=True)
    (tmp_path / "yolobg/cli/app.py").write_bytes(b"code")
    digest = base64.urlsafe_b64encode(hashlib.sha256(b"code").digest()).rstrip(b"=").decode()
    points, wheel = tool.ENTRY_POINTS.encode(), b"Root-Is-Purelib: true\n"
    rows = [f"yolobg/cli/app.py,sha256={digest},4", "y.dist-info/RECORD,,"]
    for name, raw in (("entry_points.txt", points), ("WHEEL", wheel)):
        told = base64.urlsafe_b64encode(hashlib.sha256(raw).digest()).rstrip(b"=").decode()
        rows.append(f"y.dist-info/{name},sha256={told},{len(raw)}")
    good = {
        "yolobg/cli/app.py": b"code", "y.dist-info/entry_points.txt": points, "y.dist-info/WHEEL": wheel,
        "y.dist-info/RECORD": "\n".join(rows).encode(),
    }  # fmt: skip
    assert tool.content_problems(good, tmp_path) == []
    assert tool.content_problems(good | {"yolobg/cli/app.py": b"evil"}, tmp_path) == [
        "not as RECORD says: yolobg/cli/app.py",
        "differs from the checkout: yolobg/cli/app.py",
    ]
    changed = tool.content_problems(good | {"y.dist-info/entry_points.txt": points + b"x = os:abort\n"}, tmp_path)
    assert any(problem.startswith("other entry points") for problem in changed)
    assert "no pure Python wheel" in tool.content_problems(good | {"y.dist-info/WHEEL": b""}, tmp_path)


@needs_toml
def test_build_problems__nothing_but_the_back_end_runs() -> None:
    tool = load("check_wheel")
    text = (REPOSITORY / "pyproject.toml").read_text("utf-8")
    assert tool.build_problems(text) == []
    assert tool.build_problems(text + "\n[tool.hatch.build.hooks.custom]\npath = 'x.py'\n")
    assert tool.build_problems(text + "\n[tool.hatch.metadata.hooks.custom]\npath = 'x.py'\n")
    assert tool.build_problems(text.replace('"hatchling.build"', '"setuptools.build_meta"'))
    assert tool.build_problems(text.replace("[build-system]", "[build-system]\nbackend-path = ['.']"))
    assert tool.running_problems({"a.pth", "setup.py", "yolobg/cli/app.py", "x/setup.cfg"}) == [
        "would run when installed or built: a.pth",
        "would run when installed or built: setup.py",
        "would run when installed or built: x/setup.cfg",
    ]


def test_audit__never_passes_in_silence() -> None:
    tool = load("audit")
    wanted = tool.pinned("a==1\nb_c==2\nyolobg==1\n# x\nyolobg @ file:///x\n")
    assert wanted == ["a==1", "b_c==2"]
    skipped: dict[str, object] = {
        "dependencies": [{"name": "a", "skip_reason": "not found"}, {"name": "b-c", "skip_reason": "not found"}]
    }
    useless: list[dict[str, object] | None] = [None, {}, {"dependencies": []}, skipped]
    for report in useless:
        code, lines = tool.verdict(report, wanted, "no route")
        assert code == tool.NOT_REACHED
        assert "NOT REACHABLE" in lines[0]
    clean = {"dependencies": [{"name": "a", "version": "1", "vulns": []}, {"name": "b-c", "version": "2", "vulns": []}]}
    assert tool.verdict(clean, wanted, "") == (0, ["audit: 2 of 2 packages were looked at, 0 known weaknesses"])
    weak = {"dependencies": [{"name": "a", "version": "1", "vulns": [{"id": "CVE-1"}]}]}
    code, lines = tool.verdict(weak, wanted, "")
    assert code == tool.FOUND
    assert lines[1:] == ["audit: NOT LOOKED AT: b_c==2", "audit: a 1: CVE-1"]


# ---------------------------------------------------------------- .ci/run itself, on a repository of one commit

needs_bash = pytest.mark.skipif(sys.platform == "win32" or not CI.is_file(), reason="needs bash and the checkout")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository that holds .ci/run, tools/ and a README whose second command can be made to fail."""
    folder = tmp_path / "clone"
    (folder / ".ci").mkdir(parents=True)
    (folder / "tools").mkdir()
    (folder / ".ci" / "run").write_bytes(CI.read_bytes())
    tool = "readme_command.py"
    (folder / "tools" / tool).write_bytes((REPOSITORY / "tools" / tool).read_bytes())
    commit(folder, README)
    return folder


def commit(folder: Path, readme: str) -> None:
    (folder / "README.md").write_text(readme)
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.invalid", "-c", "commit.gpgsign=false"]
    if not (folder / ".git").exists():
        subprocess.run([*git, "init", "-q", "."], cwd=folder, check=True)
    subprocess.run([*git, "add", "."], cwd=folder, check=True)
    subprocess.run([*git, "commit", "-q", "-m", "x"], cwd=folder, check=True)


def run_ci(folder: Path, *sections: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "TMPDIR": str(folder.parent)}
    return subprocess.run(
        ["bash", ".ci/run", *sections],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@needs_bash
def test_ci__runs_the_readme_commands_in_a_copy_and_says_how_long(repository: Path) -> None:
    commit(repository, README.replace("echo three", "touch made-here; echo '7 passed in 0.01s'"))
    result = run_ci(repository, "readme")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "$ echo one\n$ echo two\none\ntwo\n" in result.stdout
    assert "readme       ok" in result.stdout
    assert result.stdout.splitlines()[-1] == "7 passed in 0.01s"
    assert not (repository / "made-here").exists()
    assert [path.name for path in repository.parent.iterdir()] == ["clone"]


@needs_bash
@pytest.mark.parametrize("command", ["false", "false; true", "no-such-program-here", "true | false | true"])
def test_ci__a_readme_command_that_fails_fails_the_run(repository: Path, command: str) -> None:
    commit(repository, README.replace("echo two", command))
    result = run_ci(repository, "readme")
    assert result.returncode == 1
    assert "readme       FAILED" in result.stdout
    assert "three" not in result.stdout


@needs_bash
def test_ci__a_readme_without_the_marker_fails_the_run(repository: Path) -> None:
    commit(repository, README.replace("command:test", "command:tset"))
    assert run_ci(repository, "readme").returncode == 1


@needs_bash
def test_ci__looks_at_what_is_committed_and_says_so(repository: Path) -> None:
    (repository / "README.md").write_text("nothing")
    result = run_ci(repository, "readme")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "not committed" in result.stdout


@needs_bash
def test_ci__an_unknown_section_is_a_usage_error(repository: Path) -> None:
    result = run_ci(repository, "lint", "nonsense")
    assert result.returncode == 2
    assert "no such section: nonsense" in result.stderr


def test_all__is_every_extra_for_users() -> None:
    text = (REPOSITORY / "pyproject.toml").read_text("utf-8")
    section = text.partition("[project.optional-dependencies]")[2].partition("\n[")[0]
    extras = set(re.findall(r"(?m)^(\w+) = \[", section))
    (named,) = re.findall(r'(?m)^all = \["yolobg\[([\w,]+)\]"\]', section)
    assert set(named.split(",")) == extras - {"all", "dev", "docs", "scale"}, "scale is for several machines"
