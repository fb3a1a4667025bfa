"""What people and animals do implies who does it, in every form of the verb; the list decides who."""

from __future__ import annotations

import pytest

from yolobg.matching.activities import activity
from yolobg.matching.lexicon import read_rows
from yolobg.matching.matcher import match_classes


def bands(name: str, *others: str) -> tuple[set[str], set[str]]:
    match = match_classes([name, *others])[0]
    return {e.coco for e in match.exclude}, {e.coco for e in match.maybe}


@pytest.mark.parametrize("form", ["{}", "{}_down", "no {}", "NO-{}", "2 {}", "person {}", "{}ing"])
@pytest.mark.parametrize("verb", ["stand", "fall", "read", "jump", "sleep", "talk", "sneez", "laugh", "kneel"])
def test_a_posture_or_activity_implies_a_person(verb: str, form: str) -> None:
    verb = "sneeze" if verb == "sneez" and form != "{}ing" else verb
    assert bands(form.format(verb))[0] == {"person"}


@pytest.mark.parametrize(
    ("form", "base"),
    [
        ("running", "run"), ("lying", "lie"), ("lies", "lie"), ("sat", "sit"), ("fallen", "fall"), ("fell", "fall"),
        ("clapped", "clap"), ("hugging", "hug"), ("cried", "cry"), ("written", "write"), ("brawls", "brawl"),
        ("trespassing", "trespass"), ("robberies", "robbery"), ("juggled", "juggle"),
    ],
)  # fmt: skip
def test_forms_are_derived_from_the_base(form: str, base: str) -> None:
    assert activity(form) == activity(base)


def test_a_verb_that_also_names_a_thing_counts_where_the_list_has_activities() -> None:
    assert bands("bend", "sleep", "read")[0] == {"person"}
    assert bands("upright", "sleep", "bend")[0] == {"person"}
    assert bands("bend") == (set(), {"person"})
    cases = [("drill", ("hammer", "pliers")), ("open", ("short", "spur")), ("box", ("person", "walking"))]
    for name, others in [*cases, ("bend", ("crack", "rust")), ("bend", ("person", "car", "dog"))]:
        assert bands(name, *others) == (set(), set()), name


def test_an_ing_form_is_an_activity_although_its_base_is_a_thing() -> None:
    for verb in ("punching", "waving", "pointing", "hiding", "masking"):
        assert bands(verb)[0] == {"person"}, verb


@pytest.mark.parametrize("verb", ["stand", "lying", "sleep", "eating", "drinking"])
def test_the_list_decides_between_people_and_animals(verb: str) -> None:
    assert bands(verb, "cow", "grazing")[0] == {"cow"}
    assert bands(verb, "dog", "cat")[0] == {"dog", "cat"}
    assert "person" in bands(verb, "dog", "person")[0]
    assert bands(verb, "pig", "piglet") == (set(), set())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("read book", {"person", "book"}), ("reading a book", {"person", "book"}),
        ("using_phone", {"person", "cell phone"}),
        ("person sitting", {"person"}), ("dog_lying", {"dog"}),
        ("grazing", {"cow", "sheep"}), ("perching", {"bird"}), ("sitting", {"person"}), ("dress", {"person"}),
        ("holding cigarette", {"person"}), ("operating the radio", {"person"}), ("not_wearing_gloves", {"person"}),
        ("sudden_fall", {"person"}), ("dont walk", {"person"}), ("boxing", {"person"}),
        ("building on fire", set()), ("drinking fountain", set()), ("diving_board", set()), ("night stand", set()),
        ("swing", set()), ("waterfall", set()), ("sleeping bag", set()), ("market stand", set()),
    ],
)  # fmt: skip
def test_objects_and_doers_are_read_and_compounds_are_none(name: str, expected: set[str]) -> None:
    assert bands(name)[0] == expected


def test_the_table_says_who_and_how_sure() -> None:
    rows = [row for row in read_rows("activities.tsv") if row[0] in ("person", "either", "animal")]
    assert {row[1] for row in rows} <= {"sure", "ing", "only", "rare"}
    assert sum(len(row[2].split()) for row in rows) > 300
