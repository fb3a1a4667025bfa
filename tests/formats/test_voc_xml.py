"""VOC's annotation files: any encoding that they name, whatever is in them, and a bounded cost."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import tally
from format_data import picture
from hypothesis import given
from hypothesis import strategies as st

import yolobg
from yolobg.errors import DatasetError, PoolError
from yolobg.formats.convert import convert
from yolobg.formats.voc_xml import CORNERS, LARGEST_XML_BYTES, read_annotation

BODY = (
    "<annotation><filename>a.jpg</filename><size><width>64</width><height>48</height></size><object><name>{name}</name>"
    "<bndbox><xmin>8</xmin><ymin>12</ymin><xmax>24</xmax><ymax>36</ymax></bndbox></object></annotation>"
)
NAMES = {
    "gb2312": "狗",
    "gbk": "狗鎔",
    "gb18030": "狗",
    "GB2312": "狗",
    "big5": "狗",
    "shift_jis": "犬",
    "euc-jp": "犬",
    "euc-kr": "개",
    "iso-2022-jp": "犬",
    "koi8-r": "собака",
    "windows-1251": "собака",
    "latin-1": "café",
    "iso-8859-15": "5€",
    "us-ascii": "dog",
    "utf-8": "狗",
    "utf-16": "狗",
}


def make_voc(root: Path, xml: bytes) -> Path:
    for folder in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (root / folder).mkdir(parents=True)
    picture(root / "JPEGImages/a.jpg", 0)
    (root / "Annotations/a.xml").write_bytes(xml)
    (root / "ImageSets/Main/train.txt").write_text("a\n")
    return root


def make_dataset(root: Path) -> Path:
    for number in range(4):
        for folder in ("images/train", "labels/train"):
            (root / folder).mkdir(parents=True, exist_ok=True)
        picture(root / f"images/train/{number}.jpg", number + 4)
        (root / f"labels/train/{number}.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    (root / "data.yaml").write_text("train: images/train\nval: images/train\nnames: [dog, cat]\n")
    return root


def written(encoding: str, name: str, *, declared: str | None = None) -> bytes:
    head = f"<?xml version='1.0' encoding='{declared or encoding}'?>\n"
    return (head + BODY.format(name=name)).encode(encoding)


@pytest.mark.parametrize("encoding", NAMES)
def test_encoding__that_python_knows_is_read(tmp_path: Path, encoding: str) -> None:
    report = convert(make_voc(tmp_path / "in", written(encoding, NAMES[encoding])), tmp_path / "out", to="yolo")
    assert report.after.classes == {0: NAMES[encoding]}
    assert (tmp_path / "out/labels/train/a.txt").read_text() == "0 0.25 0.5 0.25 0.5\n"


@pytest.mark.parametrize(
    ("encoding", "declared", "name"),
    [
        ("gb18030", "gb2312", "鎔"),
        ("cp932", "shift_jis", "①"),
        ("cp949", "euc-kr", "똠"),
        ("utf-16-le", "utf-16", "狗"),
    ],
)
def test_encoding__one_that_is_named_too_narrow_is_read(
    tmp_path: Path, encoding: str, declared: str, name: str
) -> None:
    (tmp_path / "a.xml").write_bytes(written(encoding, name, declared=declared))
    assert read_annotation(tmp_path / "a.xml").objects[0].name == name


@pytest.mark.parametrize("name", ["no-such", "x" * 60, "hex", "zlib", "rot13", "punycode", "idna", "unicode_escape"])
def test_encoding__that_is_not_known_is_named(tmp_path: Path, name: str) -> None:
    source = make_voc(tmp_path / "in", written("ascii", "dog", declared=name))
    with pytest.raises(DatasetError, match=rf"a\.xml: .*'{name}'.*save it as UTF-8"):
        convert(source, tmp_path / "out", to="yolo")
    data = make_dataset(tmp_path / "data")
    with pytest.raises(DatasetError, match=rf"a\.xml: .*'{name}'"):
        yolobg.augment(data / "data.yaml", source=str(source), count=1)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("encoding", "content"), [("gbk", b"\xff\xff"), ("utf-8", b"\xb9\xb7"), ("big5", b"\xff")])
def test_encoding__that_is_not_the_one_named_is_told(tmp_path: Path, encoding: str, content: bytes) -> None:
    xml = written("ascii", "dog", declared=encoding).replace(b"dog", content)
    with pytest.raises(DatasetError, match=r"a\.xml: "):
        convert(make_voc(tmp_path / "in", xml), tmp_path / "out", to="yolo")


@pytest.mark.parametrize("encoding", ["gb2312", "big5", "shift_jis", "euc-kr"])
def test_augment__reads_a_source_in_another_encoding(tmp_path: Path, encoding: str) -> None:
    """The only image of the source holds an object of a class, and is known by it."""
    source = make_voc(tmp_path / "in", written(encoding, "dog"))
    data = make_dataset(tmp_path / "data")
    with pytest.raises(PoolError):
        yolobg.augment(data / "data.yaml", source=str(source), count=1)


LAUGHS = '<!ENTITY a "ha">' + "".join(
    f'<!ENTITY {new} "{f"&{old};" * 10}">' for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "gbk", "latin-1"])
@pytest.mark.parametrize(
    "inside", [LAUGHS, '<!ENTITY i SYSTEM "file:///etc/passwd">', '<!ENTITY % p SYSTEM "http://127.0.0.1/"> %p;']
)
def test_entities__are_refused(tmp_path: Path, encoding: str, inside: str) -> None:
    xml = f"<?xml version='1.0' encoding='{encoding}'?><!DOCTYPE annotation [{inside}]>" + BODY.format(name="&i;")
    (tmp_path / "a.xml").write_bytes(xml.encode(encoding))
    with pytest.raises(DatasetError, match=r"a\.xml: .*entities"):
        read_annotation(tmp_path / "a.xml")
    tally.tried("hostile inputs")


def test_entities__that_nobody_declares_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(b"<!DOCTYPE annotation SYSTEM 'x.dtd'>" + BODY.format(name="&i;").encode())
    with pytest.raises(DatasetError, match=r"a\.xml"):
        read_annotation(tmp_path / "a.xml")


LONG = {
    "comment": ("<annotation><!--", "x", "--></annotation>"),
    "attribute": ("<annotation a='", "x", "'></annotation>"),
    "name": ("<", "x", "/>"),
    "instruction": ("<annotation><?x ", "x", "?></annotation>"),
    "text": ("<annotation><filename>", "x", "</filename></annotation>"),
    "cdata": ("<annotation><![CDATA[", "x", "]]></annotation>"),
}


@pytest.mark.parametrize("what", LONG)
def test_cost__a_long_token_is_read_in_one_go_or_refused(
    tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A parser that gets it in pieces may begin it anew with each of them, which takes quadratic time."""
    fed: list[int] = []

    class Parser(ElementTree.XMLParser):
        def feed(self, data: Any) -> None:
            fed.append(len(data))
            super().feed(data)

    monkeypatch.setattr(ElementTree, "XMLParser", Parser)
    start, middle, end = LONG[what]
    room = LARGEST_XML_BYTES - len(start) - len(end)
    (tmp_path / "a.xml").write_text(start + middle * room + end)
    read_annotation(tmp_path / "a.xml")
    assert fed == [LARGEST_XML_BYTES]
    (tmp_path / "a.xml").write_text(start + middle * (room + 1) + end)
    with pytest.raises(DatasetError, match=r"a\.xml: .*larger than 16 MiB"):
        read_annotation(tmp_path / "a.xml")
    assert len(fed) == 1


def test_cost__deep_nesting_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text("<a>" * 500_000 + "</a>" * 500_000)
    assert read_annotation(tmp_path / "a.xml").objects == []


@pytest.mark.parametrize("content", [b"", b"<", b"<a>", b"<a></b>", b"no xml", b"\0" * 100, b"<?xml encoding='gbk'"])
def test_file__that_is_no_xml_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.xml").write_bytes(content)
    with pytest.raises(DatasetError, match=r"a\.xml: cannot be read"):
        read_annotation(tmp_path / "a.xml")


TAGS = st.sampled_from(["filename", "size", "width", "height", "object", "name", "bndbox", "part", *CORNERS])
TREES = st.recursive(
    TAGS.map(lambda tag: f"<{tag}>{tag}</{tag}>"),
    lambda inner: st.builds(
        lambda tag, text, parts: f"<{tag}>{text}{''.join(parts)}</{tag}>",
        TAGS,
        st.sampled_from(["", " 1 ", "é<!-- c -->&amp;"]),
        st.lists(inner, max_size=5),
    ),
    max_leaves=25,
)


@given(st.lists(TREES, max_size=6).map("".join))
def test_read__gives_what_a_whole_tree_gives(tmp_path_factory: pytest.TempPathFactory, inside: str) -> None:
    file = tmp_path_factory.getbasetemp() / "tree.xml"
    file.write_text(f"<annotation>{inside}</annotation>", encoding="utf-8")
    root, read = ElementTree.parse(file).getroot(), read_annotation(file)
    assert read.filename == (root.findtext("filename") or "")
    assert (read.width, read.height) == tuple(root.findtext(f"size/{side}") or "" for side in ("width", "height"))
    meant = [
        ((node.findtext("name") or "").strip(), [node.findtext(f"bndbox/{side}") or "" for side in CORNERS])
        for node in root.findall("object")
    ]
    assert [(thing.name, thing.corners) for thing in read.objects] == meant
    parts = [
        [(part.findtext("name") or "").strip() for part in node.findall("part")] for node in root.findall("object")
    ]
    assert [thing.parts for thing in read.objects] == parts
