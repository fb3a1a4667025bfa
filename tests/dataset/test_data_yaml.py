"""data.yaml beyond the battery: hostile text, hostile values, where Ultralytics' settings lie, what is warned of."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
import yaml
from examples import examples
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from yolobg import yaml_text
from yolobg.dataset.data_yaml import dump_yaml, find_data_yaml, load_yaml, parse_data_yaml, read_data_yaml
from yolobg.dataset.ultralytics_settings import datasets_dirs, settings_file
from yolobg.errors import DatasetError

T = TypeVar("T")
GOOD = "names: [cat, dog]\ntrain: images/train\nval: images/val\n"
BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12)
)
MERGE_BOMB = "a0: &a0 {k: v}\n" + "".join(
    f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}], k{i}: v}}\n" for i in range(1, 12)
)


@pytest.fixture(params=["C", "Python"])
def loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run a test with libyaml and, as where that is not built in, without."""
    if request.param == "C" and not hasattr(yaml, "CSafeLoader"):
        pytest.skip("PyYAML has no libyaml here")
    monkeypatch.setattr(yaml_text, "_Loader", yaml.CSafeLoader if request.param == "C" else yaml.SafeLoader)
    return str(request.param)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """A folder `set` with a data.yaml and its image folders."""
    root = tmp_path / "set"
    for name in ("images/train", "images/val"):
        (root / name).mkdir(parents=True)
    (root / "data.yaml").write_text(GOOD, encoding="utf-8")
    return root


def outcome(call: Callable[[], T]) -> T | DatasetError:
    """What a call gives, or our error; any other error fails the test."""
    try:
        return call()
    except DatasetError as error:
        return error


# ---------------------------------------------------------------- the text


@pytest.mark.usefixtures("loader")
@pytest.mark.parametrize(
    ("text", "why"),
    [
        (BOMB, "aliases make more than"),
        (MERGE_BOMB, "aliases make more than"),
        ("a: &a [*a]\n", "refers to something that contains it"),
        ("a: &a {b: *a}\n", "refers to something that contains it"),
        ("[" * 65 + "]" * 65, "levels deep"),
        ("{a: " * 65 + "}" * 65, "levels deep"),
        ("- " * 65 + "x", "levels deep"),
        # Who says so first, PyYAML or we, is for its versions to decide.
        ("[" * 100_000, "levels deep|not valid YAML"),
        ("{a: " * 100_000, "levels deep|not valid YAML"),
        ("- " * 5_000 + "x", "levels deep|not valid YAML"),
        ("a: b\n" + "x" * (5 << 20), "larger than 4 MiB"),
        ("a: *nowhere\n", "not valid YAML"),
        ("a: !!python/object/apply:os.system [ls]\n", "not valid YAML"),
        ("a: 0b_\n", "not valid YAML"),
        ("a: " + "9" * 5000 + "\n", "more than 1,000 digits"),
        ("a: 0x" + "f" * 5000 + "\n", "more than 1,000 digits"),
        ("a: 1" + ":59" * 100_000 + "\n", "more than 1,000 digits"),
        ("a0: &a0 []\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 1000)), "levels deep"),
        ("? [a]\n: b\n", "not valid YAML"),
        ("a: 1\nb: 2\na: 3\n", "key 'a' occurs more than once"),
        ("a: {b: 1, b: 2}\n", "key 'b' occurs more than once"),
    ],
)
def test_load_yaml__refuses_by_name(text: str, why: str) -> None:
    with pytest.raises(DatasetError) as caught:
        load_yaml(text, source="somewhere.yaml")
    assert "somewhere.yaml" in str(caught.value)
    assert re.search(why, str(caught.value))
    assert len(str(caught.value)) < 500


@pytest.mark.usefixtures("loader")
def test_load_yaml__repeated_keys_are_reported_and_the_last_counts() -> None:
    repeated: list[str] = []
    text = "names: [a]\nx: {y: 1, y: 2}\nnames: [b]\nbase: &b {k: 1}\nm: {<<: *b, k: 2}\n"
    value = load_yaml(text, source="s", repeated_keys=repeated)
    assert value == {"names": ["b"], "x": {"y": 2}, "base": {"k": 1}, "m": {"k": 2}}
    assert sorted(repeated) == ["names", "y"]


@pytest.mark.usefixtures("loader")
def test_load_yaml__shared_aliases_are_fine() -> None:
    assert load_yaml("a: &x [1, 2]\nb: *x\nc: [*x, *x]\n", source="s") == {"a": [1, 2], "b": [1, 2], "c": [[1, 2]] * 2}


@pytest.mark.usefixtures("loader")
@given(st.one_of(st.binary(max_size=200), st.text(alphabet="[]{}:,&*!|>-?#'\"\n\t ab0\ufeff\x00\x85", max_size=60)))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_load_yaml__anything_is_a_value_or_our_error(text: bytes | str) -> None:
    value = outcome(lambda: load_yaml(text, source="s"))
    assert not isinstance(value, DatasetError) or str(value).startswith("s: ")


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8"), max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=8), inner)
    ),
    max_leaves=12,
)


@given(PLAIN)
@example({"map": {"traffic lamp": ["traffic light"], "no": "none", "1": "~"}})
def test_dump_yaml__is_read_back(value: object) -> None:
    assert load_yaml(dump_yaml(value), source="s") == value


# ---------------------------------------------------------------- the values


@given(st.binary(max_size=120))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_read_data_yaml__any_bytes_give_a_value_or_our_error(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "data.yaml"
    for start in (b"", GOOD.encode(), b"names: [a]\ntrain: x\n"):
        file.write_bytes(start + content)
        data = outcome(lambda: read_data_yaml(file, cwd=tmp_path))
        assert "data.yaml" in str(data) if isinstance(data, DatasetError) else data.names


ODD: st.SearchStrategy[object] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from(["../x", "\0", "a" * 5000, "/", "None", "\udcff", "2", "~", "images/train"]),
    st.lists(st.sampled_from(["a", "\0", 1, None, "../b"]), max_size=3),
    st.dictionaries(st.sampled_from([0, 1, "0", "x", None, 1.5, True]), st.sampled_from(["a", 1, None]), max_size=3),
)
KEYS = ("path", "train", "val", "validation", "valid", "test", "minival", "names", "nc", "kpt_shape", "flip_idx", 5)


@given(st.dictionaries(st.sampled_from(KEYS), ODD, max_size=8), st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=examples(300))
def test_parse_data_yaml__odd_values_give_a_value_or_our_error(
    tmp_path: Path, raw: dict[Any, object], good: bool
) -> None:
    if good:
        raw = {"names": ["a", "b"], "train": "t", "val": "v", **raw}
    data = outcome(lambda: parse_data_yaml(raw, file=tmp_path / "data.yaml", cwd=tmp_path))
    if isinstance(data, DatasetError):
        assert "data.yaml" in str(data)
        assert len(str(data)) < 20_000
        return
    assert list(data.names) == sorted(data.names)
    assert 0 in data.names
    assert max(data.names) < len(data.names)
    assert all(Path(entry).is_absolute() for entries in data.splits.values() for entry in entries)


@pytest.mark.parametrize("value", [[17], [17, 3, 1], ["17", "3"], None, [None, 3]])
def test_parse_data_yaml__a_kpt_shape_that_stops_training_is_refused(tmp_path: Path, value: object) -> None:
    raw = {"names": ["a"], "train": "t", "val": "v", "kpt_shape": value}
    with pytest.raises(DatasetError, match="kpt_shape"):
        parse_data_yaml(raw, file=tmp_path / "data.yaml", cwd=tmp_path)


@pytest.mark.parametrize("key", ["path", "train", "val", "test"])
@pytest.mark.parametrize("value", ["a\0b", "../" + "a" * 5000])
def test_parse_data_yaml__an_impossible_path_names_its_key(tmp_path: Path, key: str, value: str) -> None:
    raw = {"names": ["a"], "train": "t", "val": "v", key: value}
    with pytest.raises(DatasetError, match=f"'{key}'"):
        parse_data_yaml(raw, file=tmp_path / "data.yaml", cwd=tmp_path)


def test_parse_data_yaml__a_huge_class_count_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="'nc'"):
        parse_data_yaml({"nc": 10**12, "train": "t", "val": "v"}, file=tmp_path / "data.yaml", cwd=tmp_path)


def test_read_data_yaml__warns_of_what_stops_ultralytics(dataset: Path) -> None:
    file = dataset / "data.yaml"
    assert read_data_yaml(file, cwd=dataset).warnings == ()
    for text, word in (
        ("names: [a]\ntrain: images/train\n", "key 'val' is missing"),
        ("names: [a]\ntrain: images/train\nval: nowhere\n", "nowhere' does not exist"),
        (GOOD + "names: [a, b]\n", "key 'names' occurs more than once"),
        (GOOD + "path: ../set\n", "found beside the yaml"),
        (GOOD + "path: nowhere\n", "path 'nowhere' does not exist"),
        (GOOD + f"path: '{dataset.as_posix()}/no'\n", "/no' does not exist; write where the dataset is"),
    ):
        file.write_text(text, encoding="utf-8")
        assert any(word in warning for warning in read_data_yaml(file, cwd=dataset / "images").warnings), word


def test_read_data_yaml__valid_is_told_apart_from_a_missing_val(dataset: Path) -> None:
    (dataset / "data.yaml").write_text("names: [a]\ntrain: images/train\nvalid: images/val\n", encoding="utf-8")
    with pytest.raises(DatasetError, match="rename 'valid' to 'val'"):
        read_data_yaml(dataset, cwd=dataset)


def test_read_data_yaml__the_current_folder_is_the_default(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (dataset / "data.yaml").write_text(GOOD + "path: set\n", encoding="utf-8")
    monkeypatch.chdir(dataset.parent)
    assert read_data_yaml(Path("set/data.yaml")) == read_data_yaml(Path("set/data.yaml"), cwd=dataset.parent)
    assert read_data_yaml(Path("set")).root == dataset.resolve()


@pytest.mark.parametrize("name", ["\0", "a" * 5000, "data.json", "nothing.yaml"])
def test_find_data_yaml__refuses_what_is_no_yaml(tmp_path: Path, name: str) -> None:
    (tmp_path / "data.json").write_text("{}", encoding="utf-8")
    with pytest.raises(DatasetError):
        find_data_yaml(tmp_path / name)


def test_read_data_yaml__a_folder_called_like_a_yaml_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "data.yaml").mkdir()
    with pytest.raises(DatasetError):
        read_data_yaml(tmp_path)


# ---------------------------------------------------------------- Ultralytics' settings


def write_settings(file: Path, content: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content, encoding="utf-8")


@pytest.mark.parametrize(
    ("environ", "platform", "tail"),
    [
        ({"YOLO_CONFIG_DIR": "/conf", "XDG_CONFIG_HOME": "/xdg"}, "linux", "/conf"),
        ({"YOLO_CONFIG_DIR": "~/conf"}, "linux", "{home}/conf"),
        ({"XDG_CONFIG_HOME": "/xdg"}, "linux", "/xdg"),
        ({"YOLO_CONFIG_DIR": ""}, "linux", "{home}/.config"),
        ({}, "linux", "{home}/.config"),
        ({"XDG_CONFIG_HOME": "/xdg"}, "win32", "{home}/AppData/Roaming"),
        ({"XDG_CONFIG_HOME": "/xdg"}, "darwin", "{home}/Library/Application Support"),
    ],
)
def test_settings_file__lies_where_ultralytics_puts_it(environ: dict[str, str], platform: str, tail: str) -> None:
    folder = Path(tail.replace("{home}", Path.home().as_posix()))
    assert settings_file(environ, platform) == folder / "Ultralytics" / "settings.json"


def test_datasets_dirs__come_from_the_settings(tmp_path: Path) -> None:
    file = settings_file()
    assert file is not None
    write_settings(file, json.dumps({"datasets_dir": str(tmp_path / "all")}))
    assert datasets_dirs(tmp_path) == [tmp_path / "all"]
    write_settings(file, json.dumps({"datasets_dir": "all"}))
    assert datasets_dirs(tmp_path) == [tmp_path / "all"]


@pytest.mark.parametrize(
    "content", [None, "", "[]", "{}", '{"datasets_dir": 5}', '{"datasets_dir": "\\u0000"}', "[" * 100_000]
)
def test_datasets_dirs__unusable_settings_mean_what_ultralytics_would_start_with(
    tmp_path: Path, content: str | None
) -> None:
    file = settings_file()
    assert file is not None
    if content is not None:
        write_settings(file, content)
    assert datasets_dirs(tmp_path) == [tmp_path / "datasets"]


def test_read_data_yaml__path_below_the_settings_folder(dataset: Path, tmp_path: Path) -> None:
    file = settings_file()
    assert file is not None
    write_settings(file, json.dumps({"datasets_dir": str(tmp_path)}))
    other = tmp_path / "conf"
    other.mkdir()
    (other / "data.yaml").write_text(GOOD + "path: set\n", encoding="utf-8")
    data = read_data_yaml(other, cwd=other)
    assert data.root == dataset.resolve()
    assert data.warnings == ()
