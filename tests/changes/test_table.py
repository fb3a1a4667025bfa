"""The compact form of the long lists in a manifest: what repeats is stored once, and little stays little in memory."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from examples import examples
from hostile import make_world
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from merging import make_place, stage, tree

import yolobg
from yolobg.changes import manifest, table
from yolobg.changes.lock import hold
from yolobg.changes.manifest import read_manifest, write_manifest
from yolobg.changes.merge import add
from yolobg.changes.records import Entry, ListEdit, Manifest, Pending
from yolobg.changes.removal import take_back
from yolobg.changes.table import Budget, pack, unpack, unpack_pairs
from yolobg.errors import DatasetError, MergeError

UNHURRIED = settings(
    deadline=None, max_examples=examples(200), suppress_health_check=[HealthCheck.function_scoped_fixture]
)
MIB = 1 << 20


class Odd(msgspec.Struct, frozen=True):
    """Fields that no record has today."""

    name: str
    note: str | None = None
    parts: tuple[str, ...] = ()
    size: int | float = 0
    told: dict[str, int] = {}


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=6) | st.sampled_from(["a/b1.jpg", "a/b2.jpg", ""])
ODDS = st.builds(
    Odd,
    name=TEXTS,
    note=st.none() | TEXTS,
    parts=st.lists(TEXTS, max_size=2).map(tuple),
    size=st.integers(0, 5) | st.floats(allow_nan=False, allow_infinity=False),
    told=st.dictionaries(TEXTS, st.integers(0, 2), max_size=1),
)


def entries(count: int, **fields: Any) -> tuple[Entry, ...]:
    """Entries as a run with COCO's images gives them."""
    return tuple(
        Entry(
            image=f"images/train/bg_coco2017_{number:012}.jpg",
            label=f"labels/train/bg_coco2017_{number:012}.txt",
            split="train",
            source="coco2017",
            source_id=number,
            sha256=hashlib.sha256(b"%d" % number).hexdigest(),
            bytes=100_000 + number,
            url=f"http://images.cocodataset.org/train2017/{number:012}.jpg",
            license=number % 8,
            license_name="Attribution License",
            flickr_url=f"http://farm9.staticflickr.com/8527/{number}_3a0a3a0a3a_z.jpg",
            added="2026-11-01T10:00:00+00:00",
            **fields,
        )
        for number in range(count)
    )


def packed(records: Any, budget: int = MIB << 6) -> bytes:
    return b"".join(pack(records, Budget(budget)))


@given(records=st.lists(ODDS, max_size=9), rows=st.integers(1, 4))
@UNHURRIED
def test_pack__is_read_back_the_same(records: list[Odd], rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "BLOCK_ROWS", rows)
    stored = json.loads(packed(records))
    assert list(unpack(stored, Odd, Budget(MIB))) == records


@given(pairs=st.dictionaries(TEXTS, TEXTS, max_size=9), rows=st.integers(1, 4))
@UNHURRIED
def test_pack__of_a_mapping_is_read_back_the_same(
    pairs: dict[str, str], rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "BLOCK_ROWS", rows)
    assert unpack_pairs(json.loads(packed(pairs)), Budget(MIB)) == pairs


def test_manifest__takes_few_bytes_for_an_entry(tmp_path: Path) -> None:
    (tmp_path / ".yolobg").mkdir()
    many = entries(3000)
    edit = ListEdit("train.txt", {entry.image: f"./{entry.image}" for entry in many})
    write_manifest(tmp_path, Manifest(entries=many, edits=(edit,)))
    assert read_manifest(tmp_path) == Manifest(entries=many, edits=(edit,))
    # The digest is 64 of them; written out, an entry takes 600 and its line 80.
    size = manifest.manifest_path(tmp_path).stat().st_size
    assert size < 160 * len(many)
    # What is being removed is in the record already.
    going = Pending(kind="remove", entries=many[10:20] + many[2000:] + many[:3])
    write_manifest(tmp_path, Manifest(entries=many, edits=(edit,), pending=going))
    assert read_manifest(tmp_path).pending == going
    assert manifest.manifest_path(tmp_path).stat().st_size < size + 200


def test_manifest__holds_what_repeats_once(tmp_path: Path) -> None:
    (tmp_path / ".yolobg").mkdir()
    write_manifest(tmp_path, Manifest(entries=entries(2000)))
    back = read_manifest(tmp_path).entries
    for name in ("split", "source", "license_name", "added", "link"):
        assert len({id(getattr(entry, name)) for entry in back}) == 1, name


# ---------------------------------------------------------------- small files that stand for much

LONG = "x" * 100_000
BOMBS: dict[str, Any] = {
    "a long beginning": [{"name": {"start": LONG, "end": "", "rest": ["a"] * 1000}}],
    "a long end": [{"name": {"start": "", "end": LONG, "rest": ["a"] * 1000}}],
    "a long beginning of another field": [
        {"name": {"start": "a", "end": "", "rest": [""] * 1000}, "note": {"start": LONG, "end": "", "like": "name"}}
    ],
    "many long texts, twice": [
        {"name": {"start": "a", "end": "", "rest": [LONG] * 100}, "note": {"start": "b", "end": "", "like": "name"}}
    ] * 20,
    "many empty records": [{"name": [""] * 1_000_000}],
    "many blocks": [{"name": {"start": LONG, "end": "", "rest": [""]}}] * 1000,
}  # fmt: skip


@pytest.mark.parametrize("what", BOMBS)
def test_unpack__a_small_file_cannot_stand_for_much(what: str) -> None:
    blocks = json.loads(json.dumps(BOMBS[what]))
    with pytest.raises(msgspec.ValidationError, match="more than yolobg can hold"):
        list(unpack(blocks, Odd, Budget(8 * MIB)))


def test_unpack__what_is_shared_is_checked_and_held_once() -> None:
    blocks = [{"name": ["a"] * 1000, "told": {"all": {str(n): n for n in range(1000)}}}]
    back = list(unpack(blocks, Odd, Budget(MIB)))
    assert len({id(record.told) for record in back}) == 1


WRONG: dict[str, Any] = {
    "no list": {},
    "a record": [{"name": "a"}],
    "a plain list": [["a"]],
    "without the first field": [{"note": ["a"]}],
    "the first field shared": [{"name": {"all": "a"}}],
    "an unknown field": [{"name": ["a"], "other": ["a"]}],
    "too few": [{"name": ["a", "b"], "note": ["a"]}],
    "too many": [{"name": ["a"], "note": ["a", "b"]}],
    "another type": [{"name": [1]}],
    "another shared type": [{"name": ["a"], "note": {"all": 1}}],
    "a place below": [{"name": ["a"], "note": {"values": ["x"], "at": [-1]}}],
    "a place above": [{"name": ["a"], "note": {"values": ["x"], "at": [1]}}],
    "a place that is a truth value": [{"name": ["a"], "note": {"values": ["x", "y"], "at": [True]}}],
    "like nothing": [{"name": ["a"], "note": {"start": "", "end": "", "like": "name"}}],
    "like itself": [{"name": ["a"], "note": {"start": "", "end": "", "like": "note"}}],
    "rest of numbers": [{"name": {"start": "", "end": "", "rest": [1]}}],
    "start of a number": [{"name": {"start": 1, "end": "", "rest": ["a"]}}],
    "another form": [{"name": ["a"], "note": {"start": "", "rest": ["a"]}}],
}


@pytest.mark.parametrize("what", WRONG)
def test_unpack__refuses_what_is_no_table(what: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        list(unpack(json.loads(json.dumps(WRONG[what])), Odd, Budget(MIB)))


@pytest.mark.parametrize("rows", [[[0, 3]], [[-1, 1]], [[1, 0]], [[0, 2], [0, 2]], [[0]], ["a"], "all", [[0.5, 1]]])
def test_manifest__rows_that_are_not_there_are_refused(tmp_path: Path, rows: object) -> None:
    (tmp_path / ".yolobg").mkdir()
    write_manifest(tmp_path, Manifest(entries=entries(2)))
    file = manifest.manifest_path(tmp_path)
    file.write_text(json.dumps(json.loads(file.read_bytes()) | {"pending": {"kind": "remove", "rows": rows}}))
    with pytest.raises(DatasetError, match="not a manifest"):
        read_manifest(tmp_path)


def test_manifest__of_another_version_is_told(tmp_path: Path) -> None:
    (tmp_path / ".yolobg").mkdir()
    for version, todo in ((1, "older"), (3, "newer")):
        manifest.manifest_path(tmp_path).write_text(json.dumps({"version": version, "entries": [{"image": "x"}]}))
        with pytest.raises(DatasetError, match=f"version {version}.*{todo}"):
            read_manifest(tmp_path)


# ---------------------------------------------------------------- more than can be recorded


@pytest.mark.parametrize("layout", ["folder", "list"])
@pytest.mark.parametrize("limit", ["RECORD_LIMIT_BYTES", "_MEMORY_LIMIT_BYTES"])
def test_add__what_could_not_be_read_again_is_not_begun(
    tmp_path: Path, layout: str, limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = make_place(tmp_path / "data", layout)
    with hold(place.root):
        add(place.root, Manifest(), stage(place, range(10, 13)))
        pending = stage(place, range(20, 30))
        before = tree(place.root)
        with monkeypatch.context() as patch:
            patch.setattr(manifest, limit, 1500)
            with pytest.raises(MergeError, match="nothing was changed"):
                add(place.root, read_manifest(place.root), pending)
        assert tree(place.root) == before
        # What is there can always be taken back.
        monkeypatch.setattr(manifest, "RECORD_LIMIT_BYTES", 10)
        assert len(take_back(place.dataset).removed) == 3


def test_augment__too_many_to_record_are_refused_before_anything_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make_world(tmp_path / "world")
    monkeypatch.setenv("YOLOBG_CACHE_DIR", str(tmp_path / "cache"))
    before = tree(world.dataset)
    monkeypatch.setattr(manifest, "RECORD_LIMIT_BYTES", 150)
    with pytest.raises(MergeError, match="record of 2 backgrounds"):
        yolobg.plan(world.dataset, count=2, annotations=world.source / "instances_pool.json", images=[world.source])
    assert tree(world.dataset) == before
    assert not (tmp_path / "cache").exists()
