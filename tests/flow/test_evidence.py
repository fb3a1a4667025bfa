"""Evidence besides a source's own objects: a positive rules out, a verified negative verifies, the rest is unknown."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from command_line import run
from evidence_data import write_evidence
from examples import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stale_data import COUNT, HELD, ids, make_dataset, name_classes, stale_ids, write_source

import yolobg
from yolobg.changes.manifest import read_manifest
from yolobg.changes.rejections import OTHER_REASON
from yolobg.changes.review_state import State
from yolobg.errors import AnnotationsError, PoolError, UsageError
from yolobg.flow.evidence import find_evidence, findings_of
from yolobg.flow.option_texts import parse_evidence_options
from yolobg.flow.options import Request
from yolobg.flow.past_runs import request_again
from yolobg.model import ClassEvidence, no_progress
from yolobg.report.write import rewrite_page
from yolobg.review.apply import apply_review
from yolobg.review.decisions import act
from yolobg.sources.catalog.open import open_catalog
from yolobg.sources.location import parse_source

DOGS = {number for number, held in HELD.items() if "dog" in held}
FREE = [number for number in range(COUNT) if number not in DOGS]


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return make_dataset(tmp_path / "data")


@pytest.fixture
def source(tmp_path: Path) -> dict[str, Any]:
    return write_source(tmp_path / "source", HELD)


def files(numbers: Any) -> dict[str, Any]:
    return {f"{number}.jpg": said for number, said in dict(numbers).items()}


def counts(report: Any) -> dict[str, ClassEvidence | None]:
    return {match.name: match.evidence for match in report.classes}


# ---------------------------------------------------------------- who comes in


def test_positive__rules_out_and_a_negative_verifies(dataset: Path, source: dict[str, Any], tmp_path: Path) -> None:
    seen, free = set(FREE[:9]), FREE[20:25]
    said = dict.fromkeys(seen, (["dog"], ())) | dict.fromkeys(free, ((), ["dog"]))
    place = write_evidence(tmp_path / "corrections.json", ["dog", "bench"], files(said))
    report = yolobg.augment(dataset, count=len(FREE) - len(seen), evidence=[place], **source)
    assert ids(dataset) == set(FREE) - seen
    assert report.source is not None
    assert (report.source.left_out.class_, report.source.left_out.evidence) == (len(DOGS), len(seen))
    assert counts(report) == {"dog": ClassEvidence(len(free), len(FREE) - len(seen) - len(free), len(seen))}
    with pytest.raises(PoolError, match="in 9 the evidence finds a class"):
        yolobg.augment(dataset, count=len(FREE), evidence=[place], **source)


def test_verified__takes_only_what_somebody_verified_for_every_class(
    dataset: Path, source: dict[str, Any], tmp_path: Path
) -> None:
    name_classes(dataset, "dog", "bench")
    said = {
        FREE[0]: ((), ["dog", "bench"]),
        FREE[1]: ((), ["dog", "bench", "person"]),
        FREE[2]: ((), ["dog"]),
        FREE[3]: ((), ["bench"]),
        FREE[4]: (["bench"], ["dog"]),
        FREE[5]: (["person"], ()),
        min(DOGS): ((), ["dog", "bench"]),
    }
    place = write_evidence(tmp_path / "e.json", ["dog", "bench", "person"], files(said))
    before = sorted(path.read_bytes() for path in dataset.rglob("*") if path.is_file())
    with pytest.raises(PoolError) as short:
        yolobg.augment(dataset, count=3, evidence=[place], verified=True, **source)
    assert "only 2 of" in str(short.value)
    assert "dog: 3, bench: 3" in str(short.value)
    assert "leave out --verified" in str(short.value)
    assert sorted(path.read_bytes() for path in dataset.rglob("*") if path.is_file()) == before
    report = yolobg.augment(dataset, count=2, evidence=[place], verified=True, **source)
    assert ids(dataset) == {FREE[0], FREE[1]}
    assert report.source is not None
    assert report.source.left_out.unverified == len(FREE) - 3


def test_several_files__one_positive_beats_any_negative(dataset: Path, source: dict[str, Any], tmp_path: Path) -> None:
    one, other = FREE[:2]
    first = write_evidence(tmp_path / "a.json", ["dog"], files({one: ((), ["dog"]), other: ((), ["dog"])}))
    second = write_evidence(tmp_path / "b.json", ["Dogs"], files({one: (["Dogs"], ())}))
    yolobg.augment(dataset, count=1, evidence=[first, second], verified=True, **source)
    assert ids(dataset) == {other}


def test_partly_marked__is_present(dataset: Path, source: dict[str, Any], tmp_path: Path) -> None:
    place = write_evidence(
        tmp_path / "a.json", ["dog"], files({FREE[0]: ((), ())}), partial={f"{FREE[0]}.jpg": ["dog"]}
    )
    report = yolobg.plan(dataset, count=1, evidence=[place], **source).report
    assert counts(report)["dog"] == ClassEvidence(0, len(FREE) - 1, 1)


@pytest.mark.parametrize(
    ("category", "verifies", "rules_out"),
    [
        ("dog", True, True),
        ("Dogs", True, True),
        ("animal", False, True),  # wider
        ("poodle", False, True),  # narrower
        ("collar", False, False),
        ("hot dog", False, False),
    ],
)
def test_verified__is_said_by_the_class_itself_only(
    dataset: Path, source: dict[str, Any], tmp_path: Path, category: str, *, verifies: bool, rules_out: bool
) -> None:
    said = {FREE[0]: ((), [category]), FREE[1]: ([category], ())}
    place = write_evidence(tmp_path / "e.json", [category, "zebra"], files(said))
    found = counts(yolobg.plan(dataset, count=1, evidence=[place], **source).report)["dog"]
    assert found == ClassEvidence(int(verifies), len(FREE) - verifies - rules_out, int(rules_out))


def test_class_that_the_source_lacks__is_known_to_the_evidence(
    dataset: Path, source: dict[str, Any], tmp_path: Path
) -> None:
    name_classes(dataset, "pumpkin", "helmet")
    person = next(number for number, held in HELD.items() if "person" in held)
    clear = [number for number in range(COUNT) if number not in HELD or "dog" in HELD[number]]
    both = ["pumpkin", "helmet"]
    said = {clear[0]: (both[:1], both[1:]), clear[1]: (both[1:], both[:1]), clear[2]: ((), both), person: ((), both)}
    place = write_evidence(tmp_path / "e.json", both, files(said))
    report = yolobg.plan(dataset, count=1, evidence=[place], **source).report
    assert [one.coco for match in report.classes for one in match.exclude] == ["person"], "the carrier, as without"
    assert counts(report) == dict.fromkeys(both, ClassEvidence(1, len(clear) - 3, 1))
    yolobg.augment(dataset, count=1, evidence=[place], verified=True, **source)
    assert ids(dataset) == {clear[2]}


def test_options__map_exclude_and_lean_hold_for_evidence_too(
    dataset: Path, source: dict[str, Any], tmp_path: Path
) -> None:
    name_classes(dataset, "kutya")
    said = {FREE[0]: (["dog"], ()), FREE[1]: (["bench"], ()), FREE[2]: (["wolf"], ()), FREE[3]: ((), ["dog"])}
    place = write_evidence(tmp_path / "e.json", ["dog", "bench", "wolf"], files(said))

    def vetoed(**options: Any) -> int:
        report = yolobg.plan(dataset, count=1, evidence=[place], map={"kutya": ["dog"]}, **source, **options).report
        assert report.source is not None
        evidence = counts(report)["kutya"]
        assert evidence is not None
        assert evidence.verified == 0, "an answer of the user says what to leave out, not what the class is"
        return report.source.left_out.evidence

    assert vetoed() == 1
    assert vetoed(exclude=["bench"]) == 2


@pytest.mark.parametrize("answer", [("car",), ()])
def test_mapped_class__is_never_verified(
    dataset: Path, source: dict[str, Any], tmp_path: Path, answer: tuple[str, ...]
) -> None:
    name_classes(dataset, "raccoon")
    said = {FREE[0]: (["raccoon"], ()), FREE[3]: ((), ["raccoon"])}
    place = write_evidence(tmp_path / "e.json", ["raccoon"], files(said))

    def found(**options: Any) -> ClassEvidence:
        report = yolobg.plan(dataset, count=1, evidence=[place], **source, **options).report
        evidence = counts(report)["raccoon"]
        assert evidence is not None
        return evidence

    assert found(unmapped="none").verified == 1
    assert found(map={"raccoon": answer}).verified == 0


# ---------------------------------------------------------------- whose images they are


@pytest.mark.parametrize(
    ("name", "theirs", "verified"),
    [
        ("train/0000.jpg", "test/0000.jpg", 0),
        ("train/0000.jpg", "test\\0000.jpg", 0),
        ("a/train/0000.jpg", "b/train/0000.jpg", 0),
        ("train/0000.jpg", "0000.jpg", 1),
        ("train/0000.jpg", "D:\\data\\train\\0000.jpg", 1),
        ("0000.jpg", "test/0000.jpg", 1),
        ("train/000000000007.jpg", "test/000000000007.jpg", 1),
        ("train/000000000007.jpg", "x/COCO_val2014_000000000007.jpg", 1),
    ],
)
def test_image__of_another_folder_is_ruled_out_and_never_verified(
    dataset: Path, tmp_path: Path, name: str, theirs: str, verified: int
) -> None:
    assert vetoed_of(dataset, tmp_path, [name, "c.jpg"], {theirs: (["dog"], ())}).vetoed == 1
    assert vetoed_of(dataset, tmp_path, [name, "c.jpg"], {theirs: ((), ["dog"])}).verified == verified


@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("7.jpg", "7.jpg"),
        ("7.jpg", "images\\train\\7.jpg"),
        ("7.jpg", "C:\\pictures\\7.JPG"),
        ("7.jpg", "/data/7.jpg"),
        ("000000000007.jpg", "COCO_train2014_000000000007.jpg"),
        ("train2017/000000000007.jpg", "train2017/000000000007.jpg"),
        ("000000000007.jpg", "000000000007_jpg.rf.0123abcd.jpg"),
    ],
)
def test_image__is_known_by_its_file_name(dataset: Path, tmp_path: Path, name: str, theirs: str) -> None:
    found = vetoed_of(dataset, tmp_path, [name, "other.jpg", "third.jpg"], {theirs: (["dog"], ())})
    assert (found.vetoed, found.unknown) == (1, 2)


def test_image__whose_name_several_have_is_ruled_out_and_never_verified(dataset: Path, tmp_path: Path) -> None:
    names = ["a/7.jpg", "b/7.jpg", "c.jpg"]
    assert vetoed_of(dataset, tmp_path, names, {"7.jpg": (["dog"], ())}).vetoed == 2
    assert vetoed_of(dataset, tmp_path, names, {"7.jpg": ((), ["dog"])}).verified == 0
    assert vetoed_of(dataset, tmp_path, names, {"A/7.jpg": ((), ["dog"])}).verified == 1


def vetoed_of(dataset: Path, folder: Path, names: list[str], said: dict[str, Any]) -> ClassEvidence:
    records = {
        "images": [{"id": number, "file_name": name} for number, name in enumerate(names)],
        "annotations": [],
        "categories": [{"id": 1, "name": "dog"}],
    }
    (folder / "instances_n.json").write_text(json.dumps(records))
    place = write_evidence(folder / "e.json", ["dog"], said)
    report = yolobg.classes(dataset, annotations=folder / "instances_n.json", evidence=[place])
    found = counts(report)["dog"]
    assert found is not None
    return found


def test_evidence__about_other_images_is_refused(dataset: Path, source: dict[str, Any], tmp_path: Path) -> None:
    place = write_evidence(tmp_path / "e.json", ["dog"], {"elsewhere.jpg": (["dog"], ())})
    with pytest.raises(
        AnnotationsError, match=r"of its 1 image, such as 'elsewhere.jpg', none is an image of the source"
    ):
        yolobg.augment(dataset, count=1, evidence=[place], **source)
    assert not (dataset / ".yolobg/manifest.json").exists()


def test_evidence__keeps_nothing_of_images_that_it_is_not_about(tmp_path: Path) -> None:
    """Of Open Images' 1.7 million it kept half a kilobyte each, for a file about a thousand."""
    place = write_evidence(tmp_path / "one.json", ["dog"], {"00000007.jpg": (["dog"], ())})

    def peak(count: int) -> int:
        images = [{"id": number, "file_name": f"{number:08}.jpg"} for number in range(count)]
        file = tmp_path / f"{count}.json"
        file.write_text(json.dumps({"images": images, "annotations": [], "categories": [{"id": 1, "name": "dog"}]}))
        evidence = find_evidence([place])
        with open_catalog(parse_source(str(file), captions=None)) as catalog:
            tracemalloc.start()
            try:
                (found,) = findings_of(evidence, catalog, ["dog"], user_map={})
                assert catalog.among([6, 7, 8], found.present) == {7}
                return tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()

    assert (peak(30_000) - peak(15_000)) / 15_000 < 100


@settings(max_examples=examples(25), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_verified__is_never_said_of_what_is_unknown(dataset: Path, tmp_path: Path, data: st.DataObject) -> None:
    """Against the definition, image by image, over generated evidence of one or two files."""
    classes = ("dog", "bench")
    state = st.sampled_from(["present", "absent", "partial", "unknown", "both"])
    names = [f"{number}.jpg" for number in range(8)]
    held = {name: set(data.draw(st.lists(st.sampled_from(classes), max_size=1))) for name in names}
    said = [
        {name: {c: data.draw(state) for c in classes} for name in names} for _ in range(data.draw(st.integers(1, 2)))
    ]
    places = []
    for number, one in enumerate(said):
        found = {n: [c for c in classes if one[n][c] in ("present", "both")] for n in names}
        absent = {n: [c for c in classes if one[n][c] in ("absent", "both")] for n in names}
        some = {n: [c for c in classes if one[n][c] == "partial"] for n in names}
        listed = {n: (found[n], absent[n]) for n in names}
        places.append(write_evidence(tmp_path / f"e{number}.json", classes, listed, partial=some))
    records = {
        "images": [{"id": number, "file_name": name} for number, name in enumerate(names)],
        "annotations": [{"image_id": n, "category_id": classes.index(c)} for n, x in enumerate(names) for c in held[x]],
        "categories": [{"id": number, "name": name} for number, name in enumerate(classes)],
    }
    (tmp_path / "instances_p.json").write_text(json.dumps(records))
    name_classes(dataset, *classes)
    report = yolobg.classes(dataset, annotations=tmp_path / "instances_p.json", evidence=places, verified=True)

    def states(name: str, of: str) -> set[str]:
        return {one[name][of] for one in said}

    seen = {n for n in names if any(states(n, c) & {"present", "partial", "both"} for c in classes)}
    open_ = {n for n in names if not held[n]} - seen
    free = {c: {n for n in open_ if "absent" in states(n, c)} for c in classes}
    assert report.source is not None
    assert report.source.eligible == len(free["dog"] & free["bench"])
    for c in classes:
        found_ = counts(report)[c]
        assert found_ is not None
        assert (found_.verified, found_.unknown) == (len(free[c]), len(open_ - free[c]))


# ---------------------------------------------------------------- what is asked for


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"verified": True}, "--verified"),
        ({"verified": True, "evidence": ["captions"]}, "--verified"),
        ({"evidence": ["captions"], "captions": False}, "contradicts --no-captions"),
        ({"evidence": ["https://user:pw@example.org/e.json"]}, "expected a file on this machine"),
        ({"evidence": [""]}, "a name is empty"),
    ],
    ids=str,
)
def test_request__that_makes_no_sense_is_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told) as refused:
        Request(**options)
    assert "pw" not in str(refused.value)


def test_captions__as_evidence_must_be_there(dataset: Path, source: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the source has no captions"):
        yolobg.plan(dataset, count=1, evidence=["captions"], **source)
    with pytest.raises(UsageError, match="leave --fast out"):
        yolobg.plan(dataset, count=1, evidence=["captions"], fast=True)
    spoken = write_source(tmp_path / "spoken", HELD, {FREE[0]: "a dog in a box"})
    report = yolobg.plan(dataset, count=1, evidence=["captions"], **spoken).report
    assert report.source is not None
    assert report.source.left_out.caption == 1


def test_list__is_cut_at_commas_but_not_within_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a,b.json").touch()
    assert parse_evidence_options(["captions, e.json", "a,b.json", "e.json"]) == ("captions", "e.json", "a,b.json")


def test_missing_file__stops_before_anything_else(dataset: Path, tmp_path: Path) -> None:
    """Before COCO's annotations would be fetched, which no test can."""
    with pytest.raises(AnnotationsError, match="no such annotations file"):
        yolobg.augment(dataset, count=1, evidence=[tmp_path / "missing.json"])


# ---------------------------------------------------------------- what is told and kept


def test_counts__are_in_the_table_the_report_json_and_the_manifest(
    dataset: Path, source: dict[str, Any], tmp_path: Path
) -> None:
    said = {FREE[0]: (["dog"], ()), FREE[1]: ((), ["dog"]), FREE[2]: ((), ["dog"])}
    place = write_evidence(tmp_path / "e.json", ["dog"], files(said))
    options = ["--annotations", source["annotations"], "--images", source["images"][0], "--evidence", place]
    command = ["augment", dataset, "--count", "2", *options]
    table = [line.split() for line in run(*command, "--dry-run").stdout.splitlines()]
    unknown = str(len(FREE) - 3)
    assert ["class", "verified", "unknown", "vetoed"] in table
    assert ["0", "dog", "2", unknown, "1"] in table
    assert ["the", "evidence", "finds", "one", "-1"] in table
    told = json.loads(run(*command, "--verified", "--json").stdout)
    assert told["classes"][0]["evidence"] == {"verified": 2, "unknown": len(FREE) - 3, "vetoed": 1}
    assert (told["source"]["left_out"]["evidence"], told["source"]["left_out"]["unverified"]) == (1, len(FREE) - 3)
    run_, manifest = read_manifest(dataset).runs[0], (dataset / ".yolobg/manifest.json").read_text("utf-8")
    assert run_.basis is not None
    assert run_.basis.evidence == {"dog": (2, len(FREE) - 3, 1)}
    assert "e.json" in manifest
    for page in ((dataset / ".yolobg/report.html").read_text("utf-8"), rewrite_page(dataset).read_text("utf-8")):
        assert "evidence that finds it" in page
        assert f"2 others are verified to be free of it, {unknown} are unknown" in page
        assert f"{unknown} are not verified to be free of every class" in page


def test_without_evidence__nothing_is_said_of_it(dataset: Path, source: dict[str, Any]) -> None:
    report = yolobg.augment(dataset, count=2, **source)
    assert counts(report) == {"dog": None}
    basis = read_manifest(dataset).runs[0].basis
    assert basis is not None
    assert basis.evidence == {}
    assert "evidence that finds it" not in (dataset / ".yolobg/report.html").read_text("utf-8")


def test_manifest__asks_again_with_the_same_evidence(
    dataset: Path, source: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = write_evidence(tmp_path / "e.json", ["dog"], files({n: ((), ["dog"]) for n in FREE[:6]}))
    monkeypatch.chdir(tmp_path)
    yolobg.augment(dataset, count=2, evidence=["captions", "e.json"][1:], verified=True, **source)
    monkeypatch.chdir("/")
    again = request_again(read_manifest(dataset).runs[0])
    assert again.evidence == (str(place),)
    assert again.verified


def test_review__replaces_by_what_the_evidence_verifies(dataset: Path, source: dict[str, Any], tmp_path: Path) -> None:
    free = FREE[:6]
    place = write_evidence(tmp_path / "e.json", ["dog"], files({n: ((), ["dog"]) for n in free}))
    yolobg.augment(dataset, count=5, evidence=[place], verified=True, **source)
    wrong = read_manifest(dataset).entries[0]
    apply_review(
        dataset, act(State(), "reject", [wrong.image], reason=OTHER_REASON), replace_them=True, progress=no_progress
    )
    assert ids(dataset) == set(free) - {wrong.source_id}


def test_recheck__by_evidence_that_came_later(dataset: Path, source: dict[str, Any], tmp_path: Path) -> None:
    yolobg.augment(dataset, count=12, **source)
    there = sorted(ids(dataset))
    said = {n: (["dog"], ()) for n in there[:3]} | {n: ((), ["dog"]) for n in FREE if n not in there}
    place = write_evidence(tmp_path / "e.json", ["dog"], files(said))
    found = yolobg.plan(dataset, count=12, evidence=[place], recheck=True, **source).report.stale
    assert stale_ids(found) == set(there[:3])
    assert {one.reason for one in found.images} == {"the evidence says that it shows dog"}
    yolobg.augment(dataset, count=12, evidence=[place], recheck=True, **source)
    assert not ids(dataset) & set(there[:3])
    assert len(ids(dataset)) == 12
    assert stale_ids(yolobg.status(dataset).stale) == set()
    strict: dict[str, Any] = {"evidence": [place], "verified": True}
    stale = yolobg.plan(dataset, count=12, recheck=True, **strict, **source).report.stale
    assert stale_ids(stale) == set(there[3:])
    assert {one.reason for one in stale.images} == {"nobody verified that it is free of dog"}
    yolobg.augment(dataset, count=12, recheck=True, **strict, **source)
    assert not ids(dataset) & set(there)


def test_status__says_that_it_cannot_check_without_the_evidence(
    dataset: Path, source: dict[str, Any], tmp_path: Path
) -> None:
    place = write_evidence(tmp_path / "e.json", ["dog", "bench"], files({FREE[0]: (["dog", "bench"], ())}))
    yolobg.augment(dataset, count=5, evidence=[place], **source)
    place.unlink()
    assert not yolobg.status(dataset).stale.unchecked
    name_classes(dataset, "dog", "bench")
    (unchecked,) = yolobg.status(dataset).stale.unchecked
    assert str(place) in unchecked.reason
    assert unchecked.count == 5
