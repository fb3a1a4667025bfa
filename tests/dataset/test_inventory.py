"""Scanning and counting beyond the battery: faults of the disk, scale, progress, and where new files go."""

from __future__ import annotations

import glob
import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from inventories import POSIX, choose, make

from yolobg.dataset import folder_listing as listing
from yolobg.dataset.inventory import Destination, choose_destination, count_files, list_images, scan_split
from yolobg.dataset.layout import label_path
from yolobg.errors import DatasetError
from yolobg.model import FileEntry, Inventory, LabelState
from yolobg.sources.own_folder import read_pool

BOX = "0 0.5 0.5 0.1 0.1\n"


def states(inventory: Inventory) -> dict[str, str]:
    return {Path(entry.image).name: entry.state for entry in inventory.files}


# ---------------------------------------------------------------- the scan


def test_scan_split__many_labels_are_read_in_parallel_and_in_order(tmp_path: Path) -> None:
    kinds: dict[LabelState, str] = {"found": BOX, "empty": "\n", "corrupt": "0 2 2 2 2\n"}
    order: list[LabelState] = ["found", "missing", "corrupt", "empty", "found"]
    wanted = {f"{i:05d}.jpg": order[i * i % 5] for i in range(1700)}
    labels = {f"labels/train/{name[:-4]}.txt": kinds[kind] for name, kind in wanted.items() if kind != "missing"}
    data = make(tmp_path, images=[f"images/train/{name}" for name in wanted], labels=labels)
    inventory = scan_split(data, "train")
    assert states(inventory) == wanted
    assert [entry.image for entry in inventory.files] == sorted(entry.image for entry in inventory.files)
    assert [problem.label for problem in inventory.problems] == [
        entry.label for entry in inventory.files if entry.state == "corrupt"
    ]
    assert not [thread for thread in threading.enumerate() if "ThreadPoolExecutor" in thread.name]


def test_scan_split__reports_progress_to_the_end(tmp_path: Path) -> None:
    data = make(tmp_path, images=[f"images/train/{i}.jpg" for i in range(2500)])
    told: list[tuple[str, int, int | None]] = []
    scan_split(data, "train", progress=lambda *news: told.append(news))
    assert {(stage, total) for stage, _, total in told} == {("scan", 2500)}
    counts = [done for _, done, _ in told]
    assert counts == sorted(counts)
    assert (counts[0], counts[-1]) == (0, 2500)


def test_scan_split__stops_when_its_caller_is_interrupted(tmp_path: Path) -> None:
    data = make(
        tmp_path,
        images=[f"images/train/{i}.jpg" for i in range(3000)],
        labels={f"labels/train/{i}.txt": BOX for i in range(3000)},
    )

    def interrupt(_stage: str, done: int, _total: int | None) -> None:
        if done >= 2000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scan_split(data, "train", progress=interrupt)


def test_scan_split__long_labels_are_read_whole(tmp_path: Path) -> None:
    size = 200_000
    labels = {
        "labels/train/good.txt": BOX * (size // len(BOX)),
        "labels/train/bad.txt": BOX * (size // len(BOX)) + "7 0.5 0.5 0.1 0.1\n",
        "labels/train/blank.txt": "\n" * (1 << 16),
    }
    data = make(tmp_path, images=[f"images/train/{name}.jpg" for name in ("good", "bad", "blank")], labels=labels)
    inventory = scan_split(data, "train")
    assert states(inventory) == {"good.jpg": "found", "bad.jpg": "corrupt", "blank.jpg": "empty"}
    assert inventory.problems[0].line == size // len(BOX) + 1


@POSIX
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may read everything")
def test_scan_split__unreadable_files_and_folders_are_told(tmp_path: Path) -> None:
    data = make(tmp_path, images=["images/train/a.jpg", "images/train/x/b.jpg"], labels={"labels/train/a.txt": BOX})
    (tmp_path / "labels/train/a.txt").chmod(0)
    (tmp_path / "images/train/x").chmod(0)
    try:
        inventory = scan_split(data, "train")
    finally:
        (tmp_path / "images/train/x").chmod(0o700)
    assert states(inventory) == {"a.jpg": "corrupt"}
    assert "cannot be read" in inventory.problems[0].reason
    assert "images/train/x: cannot be read" in inventory.warnings[0]


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that is there and cannot be read")
def test_scan_split__a_failing_disk_is_told(tmp_path: Path) -> None:
    data = make(tmp_path, images=["images/train/a.jpg", "labels/train/x"])
    (tmp_path / "labels/train/a.txt").symlink_to("/proc/self/mem")
    inventory = scan_split(data, "train")
    assert states(inventory) == {"a.jpg": "corrupt"}
    assert "cannot be read" in inventory.problems[0].reason
    (tmp_path / "t.txt").symlink_to("/proc/self/mem")
    with pytest.raises(DatasetError, match="the list file cannot be read"):
        scan_split(make(tmp_path, "t.txt"), "train")


def test_scan_split__a_label_of_absurd_size_is_not_read_whole(tmp_path: Path) -> None:
    data = make(tmp_path, images=["images/train/a.jpg", "labels/train/a.txt"])
    os.truncate(tmp_path / "labels/train/a.txt", 17 << 20)
    assert "larger than 16 MiB" in scan_split(data, "train").problems[0].reason


@POSIX
def test_scan_split__never_waits_for_a_pipe(tmp_path: Path) -> None:
    data = make(tmp_path, images=["images/train/a.jpg", "labels/train/x"])
    os.mkfifo(tmp_path / "labels/train/a.txt")
    os.mkfifo(tmp_path / "images/train/b.jpg")
    inventory = scan_split(data, "train")
    assert states(inventory) == {"a.jpg": "missing", "b.jpg": "corrupt"}


def make_lattice(folder: Path, levels: int, images: int = 1) -> None:
    """Folders whose paths double with each level, for beside each lies a link to it; the last holds images."""
    for _ in range(levels):
        (folder / "a").mkdir(parents=True)
        (folder / "b").symlink_to("a")
        folder = folder / "a"
    for number in range(images):
        (folder / f"{number}.jpg").touch()


@POSIX
def test_list_images__each_path_of_a_lattice_counts_as_for_a_trainer(tmp_path: Path) -> None:
    make_lattice(tmp_path / "images", 6, images=2)
    expected = sorted(glob.glob(f"{tmp_path}/images/**/*.*", recursive=True))  # noqa: PTH207 - as a trainer
    assert len(expected) == 2 * 2**6
    assert list(list_images([str(tmp_path / "images")])) == expected


@POSIX
@pytest.mark.parametrize(("limit", "value"), [("MOST_REPEATED_FOLDERS", 1000), ("MOST_REPEATED_IMAGES", 5000)])
def test_list_images__a_lattice_of_links_is_told(
    tmp_path: Path, limit: str, value: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_lattice(tmp_path / "images", 10, images=10)
    monkeypatch.setattr(listing, limit, value)
    with pytest.raises(DatasetError, match="again and again"):
        list_images([str(tmp_path / "images")])


@POSIX
@pytest.mark.slow
def test_lattice_of_forty_levels__ends(tmp_path: Path) -> None:
    """As a split and as a source, with the limits that users have."""
    make_lattice(tmp_path / "images", 40)
    with pytest.raises(DatasetError, match="again and again"):
        list_images([str(tmp_path / "images")])
    with pytest.raises(DatasetError, match="again and again"):
        read_pool(tmp_path / "images", tmp_path / "cache")


@POSIX
def test_scan_split__loops_of_links_end(tmp_path: Path) -> None:
    data = make(tmp_path, images=["images/train/a.jpg", "images/train/x/y/b.jpg"])
    (tmp_path / "images/train/x/y/up").symlink_to(tmp_path / "images/train")
    (tmp_path / "images/train/x/y/self").symlink_to(".")
    (tmp_path / "images/train/x/side").symlink_to("y")
    inventory = scan_split(data, "train")
    names = [Path(entry.image).relative_to(tmp_path / "images/train").as_posix() for entry in inventory.files]
    assert names == ["a.jpg", "x/side/b.jpg", "x/y/b.jpg"]
    assert len([warning for warning in inventory.warnings if "links back" in warning]) == 4


def test_scan_split__repeated_images_are_told(tmp_path: Path) -> None:
    data = make(tmp_path, "[images, images/train]", images=["images/train/a.jpg"])
    inventory = scan_split(data, "train")
    assert len(inventory.files) == 2
    assert "listed more than once" in inventory.warnings[0]


def test_scan_split__unknown_split_names_those_that_are_there(tmp_path: Path) -> None:
    data = make(tmp_path, images=["images/train/a.jpg"])
    with pytest.raises(DatasetError, match=r"no split 'test' \(available: train\)"):
        scan_split(data, "test")


def test_scan_split__a_list_with_a_nul_byte_names_nothing(tmp_path: Path) -> None:
    data = make(tmp_path, "t.txt", labels={"t.txt": "./a\0b.jpg\n./x\0/c.jpg\n"})
    assert set(states(scan_split(data, "train")).values()) == {"corrupt"}


def test_scan_split__cwd_is_the_process_s_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = make(tmp_path, "t.txt", images=["a.jpg"], labels={"t.txt": "a.jpg\n", "a.txt": BOX})
    monkeypatch.chdir(tmp_path)
    assert scan_split(data, "train").files == (
        FileEntry(str(Path.cwd() / "a.jpg"), str(Path.cwd() / "a.txt"), "found"),
    )


def test_list_images__absolute_and_sorted_or_our_error(tmp_path: Path) -> None:
    make(tmp_path, images=["images/b.jpg", "images/a.png"], labels={"t.txt": "images/b.jpg\n"})
    entries = [str(tmp_path / "images"), str(tmp_path / "t.txt")]
    listed = [str(Path(path).relative_to(tmp_path)) for path in list_images(entries, cwd=tmp_path)]
    assert [Path(path).as_posix() for path in listed] == ["images/a.png", "images/b.jpg", "images/b.jpg"]
    with pytest.raises(DatasetError, match="does not exist"):
        list_images([str(tmp_path / "none")])


# ---------------------------------------------------------------- counts

ENTRIES = st.lists(st.tuples(st.integers(0, 8), st.sampled_from(["found", "missing", "empty", "corrupt"])), max_size=20)


@given(ENTRIES, st.sets(st.integers(0, 8)), st.booleans())
def test_count_files__adds_up(entries: list[tuple[int, LabelState]], ours: set[int], by_label: bool) -> None:
    files = tuple(FileEntry(f"/i/{i}.jpg", f"/l/{i}.txt", state) for i, state in entries)
    counts = count_files(Inventory("train", (), files), [f"/l/{i}.txt" if by_label else f"/i/{i}.jpg" for i in ours])
    assert counts.images == counts.labelled + counts.backgrounds + counts.corrupt == len(files)
    assert counts.backgrounds == counts.missing + counts.empty
    assert counts.ours == sum(i in ours and state in ("missing", "empty") for i, state in entries)
    assert counts.ours <= counts.backgrounds
    trained = counts.labelled + counts.backgrounds
    assert counts.ratio == (counts.backgrounds / trained if trained else 0.0)


# ---------------------------------------------------------------- where new files go


def test_choose_destination__a_folder(tmp_path: Path) -> None:
    data = make(tmp_path, images=["images/train/x/a.jpg"])
    root = data.root
    assert choose(data) == Destination(root / "images/train", root / "labels/train")
    data = make(tmp_path, "pics", images=["pics/a.jpg"])
    assert choose(data) == Destination(root / "pics", root / "pics")


def test_choose_destination__the_first_folder_of_a_list(tmp_path: Path) -> None:
    data = make(
        tmp_path, "[t.txt, two/images, images]", images=["images/a.jpg", "two/images/b.jpg"], labels={"t.txt": ""}
    )
    assert choose(data) == Destination(data.root / "two/images", data.root / "two/labels")


def test_choose_destination__into_names_another(tmp_path: Path) -> None:
    data = make(tmp_path, "[images/a, images/b]", images=["images/a/x.jpg", "images/b/deep/y.jpg", "images/c/z.jpg"])
    root = data.root
    deep = Destination(root / "images/b/deep", root / "labels/b/deep")
    assert choose(data, "images/b/deep") == deep
    assert choose(data, str(root / "images/b/deep")) == deep
    assert choose(data, "images/a/../b/deep/") == deep
    (root / "images/b/.hidden").mkdir()
    for wrong in ("images/c", "images", "..", "images/b/none", "images/b/.hidden", "images/a/x.jpg", "/"):
        with pytest.raises(DatasetError, match="not a folder of the split 'train'"):
            choose(data, wrong)


@POSIX
def test_choose_destination__a_link_does_not_lead_out(tmp_path: Path) -> None:
    data = make(tmp_path / "set", images=["images/train/a.jpg"])
    (tmp_path / "outside").mkdir()
    (tmp_path / "set/images/train/link").symlink_to(tmp_path / "outside")
    with pytest.raises(DatasetError):
        choose(data, "images/train/link")


def test_choose_destination__a_list_file_beside_most_of_its_images(tmp_path: Path) -> None:
    images = ["images/a/1.jpg", "images/b/2.jpg", "images/b/3.jpg"]
    data = make(tmp_path, "[t.txt]", images=images, labels={"t.txt": "".join(f"./{image}\n" for image in images)})
    root = data.root
    assert choose(data) == Destination(root / "images/b", root / "labels/b", root / "t.txt")
    assert choose(data, "images/a") == Destination(root / "images/a", root / "labels/a", root / "t.txt")
    with pytest.raises(DatasetError):
        choose(data, "images/c")


def test_choose_destination__labels_lie_where_the_new_line_puts_them(tmp_path: Path) -> None:
    """A list relative to the current folder has its labels beside images/, for a trainer works on the line's text."""
    data = make(tmp_path, "t.txt", images=["images/a.jpg"], labels={"t.txt": "images/a.jpg\n"})
    assert choose(data) == Destination(data.root / "images", data.root / "images", data.root / "t.txt")
    elsewhere = choose_destination(data, scan_split(data, "train", cwd=data.root), cwd=tmp_path.parent)
    assert elsewhere.labels_dir == data.root / "labels"


def test_choose_destination__a_list_of_images_that_are_gone_is_refused(tmp_path: Path) -> None:
    data = make(tmp_path, "t.txt", labels={"t.txt": "./gone/a.jpg\n"})
    with pytest.raises(DatasetError, match="does not exist; fix the list"):
        choose(data)


def test_choose_destination__a_new_image_is_found_with_its_label(tmp_path: Path) -> None:
    """Whatever the form of the split: after image, label and line are there, the next scan finds both together."""
    for form in ("images/train", "[images/train]", "pics", "t.txt"):
        root = tmp_path / form.strip("[]").replace("/", "-")
        data = make(root, form, images=["images/train/a.jpg", "pics/b.jpg"], labels={"t.txt": "./pics/b.jpg\n"})
        place = choose(data)
        (place.images_dir / "new.jpg").write_bytes(b"")
        place.labels_dir.mkdir(parents=True, exist_ok=True)
        (place.labels_dir / "new.txt").write_bytes(b"")
        if place.list_file:
            with place.list_file.open("a", encoding="utf-8") as stream:
                stream.write("./pics/new.jpg\n")
        assert states(scan_split(data, "train", cwd=root))["new.jpg"] == "empty"
        assert place.labels_dir == Path(label_path(str(place.images_dir / "new.jpg"))).parent
