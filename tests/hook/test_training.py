"""Real short trainings with the hook: the images are there before they are listed, and are trained on."""

from __future__ import annotations

from pathlib import Path

import pytest
from ultra import BACKGROUNDS, Ground, check_trained, copy_ground, draw_ground

NAMES = {"0": "Pedestrian", "1": "cars", "2": "traffic_light", "3": "dog"}

pytestmark = [pytest.mark.ultralytics, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    return draw_ground(tmp_path_factory.mktemp("ground"))


@pytest.fixture
def ground(drawn: Ground, tmp_path: Path) -> Ground:
    return copy_ground(drawn, tmp_path)


def test_attach__twice_adds_once_and_the_gradients_see_it(ground: Ground) -> None:
    said = ground.play("by_attach", trainings=2, gradient=True)
    check_trained(said, ground)
    assert len(said.scans) == 2
    assert said.announced == said.scans
    first, second = said.ours
    assert first.startswith(f"added {BACKGROUNDS} backgrounds, 10.0% of the training images are backgrounds: ")
    assert second.startswith("nothing to add, 10.0% of the training images are backgrounds: ")
    assert all(told["gradient"] > 0 for told in said.told if "gradient" in told)


@pytest.mark.parametrize("way", ["by_add_callback", "by_default_callbacks", "by_eager_call"])
def test_other_ways__are_trained_on(ground: Ground, way: str) -> None:
    said = ground.play(way)
    check_trained(said, ground)
    assert said.announced == ([] if way == "by_eager_call" else said.scans)


def test_single_cls__does_not_hide_the_class_names(ground: Ground) -> None:
    """Later releases call every class "item" then; what a background must not show is said by data.yaml."""
    said = ground.play("by_attach", train={"single_cls": True}, options={"on_error": "raise"})
    check_trained(said, ground)
    assert said.told[0]["names"] in ({"0": "item"}, NAMES)
