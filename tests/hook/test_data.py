"""The forms that a training split can take, the tasks, and the options of a training that change what is read."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from merging import tree
from ultra import BACKGROUNDS, LABELLED, Ground, check_trained, copy_ground, draw_ground

import yolobg

pytestmark = [pytest.mark.ultralytics, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    return draw_ground(tmp_path_factory.mktemp("ground"))


@pytest.fixture
def ground(drawn: Ground, tmp_path: Path) -> Ground:
    return copy_ground(drawn, tmp_path)


def write_yaml(ground: Ground, train: str) -> None:
    text = ground.demo.data_yaml.read_text(encoding="utf-8")
    ground.demo.data_yaml.write_text(text.replace("train: images/train\n", f"train: {train}\n"), encoding="utf-8")


def test_list_file__gets_lines_that_are_trained_on(ground: Ground) -> None:
    images = sorted((ground.dataset / "images/train").iterdir())
    (ground.dataset / "train.txt").write_text("\n".join(f"./images/train/{image.name}" for image in images))
    write_yaml(ground, "train.txt")
    said = ground.play("by_attach")
    check_trained(said, ground)
    assert said.announced == said.scans
    assert (ground.dataset / "train.txt").read_text().count("bg_") == BACKGROUNDS


def test_list_of_folders__the_first_takes_them(ground: Ground) -> None:
    for kind in ("images", "labels"):
        (ground.dataset / kind / "more").mkdir()
        for path in sorted((ground.dataset / kind / "train").iterdir())[:8]:
            path.rename(ground.dataset / kind / "more" / path.name)
    write_yaml(ground, "[images/train, images/more]")
    said = ground.play("by_attach")
    check_trained(said, ground)
    assert said.announced == said.scans
    assert len(list((ground.dataset / "images/train").glob("bg_*"))) == BACKGROUNDS


@pytest.fixture
def task_data(ground: Ground) -> dict[str, str]:
    """The drawn dataset with the labels of each task; the boxes become polygons, corners and a key point."""
    made = {}
    for task in ("seg", "obb", "pose"):
        root = ground.root / task
        shutil.copytree(ground.dataset, root)
        for label in root.glob("labels/*/*.txt"):
            label.write_text("".join(task_line(task, line) for line in label.read_text().splitlines()))
        if task == "pose":
            with (root / "data.yaml").open("a") as file:
                file.write("kpt_shape: [1, 3]\nflip_idx: [0]\n")
        made[f"yolov8n-{task}.yaml"] = str(root / "data.yaml")
    return made


def task_line(task: str, line: str) -> str:
    number, x, y, w, h = line.split()
    left, top = float(x) - float(w) / 2, float(y) - float(h) / 2
    right, bottom = left + float(w), top + float(h)
    if task == "pose":
        return f"{line} {x} {y} 2\n"
    corners = (left, top, right, top, right, bottom, left, bottom)
    return " ".join([number, *(f"{min(1.0, max(0.0, value)):.6f}" for value in corners)]) + "\n"


def test_tasks__segment_obb_and_pose(ground: Ground, task_data: dict[str, str]) -> None:
    said = ground.play("tasks", datasets=task_data)
    assert len(said.told) == 3
    for told in said.told:
        assert (told["dataset"], told["backgrounds"]) == (LABELLED + BACKGROUNDS, BACKGROUNDS)
        assert sum(name.startswith("bg_") for name in told["seen"]) == BACKGROUNDS
    assert said.announced == said.scans == [(LABELLED + BACKGROUNDS, BACKGROUNDS, 0)] * 3


def test_derived__is_trained_on_and_added_to_beside_the_dataset(ground: Ground) -> None:
    out = ground.root / "out"
    before = tree(ground.dataset)
    yolobg.augment(ground.demo.data_yaml, to=out, **ground.options)
    said = ground.play("by_attach", data=out / "data.yaml", options={"ratio": 0.2})
    added = sorted(path.name for path in out.rglob("bg_*.jpg"))
    assert len(added) == 5
    assert said.scans == said.announced == [(LABELLED + 5, 5, 0)]
    assert [name for name in said.told[0]["seen"] if name.startswith("bg_")] == added
    now = {name: content for name, content in tree(ground.dataset).items() if not name.endswith(".cache")}
    assert now == before, "trainers keep their cache beside the labels; nothing else is written"
    yolobg.remove(out)
    assert not out.exists()


def test_fraction__is_warned_of_where_it_spoils_the_ratio(ground: Ground) -> None:
    """`bg_` sorts before `frame_`: a fifth of 20 images would be 2 backgrounds in 4."""
    said = ground.play("by_attach", train={"fraction": 0.2})
    assert said.announced == said.scans == [(4, 2, 0)]
    assert said.told[0]["dataset"] == 4
    told = "fraction=0.2 trains on the first 4 images of 20 by name: 2 backgrounds (50.0%), against 10.0% of all"
    assert said.ours[1].startswith(f"{told}. Train on all of them")
    said = ground.play("by_attach", train={"fraction": 0.9})
    assert said.announced == said.scans == [(18, 2, 0)]
    told = "fraction=0.9 trains on the first 18 images of 20 by name: 2 backgrounds (11.1%), against 10.0% of all"
    assert said.ours[1:] == [told]
    said = ground.play("by_attach", train={"fraction": 1.0})
    assert said.announced == said.scans == [(20, 2, 0)]
    assert len(said.ours) == 1


def test_fraction__of_images_that_sort_before_the_backgrounds_trains_on_none(ground: Ground) -> None:
    for folder in ("images", "labels"):
        for path in (ground.dataset / folder / "train").iterdir():
            path.rename(path.with_name(f"0_{path.name}"))
    said = ground.play("by_attach", train={"fraction": 0.5})
    assert said.announced == said.scans == [(10, 0, 0)]
    assert said.ours[1].startswith("fraction=0.5 trains on the first 10 images of 20 by name: 0 backgrounds (0.0%)")


def test_hook__changes_nothing_else_about_a_training(ground: Ground) -> None:
    """With the backgrounds there already, the same training with and without the hook draws the same numbers."""
    yolobg.augment(ground.demo.data_yaml, **ground.options)
    with_hook, bare = ground.play("by_attach"), ground.play("without")
    assert with_hook.told == bare.told
    assert with_hook.told[0]["drawn"]
