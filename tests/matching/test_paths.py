"""Names that are paths: every segment counts, the branch at least where the leaf is a mere attribute."""

from __future__ import annotations

import pytest

from yolobg.matching.matcher import match_classes
from yolobg.matching.paths import branches_of, is_path

ROADS = ["Vans_police", "Vans_courier", "Vans_school", "Trucks_goods", "Trucks_sand", "Trucks_water_tank"]
KINDS = ["Road_Users_sweepers_manual", "Road_Users_hawkers_fruit", "Road_Users_cobbler", "Road_Signs_round"]


def excluded(names: list[str], name: str) -> tuple[set[str], set[str]]:
    match = next(match for match in match_classes(names) if match.name == name)
    return {e.coco for e in match.exclude}, {e.coco for e in match.maybe}


@pytest.mark.parametrize("name", ["Vans_police", "Vans_courier", "Vans_school"])
def test_a_branch_counts_whatever_the_leaf_is(name: str) -> None:
    assert excluded(ROADS, name)[0] == {"car", "truck"}


@pytest.mark.parametrize("name", ["Trucks_goods", "Trucks_sand", "Trucks_water_tank"])
def test_goods_on_a_truck_leave_it_a_truck(name: str) -> None:
    assert excluded(ROADS, name)[0] == {"truck"}


@pytest.mark.parametrize("separator", ["/", "\\", "::"])
@pytest.mark.parametrize(
    ("leaf", "certain"),
    [("dog", {"dog"}), ("stray", None), ("pig", set()), ("person", None)],
)
def test_a_group_is_narrowed_by_its_leaf(separator: str, leaf: str, certain: set[str] | None) -> None:
    names = [separator.join(("Animals", kind)) for kind in ("dog", "cow", "stray", "pig", "person")]
    found, maybe = excluded(names, separator.join(("Animals", leaf)))
    if certain is None:
        assert {"dog", "cow", "bird"} <= found | maybe
    else:
        assert found == certain
        assert leaf != "pig" or not maybe


def test_an_attribute_of_what_coco_lacks_is_a_maybe_at_most() -> None:
    names = ["Barricades_police", "Barricades_wood", "Barricades_private", "Barricades_dry"]
    assert excluded(names, "Barricades_police") == (set(), {"person"})
    assert excluded(names, "Barricades_private") == (set(), set())
    assert excluded(names, "Barricades_dry") == (set(), set())


def test_plain_compounds_are_no_paths() -> None:
    for name in ("bus_stop", "traffic light", "no_helmet", "TrafficLight", "car", "NO-Mask", "fire_hydrant"):
        assert not is_path(name)
    assert not branches_of(["bus_stop", "bus_lane", "bus_station"])
    assert branches_of(ROADS) == {("vans",), ("trucks",)}
    assert not branches_of(["Auto_rickshaw_goods", "Auto_rickshaw_shared"])


def test_only_a_start_after_which_names_part_is_a_branch() -> None:
    names = ["Auto_rickshaw_goods", "Auto_rickshaw_shared", "Auto_rickshaw_passenger"]
    assert branches_of(names) == {("auto", "rickshaw")}
    for name in names:
        assert {"motorcycle", "car"} <= excluded(names, name)[0]
