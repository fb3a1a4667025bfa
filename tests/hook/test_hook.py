"""The hook as a value, and what is attached where; no Ultralytics needed."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolobg.dataset.inventory import count_files, scan_split
from yolobg.errors import LockedError, UsageError
from yolobg.model import DataYaml
from yolobg.ultralytics import EVENT, BackgroundHook, attach
from yolobg.ultralytics.trainer import read_resolved
from yolobg.ultralytics.trainer_scan import count_openable, scan_listed
from yolobg.ultralytics.wait_for_lock import retry_while_locked

NAMES = st.text(min_size=1, max_size=8)
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "ratio": st.sampled_from([0.0, 0.05, "0.1"]),
        "count": st.none(),
        "images": st.lists(st.one_of(NAMES, st.builds(Path, st.just("a"), st.just("b"))), max_size=3),
        "map": st.dictionaries(NAMES, st.lists(NAMES, max_size=3), max_size=3),
        "exclude": st.lists(NAMES, max_size=3),
        "seed": st.integers(0, 9),
        "captions": st.booleans(),
        "on_error": st.sampled_from(["warn", "raise"]),
    },
)


@given(OPTIONS)
def test_hook__is_a_value(options: dict[str, Any]) -> None:
    """Equal options, equal hooks: hashed, pickled, made again from its own fields, given to `augment` as they were."""
    hook = BackgroundHook(**options)
    assert hook == BackgroundHook(**options) == pickle.loads(pickle.dumps(hook))
    assert hash(hook) == hash(BackgroundHook(**options))
    assert hook != BackgroundHook(**{**options, "seed": hook.request.seed + 1})
    request = hook.request
    assert request.map == {name: tuple(values) for name, values in options.get("map", {}).items()}
    assert tuple(request.images) == tuple(options.get("images", ()))
    assert (request.split, request.seed) == ("train", options.get("seed", 0))


def test_hook__takes_the_order_of_a_map_for_nothing() -> None:
    there, back = {"a": ["x"], "b": []}, {"b": [], "a": ["x"]}
    assert BackgroundHook(map=there) == BackgroundHook(map=back)
    assert BackgroundHook(map={"a": "person"}) == BackgroundHook(map={"a": ["person"]}), "one name need not be a list"


@pytest.mark.parametrize(
    "options", [{"ratio": 1.5}, {"ratio": 0.1, "count": 3}, {"jobs": 0}, {"link": "hope"}, {"on_error": "cry"}]
)
def test_hook__tells_wrong_options_before_any_training(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        BackgroundHook(**options)


def test_hook__refuses_what_is_no_option() -> None:
    for name in ("progress", "rato"):
        with pytest.raises(UsageError, match=name):
            BackgroundHook(**{name: "x"})  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="split"):
        BackgroundHook(split="val")


class Model:
    """As much of a model as `attach` touches; Ultralytics' own is in the tests of real trainings."""

    def __init__(self) -> None:
        self.callbacks: defaultdict[str, list[Any]] = defaultdict(list)

    def add_callback(self, event: str, function: Any) -> None:
        self.callbacks[event].append(function)


def test_attach__again_replaces_and_keeps_the_callbacks_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("yolobg.ultralytics.attaching._release", lambda: (8, 4, 190))
    model = Model()
    model.add_callback(EVENT, print)
    attach(model, ratio=0.1)
    hook = attach(model, ratio=0.2)
    assert model.callbacks == {EVENT: [print, hook]}
    assert hook == BackgroundHook(ratio=0.2)


@pytest.mark.parametrize(
    ("release", "gpus", "warned"), [((8, 3, 253), 2, True), ((8, 3, 253), 1, False), ((8, 4, 140), 2, False)]
)
def test_attach__warns_where_no_callback_reaches_the_workers(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, release: tuple[int, ...], gpus: int, warned: bool
) -> None:
    import logging  # noqa: PLC0415

    monkeypatch.setattr("yolobg.ultralytics.attaching._release", lambda: release)
    monkeypatch.setattr("yolobg.ultralytics.attaching._gpus", lambda: gpus)
    monkeypatch.setattr("yolobg.ultralytics.trainer.logger", lambda: logging.getLogger("stand-in"))
    monkeypatch.setattr("yolobg.ultralytics.trainer.prefix", lambda: "yolobg: ")
    attach(Model())
    assert [record.levelname for record in caplog.records] == ["WARNING"] * warned
    assert not warned or "attach(model, data=...)" in caplog.text


def test_import__is_cheap_and_needs_no_ultralytics() -> None:
    code = (
        "import sys, yolobg.ultralytics as u; u.BackgroundHook(ratio=0.2)\n"
        "heavy = {'ultralytics', 'torch', 'urllib3', 'requests', 'PIL', 'yaml', 'sqlite3', 'rich'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_when_free__tries_until_the_other_is_done() -> None:
    tries = iter([LockedError("held"), LockedError("held"), None])
    told: list[str] = []

    def work() -> str:
        if error := next(tries):
            raise error
        return "done"

    assert retry_while_locked(work, told.append) == "done"
    assert told == ["held; waiting"] * 2


def test_when_free__gives_up_at_last() -> None:
    def work() -> None:
        raise LockedError("held")

    with pytest.raises(LockedError):
        retry_while_locked(work, print, longest_s=0)


# ---------------------------------------------------------------- Ultralytics' resolved dataset


def test_read_resolved__is_the_dataset_as_ultralytics_gives_it(tmp_path: Path) -> None:
    resolved = {
        "path": tmp_path, "yaml_file": str(tmp_path / "d.yaml"), "train": [str(tmp_path / "a"), str(tmp_path / "b")],
        "val": str(tmp_path / "v"), "test": None, "names": {1: "b", 0: "a"}, "nc": 2, "kpt_shape": [17, 3],
    }  # fmt: skip
    assert read_resolved(resolved, given="d.yaml") == DataYaml(
        file=tmp_path / "d.yaml",
        root=tmp_path,
        names={0: "a", 1: "b"},
        splits={"train": (str(tmp_path / "a"), str(tmp_path / "b")), "val": (str(tmp_path / "v"),)},
        kpt_shape=(17, 3),
    )


def test_scan_listed__counts_as_our_own_scan_does(tmp_path: Path) -> None:
    """Given the same list, the two scans agree, also on an image that is a folder and one that is not there."""
    images, labels = tmp_path / "images", tmp_path / "labels"
    images.mkdir()
    labels.mkdir()
    for name, label in (
        ("a", "0 .5 .5 .1 .1\n"),
        ("b", ""),
        ("c", "9 .5 .5 .1 .1\n"),
        ("d", None),
        ("e", "0 .5 .5 .1 .1\n"),
    ):
        (images / f"{name}.jpg").write_bytes(b"x")
        if label is not None:
            (labels / f"{name}.txt").write_text(label)
    (images / "f.jpg").mkdir()
    (tmp_path / "train.txt").write_text("".join(f"./images/{n}.jpg\n" for n in "abcdefgg"))
    data = DataYaml(tmp_path / "data.yaml", tmp_path, {0: "thing"}, {"train": (str(tmp_path / "train.txt"),)})
    ours = scan_split(data, "train")
    listed = [entry.image for entry in ours.files]
    theirs = scan_listed(data, "train", listed, [entry.label for entry in ours.files])
    assert theirs.files == ours.files
    counts = count_files(theirs)
    assert (counts.labelled, counts.empty, counts.missing, counts.corrupt) == (2, 1, 1, 4)
    # Found, empty, and the corrupt label of an image that can be opened; not the folder and not what is not there.
    assert count_openable(theirs.files) == 4
