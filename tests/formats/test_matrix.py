"""Every pair of formats, there and back: nothing is lost, and what cannot be held is refused before it is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from format_data import BACKGROUNDS, CROWD, NAMES, Truth, Truths, boxes_only, make_coco, make_yolo

from yolobg.convert_results import ConvertReport
from yolobg.errors import UsageError
from yolobg.formats.convert import convert, open_contents
from yolobg.formats.registry import OWN, Format, all_formats

FORMATS = all_formats()
EXACT = 1e-6


def needs(name: str) -> Any:
    """A parameter that is skipped where datumaro would be needed and is not asked for."""
    return pytest.param(name, marks=() if name in OWN else pytest.mark.datumaro)


PAIRS = [
    pytest.param(a, b, marks=() if {a, b} <= OWN.keys() else pytest.mark.datumaro) for a in FORMATS for b in FORMATS
]


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Truths]]:
    """The datasets that everything starts from."""
    root = tmp_path_factory.mktemp("sources")
    boxes = make_yolo(root / "boxes", polygons=False)
    polygons = make_yolo(root / "polygons", polygons=True, every=True)
    crowd = make_coco(root / "crowd")
    return {
        "boxes": (root / "boxes", boxes),
        "polygons": (root / "polygons", polygons),
        "crowd": (root / "crowd" / "coco", crowd),
    }


def options(format_: Format, *, polygons: bool) -> dict[str, Any]:
    """What has to be allowed for a format."""
    asked = {}
    if polygons and not format_.polygons:
        asked["polygons"] = "to-boxes"
    if not format_.classes:
        asked["class_order"] = "lose"
    return asked


def read(place: Path, name: str) -> dict[tuple[str, str], list[Truth]]:
    contents = open_contents(place, FORMATS[name])
    return {
        (item.split, item.name): [
            Truth(contents.names[s.class_id], s.box, s.polygons[0] if s.polygons else ())
            for s in item.shapes
            if not s.crowd
        ]
        for item in contents.items()
    }


def original(found: Mapping[tuple[str, str], Any], *reports: ConvertReport) -> dict[tuple[str, str], Any]:
    """What was found, under the names that the images had before these conversions."""
    for report in reversed(reports):
        back = {(change.split, change.to): (change.split, change.name) for change in report.renamed}
        found = {back.get(key, key): objects for key, objects in found.items()}
    return dict(found)


def check(found: Mapping[tuple[str, str], Sequence[Truth]], truths: Truths, tolerance: float) -> None:
    assert found.keys() == truths.keys()
    assert {key for key, objects in found.items() if not objects} == {k for k, v in truths.items() if not v}
    for key, objects in truths.items():
        left, right = (sorted(side, key=lambda t: (t.name, bool(t.ring), t.box)) for side in (objects, found[key]))
        assert [(t.name, len(t.ring)) for t in left] == [(t.name, len(t.ring)) for t in right], key
        for one, other in zip(left, right, strict=True):
            far = max(abs(a - b) for a, b in zip(one.ring or one.box, other.ring or other.box, strict=True))
            assert far <= tolerance, (key, far)


def tolerance(*names: str) -> float:
    # 33 pixels is the shortest side; each of two corners may be off by half a hundredth, twice on a way of two.
    return 2 * 0.011 / 33 if any(FORMATS[name].pixel_digits for name in names) else EXACT


@pytest.mark.parametrize(("first", "second"), PAIRS)
@pytest.mark.parametrize("kind", ["boxes", "polygons"])
def test_convert__there_and_back(
    tmp_path: Path, sources: dict[str, tuple[Path, Truths]], first: str, second: str, kind: str
) -> None:
    source, truths = sources[kind]
    wish = options(FORMATS[first], polygons=True) | options(FORMATS[second], polygons=True)
    if kind == "boxes":
        wish.pop("polygons", None)
    else:
        truths = boxes_only(truths) if "polygons" in wish else truths

    begun = convert(source, tmp_path / "0", to=first, **wish)
    there = convert(tmp_path / "0", tmp_path / "1", to=second, from_=first, **wish)
    back = convert(tmp_path / "1", tmp_path / "2", to=first, from_=second, **wish)

    for report in (begun, there, back):
        counts = report.after
        assert (counts.images, counts.backgrounds) == (13, len(BACKGROUNDS))
        assert counts.splits == {"train": 8, "val": 5}
        assert counts.boxes + counts.polygons == sum(map(len, truths.values()))
        assert counts.polygons == sum(bool(t.ring) for objects in truths.values() for t in objects)
        assert report.deviation <= tolerance(report.source_format, report.target_format)
    check(original(read(tmp_path / "1", second), begun, there), truths, tolerance(first, second))
    check(original(read(tmp_path / "2", first), begun, there, back), truths, tolerance(first, second))
    if not {"class_order"} & wish.keys():
        assert back.after.classes == NAMES
    assert pictures(tmp_path / "2") == pictures(source)


def pictures(place: Path) -> list[bytes]:
    """The content of every image file."""
    return sorted(p.read_bytes() for p in place.rglob("*") if p.suffix in (".jpg", ".png"))


@pytest.mark.parametrize("name", [needs(name) for name in FORMATS])
def test_convert__an_image_with_a_crowd_alone_is_a_background_once_that_was_said(
    tmp_path: Path, sources: dict[str, tuple[Path, Truths]], name: str
) -> None:
    source, truths = sources["crowd"]
    target = FORMATS[name]
    allowed: dict[str, Any] = {"class_order": "lose"} if not target.classes else {}
    if not target.crowds:
        with pytest.raises(UsageError, match=r"1 crowd region.*--crowds drop"):
            convert(source, tmp_path / "x", to=name, **allowed)
        assert not list(tmp_path.iterdir())
        allowed["crowds"] = "drop"
    elif not target.masks:
        with pytest.raises(UsageError, match=r"1 crowd region is run-length coded: --polygons to-boxes"):
            convert(source, tmp_path / "x", to=name, **allowed)
        allowed["polygons"] = "to-boxes"
    report = convert(source, tmp_path / "x", to=name, **allowed)
    assert (report.before.backgrounds, report.after.backgrounds) == (4, 4)
    assert report.after.crowds == (1 if target.crowds else 0)
    found = original(read(tmp_path / "x", name), report)
    check(found, truths, tolerance(name))
    assert found[CROWD] == []


@pytest.mark.parametrize("name", [needs(name) for name in FORMATS])
def test_convert__polygons_are_kept_or_refused_but_never_an_empty_label(
    tmp_path: Path, sources: dict[str, tuple[Path, Truths]], name: str
) -> None:
    source, truths = sources["polygons"]
    target = FORMATS[name]
    allowed: dict[str, Any] = {"class_order": "lose"} if not target.classes else {}
    if not target.polygons:
        with pytest.raises(UsageError, match=r"polygons?: --polygons to-boxes"):
            convert(source, tmp_path / "x", to=name, **allowed)
        assert not list(tmp_path.iterdir()), "something was left behind"
    report = convert(source, tmp_path / "y", to=name, polygons="to-boxes", **allowed)
    assert report.after.polygons == 0
    assert report.changes[0].endswith("polygons became boxes")
    check(original(read(tmp_path / "y", name), report), boxes_only(truths), tolerance(name))


@pytest.mark.parametrize("name", [needs(name) for name in FORMATS])
def test_convert__without_images_and_with_links(
    tmp_path: Path, sources: dict[str, tuple[Path, Truths]], name: str
) -> None:
    source, _ = sources["boxes"]
    allowed: dict[str, Any] = {"class_order": "lose"} if not FORMATS[name].classes else {}
    if FORMATS[name].bare:
        bare = convert(source, tmp_path / "none", to=name, images="none", **allowed)
        assert (bare.after.images, bare.after.backgrounds) == (13, 3)
        assert not pictures(tmp_path / "none")
    else:
        with pytest.raises(UsageError, match="without their images"):
            convert(source, tmp_path / "none", to=name, images="none", **allowed)
    linked = convert(source, tmp_path / "hard", to=name, images="hard", **allowed)
    assert linked.after.images == 13
    files = [p for p in (tmp_path / "hard").rglob("*") if p.suffix in (".jpg", ".png")]
    assert len(files) == 13
    assert all(file.stat().st_nlink > 1 for file in files)
