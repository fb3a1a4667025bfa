"""Whom a page names for an image: a person or a page, never a bare image address."""

from __future__ import annotations

import pytest

from yolobg.changes.credits import Credit, credit_of

COCO = "http://farm4.staticflickr.com/3448/3176652494_ba19663418_z.jpg"
PAGE = "https://www.flickr.com/photo.gne?id=3176652494"


@pytest.mark.parametrize(
    "address",
    [
        COCO,
        COCO.replace("http:", "https:"),
        "https://farm4.static.flickr.com/3448/3176652494_ba19663418.jpg",
        "https://live.staticflickr.com/3448/3176652494_ba19663418_3k.jpg",
        "https://c4.staticflickr.com/4/3448/3176652494_ba19663418_o.png",
    ],
)
def test_credit__a_flickr_image_leads_to_its_photo_page(address: str) -> None:
    assert credit_of("", address) == Credit("Photo", "Flickr 3176652494", PAGE)
    assert credit_of("Ann", address) == Credit("Photographer", "Ann", PAGE)


@pytest.mark.parametrize(
    "address",
    [
        "http://farm4.staticflickr.com/3448/ba19663418_z.jpg",
        "http://farm4.staticflickr.com/3448/3176652494.jpg",
        "http://farm4.staticflickr.com/3176652494_ba19663418_z.jpg",
        "http://farm4.staticflickr.com/3448/3176652494_ba19663418_z.jpg/x",
        "http://farm4.staticflickr.com/",
    ],
)
def test_credit__without_a_certain_number_it_is_only_flickr(address: str) -> None:
    assert credit_of("", address) == Credit("Photo", "Flickr", "")


@pytest.mark.parametrize("host", ["staticflickr.com.evil.test", "evilfarm4.staticflickr.com", "staticflickr.test"])
def test_credit__another_host_is_not_flickr(host: str) -> None:
    assert credit_of("", f"http://{host}/3448/3176652494_ba19663418_z.jpg") == Credit("Photo", "", "")


@pytest.mark.parametrize(
    ("address", "name", "page"),
    [
        ("https://www.flickr.com/photos/someone/7", "www.flickr.com", "https://www.flickr.com/photos/someone/7"),
        ("https://archive.test/7", "archive.test", "https://archive.test/7"),
        ("https://archive.test/7.JPG", "", ""),
        ("javascript:alert(1)", "", ""),
        ("file:///etc/passwd", "", ""),
        ("http://[x", "", ""),
        ("", "", ""),
    ],
)
def test_credit__a_page_is_linked_and_an_image_is_not(address: str, name: str, page: str) -> None:
    assert credit_of("", address) == Credit("Photo", name, page)
    assert credit_of("Ann", address) == Credit("Photographer", "Ann", page)
