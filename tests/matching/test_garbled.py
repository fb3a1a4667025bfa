"""Names that were saved in one text encoding and read in another."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolobg.errors import UnresolvedClassError
from yolobg.matching import check_resolved, match_classes
from yolobg.matching.garbled import repaired
from yolobg.model import Reading


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "cp437", "cp850", "mac_roman"])
@pytest.mark.parametrize("name", ["piéton", "Fußgänger", "niño", "cão", "行人", "пешеход", "Người đi bộ"])
def test_utf8_that_was_misread_is_repaired(name: str, encoding: str) -> None:
    garbled = name.encode().decode(encoding, errors="replace")
    if "\ufffd" in garbled:
        pytest.skip("this encoding leaves some of the bytes free, so that letters are lost")
    (match,) = match_classes([garbled])
    assert match.name == garbled
    assert [e.coco for e in match.exclude] == [e.coco for e in match_classes([name])[0].exclude] != []
    assert repr(name) in match.warnings[0]


@pytest.mark.parametrize(("name", "encoding"), [("авто", "cp1251"), ("汽车", "gb18030"), ("行人通道", "gb18030")])
def test_utf8_that_was_misread_in_its_countrys_own_encoding(name: str, encoding: str) -> None:
    assert repaired(name.encode().decode(encoding)) == name


@pytest.mark.parametrize(
    "name",
    [
        "piéton",
        "vélo",
        "Ähre",
        "naïve",
        "人",
        "行人",
        "汽车",
        "キツネ",
        "машина",
        "Річ",
        "사람",
        "شخص",
        "व्यक्ति",
        "café €",
        "Ø",
        "Ÿ",
    ],
)
def test_names_in_order_stay_as_they_are(name: str) -> None:
    assert repaired(name) == name


@given(st.text(max_size=30))
def test_any_text_is_repaired_to_a_text(name: str) -> None:
    assert bool(repaired(name)) == bool(name)
    assert "\ufffd" not in repaired(name) or "\ufffd" in name


@pytest.mark.parametrize(
    ("name", "category"), [("pi\ufffdton", "person"), ("pi?ton", "person"), ("v\ufffdlo", "bicycle"), ("\ufffd", None)]
)
def test_a_name_with_signs_for_lost_letters_is_asked_about(name: str, category: str | None) -> None:
    matches = match_classes([name, "voiture"])
    assert (matches[0].status, matches[0].exclude, matches[0].maybe) == ("opaque", (), ())
    assert matches[0].suggestions == ((category,) if category else ())
    with pytest.raises(UnresolvedClassError, match=r"(?i)letters lost"):
        check_resolved(matches, unmapped="none")


def test_a_question_at_the_end_loses_no_letters() -> None:
    assert [e.coco for e in match_classes(["dog?"])[0].exclude] == ["dog"]


def test_readings_are_offered_in_the_encoding_in_which_most_names_are_words() -> None:
    """`piton` is an English word that COCO has nothing for; the name was another."""
    readings = {
        1: (Reading("gb18030", "pi閠on"), Reading("cp1252", "piéton")),
        2: (Reading("gb18030", "v閘o"), Reading("cp1252", "vélo")),
    }
    matches = match_classes({0: "voiture", 1: "piton", 2: "vlo"}, readings=readings)
    assert [m.status for m in matches] == ["mapped", "opaque", "opaque"]
    assert [m.suggestions for m in matches[1:]] == [("person",), ("bicycle",)]
    assert "'piéton'" in matches[1].warnings[0]


def test_an_answer_settles_a_name_with_lost_letters() -> None:
    names, readings = {0: "", 1: "car"}, {0: (Reading("gb18030", "狗"),)}
    answered = match_classes(names, user_map={"": ["dog"]}, readings=readings)
    assert [e.coco for e in check_resolved(answered)[0].exclude] == ["dog"]


def test_a_name_that_is_a_text_in_no_encoding_is_asked_about() -> None:
    (match,) = match_classes({0: "piton"}, readings={0: ()})
    assert (match.status, match.suggestions) == ("opaque", ())
