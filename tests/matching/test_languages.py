"""Names of other languages: common nouns, short names, Chinese characters, and which language a list is in."""

from __future__ import annotations

import subprocess
import sys

import pytest

from yolobg.matching import match_classes
from yolobg.matching.languages import LANGUAGES, common_nouns, language_of
from yolobg.matching.lexicon import read_rows
from yolobg.model import ClassMatch


def match(name: str, *beside: str) -> ClassMatch:
    return match_classes([name, *beside])[0]


def certain(found: ClassMatch) -> set[str]:
    return {e.coco for e in found.exclude}


@pytest.mark.parametrize(
    "names",
    [
        ["Abacate", "Abacaxi", "Limão", "Tomate", "Mamão", "Goiaba"],
        ["裂缝", "剥落", "划痕", "锈蚀", "气泡"],
        ["Riss", "Delle", "Kratzer", "Rost", "Korrosion"],
        ["resistencia", "condensador", "diodo", "tornillo"],
        ["трещина", "царапина", "вмятина", "ржавчина"],
        ["ひび割れ", "錆", "気泡", "異物"],
        ["균열", "스크래치", "녹", "이물질"],
        ["retak", "karat", "goresan", "lubang"],
        ["vết nứt", "rỉ sét", "ổ gà"],
        ["شق", "خدش", "صدأ"],
    ],
)
def test_whole_lists_run_without_a_question(names: list[str]) -> None:
    assert {m.status for m in match_classes(names)} <= {"none", "mapped"}


@pytest.mark.parametrize(
    ("name", "category"),
    [
        ("Pinguin", "bird"),  # the English word decides
        ("Hubschrauber", None),
        ("пингвин", "bird"),
        ("陶瓷", None),
        ("mandarina", "orange"),
        ("cá mập", None),
        ("船舶", "boat"),
    ],
)
def test_a_common_noun_excludes_what_the_english_word_does(name: str, category: str | None) -> None:
    assert certain(match(name)) == ({category} if category else set())


def test_the_reason_names_the_language_and_the_english_word() -> None:
    assert match("Pinguin").exclude[0].reason.startswith("pinguin is German for penguin; ")


@pytest.mark.parametrize("name", ["o", "bo", "pan", "gato", "uva", "auto1", "O"])
def test_a_short_name_is_no_foreign_word_by_itself(name: str) -> None:
    assert not any(e.rule == "language" for e in (*match(name).exclude, *match(name).maybe))


def test_a_short_name_is_a_word_of_the_lists_language() -> None:
    assert certain(match("gato", "perro", "coche")) == {"cat"}


def test_letters_make_no_list_of_another_language() -> None:
    letters = [chr(code) for code in range(ord("A"), ord("Z") + 1)]
    assert language_of(letters) == ""
    assert {m.status for m in match_classes(letters)} == {"opaque"}


def test_one_vote_for_each_of_two_languages_makes_neither() -> None:
    assert language_of(["Hund", "perro", "qwrtzx", "zzyxq"]) == ""
    assert language_of(["Hund", "Katze", "qwrtzx", "zzyxq"]) == "de"


@pytest.mark.parametrize(
    ("traditional", "simplified"),
    [
        ("車輛", "车辆"),
        ("貓", "猫"),
        ("飛機", "飞机"),
        ("檸檬", "柠檬"),
        ("裂縫", "裂缝"),
        ("馬", "马"),
        ("電視", "电视"),
    ],
)
def test_traditional_chinese_is_read_like_simplified(traditional: str, simplified: str) -> None:
    one, other = match(traditional), match(simplified)
    assert one.status == other.status != "unknown"
    assert certain(one) >= certain(other)


@pytest.mark.parametrize("name", ["稻蓟马", "斑马线条", "牛蛙病", "马铃薯晚疫病", "犬齿病"])
def test_one_character_of_a_compound_is_no_word(name: str) -> None:
    assert certain(match(name)) & {"horse", "cow", "dog"} == set()


def test_the_last_character_is_a_suggestion() -> None:
    found = match("流浪狗")
    assert (found.status, found.suggestions[:1]) in [("unknown", ("dog",)), ("mapped", ())]


@pytest.mark.parametrize("name", ["垃圾货车", "大货车", "公交车"])
def test_two_characters_of_a_compound_are_a_word(name: str) -> None:
    assert certain(match(name)) & {"truck", "bus", "car"}


def test_every_row_has_a_cell_for_each_language_and_words_that_can_be_found() -> None:
    (*_, header), *rows = read_rows("common_nouns.tsv")
    assert set(header.split("|")) == set(LANGUAGES)
    assert all(len(cells.split("|")) == len(LANGUAGES) and source in ("cldr", "hand") for _, source, _, cells in rows)
    assert len({english for english, *_ in rows}) == len(rows)
    for language in LANGUAGES:
        assert (
            len({noun.english for nouns in common_nouns().values() for noun in nouns if noun.language == language})
            > 300
        )


def test_english_names_need_no_word_list_of_another_language() -> None:
    """Their first answer is what a person waits for."""
    code = (
        "from yolobg.matching import match_classes; from yolobg.matching import languages;"
        "match_classes(['pedestrian', 'car', 'no_helmet', 'fire trucks', 'truck without wheels']);"
        "assert not languages.lexicon.cache_info().currsize; assert not languages.common_nouns.cache_info().currsize"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_rare_english_sense_of_a_word_of_several_languages_is_a_maybe() -> None:
    """`kaki` is a bird of New Zealand, and the persimmon in eight languages."""
    assert certain(match("Kaki")) == set()
