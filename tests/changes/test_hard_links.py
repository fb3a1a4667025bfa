"""Copies of a dataset by hard links (`cp -al`, rsnapshot): both can be worked on, neither changes with the other."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock, Timeout
from folds import Folds, make_folds
from merging import tree

import yolobg
from yolobg.changes.lock import hold
from yolobg.errors import LockedError
from yolobg.report.write import rewrite_page

needs_links = pytest.mark.skipif(sys.platform == "win32", reason="hard links of whole trees")


@needs_links
@pytest.mark.parametrize("split", ["fold0_train.txt", "images"])
@pytest.mark.parametrize("first", ["data", "backup"])
def test_hard_link_copy__and_original_can_both_be_worked_on(tmp_path: Path, split: str, first: str) -> None:
    folds = make_folds(tmp_path)
    (folds.root / "data.yaml").write_text(f"train: {split}\nval: fold0_val.txt\nnames: [person]\n")
    before = tree(folds.root)
    folds.augment(folds.root / "data.yaml", 2)
    # A review that was killed leaves its lock as well.
    (folds.root / ".yolobg/review.lock").touch()
    shutil.copytree(folds.root, tmp_path / "backup", copy_function=os.link)
    second = {"data": "backup", "backup": "data"}[first]
    there = tree(tmp_path / second)
    one = Folds(tmp_path / first, folds.source)
    one.augment(one.root / "data.yaml", 3)
    assert tree(tmp_path / second) == there
    assert yolobg.status(one.root / "data.yaml").after.ours == 3
    assert rewrite_page(one.root / "data.yaml").is_file()
    assert len(yolobg.remove(one.root / "data.yaml").removed) == 3
    assert tree(one.root) == before
    assert tree(tmp_path / second) == there
    two = Folds(tmp_path / second, folds.source)
    two.augment(two.root / "data.yaml", 4)
    assert len(yolobg.remove(two.root / "data.yaml").removed) == 4
    assert tree(two.root) == before


@needs_links
@pytest.mark.parametrize("name", ["lock", "review.lock"])
def test_lock_with_a_second_name__is_replaced_and_never_written(tmp_path: Path, name: str) -> None:
    (tmp_path / "data/.yolobg").mkdir(parents=True)
    (tmp_path / "mine").write_text("mine")
    os.link(tmp_path / "mine", tmp_path / "data/.yolobg" / name)
    with hold(tmp_path / "data"):
        assert (tmp_path / "data/.yolobg/lock").stat().st_nlink == 1
    assert (tmp_path / "mine").read_text() == "mine"
    assert (tmp_path / "mine").stat().st_nlink == 1
    assert not (tmp_path / "data/.yolobg").exists()


@needs_links
def test_lock_that_gets_a_second_name_while_it_is_held__is_held_still(tmp_path: Path) -> None:
    """A backup is made while a command runs; the next command waits for that one all the same."""
    for folder in ("data", "backup"):
        (tmp_path / folder).mkdir()
    told: list[str] = []

    def wait() -> None:
        with hold(tmp_path / "data", wait_s=30):
            told.append("second")

    with hold(tmp_path / "data"):
        shutil.copytree(tmp_path / "data", tmp_path / "backup", copy_function=os.link, dirs_exist_ok=True)
        for folder in ("data", "backup"):
            with pytest.raises(LockedError), hold(tmp_path / folder, wait_s=0.2):
                pass
        waiting = threading.Thread(target=wait)
        waiting.start()
        told.append("first")
    waiting.join(60)
    assert told == ["first", "second"]
    with hold(tmp_path / "backup"):
        pass
    assert not (tmp_path / "data/.yolobg").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="a file that is open can be neither deleted nor replaced there")
def test_lock_whose_file_is_replaced_while_it_is_taken__is_taken_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else two commands hold the dataset: one by the old file, the other by the one that has its name now."""
    (tmp_path / "data").mkdir()
    acquire, taken = FileLock.acquire, list[str]()

    def take(lock: FileLock, *arguments: Any, **options: Any) -> Any:
        done = acquire(lock, *arguments, **options)
        taken.append(lock.lock_file)
        if len(taken) == 1:
            os.link(lock.lock_file, tmp_path / "copy")
            Path(lock.lock_file).unlink()
            Path(lock.lock_file).touch()
        return done

    monkeypatch.setattr(FileLock, "acquire", take)
    with hold(tmp_path / "data"):
        assert len(taken) == 2
        with pytest.raises(Timeout):
            acquire(FileLock(taken[0]), timeout=0)
    assert not (tmp_path / "data/.yolobg").exists()
