"""Which catalogs the cache forgets: those that nothing has used for 90 days, whatever the clock says for a while."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from machine import run_inside
from PIL import Image

import yolobg
from yolobg.sources.catalog import use as catalog_use
from yolobg.sources.catalog.open import cache_entries, cache_folder, open_catalog
from yolobg.sources.catalog.store import Store
from yolobg.sources.location import parse_source

SetDay = Callable[[int], None]
START = 30_000


@pytest.fixture
def set_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SetDay:
    monkeypatch.setenv("YOLOBG_CACHE_DIR", str(tmp_path / "cache"))

    def to(day: int) -> None:
        monkeypatch.setattr(catalog_use, "_today", lambda: START + day)

    to(0)
    return to


def use(folder: Path, name: str) -> None:
    """Use the catalog of a source of that name, which is made first where there is none."""
    file = folder / f"instances_{name}.json"
    if not file.exists():
        images = [{"id": 1, "file_name": f"{name}.jpg", "width": 9, "height": 9}]
        file.write_text(json.dumps({"images": images, "annotations": [], "categories": [{"id": 1, "name": "dog"}]}))
        os.utime(file, (1e9, 1e9))
    with open_catalog(parse_source(str(file))):
        pass


def there() -> set[str]:
    return {entry.name.removeprefix("instances_") for entry in cache_entries()}


def test_build__forgets_what_is_unused_for_90_days(tmp_path: Path, set_day: SetDay) -> None:
    use(tmp_path, "old")
    use(tmp_path, "used")
    set_day(80)
    use(tmp_path, "used")
    set_day(89)
    use(tmp_path, "a")
    set_day(91)
    use(tmp_path, "b")
    assert there() == {"old", "used", "a", "b"}, "it is doubted first"
    set_day(92)
    use(tmp_path, "c")
    assert there() == {"used", "a", "b", "c"}
    # Nothing of it is left, and it can be made again.
    assert len(list((cache_folder() / "catalogs").iterdir())) == len(list((cache_folder() / "used").iterdir())) == 4
    use(tmp_path, "old")
    assert "old" in there()


def test_build__a_clock_that_is_wrong_for_a_while_costs_nothing(tmp_path: Path, set_day: SetDay) -> None:
    use(tmp_path, "mine")
    set_day(5000)
    use(tmp_path, "a")
    use(tmp_path, "b")
    assert there() == {"mine", "a", "b"}
    set_day(1)
    use(tmp_path, "mine")
    use(tmp_path, "c")
    set_day(-4000)
    use(tmp_path, "d")
    set_day(2)
    use(tmp_path, "mine")
    set_day(3)
    use(tmp_path, "e")
    assert there() == {"mine", "a", "b", "c", "d", "e"}
    # It stays wrong, and what is in use is used then.
    for day in (6000, 6001, 6002):
        set_day(day)
        use(tmp_path, "mine")
        use(tmp_path, f"later{day}")
    assert "mine" in there()


def test_clear_unused__and_the_sizes(tmp_path: Path, set_day: SetDay) -> None:
    use(tmp_path, "old")
    set_day(90)
    use(tmp_path, "new")
    size = {entry.name: entry.size_bytes for entry in cache_entries()}

    def run(*arguments: str) -> tuple[str, str]:
        told = run_inside("cache", *arguments)
        assert told.code == 0, told.stderr
        return told.stdout, told.stderr

    out, err = run("path")
    assert out == f"{cache_folder()}\n"
    assert [line.split()[:2] for line in err.splitlines()] == [
        [f"{size['instances_new'] / 1e6:.1f}", "MB"],
        [f"{size['instances_old'] / 1e6:.1f}", "MB"],
        [f"{sum(size.values()) / 1e6:.1f}", "MB"],
    ]
    assert str(tmp_path / "instances_old.json") in err
    assert "freed 0.0 MB" in run("clear", "--unused")[0]
    assert there() == {"new"}
    run("clear")
    assert there() == set()


def test_forget__takes_the_list_of_a_folder_along(tmp_path: Path, set_day: SetDay) -> None:
    for number in range(2):
        (tmp_path / f"pool{number}").mkdir()
        Image.new("RGB", (32, 32), (number, 0, 0)).save(tmp_path / f"pool{number}" / f"{number}.jpg")
    (tmp_path / "set/images").mkdir(parents=True)
    Image.new("RGB", (32, 32), (9, 0, 0)).save(tmp_path / "set/images/a.jpg")
    (tmp_path / "set/data.yaml").write_text("train: images\nval: images\nnames: [dog]\n")
    for number, day in enumerate((0, 95)):
        set_day(day)
        yolobg.plan(tmp_path / "set", count=2, source=str(tmp_path / f"pool{number}"))
    pools = cache_folder() / "pools"
    (pools / "mine.json").write_text("mine")
    assert len(list(pools.iterdir())) == 3
    assert catalog_use.clear_unused(Store(cache_folder())) > 0
    assert len(list(pools.iterdir())) == 2
    assert len(cache_entries()) == 1


@pytest.mark.parametrize("raw", [b"", b"{}", b"[]", b'{"day": "x", "doubted": 0}', b'{"day": 1e400, "doubted": 0}'])
def test_note_of_use__that_makes_no_sense_counts_as_none(tmp_path: Path, set_day: SetDay, raw: bytes) -> None:
    use(tmp_path, "mine")
    [file] = (cache_folder() / "used").iterdir()
    file.write_bytes(raw)
    os.utime(cache_entries()[0].path, (START * 86_400, START * 86_400))
    set_day(89)
    assert catalog_use.clear_unused(Store(cache_folder())) == 0
    use(tmp_path, "mine")
    assert json.loads(file.read_bytes())["day"] == START + 89
