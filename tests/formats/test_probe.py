"""The list of datumaro's formats is what the program finds out, not what somebody wrote down."""

from __future__ import annotations

import json
from pathlib import Path

import probe_datumaro as probe
import pytest

from yolobg.formats import datumaro_bridge as bridge
from yolobg.formats.contents import Contents
from yolobg.formats.place_images import Placer
from yolobg.formats.registry import OWN, all_formats


@pytest.mark.datumaro
def test_derive__gives_the_list_that_is_shipped(private_places: Path) -> None:
    shipped = json.loads(probe.RESULT.read_text("utf-8"))
    derived = probe.derive()
    assert derived["formats"] == shipped["formats"], "run python tools/probe_datumaro.py and look at what changed"


def test_all_formats__hold_those_the_issue_names() -> None:
    named = {"yolo", "yolo_darknet", "yolo_plain", "coco", "voc", "datumaro", "cvat", "label_me", "open_images"}
    assert named <= all_formats().keys()
    assert {name for name, format_ in all_formats().items() if format_.own} == OWN.keys()


@pytest.mark.datumaro
def test_probe__a_format_that_loses_a_background_does_not_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = probe._draw(tmp_path)
    assert probe.probe_format("datumaro", tmp_path, pictures) is not None
    real = bridge.writer

    def forgetful(name: str) -> object:
        def write(contents: Contents, target: Path, place: Placer) -> None:
            kept = [item for item in contents.items() if item.shapes]
            real(name)(probe._Drawn(kept), target, place)

        return write

    monkeypatch.setattr(bridge, "writer", forgetful)
    assert probe.probe_format("datumaro", tmp_path, pictures) is None


@pytest.mark.datumaro
def test_bridge__puts_datumaros_rounding_back(tmp_path: Path) -> None:
    from datumaro.components import annotation  # noqa: PLC0415 - only where it is installed

    before = annotation.COORDINATE_ROUNDING_DIGITS
    pictures = probe._draw(tmp_path)
    bridge.writer("datumaro")(probe._base(pictures), tmp_path / "out", Placer(tmp_path))
    bridge.read(tmp_path / "out", "datumaro")
    assert before == annotation.COORDINATE_ROUNDING_DIGITS == 2
    with pytest.raises(Exception, match="datumaro cannot read this as cvat"):
        bridge.read(tmp_path, "cvat")
    assert before == annotation.COORDINATE_ROUNDING_DIGITS
