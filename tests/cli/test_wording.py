"""One of a thing is not called several, and no sentence loses its middle."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import run, source

from yolobg.cli.text import warning_lines
from yolobg.wording import agreeing, counted, first_of, p_value, percent


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (counted(0, "image"), "0 images"),
        (counted(1, "image"), "1 image"),
        (counted(1200, "category"), "1,200 categories"),
        (counted(2, "class"), "2 classes"),
        (counted(1, "image", "are"), "1 image is"),
        (counted(2, "image", "are"), "2 images are"),
        (counted(1, "image", "differ"), "1 image differs"),
        (counted(1, "image", "carry"), "1 image carries"),
        (counted(3, "image", "were"), "3 images were"),
        (agreeing(0, "are"), "are"),
        (agreeing(1, "are"), "is"),
        (agreeing(1, "go"), "goes"),
        (agreeing(1, "stay"), "stays"),
        (agreeing(2, "stay"), "stay"),
    ],
)
def test_counted__agrees_with_the_number(said: str, words: str) -> None:
    assert said == words


def test_commands__count_one_as_one(sample: Path) -> None:
    data = sample / "dataset"
    said = [
        run("augment", data, *source(sample), "--count", "1", "--dry-run").stdout,
        run("augment", data, *source(sample), "--count", "1").stdout,
        run("remove", data, "--dry-run").stdout,
        run("remove", data).stdout,
    ]
    for text, verb in zip(said, ("Would add", "Added", "Would remove", "Removed"), strict=True):
        assert f"{verb} 1 background " in text


def test_commands__the_verb_of_one_of_many_is_that_of_one(sample: Path) -> None:
    data = sample / "dataset"
    run("augment", data, *source(sample), "--count", "27")
    assert (
        "and only 1 of the source's 60 images is eligible ("
        in run("augment", data, *source(sample), "--count", "29").stderr
    )
    run("augment", data, *source(sample), "--count", "28")
    assert (
        "and only 0 of the source's 60 images are eligible ("
        in run("augment", data, *source(sample), "--count", "29").stderr
    )


def test_warning__is_shown_whole_with_long_paths_in_it_and_a_stranger_s_is_bounded() -> None:
    """Its middle may be what is to be done."""
    place = "/data/" + "deep/" * 60
    warning = (
        f"{place}annotations: 5 label files lie where no trainer looks. Rename {place}annotations to {place}labels"
    )
    [line] = warning_lines([warning])
    assert line.plain == f"! {warning}"
    [line] = warning_lines(["x" * 100_000])
    assert len(line.plain) < 3_000


def test_percent() -> None:
    assert [percent(x) for x in (0, 0.1, 0.0526, 0.0004, 1)] == ["0.0%", "10.0%", "5.3%", "0.04%", "100.0%"]


def test_p_value() -> None:
    assert [p_value(p) for p in (1.0, 0.0312, 0.001, 0.00042)] == ["1.000", "0.031", "0.001", "4e-04"]


def test_first_of__names_as_many_as_asked_for_and_counts_the_others() -> None:
    assert first_of(["a", "b"], 2) == "a, b"
    assert first_of([str(number) for number in range(1203)], 2) == "0, 1 and 1,201 more"
    assert first_of([], 2) == ""
