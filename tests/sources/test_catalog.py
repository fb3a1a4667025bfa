"""The catalog answers what pycocotools answers: union of getImgIds over getCatIds, crowd regions included."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import random
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from examples import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from yolobg.errors import AnnotationsError, UsageError
from yolobg.images.local import LAYOUTS
from yolobg.model import CaptionTerms, ImageRecord
from yolobg.sources.annotations.read import (
    LicenseRow,
    ReadInstances,
    begin_instances,
    parse_captions,
    parse_instances,
    read_captions,
)
from yolobg.sources.catalog.build import _LAYOUTS, build_catalog, is_commercial
from yolobg.sources.catalog.catalog import Catalog, parse_license

_numbers = itertools.count()


def make(folder: Path, instances: dict[str, Any], captions: dict[str, Any] | None = None) -> Catalog:
    """Build and open a catalog from plain dicts."""
    decoded = parse_instances(json.dumps(instances).encode(), source="instances.json")
    texts = parse_captions(json.dumps(captions).encode(), decoded.images, source="captions.json") if captions else None
    path = folder / f"{next(_numbers)}.sqlite"
    build_catalog(path, ReadInstances(decoded.images, lambda: decoded), texts)
    return Catalog(path)


def coco(
    holders: Mapping[int, Iterable[int]], names: dict[int, str], crowds: Iterable[tuple[int, int]] = (), **image: Any
) -> dict[str, Any]:
    """A COCO dict: image id → category ids."""
    marked = set(crowds)
    pairs = [(image_id, category) for image_id, categories in holders.items() for category in categories]
    return {
        "images": [{"id": i, "file_name": f"{i:012d}.jpg", "width": 640, "height": 480} | image for i in holders],
        "annotations": [
            {
                "id": n,
                "image_id": i,
                "category_id": c,
                "iscrowd": int((i, c) in marked),
                "area": 4,
                "bbox": [0, 0, 2, 2],
            }
            for n, (i, c) in enumerate(pairs, 1)
        ],
        "categories": [{"id": c, "name": name} for c, name in names.items()],
    }


def said(*pairs: tuple[int, str]) -> dict[str, Any]:
    """A captions dict."""
    return {"annotations": [{"id": n, "image_id": i, "caption": text} for n, (i, text) in enumerate(pairs, 1)]}


def reference(path_or_dict: Path | dict[str, Any]) -> Any:
    """pycocotools, silenced."""
    from pycocotools.coco import COCO  # noqa: PLC0415

    with contextlib.redirect_stdout(io.StringIO()):
        if isinstance(path_or_dict, Path):
            return COCO(str(path_or_dict))
        answer = COCO()
        answer.dataset = path_or_dict
        answer.createIndex()
        return answer


def union_of_img_ids(api: Any, names: Iterable[str]) -> set[int]:
    """All images with any of the categories, the way a careful user of pycocotools asks."""
    found: set[int] = set()
    for name in names:
        for category_id in api.getCatIds(catNms=[name]):
            found |= set(api.getImgIds(catIds=[category_id]))
    return found


@settings(max_examples=examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_eligible__equals_pycocotools_on_generated_files(tmp_path: Path, data: st.DataObject) -> None:
    category_ids = data.draw(st.lists(st.integers(1, 2**40), min_size=1, max_size=12, unique=True))
    names = {c: f"class {n}" for n, c in enumerate(category_ids)}
    holders = data.draw(
        st.dictionaries(st.integers(-(2**40), 2**62), st.lists(st.sampled_from(category_ids), max_size=20), max_size=40)
    )
    pairs = sorted({(i, c) for i, held in holders.items() for c in held})
    crowds = data.draw(st.sets(st.sampled_from(pairs))) if pairs else set()
    document = coco(holders, names, crowds)
    data.draw(st.randoms(use_true_random=False)).shuffle(document["annotations"])
    excluded = data.draw(st.sets(st.sampled_from(sorted(names.values()))))
    api = reference(document)
    with make(tmp_path, document) as catalog:
        answer = catalog.eligible(excluded)
        assert set(answer.ids) == set(holders) - union_of_img_ids(api, excluded)
        assert list(answer.ids) == sorted(answer.ids)
        assert answer.by_class == len(union_of_img_ids(api, excluded))
        assert {c.id: c.images for c in catalog.categories} == {c: len(api.getImgIds(catIds=[c])) for c in category_ids}
        for image_id, held in holders.items():
            assert catalog.contains(image_id) == tuple(names[c] for c in sorted(set(held)))


def test_eligible__equals_pycocotools_on_real_records(coco_real: Path, tmp_path: Path) -> None:
    path = coco_real / "annotations" / "instances_train2017.json"
    api = reference(path)
    build_catalog(tmp_path / "c.sqlite", begin_instances(path), None)
    rng = random.Random(1)
    names = [category["name"] for category in api.cats.values()]
    with Catalog(tmp_path / "c.sqlite") as catalog:
        assert [c.name for c in catalog.categories] == names
        for _ in range(200):
            excluded = rng.sample(names, rng.randint(0, 12))
            assert set(catalog.eligible(excluded).ids) == set(api.imgs) - union_of_img_ids(api, excluded)
        for record in catalog.records(sorted(api.imgs)):
            true = api.imgs[record.id]
            keys = ("id", "file_name", "width", "height", "license", "coco_url", "flickr_url")
            assert record == ImageRecord(*(true[key] for key in keys))


def test_captions__of_real_records_are_kept_and_veto(coco_real: Path, tmp_path: Path) -> None:
    instances = begin_instances(coco_real / "annotations" / "instances_train2017.json")
    path = coco_real / "annotations" / "captions_train2017.json"
    build_catalog(tmp_path / "c.sqlite", instances, read_captions(path, instances.images))
    texts: dict[int, list[str]] = {}
    for entry in json.loads(path.read_text(encoding="utf-8"))["annotations"]:
        texts.setdefault(entry["image_id"], []).append(entry["caption"].strip())
    with Catalog(tmp_path / "c.sqlite") as catalog:
        described = catalog.describe(texts)
        for image_id, captions in texts.items():
            assert sorted(described[image_id][1]) == sorted(captions)
        named = {i for i, captions in texts.items() if any("train" in c.lower().strip(".").split() for c in captions)}
        vetoed = catalog.eligible([], vetoes=[CaptionTerms("train", ("train",))])
        assert vetoed.by_caption == len(named) == vetoed.captions["train"] > 0
        assert named.isdisjoint(vetoed.ids)


NAMES = {1: "person", 2: "dog", 3: "cat"}


def test_eligible__counts_each_image_once_under_its_first_reason(tmp_path: Path) -> None:
    document = coco({1: [1], 2: [2], 3: [], 4: [], 5: [], 6: [], 7: [3]}, NAMES)
    document["licenses"] = [
        {"id": 1, "name": "Attribution-NonCommercial License", "url": "http://creativecommons.org/licenses/by-nc/2.0/"},
        {"id": 4, "name": "Attribution License", "url": "http://creativecommons.org/licenses/by/2.0/"},
    ]
    for image, license_id in zip(document["images"], (1, 1, 1, 1, 4, 4, 4), strict=True):
        image["license"] = license_id
    document["images"][0]["file_name"] = "../1.jpg"
    document["images"][5]["width"] = 9
    captions = said((1, "A person."), (3, "People walk."), (4, "A tree."), (6, "A field."))
    with make(tmp_path, document, captions) as catalog:
        answer = catalog.eligible(
            ["person"],
            vetoes=[CaptionTerms("person", ("person", "people"))],
            license_ids=parse_license("commercial", catalog.licenses),
        )
        assert (answer.by_class, answer.by_caption, answer.by_license, answer.unusable) == (1, 1, 2, 1)
        assert answer.ids == (5, 7)
        assert answer.images == 7
        assert dict(answer.captions) == {"person": 1}
        assert answer.few_classes_share == 1.0


def test_eligible__crowd_region_is_presence(tmp_path: Path) -> None:
    with make(tmp_path, coco({1: [1], 2: [2]}, NAMES, crowds=[(1, 1)])) as catalog:
        assert catalog.eligible(["person"]).ids == (2,)


def test_eligible__does_not_depend_on_file_order(tmp_path: Path) -> None:
    rng = random.Random(3)
    document = coco({i: rng.sample(sorted(NAMES), rng.randint(0, 3)) for i in rng.sample(range(1000), 60)}, NAMES)
    captions = said(*((i, rng.choice(["a dog", "a cat", "a tree"])) for i in range(1000)))
    answers = set()
    for _ in range(3):
        with make(tmp_path, document, captions) as catalog:
            terms = CaptionTerms("dog", ("dog",))
            answer = catalog.eligible(["cat"], vetoes=[terms])
            answers.add((answer.ids, answer.by_caption, tuple(catalog.records(answer.ids))))
        for part in (*document.values(), captions["annotations"]):
            rng.shuffle(part)
    assert len(answers) == 1


def test_eligible__unknown_category_is_a_usage_error(tmp_path: Path) -> None:
    with (
        make(tmp_path, coco({1: [1]}, NAMES)) as catalog,
        pytest.raises(UsageError, match=r"'persn'.*cat, dog, person"),
    ):
        catalog.eligible(["persn"])


def test_eligible__two_categories_of_one_name_are_both_meant(tmp_path: Path) -> None:
    with make(tmp_path, coco({1: [1], 2: [2], 3: []}, {1: "dog", 2: "dog"})) as catalog:
        assert catalog.eligible(["dog"]).ids == (3,)


@pytest.mark.parametrize(
    ("terms", "vetoed"),
    [
        (("dog",), {1, 2}),
        (("DOG",), {1, 2}),
        (("dogs",), set()),
        (("hot dog",), {2}),
        (("hot-dog",), {2}),
        (("cafe",), {3}),
        (('say "hi"',), {4}),
        (('"', "NOT", "*", "tree) OR (dog", "", "\0", "a\0b", "^", "text:dog", "NEAR(a b)", "\ud800"), set()),
        (("тест",), {5}),
        ((*(f"word{n}" for n in range(1500)), "tree"), {6}),
    ],
)
def test_vetoes__phrases_are_quoted_and_batched(tmp_path: Path, terms: tuple[str, ...], vetoed: set[int]) -> None:
    captions = said(
        (1, "A dog."), (2, "A hot dog, eaten"), (3, "At the CAFÉ"), (4, 'They say "hi"'), (5, "Тест"), (6, "tree")
    )
    with make(tmp_path, coco({i: [] for i in range(1, 8)}, NAMES), captions) as catalog:
        answer = catalog.eligible([], vetoes=[CaptionTerms("x", terms)])
        assert set(range(1, 8)) - set(answer.ids) == vetoed


@settings(max_examples=examples(100), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(term=st.text(max_size=12))
def test_vetoes__no_text_is_syntax(tmp_path: Path, term: str) -> None:
    path = tmp_path / "shared.sqlite"
    if not path.exists():
        decoded = parse_instances(json.dumps(coco({1: [], 2: []}, NAMES)).encode(), source="i")
        texts = parse_captions(json.dumps(said((1, "a dog"))).encode(), decoded.images, source="c")
        build_catalog(path, ReadInstances(decoded.images, lambda: decoded), texts)
    with Catalog(path) as catalog:
        assert 2 in catalog.eligible([], vetoes=[CaptionTerms("x", (term, "tree"))]).ids


def test_vetoes__but_not_counts_within_the_same_caption(tmp_path: Path) -> None:
    captions = said((1, "a hot dog"), (2, "a hot dog"), (2, "a dog"), (3, "a dog"))
    with make(tmp_path, coco({1: [], 2: [], 3: []}, NAMES), captions) as catalog:
        terms = CaptionTerms("dog", ("dog",), ("hot dog",))
        assert catalog.eligible([], vetoes=[terms]).ids == (1,)


def test_vetoes__more_captions_than_usual_stay_with_their_image(tmp_path: Path) -> None:
    captions = said(
        *((1, f"line {n}") for n in range(100)),
        (2, "a dog"),
        (2, "a\ttab\nand line"),
        (2, "nul\0word"),
        (2, "\\u0000"),
        (2, ""),
    )
    with make(tmp_path, coco({1: [], 2: []}, NAMES), captions) as catalog:
        assert catalog.eligible([], vetoes=[CaptionTerms("x", ("99",))]).ids == (2,)
        captions_of = {image_id: found for image_id, (_, found) in catalog.describe((1, 2)).items()}
        assert len(captions_of[1]) == 100
        assert set(captions_of[2]) == {"a tab and line", "a dog", "nul\0word", "\\u0000", ""}
        for term, ids in (("word", (1,)), ("nul", (1,)), ("u0000", (1,)), ("line", ())):
            assert catalog.eligible([], vetoes=[CaptionTerms("x", (term,))]).ids == ids


def test_vetoes__without_captions_veto_nothing(tmp_path: Path) -> None:
    with make(tmp_path, coco({1: []}, NAMES)) as catalog:
        assert not catalog.has_captions
        assert catalog.describe([1]) == {1: ((), ())}
        assert catalog.eligible([], vetoes=[CaptionTerms("x", ("a",))]).captions == {"x": 0}


@pytest.mark.parametrize(
    ("file_name", "usable"),
    [
        ("a.jpg", True),
        ("train2017/a.JPEG", True),
        ("train\\a.png", True),
        ("a..b.jpg", True),
        ("", False),
        ("/etc/../a.jpg", True),
        ("/a.jpg", False),
        ("\\a.jpg", False),
        ("C:a.jpg", False),
        ("x/../a.jpg", False),
        ("..\\a.jpg", False),
        ("a\n.jpg", False),
        ("a.gif", False),
        ("a", False),
    ],
)
def test_eligible__unsafe_names_and_other_files_are_unusable(tmp_path: Path, file_name: str, usable: bool) -> None:
    with make(tmp_path, coco({1: []}, NAMES, file_name=file_name)) as catalog:
        assert catalog.eligible([]).unusable == int(not usable)


def test_eligible__a_file_that_two_records_share_is_not_trusted(tmp_path: Path) -> None:
    document = coco({1: [1], 2: [], 3: []}, NAMES)
    document["images"][1]["file_name"] = document["images"][0]["file_name"]
    with make(tmp_path, document) as catalog:
        assert catalog.eligible(["person"]).ids == (3,)


@pytest.mark.parametrize(
    "other",
    [
        "./im1.jpg",
        ".//im1.jpg",
        "a/../im1.jpg",
        "./a/..//im1.jpg",
        ".\\im1.jpg",
        "IM1.JPG",
        "train2017/im1.jpg",
        "images/im1.jpg",
        "images\\val2017/IM1.jpg",
    ],
)
def test_eligible__two_spellings_of_one_file_are_not_trusted(tmp_path: Path, other: str) -> None:
    """The first says that nobody is there, the second that somebody is."""
    document = coco({1: [], 2: [1], 3: []}, NAMES)
    document["images"][0]["file_name"], document["images"][1]["file_name"] = "im1.jpg", other
    with make(tmp_path, document) as catalog:
        assert catalog.eligible(["person"]).ids == (3,)
        assert catalog.eligible([]).unusable == 2


def test_eligible__composed_and_decomposed_names_are_one_file(tmp_path: Path) -> None:
    document = coco({1: [], 2: [1], 3: []}, NAMES)
    document["images"][0]["file_name"], document["images"][1]["file_name"] = "caf\u00e9.jpg", "cafe\u0301.jpg"
    with make(tmp_path, document) as catalog:
        assert catalog.eligible(["person"]).ids == (3,)


def test_eligible__one_name_in_several_folders_is_several_files(tmp_path: Path) -> None:
    document = coco({1: [], 2: [1], 3: [], 4: []}, NAMES)
    for record, name in zip(
        document["images"], ("a/1.jpg", "b/1.jpg", "train2017/1.jpg", "val2017/1.jpg"), strict=True
    ):
        record["file_name"] = name
    with make(tmp_path, document) as catalog:
        assert catalog.eligible(["person"]).ids == (1, 3, 4)


def test_layouts__are_those_that_folders_are_searched_in() -> None:
    assert {f"{layout}/" for layout in LAYOUTS if layout} == set(_LAYOUTS)


def test_catalog__of_no_images_answers(tmp_path: Path) -> None:
    with make(tmp_path, coco({}, NAMES)) as catalog:
        assert catalog.images == 0
        assert catalog.eligible(["dog"]).ids == ()


def test_records__keep_the_order_and_name_unknown_ids(tmp_path: Path) -> None:
    rng = random.Random(0)
    with make(tmp_path, coco({i: [] for i in range(1000)}, NAMES)) as catalog:
        wanted = rng.sample(range(1000), 700)
        assert [record.id for record in catalog.records(wanted)] == wanted
        assert catalog.file_names(wanted) == [record.file_name for record in catalog.records(wanted)]
        with pytest.raises(KeyError):
            catalog.file_names([1, 5000])
        with pytest.raises(KeyError):
            list(catalog.records([1, 5000]))
        with pytest.raises(KeyError):
            catalog.contains(5000)


@pytest.mark.parametrize(
    ("name", "url", "commercial"),
    [
        ("Attribution-NonCommercial-ShareAlike License", "http://creativecommons.org/licenses/by-nc-sa/2.0/", False),
        ("", "https://creativecommons.org/licenses/by-nc-nd/4.0/", False),
        ("CC BY-NC 4.0", "", False),
        ("Non Commercial use", "", False),
        ("Attribution License", "http://creativecommons.org/licenses/by/2.0/", True),
        ("Attribution-NoDerivs License", "http://creativecommons.org/licenses/by-nd/2.0/", True),
        ("No known copyright restrictions", "http://flickr.com/commons/usage/", True),
        ("Incident response licence", "http://sync.example/encoding", True),
        ("", "", False),
    ],
)
def test_is_commercial__reads_name_and_address(name: str, url: str, commercial: bool) -> None:
    assert is_commercial(LicenseRow(1, name, url)) is commercial


def test_parse_license__any_commercial_ids_and_nonsense(coco_real: Path, tmp_path: Path) -> None:
    instances = begin_instances(coco_real / "annotations" / "instances_train2017.json")
    build_catalog(tmp_path / "c.sqlite", instances, None)
    with Catalog(tmp_path / "c.sqlite") as catalog:
        assert parse_license(" Any ", catalog.licenses) is None
        assert parse_license("commercial", catalog.licenses) == frozenset({4, 5, 6, 7, 8})
        assert parse_license("4, 5", catalog.licenses) == frozenset({4, 5})
        for bad in ("9", "4,", "", "nc", "4 5"):
            with pytest.raises(UsageError, match="4 = Attribution License"):
                parse_license(bad, catalog.licenses)
        with pytest.raises(UsageError, match="99"):
            catalog.eligible([], license_ids=[99])


def test_catalog__damage_is_an_annotations_error_or_a_rebuild(tmp_path: Path) -> None:
    """Whatever page is damaged, the answer is either right, an AnnotationsError, or right after one rebuild."""
    rng = random.Random(7)
    names = {n: f"c{n}" for n in range(1, 30)}
    document = coco({i: rng.sample(sorted(names), 3) for i in range(400)}, names)
    captions = said(*((i, f"a {rng.choice(['dog', 'tree'])} with word{rng.randint(0, 999)}") for i in range(400)))
    with make(tmp_path, document, captions) as catalog:
        good = catalog.path.read_bytes()
        terms = [CaptionTerms("dog", ("dog",))]
        right = catalog.eligible(["c1"], vetoes=terms)
    rebuilt = tmp_path / "rebuilt.sqlite"
    rebuilt.write_bytes(good)
    outcomes = {"right": 0, "error": 0}
    for cut in (0, 10, 4096, len(good) // 2, len(good) - 1):
        (tmp_path / "bad.sqlite").write_bytes(good[:cut])
        with pytest.raises(AnnotationsError, match="cache clear"):
            Catalog(tmp_path / "bad.sqlite").eligible(["c1"], vetoes=terms)
    for page in range(len(good) // 4096):
        bad = bytearray(good)
        bad[page * 4096 : (page + 1) * 4096] = b"\xa5" * 4096
        (tmp_path / "bad.sqlite").write_bytes(bad)
        calls: list[int] = []

        def rebuild(calls: list[int] = calls) -> Path:
            calls.append(1)
            return rebuilt

        with Catalog(tmp_path / "bad.sqlite", rebuild=rebuild) as catalog:
            answer = catalog.eligible(["c1"], vetoes=terms)
            assert [r.id for r in catalog.records(right.ids)] == list(right.ids)
        assert answer == right
        outcomes["error" if calls else "right"] += 1
        assert len(calls) <= 1
    assert outcomes["error"] > 3


@pytest.mark.parametrize("seed", range(3))
def test_catalog__no_damaged_bit_gives_another_answer(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    names = {n: f"c{n}" for n in range(1, 30)}
    with make(tmp_path, coco({i: rng.sample(sorted(names), 3) for i in range(400)}, names)) as catalog:
        good = catalog.path.read_bytes()
        right = catalog.eligible(["c1"]).ids
    for place in rng.sample(range(len(good)), 300):
        bad = bytearray(good)
        bad[place] ^= 1 << rng.randrange(8)
        (tmp_path / "bad.sqlite").write_bytes(bad)
        with contextlib.suppress(AnnotationsError), Catalog(tmp_path / "bad.sqlite") as catalog:
            assert catalog.eligible(["c1"]).ids == right


def test_catalog__of_another_version_is_refused(tmp_path: Path) -> None:
    with make(tmp_path, coco({1: []}, NAMES)) as catalog:
        path = catalog.path
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(AnnotationsError, match="another version"):
        Catalog(path)


def test_catalog__opens_below_odd_folder_names(tmp_path: Path) -> None:
    folder = tmp_path / "a b?c#d%20é"
    folder.mkdir()
    with make(folder, coco({1: []}, NAMES)) as catalog:
        assert catalog.images == 1
