"""The review in a real browser: keys, two tabs, kills, a thousand images, accessibility, and nothing that leaves.

Needs Debian's chromium and chromium-driver and the package selenium; skips with a reason where one is missing.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from evaluating import found_in, write_dataset, write_images, write_predictions
from merging import visible
from mining_data import FakeModel, use_model
from PIL import Image
from places import DATA
from reviewing import HOSTILE, add_backgrounds, chosen, make_sample, reviewing, source_of

import yolobg
from yolobg.api import propose
from yolobg.changes.manifest import report_path
from yolobg.changes.proposals import read_proposal
from yolobg.changes.rejections import read_rejections
from yolobg.changes.review_state import read_state
from yolobg.review.handover import HandoverPage

pytestmark = pytest.mark.browser
webdriver = pytest.importorskip("selenium.webdriver", reason="needs the package selenium")
Keys = pytest.importorskip("selenium.webdriver.common.keys").Keys
Chains = pytest.importorskip("selenium.webdriver.common.action_chains").ActionChains

AXE = DATA / "vendor/axe.min.js"
PLACES = [shutil.which(name) for name in ("chromium", "chromedriver")]
SWITCHES = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--window-size=1280,900",
)  # fmt: skip
SERIOUS = {"serious", "critical"}
BROKEN_WORDS = """
const broken = [];
const texts = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
for (let text = texts.nextNode(); text; text = texts.nextNode()) {
  if (text.parentElement.closest(".hash")) continue;
  for (const word of text.data.matchAll(/\\p{L}+/gu)) {
    const range = document.createRange();
    range.setStart(text, word.index);
    range.setEnd(text, word.index + word[0].length);
    if (new Set([...range.getClientRects()].map((box) => box.top)).size > 1) broken.push(word[0]);
  }
}
return broken;
"""
LONG_TASKS = """
window.longTasks = [];
new PerformanceObserver((list) => window.longTasks.push(...list.getEntries().map((entry) => entry.duration)))
  .observe({ type: "longtask", buffered: true });
"""


@pytest.fixture
def browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A headless Chromium with a profile of its own."""
    if not all(PLACES):
        pytest.skip("needs chromium and chromedriver")
    # Selenium must neither look for drivers on the network nor tell anybody.
    monkeypatch.setenv("SE_OFFLINE", "true")
    monkeypatch.setenv("SE_AVOID_STATS", "true")
    options = webdriver.ChromeOptions()
    options.binary_location = PLACES[0]
    for switch in (*SWITCHES, f"--user-data-dir={tmp_path / 'profile'}"):
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = webdriver.ChromeService(PLACES[1])
    driver = webdriver.Chrome(options=options, service=service)
    try:
        driver.set_page_load_timeout(60)
        yield driver
        check_quiet(driver)
    finally:
        driver.quit()
        service.stop()


def check_quiet(driver: Any) -> None:
    """No request has left this machine, and the console is empty but for what a test expects."""
    asked = []
    for line in driver.get_log("performance"):
        message = json.loads(line["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            asked.append(message["params"]["request"]["url"])
    strange = [
        url for url in asked if urlsplit(url).scheme in ("http", "https") and urlsplit(url).hostname != "127.0.0.1"
    ]
    assert strange == []
    expected = getattr(driver, "expected_errors", ())
    told = [e["message"] for e in driver.get_log("browser") if e["level"] in ("SEVERE", "WARNING")]
    assert [message for message in told if not any(part in message for part in expected)] == []


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A dataset with ten backgrounds of ours and one of the user."""
    data = make_sample(tmp_path / "s", names=f"names:\n  0: dog\n  1: '{HOSTILE}'\n")
    image = data / "images/train/my_background.jpg"
    shutil.copy(next(data.glob("images/val/*.jpg")), image)
    (data / "labels/train/my_background.txt").touch()
    add_backgrounds(data, 11, map={HOSTILE: ()})
    return data


@contextlib.contextmanager
def review_in(browser: Any, data: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """As `reviewing`; the page is left before its server ends, for a page that is left behind complains."""
    with reviewing(data, *options) as (process, address):
        yield process, address
        browser.get("about:blank")


def wait(condition: Callable[[], Any], seconds: float = 20) -> Any:
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.03)
    return value


# Whether a picture has pixels of the frame's red where the model found something.
RED_FRAME = """(image) => {
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  const drawn = canvas.getContext('2d');
  drawn.drawImage(image, 0, 0);
  const pixels = drawn.getImageData(0, 0, 30, 24).data;
  let red = 0;
  for (let at = 0; at < pixels.length; at += 4) red += pixels[at] > 140 && pixels[at + 1] < 110 && pixels[at + 2] < 110;
  return red > 10;
}"""


class Page:
    """The page as a person sees it."""

    def __init__(self, driver: Any, address: str) -> None:
        self.driver = driver
        driver.get(address)
        wait(lambda: self.js("return document.activeElement?.classList.contains('open')"))

    def js(self, script: str) -> Any:
        return self.driver.execute_script(script)

    def key(self, *keys: str) -> None:
        for key in keys:
            Chains(self.driver).send_keys(key).perform()

    def counts(self) -> tuple[int, int, int]:
        return tuple(  # type: ignore[return-value]  # three names give three numbers
            int(self.text(f"count-{name}").replace(",", "")) for name in ("looked", "rejected", "left")
        )

    def text(self, name: str) -> str:
        return str(self.js(f"return document.getElementById('{name}').textContent"))

    def current(self) -> int:
        return int(self.js("return Number(document.activeElement.closest('.card')?.dataset.number ?? -1)"))

    def order(self) -> list[int]:
        return list(
            self.js("return [...document.querySelectorAll('.card')].map((card) => Number(card.dataset.number))")
        )

    def click(self, name: str) -> None:
        self.js(f"document.getElementById('{name}').click()")

    def open(self, name: str) -> bool:
        return bool(self.js(f"return document.getElementById('{name}').open"))

    def until(self, *counts: int) -> None:
        wait(lambda: self.counts() == counts)


def axe(driver: Any) -> list[str]:
    """Serious findings of axe-core on the page as it is."""
    # Handed to the browser as its own script: the page's policy rightly lets none in.
    driver.execute_cdp_cmd("Runtime.evaluate", {"expression": AXE.read_text(encoding="utf-8")})
    found = driver.execute_cdp_cmd(
        "Runtime.evaluate",
        {
            "expression": "axe.run().then((r) => JSON.stringify(r.violations))",
            "awaitPromise": True,
            "returnByValue": True,
        },
    )
    violations = json.loads(found["result"]["value"])
    return [
        f"{v['id']}: {v['help']}: {v['nodes'][0]['html'][:200]} {v['nodes'][0].get('failureSummary', '')[:300]}"
        for v in violations
        if v["impact"] in SERIOUS
    ]


def look(driver: Any, *, dark: bool = False, width: int = 1280, height: int = 900) -> None:
    scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


# ---------------------------------------------------------------- the review


def test_keys__move_reject_undo_accept_filter_and_reload(browser: Any, data: Path) -> None:
    with review_in(browser, data) as (_, address):
        page = Page(browser, address)
        page.until(0, 0, 11)
        order = page.order()
        assert page.current() == order[0]
        page.key(Keys.ARROW_RIGHT, "x")
        page.until(2, 1, 9)
        assert page.current() == order[1]
        assert page.js("return document.activeElement.getAttribute('aria-label')").endswith(
            "rejected: shows one of the classes. Enlarge"
        )
        assert "rejected" in page.text("spoken")
        page.key("x")
        page.until(2, 0, 9)
        page.key("u")
        page.until(2, 1, 9)
        page.key("u")
        wait(lambda: page.counts()[1] == 0)
        page.key("u", "x")
        wait(lambda: page.counts()[1] == 1)
        page.key(Keys.HOME, Keys.ARROW_DOWN)
        columns = page.js(
            "return getComputedStyle(document.querySelector('.grid')).gridTemplateColumns.split(' ').length"
        )
        assert page.current() == order[columns]
        page.key(Keys.END)
        assert page.current() == order[-1]
        # Coming to the last image does not mark it; going on from it does.
        page.until(3, 1, 8)
        page.key(Keys.ARROW_DOWN)
        page.until(4, 1, 7)
        assert page.current() == order[-1]
        page.key("a")
        page.until(11, 1, 0)
        page.key("u")
        wait(lambda: page.counts()[2] > 0)
        counts = page.counts()
        page.driver.refresh()
        page.until(*counts)
        wait(lambda: page.current() >= 0)
        page.key("/", "xyz")
        assert page.js("return document.activeElement.id") == "words"
        wait(lambda: page.order() == [])
        page.key(*[Keys.BACKSPACE] * 3, Keys.ESCAPE)
        wait(lambda: len(page.order()) == 11)
        assert page.current() == order[0]
        assert len(read_state(data).rejected) == 1


def test_filters__by_content_licence_date_and_state(browser: Any, data: Path) -> None:
    with review_in(browser, data) as (_, address):
        page = Page(browser, address)

        def choose(name: str, place: int) -> str:
            script = f"const s = document.getElementById('{name}'); s.selectedIndex = {place};"
            page.js(script + "s.dispatchEvent(new Event('input', {bubbles: true}));")
            return str(page.js(f"return document.getElementById('{name}').selectedOptions[0].textContent"))

        for name in ("filter-contains", "filter-license", "filter-added"):
            label = choose(name, 1)
            assert f"({len(page.order())})" in label, name
            choose(name, 0)
            assert len(page.order()) == 11
        page.key("x")
        wait(lambda: page.counts()[1] == 1)
        assert choose("filter-state", 4) == "rejected"
        assert len(page.order()) == 1
        choose("filter-state", 1)
        assert len(page.order()) == 10


def test_large__shows_what_is_known_and_takes_keys(browser: Any, data: Path) -> None:
    with review_in(browser, data) as (_, address):
        page = Page(browser, address)
        page.key(Keys.ENTER)
        wait(lambda: page.open("large"))
        wait(lambda: page.js("return document.getElementById('large-image').naturalWidth") > 0)
        first = page.text("large-title")
        assert "Licence" in page.text("large-facts")
        links = page.js("return [...document.querySelectorAll('#large-facts a')].map((one) => one.href)")
        assert [link for link in links if link.endswith((".jpg", ".png"))] == []
        page.key("x")
        wait(lambda: "rejected" in page.text("large-state"))
        page.key(Keys.ARROW_RIGHT)
        wait(lambda: page.text("large-title") != first)
        page.key("u")
        wait(lambda: page.counts()[1] == 0)
        assert axe(browser) == []
        page.key(Keys.ESCAPE)
        wait(lambda: not page.open("large"))
        assert page.current() >= 0, "the focus is lost"


def test_apply__replaces_and_shows_the_new_ones(browser: Any, data: Path) -> None:
    before = set(chosen(data))
    with review_in(browser, data) as (_, address):
        page = Page(browser, address)
        page.key("x", Keys.ARROW_RIGHT, "x")
        page.until(2, 2, 9)
        page.key("p")
        wait(lambda: page.open("apply-dialog"))
        assert axe(browser) == []
        assert set(chosen(data)) == before, "changed before it was told to"
        page.click("apply-yes")
        wait(lambda: "Applied" in page.text("notice"), 60)
        page.until(0, 0, 11)
        assert len(page.order()) == 11
        assert page.text("notice").startswith("Applied: 2 images removed, 2 new ones added")
        # What came in is marked, comes first, and can be shown alone.
        came = set(chosen(data)) - before
        new = "return [...document.querySelectorAll('.card')].filter((card) => card.querySelector('.new')).map("
        new += "(card) => Number(card.dataset.number))"
        marked = page.js(new)
        assert page.order()[:2] == marked
        assert page.current() == marked[0]
        page.js("document.getElementById('show-new').focus()")
        page.key(Keys.ENTER)
        wait(lambda: page.order() == marked)
        assert page.current() == marked[0]
        assert axe(browser) == []
        page.key(Keys.ENTER)
        wait(lambda: page.open("large"))
        assert any(image in page.text("large-facts") for image in came)
        page.key(Keys.ESCAPE)
        page.driver.refresh()
        wait(lambda: len(page.order()) == 11)
        assert page.js(new) == marked
    assert len(before - set(chosen(data))) == 2 == len(set(chosen(data)) - before)
    assert len(read_rejections(data).ours) == 2


@pytest.fixture
def proposed(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same dataset, for which a model has chosen six more."""
    model = use_model(monkeypatch, tmp_path, FakeModel(names={0: "dog"}))
    plan = yolobg.plan(data, count=17, map={HOSTILE: ()}, hard=model, min_score=0.6, **source_of(data))
    assert propose(plan).mined is not None
    return data


def test_proposed__boxes_are_seen_one_is_rejected_and_the_others_come_in(browser: Any, proposed: Path) -> None:
    before = visible(proposed)
    proposal = read_proposal(proposed)
    assert proposal is not None
    entries = {entry.image: entry for entry in proposal.entries}
    with review_in(browser, proposed) as (process, address):
        page = Page(browser, address)
        page.until(0, 0, 6)
        assert page.js("return document.querySelector('h1').textContent") == "Proposed for dataset"
        assert "Keep an image in which the model is wrong" in browser.find_element("id", "task-model").text
        assert not browser.find_element("id", "task-unchecked").is_displayed()
        found = page.js("return [...document.querySelectorAll('.found')].map((one) => one.textContent)")
        assert len(found) == 3, "of the random half nothing is shown"
        assert found == sorted(found, reverse=True), "the strongest first"
        assert all(one.startswith("dog 0.") for one in found)
        # A frame, light outside and red inside, is in the picture where the model found something.
        page.js("for (const one of document.images) one.loading = 'eager'")
        seen = "return [...document.querySelectorAll('.card img')].filter((one) => one.naturalWidth > 0).length"
        wait(lambda: page.js(seen) == 6)
        framed = f"return [...document.querySelectorAll('.card img')].map((one) => ({RED_FRAME})(one))"
        assert page.js(framed) == [True] * 3 + [False] * 3
        page.key(Keys.ENTER)
        wait(lambda: page.open("large"))
        assert "Proposed" in page.text("large-facts")
        assert "Added" not in page.text("large-facts")
        page.key(Keys.ESCAPE)
        wait(lambda: not page.open("large"))
        page.key("x")
        page.until(1, 1, 5)
        (out,) = read_state(proposed, None).rejected
        page.key("p")
        wait(lambda: page.open("apply-dialog"))
        assert axe(browser) == []
        assert page.text("apply-text") == (
            "5 images will come into the dataset. 1 rejected image will not, and no later run picks it. "
            "You have not looked at 5 of them yet."
        )
        assert page.text("apply-yes") == "Add 5 images"
        assert visible(proposed) == before, "changed before it was told to"
        page.click("apply-no")
        page.key("q")
        wait(lambda: page.open("end-dialog"))
        assert browser.find_element("id", "end-text").text.startswith("No image has been added: they wait")
        page.click("end-no")
        # Scrolled far down, where a notice above the images is not seen.
        browser.set_window_size(1280, 500)
        page.key(Keys.END)
        wait(lambda: page.js("return scrollY") > 0)
        page.key("p")
        wait(lambda: page.open("apply-dialog"))
        page.click("apply-yes")
        wait(lambda: "Applied" in page.text("notice"), 60)
        assert page.text("notice") == (
            "Applied: 5 of 6 proposed images added to split train; 1 rejected, and no later run picks it. "
            "1 background is still missing: run the same augment again to see other images."
        )
        assert page.js("return document.querySelector('h1').textContent") == "Backgrounds of dataset"
        wait(lambda: len(page.order()) == 16)
        assert page.js("return scrollY") == 0
        assert [one for one in browser.find_elements("css selector", ".task") if one.is_displayed()] == []
        page.key("q")
        page.click("end-yes")
        assert process.wait(timeout=20) == 0
    came = {name for name in visible(proposed) if name not in before}
    assert {name for name in came if name.endswith(".jpg")} == set(entries) - {out}
    assert {name for name in came if name.endswith(".txt")} == {entries[i].label for i in set(entries) - {out}}
    for name in set(entries) - {out}:
        assert hashlib.sha256((proposed / name).read_bytes()).hexdigest() == entries[name].sha256
    assert [one.image for one in read_rejections(proposed).ours] == [out]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_proposed__accessible(browser: Any, proposed: Path, dark: bool, width: int) -> None:
    look(browser, dark=dark, width=width)
    with review_in(browser, proposed) as (_, address):
        page = Page(browser, address)
        page.key("x")
        page.until(1, 1, 5)
        if shots := os.environ.get("YOLOBG_SHOTS"):
            browser.save_screenshot(f"{shots}/proposed-{width}-{dark}.png")
        assert axe(browser) == []
        assert page.js("return document.documentElement.scrollWidth <= innerWidth"), "it scrolls sideways"


def test_apply__without_candidates_offers_to_remove_only(browser: Any, data: Path) -> None:
    plan = yolobg.plan(
        data, count=12, map={HOSTILE: ()}, annotations=data.parent / "source/annotations/instances_sample.json",
        images=[data.parent / "source/images"],
    )  # fmt: skip
    assert plan.report.source
    everyone = 11 + plan.report.source.eligible
    add_backgrounds(data, everyone, map={HOSTILE: ()})
    with review_in(browser, data) as (_, address):
        page = Page(browser, address)
        page.key("x")
        page.until(1, 1, everyone - 1)
        page.click("apply")
        page.click("apply-yes")
        wait(lambda: "nothing was removed" in page.text("apply-stage"), 60)
        assert yolobg.status(data).after.backgrounds == everyone
        wait(lambda: not page.js("return document.getElementById('apply-plain').hidden"))
        page.click("apply-plain")
        wait(lambda: "Applied" in page.text("notice"), 60)
        assert yolobg.status(data).after.backgrounds == everyone - 1


def test_kill_and_restart__nothing_is_lost_and_the_page_says_so(browser: Any, data: Path) -> None:
    browser.expected_errors = (
        "ERR_CONNECTION_REFUSED", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE", "ERR_CONTENT_LENGTH_MISMATCH",
        "ERR_INCOMPLETE_CHUNKED_ENCODING",
    )  # fmt: skip
    with review_in(browser, data) as (process, address):
        page = Page(browser, address)
        page.key("x", Keys.ARROW_RIGHT, "x")
        page.until(2, 2, 9)
        process.kill()
        process.wait()
        page.key(Keys.ARROW_RIGHT, "x")
        wait(lambda: "does not answer" in page.text("notice"))
        assert page.counts() == (2, 2, 9), "the page claims what is not on disk"
    with review_in(browser, data) as (_, address):
        Page(browser, address).until(2, 2, 9)


def test_two_tabs__show_the_same(browser: Any, data: Path) -> None:
    with review_in(browser, data) as (_, address):
        page = Page(browser, address)
        home = browser.current_url
        first = browser.current_window_handle
        browser.switch_to.new_window("tab")
        second = Page(browser, home)
        second.key("x")
        second.until(1, 1, 10)
        browser.switch_to.window(first)
        page.until(1, 1, 10)
        page.key("u")
        page.until(0, 0, 11)
        browser.switch_to.window(browser.window_handles[1])
        second.until(0, 0, 11)


def test_link__a_used_one_lets_in_the_same_browser_and_no_other(browser: Any, data: Path) -> None:
    browser.expected_errors = ("403",)
    with review_in(browser, data) as (_, address):
        page = Page(browser, address)
        review = browser.current_url
        assert address.partition("#")[2] not in review
        page.driver.refresh()
        page.until(0, 0, 11)
        # Followed again from the terminal, it leads to the review.
        browser.get("about:blank")
        Page(browser, address).until(0, 0, 11)
        assert browser.current_url == review
        browser.execute_cdp_cmd("Network.clearBrowserCookies", {})
        browser.get("about:blank")
        browser.get(address)
        wait(lambda: "used up" in page.text("told"))
        assert axe(browser) == []
        browser.get(review)
        # On a busy machine the text comes a moment after the page.
        wait(lambda: "open the link that the terminal shows" in browser.page_source)


def test_page_on_disk__leads_in_and_the_cookie_holds(browser: Any, data: Path) -> None:
    with review_in(browser, data) as (_, address), HandoverPage() as handover:
        on_disk = handover.write(address)
        assert on_disk is not None
        # From a file to the server is from another site, for which no strict cookie would be sent.
        page = Page(browser, on_disk.as_uri())
        assert browser.current_url.startswith(address.partition("#")[0] + "r/")
        page.key("x")
        wait(lambda: page.counts()[1] == 1)
        page.driver.refresh()
        wait(lambda: page.counts()[1] == 1)
        history = browser.execute_cdp_cmd("Page.getNavigationHistory", {})["entries"]
        assert [entry["url"] for entry in history if address.partition("#")[2] in entry["url"]] == []


def test_end__by_key(browser: Any, data: Path) -> None:
    with review_in(browser, data) as (process, address):
        page = Page(browser, address)
        page.key("q")
        wait(lambda: page.open("end-dialog"))
        page.click("end-yes")
        wait(lambda: "has ended" in page.text("pages"))
        assert process.wait(timeout=20) == 0
        assert page.js("return document.querySelector('header').hidden")


def test_end__pictures_that_are_still_on_their_way_are_dropped(browser: Any, data: Path) -> None:
    with review_in(browser, data) as (process, address):
        page = Page(browser, address)
        # So slow that no picture is whole before the server is gone.
        slow = {"offline": False, "latency": 0, "downloadThroughput": 2000, "uploadThroughput": 100_000}
        browser.execute_cdp_cmd("Network.emulateNetworkConditions", slow)
        page.js("document.querySelectorAll('.card img').forEach((image) => { image.src += '&again'; })")
        page.key("q")
        wait(lambda: page.open("end-dialog"))
        page.click("end-yes")
        wait(lambda: "has ended" in page.text("pages"))
        assert process.wait(timeout=20) == 0


def test_end__a_refused_one_leaves_the_page_as_it_was(browser: Any, data: Path) -> None:
    browser.expected_errors = ("400", "409")
    with review_in(browser, data) as (_, address):
        page = Page(browser, address)
        before = page.order()
        # The server refuses while rejections are applied; here any refusal will do.
        page.js(
            "const real = window.fetch; window.fetch = (to, ...rest) =>"
            " real(String(to).replace('api/end', 'api/act'), ...rest);"
        )
        page.key("q")
        wait(lambda: page.open("end-dialog"))
        page.click("end-yes")
        wait(lambda: not page.open("end-dialog"))
        assert page.text("notice") != ""
        assert page.order() == before
        page.key("x")
        page.until(1, 1, 10)


def test_mine__that_is_rejected_stays_and_its_path_can_be_saved(browser: Any, data: Path, tmp_path: Path) -> None:
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    mine = data / "images/train/my_background.jpg"
    with review_in(browser, data) as (_, address):
        page = Page(browser, address)
        assert page.js("return document.getElementById('save').disabled")
        page.key("/", "my_background", Keys.ENTER)
        wait(lambda: len(page.order()) == 1)
        page.key("x")
        wait(lambda: page.counts()[1] == 1)
        # There is nothing that an apply could do.
        assert page.js("return document.getElementById('apply').disabled")
        page.click("save")
        saved = tmp_path / "rejected-backgrounds.txt"
        wait(saved.exists)
        wait(lambda: saved.read_text(encoding="utf-8") == f"{mine}\n")
        wait(lambda: page.text("spoken") == "List of 1 path saved.")
        assert page.text("notice") == ""
        assert mine.is_file()


def test_hostile_names__run_nothing(browser: Any, data: Path) -> None:
    with review_in(browser, data) as (_, address):
        page = Page(browser, address)
        options = page.js("return [...document.getElementById('reason').options].map((o) => o.textContent)")
        assert f"shows {HOSTILE}" in options
        script = "const s = document.getElementById('reason'); s.value = 'class-1';"
        page.js(script)
        page.key("x")
        wait(lambda: page.counts()[1] == 1)
        assert HOSTILE in page.js("return document.querySelector('.card.rejected .badge').textContent")
        page.key(Keys.ENTER)
        wait(lambda: page.open("large"))
        assert page.js("return window.hacked") is None
        assert page.js("return document.querySelectorAll('b[dog], img[src=x]').length") == 0
    browser.get(report_path(data).as_uri())
    assert HOSTILE in browser.find_element("tag name", "body").text
    assert browser.execute_script("return [window.hacked, document.images.length]") == [None, 20]


def test_report__reads_later_pictures_from_the_dataset(
    browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Opened from the disk, under the page's own policy."""
    monkeypatch.setattr("yolobg.report.write.EMBEDDED", 2)
    data = make_sample(tmp_path / "s #1%20")
    add_backgrounds(data, 8)
    browser.get(report_path(data.resolve()).as_uri())
    shown = "return [...document.images].filter((one) => one.complete && one.naturalWidth > 0).length"
    browser.execute_script("for (const one of document.images) one.loading = 'eager'")
    wait(lambda: browser.execute_script(shown) == 16)
    sources = browser.execute_script(
        "return [...document.images].filter((one) => !one.closest('[popover]')).map((one) => one.src.split(':')[0])"
    )
    assert sources == ["data"] * 2 + ["file"] * 6


def open_large(driver: Any, *, place: int) -> None:
    """Open a picture with the keyboard alone, see it, and close it with Escape."""
    driver.execute_script("document.querySelectorAll('.open')[arguments[0]].focus()", place)
    Chains(driver).send_keys(Keys.ENTER).perform()
    width = "return document.querySelector('[popover]:popover-open img')?.naturalWidth"
    wait(lambda: driver.execute_script(width))
    larger = driver.execute_script(
        "const [small, large] = ['.open', '[popover]:popover-open']"
        ".map((part) => document.querySelector(part + ' img').getBoundingClientRect());"
        "return [large.width * large.height > small.width * small.height,"
        " large.left >= 0 && large.top >= 0 && large.right <= innerWidth && large.bottom <= innerHeight]"
    )
    assert larger == [True, True]
    assert axe(driver) == []
    Chains(driver).send_keys(Keys.ESCAPE).perform()
    wait(lambda: not driver.execute_script("return document.querySelector('[popover]:popover-open')"))
    at = "return [...document.querySelectorAll('.open')].indexOf(document.activeElement)"
    assert driver.execute_script(at) == place, "the focus is lost"


@pytest.mark.parametrize("width", [1280, 390])
def test_report__pictures_open_large_and_names_break_between_words(
    browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setattr("yolobg.report.write.EMBEDDED", 2)
    name = "forklift_with_raised_fork_and_no_driver_in_the_cabin"
    data = make_sample(tmp_path / "warehouse_in_the_north_east", names=f"names: [dog, {name}, Confusable]\n")
    add_backgrounds(data, 8, map={name: ("bus",), "Confusable": ("car",)})
    look(browser, width=width)
    browser.get(report_path(data.resolve()).as_uri())
    for place in (0, 7):
        open_large(browser, place=place)
    assert name in browser.find_element("tag name", "body").text.replace("\n", "")
    assert browser.execute_script(BROKEN_WORDS) == []
    assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth"), "it scrolls sideways"
    # All of the command is chosen with one click, to be copied.
    browser.find_element("css selector", "header pre").click()
    assert browser.execute_script("return getSelection().toString()").strip() == f"yolobg review {data / 'data.yaml'}"


# ---------------------------------------------------------------- for everybody


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_accessibility__nothing_serious(browser: Any, data: Path, dark: bool, width: int) -> None:
    look(browser, dark=dark, width=width)
    with review_in(browser, data) as (_, address):
        page = Page(browser, address)
        page.key("x", Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
        wait(lambda: page.counts() == (3, 1, 8) or page.counts()[0] >= 2)
        assert axe(browser) == []
        assert page.js("return document.documentElement.scrollWidth <= innerWidth"), "it scrolls sideways"
        page.key("?")
        wait(lambda: page.open("help-dialog"))
        assert axe(browser) == []
    browser.get(report_path(data).as_uri())
    assert axe(browser) == []
    assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth"), "it scrolls sideways"


@pytest.mark.parametrize("width", [1280, 390])
def test_choices__are_read_whole_in_any_window(browser: Any, tmp_path: Path, width: int) -> None:
    long = "forklift_with_raised_fork_and_no_driver_in_the_cabin_and_nobody_beside_it"
    data = make_sample(tmp_path / "s", names=f"names: [dog, {long}]\n")
    add_backgrounds(data, 4, map={long: ()})
    look(browser, width=width)
    with review_in(browser, data) as (_, address):
        page = Page(browser, address)
        # The text of a choice is as wide as a span in the same font; the rest of the field is its frame and arrow.
        cut = page.js(
            "const all = [...document.querySelectorAll('#filters select')];"
            "const choose = (one, place) => { one.selectedIndex = place;"
            " one.dispatchEvent(new Event('input', { bubbles: true })); };"
            "for (const one of all) choose(one, one.length - 1);"
            "choose(document.getElementById('reason'), 2);"
            "const span = document.body.appendChild(document.createElement('span'));"
            "const cut = all.filter((one) => { const style = getComputedStyle(one); span.style.font = style.font;"
            " span.style.whiteSpace = 'nowrap'; span.style.position = 'absolute';"
            " span.textContent = one.selectedOptions[0].text;"
            " return span.getBoundingClientRect().width > one.clientWidth - parseFloat(style.paddingLeft) - 10; })"
            ".map((one) => [one.selectedOptions[0].text, one.nextElementSibling.textContent]);"
            "span.remove(); return cut;"
        )
        assert [shown for text, shown in cut if shown != text] == []
        assert (width == 390) == (any(long in text for text, _ in cut))
        assert page.js("return document.documentElement.scrollWidth <= innerWidth"), "it scrolls sideways"
        page.js("document.getElementById('reason').selectedIndex = 0; dispatchEvent(new Event('resize'))")
        assert page.js("return document.getElementById('reason').nextElementSibling.textContent") == ""


def test_keyboard_alone__tab_reaches_every_control(browser: Any, data: Path) -> None:
    with review_in(browser, data) as (_, address):
        page = Page(browser, address)
        page.key("x")
        wait(lambda: page.counts()[1] == 1)
        page.js("document.body.tabIndex = -1; document.body.focus()")
        seen = set()
        for _ in range(25):
            page.key(Keys.TAB)
            seen.add(page.js("return document.activeElement.id || document.activeElement.className"))
        assert {"undo", "apply", "help", "end", "words", "filter-contains", "reason", "open", "accept"} <= seen
        assert "reject danger" in seen


# ---------------------------------------------------------------- a thousand


@pytest.mark.slow
def test_thousand__first_paint_and_scrolling(browser: Any, tmp_path: Path) -> None:
    data = tmp_path / "many"
    for split, number in (("train", 1000), ("val", 1)):
        (data / "images" / split).mkdir(parents=True)
        (data / "labels" / split).mkdir(parents=True)
        for place in range(number):
            image = data / f"images/{split}/{split}{place:04}.jpg"
            Image.linear_gradient("L").resize((640, 480)).rotate(place).convert("RGB").save(image)
            (data / f"labels/{split}/{split}{place:04}.txt").touch()
    (data / "data.yaml").write_text("train: images/train\nval: images/val\nnames: [dog]\n")
    browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": LONG_TASKS})
    with review_in(browser, data) as (_, address):
        page = Page(browser, address)
        paint = page.js("return performance.getEntriesByName('first-contentful-paint')[0].startTime")
        wait(lambda: len(page.order()) == 1001)
        page.js("window.longTasks.length = 0")
        for _ in range(70):
            page.js("window.scrollBy(0, 1500)")
            time.sleep(0.03)
        time.sleep(0.5)
        longest = max(page.js("return window.longTasks"), default=0)
        began = time.monotonic()
        page.key("a")
        wait(lambda: page.counts()[0] >= 20)
        print(f"first paint {paint:.0f} ms, longest task while scrolling {longest:.0f} ms, "
              f"a page accepted in {(time.monotonic() - began) * 1000:.0f} ms")  # fmt: skip
        assert paint < 1500
        assert longest < 200


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of an evaluation of two sides, with names from strangers."""
    pytest.importorskip("pycocotools", reason="needs the extra evaluate")
    root = tmp_path_factory.mktemp("e #1%20")
    data = write_dataset(root / "data", classes=(f"'{HOSTILE}'", "kangaroo"))
    write_images(root / "frames", [f"f{number}.png" for number in range(60)], first=20_000)
    sides = []
    for side, shift in (("before", 0.0), ("after", 0.3)):
        found = [found_in(f"v{at}.png", 0.3 + at / 30, category=at % 2) for at in range(20)]
        found += [found_in(f"f{at}.png", max(0.001, at / 70 - shift)) for at in range(60)]
        sides.append(write_predictions(root / f"{side}.json", found))
    page = yolobg.evaluate(data, before=sides[0], after=sides[1], backgrounds=root / "frames", bootstrap=200).page
    assert page is not None
    return Path(page)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_evaluation__is_shown_from_the_disk_and_nothing_is_serious(
    browser: Any, evaluated: Path, dark: bool, width: int
) -> None:
    look(browser, dark=dark, width=width)
    browser.get(evaluated.as_uri())
    browser.execute_script("for (const one of document.images) one.loading = 'eager'")
    shown = "return [...document.images].filter((one) => one.complete && one.naturalWidth > 0).length"
    wait(lambda: browser.execute_script(shown) == 72)
    open_large(browser, place=0)
    below = browser.execute_script("return document.querySelector('[popover] p').textContent")
    assert below == browser.execute_script("return document.querySelector('.open img').alt")
    assert HOSTILE in below
    assert browser.execute_script(BROKEN_WORDS) == []
    browser.execute_script("document.querySelector('details').open = true")
    assert axe(browser) == []
    assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth"), "it scrolls sideways"
    assert browser.execute_script("return [window.hacked, document.scripts.length]") == [None, 0]
    assert HOSTILE in browser.find_element("tag name", "body").text
    # The boxes lie on the pictures, where the policy lets the style in.
    drawn = browser.execute_script(
        "const box = document.querySelector('.shot .over').getBoundingClientRect();"
        "const shot = document.querySelector('.shot').getBoundingClientRect();"
        "return [(box.x + box.width / 2 - shot.x) / shot.width, (box.y + box.height / 2 - shot.y) / shot.height]"
    )
    assert drawn == pytest.approx([0.5, 0.5], abs=0.02)
    colours = browser.execute_script(
        "const line = (side) => document.querySelector('.curve .line.' + side);"
        "return ['before', 'after'].map((side) => getComputedStyle(line(side)).stroke)"
    )
    assert colours[0] != colours[1]
    assert "none" not in colours


def test_evaluation__tables_are_reached_with_the_keyboard(browser: Any, evaluated: Path) -> None:
    look(browser, width=390)
    browser.get(evaluated.as_uri())
    seen = set()
    for _ in range(60):  # the pictures between them are reached too
        Chains(browser).send_keys(Keys.TAB).perform()
        seen.add(browser.execute_script("return document.activeElement.getAttribute('aria-label')"))
    assert {"Recall at equal image false-alarm rates", "Differences", "The runs"} <= seen
