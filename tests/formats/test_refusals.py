"""What `convert` refuses, and that a refusal or a failure leaves nothing behind."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import Any, Literal

import command_line
import pytest
from format_data import NAMES, make_coco, make_yolo
from PIL import Image

from yolobg import files, status
from yolobg.errors import DatasetError, UsageError, YolobgError
from yolobg.formats import convert as flow
from yolobg.formats import datumaro_bridge, yolo_write
from yolobg.formats.contents import Contents, Item, image_size
from yolobg.formats.convert import convert
from yolobg.formats.place_images import Placer
from yolobg.results import to_builtins


@pytest.fixture
def source(tmp_path: Path) -> Path:
    make_yolo(tmp_path / "source", polygons=False)
    return tmp_path / "source"


def left(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir() if p.name != "source")


def test_convert__a_target_that_holds_something_is_never_touched(tmp_path: Path, source: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (target / "mine.txt").write_text("x")
    with pytest.raises(UsageError, match="replaces nothing"):
        convert(source, target, to="coco")
    assert [p.name for p in target.iterdir()] == ["mine.txt"]
    (target / "mine.txt").unlink()
    assert convert(source, target, to="coco").after.images == 13
    with pytest.raises(UsageError, match="inside the source"):
        convert(source, source / "out", to="coco")


def test_convert__a_writer_that_loses_something_is_an_error_that_names_it_and_leaves_nothing(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forgetful(contents: Contents, target: Path, place: Placer) -> None:
        yolo_write.write_yolo(contents, target, place)
        place.finish()
        (target / "labels/train/a.txt").write_text("")
        (target / "images/val/e.png").unlink()

    monkeypatch.setitem(flow._WRITERS, "yolo", forgetful)
    with pytest.raises(
        DatasetError, match=r"2 images differ .*train/a\.jpg: no object where 1 apple .*e\.png: is missing"
    ) as told:
        convert(source, tmp_path / "out", to="yolo")
    assert told.value.exit_code == 3
    assert left(tmp_path) == []


@pytest.mark.parametrize("wrong", ["0 0.5 0.5 0.2 0.2001\n", "1 0.5 0.5 0.2 0.2\n"])
def test_convert__a_wrong_coordinate_or_class_is_seen(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    (source / "labels/train/a.txt").write_text("0 0.5 0.5 0.2 0.2\n")

    def careless(contents: Contents, target: Path, place: Placer) -> None:
        yolo_write.write_yolo(contents, target, place)
        place.finish()
        (target / "labels/train/a.txt").write_text(wrong)

    monkeypatch.setitem(flow._WRITERS, "yolo", careless)
    with pytest.raises(DatasetError, match=r"1 image differs \(train/a\.jpg"):
        convert(source, tmp_path / "out", to="yolo")


def test_convert__a_kill_leaves_no_target(tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(what: str, _path: Path) -> None:
        if what == "rename":
            raise KeyboardInterrupt

    monkeypatch.setattr(files, "on_step", stop)
    with pytest.raises(KeyboardInterrupt):
        convert(source, tmp_path / "out", to="coco")
    assert left(tmp_path) == []


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_image_size__is_that_after_the_turn_that_a_camera_noted(tmp_path: Path, suffix: str, late: bool) -> None:
    file = tmp_path / f"turned{suffix}"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (30, 20)).save(file, exif=exif)
    if suffix == ".png":
        data = file.read_bytes()
        chunks, at = [], 8
        while at < len(data):
            end = at + 12 + int.from_bytes(data[at : at + 4], "big")
            chunks.append(data[at:end])
            at = end
        (told,) = [chunk for chunk in chunks if chunk[4:8] == b"eXIf"]
        chunks.remove(told)
        chunks.insert(len(chunks) - 1 if late else 1, told)
        file.write_bytes(data[:8] + b"".join(chunks))
    assert image_size(file) == (20, 30)
    Image.new("RGB", (30, 20)).save(file)
    assert image_size(file) == (30, 20)
    with pytest.raises(DatasetError, match="its size cannot be read"):
        image_size(file.with_name("none.png"))


def test_placer__an_image_that_goes_away_while_others_are_copied_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "there.jpg").write_bytes(b"x")
    with Placer(tmp_path) as place:
        for number in range(200):
            place.put(Item("train", "x", str(tmp_path / "there.jpg")), str(tmp_path / "out" / f"{number}.jpg"))
        place.put(Item("train", "x", str(tmp_path / "gone.jpg")), str(tmp_path / "out" / "gone.jpg"))
        with pytest.raises(DatasetError, match=r"gone\.jpg: does not exist any more"):
            place.finish()
    assert len(list((tmp_path / "out").iterdir())) == 200


def test_convert__corrupt_labels_stop_it_until_somebody_says_otherwise(tmp_path: Path, source: Path) -> None:
    (source / "labels/train/a.txt").write_text("9 0.5 0.5 0.1 0.1\n")
    with pytest.raises(DatasetError, match=r"a\.txt: class 9 .*--skip-corrupt"):
        convert(source, tmp_path / "out", to="coco")
    report = convert(source, tmp_path / "out", to="coco", skip_corrupt=True)
    assert report.after.images == 12
    assert "1 image with corrupt labels left out" in report.warnings[-1]


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"to": "nope"}, "yolo, yolo_plain, yolo_darknet, coco, voc"),
        ({"to": "coco", "from_": "nope"}, "--from nope"),
        ({"to": "coco", "classes": ("horse",)}, "has no such class"),
        ({"to": "coco", "splits": {"nope": "val"}}, "has the splits train, val"),
        ({"to": "coco", "splits": {"train": "val"}}, "would become 'val'"),
        ({"to": "yolo", "splits": {"train": "night"}}, "--split train=train"),
    ],
)
def test_convert__wrong_wishes_are_usage_errors(tmp_path: Path, source: Path, wish: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        convert(source, tmp_path / "out", **wish)
    assert left(tmp_path) == []


@pytest.mark.parametrize(
    "content", [None, "{}", "[1, 2", '{"images": [], "annotations": [{"image_id": 1}], "categories": []}']
)
def test_convert__what_is_no_dataset_is_a_dataset_error(tmp_path: Path, content: str | None) -> None:
    place = tmp_path / "x.json"
    if content is not None:
        place.write_text(content)
    with pytest.raises(DatasetError, match=r"x\.json"):
        convert(place, tmp_path / "out", to="yolo")


def test_convert__a_file_name_never_leads_out_of_the_target(tmp_path: Path) -> None:
    make_coco(tmp_path / "source")
    place = tmp_path / "source" / "coco" / "annotations" / "instances_val.json"
    content = json.loads(place.read_text())
    content["images"][0]["file_name"] = "../../../../evil.jpg"
    place.write_text(json.dumps(content))
    with pytest.raises(DatasetError, match="its image is missing"):
        convert(tmp_path / "source/coco", tmp_path / "out", to="coco")
    convert(tmp_path / "source/coco", tmp_path / "out", to="coco", images="none")
    assert not list(tmp_path.parent.glob("**/evil*"))


def test_convert__a_dataset_without_a_class_is_none_for_trainers(tmp_path: Path) -> None:
    told = '{"images": [{"id": 1, "file_name": "a.jpg", "width": 9, "height": 9}], "annotations": [], "categories": []}'
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "instances_train.json").write_text(told)
    for to in ("yolo", "yolo_plain"):
        with pytest.raises(UsageError, match="no class at all"):
            convert(tmp_path / "in", tmp_path / "out", to=to, images="none")
    assert convert(tmp_path / "in", tmp_path / "out", to="voc", images="none").after.backgrounds == 1


@pytest.mark.parametrize("to", ["yolo", "yolo_plain", "yolo_darknet"])
@pytest.mark.parametrize("images", ["copy", "none"])
def test_convert__a_folder_called_images_in_a_name_moves_the_label_as_for_trainers(
    tmp_path: Path, to: str, images: Literal["copy", "none"]
) -> None:
    make_coco(tmp_path / "source")
    coco = tmp_path / "source" / "coco"
    place = coco / "annotations" / "instances_val.json"
    content = json.loads(place.read_text())
    (coco / "images" / "val" / "images").mkdir()
    for record in content["images"]:
        new = f"images/{record['file_name'].replace('/', '_')}"
        (coco / "images" / "val" / record["file_name"]).rename(coco / "images" / "val" / new)
        record["file_name"] = new
    place.write_text(json.dumps(content))
    report = convert(coco, tmp_path / "out", to=to, images=images, crowds="drop")
    assert (report.after.images, report.after.backgrounds, report.after.splits["val"]) == (14, 4, 6)
    if (to, images) == ("yolo", "copy"):
        counts = status(tmp_path / "out", split="val").after
        assert (counts.labelled, counts.empty, counts.missing) == (4, 2, 0)


def test_convert__a_name_without_a_suffix_is_no_image_and_its_label_stays_inside(tmp_path: Path) -> None:
    make_coco(tmp_path / "source")
    coco = tmp_path / "source" / "coco"
    place = coco / "annotations" / "instances_val.json"
    content = json.loads(place.read_text())
    record = content["images"][0]
    (coco / "images" / "val" / record["file_name"]).rename(coco / "images" / "val" / "bare")
    record["file_name"] = "bare"
    place.write_text(json.dumps(content))
    before = sorted(tmp_path.parent.rglob("*"))
    with pytest.raises(DatasetError, match="val/bare: is missing"):
        convert(coco, tmp_path / "out", to="yolo", crowds="drop")
    assert sorted(tmp_path.parent.rglob("*")) == before


def test_convert__an_object_outside_its_image_is_not_written_to_yolo(tmp_path: Path) -> None:
    make_coco(tmp_path / "source")
    place = tmp_path / "source" / "coco" / "annotations" / "instances_train.json"
    content = json.loads(place.read_text())
    content["annotations"][0]["bbox"] = [0, 0, 999, 10]
    place.write_text(json.dumps(content))
    with pytest.raises(DatasetError, match="lies outside its image"):
        convert(tmp_path / "source/coco", tmp_path / "out", to="yolo", crowds="drop")
    assert left(tmp_path) == []


def test_convert__key_points_survive_or_are_refused(tmp_path: Path, source: Path) -> None:
    for label in (source / "labels").rglob("*.txt"):
        label.write_text("")
    (source / "labels/train/a.txt").write_text(
        "1 0.5 0.5 0.4 0.4 0.4 0.4 2 0.6 0.61 1\n0 0.5 0.5 0.1 0.1 0 0 0 0 0 0\n"
    )
    with (source / "data.yaml").open("a") as file:
        file.write("kpt_shape: [2, 3]\nflip_idx: [1, 0]\n")
    there = convert(source, tmp_path / "coco", to="coco")
    assert (there.after.boxes, there.after.key_points) == (2, 1)
    convert(tmp_path / "coco", tmp_path / "back", to="yolo")
    rows = (tmp_path / "back/labels/train/a.txt").read_text().splitlines()
    assert rows == ["1 0.5 0.5 0.4 0.4 0.4 0.4 2 0.6 0.61 1", "0 0.5 0.5 0.1 0.1 0 0 0 0 0 0"]
    convert(source, tmp_path / "same", to="yolo")
    assert "flip_idx:\n- 1\n- 0\n" in (tmp_path / "same/data.yaml").read_text()
    with pytest.raises(UsageError, match="--key-points drop"):
        convert(source, tmp_path / "voc", to="voc")
    assert convert(source, tmp_path / "voc", to="voc", key_points="drop").after.boxes == 2


def test_voc__a_class_of_its_own_called_background_is_kept(tmp_path: Path, source: Path) -> None:
    yaml = (source / "data.yaml").read_text("utf-8").replace(NAMES[0], "background")
    (source / "data.yaml").write_text(yaml, encoding="utf-8")
    names = {**NAMES, 0: "background"}
    assert convert(source, tmp_path / "voc", to="voc").after.classes == names
    assert convert(tmp_path / "voc", tmp_path / "back", to="yolo").after.classes == names


@pytest.mark.parametrize("to", ["yolo", "voc", "coco"])
def test_convert__names_that_one_disk_takes_for_one_are_kept_apart(tmp_path: Path, source: Path, to: str) -> None:
    for name in ("A.JPG", "a.png"):
        (source / "images/train" / name).write_bytes((source / "images/train/a.jpg").read_bytes() + b"\0" * len(name))
        (source / "labels/train" / name).with_suffix(".txt").write_text("0 0.5 0.5 0.2 0.2\n")
    report = convert(source, tmp_path / "out", to=to)
    assert report.after.images == 15
    assert {change.name for change in report.renamed} >= {"a.jpg"}
    written = [
        f"{p.parent.name}/{p.name}".casefold()
        for p in (tmp_path / "out").rglob("*")
        if p.suffix.lower() in (".jpg", ".png")
    ]
    assert len(written) == 15
    assert len(set(written)) == len(written)


def test_detect__several_data_yamls_are_not_guessed_at(tmp_path: Path, source: Path) -> None:
    (source / "other.yaml").write_bytes((source / "data.yaml").read_bytes())
    with pytest.raises(DatasetError, match="2 YAML files"):
        convert(source, tmp_path / "out", to="coco")
    assert convert(source / "data.yaml", tmp_path / "out", to="coco").source_format == "yolo"
    (tmp_path / "out" / "images" / "notes.yaml").write_text("a: 1\n")
    assert convert(tmp_path / "out", tmp_path / "back", to="yolo").source_format == "coco"


@pytest.fixture
def without_datumaro(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "datumaro"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "datumaro", None)


@pytest.mark.usefixtures("without_datumaro")
def test_convert__without_datumaro_says_what_to_install(tmp_path: Path, source: Path) -> None:
    with pytest.raises(YolobgError, match=r"pip install 'yolobg\[convert\]'"):
        convert(source, tmp_path / "out", to="cvat")
    assert left(tmp_path) == []
    with pytest.raises(DatasetError, match="cannot tell which format"):
        convert(tmp_path / "source" / "images", tmp_path / "out", to="yolo")
    assert convert(source, tmp_path / "out", to="voc").after.images == 13, "our own formats need nothing"


def install(site: Path, monkeypatch: pytest.MonkeyPatch, *distributions: str) -> None:
    """Let this process find distributions of these names."""
    for name in distributions:
        folder = site / f"{name.replace('-', '_')}-1.0.dist-info"
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(site)


@pytest.mark.usefixtures("without_datumaro")
@pytest.mark.parametrize("there", ["ultralytics", "opencv-python", "opencv-python-headless"])
def test_convert__without_datumaro_beside_ultralytics_shows_the_isolated_line(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch, there: str
) -> None:
    install(tmp_path / "site", monkeypatch, there)
    with pytest.raises(YolobgError, match=r"uvx --from 'PLACE\[convert\]' yolobg convert .*second OpenCV"):
        convert(source, tmp_path / "out", to="cvat")


def test_clash__is_warned_of_where_both_opencvs_are_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path / "one", monkeypatch, "opencv-python")
    if not datumaro_bridge.clash_warnings():  # datumaro brings the other one
        install(tmp_path / "two", monkeypatch, "opencv-python-headless")
    (warning,) = datumaro_bridge.clash_warnings()
    assert "uvx --from 'PLACE[convert]' yolobg convert" in warning


@pytest.mark.datumaro
def test_convert__warns_of_two_opencvs_where_datumaro_is_used(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("datumaro")
    install(tmp_path / "site", monkeypatch, "opencv-python", "opencv-python-headless")
    assert any("uvx" in warning for warning in convert(source, tmp_path / "out", to="cvat").warnings)
    assert not any("uvx" in warning for warning in convert(source, tmp_path / "own", to="voc").warnings)


def test_command__json_text_and_exit_codes(tmp_path: Path, source: Path) -> None:
    run = partial(command_line.run, "convert")
    done = run(source, tmp_path / "out", "--to", "coco", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["schema"], told["source_format"], told["after"]["backgrounds"]) == (1, "yolo", 3)
    assert told["after"]["classes"] == {str(i): name for i, name in NAMES.items()}
    again = run(source, tmp_path / "out", "--to", "coco")
    assert (again.returncode, again.stdout) == (2, "")
    text = run(tmp_path / "out", tmp_path / "plain", "--to", "yolo_plain", "--classes", "apple,zebra")
    assert text.returncode == 0, text.stderr
    assert "kept 2 of 4 classes" in text.stdout
    assert "Converted to yolo_plain" in text.stdout
    assert run("x", "y", "--to", "coco", "--formats").stdout.startswith("yolo ")
    report = convert(source, tmp_path / "other", to="coco")
    assert to_builtins(report)["target_format"] == "coco"
