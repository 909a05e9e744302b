"""For everyone: what axe finds, in both themes and languages; and a tunnel that is made without a mouse."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from tests.acceptance.place import Place
from tests.browser.example import NOW, example
from tests.browser.studio import Seen, Studio, seen, studio

LEVELS = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
}


@pytest.fixture(scope="module")
def sales(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """The living example with its deals, which these tests only look at."""
    place = Place(tmp_path_factory.mktemp("example"))
    example(place)
    with studio(place, "--allow-apply", now=NOW) as served:
        yield served


@pytest.mark.parametrize(("language", "scheme"), [("en-GB", "light"), ("ru-RU", "dark"), ("en-GB", "dark")])
def test_axe_finds_nothing(browser: Browser, sales: Studio, language: str, scheme: str) -> None:
    with seen(browser, sales, language=language, scheme=scheme, motion="reduce") as page:
        expect(page.stage("sales.won")).to_have_attribute("aria-label", re.compile("won; 7 deals|успех; 7 сделок"))
        axe(page, "the picture")
        page.label("won-to-onboarding").click()
        page.panel.locator("summary").last.click()
        axe(page, "a tunnel")
        page.stage("sales.proposal").click()
        page.panel.locator("li", has_text="S-212").get_by_role("button").click()
        expect(page.panel.locator(".parts").first).to_be_visible()
        axe(page, "a deal")
        page.page.locator("#preview").click()
        expect(page.panel.locator(".diff")).to_be_visible()
        axe(page, "the preview")
        page.page.locator("#help").click()
        axe(page, "the help")


def axe(page: Seen, what: str) -> None:
    found = Axe().run(page.page, options=LEVELS).response["violations"]
    told = [(one["id"], one["help"], [node["html"][:200] for node in one["nodes"][:3]]) for one in found]
    assert told == [], what


def test_a_tunnel_without_a_mouse(browser: Browser, place: Place) -> None:
    place.write("flows/a.yaml", "flowrun: 1\nproject: p\npipelines:\n  a: {stages: [x, y]}\n  b: {stages: [u, v]}\n")
    with studio(place) as served, seen(browser, served, motion="reduce") as page:
        keys = page.page.keyboard
        said = page.page.locator("#said")
        page.page.locator("#picture").focus()
        expect(page.stage("a.x")).to_be_focused()
        for key in ("ArrowRight", "t", "ArrowDown", "ArrowLeft"):
            keys.press(key)
        expect(said).to_contain_text("New tunnel from")
        keys.press("Escape")
        expect(said).to_contain_text("No tunnel made.")
        expect(page.stage("b.u")).to_be_focused()
        for key in ("t", "ArrowUp", "ArrowRight", "Enter"):
            keys.press(key)
        expect(page.panel.get_by_role("heading", name="New tunnel")).to_be_focused()
        for _ in range(8):
            keys.press("Tab")
            if page.panel.get_by_role("textbox", name="id").evaluate("(node) => node === document.activeElement"):
                break
        keys.press("Control+a")
        keys.type("by-hand")
        expect(page.panel.locator(".diff")).to_contain_text("by-hand")
        keys.press("Control+Enter")
        expect(page.tunnel("by-hand")).to_be_attached()
        keys.press("Escape")
        expect(page.panel).to_be_hidden()
        page.page.locator("#picture").focus()
        keys.press("n")
        expect(page.tunnel("by-hand")).to_be_focused()
        keys.press("Enter")
        expect(page.panel.get_by_role("heading", name="by-hand")).to_be_focused()
        keys.press("Control+z")
        expect(page.tunnel("by-hand")).to_have_count(0)
        keys.press("Control+Shift+z")
        expect(page.tunnel("by-hand")).to_be_attached()
    assert "by-hand:" in place.folder.joinpath("flows/a.yaml").read_text(encoding="utf-8")
