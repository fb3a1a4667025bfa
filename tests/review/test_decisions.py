"""What a review has decided: pure rules, and a file that is whole or not there."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolobg.changes.review_state import State, read_state, state_path, write_state
from yolobg.errors import DatasetError
from yolobg.review.decisions import Act, act, path_list, undo, without_images

KINDS: tuple[Act, ...] = ("look", "accept", "reject", "keep")
IMAGES = st.lists(st.sampled_from("abcdef"), max_size=4)
ACTIONS = st.lists(st.tuples(st.sampled_from(KINDS), IMAGES, st.sampled_from(["one", "other"])), max_size=12)


def carried_out(actions: list[tuple[Act, list[str], str]]) -> State:
    state = State()
    for kind, images, reason in actions:
        state = act(state, kind, images, reason=reason)
    return state


@given(ACTIONS)
def test_act__what_is_rejected_was_looked_at_and_nothing_is_there_twice(
    actions: list[tuple[Act, list[str], str]],
) -> None:
    state = carried_out(actions)
    assert set(state.rejected) <= set(state.looked)
    assert len(set(state.looked)) == len(state.looked)


@given(ACTIONS, st.sampled_from(KINDS), IMAGES)
def test_undo__takes_back_exactly_the_last_step(
    actions: list[tuple[Act, list[str], str]], kind: Act, images: list[str]
) -> None:
    before = carried_out(actions)
    after = act(before, kind, images, reason="new")
    if kind == "look" or after == before:
        assert after.steps == before.steps
        return
    back, about = undo(after)
    assert (set(back.looked), back.rejected, back.steps) == (set(before.looked), before.rejected, before.steps)
    assert set(about) <= set(images)
    assert about


@given(ACTIONS)
def test_undo__to_the_beginning_leaves_no_rejection(actions: list[tuple[Act, list[str], str]]) -> None:
    state = carried_out(actions)
    for _ in range(len(state.steps)):
        state, _ = undo(state)
    assert state.rejected == {}
    assert undo(state) == (state, ())


@given(ACTIONS, st.sets(st.sampled_from("abcdef")))
def test_without_images__forgets_what_is_gone(actions: list[tuple[Act, list[str], str]], there: set[str]) -> None:
    state = without_images(carried_out(actions), there)
    assert {*state.looked, *state.rejected} <= there
    while state.steps:
        state, about = undo(state)
        assert {*about, *state.rejected} <= there


@given(ACTIONS)
def test_file__comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, actions: list[tuple[Act, list[str], str]]
) -> None:
    root = tmp_path_factory.mktemp("state")
    state = carried_out(actions)
    write_state(root, state)
    assert read_state(root) == state
    assert state_path(root).exists() == (state != State())


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"version": 2}', b'{"looked": 3}', b"\xff", b"[" * 100_000])
def test_file__damage_is_told_and_nothing_is_overwritten(tmp_path: Path, content: bytes) -> None:
    path = state_path(tmp_path)
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=r"review\.json"):
        read_state(tmp_path)
    assert path.read_bytes() == content


def test_file__holds_no_more_than_the_form(tmp_path: Path) -> None:
    write_state(tmp_path, act(State(), "reject", ["a"], reason="why"))
    assert set(msgspec.json.decode(state_path(tmp_path).read_bytes())) == {
        "version",
        "looked",
        "rejected",
        "steps",
        "base",
    }


def test_path_list__has_a_line_for_each_path_that_fits_on_one(tmp_path: Path) -> None:
    names = ["b.jpg", "a b.jpg", "snow \u202f\u96ea.jpg"]
    text = "".join(f"{tmp_path / name}\n" for name in sorted(names))
    assert path_list(tmp_path / name for name in names) == (text, 0)
    bad = ["two\nlines.jpg", "line\u2028end.jpg", "\udcff.jpg"]
    assert path_list(tmp_path / name for name in [*names, *bad]) == (text, 3)
    assert path_list([]) == ("", 0)
    assert path_list([Path("images/a.jpg")]) == (f"{Path.cwd() / 'images/a.jpg'}\n", 0)
